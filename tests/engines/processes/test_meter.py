"""Processor time from the text of /proc, and between two samples."""

import os
import signal
import subprocess
import sys

import pytest

from bgplab.engines.processes import meter
from bgplab.engines.processes.meter import HostTime, Sample

STAT = """cpu  1000 10 200 5000 60 0 30 40 0 0
cpu0 400 5 100 2500 30 0 20 10 0 0
cpu1 500 5 80 2400 20 0 5 20 0 0
cpu10 100 0 20 100 10 0 5 10 0 0
intr 123 0
ctxt 456
"""


def test_schedstat_tells_run_and_wait_in_nanoseconds():
    assert meter.parse_schedstat("1500000000 250000000 77\n") == (1.5, 0.25)


def test_schedstat_of_another_form_is_refused():
    with pytest.raises(ValueError):
        meter.parse_schedstat("1 2\n")


def test_the_host_is_counted_by_the_processors_of_the_lab_and_without_interrupts():
    assert meter.parse_host(STAT, {0, 1}, tick=100) == HostTime(10.9, 0.3)
    assert meter.parse_host(STAT, {1}, tick=100) == HostTime(5.85, 0.2)
    assert meter.parse_host(STAT, {7}, tick=100) is None
    assert meter.parse_host("", {0}, tick=100) is None


def test_a_kernel_without_steal_time_is_read_too():
    assert meter.parse_host("cpu0 400 5 100 2500\n", {0}, tick=100) == HostTime(5.05, 0.0)


def test_reaped_children_are_read_past_a_name_with_spaces_and_brackets():
    fields = " ".join(map(str, range(3, 53)))
    assert meter.parse_ended(f"77 (a) b) {fields}", tick=10) == (16 + 17) / 10


def test_load_is_what_was_between_two_samples():
    before = Sample(100.0, {1: (1.0, 0.5), 2: (2.0, 0.0), 9: (4.0, 0.0)}, 0.0, HostTime(50, 3))
    after = Sample(110.0, {1: (3.0, 1.5), 2: (2.5, 4.0), 9: (5.0, 0.1)}, 0.0, HostTime(60, 5))
    load = meter.load(before, after, {"r1": 1, "r2": 2}, cores=2)
    assert (load.span, load.cores) == (10.0, 2)
    assert load.lab == 3.5
    assert load.others == 6.5
    assert load.stolen == 2
    assert load.waited == {"r1": 1.0, "r2": 4.0}
    assert load.worst == ("r2", 4.0)
    assert load.waiting == 0.25
    assert load.share(load.others) == 6.5 / 20


def test_a_router_that_ended_counts_for_the_lab_and_not_for_others():
    before = Sample(0.0, {1: (1.0, 0.0), 9: (0.0, 0.0)}, 2.0, HostTime(0, 0))
    after = Sample(10.0, {9: (0.5, 0.0)}, 6.0, HostTime(4, 0))
    load = meter.load(before, after, {}, cores=2)
    assert load.lab == 3.5
    assert load.others == 0.5


def test_a_router_that_started_later_counts_from_its_start():
    load = meter.load(Sample(0.0), Sample(10.0, {5: (1.0, 0.25)}), {"r5": 5, "r6": 6}, cores=1)
    assert load.lab == 1.0
    assert load.waited == {"r5": 0.25}
    assert load.others is None
    assert load.stolen is None


def test_ticks_too_coarse_for_a_short_span_never_make_others_negative():
    before, after = Sample(0.0, {1: (0.0, 0.0)}), Sample(1.0, {1: (1.0, 0.0)})
    before = Sample(0.0, before.processes, 0.0, HostTime(5.0, 1.0))
    after = Sample(1.0, after.processes, 0.0, HostTime(5.5, 1.0))
    assert meter.load(before, after, {"r1": 1}, cores=1).others == 0.0


def test_a_sample_of_this_machine_holds_this_process_and_leaves_out_what_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    sample = meter.sample([child.pid], [])
    assert list(sample.processes) == [os.getpid()]
    ran, waited = sample.processes[os.getpid()]
    assert ran > 0
    assert waited >= 0
    assert sample.host is not None
    assert sample.host.busy > 0


def test_a_stopped_process_is_told_from_one_that_runs_and_one_that_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        assert not meter.stopped(child.pid)
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert meter.stopped(child.pid)
    finally:
        child.kill()
        child.wait()
    assert not meter.stopped(child.pid)
