"""Two sessions over an in-memory wire, in virtual time (RFC 4271 section 8)."""

import itertools
import math
import random

import pytest

from bgplab.config import Level, SessionFlags, Timers
from bgplab.errors import UpdateError
from bgplab.facts import (
    NotificationReceived,
    NotificationSent,
    OctetsReceived,
    OctetsSent,
    StateChanged,
    TimerFired,
    UpdateReceived,
    UpdateSent,
)
from bgplab.session.effects import Close, Dial, Send
from bgplab.session.events import Event, State
from bgplab.session.memory import LEFT, RIGHT, End, Side, Wire, back_to_back
from bgplab.wire.header import UPDATE, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import read_shutdown
from bgplab.wire.open import decode_open
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB

STEADY = SessionFlags(jitter="off")
PASSIVE = RIGHT._replace(passive=True, flags=STEADY)
CALM = LEFT._replace(flags=STEADY)


def started(left: Side = CALM, right: Side = PASSIVE) -> tuple[Wire, End, End]:
    """Start two sessions, the right one first, and let come what comes without time passing."""
    wire = back_to_back(random.Random(1), left, right)
    for end in reversed(wire.ends):
        end.session.start(0.0)
        wire.flush()
    wire.settle()
    return wire, wire.ends[0], wire.ends[1]


def facts(end: End, kind: type) -> list:
    """Pick the effects of one kind."""
    return [effect for effect in end.effects if isinstance(effect, kind)]


def path(end: End) -> list[tuple[State, Event]]:
    """List the states that were entered, each with its event."""
    return [(State(fact.new), Event(fact.event)) for fact in facts(end, StateChanged)]


def keepalive_times(end: End, wire: Wire, until: float) -> list[float]:
    """Run until a time, and list when the end sent a KEEPALIVE."""
    times = []
    while end.session.next_deadline <= until:
        end.effects.clear()
        wire.run(end.session.next_deadline)
        times += [wire.now for send in facts(end, Send) if send.octets == KEEPALIVE_MESSAGE]
    return times


# Coming up


def test_a_session_climbs_through_the_states_to_established():
    """RFC 4271 section 8.2.2; the passive end starts in Active."""
    _, left, right = started()
    assert path(left) == [
        (State.CONNECT, Event.AUTOMATIC_START_DAMPED),
        (State.OPEN_SENT, Event.TCP_CR_ACKED),
        (State.OPEN_CONFIRM, Event.BGP_OPEN),
        (State.ESTABLISHED, Event.KEEPALIVE_MSG),
    ]
    assert path(right) == [
        (State.ACTIVE, Event.AUTOMATIC_START_DAMPED_PASSIVE),
        (State.OPEN_SENT, Event.TCP_CONNECTION_CONFIRMED),
        (State.OPEN_CONFIRM, Event.BGP_OPEN),
        (State.ESTABLISHED, Event.KEEPALIVE_MSG),
    ]
    assert left.told == right.told == [(0.0, "established")]
    assert left.session.epoch == right.session.epoch == 1
    assert left.session.negotiated.hold == 90
    assert left.session.negotiated.identifier == 0x0A000002


def test_the_open_says_who_we_are():
    """RFC 4271 section 4.2; capabilities of RFC 4760, 2918, 6793."""
    _, left, _ = started(LEFT._replace(asn=4_200_000_000))
    message = decode_open(facts(left, Send)[0].octets[19:])
    assert (message.version, message.asn, message.hold_time) == (4, 4_200_000_000, 90)
    assert message.identifier == 0x0A000001
    assert [capability.code for capability in message.capabilities] == [1, 2, 65]


def test_a_passive_end_never_dials():
    """RFC 4271 section 8.1.1, PassiveTcpEstablishment."""
    wire, left, right = started(CALM._replace(passive=True))
    wire.run(300.0)
    assert facts(left, Dial) == facts(right, Dial) == []
    assert left.session.state is right.session.state is State.ACTIVE


UNDAMPED = SessionFlags(damp_peer_oscillations=False)


@pytest.mark.parametrize(
    "flags, passive, manual, event",
    [
        (SessionFlags(), False, True, Event.MANUAL_START),
        (SessionFlags(), True, True, Event.MANUAL_START_PASSIVE),
        (SessionFlags(allow_automatic_start=False), False, False, Event.MANUAL_START),
        (SessionFlags(damp_peer_oscillations=False), False, False, Event.AUTOMATIC_START),
        (
            SessionFlags(damp_peer_oscillations=False),
            True,
            False,
            Event.AUTOMATIC_START_PASSIVE,
        ),
        (SessionFlags(), False, False, Event.AUTOMATIC_START_DAMPED),
        (SessionFlags(), True, False, Event.AUTOMATIC_START_DAMPED_PASSIVE),
    ],
)
def test_the_event_of_a_start_follows_the_session_attributes(flags, passive, manual, event):
    """RFC 4271 section 8.1.2, events 1 and 3 to 7."""
    left = back_to_back(random.Random(1), LEFT._replace(flags=flags, passive=passive)).ends[0]
    left.session.start(0.0, manual=manual)
    assert path(left) == [(State.ACTIVE if passive else State.CONNECT, event)]


def test_an_internal_session_knows_that_it_is_one():
    wire = back_to_back(random.Random(1), LEFT, RIGHT._replace(asn=LEFT.asn))
    assert wire.ends[0].session.internal
    assert not back_to_back(random.Random(1)).ends[0].session.internal


def test_an_octet_at_a_time_is_enough():
    wire = back_to_back(random.Random(1), CALM, PASSIVE)
    for end in reversed(wire.ends):
        end.session.start(0.0)
    wire.flush()
    left, right = (end.session for end in wire.ends)
    left.dialled(1, 5, 0.0)
    right.accepted(-1, 5, 0.0)
    for _ in range(2):
        octets = [b"".join(send.octets for send in facts(end, Send)) for end in wire.ends]
        for end in wire.ends:
            end.effects.clear()
        for octet in octets[1]:
            left.receive(1, bytes((octet,)), 0.0)
        for octet in octets[0]:
            right.receive(-1, bytes((octet,)), 0.0)
    assert left.established
    assert right.established


# Refusals of an OPEN


@pytest.mark.parametrize(
    "right, code, subcode",
    [
        (PASSIVE._replace(asn=LEFT.asn, identifier=LEFT.identifier), 2, 3),
        (PASSIVE, 2, 2),
    ],
    ids=["internal peer with our identifier", "wrong AS"],
)
def test_an_unacceptable_open_is_answered_with_the_reason(right, code, subcode):
    """RFC 4271 section 6.2, RFC 6286 section 2.2."""
    wire = back_to_back(random.Random(1), CALM, right)
    if subcode == 2:
        other = back_to_back(random.Random(1), CALM._replace(asn=64999), right).ends[0]
        wire = Wire(other, wire.ends[1])
    for end in reversed(wire.ends):
        end.session.start(0.0)
        wire.flush()
    wire.settle()
    sent = [fact for end in wire.ends for fact in facts(end, NotificationSent)]
    assert (sent[0].code, sent[0].subcode) == (code, subcode)
    assert not any(end.session.established for end in wire.ends)


# Timers


@pytest.mark.parametrize("mode", ["per-set", "per-session", "off"])
def test_keepalives_come_in_the_window_of_the_jitter(mode):
    """RFC 4271 section 10: the base value times 0.75 to 1.0, a third of the hold time."""
    wire, left, _ = started(LEFT._replace(flags=SessionFlags(jitter=mode)))
    times = [0.0, *keepalive_times(left, wire, 900.0)]
    gaps = [round(after - before, 6) for before, after in itertools.pairwise(times)]
    assert len(gaps) >= 29
    assert all(22.5 <= gap <= 30.0 for gap in gaps)
    assert (len(set(gaps)) > 20) == (mode == "per-set")
    assert (set(gaps) == {30.0}) == (mode == "off")


def test_a_peer_that_is_slower_than_the_hold_time_is_lost_exactly_then():
    """SSFNet's drop_peer: keepalive 200 s against hold time 90 s."""
    wire, left, right = started(CALM._replace(timers=Timers(keepalive=200.0)))
    wire.run(89.999)
    assert right.session.established
    wire.run(90.0)
    assert right.told == [(0.0, "established"), (90.0, "down")]
    assert left.told == [(0.0, "established"), (90.0, "down")]
    assert facts(right, NotificationSent) == [NotificationSent(90.0, "left", 4, 0, b"")]
    assert facts(left, NotificationReceived) == [NotificationReceived(90.0, "right", 4, 0, b"")]
    assert path(right)[-1] == (State.IDLE, Event.HOLD_TIMER_EXPIRES)


def test_a_peer_that_keeps_its_third_of_the_hold_time_is_never_lost():
    """SSFNet's keep_peer."""
    wire, left, right = started()
    wire.run(5000.0)
    assert left.told == right.told == [(0.0, "established")]


def test_silence_ends_the_session_one_hold_time_after_the_last_message():
    """RFC 4271 section 8.2.2, event 10; section 6.5."""
    wire, left, right = started()
    wire.run(30.0)
    wire.silent = True
    wire.run(119.999)
    assert left.session.established
    wire.run(120.0)
    assert (left.told[-1], right.told[-1]) == ((120.0, "down"), (120.0, "down"))


def test_an_update_keeps_the_session_as_a_keepalive_does():
    """RFC 4271 section 8.2.2, event 27: HoldTimer restarts."""
    _, _, right = started()
    right.session.receive(-1, END_OF_RIB, 80.0)
    right.session.tick(169.999)
    assert right.session.established
    right.session.tick(170.0)
    assert path(right)[-1] == (State.IDLE, Event.HOLD_TIMER_EXPIRES)


def test_a_route_refresh_does_not_restart_the_hold_timer():
    """RFC 4271 names KEEPALIVE and UPDATE."""
    _, _, right = started()
    right.session.receive(-1, encode_refresh(1, 1), 80.0)
    right.session.tick(90.0)
    assert path(right)[-1] == (State.IDLE, Event.HOLD_TIMER_EXPIRES)


def test_sending_updates_takes_the_place_of_keepalives():
    """RFC 4271 section 8.2.2: each UPDATE sent restarts KeepaliveTimer."""
    wire, left, _ = started()
    left.effects.clear()
    for second in range(10, 600, 10):
        wire.run(float(second))
        left.session.send_updates([END_OF_RIB], wire.now)
    assert all(send.octets == END_OF_RIB for send in facts(left, Send))


def test_hold_time_zero_runs_no_timer_at_all():
    """RFC 4271 section 4.2: 0 of either end switches both timers off; RFC 9687 with them."""
    wire, left, right = started(CALM._replace(timers=Timers(hold=0)))
    assert left.session.established
    assert left.session.negotiated.keepalive == 0.0
    assert left.session.next_deadline == right.session.next_deadline == math.inf
    left.session.send_updates([END_OF_RIB], 5.0)
    right.session.receive(-1, KEEPALIVE_MESSAGE, 5.0)
    assert left.session.next_deadline == right.session.next_deadline == math.inf
    wire.run(10_000.0)
    assert right.session.established


def test_the_smaller_hold_time_counts():
    """RFC 4271 section 4.2."""
    _, left, right = started(CALM._replace(timers=Timers(hold=9)))
    assert left.session.negotiated.hold == right.session.negotiated.hold == 9
    assert right.session.negotiated.keepalive == 3.0


def test_delay_open_waits_with_the_open():
    """RFC 4271 section 8.2.2, Connect, events 16, 12."""
    delayed = Timers(delay_open=2.0)
    wire, left, right = started(
        CALM._replace(timers=delayed), PASSIVE._replace(timers=Timers(delay_open=60.0))
    )
    assert (left.session.state, right.session.state) == (State.CONNECT, State.ACTIVE)
    wire.run(1.999)
    assert facts(left, Send) == []
    wire.run(2.0)
    assert left.session.established
    assert right.session.established
    assert path(left)[1] == (State.OPEN_SENT, Event.DELAY_OPEN_TIMER_EXPIRES)
    assert path(right)[1] == (State.OPEN_CONFIRM, Event.BGP_OPEN_WITH_DELAY_OPEN_TIMER)


def test_a_timer_that_fires_tells_how_late_it_was():
    wire, left, _ = started()
    left.session.tick(30.25)
    assert facts(left, TimerFired) == [TimerFired(30.25, "right", "keepalive", 0.25)]
    wire.flush()


def test_an_early_tick_does_nothing():
    _, left, _ = started()
    left.effects.clear()
    left.session.tick(29.9)
    assert left.effects == []
    assert left.session.next_deadline == 30.0


def test_an_open_that_never_comes_ends_the_attempt():
    """RFC 4271 section 8.2.2, OpenSent: HoldTimer with a large value."""
    wire = back_to_back(random.Random(1), CALM._replace(timers=Timers(open_hold=12.0)), PASSIVE)
    left = wire.ends[0]
    left.session.start(0.0)
    left.session.dialled(1, 1, 0.0)
    left.session.tick(12.0)
    assert path(left)[-1] == (State.IDLE, Event.HOLD_TIMER_EXPIRES)
    assert facts(left, NotificationSent)[0].code == 4


# SendHoldTimer


def alone(side: Side = CALM) -> tuple[End, Wire]:
    """Bring a pair up, and take the left end from the wire: what it sends goes nowhere."""
    wire, left, _ = started(side)
    left.effects.clear()
    return left, wire


def test_a_peer_that_does_not_read_is_given_up():
    """RFC 9687: 480 s, or twice the hold time; UPDATEs received do not help."""
    left, _ = alone()
    session = left.session
    session.drained(1, 10.0)
    for now in range(30, 490, 30):
        session.receive(1, KEEPALIVE_MESSAGE, float(now))
        session.tick(float(now))
    assert session.established
    session.receive(1, KEEPALIVE_MESSAGE, 505.0)
    session.tick(509.9)
    assert session.established
    session.tick(510.0)
    assert path(left)[-1] == (State.IDLE, Event.SEND_HOLD_TIMER_EXPIRES)
    assert facts(left, NotificationSent)[-1].code == 8


def test_a_slow_peer_that_reads_is_not_given_up():
    """RFC 9687: sent means taken by TCP."""
    left, _ = alone(CALM._replace(timers=Timers(send_hold=100.0)))
    session = left.session
    for now in range(30, 1000, 30):
        session.receive(1, KEEPALIVE_MESSAGE, float(now))
        session.tick(float(now))
        session.drained(1, now + 20.0)
    assert session.established


def test_send_hold_time_zero_switches_the_timer_off():
    """RFC 9687 section 4.3."""
    left, _ = alone(CALM._replace(timers=Timers(send_hold=0.0)))
    assert "send_hold" not in left.session._primary.timers.running


# Ends and restarts


def test_a_reset_tells_the_peer_and_comes_back():
    """RFC 4486: Cease/Administrative Reset; RFC 4271 event 8."""
    wire, left, right = started()
    left.session.reset(10.0)
    wire.now = 10.0
    wire.settle()
    assert facts(left, NotificationSent) == [NotificationSent(10.0, "right", 6, 4, b"")]
    assert facts(right, NotificationReceived) == [NotificationReceived(10.0, "left", 6, 4, b"")]
    assert path(left)[-1] == (State.IDLE, Event.AUTOMATIC_STOP)
    assert path(right)[-1] == (State.IDLE, Event.NOTIF_MSG)
    assert (left.session.epoch, right.session.epoch) == (0, 0)
    wire.run(60.0)
    assert left.session.established
    assert left.session.epoch == right.session.epoch > 1


def test_a_reset_without_automatic_stop_is_a_manual_one_that_restarts():
    """RFC 4271 section 8.1.1, AllowAutomaticStop."""
    flags = SessionFlags(jitter="off", allow_automatic_stop=False)
    _, left, _ = started(CALM._replace(flags=flags))
    left.session.reset(10.0)
    assert path(left)[-1] == (State.IDLE, Event.MANUAL_STOP)
    assert left.session.next_deadline == 11.0


def test_a_stop_lasts_until_the_start():
    """RFC 4271 event 2, RFC 9003: the operator's words reach the peer."""
    wire, left, right = started()
    left.session.stop(10.0, 2, "back at noon")
    wire.now = 10.0
    wire.settle()
    note = facts(right, NotificationReceived)[0]
    assert (note.code, note.subcode, read_shutdown(note.data)) == (6, 2, "back at noon")
    assert left.session.next_deadline == math.inf
    assert not left.session.accepted(-9, 9, 11.0)
    assert Close(-9) in left.effects
    wire.run(100.0)
    assert left.session.state is State.IDLE
    left.session.start(100.0)
    wire.run(130.0)
    assert left.session.established


def test_a_stop_ends_the_wait_for_an_automatic_restart():
    wire, left, _ = started()
    left.session.reset(10.0)
    assert left.session.next_deadline == 11.0
    left.session.stop(10.5)
    assert left.session.next_deadline == math.inf
    wire.flush()


def test_a_stop_gives_up_what_is_being_dialled():
    left = back_to_back(random.Random(1), CALM).ends[0]
    left.session.start(0.0)
    left.session.stop(1.0)
    assert facts(left, Close) == [Close(1)]
    left.session.dialled(1, 1, 2.0)
    assert left.session.state is State.IDLE
    assert facts(left, Send) == []


def idle_stays(left: End) -> list[float]:
    """List how long each stay in Idle was."""
    changes = facts(left, StateChanged)[1:]
    return [
        after.at - before.at
        for before, after in itertools.pairwise(changes)
        if before.new == State.IDLE
    ]


def quarrel(flags: SessionFlags) -> tuple[Wire, End]:
    """Make a pair that never agrees: the right end expects another AS."""
    right = back_to_back(random.Random(1), CALM._replace(asn=64999), PASSIVE).ends[1]
    left = back_to_back(random.Random(1), CALM._replace(flags=flags)).ends[0]
    return Wire(left, right), left


def test_failures_in_a_row_double_the_stay_in_idle():
    """RFC 4271 section 8.1.1, DampPeerOscillations; the method is ours."""
    wire, left = quarrel(STEADY)
    for second in range(400):
        for end in wire.ends:
            end.session.start(float(second), manual=end is not left)
        wire.run(float(second) + 0.999)
    assert idle_stays(left)[:9] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_without_damping_the_stay_in_idle_is_always_the_same():
    """RFC 4271 event 3."""
    wire, left = quarrel(SessionFlags(jitter="off", damp_peer_oscillations=False))
    for second in range(60):
        wire.ends[1].session.start(float(second), manual=True)
        if not second:
            left.session.start(0.0)
        wire.run(float(second) + 0.999)
    stays = idle_stays(left)
    assert len(stays) > 20
    assert set(stays) == {1.0}
    assert (State.CONNECT, Event.AUTOMATIC_START) in path(left)


def test_established_forgets_the_failures():
    wire, left, right = started()
    for _ in range(3):
        left.session.reset(wire.now)
        wire.run(wire.now + 30.0)
        assert left.session.established
    assert set(idle_stays(left)) == {1.0}
    assert right.session.established


def test_a_cease_of_the_peer_is_heeded_without_damping():
    """RFC 4486 section 4: after a shutdown of the peer, retries become rarer."""
    flags = SessionFlags(jitter="off", damp_peer_oscillations=False)
    wire, left, right = started(CALM._replace(flags=flags))
    right.session.stop(10.0)
    wire.now = 10.0
    wire.settle()
    assert left.session.damping._failures == 1


def test_without_automatic_start_a_session_stays_idle():
    """RFC 4271 section 8.1.1, AllowAutomaticStart."""
    flags = SessionFlags(jitter="off", allow_automatic_start=False)
    wire, left, _ = started(CALM._replace(flags=flags))
    left.session.reset(10.0)
    wire.run(500.0)
    assert left.session.state is State.IDLE
    left.session.start(500.0)
    wire.run(560.0)
    assert left.session.established


def test_a_manual_start_does_not_wait_for_the_back_off():
    wire, left, _ = started()
    left.session.reset(10.0)
    left.session.start(10.1)
    assert path(left)[-1] == (State.IDLE, Event.AUTOMATIC_STOP)
    left.session.start(10.1, manual=True)
    assert path(left)[-1] == (State.CONNECT, Event.MANUAL_START)
    wire.flush()


@pytest.mark.parametrize(
    "choice, state", [("idle", State.IDLE), ("active", State.ACTIVE)], ids=str
)
def test_a_refused_connection_leads_where_the_flag_says(choice, state):
    """RFC 4271 section 8.2.2, Connect, event 18."""
    flags = SessionFlags(jitter="off", connect_fail_next=choice)
    wire = back_to_back(random.Random(1), CALM._replace(flags=flags), PASSIVE)
    wire.reachable = False
    left = wire.ends[0]
    left.session.start(0.0)
    wire.settle()
    assert left.session.state is state
    wire.reachable = True
    wire.ends[1].session.start(0.0)
    wire.run(10.0)
    assert left.session.established


def test_an_attempt_without_an_answer_is_given_up_for_another():
    """RFC 4271 section 8.2.2, Connect, event 9."""
    left = back_to_back(random.Random(1), CALM).ends[0]
    left.session.start(0.0)
    left.session.tick(5.0)
    assert [fact for fact in left.effects if isinstance(fact, Dial | Close)] == [
        Dial(1, "right"), Close(1), Dial(2, "right"),
    ]  # fmt: skip
    assert left.session.next_deadline == 10.0


def test_the_failure_of_an_attempt_does_not_touch_the_peers_connection():
    left = back_to_back(random.Random(1), CALM).ends[0]
    left.session.start(0.0)
    assert left.session.accepted(-1, 5, 0.1)
    left.session.dial_failed(1, 0.2)
    assert left.session.state is State.OPEN_SENT


def test_a_lost_connection_in_opensent_leads_to_active():
    """RFC 4271 section 8.2.2, OpenSent, event 18."""
    left = back_to_back(random.Random(1), CALM).ends[0]
    left.session.start(0.0)
    left.session.dialled(1, 5, 0.1)
    left.session.closed(1, 0.2)
    assert left.session.state is State.ACTIVE
    assert left.session._primary.timers.running == ("connect_retry",)


# Routing messages


def body(number: int) -> bytes:
    """Make the body of an UPDATE that withdraws one prefix."""
    return b"\x00\x02\x08" + bytes((number,)) + b"\0\0"


def test_updates_leave_in_one_write_and_are_counted_per_epoch():
    wire, left, right = started()
    left.effects.clear()
    messages = [frame(UPDATE, body(1)), encode_refresh(1, 1), END_OF_RIB]
    left.session.send_updates(messages, 1.0)
    assert facts(left, Send) == [Send(1, b"".join(messages))]
    wire.settle()
    assert right.bodies == [body(1), END_OF_RIB[19:]]
    assert right.told[-1] == (0.0, "refresh")
    assert (left.session.sent, right.session.received) == (3, 3)
    left.session.reset(2.0)
    wire.run(60.0)
    assert left.session.established
    assert (left.session.sent, right.session.received) == (0, 0)
    assert (left.session.updates_sent, right.session.updates_received) == (2, 2)


def test_nothing_is_sent_for_a_session_that_is_not_established():
    _, left, _ = started()
    left.session.send_updates([], 1.0)
    left.session.stop(1.0)
    left.effects.clear()
    left.session.send_updates([END_OF_RIB], 1.0)
    assert left.effects == []


@pytest.mark.parametrize("level", Level)
def test_the_level_says_what_is_recorded(level):
    wire, left, right = started(CALM._replace(level=level), PASSIVE._replace(level=level))
    left.session.send_updates([END_OF_RIB, encode_refresh(1, 1)], 1.0)
    wire.settle()
    updates = level >= Level.UPDATES
    sent = UpdateSent(1.0, "right", END_OF_RIB[19:], epoch=left.session.epoch, number=1)
    assert facts(left, UpdateSent) == [sent] * updates
    assert len(facts(right, UpdateReceived)) == updates
    assert (
        bool(facts(left, OctetsSent))
        == bool(facts(right, OctetsReceived))
        == (level >= Level.OCTETS)
    )


def test_a_malformed_update_resets_the_session():
    """RFC 7606 session reset; RFC 4271 event 28. What follows in the same chunk is dropped."""
    wire, left, right = started()
    right.refuses_update = body(2)
    messages = [frame(UPDATE, body(number)) for number in (1, 2, 3)]
    left.session.send_updates(messages, 1.0)
    wire.settle()
    assert right.bodies == [body(1)]
    sent = facts(right, NotificationSent)[0]
    assert (sent.code, sent.subcode) == (3, 1)
    assert path(right)[-1] == (State.IDLE, Event.UPDATE_MSG_ERR)


def test_the_router_may_reset_the_session_while_it_processes_an_update(monkeypatch):
    """RFC 4486: Maximum Number of Prefixes Reached."""
    wire, left, right = started()
    monkeypatch.setattr(right, "update", lambda session, _, now: session.reset(now, 1))
    left.session.send_updates([END_OF_RIB], 1.0)
    wire.settle()
    assert right.session.state is State.IDLE
    assert right.session._primary.timers.running == ("idle_hold",)
    sent = facts(right, NotificationSent)[0]
    assert (sent.code, sent.subcode) == (6, 1)


def raise_key_error(*_: object) -> None:
    """Fail as a router with a bug does."""
    raise KeyError


def test_an_exception_in_update_passes_and_leaves_the_session_up(monkeypatch):
    _, _, right = started()
    monkeypatch.setattr(right, "update", raise_key_error)
    with pytest.raises(KeyError):
        right.session.receive(-1, END_OF_RIB, 1.0)
    assert right.session.established
    right.session.reset(2.0)
    assert right.session.state is State.IDLE


def test_an_exception_in_down_passes_when_the_session_is_down(monkeypatch):
    _, _, right = started()
    monkeypatch.setattr(right, "down", raise_key_error)
    with pytest.raises(KeyError):
        right.session.reset(1.0)
    assert right.session.state is State.IDLE
    assert right.session._primary.timers.running == ("idle_hold",)
    assert right.session.next_deadline == 2.0


def test_an_exception_in_established_passes_when_the_session_is_up(monkeypatch):
    wire = back_to_back(random.Random(1), CALM, PASSIVE)
    right = wire.ends[1]
    monkeypatch.setattr(right, "established", raise_key_error)
    for end in reversed(wire.ends):
        end.session.start(0.0)
        wire.flush()
    with pytest.raises(KeyError):
        wire.settle()
    assert right.session.established
    assert right.session.next_deadline == 30.0


@pytest.mark.parametrize("octets", ["0001 01 01", "0001 02 01", "0002 00 01", "0001 00 02"])
def test_a_refresh_that_we_have_not_agreed_on_is_ignored(octets):
    """RFC 2918 section 4: unknown AFI, SAFI; RFC 7313: subtypes without the capability."""
    _, _, right = started()
    right.session.receive(-1, frame(5, bytes.fromhex(octets)), 1.0)
    assert right.session.established
    assert right.told == [(0.0, "established")]
    assert right.session.received == 0


def test_a_refresh_of_a_wrong_length_ends_the_session():
    """RFC 7313 section 5."""
    _, _, right = started()
    right.session.receive(-1, frame(5, b"\0\1\0\1\0"), 1.0)
    sent = facts(right, NotificationSent)[0]
    assert (sent.code, sent.subcode) == (7, 1)
    assert right.session.state is State.IDLE


def test_a_refresh_before_established_is_an_unexpected_message():
    """RFC 6608: the data is the message type."""
    left = back_to_back(random.Random(1), CALM).ends[0]
    left.session.start(0.0)
    left.session.dialled(1, 5, 0.0)
    left.session.receive(1, encode_refresh(1, 1), 0.0)
    assert facts(left, NotificationSent) == [NotificationSent(0.0, "right", 5, 1, b"\x05")]


def test_a_bad_header_is_answered_with_its_error():
    """RFC 4271 section 6.1."""
    _, _, right = started()
    right.session.receive(-1, b"\0" * 19, 1.0)
    sent = facts(right, NotificationSent)[0]
    assert (sent.code, sent.subcode) == (1, 1)
    assert path(right)[-1] == (State.IDLE, Event.BGP_HEADER_ERR)


def test_an_unsupported_version_is_an_event_of_its_own():
    """RFC 4271 section 8.1.5, events 24 and 25."""
    _, _, right = started()
    right.session.receive(-1, frame(3, b"\x02\x01\x00\x04"), 1.0)
    assert path(right)[-1] == (State.IDLE, Event.NOTIF_MSG_VER_ERR)
    assert facts(right, NotificationSent) == []


def test_what_is_not_ours_is_ignored():
    _, left, _ = started()
    left.effects.clear()
    left.session.receive(99, END_OF_RIB, 1.0)
    left.session.closed(99, 1.0)
    left.session.drained(99, 1.0)
    left.session.dial_failed(99, 1.0)
    assert left.effects == []
    assert left.session.established


def test_update_errors_are_those_of_the_router():
    end = back_to_back(random.Random(1)).ends[0]
    end.refuses_update = b"x"
    with pytest.raises(UpdateError):
        end.update(end.session, [b"y", b"x"], 0.0)
