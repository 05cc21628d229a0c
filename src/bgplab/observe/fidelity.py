"""The certificate of a run: whether its timers were punctual enough to trust what it shows.

A timer of a busy process fires late. The limit is 5 % of the shortest protocol interval of the
plan; where the 99th percentile of lateness exceeds it, or where a hold timer expired because a
process starved, the run is invalid: neither passed nor failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bgplab.config import RouterConfig, Timers
from bgplab.observe.histogram import LatenessHistogram

SHARE = 0.05  # of the shortest interval


@dataclass(frozen=True, slots=True)
class Lateness:
    """Percentiles of how late timers fired, in seconds."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whether a run is valid; if not, `reasons` say why. `limit` in seconds, None: no timer."""

    valid: bool
    lateness: Lateness
    limit: float | None
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Give the certificate as plain data for a report."""
        late = self.lateness
        return {
            "valid": self.valid,
            "lateness": {"p50": late.p50, "p99": late.p99, "max": late.max},
            "limit": self.limit,
            "reasons": list(self.reasons),
        }


def shortest_interval(routers: Iterable[RouterConfig]) -> float | None:
    """Find the shortest protocol interval of a plan in seconds; None if every timer is off.

    Counts keepalive intervals, a third of each hold time, and MRAI.
    """
    return min(
        (
            interval
            for router in routers
            for peer in router.peers
            for interval in _intervals(peer.timers)
        ),
        default=None,
    )


def _intervals(timers: Timers) -> list[float]:
    """List the intervals of one session that are in use. Hold time 0: no keepalives either."""
    keepalive = timers.keepalive or 0.0 if timers.hold else 0.0
    return [interval for interval in (timers.hold / 3, keepalive, timers.mrai) if interval > 0]


def certify(
    lateness: Iterable[LatenessHistogram], interval: float | None, starved: int = 0
) -> Certificate:
    """Judge a run by the lateness of all its processes.

    `interval` is the shortest interval of the plan in seconds; `starved` the number of hold
    timers that expired because a process was late, not because a peer was silent.
    """
    merged = LatenessHistogram()
    for histogram in lateness:
        merged.merge(histogram)
    found = Lateness(merged.percentile(50), merged.percentile(99), merged.maximum)
    limit = None if interval is None else SHARE * interval
    reasons = []
    if interval is not None and limit is not None and found.p99 > limit:
        reasons.append(
            f"timers fired too late: the 99th percentile is {found.p99:.3g} s, the limit"
            f" {limit:.3g} s (5 % of the shortest interval, {interval:.3g} s)"
        )
    if starved:
        expiries = "hold timer" if starved == 1 else "hold timers"
        reasons.append(
            f"{starved} {expiries} expired because a process was late, not its peer silent"
        )
    return Certificate(not reasons, found, limit, tuple(reasons))
