"""Recorded steps in words."""

import pytest

from bgplab import facts
from bgplab.config import PeerConfig, RouterConfig
from bgplab.observe.describe import Narrator, describe_message
from bgplab.observe.inputs import PutOff
from bgplab.observe.replay import Recording
from bgplab.session.effects import Close, Dial, Send
from bgplab.session.events import Event, State
from bgplab.speaker import inputs
from bgplab.wire.header import (
    KEEPALIVE,
    MARKER,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    frame,
)
from bgplab.wire.update import END_OF_RIB

CONFIG = RouterConfig(
    "r1",
    65001,
    "10.255.0.1",
    "127.1.0.1",
    1790,
    "10.255.0.1",
    peers=(PeerConfig("r2", "127.1.0.2", 1790, 65002),),
)
ALIVE = frame(KEEPALIVE, b"")


@pytest.fixture
def narrator():
    """Make a narrator that knows connection 1 to r2."""
    made = Narrator(CONFIG)
    made.effect(Dial(1, "r2"))
    return made


@pytest.mark.parametrize(
    "given,said",
    [
        (None, "tick"),
        (inputs.Start(), "start all sessions"),
        (inputs.Start(("r2", "r3")), "start r2, r3"),
        (inputs.Stop(("r2",)), "stop r2"),
        (inputs.Reset(), "reset all sessions"),
        (inputs.TcpUp(1, 5), "r2 (connection 1): TCP is up"),
        (inputs.TcpFailed(7), "unknown peer (connection 7): the attempt to dial failed"),
        (inputs.TcpAccepted(-1, "127.1.0.2", 5), "r2 (connection -1) connected"),
        (inputs.TcpAccepted(-1, "127.1.0.9", 5), "127.1.0.9 (connection -1) connected"),
        (inputs.Drained(1), "r2 (connection 1): TCP has taken all octets"),
        (inputs.Originate(("10.1.0.0/16",)), "originate 10.1.0.0/16"),
        (inputs.Withdraw(tuple("abcdefghij")), "withdraw a b c d e f g h and 2 more"),
        (PutOff("r2", 5.0), "the timers of r2 rest, as one of them failed"),
        (inputs.Octets(1, ALIVE), "from r2 (connection 1): KEEPALIVE"),
    ],
)
def test_an_input_is_a_line(narrator, given, said):
    assert narrator.given(given) == [said]


def test_several_messages_are_a_line_each_and_parts_wait_for_the_rest(narrator):
    octets = ALIVE + END_OF_RIB
    assert narrator.given(inputs.Octets(1, octets[:30])) == [
        "from r2 (connection 1): 2 messages",
        "    KEEPALIVE",
        "    11 octets of a message that is not whole yet",
    ]
    assert narrator.given(inputs.Octets(1, octets[30:])) == [
        "from r2 (connection 1): UPDATE End-of-RIB"
    ]


def test_octets_that_are_no_message_are_told_as_such(narrator):
    (said,) = narrator.given(inputs.Octets(1, bytes(40)))
    assert said.startswith("from r2 (connection 1): 40 octets that are no message: the marker")


@pytest.mark.parametrize(
    "effect,said",
    [
        (Dial(2, "r3"), "dial r3 (connection 2)"),
        (Close(1), "close r2 (connection 1)"),
        (Send(1, ALIVE), "to r2 (connection 1): KEEPALIVE"),
        (
            facts.StateChanged(1.0, "r2", State.OPEN_SENT, State.OPEN_CONFIRM, Event.BGP_OPEN),
            "session r2: OpenSent -> OpenConfirm (BGPOpen)",
        ),
        (
            facts.StateChanged(1.0, "r2", 77, 78, 79),
            "StateChanged: peer r2, old 77, new 78, event 79",
        ),
        (
            facts.BestChanged(1.0, b"\x08\x0a", "r2", "65002 65003"),
            "best 10.0.0.0/8: from r2, AS path 65002 65003",
        ),
        (facts.BestChanged(1.0, b"\x08\x0a", "", ""), "best 10.0.0.0/8: our own"),
        (facts.BestChanged(1.0, b"\x08\x0a", None, ""), "best 10.0.0.0/8: none is left"),
        (facts.BestChanged(1.0, b"", None, ""), "BestChanged: prefix , peer None, as_path "),
        (
            facts.Caused(1.0, b"\x08\x0a", "r2", 5, 7, 0.5, 3, "r3", 6, 9),
            "cause 10.0.0.0/8 told r2 in message 7: UPDATE from r3 (its message 9)",
        ),
        (
            facts.Caused(1.0, b"\x08\x0a", "", 0, 0, 0.5, 2, "", 0, 0),
            "cause 10.0.0.0/8 changed: an act",
        ),
        (
            facts.Caused(1.0, b"", "r2", 5, 7, 0.5, 4, "r2", 5, 0),
            "cause End-of-RIB told r2 in message 7: the session with r2 came up",
        ),
        (
            facts.TimerFired(1.0, "r2", "HoldTimer", 0.5),
            "TimerFired: peer r2, timer HoldTimer, late 0.5",
        ),
    ],
)
def test_an_effect_is_a_line(narrator, effect, said):
    assert narrator.effect(effect) == [said]


def test_a_cause_of_no_known_kind_is_told_as_it_stands(narrator):
    (said,) = narrator.effect(facts.Caused(1.0, b"\x08\x0a", "a", 5, 7, 0.5, 99, "", 0, 0))
    assert said.startswith("Caused: prefix 080a, told a, epoch 5, number 7, since 0.5, kind 99")


def test_what_a_send_says_is_not_said_again(narrator):
    effects = (
        Send(1, END_OF_RIB),
        facts.OctetsSent(1.0, "r2", END_OF_RIB),
        facts.UpdateSent(1.0, "r2", END_OF_RIB[19:]),
    )
    assert list(narrator.effects(effects)) == ["  to r2 (connection 1): UPDATE End-of-RIB"]


OPENED = "04 fde9 005a 0aff0001 08 0206 4104 00010000"


@pytest.mark.parametrize(
    "kind,body,said",
    [
        (OPEN, OPENED, "OPEN AS 65536, hold 90 s, identifier 10.255.0.1"),
        (OPEN, "03 fde9 005a 0aff0001 00", "malformed message of type 1: version 3"),
        (NOTIFICATION, "06 02", "NOTIFICATION Cease/Administrative Shutdown"),
        (KEEPALIVE, "", "KEEPALIVE"),
        (ROUTE_REFRESH, "0001 00 01", "ROUTE-REFRESH"),
        (UPDATE, "0002 080a 0000", "UPDATE withdraw 10.0.0.0/8"),
        (
            UPDATE,
            "0002 080a 0019 400101 00 5002000a 0202 0000fdea 0000fdeb 400304 0aff0002 080b",
            "UPDATE withdraw 10.0.0.0/8, announce 11.0.0.0/8, AS path 65002 65003, next hop",
        ),
        (
            UPDATE,
            "0000 0012 400101 00 400204 0201 fdea 400304 0aff0002 080b",
            "UPDATE announce 11.0.0.0/8, AS path 65002, next hop 10.255.0.2",
        ),
        (UPDATE, "0000 0004 40010109 080b", "UPDATE announce 11.0.0.0/8, malformed attributes"),
        (UPDATE, "ffff 0000", "malformed message of type 2: Withdrawn Routes Length exceeds"),
    ],
)
def test_messages_are_decoded(kind, body, said):
    assert describe_message(kind, bytes.fromhex(body)).startswith(said)


def test_a_whole_recording_can_be_told(recorded, tmp_path):
    recorded("ab", ["ab"]).save()
    recording = Recording(tmp_path / "a.jsonl")
    narrator = Narrator(recording.config)
    told = [
        said
        for step in recording
        for said in [*narrator.given(step.given), *narrator.effects(step.effects)]
    ]
    for part in ("start all", "OPEN AS 65002", "-> Established", "announce 10.2.0.0/24"):
        assert any(part in said for said in told), part
    assert not any(MARKER.hex() in said for said in told)
