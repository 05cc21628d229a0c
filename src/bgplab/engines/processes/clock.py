"""The clock of a lab: that of the machine, from its start on stretched or compressed.

One rule holds for all of a lab: times and durations are those of the lab, in facts, in the
database, in verdicts and in the report's seconds. Only what belongs to the machine is told in
its own seconds: CPU, lateness, what one UPDATE costs, and the limits in this package that say
how long a machine may take for something. Until its routers are ready a lab has the machine's
time: how long processes take to start is no part of what they are started for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall


class LabClock:
    """Seconds of a lab; each takes `factor` seconds of the machine from `origin` on.

    `origin` is on CLOCK_MONOTONIC, the machine's clock; up to then the two agree. Processes
    that are given one origin and one factor share one clock.
    """

    def __init__(
        self,
        factor: float = 1.0,
        origin: float = math.inf,
        machine: Callable[[], float] = time.monotonic,
    ) -> None:
        self.factor = factor
        self.origin = origin
        self._machine = machine

    def begin(self) -> None:
        """Let the factor count from now on."""
        self.origin = self._machine()

    def seconds(self) -> float:
        """Give the time."""
        now = self._machine()
        return now if now <= self.origin else self.origin + (now - self.origin) / self.factor

    def nanoseconds(self) -> int:
        """Give the time as the database keeps it."""
        return round(self.seconds() * 1e9)

    def real(self, seconds: float) -> float:
        """Tell how many seconds of the machine so many of the lab take."""
        return seconds * self.factor

    def lab(self, seconds: float) -> float:
        """Tell how many seconds of the lab go by in so many of the machine."""
        return seconds / self.factor


class LabTiming:
    """The `callLater` of a reactor, in seconds of the lab."""

    def __init__(self, reactor: Any, factor: float) -> None:
        self._reactor = reactor
        self._factor = factor

    def callLater(self, delay: float, call: Callable[[], None], /) -> IDelayedCall:
        """Call back after `delay` seconds of the lab."""
        delayed: IDelayedCall = self._reactor.callLater(delay * self._factor, call)
        return delayed
