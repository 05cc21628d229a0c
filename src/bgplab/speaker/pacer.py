"""When changed routes are decided and sent: output coalescing.

At scale it is messages that cost, not prefixes, and a route sent too early is often replaced at
once. `off` decides at the end of the reactor turn; a number waits that many seconds after the
first change. `auto` decides at once in a calm router. After a decision that changed `n` routes
it waits as long as the crowd of routers takes for as much news each: then the next decision
finds the answers of all peers, also of those with more to do. The engine states the crowd, as
session ends per processor; alone on a machine, and for a single change, the wait is next to
nothing. When it starts, `auto` waits until all its sessions are up, for a second or twice its
longest wait: a crowd that starts together brings up its sessions first. Waiting reorders
nothing: it only lets later news replace earlier news.
"""

from __future__ import annotations

COST = 18e-6  # seconds of a processor to send and receive one route in a crowd, measured
MOST = 160  # changes that count: more do not make `auto` wait longer
START = 1.0  # seconds that a router waits at least for its sessions when it starts


class Pacer:
    """Gives the time of the next decision; pure, fed with the times of past ones."""

    __slots__ = ("_due", "_earliest", "_per_change", "_since", "longest", "mode")

    def __init__(self, mode: str | float, crowd: float) -> None:
        self.mode = mode
        self.longest = 0.0  # seconds that a change was ever held back on purpose
        self._per_change = COST * crowd
        self._earliest = float("-inf")
        self._since: float | None = None  # when the first change came that is not decided yet
        self._due = 0.0

    @property
    def bound(self) -> float:
        """The longest wait of `auto` between two decisions, in seconds."""
        return MOST * self._per_change

    def start(self, now: float) -> None:
        """Let `auto` wait for all sessions, from now on."""
        if self.mode == "auto":
            self._earliest = now + max(START, 2 * self.bound)

    def complete(self) -> None:
        """Take note that all sessions are up: there is nothing left to wait for."""
        self._earliest = float("-inf")

    def due(self, now: float) -> float:
        """Say when to decide, given that a change arrived now; asked again, maybe sooner."""
        if self._since is None:
            self._since = now
        if self.mode == "off":
            self._due = now
        elif self.mode == "auto":
            self._due = max(now, self._earliest)
        else:
            self._due = self._since + float(self.mode)
        return self._due

    def decided(self, now: float, changes: int) -> None:
        """Note that a decision took place now which changed so many routes."""
        if self._since is not None:
            self.longest = max(self.longest, min(now, self._due) - self._since)
            self._since = None
        if self.mode == "auto":
            self._earliest = now + min(changes, MOST) * self._per_change
