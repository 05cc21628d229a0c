"""When changed routes are decided and sent: output coalescing.

At scale it is messages that cost, not prefixes, and a route sent too early is often replaced at
once. `off` decides at the end of the reactor turn; a number waits that many seconds after the first
change; `auto` does the first in a calm router, and waits, up to a bound, while changes keep coming
or the process runs late. Waiting reorders nothing: it only lets later news replace earlier news.
"""

from __future__ import annotations

FIRST = 0.005  # seconds: the shortest wait worth a wake-up
BOUND = 0.3  # seconds: the longest wait of `auto`
CALM = 4.0  # a pause of so many waits ends a busy period
LATE = 3.0  # wait this many times the lateness of the last wake-up


class Pacer:
    """Gives the time of the next decision; pure, fed with the times of past ones."""

    __slots__ = ("_last", "_wait", "longest", "mode")

    def __init__(self, mode: str | float) -> None:
        self.mode = mode
        self.longest = 0.0 if isinstance(mode, str) else mode
        self._wait = 0.0
        self._last = float("-inf")

    def due(self, now: float) -> float:
        """Say when to decide, given that the first change arrived now."""
        if self.mode == "off":
            return now
        if self.mode != "auto":
            return now + float(self.mode)
        if now - self._last > CALM * max(self._wait, FIRST):
            self._wait = 0.0
            return now
        wait = self._wait = min(max(2 * self._wait, FIRST), BOUND)
        self.longest = max(self.longest, wait)
        return max(now, self._last + wait)

    def decided(self, now: float, due: float) -> None:
        """Note that a decision took place now that was due at `due`."""
        self._last = now
        if self.mode == "auto":
            late = now - due
            if late > FIRST:
                self._wait = min(max(self._wait, LATE * late), BOUND)
