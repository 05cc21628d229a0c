"""Every path that a router holds to a prefix, as text: which is best, and why not the others.

Also paths that may not be used are candidates: what import policy rejects or what has the own
AS in its AS_PATH was announced to the router, and is told with that in place of a step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bgplab.rib.decision import LATER_STEPS, RANK_STEPS, explain, reason
from bgplab.rib.loc_rib import LocRib
from bgplab.rib.path import Path
from bgplab.wire.attributes.communities import format_community
from bgplab.wire.nlri import format_prefix

ORIGINS = ("IGP", "EGP", "INCOMPLETE")  # RFC 4271 section 5.1.1

# What is said of a path that lost at each step; the step's name says what would have won.
_OWN, _LOCAL_PREF, _LENGTH, _ORIGIN = (name for name, _ in RANK_STEPS)
_MED, _EXTERNAL, _COST, _IDENTIFIER, _ADDRESS = (name for name, _ in LATER_STEPS)
_SAID = {
    _OWN: "learned, unlike {}",
    _LOCAL_PREF: "lower LOCAL_PREF than {}",
    _LENGTH: "longer AS_PATH than {}",
    _ORIGIN: "higher ORIGIN than {}",
    _MED: "higher MED than {}",
    _EXTERNAL: "internal, unlike {}",
    _COST: "higher IGP cost to the NEXT_HOP than {}",
    _IDENTIFIER: "higher BGP Identifier than {}",
    _ADDRESS: "higher peer address than {}",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One path to a prefix as import policy left it; `peer` is "" for a route of the router.

    `lost` names the step of the decision at which it lost, or says why it may not be used at
    all; "" for the best. `reason` says the same for people, with the path that won.
    """

    prefix: str
    peer: str
    as_path: str
    next_hop: str
    origin: str  # IGP, EGP or INCOMPLETE
    local_pref: int
    med: int | None
    communities: tuple[str, ...]
    best: bool
    lost: str
    reason: str


def candidates(loc_rib: LocRib, prefix: bytes) -> list[Candidate]:
    """Describe every path of a router to a prefix, its own first, then peer by peer."""
    paths = loc_rib.candidates(prefix)
    told = explain(paths)
    best = next((path for path, lost in told if not lost), None)
    text = format_prefix(prefix)
    found = []
    for path, lost in told:
        why = _why_not(path, lost, best, paths) if lost else reason(paths)
        found.append(_describe(text, path, lost, why))
    return found


def all_candidates(loc_rib: LocRib) -> Iterator[Candidate]:
    """Describe every path of a router to any prefix."""
    for prefix in loc_rib.known():
        yield from candidates(loc_rib, prefix)


def to_lines(rows: Iterable[Candidate]) -> str:
    """Write candidates as JSON, one a line."""
    return "\n".join(
        json.dumps([getattr(row, name) for name in Candidate.__slots__]) for row in rows
    )


def from_lines(text: str) -> list[Candidate]:
    """Read what `to_lines` wrote."""
    return [_read(json.loads(line)) for line in text.splitlines()]


def _read(values: list[Any]) -> Candidate:
    fields = dict(zip(Candidate.__slots__, values, strict=True))
    return Candidate(**{**fields, "communities": tuple(fields["communities"])})


def _describe(prefix: str, path: Path, lost: str, why: str) -> Candidate:
    as_path, next_hop = path.text()
    return Candidate(
        prefix,
        path.source.peer,
        as_path,
        next_hop,
        ORIGINS[path.rank[3]],
        path.local_pref,
        path.terms.med,
        tuple(map(format_community, path.communities)),
        not lost,
        lost,
        why,
    )


def _why_not(path: Path, lost: str, best: Path | None, paths: Sequence[Path]) -> str:
    """Say why a path is not the best; one that may not be used carries its fault."""
    if best is None or lost not in _SAID:
        return lost
    rival = best
    if lost == _MED:  # the best path may come from another AS, where its MED counts nothing
        rank, asn = path.rank, path.neighbor_as
        usable = [other for other in paths if other.rank == rank and not other.fault]
        rival = min(
            (other for other in usable if other.neighbor_as == asn), key=lambda one: one.med
        )
    return _SAID[lost].format("the own route" if rival.own else f"via {rival.source.peer}")
