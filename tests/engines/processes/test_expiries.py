"""Hold timers that expire in a lab of processes: the accounts of both ends come together."""

import os
import signal
import socket

import pytest

from bgplab.config import PeerConfig, RouterConfig, Timers
from bgplab.engines.processes.expiries import KEPT, Expiries
from bgplab.engines.processes.net.connection import PeerConnection
from bgplab.facts import HoldExpired, SessionEnded
from bgplab.observe.expiry import Silences
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.query import show
from bgplab.observe.timing import IntervalFigures, SessionTiming

EXPIRED = HoldExpired(103.0, "r2", 7, 100.0, 100.0, 3, 0.0)
ENDED = SessionEnded(103.1, "r1", 7, 100.0, 1.0, 0.0)


def config(name, *peers, **more):
    return RouterConfig(
        *(name, 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1"),
        peers=tuple(PeerConfig(peer, "127.1.0.2", 1790, 65002, **more) for peer in peers),
    )


@pytest.fixture
def expiries():
    return Expiries([config("r1", "r2", "outside"), config("r2", "r1")], Silences(), {})


def kinds(expiries):
    return [expiry.kind for expiry in expiries.judge()]


def timing(epoch, last_sent, keepalive=1.0):
    """What r2 says of its session with r1."""
    none = IntervalFigures()
    return SessionTiming(
        *("r2", "r1", epoch, 3, keepalive, last_sent, None),
        *(none, none, none, none, LatenessHistogram()),
    )


def test_an_expiry_is_unclear_until_the_peer_has_told_and_asked_for_meanwhile(expiries):
    expiries.expired("r1", EXPIRED)
    assert kinds(expiries) == ["unclear"]
    assert expiries.missing() == ["r2"]
    expiries.ended("r2", ENDED)
    assert kinds(expiries) == ["starvation"]
    assert expiries.missing() == []


def test_the_peer_may_have_told_before_the_expiry_is_known(expiries):
    expiries.ended("r2", ENDED._replace(keepalive=5.0))
    expiries.expired("r1", EXPIRED)
    assert kinds(expiries) == ["genuine"]


def test_only_the_record_of_the_same_connection_counts(expiries):
    expiries.ended("r2", ENDED._replace(epoch=6))
    expiries.expired("r1", EXPIRED)
    expiries.ended("r2", ENDED._replace(epoch=8))
    expiries.learn([timing(8, 100.0)])
    assert kinds(expiries) == ["unclear"]


def test_a_peer_that_has_not_noticed_the_end_tells_by_its_timing(expiries):
    expiries.expired("r1", EXPIRED)
    expiries.learn([timing(7, None)])
    assert kinds(expiries) == ["unclear"]
    expiries.learn([timing(7, 100.0)])
    assert kinds(expiries) == ["starvation"]
    expiries.learn([timing(7, 100.0, keepalive=9.0)])  # what it said first counts
    assert kinds(expiries) == ["starvation"]


def test_a_silence_of_the_labs_own_making_needs_no_record():
    silences = Silences()
    expiries = Expiries([config("r1", "r2"), config("r2", "r1")], silences, {})
    silences.begin("r2", 99.5)
    expiries.expired("r1", EXPIRED)
    assert kinds(expiries) == ["genuine"]


def test_the_keepalive_interval_of_the_peer_decides_how_long_a_silence_must_be():
    slow = config("r2", "r1", timers=Timers(hold=3, keepalive=2.5))
    silences = Silences()
    expiries = Expiries([config("r1", "r2"), slow], silences, {})
    silences.begin("r2", 102.0)
    expiries.expired("r1", EXPIRED)
    assert kinds(expiries) == ["genuine"]


@pytest.mark.parametrize("link", [("r1", "r2"), ("r2", "r1")])
def test_the_jitter_that_an_act_gave_to_a_link_counts_and_not_that_of_the_plan(link):
    delays: dict[tuple[str, str], tuple[float, float]] = {}
    expiries = Expiries([config("r1", "r2"), config("r2", "r1")], Silences(), delays)
    expiries.expired("r1", EXPIRED)
    expiries.ended("r2", ENDED._replace(last_sent=102.9))
    assert kinds(expiries) == ["starvation"]
    delays[link] = (0.0, 2.5)
    assert kinds(expiries) == ["genuine"]


def test_a_peer_that_is_not_of_the_lab_cannot_be_asked(expiries):
    expiries.expired("r1", EXPIRED._replace(peer="outside"))
    assert expiries.missing() == []
    assert kinds(expiries) == ["unclear"]


def test_expiries_come_in_the_order_of_their_times_and_records_are_bounded(expiries):
    for epoch in range(10 * KEPT):
        expiries.ended("r2", ENDED._replace(epoch=epoch, keepalive=9.0))
    expiries.expired("r1", EXPIRED._replace(at=110.0, epoch=10 * KEPT - 1))
    expiries.expired("r1", EXPIRED._replace(epoch=0))
    assert [expiry.at for expiry in expiries.judge()] == [103.0, 110.0]
    assert kinds(expiries) == ["unclear", "genuine"]


def test_a_router_counts_the_octets_that_wait_in_a_socket():
    """FIONREAD, as they may have come after the sockets were read for the last time."""
    near, far = socket.socketpair()

    class Transport:
        def getHandle(self):
            return near

    connection = PeerConnection(
        *(1, lambda given: None, lambda number: None),
        *(lambda address, deliver: None, lambda address: False),
    )
    connection.transport = Transport()  # type: ignore[assignment]
    with far:
        assert connection.unread == 0
        far.sendall(bytes(19))
        assert connection.unread == 19
        near.close()
        assert connection.unread == 0


STAR = """
topology:
  defaults: {timers: {hold: 3s}}
  generate: {model: star, n: 4, names: r}
"""


@pytest.mark.slow
def test_neighbours_of_a_stopped_router_drop_it_after_the_hold_time_and_genuinely(play):
    """RFC 4271 section 6.5; the limit is what the certificate of the run says."""

    async def scenario(lab, run):
        verdict = await lab.until_converged(10)
        await lab.wait(2.0)
        await lab.pause("r1")
        await lab.wait(4.0)
        report = await run.report(verdict)
        return await lab.expiries(), report, run.database

    expiries, report, database = play(STAR, scenario)
    assert sorted(each.router for each in expiries) == ["r2", "r3", "r4"]
    assert {(each.peer, each.kind) for each in expiries} == {("r1", "genuine")}
    for each in expiries:
        assert 3.0 <= each.waited <= 3.0 + report.fidelity.lateness.max + 0.001
    assert len(show(database, "expiries").rows) == 3
    assert {row[0] for row in show(database, "keepalives").rows} == {"r2", "r3", "r4"}


@pytest.mark.slow
def test_a_router_that_sleeps_unknown_to_the_lab_makes_the_run_invalid(play):
    """As one that gets no processor: it finds its sessions lost and says when it last sent."""

    async def scenario(lab, run):
        verdict = await lab.until_converged(10)
        await lab.wait(1.0)
        os.kill(lab.pid("r1"), signal.SIGSTOP)
        try:
            await lab.wait(4.0)
        finally:
            os.kill(lab.pid("r1"), signal.SIGCONT)
        expiries = await lab.expiries()
        return expiries, await run.report(verdict), await lab.timings()

    expiries, report, timings = play(STAR, scenario)
    assert {each.kind for each in expiries} == {"starvation"}
    assert sorted(each.router for each in expiries if each.peer == "r1") == ["r2", "r3", "r4"]
    assert report.exit_code == 3
    assert len(timings) == 6
    assert all(each.within_window("sent") for each in timings)
