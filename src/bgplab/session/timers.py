"""The timers of one connection as plain data, and their jitter (RFC 4271 section 8.1.3, 10).

A deadline is a float on the caller's clock, in seconds; infinity says that the timer is
stopped. Never reads a clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bgplab.session.events import Event

if TYPE_CHECKING:
    from random import Random

STOPPED = math.inf

# RFC 4271 section 10: a timer runs for its base value times a number from here to 1.
LEAST_JITTER = 0.75

TIMER_EVENTS = {
    "connect_retry": Event.CONNECT_RETRY_TIMER_EXPIRES,
    "hold": Event.HOLD_TIMER_EXPIRES,
    "keepalive": Event.KEEPALIVE_TIMER_EXPIRES,
    "delay_open": Event.DELAY_OPEN_TIMER_EXPIRES,
    "idle_hold": Event.IDLE_HOLD_TIMER_EXPIRES,
    "send_hold": Event.SEND_HOLD_TIMER_EXPIRES,
}


class Deadlines:
    """When each timer of one connection expires."""

    __slots__ = ("connect_retry", "delay_open", "hold", "idle_hold", "keepalive", "send_hold")

    def __init__(self) -> None:
        self.connect_retry = STOPPED
        self.hold = STOPPED
        self.keepalive = STOPPED
        self.delay_open = STOPPED
        self.idle_hold = STOPPED
        self.send_hold = STOPPED

    @property
    def earliest(self) -> float:
        """Return the deadline that comes first; infinity if no timer runs."""
        return min(
            self.hold,
            self.keepalive,
            self.send_hold,
            self.connect_retry,
            self.delay_open,
            self.idle_hold,
        )

    @property
    def running(self) -> tuple[str, ...]:
        """Name the timers that run, in the order of their events."""
        return tuple(name for name in TIMER_EVENTS if getattr(self, name) < STOPPED)

    def due(self, now: float) -> list[tuple[float, str]]:
        """List (deadline, name) of the timers that have expired, by event number."""
        others = min(
            self.hold, self.send_hold, self.connect_retry, self.delay_open, self.idle_hold
        )
        if self.keepalive <= now < others:  # by far the most frequent: nothing to look up
            return [(self.keepalive, "keepalive")]
        return [(due, name) for name in TIMER_EVENTS if (due := getattr(self, name)) <= now]


class Jitter:
    """Shortens timers at random by up to a quarter (RFC 4271 section 10).

    `mode` is that of SessionFlags: "per-set" draws anew each time a timer is set, "per-session"
    once for all, "off" never.
    """

    __slots__ = ("_factor", "_random")

    def __init__(self, mode: str, rng: Random) -> None:
        self._random = rng.random if mode == "per-set" else None
        self._factor = rng.uniform(LEAST_JITTER, 1.0) if mode == "per-session" else 1.0

    def __call__(self, base: float) -> float:
        """Return how long a timer of `base` seconds is to run this time."""
        if self._random is None:
            return base * self._factor
        return base * (LEAST_JITTER + (1.0 - LEAST_JITTER) * self._random())
