"""A lab of real router processes: what may be asked of it, and what becomes of its dead."""

import os
import signal
import socket
import sqlite3
import time

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from bgplab.config import Level
from bgplab.engines.processes.controller import Options, prepare
from bgplab.engines.verdict import Death
from bgplab.errors import HostError, ProcessError, UsageError
from bgplab.observe.query import show
from bgplab.topology.load import loads

TRIANGLE = """
name: triangle
topology:
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65003, originate: [10.3.0.0/16]}
  links: [r1-r2, r2-r3, r3-r1]
"""
PAIR = """
name: pair
topology:
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
  links:
    - {endpoints: [r1, r2], delay: DELAY}
"""


async def prefixes(lab, router):
    return sorted(row.prefix for row in await lab.routes(router))


async def paths(lab, router):
    return {row.prefix: row.as_path for row in await lab.routes(router)}


def test_a_router_gives_all_paths_to_a_prefix_and_the_database_keeps_them(play):
    async def scenario(lab, run):
        found = await lab.candidates("r3", "10.1.0.0/16")
        assert [(row.peer, row.as_path, row.best, row.lost) for row in found] == [
            ("r2", "65002 65001", False, "a shorter AS_PATH"),
            ("r1", "65001", True, ""),
        ]
        assert await lab.candidates("r3", "10.9.0.0/16") == []
        with pytest.raises(ValueError, match="not an IPv4 prefix"):
            await lab.candidates("r3", "10.9.0.0")
        with pytest.raises(UsageError, match="no router"):
            await lab.candidates("r9", "10.1.0.0/16")
        await run.report(await lab.until_converged(10))
        return run.database

    database = play(TRIANGLE, scenario, level=Level.UPDATES)
    held = show(database, "candidates", router="r3", prefix="10.1.0.0/16")
    assert [row[2:4] for row in held.rows] == [("r2", "65002 65001"), ("r1", "65001")]
    assert [row[-1] for row in held.rows] == ["a shorter AS_PATH", ""]


def test_a_triangle_converges_and_its_report_and_store_agree(play):
    async def scenario(lab, run):
        report = await run.report(await lab.until_converged(10))
        for router in ("r1", "r2", "r3"):
            assert await prefixes(lab, router) == ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]
        return report, run.database

    report, database = play(TRIANGLE, scenario)
    assert report.exit_code == 0
    assert (report.routers, report.sessions, report.routes) == (3, 3, 9)
    assert report.updates_sent == report.updates_received > 0
    seconds = report.seconds
    assert 0 < seconds.ready < seconds.established <= seconds.converged < seconds.total
    connection = sqlite3.connect(database)
    sessions = connection.execute("SELECT router, peer, state, since FROM sessions").fetchall()
    verdict = connection.execute("SELECT verdict FROM run").fetchall()
    connection.close()
    assert len(sessions) == 6
    assert {state for _, _, state, _ in sessions} == {"Established"}
    assert all(since > 0 for *_, since in sessions)
    assert verdict == [("converged",)]


def test_an_announced_prefix_is_everywhere_when_convergence_is_told_and_gone_after_withdrawal(
    play,
):
    async def scenario(lab, run):
        before = lab.now()
        await lab.announce("r2", "10.77.0.0/16", "10.78.0.0/16")
        verdict = await lab.until_converged(10)
        assert verdict.name == "converged"
        assert before < verdict.at < verdict.detected <= lab.now()
        for router in ("r1", "r2", "r3"):
            assert (await prefixes(lab, router))[-2:] == ["10.77.0.0/16", "10.78.0.0/16"]
        assert (await paths(lab, "r1"))["10.77.0.0/16"] == "65002"
        await lab.withdraw("r2", "10.77.0.0/16")
        again = await lab.until_converged(10)
        assert again.at > verdict.detected
        for router in ("r1", "r2", "r3"):
            assert (await prefixes(lab, router))[-1] == "10.78.0.0/16"

    play(TRIANGLE, scenario)


def test_a_network_that_nobody_touched_is_converged_at_once_and_as_of_before(play):
    async def scenario(lab, run):
        first = await lab.until_converged(10)
        second = await lab.until_converged(10)
        assert second.at == first.at
        assert second.detected > first.detected

    play(TRIANGLE, scenario)


def test_a_reset_session_comes_back_before_convergence_is_told(play):
    async def scenario(lab, run):
        await lab.reset("r1", "r2")
        verdict = await lab.until_converged(20)
        assert verdict.name == "converged"
        assert lab.progress().established == 3
        assert (await paths(lab, "r1"))["10.2.0.0/16"] == "65002"

    timers = "  defaults: {timers: {idle-hold: 100ms, connect-retry: 500ms}}\n"
    play(TRIANGLE.replace("topology:\n", "topology:\n" + timers), scenario)


def test_a_refused_act_says_why_and_keeps_nothing_waiting(play):
    async def scenario(lab, run):
        for wrong in (["no prefix"], ["10.9.0.0/16", "10.9.0.1/16"]):
            with pytest.raises(ValueError, match=r"10\.9\.0\.1|no prefix"):
                await lab.announce("r1", *wrong)
        with pytest.raises(UsageError, match="no router 'r9'"):
            await lab.announce("r9", "10.9.0.0/16")
        await lab.withdraw("r1", "192.0.2.0/24")  # was never announced
        verdict = await lab.until_converged(10)
        assert verdict.name == "converged", verdict.reasons
        assert len(await prefixes(lab, "r2")) == 3

    play(TRIANGLE, scenario)


def test_a_killed_router_is_reported_by_name_and_its_routes_go(play):
    async def scenario(lab, run):
        told: list[Death] = []
        lab.on_death = told.append
        os.kill(lab.pid("r2"), signal.SIGKILL)
        disturbed = await lab.until_disturbed()
        verdict = await lab.until_converged(20)
        assert verdict.name == "converged"
        assert verdict.at >= disturbed - 0.5
        assert [(death.router, death.status) for death in told] == [("r2", "killed by SIGKILL")]
        assert lab.deaths == told
        assert await prefixes(lab, "r1") == ["10.1.0.0/16", "10.3.0.0/16"]
        assert await prefixes(lab, "r3") == ["10.1.0.0/16", "10.3.0.0/16"]
        with pytest.raises(ProcessError, match="r2 died: not running"):
            await lab.routes("r2")
        with pytest.raises(ProcessError, match="not running"):
            lab.kill("r2")
        await lab.announce("r1", "10.77.0.0/16")  # the lab goes on
        assert (await lab.until_converged(10)).name == "converged"
        assert "10.77.0.0/16" in await prefixes(lab, "r3")
        report = await run.report(verdict)
        return report, run.database

    report, database = play(TRIANGLE, scenario)
    assert report.exit_code == 4
    assert [death.router for death in report.deaths] == ["r2"]
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT name, state, exit_status FROM routers").fetchall()
    connection.close()
    assert ("r2", "died", "killed by SIGKILL") in rows


def test_a_router_killed_by_the_scenario_is_no_death_of_the_lab(play):
    async def scenario(lab, run):
        lab.kill("r3")
        verdict = await lab.until_converged(20)
        assert verdict.name == "converged"
        assert await prefixes(lab, "r1") == ["10.1.0.0/16", "10.2.0.0/16"]
        assert lab.deaths == []
        assert len(lab.pids) == 2

    play(TRIANGLE, scenario)


def test_a_stopped_router_is_named_when_time_runs_out_and_believed_when_it_goes_on(play):
    async def scenario(lab, run):
        os.kill(lab.pid("r1"), signal.SIGSTOP)
        try:
            verdict = await lab.until_converged(0.5)
            assert verdict.name == "timeout"
            assert verdict.reasons == ("router r1: does not answer",)
        finally:
            os.kill(lab.pid("r1"), signal.SIGCONT)
        assert (await lab.until_converged(10)).name == "converged"

    play(TRIANGLE, scenario)


def test_the_delay_of_a_link_shows_in_the_time_that_a_session_takes(play):
    """OPEN and KEEPALIVE cross the link one after the other (RFC 4271 section 8.2.2)."""

    async def scenario(lab, run):
        return min(session.since for session in lab.sessions.values()) - lab.ready_at

    quick = play(PAIR.replace("DELAY", "0ms"), scenario)
    slow = play(PAIR.replace("DELAY", "50ms"), scenario)
    assert slow >= 0.1
    assert quick < slow


def test_two_labs_at_once_do_not_collide(under_reactor, tmp_path):
    runs = [
        prepare(loads(TRIANGLE), TRIANGLE, Options(store=tmp_path / f"{name}.sqlite"))
        for name in ("left", "right")
    ]

    async def one(run):
        lab = run.open(reactor)
        try:
            verdict = await run.converge(20)
            return verdict.name, await prefixes(lab, "r1")
        finally:
            await run.close()

    async def both():
        return await gatherResults([Deferred.fromCoroutine(one(run)) for run in runs])

    addresses = {router.address for run in runs for router in run.plan.routers}
    assert len(addresses) == 6
    assert (
        under_reactor(both)
        == [("converged", ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"])] * 2
    )


def test_a_long_configuration_travels_in_parts(play):
    many = ", ".join(f"10.{i // 250 + 10}.{i % 250}.0/24" for i in range(5000))
    text = TRIANGLE.replace("10.1.0.0/16", many)

    async def scenario(lab, run):
        assert len(await lab.routes("r3")) == 5002

    play(text, scenario)


def test_recorded_updates_are_in_the_store(play):
    async def scenario(lab, run):
        await run.report(await lab.until_converged(10))
        return run.database

    database = play(TRIANGLE, scenario, level=Level.UPDATES)
    connection = sqlite3.connect(database)
    counts = dict(connection.execute("SELECT direction, count(*) FROM updates GROUP BY 1"))
    connection.close()
    assert counts["sent"] == counts["received"] > 0


def test_measures_sum_up_all_routers(play):
    async def scenario(lab, run):
        measures = await lab.measures()
        assert measures.routes == 9
        assert measures.failures == 0
        assert measures.updates_sent == measures.updates_received
        progress = lab.progress()
        assert (progress.routers, progress.ready) == (3, 3)
        assert (progress.sessions, progress.established) == (3, 3)
        assert lab.now() <= time.monotonic()
        states = [(state.name, state.asn, state.alive, state.up) for state in lab.states()]
        assert states == [
            ("r1", 65001, True, 2),
            ("r2", 65002, True, 2),
            ("r3", 65003, True, 2),
        ]

    play(TRIANGLE, scenario)


def test_a_lab_may_be_stopped_twice_and_before_it_has_started(under_reactor, tmp_path):
    run = prepare(loads(TRIANGLE), TRIANGLE, Options(store=tmp_path / "run.sqlite"))

    async def work():
        run.open(reactor)
        await run.close()
        await run.close()
        return True

    assert under_reactor(work)


def test_a_prepared_run_that_is_abandoned_leaves_nothing(tmp_path):
    run = prepare(loads(TRIANGLE), TRIANGLE, Options(store=tmp_path / "run.sqlite"))
    assert run._warm is not None
    process = run._warm.process
    run.abandon()
    run.abandon()
    assert process.returncode == -signal.SIGKILL


def test_an_address_in_use_is_a_fault_of_the_host(under_reactor, tmp_path):
    run = prepare(loads(TRIANGLE), TRIANGLE, Options(store=tmp_path / "run.sqlite"))
    taken = (run.plan.routers[1].address, run.plan.routers[1].port)

    async def work():
        run.open(reactor)
        try:
            with pytest.raises(HostError, match=r"127\..*1790"):
                await run.converge(20)
        finally:
            await run.close()
        return True

    try:
        with socket.create_server(taken):
            assert under_reactor(work)
    finally:
        run.abandon()
