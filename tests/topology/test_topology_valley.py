"""Valley-free routes in three phases."""

import pytest

from bgplab.errors import UsageError
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.reach import expected_routes
from bgplab.topology.valley import ValleyFree

# t and u are peers; m below t, n below u; a below m, b below m and n, c below n; m and n peers.
NODES = "nodes: {t: , u: , m: , n: , a: , b: , c: }"
LINKS = """
    - {endpoints: [t, u], relationship: peer-peer}
    - {endpoints: [t, m], relationship: provider-customer}
    - {endpoints: [n, u], relationship: customer-provider}
    - {endpoints: [m, a], relationship: provider-customer}
    - {endpoints: [m, b], relationship: provider-customer}
    - {endpoints: [n, b], relationship: provider-customer}
    - {endpoints: [n, c], relationship: provider-customer}
"""


def solved(more="", origin="a"):
    text = f"topology:\n  {NODES}\n  links:{LINKS}{more}"
    routes = ValleyFree(loads(text)).routes(origin)
    return {name: "".join(way) for name, way in sorted(routes.items())}


def test_routes_go_up_across_and_down_and_never_through_a_customer():
    assert solved() == {
        "a": "a",
        "b": "bma",
        "c": "cnutma",
        "m": "ma",
        "n": "nutma",
        "t": "tma",
        "u": "utma",
    }


def test_a_peer_is_preferred_to_a_provider_and_a_customer_to_a_shorter_peer():
    peering = "    - {endpoints: [m, n], relationship: peer-peer}\n"
    assert solved(peering)["n"] == "nma"
    assert solved(peering)["u"] == "utma"
    shortcut = "    - {endpoints: [t, b], relationship: peer-peer}\n"
    assert solved(shortcut, "b")["t"] == "tmb"


def test_of_equal_ways_the_neighbour_with_the_lowest_identifier_wins():
    assert solved(origin="b")["t"] == "tmb"
    twice = "    - {endpoints: [u, m], relationship: provider-customer}\n"
    assert solved(twice, "b")["u"] == "umb"


def test_two_steps_across_are_no_way():
    text = """
topology:
  nodes: {a: , b: , c: }
  links:
    - {endpoints: [a, b], relationship: peer-peer}
    - {endpoints: [b, c], relationship: peer-peer}
"""
    assert set(ValleyFree(loads(text)).routes("a")) == {"a", "b"}


@pytest.mark.parametrize("seed", range(5))
def test_who_holds_what_is_that_of_the_exchange_of_routes(seed):
    topology = loads(
        f"topology: {{generate: {{model: internet-as, n: 60, seed: {seed}, "
        "relationships: true}}"
    )
    solution, expected = ValleyFree(topology), expected_routes(plan(topology))
    for node in topology.nodes:
        (prefix,) = node.originate
        holders = {name for name, prefixes in expected.items() if prefix in prefixes}
        assert set(solution.routes(node.name)) == holders


def test_routers_of_one_as_and_links_without_relationship_are_refused():
    with pytest.raises(UsageError, match="one router per AS"):
        ValleyFree(loads("topology: {defaults: {asn: 1}, nodes: {a: , b: }, links: [a-b]}"))
    with pytest.raises(UsageError, match="a and b has no relationship"):
        ValleyFree(loads("topology: {nodes: {a: , b: }, links: [a-b]}"))
