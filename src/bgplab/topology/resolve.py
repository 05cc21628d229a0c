"""Give each router and link its settings: groups, defaults, generators, numbers.

A node counts over its group, a group over the defaults; a link's timers count over those of
its routers. Mistakes in meaning are noted in the document, with their place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from bgplab.config import RouterFlags, Rule, SessionFlags
from bgplab.topology.address import MAX_ROUTERS, free_asns, free_identifiers, free_prefixes
from bgplab.topology.check import Parts, suggest
from bgplab.topology.document import Document, Path
from bgplab.topology.fields import Model
from bgplab.topology.generate import Generated
from bgplab.topology.graph import FidelityLimits, Node, Topology, adjacency, warnings
from bgplab.topology.links import GeneratedLink, LinkResolver
from bgplab.topology.model import Uniform
from bgplab.topology.rules import check_layers, check_linked, rules
from bgplab.topology.timing import TimerLayer, check_timers, merge_timers, timer_settings

_SESSION_FLAGS = frozenset(item.name for item in fields(SessionFlags))

Edges = list[GeneratedLink]


@dataclass(slots=True)
class _Draft:
    """A router on its way: what it is made of, lowest precedence first."""

    name: str
    group: str
    layers: list[tuple[Path, Model]]
    prefixes: int  # how many it originates unless a layer says otherwise

    def pick(self, key: str) -> tuple[Path, Any] | None:
        """Return the value of the highest layer that sets `key`, and where it stands."""
        for path, layer in reversed(self.layers):
            if key in layer.model_fields_set:
                return (*path, key), getattr(layer, key)
        return None

    def timers(self) -> list[TimerLayer]:
        """Return the timers that each layer sets."""
        return [
            ((*path, "timers"), timer_settings(layer.timers))  # type: ignore[attr-defined]
            for path, layer in self.layers
            if "timers" in layer.model_fields_set
        ]

    def flags(self) -> dict[str, Any]:
        """Merge the flags of all layers."""
        given = [layer for _, layer in self.layers if "flags" in layer.model_fields_set]
        return {key: value for layer in given for key, value in layer.flags.settings().items()}  # type: ignore[attr-defined]

    def rules(self, key: str) -> tuple[Rule, ...]:
        """Return the rules of the highest layer that has some."""
        pick = self.pick(key)
        return rules(pick[1]) if pick else ()


def resolve(parts: Parts, document: Document) -> Topology:
    """Turn the parts of a file into a Topology; mistakes are noted in `document`."""
    drafts: dict[str, _Draft] = {}
    for name, node in parts.nodes.items():
        layers = _layers(parts, document, ("topology", "nodes", name), node)
        drafts[name] = _Draft(name, node.group, layers, 0)
    edges: Edges = []
    for path, generator in parts.generate:
        edges += _expand(parts, document, drafts, path, generator)
    if not drafts and parts.complete:
        document.report(("topology",), "no routers: give some under 'nodes' or 'generate'")
    if len(drafts) > MAX_ROUTERS:
        document.report(("topology",), f"{len(drafts)} routers: at most {MAX_ROUTERS} fit")
        return Topology(parts.name)
    timers = {name: draft.timers() for name, draft in drafts.items()}
    for found in timers.values():
        check_timers(found, document)
    _check_policy(parts, document, drafts)
    nodes = tuple(_nodes(document, drafts, timers))
    links = LinkResolver(parts, document, timers, {node.name: node.asn for node in nodes})
    topology = Topology(
        name=parts.name,
        description=parts.description,
        nodes=nodes,
        links=tuple(links.resolve(edges)),
        ibgp=parts.ibgp,
        source=document.text,
        test=parts.test,
        fidelity=FidelityLimits(parts.fidelity.share, parts.fidelity.lateness),
    )
    if not document.problems:
        check_linked(document, parts.nodes, adjacency(topology))
    if parts.scenario:
        from bgplab.topology.scenario_resolve import ScenarioResolver

        steps = ScenarioResolver(parts, document, topology, links.ends).resolve()
        topology = replace(topology, scenario=steps)
    return topology if document.problems else replace(topology, warnings=warnings(topology))


def _layers(parts: Parts, document: Document, path: Path, own: Any) -> list[tuple[Path, Model]]:
    """Stack defaults, group and the router's own settings."""
    layers: list[tuple[Path, Model]] = [(("topology", "defaults"), parts.defaults)]
    group = own.group
    if group in parts.groups:
        layers.append((("topology", "groups", group), parts.groups[group]))
    elif group:
        hint = suggest(group, parts.groups)
        document.report((*path, "group"), f"unknown group {group!r}{hint}")
    return [*layers, (path, own)]


def _expand(
    parts: Parts,
    document: Document,
    drafts: dict[str, _Draft],
    path: Path,
    generator: Generated,
) -> Edges:
    """Add the routers of one generator to `drafts` and return its links."""
    faults = list(generator.faults())
    for key, message in faults:
        document.report((*path, key), message)
    if faults or len(drafts) + generator.size > MAX_ROUTERS:
        if not faults:
            document.report(path, f"more than {MAX_ROUTERS} routers")
        parts.complete = False
        return []
    layers = _layers(parts, document, path, generator)
    names = [f"{generator.names}{number}" for number in range(1, generator.size + 1)]
    taken = [name for name in names if name in drafts]
    if taken:
        where = (*path, "names") if "names" in generator.model_fields_set else path
        document.report(
            where, f"generated router {taken[0]!r} exists already; use other 'names'"
        )
        return []
    for name in names:
        drafts[name] = _Draft(name, generator.group, layers, 1)
    return [(names[a], names[b], kind) for a, b, kind in generator.links()]


def _check_policy(parts: Parts, document: Document, drafts: Collection[str]) -> None:
    """Check the rules of defaults, groups, nodes and links, each where it stands."""
    layers: list[tuple[Path, Any]] = [(("topology", "defaults"), parts.defaults)]
    for key, models in (("groups", parts.groups), ("nodes", parts.nodes)):
        layers += [(("topology", key, name), model) for name, model in models.items()]
    layers += parts.links
    if parts.complete:
        check_layers(document, layers, drafts)


def _nodes(
    document: Document, drafts: dict[str, _Draft], timers: dict[str, list[TimerLayer]]
) -> Iterator[Node]:
    """Yield the routers with numbers and merged settings."""
    asns = _asns(drafts)
    identifiers = _identifiers(document, drafts)
    prefixes = _prefixes(document, drafts)
    for name, draft in drafts.items():
        flags = draft.flags()
        session = {key: value for key, value in flags.items() if key in _SESSION_FLAGS}
        router = {key: value for key, value in flags.items() if key not in _SESSION_FLAGS}
        yield Node(
            name=name,
            asn=asns[name],
            identifier=identifiers[name],
            originate=prefixes[name],
            timers=merge_timers(timers[name]),
            session_flags=SessionFlags(**session),
            router_flags=RouterFlags(**router),
            group=draft.group,
            imports=draft.rules("imports"),
            exports=draft.rules("exports"),
            processing=_processing(draft),
        )


def _processing(draft: _Draft) -> tuple[float, float] | None:
    """Return the least and most seconds per UPDATE, None where nothing says so."""
    pick = draft.pick("processing")
    if pick is None or not pick[1]:
        return None
    given = pick[1]
    least, most = given.uniform if isinstance(given, Uniform) else (given, given)
    return (least, most)


def _asns(drafts: dict[str, _Draft]) -> dict[str, int]:
    given = {name: draft.pick("asn") for name, draft in drafts.items()}
    free = free_asns({pick[1] for pick in given.values() if pick})
    return {name: pick[1] if pick else next(free) for name, pick in given.items()}


def _identifiers(document: Document, drafts: dict[str, _Draft]) -> dict[str, str]:
    """Hand out BGP Identifiers; unique in the whole lab (RFC 6286: in an AS)."""
    given: dict[str, str] = {}
    owners: dict[str, str] = {}
    for name, draft in drafts.items():
        pick = draft.pick("id")
        if not pick:
            continue
        path, identifier = pick
        given[name] = identifier
        owner = owners.setdefault(identifier, name)
        if owner != name:
            document.report(path, f"identifier {identifier} is that of router {owner!r} too")
    free = free_identifiers(owners)
    return {name: given[name] if name in given else next(free) for name in drafts}


def _prefixes(document: Document, drafts: dict[str, _Draft]) -> dict[str, tuple[str, ...]]:
    """Give each router the prefixes it lists, or as many generated ones as it asks for."""
    picks = {name: draft.pick("originate") for name, draft in drafts.items()}
    listed = {}
    for name, pick in picks.items():
        if pick and isinstance(pick[1], list):
            listed[name] = tuple(pick[1])
            _check_unique(document, *pick)
    free = free_prefixes({prefix for prefixes in listed.values() for prefix in prefixes})
    result = {}
    for name, pick in picks.items():
        count = pick[1] if pick else drafts[name].prefixes
        result[name] = listed[name] if name in listed else tuple(islice(free, count))
        if name not in listed and len(result[name]) < count and pick:
            document.report(pick[0], "more generated prefixes than IPv4 has room for")
    return result


def _check_unique(document: Document, path: Path, prefixes: list[str]) -> None:
    seen: dict[str, int] = {}
    for i, prefix in enumerate(prefixes):
        first = seen.setdefault(prefix, i)
        if first != i:
            line = document.locate((*path, first))[0]
            message = f"{prefix} is originated twice (first in line {line})"
            document.report((*path, i), message)
