"""When changed routes are decided and sent: output coalescing.

At scale it is messages that cost, not prefixes, and a route sent too early is often replaced at
once. `off` decides at the end of the reactor turn; a number waits that many seconds after the
first change. `auto` decides at once in a calm router. After a decision that changed `n` routes
it waits as long as the crowd of routers takes for as much news each: then the next decision
finds the answers of all peers, also of those with more to do. The engine states the crowd, as
session ends per processor; alone on a machine, and for a single change, the wait is next to
nothing. When it starts, `auto` waits until all its sessions are up, up to its bound: a crowd
that starts together brings up its sessions first. Waiting reorders nothing: it only lets later
news replace earlier news.
"""

from __future__ import annotations

COST = 25e-6  # seconds of a processor to send and receive one route in a crowd, measured
BOUND = 1.0  # seconds: the longest wait of `auto`


class Pacer:
    """Gives the time of the next decision; pure, fed with the times of past ones."""

    __slots__ = ("_earliest", "_per_change", "longest", "mode")

    def __init__(self, mode: str | float, crowd: float) -> None:
        self.mode = mode
        self.longest = 0.0 if isinstance(mode, str) else mode
        self._per_change = COST * crowd
        self._earliest = float("-inf")

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
        if self._earliest <= now:
            return now
        self.longest = max(self.longest, self._earliest - now)
        return self._earliest

    def decided(self, now: float, changes: int) -> None:
        """Note that a decision took place now which changed so many routes."""
        if self.mode == "auto":
            self._earliest = now + min(changes * self._per_change, BOUND)
