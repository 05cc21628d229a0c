"""What is to happen, in the order of its times: a heap, and the clock that it drives."""

from __future__ import annotations

from heapq import heappop
from itertools import count
from typing import Any

from bgplab.engines.virtual.wires import NEVER
from bgplab.speaker.inputs import Input

What = Input | bytes | None


class Agenda:
    """Entries of (time, serial number, where, what); `now` is the time, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0  # that happened: inputs and deadlines
        self._heap: list[tuple[float, int, Any, What]] = []
        self._serial = count(1)

    def _happen(self, due: float, serial: int, where: Any, what: What) -> None:
        """Let one entry happen."""
        raise NotImplementedError

    def run(self, until: float, events: int | None = None) -> None:
        """Let time pass up to and including a time, or until so many events have happened."""
        heap, happen = self._heap, self._happen
        most = NEVER if events is None else self.events + events
        while heap and heap[0][0] <= until:
            happen(*heappop(heap))
            if self.events >= most:
                return
        self.now = max(self.now, until)

    def step(self) -> None:
        """Let what comes first happen."""
        self._happen(*heappop(self._heap))

    @property
    def next(self) -> float:
        """The time of what happens next; infinity for nothing."""
        return self._heap[0][0] if self._heap else NEVER
