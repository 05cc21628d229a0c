"""Run many trials, several at once as far as the machine has cores for them.

One thread: children write to files, and the kernel tells which of them has ended.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bgplab.errors import EXIT_INVALID
from bgplab.testing.child import GRACE
from bgplab.testing.result import Result
from bgplab.testing.trial import Running, Trial


def run_all(
    trials: Sequence[Trial],
    cores: int,
    retries: int = 1,
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run trials until none is left, and give their results in the order of the trials.

    No more run at once than take `cores` together. One that comes out INVALID is run again, up
    to `retries` times, alone. `tell` is called with each result as it comes. Whatever ends this
    early (Ctrl-C) ends all runs first, with their labs.
    """
    pool = _Pool(trials, cores, retries, tell)
    try:
        while pool.start() or pool.running:
            pool.collect()
    finally:
        pool.stop()
    return [pool.results[number] for number in range(len(trials))]


class _Pool:
    """Trials that wait, by number; those that run, by the descriptor of their end."""

    def __init__(
        self,
        trials: Sequence[Trial],
        cores: int,
        retries: int,
        tell: Callable[[Result], None],
    ) -> None:
        self.waiting = [(number, trial, 1) for number, trial in enumerate(trials)]
        self.running: dict[int, tuple[int, Running]] = {}
        self.results: dict[int, Result] = {}
        self._cores = cores
        self._retries = retries
        self._tell = tell

    def start(self) -> bool:
        """Start what has room, the first that fits first; tell whether anything started."""
        started = False
        for entry in list(self.waiting):
            number, trial, attempt = entry
            taken = sum(running.trial.cores for _, running in self.running.values())
            if not self.running or taken + trial.cores <= self._cores:
                running = Running(trial, attempt)
                self.running[running.child.ended] = (number, running)
                self.waiting.remove(entry)
                started = True
        return started

    def collect(self) -> None:
        """Wait until runs have ended or are overdue, and take their results."""
        poll = select.poll()
        for descriptor in self.running:
            poll.register(descriptor, select.POLLIN)
        first = min(running.overdue for _, running in self.running.values())
        ended = {
            descriptor
            for descriptor, _ in poll.poll(max(0.0, first - time.monotonic()) * 1000 + 1)
        }
        for descriptor, (number, running) in list(self.running.items()):
            if descriptor in ended or running.overdue <= time.monotonic():
                del self.running[descriptor]
                self._take(number, running)

    def _take(self, number: int, running: Running) -> None:
        result = running.finish()
        if result.code == EXIT_INVALID and running.attempt <= self._retries:
            alone = replace(running.trial, cores=self._cores)
            self.waiting.append((number, alone, running.attempt + 1))
            return
        self.results[number] = result
        self._tell(result)

    def stop(self) -> None:
        """End all that still runs: first all are asked, then all are waited for."""
        children = [running.child for _, running in self.running.values()]
        for child in children:
            child.terminate()
        until = time.monotonic() + GRACE
        try:
            for child in children:
                child.reap(max(0.0, until - time.monotonic()))
        finally:
            for child in children:
                child.reap(0.0)  # after a second Ctrl-C nothing is waited for
                child.close()
        self.running.clear()
