"""What is done in a shorter way because it is so frequent does the same as the long way."""

import itertools
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bgplab.session.events import State
from bgplab.session.machine import Machine
from bgplab.session.memory import LEFT, RIGHT, End, make_end
from bgplab.session.negotiate import Negotiated, our_open
from bgplab.session.timers import STOPPED, TIMER_EVENTS, Deadlines
from bgplab.wire.header import UPDATE, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import Notification, encode_notification
from bgplab.wire.open import encode_open
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB

NOW = 1000.0
CONNECTION = 7
PEER = make_end("right", RIGHT, "left", LEFT, random.Random(1)).session
MESSAGES = st.one_of(
    st.just(KEEPALIVE_MESSAGE),  # half of them
    st.sampled_from(
        [
            encode_open(our_open(PEER.config, PEER.local)),
            END_OF_RIB,
            frame(UPDATE, b"\xff\xff\xff\xff"),
            encode_refresh(1, 1),
            encode_notification(Notification(6, 7)),
            KEEPALIVE_MESSAGE[:7],
            b"\xff" * 16 + b"\x00\x14\x04\x00",
        ]
    ),
)
STREAMS = st.lists(MESSAGES, min_size=1, max_size=8)


def end_in(state: State) -> tuple[End, Machine]:
    """Make an end whose machine is in a state, with a connection and all timers running."""
    end = make_end("left", LEFT, "right", RIGHT, random.Random(1))
    machine = end.session._primary
    machine.attach(CONNECTION, 9)
    machine.state = state
    machine.negotiated = Negotiated(90, 30.0, True, True, 0x0A000002, 480.0)
    for name in TIMER_EVENTS:
        setattr(machine.timers, name, NOW + 1)
    return end, machine


def outcome(end: End, machine: Machine) -> list[object]:
    """Tell all that came of what an end has received."""
    timers = [getattr(machine.timers, name) for name in TIMER_EVENTS]
    kept = [machine.state, machine.kind, machine.connection, machine.connect_retry_counter]
    session = end.session
    counts = [session.sent, session.received, session.updates_received]
    waits = machine.framer.pending if machine.connection else 0  # else it was dropped
    told = [end.effects, end.told, end.bodies, waits]
    return [*timers, *kept, *counts, *told]


def receive(state: State, pieces: list[bytes]) -> list[object]:
    """Let an end in a state receive octets in these pieces; give what comes of it."""
    end, machine = end_in(state)
    for piece in pieces:
        end.session.receive(CONNECTION, piece, NOW)
    return outcome(end, machine)


@pytest.mark.parametrize("state", State)
@given(messages=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=8))
@example([KEEPALIVE_MESSAGE[:7], KEEPALIVE_MESSAGE], [])
@example([KEEPALIVE_MESSAGE] * 3, [25])
def test_a_keepalive_alone_does_what_it_does_in_any_pieces(state, messages, cuts):
    """Octet by octet no piece is a whole message, so that all take the long way."""
    stream = b"".join(messages)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    long_way = receive(state, [stream[i : i + 1] for i in range(len(stream))])
    assert receive(state, messages) == long_way
    assert receive(state, pieces) == long_way


DEADLINES = st.one_of(st.just(STOPPED), st.floats(NOW - 2, NOW + 2), st.just(NOW))


@given(st.tuples(*[DEADLINES] * len(TIMER_EVENTS)))
def test_the_timers_that_are_due_are_all_whose_deadline_has_come(values):
    """By event number, however many there are."""
    timers = Deadlines()
    for name, value in zip(TIMER_EVENTS, values, strict=True):
        setattr(timers, name, value)
    expected = [pair for pair in zip(values, TIMER_EVENTS, strict=True) if pair[0] <= NOW]
    assert timers.due(NOW) == expected


@pytest.mark.parametrize("tells", [True, False])
def test_a_keepalive_timer_that_is_no_fact_does_the_same(tells):
    end, machine = end_in(State.ESTABLISHED)
    end.session.tells_keepalives = tells
    machine.timers.idle_hold = machine.timers.connect_retry = STOPPED
    machine.timers.delay_open = STOPPED
    machine.timers.keepalive = NOW
    end.session.next_deadline = NOW
    end.session.tick(NOW)
    told = [type(effect).__name__ for effect in end.effects]
    assert told == (["TimerFired", "Send"] if tells else ["Send"])
    assert NOW + 22.5 <= machine.timers.keepalive <= NOW + 30
