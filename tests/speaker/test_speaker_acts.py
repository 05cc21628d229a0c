"""What an operator asks of a running router: other policy, stops and starts, octets by hand."""

from random import Random

import pytest

from bgplab.config import Rule
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import (
    BestChanged,
    NotificationReceived,
    NotificationSent,
    StateChanged,
    UpdateSent,
)
from bgplab.session.events import Event, State
from bgplab.speaker.inputs import Inject, SetPolicy, Start, Stop
from bgplab.wire.capabilities import multiprotocol
from bgplab.wire.header import MARKER, UPDATE, frame
from bgplab.wire.nlri import encode_prefix
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import END_OF_RIB, split_update

ASNS = {"a": 65001, "b": 65002, "c": 65003}
TRIANGLE = [("a", "b"), ("b", "c"), ("a", "c")]
OF_B, OF_C = "10.2.0.0/24", "10.3.0.0/24"
NOT_FROM_C = (Rule(as_path=(65003,), then="reject"),)
REFUSED = (Rule(then="reject"),)
FAR = (Rule(prepend=3),)


def triangle(**options) -> Network:
    """Make a, b and c, all neighbours, with their routes exchanged at second 10."""
    made = Network(routers(ASNS, TRIANGLE, **options), Random)
    made.start()
    made.settle()
    made.run(10.0)
    return made


def sent(made, name, peer, since=10.0):
    """List what a router announced and withdrew to a peer: ('+' or '-', prefix octets)."""
    said = []
    for fact in made.of(name, UpdateSent):
        if fact.peer == peer and fact.at >= since:
            withdrawn, _, announced = split_update(fact.octets)
            said += [("-", withdrawn)] * bool(withdrawn) + [("+", announced)] * bool(announced)
    return said


def changed(made, name, since=10.0):
    return [fact.prefix for fact in made.of(name, BestChanged) if fact.at >= since]


def test_what_new_export_rules_reject_is_withdrawn_and_nothing_else_is_said():
    made = triangle()
    made.feed("a", SetPolicy(("b",), exports=NOT_FROM_C))
    made.settle()
    assert sent(made, "a", "b") == [("-", encode_prefix(OF_C))]
    assert sent(made, "a", "c") == []
    made.feed("a", SetPolicy(("b",), exports=()))
    made.settle()
    assert sent(made, "a", "b")[1:] == [("+", encode_prefix(OF_C))]


def test_new_export_rules_for_all_peers_change_only_what_differs():
    made = triangle()
    made.feed("a", SetPolicy(exports=FAR))
    made.settle()
    assert [kind for kind, _ in sent(made, "a", "b")] == ["+", "+"]
    assert made.best("b")[OF_C] == (65003,)
    assert made.best("b")["10.1.0.0/24"] == (65001,) * 4


def test_new_import_rules_ask_for_the_routes_again():
    """RFC 2918: b sends a its whole table, and rules judge it anew."""
    made = triangle()
    made.feed("a", SetPolicy(("b",), imports=REFUSED))
    assert not made.quiet
    made.settle()
    assert sorted(sent(made, "b", "a")) == sorted(
        [("+", encode_prefix(OF_B)), ("+", encode_prefix(OF_C))]
    )
    assert made.best("a")[OF_B] == (65003, 65002)
    assert sent(made, "a", "b") == [("+", encode_prefix(OF_B))]  # the way round, to b too
    made.feed("a", SetPolicy(("b",), imports=()))
    made.settle()
    assert made.best("a")[OF_B] == (65002,)


def test_import_rules_that_make_no_difference_change_no_route():
    made = triangle()
    made.feed("a", SetPolicy(imports=(Rule(then="accept"),)))
    made.settle()
    assert changed(made, "a") == []
    assert sent(made, "b", "a") != []
    assert sent(made, "a", "b") == []


def test_a_path_keeps_nothing_of_earlier_import_rules():
    made = triangle()
    for rules in ((Rule(local_pref=300, add_communities=(7,)),), (Rule(med=4),), ()):
        made.feed("a", SetPolicy(("b",), imports=rules))
        made.settle()
    path = made.speakers["a"].routing.loc_rib.best[encode_prefix(OF_B)]
    assert path.terms == (100, None, (), 0)
    assert made.best("a")[OF_B] == (65002,)


def test_without_the_capability_what_is_kept_is_judged_again(monkeypatch):
    """RFC 2918 section 4: only a peer that has announced the capability may be asked."""
    monkeypatch.setattr(
        "bgplab.session.negotiate.route_refresh", lambda: multiprotocol(1, 1), raising=True
    )
    made = triangle()
    made.feed("a", SetPolicy(("b",), imports=REFUSED))
    made.settle()
    assert made.best("a")[OF_B] == (65003, 65002)
    assert sent(made, "b", "a") == []
    made.feed("a", SetPolicy(("b",), imports=()))
    made.settle()
    assert made.best("a")[OF_B] == (65002,)


def test_rules_given_while_a_session_is_down_hold_when_it_comes_up():
    made = Network(routers(ASNS, TRIANGLE), Random)
    made.feed("a", SetPolicy(("b",), imports=REFUSED, exports=REFUSED))
    made.start()
    made.settle()
    assert made.best("a")[OF_B] == (65003, 65002)
    assert made.best("b")["10.1.0.0/24"] == (65003, 65001)


def test_what_was_stopped_is_started_by_hand_only():
    """RFC 4271 section 8.1.2: ManualStop, event 2, and ManualStart, event 1 or 4."""
    made = triangle()
    made.feed("b", Stop(("a",), message="maintenance"))
    made.run(made.now + 300.0)
    assert made.speakers["b"].sessions["a"].state is State.IDLE
    received = next(made.of("a", NotificationReceived))
    assert (received.code, received.subcode) == (6, 2)
    made.feed("b", Start(("a",), manual=True))
    last = list(made.of("b", StateChanged))[-1]
    assert last.event in (Event.MANUAL_START, Event.MANUAL_START_PASSIVE)
    made.settle()
    assert made.speakers["b"].sessions["a"].established


def test_what_is_injected_arrives_and_counts():
    made = triangle()
    gone = frame(UPDATE, b"\x00\x04" + encode_prefix(OF_B) + b"\x00\x00")
    made.feed("b", Inject("a", gone + encode_refresh(1, 1) + END_OF_RIB))
    made.settle()
    b, a = made.speakers["b"].sessions["a"], made.speakers["a"].sessions["b"]
    assert b.sent == a.received
    assert a.sent == b.received
    assert made.best("a")[OF_B] == (65003, 65002)
    assert (
        next(fact for fact in made.of("b", UpdateSent) if fact.at >= 10.0).octets == gone[19:]
    )


@pytest.mark.parametrize("cut", range(1, 2 * len(END_OF_RIB)))
def test_what_is_injected_in_pieces_counts_when_it_is_whole(cut):
    made = triangle()
    b, a = made.speakers["b"].sessions["a"], made.speakers["a"].sessions["b"]
    before = b.sent
    made.feed("b", Inject("a", (2 * END_OF_RIB)[:cut]))
    assert b.sent == before + cut // len(END_OF_RIB)
    made.feed("b", Inject("a", (2 * END_OF_RIB)[cut:]))
    made.settle()
    assert b.sent == a.received == before + 2
    assert a.established


def test_an_update_injected_before_the_session_is_up_counts_in_it():
    made = Network(routers(ASNS, [("a", "b")]), Random)
    made.start()
    b, a = made.speakers["b"].sessions["a"], made.speakers["a"].sessions["b"]
    while a.state is not State.ESTABLISHED and b.state is not State.OPEN_CONFIRM:
        made.step()
    confirmed, up = (b, a) if b.state is State.OPEN_CONFIRM else (a, b)
    while not up.established:
        made.step()
    if not confirmed.established:
        made.feed("b" if confirmed is b else "a", Inject(confirmed.config.name, END_OF_RIB))
    made.settle()
    assert b.sent == a.received
    assert a.sent == b.received


@pytest.mark.parametrize(
    "octets,code", [(b"garbage" * 3, (1, 1)), (MARKER + b"\x00\x13\x09", (1, 3))]
)
def test_garbage_is_answered_and_ends_the_session(octets, code):
    """RFC 4271 section 6.1; the session comes back."""
    made = triangle()
    made.feed("b", Inject("a", octets))
    made.run(10.5)
    said = next(made.of("a", NotificationSent))
    assert (said.peer, said.code, said.subcode) == ("b", *code)
    made.settle()
    assert made.speakers["a"].sessions["b"].established


def test_nothing_is_injected_where_there_is_no_connection():
    made = Network(routers(ASNS, TRIANGLE), Random)
    assert made.feed("b", Inject("a", END_OF_RIB)) == []
    assert made.speakers["b"].sessions["a"].sent == 0
