"""What a session measures of its own timers, in fixed memory (RFC 4271 section 10).

Each interval is kept as its share of what the timer is set to, say of the keepalive interval;
RFC 4271 has it between 0.75 and 1, or exactly 1 without jitter. Seconds are those of the
caller's clock. Never reads a clock.
"""

from __future__ import annotations

import math

from bgplab.config import PeerConfig
from bgplab.session.timers import LEAST_JITTER

ROUNDING = 1e-6  # seconds by which the arithmetic of times may be off
SLACK = 0.05  # of an interval: what both ends together may be late and still be in time


class Intervals:
    """Intervals of one kind: how many, the least and the greatest share, how many outside.

    `late` is the most that a timer which ended one fired after its deadline, `total_late` the
    sum of that over all, in seconds.
    """

    __slots__ = ("count", "greatest", "late", "least", "outside", "total_late")

    def __init__(self) -> None:
        self.count = 0
        self.outside = 0
        self.least = math.inf
        self.greatest = 0.0
        self.late = 0.0
        self.total_late = 0.0

    def add(
        self, seconds: float, base: float, low: float, high: float, late: float = 0.0
    ) -> None:
        """Count an interval of a timer set to `base`; in time is what `low` and `high` bound.

        All in seconds.
        """
        self.count += 1
        self.total_late += late
        share = seconds / base
        # min() and max() take thrice as long.
        if share < self.least:  # noqa: PLR1730
            self.least = share
        if share > self.greatest:  # noqa: PLR1730
            self.greatest = share
        if late > self.late:  # noqa: PLR1730
            self.late = late
        if not low <= seconds <= high:
            self.outside += 1


def least_share(jitter: str) -> float:
    """Return the least share of its value that a timer runs for; `jitter` as in SessionFlags.

    Source: RFC 4271 section 10.
    """
    return 1.0 if jitter == "off" else LEAST_JITTER


class Timing:
    """The intervals of one session end, over all of its connections.

    `sent`: how long nothing was sent before each KEEPALIVE that its timer called for.
    `received`: how long nothing arrived before each KEEPALIVE, against our own interval; only
    the longer ones can be outside, since one that was read late makes the next one short.
    `connect_retry`: how long ConnectRetryTimer ran, where it expired.
    """

    __slots__ = ("_spread", "connect_retry", "least", "received", "sent")

    def __init__(self, config: PeerConfig) -> None:
        self.least = least_share(config.flags.jitter)
        self.sent = Intervals()
        self.received = Intervals()
        self.connect_retry = Intervals()
        self._spread = config.delay_jitter

    def fired(self, kept: Intervals, seconds: float, base: float, late: float) -> None:
        """Count what a timer of `base` seconds ended; how late it was widens the window."""
        low, high = self.least * base - ROUNDING, base + late + ROUNDING
        kept.add(seconds, base, low, high, late)

    def heard(self, silence: float, base: float) -> None:
        """Count the silence before a KEEPALIVE; `base` is the interval, 0 for none."""
        if base:
            high = base * (1.0 + SLACK) + self._spread
            self.received.add(silence, base, 0.0, high)
