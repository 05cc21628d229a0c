"""Processor time of a lab and of all else on the machine, between two samples.

Read from /proc (proc(5)) by the controller: /proc/PID/schedstat says how long a process has run
and how long it was ready but waited for a processor, /proc/stat what the processors did.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bgplab.observe.load import Load

TICK = os.sysconf("SC_CLK_TCK")  # of the figures in /proc/stat and /proc/PID/stat, in a second


@dataclass(frozen=True, slots=True)
class HostTime:
    """Seconds that the processors of the lab were busy with processes, or stolen."""

    busy: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at one moment, in seconds; `at` is on the machine's clock.

    `processes` holds how long each process has run and has waited, by its id; `ended` how long
    those have run that the helpers have reaped.
    """

    at: float
    processes: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    ended: float = 0.0
    host: HostTime | None = None


def parse_schedstat(text: str) -> tuple[float, float]:
    """Read how long a process has run, and has waited. Raises ValueError for other text."""
    ran, waited, _ = map(int, text.split())
    return ran / 1e9, waited / 1e9


def parse_host(text: str, processors: Collection[int], tick: int = TICK) -> HostTime | None:
    """Read /proc/stat: what these processors did. None if it tells of none of them.

    Interrupts are left out: on loopback they are mostly the lab's own packets, and no process
    is charged for them.
    """
    names = {f"cpu{number}" for number in processors}
    lines = [line.split() for line in text.splitlines() if line.startswith("cpu")]
    rows = [list(map(int, fields)) for name, *fields in lines if name in names]
    if not rows:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal, ...; guests are part of user
    busy = sum(sum(row[:3]) for row in rows)
    return HostTime(busy / tick, sum(row[7] for row in rows if len(row) > 7) / tick)


def parse_ended(text: str, tick: int = TICK) -> float:
    """Read /proc/PID/stat: how long the children have run that the process has reaped."""
    fields = text.rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / tick


def processors() -> Collection[int]:
    """List the processors that the lab may use."""
    return os.sched_getaffinity(0)


def sample(pids: Iterable[int], helpers: Iterable[int]) -> Sample:
    """Read all counters now, those of this process too; a process that is gone has none.

    About 10 us for each process. `helpers` reap the routers that end.
    """
    helpers = list(helpers)
    processes = {}
    for pid in (*pids, *helpers, os.getpid()):
        text = _read(f"/proc/{pid}/schedstat")
        if text:
            processes[pid] = parse_schedstat(text)
    ended = sum(parse_ended(text) for pid in helpers if (text := _read(f"/proc/{pid}/stat")))
    host = parse_host(_read("/proc/stat"), processors())
    return Sample(time.monotonic(), processes, ended, host)


def load(before: Sample, after: Sample, routers: Mapping[str, int], cores: int) -> Load:
    """Tell what happened between two samples; `routers` are the process ids of those alive.

    A router that was not there at first counts from its start, one that has ended up to its
    end, as far as its parent has reaped it.
    """
    none = (0.0, 0.0)
    ran = sum(
        now - before.processes.get(pid, none)[0] for pid, (now, _) in after.processes.items()
    )
    gone = sum(
        earlier for pid, (earlier, _) in before.processes.items() if pid not in after.processes
    )
    lab = ran + max(0.0, after.ended - before.ended - gone)
    others = stolen = None
    if before.host is not None and after.host is not None:
        others = max(0.0, after.host.busy - before.host.busy - lab)
        stolen = max(0.0, after.host.stolen - before.host.stolen)
    waited = {
        name: after.processes[pid][1] - before.processes.get(pid, none)[1]
        for name, pid in routers.items()
        if pid in after.processes
    }
    return Load(after.at - before.at, cores, lab, others, stolen, waited)


def stopped(pid: int) -> bool:
    """Tell whether a process is stopped (SIGSTOP): it is silent on purpose."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["T"]


def _read(path: str) -> str:
    """Read a file of /proc; empty if there is none, or its process is gone."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
