"""Which router must hold which prefix, worked out by rule."""

import pytest

from bgplab.errors import UsageError
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.reach import expected_routes


def held(text: str) -> dict[str, tuple[str, ...]]:
    return expected_routes(plan(loads(text)))


def test_all_routers_of_a_connected_ebgp_graph_hold_all_prefixes():
    routes = held("topology: {generate: {model: barabasi-albert, n: 40, m: 2}}")
    assert {len(prefixes) for prefixes in routes.values()} == {40}
    assert len(set(routes.values())) == 1


def test_pieces_of_a_graph_learn_nothing_of_each_other():
    routes = held(
        "topology: {generate: [{model: ring, n: 3, names: a}, {model: line, n: 2, names: b}]}"
    )
    assert routes["a1"] == routes["a3"] == ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24")
    assert routes["b1"] == ("10.0.3.0/24", "10.0.4.0/24")


def test_mesh_carries_external_routes_across_an_as():
    routes = held(
        """
topology:
  defaults: {originate: 1}
  nodes: {x: , a: {asn: 65000}, b: {asn: 65000}, c: {asn: 65000}, y: }
  links: [x-a, a-b, b-c, c-y]
"""
    )
    assert {len(prefixes) for prefixes in routes.values()} == {5}


def test_without_a_mesh_nothing_goes_from_ibgp_to_ibgp():
    """RFC 4271 section 9.2: a route from an internal peer is not sent to another one."""
    routes = held(
        """
topology:
  ibgp: links
  groups: {core: {asn: 65000}}
  nodes: {x: {originate: [10.1.0.0/16]}, a: &core {group: core}, b: *core, c: *core, y: }
  links: [x-a, a-b, b-c, c-y]
"""
    )
    assert [name for name, prefixes in routes.items() if prefixes] == ["x", "a", "b"]


def test_without_ibgp_an_as_is_its_borders_only():
    routes = held(
        """
topology:
  ibgp: none
  nodes: {x: {originate: [10.1.0.0/16]}, a: {asn: 65000}, b: {asn: 65000}, y: }
  links: [x-a, a-b, b-y]
"""
    )
    assert [name for name, prefixes in routes.items() if prefixes] == ["x", "a"]


def test_routes_do_not_come_back_into_an_as_that_is_in_two_parts():
    """RFC 4271 section 9.1.2: an AS_PATH with the own AS is a loop."""
    routes = held(
        """
topology:
  nodes: {a: {asn: 65000, originate: [10.1.0.0/16]}, b: , c: {asn: 65000}}
  links: [a-b, b-c]
"""
    )
    assert [name for name, prefixes in routes.items() if prefixes] == ["a", "b"]


def test_a_prefix_of_two_origins_is_held_by_all():
    routes = held(
        """
topology:
  nodes: {a: {originate: [10.1.0.0/16]}, b: , c: {originate: [10.1.0.0/16]}}
  links: [a-b, b-c]
"""
    )
    assert set(routes.values()) == {("10.1.0.0/16",)}


def test_two_customers_of_peers_of_a_third_as_do_not_hear_of_each_other():
    """Gao and Rexford (2001): what a peer tells goes to customers only, inside the AS too."""
    routes = held(
        """
topology:
  defaults: {originate: 1}
  nodes: {x: , a: {asn: 65000}, b: {asn: 65000}, y: , z: }
  links:
    - {endpoints: [x, a], relationship: peer-peer}
    - a-b
    - {endpoints: [b, y], relationship: peer-peer}
    - {endpoints: [b, z], relationship: provider-customer}
"""
    )
    assert {name: len(prefixes) for name, prefixes in routes.items()} == {
        "x": 4,
        "a": 5,
        "b": 5,
        "y": 4,
        "z": 5,
    }


def test_rules_of_import_and_export_are_not_worked_out():
    with pytest.raises(UsageError, match="b has rules of its own for import or export"):
        held("topology: {nodes: {a: , b: {import: [reject]}}, links: [a-b]}")
