"""The plan: what each router is handed."""

from dataclasses import replace

import pytest

from bgplab.config import Level, RouterConfig, Timers
from bgplab.errors import UsageError
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

RING = "topology: {generate: {model: ring, n: 300}}"
AS = """
topology:
  defaults: {timers: {mrai: {ebgp: 3s, ibgp: 1s}}}
  nodes:
    a: {asn: 65000}
    b: {asn: 65000, timers: {hold: 30s}}
    c: {asn: 65000}
    x: {asn: 65001}
    y: {asn: 65002}
  links:
    - {endpoints: [b, a], cost: 5, delay: {a: 1ms, b: 2ms}}
    - {endpoints: [b, c], cost: 7, delay: {b: 10ms, c: 20ms}, jitter: 1ms, timers: {hold: 9s}}
    - [x, a]
    - {endpoints: [c, y], cost: 4}
"""


def routers(text: str, **options):
    made = plan(loads(text), **options)
    return {router.name: router for router in made.routers}, made


def peers(router: RouterConfig):
    return {peer.name: peer for peer in router.peers}


def test_addresses_count_up_in_the_block_and_identity_is_apart():
    by_name, made = routers(RING, block=7, port=179)
    assert by_name["r1"].address == "127.7.0.1"
    assert by_name["r255"].address == "127.7.0.255"
    assert by_name["r256"].address == "127.7.1.0"
    assert by_name["r300"].identifier == by_name["r300"].next_hop == "10.255.1.44"
    assert by_name["r1"].port == by_name["r1"].peers[0].port == 179
    assert len({router.address for router in made.routers}) == 300


def test_each_session_has_one_end_that_dials_and_one_that_listens():
    by_name, made = routers(RING)
    assert len(made.sessions) == 300
    for session in made.sessions:
        a, b = peers(by_name[session.a])[session.b], peers(by_name[session.b])[session.a]
        assert (a.passive, b.passive) == (False, True)
        assert a.address == by_name[session.b].address
        assert a.asn == by_name[session.b].asn


def test_passive_none_lets_both_dial():
    by_name, _ = routers(
        "topology: {nodes: {a: , b: }, links: [{endpoints: a-b, passive: none}]}"
    )
    assert not by_name["a"].peers[0].passive
    assert not by_name["b"].peers[0].passive


def test_seeds_are_stable_and_differ_by_router_and_run():
    first, _ = routers(RING, seed=1)
    again, _ = routers(RING, seed=1)
    other, _ = routers(RING, seed=2)
    assert [router.seed for router in first.values()] == [r.seed for r in again.values()]
    assert first["r1"].seed != other["r1"].seed
    assert len({router.seed for router in first.values()}) == 300


def test_level_is_that_of_the_run():
    by_name, _ = routers(RING, level=Level.OCTETS)
    assert by_name["r7"].level is Level.OCTETS


def test_routers_of_an_as_form_a_mesh_and_take_the_timers_of_their_kind_of_session():
    by_name, made = routers(AS)
    names = [{session.a, session.b} for session in made.sessions]
    assert names == [{"x", "a"}, {"c", "y"}, {"a", "b"}, {"a", "c"}, {"b", "c"}]
    a = peers(by_name["a"])
    assert (a["x"].timers.mrai, a["b"].timers.mrai) == (3.0, 1.0)
    assert a["b"].timers == replace(Timers(), mrai=1.0)
    assert peers(by_name["b"])["a"].timers == replace(Timers(), mrai=1.0, hold=30)
    assert peers(by_name["b"])["c"].timers.hold == peers(by_name["c"])["b"].timers.hold == 9


def test_later_router_listens_in_a_mesh_and_a_link_may_say_otherwise():
    by_name, _ = routers(AS)
    assert peers(by_name["c"])["a"].passive
    assert not peers(by_name["a"])["c"].passive
    assert peers(by_name["a"])["b"].passive  # the second end of their link


def test_octets_of_a_mesh_session_take_as_long_as_the_links_of_the_igp_path():
    by_name, _ = routers(AS)
    there, back = peers(by_name["a"])["c"], peers(by_name["c"])["a"]
    assert there.delay == pytest.approx(0.001 + 0.010)
    assert back.delay == pytest.approx(0.020 + 0.002)
    assert there.delay_jitter == back.delay_jitter == 0.001


def test_igp_costs_resolve_routers_of_the_as_and_their_external_neighbours():
    """RFC 4271 section 9.1.2.1: NEXT_HOPs unchanged over iBGP have to resolve."""
    by_name, _ = routers(AS)
    hops = {name: router.next_hop for name, router in by_name.items()}
    costs = {
        name: {other: router.igp.get(hop) for other, hop in hops.items()}
        for name, router in by_name.items()
    }
    assert costs["a"] == {"a": None, "b": 5, "c": 12, "x": 0, "y": 16}
    assert costs["b"] == {"a": 5, "b": None, "c": 7, "x": 5, "y": 11}
    assert costs["x"] == {"a": 0, "b": None, "c": None, "x": None, "y": None}
    assert costs["y"] == {"a": None, "b": None, "c": 4, "x": None, "y": None}


def test_ibgp_may_follow_links_or_be_left_out():
    _, links = routers(AS.replace("topology:", "topology:\n  ibgp: links"))
    assert [(s.a, s.b) for s in links.sessions] == [
        ("x", "a"),
        ("c", "y"),
        ("b", "a"),
        ("b", "c"),
    ]
    _, none = routers(AS.replace("topology:", "topology:\n  ibgp: none"))
    assert [(s.a, s.b) for s in none.sessions] == [("x", "a"), ("c", "y")]


def test_a_router_survives_the_way_to_another_process():
    by_name, _ = routers(AS)
    for router in by_name.values():
        assert RouterConfig.from_json(router.to_json()) == router


@pytest.mark.parametrize(
    "options", [{"block": 0}, {"block": 255}, {"port": 0}, {"port": 65536}]
)
def test_impossible_block_or_port_is_refused(options):
    with pytest.raises(UsageError):
        plan(loads(RING), **options)
