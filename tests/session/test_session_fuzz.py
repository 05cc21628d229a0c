"""What never breaks, whatever comes in whatever order."""

import itertools
import random
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import Level, SessionFlags, Timers
from bgplab.facts import StateChanged
from bgplab.session.effects import Close, Dial, Send
from bgplab.session.events import Event, State
from bgplab.session.machine import Machine
from bgplab.session.memory import LEFT, RIGHT, End, back_to_back, make_end
from bgplab.session.negotiate import our_open
from bgplab.wire.header import UPDATE, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import Notification, encode_notification
from bgplab.wire.open import encode_open
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB

PEER = make_end("right", RIGHT, "left", LEFT, random.Random(1)).session
MESSAGES = [
    encode_open(our_open(PEER.config, PEER.local)),
    encode_open(our_open(PEER.config, PEER.local))[:-1] + b"\x07",
    KEEPALIVE_MESSAGE,
    END_OF_RIB,
    frame(UPDATE, b"\xff\xff\xff\xff"),
    encode_refresh(1, 1),
    encode_refresh(2, 1),
    frame(5, b"\0"),
    encode_notification(Notification(6, 7)),
    encode_notification(Notification(2, 1, b"\0\4")),
    b"\xff" * 16,
    b"\xff" * 16 + b"\x00\x13\x09",
]
CONNECTIONS = st.integers(-4, 4)

# Events that the specification has cells for, and that nothing outside can cause there.
UNREACHABLE = {
    **dict.fromkeys((Event.TCP_CONNECTION_VALID, Event.TCP_CR_INVALID), tuple(State)),
    Event.CONNECT_RETRY_TIMER_EXPIRES: (0, 3, 4, 5),
    Event.HOLD_TIMER_EXPIRES: (0, 1, 2),
    Event.KEEPALIVE_TIMER_EXPIRES: (0, 1, 2, 3),
    Event.DELAY_OPEN_TIMER_EXPIRES: (0, 3, 4, 5),
    Event.IDLE_HOLD_TIMER_EXPIRES: (1, 2, 3, 4, 5),
    Event.TCP_CR_ACKED: (0, 4, 5),
    Event.TCP_CONNECTION_FAILS: (0,),
    Event.BGP_OPEN: (0, 1, 2),
    Event.BGP_OPEN_WITH_DELAY_OPEN_TIMER: (0, 3, 4, 5),
    Event.UPDATE_MSG_ERR: (0, 1, 2, 3, 4),
    Event.SEND_HOLD_TIMER_EXPIRES: (0, 1, 2, 3, 4),
    **dict.fromkeys(
        (
            Event.BGP_HEADER_ERR,
            Event.BGP_OPEN_MSG_ERR,
            Event.OPEN_COLLISION_DUMP,
            Event.NOTIF_MSG_VER_ERR,
            Event.NOTIF_MSG,
            Event.KEEPALIVE_MSG,
            Event.UPDATE_MSG,
        ),
        (0,),
    ),
}

STEPS = st.one_of(
    st.tuples(st.just("start"), st.booleans()),
    st.tuples(st.just("stop")),
    st.tuples(st.just("reset")),
    st.tuples(st.just("dialled")),
    st.tuples(st.just("dial_failed")),
    st.tuples(st.just("accepted")),
    st.tuples(st.just("closed"), CONNECTIONS),
    st.tuples(st.just("drained"), CONNECTIONS),
    st.tuples(st.just("receive"), CONNECTIONS, st.lists(st.sampled_from(MESSAGES), max_size=4)),
    st.tuples(st.just("receive"), CONNECTIONS, st.lists(st.binary(max_size=60), max_size=1)),
    st.tuples(st.just("send")),
    st.tuples(st.just("due")),
    st.tuples(st.just("wait"), st.floats(0, 300)),
)

FLAGS = st.builds(
    SessionFlags,
    allow_automatic_start=st.booleans(),
    allow_automatic_stop=st.booleans(),
    damp_peer_oscillations=st.booleans(),
    send_notification_without_open=st.booleans(),
    collision_detect_established_state=st.booleans(),
    connect_fail_next=st.sampled_from(["idle", "active"]),
    opensent_notification=st.sampled_from(["silent", "literal"]),
    jitter=st.sampled_from(["per-set", "per-session", "off"]),
)
TIMERS = st.builds(
    Timers,
    hold=st.sampled_from([0, 3, 90]),
    keepalive=st.sampled_from([None, 0.0, 1.0, 200.0]),
    connect_retry=st.sampled_from([0.0, 5.0]),
    delay_open=st.sampled_from([0.0, 2.0]),
    idle_hold=st.sampled_from([0.0, 1.0]),
    open_hold=st.sampled_from([0.0, 240.0]),
    send_hold=st.sampled_from([None, 0.0, 10.0]),
)


class Driver:
    """Plays the surroundings of one session: numbers connections, keeps which are up."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.session = end.session
        self.now = 0.0
        self.accepted = 0
        self.dialling = 0
        self.live: set[int] = set()
        self.seen = 0

    def pick(self, number: int) -> int:
        """Choose one of the live connections, or one that is not."""
        live = sorted(self.live)
        return live[number % len(live)] if live else number

    def step(self, what: str, *arguments) -> None:
        """Let one thing happen, and check what came of it."""
        session, now = self.session, self.now
        match what:
            case "start":
                session.start(now, manual=arguments[0])
            case "stop":
                session.stop(now)
            case "reset":
                session.reset(now)
            case "dialled" if self.dialling:
                self.live.add(self.dialling)
                session.dialled(self.dialling, 1, now)
            case "dial_failed" if self.dialling:
                session.dial_failed(self.dialling, now)
                self.dialling = 0
            case "accepted":
                self.accepted -= 1
                self.live.add(self.accepted)
                kept = session.accepted(self.accepted, 2, now)
                self.learn()
                assert kept == (self.accepted in self.live)
            case "closed":
                connection = self.pick(arguments[0])
                self.live.discard(connection)
                session.closed(connection, now)
            case "drained":
                session.drained(self.pick(arguments[0]), now)
            case "receive":
                session.receive(self.pick(arguments[0]), b"".join(arguments[1]), now)
            case "send":
                session.send_updates([END_OF_RIB], now)
            case "due" if session.next_deadline < 1e9:
                self.now = max(now, session.next_deadline)
                session.tick(self.now)
            case "wait":
                self.now += arguments[0]
                session.tick(self.now)
        self.learn()
        self.check()

    def learn(self) -> None:
        """Carry out the new effects; nothing may be sent on a connection that is not up."""
        for effect in self.end.effects[self.seen :]:
            match effect:
                case Dial():
                    self.dialling = effect.connection
                case Send():
                    assert effect.connection in self.live
                    assert effect.octets
                case Close():
                    assert effect.connection in self.live or effect.connection == self.dialling
                    self.live.discard(effect.connection)
        self.seen = len(self.end.effects)
        if self.dialling in self.live or Close(self.dialling) in self.end.effects:
            self.dialling = 0

    def check(self) -> None:
        """Assert what holds at all times."""
        session = self.session
        machines = [machine for machine in (session._primary, session._second) if machine]
        for machine in machines:
            assert session.next_deadline <= machine.timers.earliest
            if machine.state is State.IDLE:
                assert set(machine.timers.running) <= {"idle_hold"}
                assert not machine.connection
            if machine.state >= State.OPEN_SENT:
                assert machine.connection
        assert self.live == {machine.connection for machine in machines if machine.connection}
        if session._second is not None:
            assert session._second.connection
            assert session._second.state <= max(session.state, State.ACTIVE)
        told = [what for _, what in self.end.told if what != "refresh"]
        assert told == ["established", "down"] * (len(told) // 2) + ["established"] * (
            len(told) % 2
        )
        assert session.established == (len(told) % 2 == 1)
        changes = [fact for fact in self.end.effects if isinstance(fact, StateChanged)]
        for before, after in itertools.pairwise(changes):
            assert before.new == after.old != after.new
        assert session.state == (changes[-1].new if changes else State.IDLE)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=60), FLAGS, TIMERS, st.booleans())
def test_no_order_of_events_breaks_a_session(steps, flags, timers, passive):
    """No exception, no octet on a dead connection, no timer in Idle but IdleHoldTimer."""
    fired = set()
    fire = Machine.fire

    def record(machine: Machine, event: Event, now: float) -> None:
        fired.add((machine.state, event))
        fire(machine, event, now)

    side = LEFT._replace(flags=flags, timers=timers, passive=passive, level=Level.OCTETS)
    driver = Driver(back_to_back(random.Random(1), side).ends[0])
    with patch.object(Machine, "fire", record):
        driver.step("start", True)
        for step in steps:
            driver.step(*step)
    for state, event in fired:
        assert state not in UNREACHABLE.get(event, ()), (state.label, event.label)


@settings(max_examples=150)
@given(st.data())
def test_two_sessions_find_each_other_after_any_trouble(data):
    """Cuts, resets and late timers in any order; then peace, and both are Established."""
    wire = back_to_back(random.Random(1))
    for end in wire.ends:
        end.session.start(0.0)
    wire.flush()
    for _ in range(data.draw(st.integers(0, 40))):
        keys = wire.choices()
        what = data.draw(st.sampled_from(["deliver"] * 5 + ["reset", "cut", "time"]))
        side = data.draw(st.integers(0, 1))
        end = wire.ends[side]
        if what == "deliver" and keys:
            wire.deliver(data.draw(st.sampled_from(keys)))
        elif what == "reset":
            end.session.reset(wire.now)
        elif what == "cut" and end.far:
            wire.cut(side, data.draw(st.sampled_from(sorted(end.far))))
        elif what == "time":
            wire.now += data.draw(st.sampled_from([0.1, 1.0, 5.0, 90.0]))
            for each in wire.ends:
                each.session.tick(wire.now)
        wire.flush()
    wire.run(wire.now + 1000.0)
    left, right = (end.session for end in wire.ends)
    assert left.established
    assert right.established
    assert left.epoch == right.epoch
