"""Merge the timers that defaults, group, node and link set, and check them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bgplab.config import Timers as TimerDefaults
from bgplab.topology.document import Document, Path
from bgplab.topology.fields import Model
from bgplab.topology.graph import TimerSettings
from bgplab.topology.model import Timers

TimerLayer = tuple[Path, dict[str, Any]]  # where a mapping of timers stands, and what it sets

_LAB = TimerDefaults()


def timer_settings(timers: Timers) -> dict[str, Any]:
    """Return what `timers` sets, by the names of graph.TimerSettings."""
    settings = timers.settings()
    mrai = settings.pop("mrai", None)
    if isinstance(mrai, Model):
        settings |= {f"mrai_{kind}": value for kind, value in mrai.settings().items()}
    elif mrai is not None:
        settings |= {"mrai_ebgp": mrai, "mrai_ibgp": mrai}
    return settings


def merge_timers(layers: Sequence[TimerLayer]) -> dict[str, Any]:
    """Merge timers key by key; later layers count over earlier ones."""
    return {key: value for _, settings in layers for key, value in settings.items()}


def check_timers(layers: Sequence[TimerLayer], document: Document) -> None:
    """Note where merged timers contradict each other, at the key that was set last.

    A keepalive interval of hold or more cannot keep a session (RFC 4271 section 4.4); a peer
    that waits for our OPEN gives up after open-hold.
    """
    merged = merge_timers(layers)
    hold, keepalive = _value(merged, "hold"), _value(merged, "keepalive")
    if hold and keepalive is not None and keepalive >= hold:
        message = f"keepalive ({keepalive:g}s) must be less than hold ({hold:g}s)"
        _report(layers, document, ("keepalive", "hold"), message)
    delay, limit = _value(merged, "delay_open"), _value(merged, "open_hold")
    if delay and limit and delay >= limit:
        message = f"delay-open ({delay:g}s) must be less than open-hold ({limit:g}s)"
        _report(layers, document, ("delay_open", "open_hold"), message)
    idle, bound = _value(merged, "idle_hold"), _value(merged, "idle_hold_max")
    if idle and bound is not None and idle > bound:
        message = f"idle-hold ({idle:g}s) must not be more than idle-hold-max ({bound:g}s)"
        _report(layers, document, ("idle_hold", "idle_hold_max"), message)


def _value(merged: TimerSettings, key: str) -> float | None:
    value: float | None = merged.get(key, getattr(_LAB, key))
    return value


def _report(
    layers: Sequence[TimerLayer], document: Document, keys: tuple[str, str], message: str
) -> None:
    for path, settings in reversed(layers):
        for key in keys:
            if key in settings:
                document.report((*path, key.replace("_", "-")), message)
                return
