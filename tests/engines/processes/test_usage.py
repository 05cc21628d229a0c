"""CPU and memory of processes, on this very process and on one that is gone."""

import os
import subprocess
import sys
import time
from pathlib import Path

from bgplab.engines.processes import usage


def ended_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_cpu_time_grows_with_work_and_is_summed():
    before = usage.cpu_seconds([os.getpid()])
    began = time.process_time()
    while time.process_time() - began < 0.05:
        sum(range(1000))
    after = usage.cpu_seconds([os.getpid()])
    assert 0.03 < after - before < 5
    assert usage.cpu_seconds([os.getpid(), os.getpid()]) >= 2 * after


def test_ended_processes_count_no_cpu_time():
    assert usage.cpu_seconds([ended_pid()]) == 0.0
    assert usage.cpu_seconds([]) == 0.0


def test_cpu_time_is_read_in_ticks_where_the_kernel_keeps_no_scheduler_statistics(monkeypatch):
    exact = usage.cpu_seconds([os.getpid()])
    read_text = Path.read_text

    def without_schedstat(path, *arguments, **options):
        if path.name == "schedstat":
            raise FileNotFoundError(path)
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", without_schedstat)
    assert abs(usage.cpu_seconds([os.getpid()]) - exact) < 1.0
    assert usage.cpu_seconds([ended_pid()]) == 0.0


def test_proportional_memory_is_the_mean_of_those_that_can_be_read():
    own = usage.memory_megabytes([os.getpid()])
    assert own is not None
    assert 5 < own < 2000
    mean = usage.memory_megabytes([os.getpid(), ended_pid()])
    assert mean is not None
    assert abs(mean - own) < 0.2 * own


def test_memory_of_nobody_is_unknown():
    assert usage.memory_megabytes([]) is None
    assert usage.memory_megabytes([ended_pid()]) is None


def test_memory_of_many_is_read_from_a_sample(monkeypatch):
    read = []

    def proportional(pid):
        read.append(pid)
        return 5_000_000

    monkeypatch.setattr(usage, "_proportional", proportional)
    assert usage.memory_megabytes(range(1000)) == 5.0
    assert len(read) <= 2 * usage.SAMPLE


def test_the_start_of_this_process_lies_in_the_past_on_the_monotonic_clock():
    code = (
        "import time; from bgplab.engines.processes.usage import started_at;"
        "print(time.monotonic() - started_at())"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert -0.02 < float(done.stdout) < time.monotonic() - began + 0.02  # it counts in 10 ms
