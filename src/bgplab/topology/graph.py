"""What a topology file means, as plain frozen values; and a few facts about its graph.

A Topology is resolved: generators expanded, groups and defaults merged into each node, AS
numbers, identifiers and prefixes handed out. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bgplab.config import RouterFlags, Rule, SessionFlags

if TYPE_CHECKING:
    from bgplab.topology.steps import Step

# Set timers by the field names of config.Timers; "mrai" is split into "mrai_ebgp", "mrai_ibgp".
TimerSettings = Mapping[str, float | None]

Rules = tuple[Rule, ...] | None


@dataclass(frozen=True, slots=True)
class FidelityLimits:
    """How late timers may fire before a run of processes is invalid.

    `lateness` is the limit in seconds of the lab; None: `share` of its shortest interval.
    """

    share: float = 0.05
    lateness: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One router with everything that the file, its group and the defaults say of it."""

    name: str
    asn: int
    identifier: str  # BGP Identifier, and the NEXT_HOP that the router announces
    originate: tuple[str, ...] = ()
    timers: TimerSettings = field(default_factory=dict)
    session_flags: SessionFlags = field(default_factory=SessionFlags)
    router_flags: RouterFlags = field(default_factory=RouterFlags)
    group: str = ""
    imports: tuple[Rule, ...] = ()  # towards other ASes, where the link has no rules of its own
    exports: tuple[Rule, ...] = ()
    processing: tuple[float, float] | None = None  # seconds per UPDATE, least and most


@dataclass(frozen=True, slots=True)
class Link:
    """One link between routers `a` and `b`; pairs hold the value from a to b, then b to a.

    `timers` are those of the session as a sees it, then as b does. `passive` is the name of the
    end that only listens, or "" where both dial.
    """

    a: str
    b: str
    cost: float | None = None  # None: 1 inside an AS, 0 between two
    passive: str = ""
    delay: tuple[float, float] = (0.0, 0.0)
    jitter: tuple[float, float] = (0.0, 0.0)
    timers: tuple[TimerSettings, TimerSettings] = ({}, {})
    relationship: str = ""  # "provider-customer", "customer-provider" or "peer-peer", a first
    imports: tuple[Rules, Rules] = (None, None)  # of a, then of b; None: those of the router
    exports: tuple[Rules, Rules] = (None, None)


@dataclass(frozen=True, slots=True)
class HowTested:
    """How `bgplab test` and pytest run a file; `timeout` in seconds of the machine."""

    engines: tuple[str, ...] = ("virtual", "processes")
    slow: bool = False
    timeout: float | None = None  # None: that of the test run


@dataclass(frozen=True, slots=True)
class Topology:
    """A resolved topology; nodes and links stand in file order, generated ones last."""

    name: str
    description: str = ""
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    ibgp: str = "mesh"  # "mesh" | "links" | "none"
    warnings: tuple[str, ...] = ()
    source: str = ""  # the text of the file
    scenario: tuple[Step, ...] = ()
    test: HowTested = field(default_factory=HowTested)
    fidelity: FidelityLimits = FidelityLimits()


def adjacency(topology: Topology) -> dict[str, list[str]]:
    """Map each router to its neighbours, in the order of the links."""
    near: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    for link in topology.links:
        near[link.a].append(link.b)
        near[link.b].append(link.a)
    return near


def components(near: Mapping[str, list[str]]) -> list[list[str]]:
    """Split a graph into its connected pieces, the first router's piece first."""
    seen: dict[str, None] = {}
    pieces = []
    for start in near:
        if start in seen:
            continue
        seen[start] = None
        piece = [start]
        for name in piece:  # grows while we walk it: a breadth-first search
            for other in near[name]:
                if other not in seen:
                    seen[other] = None
                    piece.append(other)
        pieces.append(piece)
    return pieces


def degrees(topology: Topology) -> dict[str, int]:
    """Count the links of each router."""
    return {name: len(others) for name, others in adjacency(topology).items()}


def warnings(topology: Topology) -> tuple[str, ...]:
    """Say what is allowed but may surprise: separate pieces of the graph or of an AS."""
    near = adjacency(topology)
    found = []
    pieces = components(near)
    if len(pieces) > 1:
        found.append(
            f"the graph has {len(pieces)} separate pieces ({_starts(pieces)}): routers learn "
            "no prefix of another piece"
        )
    asn = {node.name: node.asn for node in topology.nodes}
    inside = {a: [b for b in others if asn[a] == asn[b]] for a, others in near.items()}
    by_as: dict[int, list[list[str]]] = {}
    for piece in components(inside):
        by_as.setdefault(asn[piece[0]], []).append(piece)
    found += [
        f"AS {number} has {len(parts)} parts that no link inside it joins ({_starts(parts)}): "
        "there is no iBGP between them, and each drops routes that passed the other"
        for number, parts in by_as.items()
        if len(parts) > 1
    ]
    if cycle := provider_cycle(topology):
        ring = " -> ".join(f"AS {number}" for number in (*cycle, cycle[0]))
        found.append(f"a cycle of customer to provider ({ring}): routes may never settle")
    if any(node.processing for node in topology.nodes):
        found.append(
            "'processing' counts in virtual time only (--engine virtual): real processes take "
            "the time they take"
        )
    return tuple(found)


def provider_cycle(topology: Topology) -> tuple[int, ...]:
    """Find ASes of which each is a customer of the next, and the last of the first; or ().

    Without such a cycle, relationships alone lead to one stable state (Gao and Rexford, 2001).
    """
    asn = {node.name: node.asn for node in topology.nodes}
    providers: dict[int, dict[int, None]] = {}
    for link in topology.links:
        customer, provider = asn[link.a], asn[link.b]
        if link.relationship == "provider-customer":
            customer, provider = provider, customer
        if link.relationship not in ("", "peer-peer"):
            providers.setdefault(customer, {})[provider] = None
    done: dict[int, None] = {}  # no cycle leads through these
    for start in providers:
        trail: dict[int, None] = {} if start in done else {start: None}
        while trail:
            number = next(reversed(trail))
            onward = next((up for up in providers.get(number, ()) if up not in done), None)
            if onward is None:
                done[number] = None
                del trail[number]
            elif onward in trail:
                ring = list(trail)
                return tuple(ring[ring.index(onward) :])
            else:
                trail[onward] = None
    return ()


def _starts(pieces: list[list[str]]) -> str:
    names = ", ".join(f"{piece[0]}: {len(piece)}" for piece in pieces[:4])
    return f"{names}, ..." if len(pieces) > 4 else names
