"""What came of a run, in the words that every engine shares: rows of a Loc-RIB."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from bgplab.observe.store import RouteRow
from bgplab.rib.decision import reason
from bgplab.rib.loc_rib import LocRib
from bgplab.wire.nlri import format_prefix

_prefix_text = lru_cache(maxsize=1 << 16)(format_prefix)  # all routers have the same prefixes


def route_rows(loc_rib: LocRib) -> Iterator[RouteRow]:
    """Write the best routes of a router as text, each with why it is the best."""
    for prefix, path in loc_rib.best.items():
        as_path, next_hop = path.text()
        why = reason(loc_rib.candidates(prefix))
        yield RouteRow(_prefix_text(prefix), as_path, next_hop, path.source.peer, why)
