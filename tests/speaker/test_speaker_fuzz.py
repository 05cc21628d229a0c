"""Nothing that a peer sends raises, hangs, or leaves a session that does not come back."""

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import Timers
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.session.events import State
from bgplab.speaker.inputs import Octets, Reset
from bgplab.wire.header import HEADER_LENGTH, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import Notification, encode_notification
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB

RECOVERY = 300.0  # seconds; damping waits 60 at most
ATTRIBUTES = [
    b"\x40\x01\x01\x00",
    b"\x40\x02\x06\x02\x01\x00\x00\xfd\xe9",
    b"\x40\x02\x0a\x02\x02\x00\x00\xfd\xe9\x00\x00\xfd\xea",
    b"\x40\x02\x06\x01\x01\x00\x00\xfd\xe9",
    b"\x40\x03\x04\x0a\x00\x00\x01",
    b"\x80\x04\x04\x00\x00\x00\x07",
    b"\x40\x05\x04\x00\x00\x00\x64",
    b"\x40\x06\x00",
    b"\xc0\x07\x08\x00\x00\xfd\xe9\x0a\x00\x00\x01",
    b"\xc0\x08\x08\xff\xff\xff\x01\xfd\xe9\x00\x01",
    b"\x80\x0e\x05\x00\x02\x01\x00\x00",
    b"\xc0\x11\x06\x02\x01\x00\x01\x00\x00",
    b"\xd0\x63\x00\x02\x01\x02",
]
PREFIXES = [
    b"\x00",
    b"\x08\x0a",
    b"\x18\x0a\x01\x00",
    b"\x18\x0a\x03\x00",
    b"\x20\x01\x02\x03\x04",
]

BLOCKS = st.lists(st.sampled_from(ATTRIBUTES), max_size=8).map(b"".join)
FIELDS = st.lists(st.sampled_from(PREFIXES), max_size=6).map(b"".join)


def update(withdrawn, block, nlri):
    """Write an UPDATE from its three fields."""
    lengths = len(withdrawn).to_bytes(2), len(block).to_bytes(2)
    return frame(2, lengths[0] + withdrawn + lengths[1] + block + nlri)


UPDATES = st.builds(update, FIELDS, BLOCKS, FIELDS)
USUAL = st.builds(
    update,
    FIELDS,
    BLOCKS.map(lambda more: b"".join(ATTRIBUTES[:2]) + ATTRIBUTES[4] + more),
    FIELDS,
)
OTHERS = st.sampled_from(
    [
        KEEPALIVE_MESSAGE,
        END_OF_RIB,
        encode_refresh(1, 1),
        encode_refresh(2, 1),
        encode_notification(Notification(6, 4)),
        frame(1, b"\x04\xfd\xe9\x00\x5a\x0a\x00\x00\x01\x00"),
        frame(5, b""),
    ]
)


def mutate(message, changes, framed):
    """Overwrite octets, of the body alone if the message is to stay `framed`."""
    octets = bytearray(message)
    first = HEADER_LENGTH if framed else 0
    for place, value in changes:
        if len(octets) > first:
            octets[first + place % (len(octets) - first)] = value
    return bytes(octets)


MUTATED = st.builds(
    mutate,
    st.one_of(USUAL, UPDATES, OTHERS),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=3),
    st.booleans(),
)
ARBITRARY = st.builds(frame, st.integers(0, 6), st.binary(max_size=60))
INPUT = st.lists(st.one_of(USUAL, UPDATES, MUTATED, OTHERS, ARBITRARY, st.binary(max_size=60)))


@settings(max_examples=150)
@given(INPUT, st.lists(st.integers(0, 400), max_size=3), st.integers(0, 3))
def test_a_session_survives_what_its_peer_sends_or_comes_back(messages, cuts, pause):
    links = [("a", "b"), ("b", "c")]
    made = Network(
        routers({"a": 65001, "b": 65002, "c": 65003}, links, timers=Timers(hold=30)), Random
    )
    made.start()
    made.settle()
    want = {name: made.best(name) for name in "abc"}
    connection = made.end("b", "a").connection
    stream = b"".join(messages)
    places = [0, *sorted(place % (len(stream) + 1) for place in cuts), len(stream)]
    for start, stop in pairwise(places):
        made.feed("b", Octets(connection, stream[start:stop]))
        made.run(made.now + pause)
    made.run(made.now + RECOVERY)
    for speaker in made.speakers.values():
        for session in speaker.sessions.values():
            assert session.state is State.ESTABLISHED
    made.feed("b", Reset(("a",)))
    made.settle()
    assert {name: made.best(name) for name in "abc"} == want
