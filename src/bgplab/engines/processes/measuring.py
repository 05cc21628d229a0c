"""What the controller makes of its routers' measures, and of its own punctuality."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bgplab.engines.interface import Measures
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import STALL, Stalls, join_stalls


def summed_up(answers: Mapping[str, Mapping[str, Any]], silent: tuple[str, ...]) -> Measures:
    """Sum up the answers of all routers to the command Measure."""
    lateness, latest = _merged(answers, "lateness")
    links, latest_link = _merged(answers, "links")
    stalls = {name: (it["stalls"], it["longest_stall"]) for name, it in answers.items()}
    every = answers.values()
    return Measures(
        lateness=lateness,
        updates_sent=sum(answer["sent"] for answer in every),
        updates_received=sum(answer["received"] for answer in every),
        routes=sum(answer["routes"] for answer in every),
        coalesced=max((answer["coalesced"] for answer in every), default=0.0),
        failures=sum(answer["failures"] for answer in every),
        busy=sum(answer["busy"] for answer in every),
        latest=latest,
        links=links,
        latest_link=latest_link,
        stalls=join_stalls(stalls),
        silent=silent,
    )


def _merged(
    answers: Mapping[str, Mapping[str, Any]], field: str
) -> tuple[LatenessHistogram, str]:
    """Merge one histogram of all routers; give it, and whose maximum is the greatest."""
    merged, latest = LatenessHistogram(), ""
    for name, answer in answers.items():
        if not answer[field]:
            continue
        histogram = LatenessHistogram.from_bytes(answer[field])
        if histogram.maximum > merged.maximum:
            latest = name
        merged.merge(histogram)
    return merged, latest


class Pulse:
    """Something that the controller does at a steady rate, and how late it came to it.

    `beat` does it; `now` gives seconds of the machine.
    """

    def __init__(
        self,
        work: Callable[[], object],
        every: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._every = every
        self._now = now
        self._last = 0.0
        self.stalls = Stalls()

    def start(self) -> None:
        """Count from now."""
        self._last = self._now()

    def beat(self) -> None:
        """Do it, and note if the reactor was elsewhere for longer than STALL meanwhile."""
        now = self._now()
        late = now - self._last - self._every
        if late > STALL:
            self.stalls = Stalls(self.stalls.number + 1, max(self.stalls.longest, late))
        self._last = now
        self._work()
