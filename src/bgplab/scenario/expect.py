"""Hold what a scenario expects against the lab as it is now."""

from __future__ import annotations

from bgplab.engines.verdict import CONVERGED
from bgplab.observe.store import RouteRow
from bgplab.scenario.stage import Finding, Stage, seconds
from bgplab.topology.assertions import (
    Expectation,
    ExpectConvergence,
    ExpectNoRoute,
    ExpectRoute,
    ExpectUpdates,
)


async def expect(what: Expectation, stage: Stage) -> Finding:
    """Find out whether an expectation holds at this moment; nothing is waited for."""
    match what:
        case ExpectRoute():
            return await _route(what, stage)
        case ExpectNoRoute():
            return await _no_route(what, stage)
        case ExpectConvergence():
            return _convergence(what, stage)
        case ExpectUpdates():
            return await _updates(what, stage)


async def _row(stage: Stage, router: str, prefix: str) -> RouteRow | None:
    """Find the route that a router uses for a prefix."""
    rows = await stage.lab.routes(router)
    return next((row for row in rows if row.prefix == prefix), None)


async def _route(what: ExpectRoute, stage: Stage) -> Finding:
    found = {router: await _row(stage, router, what.prefix) for router in what.at}
    wrong = [
        f"{router}: {_describe(row)}"
        for router, row in found.items()
        if row is None or not _fits(what, router, row)
    ]
    wanted = f"{', '.join(what.at)}: {what.prefix}{_wanted(what)}"
    return Finding(not wrong, wanted, "; ".join(wrong))


def _fits(what: ExpectRoute, router: str, row: RouteRow) -> bool:
    """Compare a route with all that is asked of it."""
    return (
        (what.via is None or (row.peer or router) == what.via)
        and (what.as_path is None or row.as_path == _path(what.as_path))
        and (what.next_hop is None or row.next_hop == what.next_hop)
    )


def _wanted(what: ExpectRoute) -> str:
    """Write what is asked of a route."""
    parts = [] if what.via is None else [f"via {what.via}"]
    if what.as_path is not None:
        parts.append(f"AS_PATH {_path(what.as_path) or 'empty'}")
    if what.next_hop is not None:
        parts.append(f"NEXT_HOP {what.next_hop}")
    return f" {', '.join(parts)}" if parts else " from anyone"


def _describe(row: RouteRow | None) -> str:
    """Write a route that was found, and why it is the best."""
    if row is None:
        return "no route"
    via = f"via {row.peer}" if row.peer else "a route of its own"
    path = row.as_path or "empty"
    return f"{via}, AS_PATH {path}, NEXT_HOP {row.next_hop} (best: {row.reason})"


def _path(as_path: tuple[int, ...]) -> str:
    return " ".join(map(str, as_path))


async def _no_route(what: ExpectNoRoute, stage: Stage) -> Finding:
    found = {router: await _row(stage, router, what.prefix) for router in what.at}
    wrong = [f"{router}: {_describe(row)}" for router, row in found.items() if row is not None]
    wanted = f"{', '.join(what.at)}: no route to {what.prefix}"
    return Finding(not wrong, wanted, "; ".join(wrong))


def _convergence(what: ExpectConvergence, stage: Stage) -> Finding:
    """Compare the time from a mark to the last route change; 0 if none came after it."""
    bounds = [] if what.above is None else [f"above {seconds(what.above)}"]
    if what.below is not None:
        bounds.append(f"below {seconds(what.below)}")
    wanted = f"convergence {' and '.join(bounds)} since {what.since}"
    verdict = stage.verdict
    if verdict is None or verdict.name != CONVERGED:
        return Finding(False, wanted, "not known to have converged")
    took = max(0.0, verdict.at - stage.marks[what.since].at)
    ok = (what.above is None or took > what.above) and (what.below is None or took < what.below)
    return Finding(ok, wanted, seconds(took))


async def _updates(what: ExpectUpdates, stage: Stage) -> Finding:
    measures = await stage.lab.measures()
    sent = measures.updates_sent - stage.marks[what.since].updates
    bounds = {"exactly": what.exactly, "at least": what.at_least, "at most": what.at_most}
    given = {word: bound for word, bound in bounds.items() if bound is not None}
    wanted = " and ".join(f"{word} {bound}" for word, bound in given.items())
    ok = (
        (what.exactly is None or sent == what.exactly)
        and (what.at_least is None or sent >= what.at_least)
        and (what.at_most is None or sent <= what.at_most)
    )
    return Finding(ok, f"{wanted} UPDATEs since {what.since}", str(sent))
