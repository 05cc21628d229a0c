"""Octets that spend time on a link: constant delay, jitter, order kept."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall


class Timing(Protocol):
    """The part of a reactor that a delay line needs."""

    def callLater(self, delay: float, call: Callable[[], None], /) -> IDelayedCall:
        """Call back after `delay` seconds."""


class DelayLine:
    """Passes octets on after `delay` seconds and up to `jitter` more, drawn for each write.

    TCP keeps order, so octets that draw a short time wait for those before them. `left` is
    told of each write when it was due to leave the link, as it does.
    """

    def __init__(
        self,
        timing: Timing,
        now: Callable[[], float],
        delay: float,
        jitter: float,
        rng: random.Random,
        deliver: Callable[[bytes], None],
        left: Callable[[float], None] = lambda due: None,
    ) -> None:
        self._timing = timing
        self._now = now
        self._delay = delay
        self._jitter = jitter
        self._rng = rng
        self._deliver = deliver
        self._left = left
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._call: IDelayedCall | None = None
        self._latest = 0.0
        self._drained: Callable[[], None] = _nothing  # to be called when all has left

    def write(self, octets: bytes) -> None:
        """Put octets on the link."""
        due = self._now() + self._delay + self._jitter * self._rng.random()
        self._latest = max(self._latest, due)
        self._waiting.append((self._latest, octets))
        if self._call is None:
            self._arm()

    def change(self, delay: float, jitter: float) -> None:
        """Let octets spend another time on the link from now on, behind those on it."""
        self._delay, self._jitter = delay, jitter

    @property
    def busy(self) -> bool:
        """Tell whether anything is on the link."""
        return bool(self._waiting)

    def drain(self, done: Callable[[], None]) -> None:
        """Call `done` once everything has left the link; what is lost never does."""
        if self._waiting:
            self._drained = done
        else:
            done()

    def cut(self) -> None:
        """Lose what is on the link: the connection is gone."""
        self._cancel()
        self._waiting.clear()
        self._drained = _nothing

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self) -> None:
        self._call = self._timing.callLater(
            max(0.0, self._waiting[0][0] - self._now()), self._arrived
        )

    def _arrived(self) -> None:
        self._call = None
        now = self._now()
        while self._waiting and self._waiting[0][0] <= now:
            due, octets = self._waiting.popleft()
            self._left(due)
            self._deliver(octets)
        if self._waiting:
            self._arm()
        else:
            self._drained()


def _nothing() -> None:
    """Nobody waits for the link to be empty."""
