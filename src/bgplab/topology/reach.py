"""Which router holds which prefix once all is quiet: worked out from the plan, not run.

The rules of RFC 4271 for who may tell whom (sections 9.1.2, 9.2, 9.1.2.2) on the graph of
sessions, until nothing changes. Tests and reports lay a real run against it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from bgplab.config import PeerConfig, RouterConfig
from bgplab.topology.plan import Plan


class _Route(NamedTuple):
    """A route as one router uses it; smaller is better."""

    length: int  # of the AS_PATH
    internal: bool  # learned over iBGP
    cost: float  # of the IGP to the NEXT_HOP
    identifier: tuple[int, ...]  # of the router it came from
    path: tuple[int, ...]
    next_hop: str


def expected_routes(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Map each router to the prefixes it must hold in the end, own ones included, sorted.

    Raises RuntimeError where routers would change their minds for ever.
    """
    origins: dict[str, list[str]] = {}
    for router in plan.routers:
        for prefix in router.originate:
            origins.setdefault(prefix, []).append(router.name)
    routers = {router.name: router for router in plan.routers}
    holders: dict[tuple[str, ...], list[str]] = {}
    held: dict[str, list[str]] = {name: [] for name in routers}
    for prefix, names in origins.items():
        key = tuple(names)
        if key not in holders:
            holders[key] = _spread(routers, key)
        for name in holders[key]:
            held[name].append(prefix)
    return {name: tuple(sorted(prefixes)) for name, prefixes in held.items()}


def _spread(routers: dict[str, RouterConfig], origins: tuple[str, ...]) -> list[str]:
    """Let one prefix travel from its origins; return the routers that end up with it."""
    best: dict[str, _Route] = {
        name: _Route(0, False, 0.0, (), (), routers[name].next_hop) for name in origins
    }
    queue = deque(peer.name for name in origins for peer in routers[name].peers)
    waiting = dict.fromkeys(queue)
    turns = 100 * len(routers) + 1_000
    while queue:
        turns -= 1
        if not turns:
            raise RuntimeError(f"the routes of {', '.join(origins)} never settle")
        name = queue.popleft()
        waiting.pop(name, None)
        if name in origins:
            continue
        router = routers[name]
        heard = [_heard(router, peer, routers[peer.name], best) for peer in router.peers]
        chosen = min((route for route in heard if route), default=None)
        if chosen == best.get(name):
            continue
        if chosen:
            best[name] = chosen
        else:
            del best[name]
        fresh = [peer.name for peer in router.peers if peer.name not in waiting]
        queue.extend(fresh)
        waiting |= dict.fromkeys(fresh)
    return [name for name in routers if name in best]


def _heard(
    router: RouterConfig, peer: PeerConfig, sender: RouterConfig, best: dict[str, _Route]
) -> _Route | None:
    """Return the sender's route as `router` takes it in, or None where it does not get it."""
    route = best.get(sender.name)
    if route is None:
        return None
    identifier = tuple(int(part) for part in sender.identifier.split("."))
    if peer.asn != router.asn:
        path, hop = (sender.asn, *route.path), sender.next_hop
        if router.asn in path:  # section 9.1.2: AS loop
            return None
    else:
        if route.internal:  # section 9.2.1: not from iBGP to iBGP
            return None
        path, hop = route.path, route.next_hop
    cost = router.igp.get(hop)
    if cost is None:  # section 9.1.2.1: NEXT_HOP not resolvable
        return None
    return _Route(len(path), peer.asn == router.asn, cost, identifier, path, hop)
