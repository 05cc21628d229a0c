"""When changed routes are decided and sent: output coalescing.

At scale it is messages that cost, not prefixes, and a route sent too early is often replaced at
once. `off` decides at the end of the reactor turn; a number waits that many seconds after the
first change; `auto` does the first in a calm router, and in a busy one waits in proportion to
how late its own wake-ups come, up to a bound: lateness is how a crowd of processes shows that
it has more work than processors. When it starts, `auto` waits until all its sessions are up, up
to the same bound: a crowd that starts together brings up its sessions first. Waiting reorders
nothing: it only lets later news replace earlier news.
"""

from __future__ import annotations

FIRST = 0.005  # seconds between two decisions of a busy router: short, yet it can be late
BOUND = 0.5  # seconds: the longest wait of `auto`
CALM = 0.1  # seconds without a decision after which a router is calm again
LATE = 4.0  # wait this many times the lateness of wake-ups
DECAY = 0.7  # of the wait that remains when a wake-up was punctual


class Pacer:
    """Gives the time of the next decision; pure, fed with the times of past ones."""

    __slots__ = ("_earliest", "_last", "_wait", "longest", "mode")

    def __init__(self, mode: str | float) -> None:
        self.mode = mode
        self.longest = 0.0 if isinstance(mode, str) else mode
        self._wait = FIRST
        self._last = self._earliest = float("-inf")

    def start(self, now: float) -> None:
        """Let `auto` wait for all sessions, from now on."""
        if self.mode == "auto":
            self._earliest = now + BOUND

    def complete(self) -> None:
        """Take note that all sessions are up: there is nothing left to wait for."""
        self._earliest = float("-inf")

    def due(self, now: float) -> float:
        """Say when to decide, given that the first change arrived now."""
        if self.mode == "off":
            return now
        if self.mode != "auto":
            return now + float(self.mode)
        if now < self._earliest:
            return self._earliest
        if now - self._last > CALM + self._wait:
            self._wait = FIRST
            return now
        self.longest = max(self.longest, self._wait)
        return max(now, self._last + self._wait)

    def decided(self, now: float, due: float) -> None:
        """Note that a decision took place now that was due at `due`."""
        self._last = now
        if self.mode == "auto":
            self._wait = min(max(FIRST, DECAY * self._wait, LATE * (now - due)), BOUND)
