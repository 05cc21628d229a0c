"""Routers that exchange routes: what each one ends up with, and what it was told meanwhile."""

from dataclasses import replace
from random import Random

import pytest

from bgplab.config import RouterFlags, Timers
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import BestChanged, NotificationReceived, NotificationSent, UpdateSent
from bgplab.session.effects import Close
from bgplab.speaker.inputs import Originate, Reset, Start, Stop, TcpAccepted, Withdraw
from bgplab.wire.update import split_update

END_OF_RIB = bytes(4)
OFF = RouterFlags(coalesce="off")


def network(asns, links, **options):
    """Make and start a network, and let it settle."""
    made = Network(routers(asns, links, **options), Random)
    made.start()
    made.settle()
    return made


def ebgp(names):
    """Give each router an AS of its own."""
    return {name: 65000 + number for number, name in enumerate(names, 1)}


def sent(made, name, peer):
    """List the UPDATEs that a router sent to a peer."""
    return [fact.octets for fact in made.of(name, UpdateSent) if fact.peer == peer]


def announced(made, name, peer):
    """List the NLRI fields of the UPDATEs that a router sent to a peer."""
    return [nlri for body in sent(made, name, peer) if (nlri := split_update(body)[2])]


def test_two_routers_exchange_routes_and_end_of_rib():
    """RFC 4724 section 2: End-of-RIB follows the initial table, once."""
    made = network(ebgp("ab"), ["ab"], prefixes=3)
    assert list(made.best("a")) == list(made.best("b"))
    assert len(made.best("a")) == 6
    for name, peer in (("a", "b"), ("b", "a")):
        table, end = sent(made, name, peer)
        assert len(split_update(table)[2]) == 3 * 4
        assert end == END_OF_RIB


def test_a_router_without_routes_sends_end_of_rib_alone():
    """RFC 4724 section 2."""
    made = network(ebgp("ab"), ["ab"], prefixes=0)
    assert sent(made, "a", "b") == sent(made, "b", "a") == [END_OF_RIB]


def test_a_withdrawn_prefix_is_forgotten_everywhere():
    """RFC 4271 section 9.2."""
    made = network(ebgp("abcd"), ["ab", "bc", "cd", "da"])
    made.feed("a", Withdraw(("10.1.0.0/24",)))
    made.settle()
    assert all("10.1.0.0/24" not in made.best(name) for name in "abcd")
    made.feed("a", Originate(("10.1.0.0/24",)))
    made.settle()
    assert made.best("c")["10.1.0.0/24"] == (65002, 65001)


def test_withdrawing_what_was_never_announced_tells_nobody():
    made = network(ebgp("ab"), ["ab"])
    before = len(made.facts)
    made.feed("a", Withdraw(("192.0.2.0/24",)))
    made.settle()
    assert len(made.facts) == before


def test_originating_what_is_no_prefix_changes_nothing():
    made = network(ebgp("ab"), ["ab"])
    for given in (Originate(("192.0.2.0/24", "no")), Withdraw(("10.1.0.0/24", "10.0.0.1/8"))):
        with pytest.raises(ValueError, match=r"prefix|host bits"):
            made.feed("a", given)
    assert made.quiet
    made.run(made.now + 10)
    assert list(made.best("b")) == ["10.1.0.0/24", "10.2.0.0/24"]


def test_a_reset_session_withdraws_its_routes_and_brings_them_back():
    """RFC 4486: Cease/Administrative Reset."""
    made = network(ebgp("abc"), ["ab", "bc"])
    want = {name: made.best(name) for name in "abc"}
    made.feed("a", Reset(("b",)))
    made.run(made.now + 0.1)
    assert [(fact.code, fact.subcode) for fact in made.of("b", NotificationReceived)] == [
        (6, 4)
    ]
    assert list(made.best("a")) == ["10.1.0.0/24"]
    assert list(made.best("c")) == ["10.2.0.0/24", "10.3.0.0/24"]
    made.settle()
    assert {name: made.best(name) for name in "abc"} == want


def test_a_stopped_session_stays_down_until_it_is_started():
    """RFC 4486, RFC 9003: Cease/Administrative Shutdown with a message."""
    made = network(ebgp("ab"), ["ab"])
    made.feed("a", Stop(("b",), 2, "bye"))
    made.run(made.now + 300)
    (fact,) = made.of("a", NotificationSent)
    assert (fact.code, fact.subcode, fact.data) == (6, 2, b"\x03bye")
    assert list(made.best("b")) == ["10.2.0.0/24"]
    made.feed("a", Start(("b",)))
    made.settle()
    assert len(made.best("b")) == 2


def test_the_death_of_a_router_takes_its_routes_along():
    """RFC 4271 section 8.2.2, Established, event 18."""
    made = network(ebgp("abcd"), ["ab", "bc", "cd", "da"])
    made.kill("b")
    made.settle()
    assert made.best("a") == {
        "10.1.0.0/24": (),
        "10.3.0.0/24": (65004, 65003),
        "10.4.0.0/24": (65004,),
    }
    last = [fact for fact in made.of("a", BestChanged) if fact.prefix == b"\x18\x0a\x02\x00"][
        -1
    ]
    assert last.peer is None


def test_a_silent_link_costs_its_routes_when_hold_time_is_over():
    """RFC 4271 section 6.5."""
    made = network(ebgp("abc"), ["ab", "bc", "ca"], timers=Timers(hold=9))
    made.blackhole("a", "b")
    made.run(made.now + 10)
    assert made.best("a")["10.2.0.0/24"] == (65003, 65002)
    assert [(fact.code, fact.subcode) for fact in made.of("a", NotificationSent)] == [(4, 0)]


def test_split_horizon_decides_whether_the_sender_hears_its_route_again():
    """RFC 4271 section 9.2 leaves it open; the loop check makes it harmless."""
    quiet = network(ebgp("ab"), ["ab"])
    loud = network(ebgp("ab"), ["ab"], flags=replace(OFF, split_horizon=False))
    assert announced(quiet, "b", "a") == [b"\x18\x0a\x02\x00"]
    assert announced(loud, "b", "a") == [b"\x18\x0a\x02\x00", b"\x18\x0a\x01\x00"]
    assert loud.best("a") == quiet.best("a")
    explained = loud.speakers["a"].routing.loc_rib.explain(b"\x18\x0a\x01\x00")
    assert [step for _, step in explained] == ["", "own AS in AS_PATH"]


@pytest.mark.parametrize("detection", [False, True])
def test_sender_side_loop_detection_spares_what_the_peer_would_ignore(detection):
    """Two routers of AS 65002 on both sides of AS 65001."""
    flags = replace(OFF, sender_side_loop_detection=detection)
    made = network({"a": 65001, "b": 65002, "c": 65002}, ["ab", "ac"], flags=flags)
    foreign = b"\x18\x0a\x02\x00" in announced(made, "a", "c")
    assert foreign is not detection
    assert list(made.best("c")) == ["10.1.0.0/24", "10.3.0.0/24"]


def test_a_dialler_that_nobody_knows_is_closed():
    made = network(ebgp("ab"), ["ab"])
    assert made.feed("a", TcpAccepted(-99, "127.9.9.9", 7)) == [Close(-99)]


def test_routers_that_dial_each_other_at_once_end_with_one_connection():
    """RFC 4271 section 6.8."""
    configs = routers(ebgp("ab"), [("a", "b")])
    configs = [
        replace(config, peers=tuple(replace(peer, passive=False) for peer in config.peers))
        for config in configs
    ]
    made = Network(configs, Random)
    made.start()
    made.settle()
    assert made.end("a", "b").connection < 0 < made.end("b", "a").connection
    assert len(made.best("a")) == len(made.best("b")) == 2


MESH = [("b", "c"), ("c", "d"), ("b", "d")]  # inside AS 65100
IGP = {"10.0.0.2": 0.0, "10.0.0.3": 0.0, "10.0.0.4": 0.0, "10.0.0.1": 1.0, "10.0.0.5": 9.0}
TRANSIT = {"a": 65001, "b": 65100, "c": 65100, "d": 65100, "e": 65002}


def test_an_internal_mesh_carries_routes_once_and_leaves_next_hop_alone():
    """RFC 4271 sections 5.1.3, 9.2."""
    made = network(TRANSIT, [("a", "b"), *MESH, ("d", "e")], igp=IGP)
    assert made.best("e")["10.1.0.0/24"] == (65100, 65001)
    assert made.best("c")["10.1.0.0/24"] == (65001,)
    best = made.speakers["c"].routing.loc_rib.best[b"\x18\x0a\x01\x00"]
    assert best.source.peer == "b"
    assert best.attributes.next_hop == "10.0.0.1"
    assert best.attributes.local_pref == 100
    assert announced(made, "c", "d") == announced(made, "c", "b") == [b"\x18\x0a\x03\x00"]


def test_an_internal_route_whose_next_hop_nobody_resolves_is_not_used():
    """RFC 4271 section 9.1.2.1."""
    known = {address: cost for address, cost in IGP.items() if address != "10.0.0.1"}
    made = network({name: TRANSIT[name] for name in "abcd"}, [("a", "b"), *MESH], igp=known)
    assert "10.1.0.0/24" in made.best("b")  # the link to its external peer is its own
    assert "10.1.0.0/24" not in made.best("c")
    explained = made.speakers["c"].routing.loc_rib.explain(b"\x18\x0a\x01\x00")
    assert [step for _, step in explained] == ["NEXT_HOP 10.0.0.1 cannot be resolved"]


def test_of_two_exits_the_nearer_one_is_taken():
    """RFC 4271 section 9.1.2.2 e."""
    asns = {"a": 65001, "b": 65100, "c": 65100, "d": 65100, "e": 65001}
    for igp, nearer in ((IGP, "b"), (IGP | {"10.0.0.1": 10.0}, "d")):
        made = network(asns, [("a", "b"), *MESH, ("d", "e")], igp=igp, prefixes=0)
        for name in "ae":
            made.feed(name, Originate(("192.0.2.0/24",)))
        made.settle()
        best = made.speakers["c"].routing.loc_rib.best[b"\x18\xc0\x00\x02"]
        assert best.source.peer == nearer


def test_connections_that_are_gone_leave_nothing_behind():
    """A peer that comes and goes does not grow a router."""
    made = network(ebgp("ab"), ["ab"])
    gone = []
    for name in "abababab":
        gone.append(made.end(name, "b" if name == "a" else "a"))
        made.feed(name, Reset())
        made.settle()
    left = [made.speakers[end.node.name].session_of(end.connection) for end in gone]
    assert left == [None] * 8
    assert [len(speaker._by_connection) for speaker in made.speakers.values()] == [1, 1]
