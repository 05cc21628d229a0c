"""Two runs laid side by side: topologies, final routes, transitions, messages.

Times are not compared, nor where routers listen: each run has a block of 127/8 of its own.
Routers are the same by name, sessions by the names of their ends, whatever engine ran them.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from os import PathLike
from typing import Any, NamedTuple

from bgplab.config import Level
from bgplab.errors import UsageError
from bgplab.observe.query import open_run

KEPT = 10  # differences of each kind that are described; all are counted
NONE = "-"

Key = tuple[str, ...]


class Part(NamedTuple):
    """Where two runs part: the place, and what stands there in each."""

    where: str
    left: str
    right: str


@dataclass(slots=True)
class Section:
    """One kind of thing compared: how many there were, how many differ, and the first of those.

    `missing` says why it could not be compared; "" if it was.
    """

    name: str
    unit: str  # what is counted, one of it
    total: int = 0
    differing: int = 0
    parts: list[Part] = field(default_factory=list)
    missing: str = ""

    @property
    def equal(self) -> bool:
        """Tell whether all was compared and is the same."""
        return not self.differing and not self.missing

    def add(self, kept: int, where: str, left: str, right: str) -> None:
        """Count one comparison; keep it if it differs and less than `kept` are there."""
        self.total += 1
        if left != right:
            self.differing += 1
            if len(self.parts) < kept:
                self.parts.append(Part(where, left, right))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, described by name, engine, seed, verdict and file, and how they compare.

    `same_file` tells whether their topology files have the same text: where they have not,
    timers and flags may differ, which no section shows.
    """

    left: dict[str, Any]
    right: dict[str, Any]
    same_file: bool
    sections: tuple[Section, ...]  # topology, routes, transitions, messages

    @property
    def same_routes(self) -> bool:
        """Tell whether all final routes are the same."""
        return next(part.equal for part in self.sections if part.name == "routes")

    @property
    def same(self) -> bool:
        """Tell whether all could be compared and is the same."""
        return all(part.equal for part in self.sections)


class Side:
    """One of the two runs, as its database has it. Raises UsageError if it has no result."""

    def __init__(self, path: str | PathLike[str], connection: sqlite3.Connection) -> None:
        self._connection = connection
        columns = ("name", "engine", "seed", "level", "verdict")
        *values, report, self.file = connection.execute(
            f"SELECT {', '.join(columns)}, report, yaml FROM run JOIN topology USING (name)"  # noqa: S608 -- names from above
        ).fetchone()
        self.info = dict(zip(columns, values, strict=True)) | {"store": str(path)}
        self.report: dict[str, Any] = json.loads(report or "{}")
        if not self.report:
            verdict = self.info["verdict"]
            why = "it still lasts" if verdict is None else f"it was {verdict}"
            raise UsageError(f"{path} has no final routes: {why}")
        self.level = Level[self.info["level"].upper()]
        self.routers: dict[str, tuple[int, str]] = {
            name: (number, f"AS {asn}, identifier {identifier or NONE}")
            for number, name, asn, identifier in connection.execute(
                "SELECT id, name, asn, identifier FROM router ORDER BY id"
            )
        }
        self._names = {number: name for name, (number, _) in self.routers.items()}
        addresses = connection.execute("SELECT address, name FROM router")
        self._addresses = {address: name for address, name in addresses if address}

    def sessions(self) -> list[Key]:
        """List all session ends: router and peer."""
        rows = self._connection.execute("SELECT router, peer FROM session ORDER BY 1, 2")
        return [(self._names[router], self._names[peer]) for router, peer in rows]

    def routes(self, router: str) -> dict[Key, str]:
        """Describe the final routes of a router by prefix."""
        number, _ = self.routers.get(router, (0, ""))
        rows = self._connection.execute(
            "SELECT prefix, peer, as_path, next_hop FROM route WHERE router = ?", (number,)
        )
        return {
            (router, prefix): self._route(peer, as_path, next_hop)
            for prefix, peer, as_path, next_hop in rows
        }

    def _route(self, peer: int | None, as_path: str, next_hop: str) -> str:
        source = "own" if peer is None else f"from {self._names[peer]}"
        path = f"AS path {as_path}" if as_path else "empty AS path"
        # A transport address stands for its router: it is another in each run.
        return f"{source}, {path}, next hop {self._addresses.get(next_hop, next_hop)}"

    def transitions(self) -> dict[Key, list[str]]:
        """List the transitions of each session end, in their order."""
        found: dict[Key, list[str]] = defaultdict(list)
        rows = self._connection.execute(
            "SELECT t.router, t.peer, o.name || ' -> ' || n.name"
            " || ' (' || ifnull(e.name, t.event) || ')'"
            " FROM transition t JOIN state o ON o.number = t.old"
            " JOIN state n ON n.number = t.new LEFT JOIN event e ON e.number = t.event"
            " ORDER BY t.at, t.rowid"
        )
        for router, peer, text in rows:
            found[self._names[router], self._names[peer]].append(text)
        return found

    def messages(self, *, each: bool) -> dict[Key, str]:
        """Count messages: UPDATEs of the run, NOTIFICATIONs; if `each`, UPDATEs by router."""
        updates = self.report.get("updates", {})
        counts: dict[Key, str] = {
            ("UPDATEs", way): str(updates.get(way, NONE)) for way in ("sent", "received")
        }
        if self.level >= Level.TRANSITIONS:
            number = self._count("SELECT received, count(*) FROM notification GROUP BY 1")
            counts["NOTIFICATIONs", "sent"] = str(number[0])
            counts["NOTIFICATIONs", "received"] = str(number[1])
        if each:
            for received, way in enumerate(("sent", "received")):
                number = self._count(
                    "SELECT router, count(*) FROM message WHERE received = ? GROUP BY 1",
                    received,
                )
                for name, (router, _) in self.routers.items():
                    counts[name, "UPDATEs", way] = str(number[router])
        return counts

    def _count(self, query: str, *values: int) -> Counter[int]:
        return Counter(dict(self._connection.execute(query, values).fetchall()))


def compare(
    left: str | PathLike[str], right: str | PathLike[str], kept: int = KEPT
) -> Comparison:
    """Compare two runs by their databases; of each kind the first `kept` differences are kept.

    Raises UsageError for a run without a result, StoreError for a file that is not a run.
    """
    with open_run(left) as one, open_run(right) as other:
        a, b = Side(left, one), Side(right, other)
        sections = tuple(kind(a, b, kept) for kind in KINDS)
        return Comparison(a.info, b.info, a.file == b.file, sections)


def _topology(left: Side, right: Side, kept: int) -> Section:
    """Compare routers by AS number and identifier, and sessions by their ends."""
    section = Section("topology", "router or session end")
    for name in _either(left.routers, right.routers):
        one, other = (side.routers.get(name, (0, NONE))[1] for side in (left, right))
        section.add(kept, name, one, other)
    here, there = dict.fromkeys(left.sessions()), dict.fromkeys(right.sessions())
    for end in _either(here, there):
        one, other = ("a session" if end in ends else NONE for ends in (here, there))
        section.add(kept, " to ".join(end), one, other)
    return section


def _routes(left: Side, right: Side, kept: int) -> Section:
    """Compare the routes that each router holds in the end."""
    section = Section("routes", "route")
    for name in _either(left.routers, right.routers):
        here, there = left.routes(name), right.routes(name)
        for key in _either(here, there):
            section.add(kept, " ".join(key), here.get(key, NONE), there.get(key, NONE))
    return section


def _transitions(left: Side, right: Side, kept: int) -> Section:
    """Compare the states that each session end went through, in their order."""
    section = Section("transitions", "session end")
    section.missing = _lacking(left, right, Level.TRANSITIONS)
    if section.missing:
        return section
    here, there = left.transitions(), right.transitions()
    for end in _either(dict.fromkeys(left.sessions()), dict.fromkeys(right.sessions())):
        one, other = here.get(end, []), there.get(end, [])
        number, *steps = _first_other(one, other)
        told = [
            f"{step}, {len(all_)} in all"
            for step, all_ in zip(steps, (one, other), strict=True)
        ]
        section.add(kept, f"{' to '.join(end)}, transition {number}", told[0], told[1])
    return section


def _first_other(left: list[str], right: list[str]) -> tuple[int, str, str]:
    """Find the first place, from 1, where two lists part, and what stands there; 0 for none."""
    for number, (one, other) in enumerate(zip_longest(left, right, fillvalue=NONE), 1):
        if one != other:
            return number, one, other
    return 0, NONE, NONE


def _messages(left: Side, right: Side, kept: int) -> Section:
    """Compare how many messages went about, by router where both runs recorded them."""
    section = Section("messages", "count")
    each = not _lacking(left, right, Level.UPDATES)
    here, there = left.messages(each=each), right.messages(each=each)
    for key in _either(here, there):
        section.add(kept, " ".join(key), here.get(key, NONE), there.get(key, NONE))
    return section


KINDS: tuple[Callable[[Side, Side, int], Section], ...] = (
    _topology,
    _routes,
    _transitions,
    _messages,
)


def _lacking(left: Side, right: Side, level: Level) -> str:
    """Say which runs were recorded below a level; "" if none was."""
    low = [side.info for side in (left, right) if side.level < level]
    return "; ".join(f"{info['store']} was recorded at level {info['level']}" for info in low)


def _either(left: Iterable[Any], right: Iterable[Any]) -> Iterator[Any]:
    """Go through what is on either side, each once: the left one's order, then the rest."""
    return iter(dict.fromkeys([*left, *right]))
