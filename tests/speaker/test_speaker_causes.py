"""The cause of each change and of each UPDATE; and that a router does the same untraced."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import Level, RouterFlags, SessionFlags, Timers
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import Caused, CauseKind, UpdateReceived, UpdateSent
from bgplab.speaker.inputs import Octets, Originate, Reset, Withdraw
from bgplab.speaker.routing import Routing
from bgplab.speaker.traced import END_OF_RIB, TracedRouting
from bgplab.wire.header import UPDATE, frame
from bgplab.wire.nlri import encode_prefix
from bgplab.wire.refresh import encode_refresh

P = "192.0.2.0/24"
LINE = {"a": 65001, "b": 65002, "c": 65003}
STAR = {"x": 65000, "a": 65001, "b": 65002, "c": 65003}


def line(**options):
    """Make a, b and c in a row, with their routes exchanged."""
    made = Network(routers(LINE, [("a", "b"), ("b", "c")], **options), Random)
    made.start()
    made.settle()
    return made


def causes(made, name, prefix=P, told=None):
    """List what a router tells of a prefix: whom it told, the kind of cause, where it was."""
    octets = encode_prefix(prefix) if prefix else END_OF_RIB
    return [
        (fact.told, CauseKind(fact.kind), fact.source)
        for fact in made.of(name, Caused)
        if fact.prefix == octets and told in {None, fact.told}
    ]


@pytest.mark.parametrize("level", Level)
def test_only_from_level_updates_on_is_anything_kept(level):
    made = Network(
        [replace(config, level=level) for config in routers(LINE, [("a", "b"), ("b", "c")])],
        Random,
    )
    made.start()
    made.settle()
    traced = level >= Level.UPDATES
    kind = TracedRouting if traced else Routing
    assert {type(speaker.routing) for speaker in made.speakers.values()} == {kind}
    assert any(isinstance(fact, Caused) for _, fact in made.facts) == traced


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xabc"), st.integers(0, 3), st.floats(0, 2)), max_size=9
    ),
    st.sampled_from(["off", "auto", 0.5]),
    st.sampled_from([0.0, 1.0]),
    st.booleans(),
)
def test_routers_do_the_same_at_the_same_time_whether_they_tell_why_or_not(
    acts, coalesce, mrai, split_horizon
):
    """The trace holds every octet that every router receives, with its time."""

    def trace(level):
        configs = routers(
            STAR,
            [("x", "a"), ("x", "b"), ("x", "c"), ("a", "b")],
            timers=Timers(mrai=mrai, min_as_origination=mrai),
            flags=RouterFlags(coalesce=coalesce, split_horizon=split_horizon),
            delay_jitter=0.01,
            crowd=9.0,
        )
        made = Network([replace(config, level=level) for config in configs], Random)
        made.start()
        for name, what, pause in acts:
            asked = (Originate((P,)), Withdraw((P,)), Originate((P,), what), Reset())
            made.feed(name, asked[what])
            made.run(made.now + pause)
        made.settle()
        return made.trace

    assert trace(Level.TRANSITIONS) == trace(Level.UPDATES)


def test_the_start_an_act_and_an_update_are_told_apart():
    made = line()
    assert causes(made, "a", "10.1.0.0/24", told="") == [("", CauseKind.START, "")]
    made.feed("a", Originate((P,)))
    made.settle()
    assert causes(made, "a") == [("", CauseKind.ACT, ""), ("b", CauseKind.ACT, "")]
    assert causes(made, "b") == [("", CauseKind.UPDATE, "a"), ("c", CauseKind.UPDATE, "a")]


def test_an_update_is_known_by_the_same_number_at_both_ends():
    made = line()
    made.feed("a", Originate((P,)))
    made.settle()
    made.feed("b", Reset(("a",)))
    made.settle()
    for name, peer in ("ab", "ba", "bc", "cb"):
        sent = [fact[2:] for fact in made.of(name, UpdateSent) if fact.peer == peer]
        came = [fact[2:] for fact in made.of(peer, UpdateReceived) if fact.peer == name]
        assert sent == came
        assert len({fact[1:] for fact in sent}) == len(sent)
    changes = [f for f in made.of("b", Caused) if f.prefix == encode_prefix(P) and not f.told]
    first, lost, again = changes
    assert lost.kind == CauseKind.SESSION_DOWN
    for change in (first, again):
        (update,) = [
            fact
            for fact in made.of("a", UpdateSent)
            if fact[3:] == (change.source_epoch, change.source_number)
        ]
        assert encode_prefix(P) in update.octets
        assert update.at < change.since <= change.at


def test_a_peer_that_comes_up_is_told_the_table_and_its_end_because_of_that():
    made = line()
    told = causes(made, "b", "10.2.0.0/24", told="c")
    assert told == [("c", CauseKind.SESSION_UP, "c")]
    assert causes(made, "b", "", told="c") == [("c", CauseKind.SESSION_UP, "c")]


def test_routes_that_a_session_takes_with_it_are_laid_at_its_loss():
    made = line()
    made.facts.clear()
    made.link_down("a", "b")
    made.settle()
    expected = [(told, CauseKind.SESSION_DOWN, "a") for told in ("", "c")]
    assert causes(made, "b", "10.1.0.0/24") == expected
    told = [fact for fact in made.of("b", Caused) if fact.source == "a"]
    assert all(fact.source_epoch > 0 for fact in told)


def test_a_refresh_is_told_from_news():
    made = line()
    made.facts.clear()
    (end,) = [each for each in made.ends("b") if each.peer == "c"]
    made.feed("b", Octets(end.connection, encode_refresh(1, 1)))
    made.settle()
    told = causes(made, "b", "10.1.0.0/24")
    assert told == [("c", CauseKind.REFRESH, "c")]


def test_of_events_that_are_decided_together_the_last_that_mattered_is_the_cause():
    """a withdraws the best path; what c announces later is no better than that of b."""
    configs = routers(STAR, [("x", "a"), ("x", "b"), ("x", "c")])
    patient = RouterFlags(coalesce=1.0)
    made = Network([replace(configs[0], flags=patient), *configs[1:]], Random)
    made.start()
    made.settle()
    for name in "ab":
        made.feed(name, Originate((P,)))
        made.settle()
    made.run(made.now + 5.0)
    made.facts.clear()
    made.feed("a", Withdraw((P,)))
    made.run(made.now + 0.1)
    made.feed("c", Originate((P,)))
    made.run(made.now + 0.1)
    assert causes(made, "x") == []
    made.settle()
    assert causes(made, "x", told="") == [("", CauseKind.UPDATE, "a")]
    assert {told for told, _, source in causes(made, "x") if source == "a"} == {"", *"abc"}


def test_what_waits_for_mrai_leaves_with_the_cause_of_what_is_sent():
    flags = SessionFlags(jitter="off")
    made = line(timers=Timers(mrai=30.0, idle_hold=1.0), session_flags=flags)
    made.run(made.now + 1000.0)
    made.feed("a", Originate(("198.51.100.0/24",)))
    made.run(made.now + 1.0)
    made.facts.clear()
    made.feed("b", Originate((P,)))
    made.run(made.now + 1.0)
    made.feed("b", Withdraw((P,)))
    made.run(made.now + 1.0)
    asked = made.now
    made.feed("b", Originate((P,), 7))
    made.settle()
    told = [fact for fact in made.of("b", Caused) if fact.told == "c"]
    (last,) = [fact for fact in told if fact.prefix == encode_prefix(P)]
    assert (last.kind, last.since) == (CauseKind.ACT, asked)
    assert last.at > asked + 20.0


def test_own_changes_that_wait_are_laid_at_the_act_and_its_time():
    """RFC 4271 section 9.2.1.2: MinASOriginationIntervalTimer."""
    made = line(timers=Timers(min_as_origination=15.0))
    made.run(made.now + 100.0)
    made.facts.clear()
    began = made.now
    for med in (1, 2):
        made.feed("a", Originate((P,), med))
    made.settle()
    changes = [fact for fact in made.of("a", Caused) if not fact.told]
    assert [(fact.kind, fact.since) for fact in changes] == [(CauseKind.ACT, began)] * 2
    assert changes[1].at > began + 10.0


def test_a_peer_that_announces_too_much_loses_its_session_in_the_middle_of_a_run():
    """RFC 4486, subcode 1: what comes behind is not filed any more."""
    configs = routers(LINE, [("a", "b"), ("b", "c")])
    b = configs[1]
    narrow = tuple(replace(peer, max_prefixes=2) for peer in b.peers)
    made = Network([configs[0], replace(b, peers=narrow), configs[2]], Random)
    made.start()
    made.settle()
    made.facts.clear()
    (end,) = [each for each in made.ends("b") if each.peer == "a"]
    block = b"\x40\x01\x01\x00\x40\x02\x06\x02\x01" + (65001).to_bytes(4)
    block += b"\x40\x03\x04\x0a\x00\x00\x01"
    head = b"\0\0" + len(block).to_bytes(2) + block
    names = [encode_prefix(f"192.0.{number}.0/24") for number in range(2, 6)]
    run = b"".join(frame(UPDATE, head + name) for name in names)
    made.feed("b", Octets(end.connection, run))
    assert not made.speakers["b"].routing._inbound["a"].adj.routes
    lost = causes(made, "b", "10.1.0.0/24")
    assert set(lost) == {(told, CauseKind.SESSION_DOWN, "a") for told in ("", "c")}
    assert not any(causes(made, "b", f"192.0.{number}.0/24") for number in range(2, 6))
