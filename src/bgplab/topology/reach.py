"""Which router holds which prefix once all is quiet: worked out from the plan, not run.

The rules of RFC 4271 for who may tell whom (sections 9.1.2, 9.2, 9.1.2.2) on the graph of
sessions, with what customers, peers and providers are told, until nothing changes. Tests and
reports lay a real run against it. Import and export rules of a file are not worked out here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from bgplab.config import RouterConfig
from bgplab.errors import UsageError
from bgplab.topology.plan import Plan


class _Route(NamedTuple):
    """A route as one router uses it; smaller is better."""

    dislike: int  # 0 for routes of customers, and up
    length: int  # of the AS_PATH
    internal: bool  # learned over iBGP
    cost: float  # of the IGP to the NEXT_HOP
    identifier: tuple[int, ...]  # of the router it came from
    path: tuple[int, ...]
    next_hop: str
    kind: str  # whose route it is to the AS: "customer", "peer", "provider"; "" for others


# LOCAL_PREF is 100 for routes of providers, as where no relationship is stated.
_DISLIKE = {"customer": 0, "peer": 1, "provider": 2, "": 2}
_KEPT_FROM = ("peer", "provider")  # to these go no routes that come from these


class _Speaker:
    """One router of the model: its peers, and what it hears and uses for one prefix."""

    def __init__(self, config: RouterConfig) -> None:
        self.config = config
        self.identifier = tuple(int(part) for part in config.identifier.split("."))
        self.own = _Route(2, 0, False, 0.0, (), (), config.next_hop, "")
        self.relation = {peer.name: peer.relationship for peer in config.peers}
        self.peers: list[_Speaker] = []
        self.external: list[_Speaker] = []
        self.heard: dict[str, _Route] = {}
        self.best: _Route | None = None
        self.told_inside = False

    def audience(self) -> list[_Speaker]:
        """Return the peers that a change of the best route may concern."""
        internal = self.best is not None and self.best.internal
        if internal and not self.told_inside:
            return self.external
        self.told_inside = not internal
        return self.peers

    def take(self, sender: _Speaker) -> bool:
        """Take in what `sender` now announces; tell if the best route changed."""
        route = self._accept(sender)
        if route is None:
            self.heard.pop(sender.config.name, None)
        else:
            self.heard[sender.config.name] = route
        if self.best is self.own:
            return False
        old, self.best = self.best, min(self.heard.values(), default=None)
        return old != self.best

    def _accept(self, sender: _Speaker) -> _Route | None:
        route = sender.best
        if route is None:
            return None
        internal = sender.config.asn == self.config.asn
        path, hop, kind, dislike = route.path, route.next_hop, route.kind, route.dislike
        if internal and route.internal:  # section 9.2: not from iBGP to iBGP
            return None
        if not internal:
            if kind in _KEPT_FROM and sender.relation[self.config.name] in _KEPT_FROM:
                return None
            kind = self.relation[sender.config.name]
            dislike = _DISLIKE[kind]
            path, hop = (sender.config.asn, *path), sender.config.next_hop
        if self.config.asn in path:  # section 9.1.2: AS loop
            return None
        cost = self.config.igp.get(hop)
        if cost is None:  # section 9.1.2.1: NEXT_HOP not resolvable
            return None
        return _Route(dislike, len(path), internal, cost, sender.identifier, path, hop, kind)


def expected_routes(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Map each router to the prefixes it must hold in the end, own ones included, sorted.

    Raises UsageError where rules for import or export decide, and RuntimeError where routers
    would change their minds for ever.
    """
    for router in plan.routers:
        if any(peer.imports or peer.exports for peer in router.peers):
            raise UsageError(
                f"{router.name} has rules of its own for import or export: which routes it"
                " holds is not worked out beforehand"
            )
    speakers = {router.name: _Speaker(router) for router in plan.routers}
    for speaker in speakers.values():
        speaker.peers = [speakers[peer.name] for peer in speaker.config.peers]
        speaker.external = [p for p in speaker.peers if p.config.asn != speaker.config.asn]
    origins: dict[str, list[str]] = {}
    for router in plan.routers:
        for prefix in router.originate:
            origins.setdefault(prefix, []).append(router.name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for prefix, names in origins.items():
        groups.setdefault(tuple(names), []).append(prefix)
    held: dict[str, list[str]] = {name: [] for name in speakers}
    for group, prefixes in groups.items():
        for name in _spread(speakers, group):
            held[name] += prefixes
    return {name: tuple(sorted(prefixes)) for name, prefixes in held.items()}


def _spread(speakers: Mapping[str, _Speaker], origins: tuple[str, ...]) -> list[str]:
    """Let one prefix travel from its origins; return the routers that end up with it."""
    for name, speaker in speakers.items():
        speaker.heard.clear()
        speaker.best = speaker.own if name in origins else None
        speaker.told_inside = False
    queue = deque(speakers[name] for name in origins)
    turns = 100 * len(speakers) + 1_000
    while queue:
        turns -= 1
        if not turns:
            raise RuntimeError(f"the routes of {', '.join(origins)} never settle")
        speaker = queue.popleft()
        queue += [peer for peer in speaker.audience() if peer.take(speaker)]
    return [name for name, speaker in speakers.items() if speaker.best]
