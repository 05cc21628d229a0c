"""The test of a network that goes in a circle: another order of events may settle it.

It may only be chance that routers act at one moment again and again (DISAGREE of T. Griffin,
F. Shepherd and G. Wilfong, ToN 10(2), 2002): such a network settles as soon as one of them acts
alone. So during a trial time is cut into slots, and a router hears what there is for it in some
of them only, drawn at random. A network without a stable state (BAD
GADGET) goes on in any order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from bgplab.engines.verdict import Cycle
from bgplab.engines.virtual.wires import End, Node

if TYPE_CHECKING:
    import random

SHARE = (
    0.6  # of a turn; half a turn at least, so that all hear of a change before the next slot
)
CHANGES = 10  # of one router's route in a trial, after which it is certain


class Slots:
    """Slots in which routers listen, drawn router by router, so that none keep in step."""

    def __init__(self, seconds: float, rng: random.Random) -> None:
        self._seconds = seconds
        self._random = rng.random
        self._next: dict[Node, int] = {}  # the number of the latest slot that was drawn

    def arrival(self, end: End, due: float) -> float:
        """Say when a router hears what is due at an end: at the begin of its next slot.

        Never so late that a hold timer fires. Times in seconds.
        """
        slot = int(due / self._seconds) + 1
        known = self._next.get(end.node, 0)
        if known < slot:
            while self._random() < 0.5:
                slot += 1
            self._next[end.node] = known = slot
        late = known * self._seconds
        hold = end.node.speaker.sessions[end.peer].negotiated.hold
        return min(late, due + hold / 3) if hold else late


class Trial:
    """A trial of a cycle that has been seen."""

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle
        self._prefix = cycle.changes[0].prefix
        self._changes: Counter[str] = Counter()
        self._most = 0

    def slots(self, rng: random.Random) -> Slots:
        """Make the slots in which routers listen during the trial."""
        return Slots(SHARE * self._cycle.period, rng)

    def change(self, router: str, prefix: str) -> None:
        """Count a change of a router's best route."""
        if prefix == self._prefix:
            self._changes[router] += 1
            self._most = max(self._most, self._changes[router])

    @property
    def verdict(self) -> Cycle | None:
        """Give the cycle if the network has not settled for long enough, with all its turns."""
        if self._most < CHANGES:
            return None
        part = Counter(change.router for change in self._cycle.changes)
        more = self._most // max(part.values())
        return replace(self._cycle, turns=self._cycle.turns + more)
