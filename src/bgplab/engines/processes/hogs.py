"""Processes that do nothing but compute: load beside the lab, on purpose.

Run as a program, `python -m bgplab.engines.processes.hogs SECONDS PARENT` computes for so long,
or until its parent ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from twisted.internet.interfaces import IDelayedCall

LATE = 0.5  # seconds after its time at which one that is still there is killed


class Hogs:
    """Starts them, and sees to it that none is left."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._running: dict[int, tuple[subprocess.Popen[bytes], IDelayedCall]] = {}

    def start(self, processes: int, seconds: float) -> None:
        """Let so many compute for so many seconds of the machine, or until `stop`."""
        for _ in range(processes):
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(seconds), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                process_group=0,
            )
            end = self._reactor.callLater(seconds + LATE, self._end, process.pid)
            self._running[process.pid] = process, end

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return list(self._running)

    def stop(self) -> None:
        """End all of them now."""
        for pid, (_, end) in list(self._running.items()):
            end.cancel()
            self._end(pid)

    def _end(self, pid: int) -> None:
        process, _ = self._running.pop(pid)
        process.kill()
        process.wait()


def compute(seconds: float, parent: int) -> None:
    """Compute for so many seconds, no longer than the parent lives."""
    from bgplab.engines.processes.parentage import die_with_parent

    die_with_parent(parent)
    until = time.monotonic() + seconds
    number = 1
    while time.monotonic() < until:
        for _ in range(10_000):
            number = number * 1_103_515_245 + 12_345 & 0x7FFF_FFFF


if __name__ == "__main__":
    compute(float(sys.argv[1]), int(sys.argv[2]))
