"""The suspicion that a network goes round in a circle, and its proof, from routers' records.

A network that has not converged for a while is asked to tell of every change of a best route.
The records of different routers arrive out of order; here they wait until all that belongs
before them has surely come, and go to `engines.divergence.Recurrence` in the order of their
times. It may be chance that holds a network in a circle, two routers that act at one moment
again and again: what is called divergent has also gone on for a while (LASTING).

Pure but for the clock it is given.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import count

from bgplab.config import RouterConfig
from bgplab.engines.divergence import Recurrence
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.verdict import Cycle
from bgplab.facts import BestChanged
from bgplab.wire.nlri import format_prefix

TURNS = 6  # times that the whole routing state must come back by the same way
LASTING = 10.0  # seconds of the machine that a network has been changing by then
PATIENCE = 3.0  # seconds that any network may take before its changes are looked at
PATIENCE_PER_ROUTER = 0.02  # the same; large labs share processors
PATIENCE_MRAIS = 1  # the same, in intervals of the longest MRAI
REST = 3.0  # seconds of the machine without a change, after which it changes anew
WINDOW = 1.0  # seconds of the machine that a record may be on its way
MOST_WINDOW = 10.0  # the same, where a machine is so busy that records come later
LOOK_EVERY = 0.1  # seconds of the machine between two looks


def patience(routers: Sequence[RouterConfig], factor: float) -> float:
    """Tell how many seconds of the machine a network may take before it is suspected.

    `factor` is that of the lab's clock.
    """
    mrai = max((peer.timers.mrai for router in routers for peer in router.peers), default=0.0)
    return PATIENCE + PATIENCE_PER_ROUTER * len(routers) + PATIENCE_MRAIS * mrai * factor


class Suspicion:
    """Puts the changes of all routers in order, and finds the cycle in them if there is one."""

    def __init__(self, clock: LabClock) -> None:
        self._clock = clock
        self._recurrence = Recurrence(TURNS)
        self._window = clock.lab(WINDOW)
        self._waiting: list[tuple[float, int, str, BestChanged]] = []
        self._serial = count()
        self._passed = 0.0  # changes up to that time have been looked at
        self._ignored = 0.0  # those up to that time belong to a history that is over
        self._began = 0.0  # when the changes began that follow each other without a rest
        self._last = -math.inf  # when the last of them was

    def changed(self, router: str, change: BestChanged) -> None:
        """Take one change of a router; a router's own changes come in order."""
        if change.at <= self._ignored:
            return
        if change.at < self._passed:
            # Too late: the order was wrong. Wait longer from now on.
            late = self._clock.seconds() - change.at
            self._window = min(2 * late, self._clock.lab(MOST_WINDOW))
            self.disturb()
            return
        heapq.heappush(self._waiting, (change.at, next(self._serial), router, change))

    def disturb(self) -> None:
        """Begin anew: something came from outside, and what was before proves nothing."""
        self._waiting.clear()
        self._ignored = self._clock.seconds()
        self._last = -math.inf
        self._recurrence.disturb()

    def look(self) -> Cycle | None:
        """Give the cycle that the network is in, once it is proved."""
        until = self._clock.seconds() - self._window
        while self._waiting and self._waiting[0][0] <= until:
            at, _, router, (_, prefix, peer, as_path) = heapq.heappop(self._waiting)
            if self._clock.real(at - self._last) > REST:
                self._began = at
            self._last = at
            self._recurrence.change(at, router, format_prefix(prefix), peer, as_path, 0)
            cycle = self._recurrence.cycle
            if cycle is not None:
                if self._lasts(cycle, at):
                    return cycle
                self._recurrence.disturb()  # let it be found again
        self._passed = max(self._passed, until)
        return None

    def _lasts(self, cycle: Cycle, at: float) -> bool:
        """Tell whether the network has gone on for long when a cycle is found at a time."""
        took = max(cycle.turns * cycle.period, at - self._began)
        return self._clock.real(took) >= LASTING
