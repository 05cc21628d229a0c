"""What a scenario expects of all routes together: no valleys, no loops, the same elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from bgplab.errors import LabError, ProcessError
from bgplab.observe.store import RouteRow
from bgplab.scenario import why
from bgplab.scenario.journal import InUse
from bgplab.scenario.stage import Finding, Stage
from bgplab.topology.graph import Topology
from bgplab.topology.igp import Igp
from bgplab.topology.plan import Plan

NAMED = 5  # routes that are named; the rest is counted

VALLEY_FREE = "no route has climbed again, or crossed, after it descended or crossed"
LOOP_FREE = "packets that follow the routes in use never come back to a router"
SAME_ROUTES = "a fresh lab in virtual time has the same routes"

Tables = Mapping[str, Mapping[str, InUse]]  # router -> prefix -> the route in use
Focus = tuple[str, str]  # the router and prefix of a route that has changed


async def _tables(stage: Stage) -> Tables:
    """Ask all routers for their routes; those that are dead or paused have none to show."""
    return {
        router: {row.prefix: InUse(row.peer, row.as_path) for row in rows}
        for router, rows in (await _all_rows(stage)).items()
    }


async def _all_rows(stage: Stage) -> dict[str, Iterable[RouteRow]]:
    rows: dict[str, Iterable[RouteRow]] = {}
    for router in stage.plan.routers:
        try:
            rows[router.name] = await stage.lab.routes(router.name)
        except ProcessError:
            continue
    return rows


def _some(lines: list[str]) -> str:
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return "; ".join((*lines[:NAMED], *more))


# Valleys


class Valleys:
    """Finds routes that some AS handed on against its interest (Gao and Rexford, 2001).

    On its way from the origin a route climbs from customer to provider, crosses from peer to
    peer, and descends. Where no relationship is known, it does none of these.
    """

    def __init__(self, plan: Plan) -> None:
        self._asn = {router.name: router.asn for router in plan.routers}
        self._is: dict[tuple[int, int], str] = {}  # what the second AS is to the first
        for router in plan.routers:
            for peer in router.peers:
                self._is.setdefault((router.asn, peer.asn), peer.relationship)

    def first(self, tables: Tables, focus: Focus | None = None) -> str:
        """Describe the first route that has a valley, "" if there is none."""
        return next(self.all(tables, focus), "")

    def all(self, tables: Tables, focus: Focus | None = None) -> Iterator[str]:
        """Describe every route that has a valley, or the one in the focus if it has."""
        for router, prefix, route in _routes(tables, focus):
            leak = self._leak(self._asn[router], route.as_path)
            if leak:
                yield f"{router}: {prefix} via {route.peer}, AS_PATH {route.as_path}: {leak}"

    def _leak(self, asn: int, as_path: str) -> str:
        """Say which AS handed a route on that it should have kept; "" if none did."""
        way = [int(number) for number in re.findall(r"\d+", as_path)][::-1]
        was = ""
        for giver, taker in pairwise((*way, asn)):
            taker_is = self._is.get((giver, taker), "")
            if was and taker_is in ("provider", "peer"):
                return f"AS {giver} gave its {taker_is} AS {taker} what {was}"
            if taker_is == "customer":
                was = "had descended"
            elif taker_is == "peer":
                was = "had crossed"
        return ""


async def valley_free(stage: Stage) -> Finding:
    """Find out whether all routes in use are valley-free."""
    wrong = list(Valleys(stage.plan).all(await _tables(stage)))
    return Finding(not wrong, VALLEY_FREE, _some(wrong))


# Loops


class Loops:
    """Finds packets that come back: router by router, by the route that each uses.

    A route from another AS leads to the peer that it came from, one from the own AS to the
    next router of the IGP's way to that peer.
    """

    def __init__(self, topology: Topology) -> None:
        self._asn = {node.name: node.asn for node in topology.nodes}
        self._igp = Igp(topology)

    def first(self, tables: Tables, focus: Focus | None = None) -> str:
        """Describe the first loop, "" if there is none.

        With a focus only a loop through the route that has changed is looked for.
        """
        return next(self.all(tables, focus), "")

    def all(self, tables: Tables, focus: Focus | None = None) -> Iterator[str]:
        """Describe every loop, once."""
        if focus is not None:
            router, prefix = focus
            starts = {prefix: [router]}
        else:
            starts = {}
            for router, prefix, _ in _routes(tables, None):
                starts.setdefault(prefix, []).append(router)
        for prefix, routers in starts.items():
            for loop in self._loops(tables, prefix, routers):
                yield f"{prefix}: {' -> '.join(loop)}"

    def _loops(self, tables: Tables, prefix: str, starts: list[str]) -> Iterator[list[str]]:
        done: dict[str, None] = {}  # from these on the way is known
        for start in starts:
            way: dict[str, None] = {}
            name: str | None = start
            while name is not None and name not in done and name not in way:
                way[name] = None
                name = self._next(name, tables.get(name, {}).get(prefix))
            if name is not None and name in way:
                ring = list(way)
                yield [*ring[ring.index(name) :], name]
            done |= way

    def _next(self, router: str, route: InUse | None) -> str | None:
        """Name the router that a packet goes to next; None where its way ends."""
        if route is None or not route.peer:
            return None
        if self._asn[route.peer] != self._asn[router]:
            return route.peer
        return self._igp.first_hops(router).get(route.peer, route.peer)


async def loop_free(stage: Stage) -> Finding:
    """Find out whether packets come back to a router anywhere."""
    wrong = list(Loops(stage.topology).all(await _tables(stage)))
    return Finding(not wrong, LOOP_FREE, _some(wrong))


def _routes(tables: Tables, focus: Focus | None) -> Iterator[tuple[str, str, InUse]]:
    """Yield each route with its router and prefix, or the one in the focus, if it is there."""
    if focus is None:
        for router, table in tables.items():
            for prefix, route in table.items():
                yield router, prefix, route
        return
    router, prefix = focus
    changed = tables.get(router, {}).get(prefix)
    if changed is not None:
        yield router, prefix, changed


# The same elsewhere


async def same_routes(stage: Stage) -> Finding:
    """Compare all routes with those of a fresh lab that was taken through the same steps."""
    if stage.twin is None:
        return Finding(False, SAME_ROUTES, "there is no other lab to compare with")
    here = _rows_by_key(await _all_rows(stage))
    try:
        there = _rows_by_key(await stage.twin(stage.taken))
    except LabError as error:
        return Finding(False, SAME_ROUTES, f"the fresh lab: {error}")
    keys = [key for key in {**here, **there} if here.get(key) != there.get(key)]
    wrong = [
        f"{router} {prefix}: {_row(here.get((router, prefix)))} here, "
        f"{_row(there.get((router, prefix)))} there"
        for router, prefix in keys
    ]
    details: list[str] = []
    for router, prefix in keys[:NAMED]:
        details += await why.paths(stage, router, prefix)
    return Finding(not wrong, SAME_ROUTES, _some(wrong), tuple(details))


def _rows_by_key(rows: Mapping[str, Iterable[RouteRow]]) -> dict[Focus, tuple[str, str, str]]:
    """Key routes by router and prefix; why a route is the best may differ."""
    return {
        (router, row.prefix): (row.peer, row.as_path, row.next_hop)
        for router, table in rows.items()
        for row in table
    }


def _row(row: tuple[str, str, str] | None) -> str:
    if row is None:
        return "no route"
    peer, as_path, next_hop = row
    via = f"via {peer}" if peer else "a route of its own"
    return f"{via}, AS_PATH {as_path or 'empty'}, NEXT_HOP {next_hop}"
