"""What a scenario expects of routes: that they are there, whose they are, or that none is.

One router after the other is asked for its Loc-RIB, or, where more of a path counts than that
tells, for all its paths.
"""

from __future__ import annotations

from bgplab.errors import ProcessError
from bgplab.observe.candidates import Candidate
from bgplab.observe.store import RouteRow
from bgplab.scenario import why
from bgplab.scenario.journal import InUse, Scene
from bgplab.scenario.stage import Finding, Stage
from bgplab.topology.assertions import Ends, ExpectNoRoute, ExpectReachable, ExpectRoute
from bgplab.wire.attributes.communities import format_community

NAMED = 10  # prefixes of one router


async def find(what: ExpectRoute | ExpectNoRoute, stage: Stage) -> Finding:
    """Find out whether routers have a route as expected, or none; explain it if not."""
    wrong = await _wrong(what, stage)
    details: list[str] = []
    if wrong:
        await stage.lab.caught_up()
    for router in wrong:
        details += await why.paths(stage, router, what.prefix)
        details += why.moves(stage, _concerned(what, stage, router))
    actual = "; ".join(f"{router}: {found}" for router, found in wrong.items())
    return Finding(not wrong, wanted(what), actual, tuple(dict.fromkeys(details)))


async def paths(what: ExpectRoute | ExpectNoRoute, stage: Stage) -> tuple[str, ...]:
    """List the paths that routers have, in words: what explains a route that is there."""
    lines = []
    for router in what.at:
        lines += await why.paths(stage, router, what.prefix)
    return tuple(lines)


async def is_there(what: ExpectRoute | ExpectNoRoute, stage: Stage) -> bool:
    """Tell whether an expectation holds now; no if a router of it is dead or paused.

    Routers are asked only if what was heard of them speaks for it, which may be old news.
    """
    if wrong_in(what, stage.journal.scene):
        return False
    try:
        return not await _wrong(what, stage)
    except ProcessError:
        return False


def unseen(what: ExpectRoute) -> bool:
    """Tell whether an expectation is about more than changes of best routes tell."""
    return not what.best or what.next_hop is not None or _detailed(what)


def wrong_in(what: ExpectRoute | ExpectNoRoute, scene: Scene) -> str:
    """Say what in a scene is not as expected, "" if nothing: by peer and AS_PATH alone."""
    wrong = []
    for router in what.at:
        route = scene.routes[router].get(what.prefix)
        if isinstance(what, ExpectNoRoute):
            fits = route is None
        elif not what.best:
            fits = True  # a path that is not in use makes no change
        else:
            fits = route is not None and _comes_from(what, router, route)
        if not fits:
            wrong.append(f"{router}: {_in_use(route)}")
    return "; ".join(wrong)


def _in_use(route: InUse | None) -> str:
    if route is None:
        return "no route"
    via = f"via {route.peer}" if route.peer else "a route of its own"
    return f"{via}, AS_PATH {route.as_path or 'empty'}"


def _concerned(what: ExpectRoute | ExpectNoRoute, stage: Stage, router: str) -> list[Ends]:
    """List the sessions whose history may explain a route that is wrong, or missing."""
    if isinstance(what, ExpectRoute) and what.via not in (None, router):
        return [(router, str(what.via))]
    return why.troubled(stage, [router])


# What there is


async def _wrong(what: ExpectRoute | ExpectNoRoute, stage: Stage) -> dict[str, str]:
    """Describe what the routers have that is not as expected, router by router."""
    wrong = {}
    for router in what.at:
        if isinstance(what, ExpectRoute) and (not what.best or _detailed(what)):
            found = await _candidate(what, stage, router)
        else:
            found = await _row(what, stage, router)
        if found:
            wrong[router] = found
    return wrong


async def _row(what: ExpectRoute | ExpectNoRoute, stage: Stage, router: str) -> str:
    """Look at the Loc-RIB of a router; describe its route if it is not as expected."""
    rows = await stage.lab.routes(router)
    row = next((row for row in rows if row.prefix == what.prefix), None)
    if isinstance(what, ExpectNoRoute):
        return _describe(row) if row else ""
    return "" if row is not None and _fits(what, router, row) else _describe(row)


async def _candidate(what: ExpectRoute, stage: Stage, router: str) -> str:
    """Look at all paths of a router; describe those in question if none is as expected."""
    paths = await stage.lab.candidates(router, what.prefix)
    asked = [path for path in paths if path.best == what.best]
    if any(_fits(what, router, path) and _has(what, path) for path in asked):
        return ""
    if what.best:
        found = [f"{_describe(path)}, {_attributes(path)}" for path in asked]
        return found[0] if found else "no route"
    return "; ".join(map(_loser, asked)) or "no path that has lost"


def _comes_from(what: ExpectRoute, router: str, path: RouteRow | Candidate | InUse) -> bool:
    """Compare peer and AS_PATH with what is asked of them."""
    return (what.via is None or (path.peer or router) == what.via) and (
        what.as_path is None or path.as_path == _path(what.as_path)
    )


def _fits(what: ExpectRoute, router: str, path: RouteRow | Candidate) -> bool:
    """Compare a route with what is asked of it, as far as a Loc-RIB tells."""
    return _comes_from(what, router, path) and what.next_hop in (None, path.next_hop)


def _detailed(what: ExpectRoute) -> bool:
    """Tell whether attributes are asked for that only a candidate shows."""
    asked = (what.local_pref, what.med, what.origin, what.communities)
    return any(value is not None for value in asked)


def _has(what: ExpectRoute, path: Candidate) -> bool:
    """Compare the attributes of a path with all that is asked of them."""
    return (
        what.local_pref in (None, path.local_pref)
        and what.med in (None, path.med)
        and (what.origin is None or what.origin.upper() == path.origin)
        and (what.communities is None or _texts(what.communities) == sorted(path.communities))
        and (what.lost_at is None or what.lost_at == path.lost)
    )


# In words


def wanted(what: ExpectRoute | ExpectNoRoute) -> str:
    """Write what is asked of a route."""
    at = ", ".join(what.at)
    if isinstance(what, ExpectNoRoute):
        return f"{at}: no route to {what.prefix}"
    parts = [] if what.via is None else [f"via {what.via}"]
    if what.as_path is not None:
        parts.append(f"AS_PATH {_path(what.as_path) or 'empty'}")
    if what.communities is not None:
        parts.append(f"COMMUNITIES {' '.join(_texts(what.communities)) or 'none'}")
    given = {
        "NEXT_HOP": what.next_hop,
        "LOCAL_PREF": what.local_pref,
        "MED": what.med,
        "ORIGIN": what.origin and what.origin.upper(),
    }
    parts += [f"{name} {value}" for name, value in given.items() if value is not None]
    if not what.best:
        parts.append("not the best" if what.lost_at is None else f'lost at "{what.lost_at}"')
    return f"{at}: {what.prefix} {', '.join(parts) or 'from anyone'}"


def _describe(route: RouteRow | Candidate | None) -> str:
    """Write a route that was found, and why it is the best."""
    if route is None:
        return "no route"
    return f"{_plain(route)} (best: {route.reason})"


def _loser(path: Candidate) -> str:
    """Write a path that is not used, and why not."""
    return f"{_plain(path)}, {_attributes(path)} (lost: {path.lost})"


def _plain(route: RouteRow | Candidate) -> str:
    via = f"via {route.peer}" if route.peer else "a route of its own"
    return f"{via}, AS_PATH {route.as_path or 'empty'}, NEXT_HOP {route.next_hop}"


def _attributes(path: Candidate) -> str:
    med = "none" if path.med is None else path.med
    communities = " ".join(sorted(path.communities)) or "none"
    return (
        f"LOCAL_PREF {path.local_pref}, MED {med}, ORIGIN {path.origin}, "
        f"COMMUNITIES {communities}"
    )


def _path(as_path: tuple[int, ...]) -> str:
    return " ".join(map(str, as_path))


def _texts(communities: tuple[int, ...]) -> list[str]:
    return sorted(map(format_community, communities))


# All that is reachable


async def reachable(what: ExpectReachable, stage: Stage) -> Finding:
    """Compare the prefixes that routers have routes to with all that they should have."""
    wrong, details = [], []
    for router in what.at:
        found = dict.fromkeys(row.prefix for row in await stage.lab.routes(router))
        missing = [prefix for prefix in what.prefixes if prefix not in found]
        surplus = [prefix for prefix in found if prefix not in what.prefixes]
        if missing:
            wrong.append(f"{router}: no route to {_some(missing)}")
            details += await why.paths(stage, router, missing[0])
        if surplus:
            wrong.append(f"{router}: also {_some(surplus)}")
            details += await why.paths(stage, router, surplus[0])
        if missing or surplus:
            await stage.lab.caught_up()
            details += why.moves(stage, why.troubled(stage, [router]))
    asked = f"{', '.join(what.at)}: routes to exactly {_some(list(what.prefixes)) or 'nothing'}"
    return Finding(not wrong, asked, "; ".join(wrong), tuple(dict.fromkeys(details)))


def _some(prefixes: list[str]) -> str:
    """Name some prefixes, and count the rest."""
    more = f" and {len(prefixes) - NAMED} more" if len(prefixes) > NAMED else ""
    return " ".join(prefixes[:NAMED]) + more
