"""Enters into the database of a run what sessions measured, and which hold timers expired."""

from __future__ import annotations

from collections.abc import Iterable

from bgplab.observe import schema
from bgplab.observe.expiry import Expiry
from bgplab.observe.record_forms import nanoseconds
from bgplab.observe.store import Row, Store
from bgplab.observe.timing import SENT, SessionTiming


def put_timings(store: Store, timings: Iterable[SessionTiming]) -> None:
    """Record what session ends measured; later figures take the place of earlier ones."""
    rows: list[Row] = [
        (
            *(store.ids[timing.router], store.ids[timing.peer], kind),
            *(figures.count, figures.outside, figures.least, figures.greatest),
            *(figures.late, figures.mean_late),
            timing.lateness.percentile(99) if kind == SENT else None,
        )
        for timing in timings
        for kind, figures in timing.figures()
    ]
    store.put({schema.PUT_TIMING: rows})


def put_expiries(store: Store, expiries: Iterable[Expiry]) -> None:
    """Record the hold timers that expired; a second time with what is known by now."""
    rows: list[Row] = [
        (
            *(nanoseconds(each.at), store.ids[each.router], store.ids[each.peer], each.kind),
            *(each.hold, nanoseconds(each.waited), nanoseconds(each.late), each.evidence),
        )
        for each in expiries
    ]
    store.put({schema.PUT_EXPIRY: rows})
