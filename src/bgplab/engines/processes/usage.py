"""CPU and memory of processes, read from /proc (proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

SAMPLE = 16  # processes whose memory is read: the kernel needs a millisecond or more for each


def cpu_seconds(pids: Sequence[int]) -> float:
    """Sum the CPU time of processes in seconds; those that have ended count nothing."""
    return sum(_cpu(pid) for pid in pids)


def _cpu(pid: int) -> float:
    try:
        # schedstat counts in nanoseconds where stat counts in ticks of 10 ms.
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return _cpu_by_ticks(pid)
    except ProcessLookupError:
        return 0.0


def busy_seconds() -> float:
    """Tell how long this process has run, or waited for a processor to run on."""
    try:
        ran, waited, _ = Path("/proc/self/schedstat").read_text().split()
    except FileNotFoundError:  # a kernel without scheduler statistics
        return time.process_time()
    return (int(ran) + int(waited)) / 1e9


def _cpu_by_ticks(pid: int) -> float:
    """Read CPU time where the kernel keeps no scheduler statistics."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pids: Sequence[int]) -> float | None:
    """Give the mean proportional memory of processes in MB, from an even sample of them.

    Proportional: a page that is shared by n processes counts 1/n for each. None if it cannot be
    read.
    """
    step = max(1, len(pids) // SAMPLE)
    read = [found for pid in pids[::step] if (found := _proportional(pid)) is not None]
    return sum(read) / len(read) / 1e6 if read else None


def _proportional(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None


def started_at() -> float:
    """Tell when this process was started, on the clock of time.monotonic (10 ms resolution).

    Seconds of a run count from here: the interpreter's start and imports are part of them.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    return time.monotonic() - age
