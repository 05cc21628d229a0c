"""Several runs at once: no more than there is room for, all gone in the end."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bgplab.testing import pool
from bgplab.testing.trial import Running, Trial, cores_of

# Notes when it starts and ends; waits, if it is to, until somebody ends it.
SCRIPT = """
import os, signal, sys
journal, name, codes, printed = sys.argv[1:]
def note(word):
    with open(journal, "a") as stream:
        stream.write(f"{word} {name}\\n")
note("start")
runs = open(journal).read().split("\\n").count(f"start {name}")
code = (codes.split(",") * runs)[runs - 1]
if code == "hang":
    print("hangs", file=sys.stderr, flush=True)
    signal.pause()
if code == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()
print(printed)
note("end")
sys.exit(int(code))
"""


@dataclass(frozen=True, slots=True)
class Scripted(Trial):
    """A trial whose run is the script above: it leaves these exit codes, one after another."""

    journal: str = ""
    codes: str = "0"
    printed: str = ""

    def command(self):
        given = (self.journal, self.file, self.codes, self.printed)
        return [sys.executable, "-c", SCRIPT, *given]


@pytest.fixture
def trial(tmp_path, report):
    def make(file, codes="0", cores=1, limit=30.0, printed=None):
        text = json.dumps(report()) if printed is None else printed
        journal = str(tmp_path / "journal")
        return Scripted(file, "virtual", limit, 0, cores, journal, codes, text)

    return make


@pytest.fixture
def journal(tmp_path):
    return lambda: (tmp_path / "journal").read_text().splitlines()


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def overlap(lines):
    """Give the most that ran at once."""
    running = [0]
    for line in lines:
        running.append(running[-1] + (1 if line.startswith("start") else -1))
    return max(running)


def test_results_come_in_the_order_of_the_trials_each_told_as_it_ends(trial, report):
    told: list[Any] = []
    trials = [trial("a", "1"), trial("b"), trial("c", "2")]
    results = pool.run_all(trials, 2, tell=told.append)
    assert [(each.file, each.code) for each in results] == [("a", 1), ("b", 0), ("c", 2)]
    assert sorted(each.file for each in told) == ["a", "b", "c"]
    assert all(each.report == report() for each in results)


def test_no_more_run_at_once_than_there_is_room_for(trial, journal):
    pool.run_all([trial(name) for name in "abcd"], 1)
    assert overlap(journal()) == 1
    assert [line for line in journal() if line.startswith("start")] == [
        f"start {name}" for name in "abcd"
    ]


def test_a_large_one_runs_alone_also_if_it_is_larger_than_the_machine(trial, journal):
    pool.run_all([trial("a"), trial("large", cores=8), trial("b")], 2)
    lines = journal()
    at = lines.index("start large")
    assert lines[at + 1] == "end large"


def test_an_invalid_run_is_repeated_alone_and_told_once(trial, journal):
    told: list[Any] = []
    results = pool.run_all([trial("a", "3,0"), trial("b")], 2, 1, told.append)
    assert [(each.code, each.attempts) for each in results] == [(0, 2), (0, 1)]
    assert sorted(each.file for each in told) == ["a", "b"]
    assert journal()[-2:] == ["start a", "end a"]


def test_a_run_that_stays_invalid_is_invalid(trial):
    (result,) = pool.run_all([trial("a", "3")], 1, retries=2)
    assert (result.verdict, result.attempts) == ("INVALID", 3)
    (result,) = pool.run_all([trial("b", "3")], 1, retries=0)
    assert (result.verdict, result.attempts) == ("INVALID", 1)


def test_a_run_whose_time_is_over_is_ended_and_an_error(trial):
    (result,) = pool.run_all([trial("a", "hang", limit=0.5)], 1)
    assert (result.verdict, result.report) == ("ERROR", None)
    assert result.errors.splitlines()[-1] == "ended after 0.5 s: the time limit of the test"


def test_a_run_without_a_report_has_not_passed(trial):
    (result,) = pool.run_all([trial("a", printed="no report")], 1)
    assert result.verdict == "ERROR"


def test_whatever_ends_the_pool_ends_the_runs(trial, monkeypatch):
    pids: list[int] = []

    class Interrupted(Running):
        def __init__(self, given, attempt=1):
            super().__init__(given, attempt)
            pids.append(self.child.process.pid)

    def interrupt(result):
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "Running", Interrupted)
    monkeypatch.setattr(pool, "GRACE", 0.5)
    descriptors = open_files()
    with pytest.raises(KeyboardInterrupt):
        pool.run_all([trial("a"), trial("b", "hang"), trial("c", "deaf")], 3, tell=interrupt)
    assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert open_files() == descriptors


@pytest.mark.parametrize(
    "engine, routers, cores",
    [("virtual", 200, 1), ("processes", 3, 1), ("processes", 9, 2), ("processes", 200, 4)],
)
def test_a_lab_of_processes_takes_more_of_the_machine(engine, routers, cores):
    assert cores_of(engine, routers, 4) == cores
