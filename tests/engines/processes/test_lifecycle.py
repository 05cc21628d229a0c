"""Routers of a lab of real processes that are started anew, and load beside the lab."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bgplab.config import Level
from bgplab.engines.processes.clock import LabClock
from bgplab.errors import ProcessError, UsageError
from bgplab.facts import BestChanged, StateChanged
from bgplab.observe.runs import find_inputs

DIAMOND = """
name: diamond
topology:
  defaults: {timers: {hold: 3s, idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
  links: [r1-r2, r1-r3, r2-r4, r3-r4]
"""


async def path(lab, router, prefix="10.4.0.0/16"):
    rows = {row.prefix: row.as_path for row in await lab.routes(router)}
    return rows.get(prefix)


async def converged(lab, limit=15):
    verdict = await lab.until_converged(limit)
    assert verdict.name == "converged", verdict.reasons
    return verdict


def lives(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_router_that_is_killed_starts_anew_and_has_forgotten_what_it_was_told(play, start):
    async def scenario(lab, run):
        old = lab.pid("r4")
        await lab.announce("r4", "10.44.0.0/16")
        await lab.shut_down("r4", "r2")
        await converged(lab)
        lab.kill("r4")
        await converged(lab)
        assert await path(lab, "r1") is None
        await lab.restart("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        assert await path(lab, "r1", "10.44.0.0/16") is None
        assert lab.pid("r4") != old
        assert not lives(old)
        assert len(lab.pids) == 4
        assert lab.progress().established == 4
        assert lab.deaths == []
        assert [state.up for state in lab.states()] == [2, 2, 2, 2]
        lab._store.flush()
        connection = sqlite3.connect(run.database)
        row = connection.execute(
            "SELECT state, exit_status, died_at, pid FROM routers WHERE name = 'r4'"
        ).fetchone()
        connection.close()
        assert row == ("running", None, None, lab.pid("r4"))

    play(DIAMOND, scenario, start=start)


def test_a_running_router_is_started_anew_many_times(play):
    async def scenario(lab, run):
        sent = []
        for _ in range(5):
            await lab.restart("r4")
            sent.append((await lab.measures()).updates_sent)
        assert sent == sorted(sent)  # those of former lives count
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        with pytest.raises(UsageError, match="no router 'r9'"):
            await lab.restart("r9")

    play(DIAMOND, scenario)


def reaped(pid):
    """Wait until a killed process has been reaped; the reactor has no turn meanwhile."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
    pytest.fail(f"process {pid} is still there")


def test_a_router_starts_anew_whose_end_nobody_has_told_yet(play):
    """The fork server reaps it first, and then says so: its process id is nobody's by then."""

    async def scenario(lab, run):
        lab.kill("r4")
        reaped(lab.pid("r4"))
        with pytest.raises(ProcessError, match="not running"):
            lab.kill("r4")
        await lab.restart("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        assert lab.deaths == []

    play(DIAMOND, scenario)


def test_a_router_that_has_just_crashed_cannot_be_killed_and_starts_anew(play):
    async def scenario(lab, run):
        os.kill(lab.pid("r4"), signal.SIGKILL)
        reaped(lab.pid("r4"))
        with pytest.raises(ProcessError, match="not running"):
            lab.kill("r4")
        await lab.restart("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        assert [(death.router, death.status) for death in lab.deaths] == [
            ("r4", "killed by SIGKILL")
        ]

    play(DIAMOND, scenario)


@pytest.mark.slow
def test_a_router_that_starts_anew_finds_its_links_as_they_are(play):
    async def scenario(lab, run):
        await lab.link_down("r2", "r4")
        await lab.delay("r3", "r4", 0.1)
        await lab.restart("r4")
        verdict = await converged(lab)
        assert await path(lab, "r1") == "65003 65004"
        before = lab.now()
        await lab.announce("r4", "10.44.0.0/16")
        verdict = await converged(lab)
        assert 0.1 <= verdict.at - before < 0.5
        await lab.blackhole("r3", "r4")
        await lab.restart("r4")
        await converged(lab)  # r3 has to find that its peer is gone
        assert await path(lab, "r1") is None
        await lab.heal("r3", "r4")
        await lab.link_up("r2", "r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"

    play(DIAMOND, scenario)


def test_a_paused_router_starts_anew(play):
    async def scenario(lab, run):
        await lab.pause("r4")
        await lab.restart("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"

    play(DIAMOND, scenario)


def test_a_router_that_starts_anew_keeps_the_labs_time_and_tells_of_its_changes(play):
    async def scenario(lab, run):
        await lab.tell_changes()
        facts = []
        lab.observe(lambda router, fact: facts.append((router, fact)))
        began = lab.now()
        await lab.restart("r4")
        await converged(lab)
        await lab.caught_up()
        news = [fact for router, fact in facts if router == "r4"]
        assert any(isinstance(fact, BestChanged) for fact in news)
        changes = [fact.at for fact in news if isinstance(fact, StateChanged)]
        assert all(began < at < lab.now() for at in changes)
        assert isinstance(lab._clock, LabClock)

    play(DIAMOND, scenario, time_scale=2.0)


def test_each_life_of_a_router_has_a_file_of_inputs(play):
    async def scenario(lab, run):
        await lab.restart("r4")
        await converged(lab)
        return run.database

    database = play(DIAMOND, scenario, level=Level.INPUTS)
    folder = find_inputs(database)
    assert folder is not None
    assert sorted(path.stem for path in folder.glob("*.jsonl")) == [
        "r1",
        "r2",
        "r3",
        "r4",
        "r4~2",
    ]


def test_hogs_compute_for_as_long_as_they_are_asked_to_and_end_with_the_lab(play):
    async def scenario(lab, run):
        began = time.monotonic()
        await lab.hog_cpu(1, 0.3)
        await lab.hog_cpu(2, 600)
        assert time.monotonic() - began < 0.5
        first, *others = lab.hog_pids
        assert all(lives(pid) for pid in (first, *others))
        await lab.wait(1.2)
        assert lab.hog_pids == others
        assert not lives(first)
        for pid in others:
            ran = Path(f"/proc/{pid}/schedstat").read_text().split()[0]
            assert int(ran) > 50e6  # nanoseconds
        return others

    others = play(DIAMOND, scenario)
    assert not any(lives(pid) for pid in others)


def test_hogs_end_with_the_process_that_started_them(gone_within):
    code = (
        "from twisted.internet.task import Clock\n"
        "from bgplab.engines.processes.hogs import Hogs\n"
        "hogs = Hogs(Clock())\n"
        "hogs.start(2, 600)\n"
        "print(*hogs.pids, flush=True)\n"
        "input()\n"
    )
    pipe = subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, env=env)
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert all(lives(pid) for pid in pids)
        parent.kill()
    gone_within(pids, 5)
