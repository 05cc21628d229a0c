"""Resolve the links of a file: which two routers, which values in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bgplab.topology.check import Parts, suggest
from bgplab.topology.document import Document, Path
from bgplab.topology.graph import Link, Rules, TimerSettings
from bgplab.topology.model import Link as LinkModel
from bgplab.topology.model import Timers
from bgplab.topology.policy import Rule
from bgplab.topology.rules import rules
from bgplab.topology.timing import TimerLayer, check_timers, merge_timers, timer_settings

Ends = tuple[str, str]
GeneratedLink = tuple[str, str, str]  # both routers, and their relationship


class LinkResolver:
    """Turns the links of one file into graph.Link values, and notes what is wrong with them."""

    def __init__(
        self,
        parts: Parts,
        document: Document,
        routers: Mapping[str, list[TimerLayer]],
        asns: Mapping[str, int],
    ) -> None:
        self._parts = parts
        self._document = document
        self._routers = routers
        self._asns = asns
        self._first: dict[frozenset[str], Path] = {}
        links = parts.defaults.links
        self._delay = (links.delay, links.delay)
        self._jitter = (links.jitter, links.jitter)

    def resolve(self, generated: Sequence[GeneratedLink]) -> list[Link]:
        """Return the links by hand in file order, then one for each generated pair."""
        made = {frozenset((a, b)) for a, b, _ in generated}
        links = []
        for path, model in self._parts.links:
            ends = self.ends(path, model.endpoints)
            if ends and self._is_new(path, ends, made):
                links.append(self._link(path, model, ends))
        links += [
            Link(a, b, passive=b, delay=self._delay, jitter=self._jitter, relationship=kind)
            for a, b, kind in generated
        ]
        return links

    def ends(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        """Find the two routers of a link; what is wrong with them is noted."""
        if isinstance(endpoints, str):
            ends = self._split(path, endpoints)
        else:
            ends = self._known_pair(path, endpoints)
        if ends and ends[0] == ends[1]:
            self._report(path, f"link from {ends[0]!r} to itself")
            return None
        return ends

    def _split(self, path: Path, text: str) -> Ends | None:
        """Split `a-b` at the hyphen that leaves two routers: names may hold hyphens too."""
        cuts = [i for i, character in enumerate(text) if character == "-"]
        pairs = [(text[:i].strip(), text[i + 1 :].strip()) for i in cuts]
        fits = [pair for pair in pairs if pair[0] in self._routers and pair[1] in self._routers]
        if len(fits) == 1:
            return fits[0]
        if fits:
            self._report(path, f"{text!r} can be split in several ways; write [one, other]")
        else:
            half = [
                pair for pair in pairs if pair[0] in self._routers or pair[1] in self._routers
            ]
            for name in half[0] if half else pairs[0]:
                self._check_known(path, name)
        return None

    def _known_pair(self, path: Path, names: list[str]) -> Ends | None:
        # A short form has its names right below the link, a long one below the key.
        known = [
            self._check_known(
                (*path, i) if self._is_list(path) else (*path, "endpoints", i), name
            )
            for i, name in enumerate(names)
        ]
        return (names[0], names[1]) if all(known) else None

    def _is_list(self, path: Path) -> bool:
        data: Any = self._document.data
        for step in path:
            data = data[step]
        return isinstance(data, list)

    def _check_known(self, path: Path, name: str) -> bool:
        if name in self._routers:
            return True
        if self._parts.complete:
            self._report(path, f"unknown router {name!r}{suggest(name, self._routers)}")
        return False

    def _is_new(self, path: Path, ends: Ends, generated: set[frozenset[str]]) -> bool:
        pair = frozenset(ends)
        if pair in self._first:
            first = self._document.locate(self._first[pair])[0]
            self._report(
                path, f"second link of {ends[0]} and {ends[1]} (first in line {first})"
            )
            return False
        if pair in generated:
            self._report(path, f"'generate' links {ends[0]} and {ends[1]} already")
            return False
        self._first[pair] = path
        return True

    def _link(self, path: Path, model: LinkModel, ends: Ends) -> Link:
        given = model.model_fields_set
        return Link(
            *ends,
            cost=model.cost if "cost" in given else None,
            passive=self._passive(path, model, ends),
            delay=self._pair(path, "delay", model.delay, ends)
            if "delay" in given
            else self._delay,
            jitter=self._pair(path, "jitter", model.jitter, ends)
            if "jitter" in given
            else self._jitter,
            timers=self._timers(path, model, ends) if "timers" in given else ({}, {}),
            relationship=self._relationship(path, model, ends),
            imports=self._rules(path, "import", model.imports, ends)
            if "imports" in given
            else (None, None),
            exports=self._rules(path, "export", model.exports, ends)
            if "exports" in given
            else (None, None),
        )

    def _relationship(self, path: Path, model: LinkModel, ends: Ends) -> str:
        asn, other = (self._asns[end] for end in ends)
        if model.relationship and asn == other:
            message = f"{ends[0]} and {ends[1]} are both of AS {asn}: no relationship"
            self._report((*path, "relationship"), message)
        return model.relationship or ""

    def _rules(
        self, path: Path, key: str, value: list[Rule] | dict[str, list[Rule]], ends: Ends
    ) -> tuple[Rules, Rules]:
        if not isinstance(value, dict):
            return rules(value), rules(value)
        self._check_ends((*path, key), value, ends)
        first, second = (rules(value[end]) if end in value else None for end in ends)
        return first, second

    def _passive(self, path: Path, model: LinkModel, ends: Ends) -> str:
        if "passive" not in model.model_fields_set:
            return ends[1]
        if model.passive == "none":
            return ""
        if model.passive not in ends:
            expected = f"{ends[0]}, {ends[1]} or none"
            message = f"{model.passive!r} is no end of this link; expected {expected}"
            self._report((*path, "passive"), message)
        return model.passive

    def _pair(
        self, path: Path, key: str, value: float | dict[str, float], ends: Ends
    ) -> tuple[float, float]:
        if not isinstance(value, dict):
            return value, value
        self._check_ends((*path, key), value, ends)
        default = getattr(self._parts.defaults.links, key)
        return value.get(ends[0], default), value.get(ends[1], default)

    def _timers(
        self, path: Path, model: LinkModel, ends: Ends
    ) -> tuple[TimerSettings, TimerSettings]:
        timers = model.timers
        where = (*path, "timers")
        if isinstance(timers, Timers):
            layers = [(where, timer_settings(timers))] * 2
        else:
            self._check_ends(where, timers, ends)
            layers = [
                ((*where, end), timer_settings(timers[end]) if end in timers else {})
                for end in ends
            ]
        for end, layer in zip(ends, layers, strict=True):
            check_timers([*self._routers[end], layer], self._document)
        return merge_timers(layers[:1]), merge_timers(layers[1:])

    def _check_ends(self, path: Path, mapping: Mapping[str, object], ends: Ends) -> None:
        for name in mapping:
            if name not in ends:
                message = f"{name!r} is no end of this link ({ends[0]}, {ends[1]})"
                self._document.report((*path, name), message, key=True)

    def _report(self, path: Path, message: str) -> None:
        self._document.report(path, message)
