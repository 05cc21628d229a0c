"""What Tab offers for runs and routers."""

from __future__ import annotations

import click

from bgplab.errors import LabError
from bgplab.observe import query
from bgplab.observe.runs import DATABASE, runs_folder


def runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a run: names of topologies, latest run first, then folders of runs."""
    folder = runs_folder()
    found = sorted(folder.glob(f"*/{DATABASE}"), reverse=True)
    folders = [path.parent.name for path in found]
    # <UTC time>-<topology>-<pid>, see observe/runs.py
    names = [name.partition("-")[2].rpartition("-")[0] for name in folders]
    offered = dict.fromkeys([*names, *folders])
    return [name for name in offered if name and name.startswith(incomplete)]


def routers_of_run(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete a router of the run that the command line names, or of the latest."""
    # While an option lacks its value click leaves arguments unparsed: TABLE, then RUN.
    run = context.params.get("run") or next(iter(context.args[1:]), None)
    try:
        path = query.find_run(run)
        rows = query.show(path, "routers").rows
    except LabError:
        return []  # Tab has no place for an error: the command itself will tell it
    return [name for name, *_ in rows if name.startswith(incomplete)]
