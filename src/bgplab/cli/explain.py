"""`bgplab explain [RUN] --at ROUTER PREFIX`: why a router has the route that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from bgplab.cli.complete import routers_of_run
from bgplab.cli.output import cell, count, echo_json, plain_table
from bgplab.errors import UsageError
from bgplab.observe import explain as observed
from bgplab.observe.causes import Act, Causes, Step, find_act
from bgplab.observe.runs import find_run

EPILOG = """\b
Examples:
  bgplab run failover.yaml --record updates
  bgplab explain --at right 10.1.0.0/16
  bgplab explain failover --tree 10.1.0.0/16
  bgplab explain failover --tree --act 'link-down left-top' 10.1.0.0/16"""

PATHS = ("from", "as_path", "next_hop", "pref", "med", "origin", "communities", "lost at")


@click.command(epilog=EPILOG)
@click.argument("what", metavar="[RUN] PREFIX", nargs=-1, required=True)
@click.option("--at", "router", shell_complete=routers_of_run, help="The router in question.")
@click.option(
    "--tree", is_flag=True, help="Show all that an act led to: who told whom, and when."
)
@click.option(
    "--act",
    metavar="ACT|TIME",
    help="With --tree: how the act begins, or the last one up to a time in seconds. "
    "[default: the last that concerned the prefix]",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def explain(
    what: tuple[str, ...], router: str | None, tree: bool, act: str | None, as_json: bool
) -> None:
    """Say why a router has the route to PREFIX that it has.

    All paths that it could choose from, each with the step of the decision at which it lost;
    how its best route changed; and the UPDATEs that led to the last change, from where the news
    began. With --tree all that followed from an act, through the whole network.

    RUN is the name of a topology (its latest run), the folder of a run, or its database;
    without it, the latest run of all. It must have been recorded with --record updates. Times
    are seconds since the start of the run.
    """
    if len(what) > 2:
        raise UsageError("expected a run and a prefix, or a prefix alone")
    if not tree and router is None:
        raise UsageError("--at ROUTER is missing, or --tree")
    if not tree and act is not None:
        raise UsageError("--act goes with --tree")
    path = find_run(what[0] if len(what) > 1 else None)
    if tree:
        causes = observed.read_causes(path, what[-1])
        begun = find_act(causes.concerning(), act)
        _show(_tree_as_data(causes, begun) if as_json else _tree(causes, begun), as_json)
    else:
        found = observed.explain(path, router or "", what[-1])
        _show(_as_data(found) if as_json else _lines(found), as_json)


def _show(result: Any, as_json: bool) -> None:
    if as_json:
        echo_json(result)
    else:
        click.echo("\n".join(map(cell, result)))


def _lines(found: observed.Explanation) -> Iterator[str]:
    """Write an explanation for people: paths, changes, and what led to the last of them."""
    yield f"{found.router}  {found.prefix}"
    if found.missing:
        yield f"note        {found.missing}"
    yield from _paths(found)
    yield f"history     {count(len(found.history), 'change')} of the best route"
    whys = found.whys or [""] * len(found.history)
    for change, why in zip(found.history, whys, strict=True):
        yield f"  {change.at:.6f}  {change.said}" + (f"  ({why})" if why else "")
    if found.chain:
        began = found.chain[0]
        yield f"led here    {_beginning(found.act, began)}"
        yield from (f"  {step.at:.6f}  {_step(step)}" for step in found.chain)


def _paths(found: observed.Explanation) -> Iterator[str]:
    """Write the candidates as a table, without the columns that say nothing."""
    if not found.candidates:
        yield "best        " + (found.best or ("none" if found.written else "not recorded"))
        return
    best = found.candidates[0]
    yield f"best        {best.reason if best.best else 'none: no path may be used'}"
    rows = [
        (
            *(path.peer or "own", path.as_path or "empty", path.next_hop, path.local_pref),
            *(path.med, path.origin, " ".join(path.communities), path.lost or "(best)"),
        )
        for path in found.candidates
    ]
    told = [i for i in range(len(PATHS)) if any(row[i] not in {None, ""} for row in rows)]
    kept = [[row[i] for i in told] for row in rows]
    yield from (f"  {line}" for line in plain_table([PATHS[i] for i in told], kept))


def _beginning(act: Act | None, step: Step) -> str:
    """Say what the news began with."""
    if act is not None:
        return f"from {act} ({act.at:.6f})"
    return f"from {step.router}: {step.why} ({step.cause.at:.6f})"


def _step(step: Step) -> str:
    if step.told:
        return f"{step.router} -> {step.told}: {step.said}"
    return f"{step.router}: {step.said}"


def _tree(causes: Causes, act: Act) -> Iterator[str]:
    """Write all that an act led to: UPDATEs, each below what provoked it, and what they did."""
    nodes = list(causes.tree(act))
    updates = len({step.key for step, _ in nodes if step.told})
    changes = sum(not step.told for step, _ in nodes)
    last = max((step.at for step, _ in nodes), default=act.at)
    yield f"{act}  ({act.at:.6f})"
    yield (
        f"{causes.prefix}: {count(updates, 'UPDATE')}, {count(changes, 'change')} of best "
        f"routes, the last {last - act.at:.6f} s after the act"
    )
    for step, depth in nodes:
        why = "" if depth else f"  ({step.why})"
        yield f"{step.at - act.at:+.6f}  {'  ' * depth}{_step(step)}{why}"


def _as_data(found: observed.Explanation) -> dict[str, object]:
    whys: Sequence[str | None] = found.whys or [None] * len(found.history)
    return {
        "router": found.router,
        "prefix": found.prefix,
        "missing": found.missing or None,
        "candidates": [asdict(path) for path in found.candidates],
        "history": [
            {**asdict(change), "cause": why}
            for change, why in zip(found.history, whys, strict=True)
        ],
        "act": None if found.act is None else asdict(found.act),
        "chain": [_step_as_data(step) for step in found.chain],
    }


def _tree_as_data(causes: Causes, act: Act) -> dict[str, object]:
    steps = [{"depth": depth, **_step_as_data(step)} for step, depth in causes.tree(act)]
    return {"prefix": causes.prefix, "act": asdict(act), "steps": steps}


def _step_as_data(step: Step) -> dict[str, object]:
    """Give a step as JSON; a change of the best route has no peer that it was told to."""
    cause = step.cause
    return {
        "at": step.at,
        "router": step.router,
        "told": step.told or None,
        "number": step.number or None,
        "said": step.said,
        "cause": {
            "at": cause.at,
            "kind": cause.kind.name.lower().replace("_", " "),
            "peer": cause.source or None,
            "number": cause.number or None,
        },
    }
