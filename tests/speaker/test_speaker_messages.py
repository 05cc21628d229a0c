"""What single messages and a slow peer do to a router that is Established."""

from dataclasses import replace
from random import Random

import pytest

from bgplab.config import RouterFlags
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import MalformedUpdate, NotificationSent, StateChanged, UpdateSent
from bgplab.session.events import State
from bgplab.speaker.inputs import Octets, Originate, Start, Withdraw
from bgplab.wire.attributes import UnknownAttribute
from bgplab.wire.header import ROUTE_REFRESH, UPDATE, frame
from bgplab.wire.nlri import encode_prefix
from bgplab.wire.refresh import encode_refresh
from bgplab.wire.update import split_update

ASNS = {"a": 65001, "b": 65002, "c": 65003}
LINE = [("a", "b"), ("b", "c")]
END_OF_RIB = bytes(4)
P = "192.0.2.0/24"

ORIGIN = b"\x40\x01\x01\x00"
AS_PATH = b"\x40\x02\x06\x02\x01" + (65001).to_bytes(4)
NEXT_HOP = b"\x40\x03\x04\x0a\x00\x00\x01"
GOOD = ORIGIN + AS_PATH + NEXT_HOP


def line(**options):
    """Make a, b and c in a row, with their routes exchanged."""
    made = Network(routers(ASNS, LINE, **options), Random)
    made.start()
    made.settle()
    return made


def send(made, octets, to="b", peer="a"):
    """Let octets arrive at a router as from its peer."""
    effects = made.feed(to, Octets(made.end(to, peer).connection, octets))
    made.settle()
    return effects


def update(attributes, prefix=P, withdrawn=b""):
    """Write an UPDATE for one prefix."""
    lengths = len(withdrawn).to_bytes(2), len(attributes).to_bytes(2)
    nlri = encode_prefix(prefix) if prefix else b""
    return frame(UPDATE, lengths[0] + withdrawn + lengths[1] + attributes + nlri)


def bodies(made, name="a", peer="b", since=0.0):
    """List the UPDATEs that a router sent to a peer."""
    return [
        fact.octets
        for fact in made.of(name, UpdateSent)
        if fact.peer == peer and fact.at >= since
    ]


def states(made, name):
    """Give the states of a router's sessions."""
    return [session.state for session in made.speakers[name].sessions.values()]


def test_route_refresh_brings_all_routes_again():
    """RFC 2918 section 4."""
    made = line(prefixes=3)
    made.run(10.0)
    send(made, encode_refresh(1, 1), to="b", peer="c")
    again = bodies(made, "b", "c", since=10.0)
    first = [body for body in bodies(made, "b", "c") if body != END_OF_RIB][: len(again)]
    prefixes = {split_update(body)[2] for body in first}
    assert {split_update(body)[2] for body in again} == prefixes
    assert sum(len(nlri) for nlri in prefixes) == 6 * 4
    assert bodies(made, "b", "a", since=10.0) == []


@pytest.mark.parametrize(
    "message", [encode_refresh(2, 1), encode_refresh(1, 2), frame(ROUTE_REFRESH, b"\0\1\1\1")]
)
def test_other_requests_to_refresh_bring_nothing(message):
    """RFC 2918 section 4 (a family that was not announced), RFC 7313 section 5."""
    made = line()
    made.run(10.0)
    send(made, message)
    assert bodies(made, "b", "a", since=10.0) == []
    assert states(made, "b") == [State.ESTABLISHED] * 2


def test_a_malformed_attribute_withdraws_the_route_and_keeps_the_session():
    """RFC 7606 section 7.1: a bad ORIGIN is treated as a withdrawal."""
    made = line()
    assert "10.1.0.0/24" in made.best("c")
    bad = b"\x40\x01\x01\x07" + AS_PATH + NEXT_HOP
    send(made, update(bad, "10.1.0.0/24"))
    assert "10.1.0.0/24" not in made.best("b")
    assert "10.1.0.0/24" not in made.best("c")
    (fact,) = made.of("b", MalformedUpdate)
    assert (fact.peer, fact.action) == ("a", "withdraw")
    assert states(made, "b") == [State.ESTABLISHED] * 2


def test_a_malformed_attribute_of_little_use_is_discarded():
    """RFC 7606 section 7.6: ATOMIC_AGGREGATE."""
    made = line()
    send(made, update(GOOD + b"\x40\x06\x01\x00"))
    assert made.best("c")[P] == (65002, 65001)
    (fact,) = made.of("b", MalformedUpdate)
    assert fact.action == "discard"


def test_attributes_without_routes_are_read_all_the_same():
    """RFC 4271 section 4.3; RFC 7606 section 5.2: a reset where the attributes demand it."""
    made = line()
    send(made, update(GOOD, prefix=None))
    assert states(made, "b") == [State.ESTABLISHED] * 2
    send(made, update(b"\x40\x63\x00", prefix=None))
    assert [(fact.code, fact.subcode) for fact in made.of("b", NotificationSent)] == [(3, 2)]


def test_a_corrupt_prefix_resets_the_session():
    """RFC 4271 section 6.3, RFC 7606 section 5.3."""
    made = line()
    want = {name: made.best(name) for name in "abc"}
    made.feed(
        "b", Octets(made.end("b", "a").connection, frame(UPDATE, b"\0\0\0\0\x21\0\0\0\0\0"))
    )
    made.run(made.now + 0.01)
    assert "10.1.0.0/24" not in made.best("c")
    assert [(fact.code, fact.subcode) for fact in made.of("b", NotificationSent)] == [(3, 10)]
    made.settle()
    assert {name: made.best(name) for name in "abc"} == want


def test_a_prefix_both_withdrawn_and_announced_is_announced():
    """RFC 4271 section 4.3."""
    made = line()
    send(made, update(GOOD, withdrawn=encode_prefix(P)))
    assert P in made.best("b")


def test_a_path_through_ourselves_is_not_used_and_replaces_the_old_one():
    """RFC 4271 section 9.1.2: the loop check; the new route is there, but not usable."""
    made = line()
    loop = b"\x40\x02\x0a\x02\x02" + (65001).to_bytes(4) + (65002).to_bytes(4)
    send(made, update(ORIGIN + loop + NEXT_HOP, "10.1.0.0/24"))
    assert "10.1.0.0/24" not in made.best("b")
    assert "10.1.0.0/24" not in made.best("c")


def test_an_unknown_transitive_attribute_passes_with_the_partial_bit():
    """RFC 4271 section 5."""
    made = line()
    send(made, update(GOOD + b"\x80\x62\x01\x07" + b"\xc0\x63\x02\x01\x02"))
    path = made.speakers["c"].routing.loc_rib.best[encode_prefix(P)]
    assert path.attributes.unknown == (UnknownAttribute(0xE0, 0x63, b"\x01\x02"),)


def test_too_many_prefixes_end_the_session():
    """RFC 4486: Cease/Maximum Number of Prefixes Reached."""
    configs = routers(ASNS, LINE, prefixes=5)
    limited = tuple(replace(peer, max_prefixes=4) for peer in configs[2].peers)
    made = Network([*configs[:2], replace(configs[2], peers=limited)], Random)
    made.start()
    made.run(0.5)
    (cease,) = made.of("c", NotificationSent)
    assert (cease.code, cease.subcode) == (6, 1)
    assert list(made.best("c")) == [f"10.3.{index}.0/24" for index in range(5)]
    assert len(made.best("b")) == 10
    made.run(10.0)
    again = {(fact.code, fact.subcode) for fact in made.of("c", NotificationSent)}
    assert again == {(6, 1)}


def test_a_peer_at_its_limit_stays():
    configs = routers(ASNS, LINE, prefixes=2)
    limited = tuple(replace(peer, max_prefixes=4) for peer in configs[2].peers)
    made = Network([*configs[:2], replace(configs[2], peers=limited)], Random)
    made.start()
    made.settle()
    assert len(made.best("c")) == 6


def test_a_congested_peer_gets_the_last_state_when_it_has_caught_up():
    made = line()
    made.run(10.0)
    made.congest("a", "b")
    for med in (1, 2, 3):
        made.feed("a", Originate((P,), med=med))
        made.run(made.now + 1.0)
    made.feed("a", Originate(("198.51.100.0/24",)))
    made.run(made.now + 1.0)
    made.feed("a", Withdraw(("198.51.100.0/24", "10.1.0.0/24")))
    made.run(made.now + 100.0)
    assert bodies(made, since=10.0) == []
    assert not made.speakers["a"].quiet
    assert states(made, "a") == [State.ESTABLISHED]
    made.drain("a", "b")
    made.settle()
    withdrawal, announcement = bodies(made, since=10.0)
    assert split_update(withdrawal)[0] == encode_prefix("10.1.0.0/24")
    assert split_update(announcement)[2] == encode_prefix(P)
    best = made.speakers["b"].routing.loc_rib.best
    assert best[encode_prefix(P)].med == 3
    assert encode_prefix("10.1.0.0/24") not in best


@pytest.mark.parametrize("prefixes", [0, 1])
def test_a_peer_congested_from_the_start_gets_its_table_and_end_of_rib(prefixes):
    """RFC 4724 section 2."""
    configs = routers(
        {"a": 1, "b": 2}, [("a", "b")], prefixes=prefixes, flags=RouterFlags(coalesce=1.0)
    )
    made = Network(configs, Random)
    made.start()
    made.run(0.5)
    assert states(made, "a") == [State.ESTABLISHED]
    made.congest("a", "b")
    made.run(10.0)
    assert bodies(made) == []
    assert not made.speakers["a"].quiet
    made.drain("a", "b")
    made.settle()
    assert len(bodies(made)) == prefixes + 1
    assert bodies(made)[-1] == END_OF_RIB
    assert made.speakers["a"].quiet


def test_congestion_ends_with_its_session():
    made = line()
    made.congest("a", "b")
    made.feed("a", Originate((P,)))
    made.run(made.now + 1.0)
    connection = made.end("b", "a").connection
    made.feed("b", Octets(connection, bytes(19)))
    made.settle()
    assert P in made.best("c")
    assert State.IDLE in [fact.new for fact in made.of("a", StateChanged)]


def test_a_peer_of_another_name_is_not_known():
    made = line()
    with pytest.raises(KeyError):
        made.feed("a", Start(("nobody",)))
