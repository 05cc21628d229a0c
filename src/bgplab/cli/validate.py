"""`bgplab validate FILE...`: check topology files, start nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bgplab.cli.files import read_topology
from bgplab.cli.output import count, echo_error, echo_json
from bgplab.errors import EXIT_USAGE, LabError, TopologyError

if TYPE_CHECKING:
    from bgplab.topology.graph import Topology

EPILOG = """\b
Example:
  bgplab validate topologies/*.yaml"""


@click.command(epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Write what was found as JSON.")
@click.pass_context
def validate(context: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Check topology files: all files, and all mistakes of each, with line and column.

    Nothing is started. `-` reads standard input. Exit code 0 if all files are sound, else 2.
    """
    results = [_check(file, quiet=as_json) for file in files]
    if as_json:
        echo_json(results)
    if not all(result["ok"] for result in results):
        context.exit(EXIT_USAGE)


def _check(file: str, *, quiet: bool) -> dict[str, object]:
    """Load and plan a file, tell what came of it unless `quiet`, and return that as data."""
    try:
        topology = read_topology(file)
        result = _measure(file, topology)
    except LabError as error:
        if not quiet:
            echo_error(error)
        problems = error.problems if isinstance(error, TopologyError) else ()
        listed = [asdict(problem) for problem in problems] or [{"message": str(error)}]
        return {"file": file, "ok": False, "problems": listed}
    if not quiet:
        _tell(result, topology)
    return result


def _measure(file: str, topology: Topology) -> dict[str, object]:
    from bgplab.topology.plan import plan

    planned = plan(topology)
    return {
        "file": file,
        "ok": True,
        "name": topology.name,
        "routers": len(planned.routers),
        "sessions": len(planned.sessions),
        "prefixes": sum(len(router.originate) for router in planned.routers),
        "steps": len(topology.scenario),
        "warnings": list(topology.warnings),
    }


def _tell(result: dict[str, object], topology: Topology) -> None:
    numbers = (
        f"{count(int(str(result[noun + plural])), noun):>14}"
        for noun, plural in (("router", "s"), ("session", "s"), ("prefix", "es"))
    )
    steps = f"{count(len(topology.scenario), 'step'):>11}" if topology.scenario else ""
    click.echo(f"ok  {topology.name:<20}{''.join(numbers)}{steps}")
    for warning in topology.warnings:
        click.echo(f"{result['file']}: warning: {warning}", err=True)
