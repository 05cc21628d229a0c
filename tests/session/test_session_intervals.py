"""What a session measures of its timers, and what it tells when one runs out."""

import random

import pytest

from bgplab.config import PeerConfig, SessionFlags, Timers
from bgplab.facts import HoldExpired, SessionEnded, TimerFired
from bgplab.session.effects import Send
from bgplab.session.events import State
from bgplab.session.intervals import SLACK, Intervals, Timing
from bgplab.session.memory import LEFT, RIGHT, End, Side, Wire, back_to_back
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB

STEADY = SessionFlags(jitter="off")
PASSIVE = RIGHT._replace(passive=True, flags=STEADY)
CALM = LEFT._replace(flags=STEADY)


def started(left: Side = CALM, right: Side = PASSIVE) -> tuple[Wire, End, End]:
    """Start two sessions and let come what comes without time passing."""
    wire = back_to_back(random.Random(1), left, right)
    for end in reversed(wire.ends):
        end.session.start(0.0)
        wire.flush()
    wire.settle()
    return wire, wire.ends[0], wire.ends[1]


def facts(end: End, kind: type) -> list:
    """Pick the effects of one kind."""
    return [effect for effect in end.effects if isinstance(effect, kind)]


# Intervals


def test_intervals_keep_number_bounds_and_lateness():
    kept = Intervals()
    for seconds, late in ((0.8, 0.01), (0.9, 0.0), (1.02, 0.03)):
        kept.add(seconds, 2.0, 0.0, 9.0, late)
    assert (kept.count, kept.outside) == (3, 0)
    assert (kept.least, kept.greatest) == (0.4, 0.51)
    assert kept.late == 0.03
    assert kept.total_late == pytest.approx(0.04)


@pytest.mark.parametrize(
    "mode,seconds,late,inside",
    [
        ("per-set", 7.5, 0.0, True),
        ("per-set", 10.0, 0.0, True),
        ("per-set", 7.49, 0.0, False),
        ("per-set", 10.01, 0.0, False),
        ("per-set", 10.01, 0.02, True),  # the timer was late by more than that
        ("per-set", 10.03, 0.02, False),
        ("per-session", 7.5, 0.0, True),
        ("off", 10.0, 0.0, True),
        ("off", 9.9, 0.0, False),
        ("off", 10.01, 0.02, True),
    ],
)
def test_a_timer_has_a_window_that_its_own_lateness_widens(mode, seconds, late, inside):
    """RFC 4271 section 10: three quarters of the value to all of it."""
    wire = back_to_back(random.Random(1), LEFT._replace(flags=SessionFlags(jitter=mode)))
    timing = wire.ends[0].session.timing
    timing.fired(timing.sent, seconds, 10.0, late)
    assert timing.sent.outside == (not inside)


def test_what_arrives_too_late_is_outside_and_what_was_read_late_is_not():
    """A message that is read late makes the next interval short: no fault of the peer."""
    timing = back_to_back(random.Random(1)).ends[0].session.timing
    timing.heard(0.1, 10.0)
    timing.heard(10.0 * (1 + SLACK), 10.0)
    assert timing.received.outside == 0
    timing.heard(10.0 * (1 + SLACK) + 0.01, 10.0)
    assert timing.received.outside == 1


def test_a_link_may_spread_what_arrives_by_its_jitter():
    spread = Timing(PeerConfig("r2", "127.0.0.2", 1790, 65002, delay_jitter=2.0))
    spread.heard(12.0, 10.0)
    assert spread.received.outside == 0


def test_without_keepalives_nothing_that_arrives_is_an_interval():
    """RFC 4271 section 4.2: hold time zero."""
    timing = back_to_back(random.Random(1)).ends[0].session.timing
    timing.heard(5.0, 0.0)
    assert timing.received.count == 0


# Measured by sessions


@pytest.mark.parametrize("mode", ["per-set", "per-session", "off"])
def test_every_interval_of_a_punctual_session_is_in_its_window(mode):
    """RFC 4271 sections 4.4 and 10."""
    flags = SessionFlags(jitter=mode)
    wire, left, right = started(LEFT._replace(flags=flags), PASSIVE._replace(flags=flags))
    wire.run(3000.0)
    for end in (left, right):
        for kept in (end.session.timing.sent, end.session.timing.received):
            assert kept.count >= 99
            assert kept.outside == 0
            assert 0.75 - 1e-9 <= kept.least <= kept.greatest <= 1.0 + 1e-9
        assert end.session.timing.sent.late == 0.0
    sent, received = left.session.timing.sent, right.session.timing.received
    assert (sent.count, sent.least) == (received.count, received.least)
    if mode == "off":
        assert sent.least == sent.greatest == 1.0


def test_a_timer_that_is_called_late_is_measured_and_still_in_its_window():
    wire, left, _ = started()
    assert left.session.next_deadline == 30.0
    wire.now = 31.5
    left.session.tick(31.5)
    sent = left.session.timing.sent
    assert (sent.count, sent.outside, sent.late, sent.greatest) == (1, 0, 1.5, 1.05)


def test_silence_is_counted_from_whatever_was_sent_last():
    """RFC 4271 section 8.2.2: each UPDATE sent restarts KeepaliveTimer."""
    wire, left, right = started()
    wire.run(20.0)
    left.session.send_updates([END_OF_RIB], wire.now)
    wire.run(50.0)
    assert left.session.timing.sent.count == 1
    assert left.session.timing.sent.greatest == 1.0
    assert right.session.timing.received.greatest == 1.0
    assert left.session.last_times == (50.0, 30.0)


def test_silence_ends_with_the_first_of_what_arrives_together():
    _, _, right = started()
    right.session.receive(-1, KEEPALIVE_MESSAGE * 2, 40.0)
    received = right.session.timing.received
    assert (received.count, received.least) == (2, 0.0)
    assert received.greatest == pytest.approx(40.0 / 30.0)
    assert received.outside == 1


def test_an_update_never_brings_the_keepalive_forward():
    """The engine calls when it was going to; that is in the window as well (section 10)."""
    flags = SessionFlags(jitter="per-set")
    wire, left, _ = started(LEFT._replace(flags=flags))
    for step in range(1, 2000):
        before = left.session.next_deadline
        wire.run(step * 1.7)
        left.session.send_updates([END_OF_RIB], wire.now)
        machine = left.session._primary
        assert machine.timers.keepalive >= min(before, machine.timers.keepalive)
        assert left.session.next_deadline <= machine.timers.keepalive
        assert 22.5 <= machine.timers.keepalive - wire.now <= 30.0
    wire.run(5000.0)
    assert all(fact.late == 0.0 for fact in facts(left, TimerFired))
    assert left.session.timing.sent.outside == 0


def test_connect_retry_is_measured_where_it_expires():
    """RFC 4271 section 8.2.2, Connect, event 9; jitter by section 10."""
    timers = Timers(connect_retry=8.0)
    side = LEFT._replace(timers=timers, flags=SessionFlags(connect_fail_next="active"))
    wire = back_to_back(random.Random(1), side)
    wire.reachable = False
    wire.ends[0].session.start(0.0)
    wire.run(400.0)
    kept = wire.ends[0].session.timing.connect_retry
    assert kept.count >= 40
    assert 0.75 <= kept.least < 0.8
    assert 0.95 < kept.greatest <= 1.0
    assert kept.outside == 0


# What is told


def test_a_hold_timer_that_expires_tells_when_the_peer_was_last_heard():
    wire, left, right = started()
    wire.run(30.0)
    wire.silent = True
    wire.run(200.0)
    assert facts(left, HoldExpired) == [
        HoldExpired(120.0, "right", 1, 30.0, 30.0, 90, 0.0, 0),
    ]
    assert facts(right, HoldExpired) == [HoldExpired(120.0, "left", 1, 30.0, 30.0, 90, 0.0, 0)]


def test_a_message_that_does_not_restart_hold_timer_was_heard_but_is_not_its_last():
    """RFC 4271 section 8.2.2: KEEPALIVE and UPDATE restart it."""
    _, _, right = started()
    right.session.receive(-1, encode_refresh(1, 1), 80.0)
    right.session.tick(90.25)
    (expired,) = facts(right, HoldExpired)
    assert (expired.heard, expired.last_received, expired.late) == (80.0, 0.0, 0.25)


def test_the_large_hold_time_of_an_open_that_never_comes_is_no_expiry_of_a_session():
    """RFC 4271 section 8.2.2, OpenSent: nothing has been negotiated."""
    wire = back_to_back(random.Random(1), CALM, PASSIVE)
    left = wire.ends[0]
    left.session.start(0.0)
    wire.flush()
    wire.deliver((0, 1))
    assert left.session.state is State.OPEN_SENT
    left.session.tick(240.0)
    assert facts(left, HoldExpired) == facts(left, SessionEnded) == []


def test_both_ends_tell_what_they_sent_last_before_the_end_and_a_notification_is_not_that():
    wire, left, right = started()
    wire.run(70.0)
    left.session.stop(70.0)
    wire.settle()
    assert len(facts(left, Send)) == 5  # OPEN, three KEEPALIVEs, NOTIFICATION
    assert facts(left, SessionEnded) == [SessionEnded(70.0, "right", 1, 60.0, 30.0, 0.0)]
    assert facts(right, SessionEnded) == [SessionEnded(70.0, "left", 1, 60.0, 30.0, 0.0)]


def test_an_end_tells_how_late_its_keepalives_were():
    wire, left, _ = started()
    wire.now = 33.0
    left.session.tick(33.0)
    left.session.stop(40.0)
    (ended,) = facts(left, SessionEnded)
    assert (ended.last_sent, ended.late) == (33.0, 3.0)


def test_octets_that_go_past_the_state_machine_do_not_count_as_sent():
    """KeepaliveTimer goes on, so the silence before the next KEEPALIVE is not a shorter one."""
    wire, left, _ = started()
    wire.run(20.0)
    left.session.inject(KEEPALIVE_MESSAGE, 20.0)
    wire.run(35.0)
    sent = left.session.timing.sent
    assert (sent.count, sent.outside, sent.least) == (1, 0, 1.0)
