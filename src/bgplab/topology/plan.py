"""From a topology to what each router is handed: addresses, peers, timers, IGP costs.

Identity is apart from transport: a router listens on its own 127.block.x.y, while its BGP
Identifier and NEXT_HOP are ordinary addresses, as real routers demand.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from bgplab.config import Level, PeerConfig, RouterConfig, Timers
from bgplab.errors import UsageError
from bgplab.topology.address import MAX_ROUTERS, transport_address
from bgplab.topology.graph import Link, Node, TimerSettings, Topology
from bgplab.topology.igp import Igp

DEFAULT_PORT = 1790


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One BGP session between two routers, by name."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an engine needs to run a topology; routers stand in file order."""

    name: str
    routers: tuple[RouterConfig, ...]
    sessions: tuple[SessionPlan, ...]


def plan(
    topology: Topology,
    block: int = 1,
    port: int = DEFAULT_PORT,
    seed: int = 0,
    level: Level = Level.TRANSITIONS,
) -> Plan:
    """Plan the sessions, addresses and IGP costs of a lab.

    `block` (1 to 254) is the second octet of all transport addresses, so that labs can run side
    by side; the seed of each router follows from `seed` and its name.
    Raises UsageError for a block, port or number of routers that cannot be.
    """
    if not 1 <= block <= 254:
        raise UsageError(f"the address block is a number from 1 to 254, not {block}")
    if not 1 <= port <= 65_535:
        raise UsageError(f"a port is a number from 1 to 65535, not {port}")
    if len(topology.nodes) > MAX_ROUTERS:
        raise UsageError(f"{len(topology.nodes)} routers: at most {MAX_ROUTERS} fit a block")
    return _Planner(topology, block, port).plan(seed, level)


class _Planner:
    """Collects the peers of each router, session by session."""

    def __init__(self, topology: Topology, block: int, port: int) -> None:
        self._topology = topology
        self._port = port
        self._nodes = {node.name: node for node in topology.nodes}
        self._addresses = {
            node.name: transport_address(index, block)
            for index, node in enumerate(topology.nodes)
        }
        self._igp = Igp(topology)
        self._peers: dict[str, list[PeerConfig]] = {name: [] for name in self._nodes}
        self._sessions: list[SessionPlan] = []
        self._timers: dict[tuple[str, bool], Timers] = {}

    def plan(self, seed: int, level: Level) -> Plan:
        """Plan eBGP in the order of the links, then iBGP AS by AS."""
        by_pair = {}
        for link in self._topology.links:
            if self._nodes[link.a].asn != self._nodes[link.b].asn:
                self._session(link)
            else:
                by_pair[frozenset((link.a, link.b))] = link
        if self._topology.ibgp == "links":
            for link in by_pair.values():
                self._session(link)
        elif self._topology.ibgp == "mesh":
            self._mesh(by_pair)
        routers = tuple(self._router(node, seed, level) for node in self._topology.nodes)
        return Plan(self._topology.name, routers, tuple(self._sessions))

    def _mesh(self, by_pair: Mapping[frozenset[str], Link]) -> None:
        """Join all routers of an AS that its IGP connects; the later in the file listens.

        Octets of a session cross the links of the IGP path, and take as long as these do. A
        link between the two sets timers, passive end and rules, if it says anything of them.
        """
        for a, b, there, back in self._igp.pairs():
            link = by_pair.get(frozenset((a, b)), Link(a, b, passive=b))
            self._session(
                Link(
                    a,
                    b,
                    passive=link.passive,
                    delay=(there[1], back[1]),
                    jitter=(there[2], back[2]),
                    timers=link.timers if link.a == a else link.timers[::-1],
                    imports=link.imports if link.a == a else link.imports[::-1],
                    exports=link.exports if link.a == a else link.exports[::-1],
                )
            )

    def _session(self, link: Link) -> None:
        self._sessions.append(SessionPlan(link.a, link.b))
        for i, (own, other) in enumerate(((link.a, link.b), (link.b, link.a))):
            self._peers[own].append(self._peer(own, other, link, i))

    def _peer(self, own: str, other: str, link: Link, i: int) -> PeerConfig:
        here, there = self._nodes[own], self._nodes[other]
        internal = here.asn == there.asn
        # What a router says of its policy is for the border of its AS; a link may say more.
        imports, exports = ((), ()) if internal else (here.imports, here.exports)
        of_link = link.imports[i], link.exports[i]
        return PeerConfig(
            name=other,
            address=self._addresses[other],
            port=self._port,
            asn=there.asn,
            passive=link.passive == own,
            timers=self._session_timers(here, link.timers[i], internal=internal),
            flags=here.session_flags,
            delay=link.delay[i],
            delay_jitter=link.jitter[i],
            relationship=_other_is(link.relationship, i),
            imports=imports if of_link[0] is None else of_link[0],
            exports=exports if of_link[1] is None else of_link[1],
        )

    def _session_timers(self, node: Node, extra: TimerSettings, *, internal: bool) -> Timers:
        if extra:
            return session_timers({**node.timers, **extra}, internal=internal)
        key = (node.name, internal)
        if key not in self._timers:
            self._timers[key] = session_timers(node.timers, internal=internal)
        return self._timers[key]

    def _router(self, node: Node, seed: int, level: Level) -> RouterConfig:
        return RouterConfig(
            name=node.name,
            asn=node.asn,
            identifier=node.identifier,
            address=self._addresses[node.name],
            port=self._port,
            next_hop=node.identifier,
            originate=node.originate,
            peers=tuple(self._peers[node.name]),
            flags=node.router_flags,
            processing=node.processing,
            igp=self._igp.costs(node.name),
            seed=zlib.crc32(f"{seed}/{node.name}".encode()),
            level=level,
        )


def _other_is(relationship: str, i: int) -> str:
    """Say what the other end of a link is to its end `i`: customer, peer, provider or ""."""
    return relationship.split("-")[1 - i] if relationship else ""


def session_timers(settings: TimerSettings, *, internal: bool) -> Timers:
    """Build the timers of an iBGP (`internal`) or eBGP session from what the file sets."""
    chosen = {key: value for key, value in settings.items() if not key.startswith("mrai_")}
    mrai = settings.get("mrai_ibgp" if internal else "mrai_ebgp")
    if mrai is not None:
        chosen["mrai"] = mrai
    return Timers(**chosen)  # type: ignore[arg-type]  # keys and types are those of the model
