"""What a topology file means: scalars, precedence, short forms, numbers that are handed out."""

import subprocess
import sys

import pytest

from bgplab.errors import TopologyError
from bgplab.topology.load import loads

EXAMPLE = """\
name: example
description: Three routers by hand, twenty by a generator.
topology:
  defaults:
    timers: {hold: 9s, keepalive: 3s, connect-retry: 1s, mrai: 0s}
  groups:
    edge: {originate: [10.9.0.0/16]}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {group: edge}
  links:
    - r1-r2
    - {endpoints: [r2, r3], delay: 10ms}
    - [r3, c1]
  generate: {model: barabasi-albert, n: 20, m: 2, seed: 1, names: c}   # c1 to c20
"""


def lab(text: str):
    topology = loads(text)
    return {node.name: node for node in topology.nodes}, topology


def test_example_of_the_language_loads():
    nodes, topology = lab(EXAMPLE)
    assert topology.name == "example"
    assert list(nodes) == ["r1", "r2", "r3", *(f"c{i}" for i in range(1, 21))]
    assert len(topology.links) == 3 + 36
    assert nodes["r1"].originate == ("10.1.0.0/16",)
    assert nodes["r2"].originate == ()
    assert nodes["r3"].originate == ("10.9.0.0/16",)
    assert nodes["c1"].originate == ("10.0.0.0/24",)
    assert topology.links[1].delay == (0.010, 0.010)
    assert nodes["c20"].timers["hold"] == 9
    assert topology.source == EXAMPLE


def test_name_of_the_lab_is_that_of_the_file_unless_given():
    assert loads("topology: {nodes: {r1: }}", "labs/ring.yaml").name == "ring"


def test_scalars_are_those_of_yaml_1_2():
    """YAML 1.2.2 section 10.3.2: no sexagesimal numbers, no `no`, no dates."""
    nodes, topology = lab("description: 65000:10\ntopology: {nodes: {no: , 2026-01-01: , y: }}")
    assert topology.description == "65000:10"
    assert list(nodes) == ["no", "2026-01-01", "y"]


def test_jitter_off_is_a_word():
    nodes, _ = lab("topology: {nodes: {r1: {flags: {jitter: off}}}}")
    assert nodes["r1"].session_flags.jitter == "off"


def test_names_may_be_numbers():
    nodes, topology = lab("topology: {nodes: {1: , 2: }, links: [[1, 2]]}")
    assert list(nodes) == ["1", "2"]
    assert (topology.links[0].a, topology.links[0].b) == ("1", "2")


def test_link_string_splits_where_two_routers_are_left():
    _, topology = lab("topology: {nodes: {leaf-1: , spine-1: }, links: [leaf-1-spine-1]}")
    assert (topology.links[0].a, topology.links[0].b) == ("leaf-1", "spine-1")


def test_node_counts_over_group_over_defaults_key_by_key():
    nodes, _ = lab(
        """
topology:
  defaults: {asn: 65100, originate: 2, timers: {hold: 9s, idle-hold: 2s}, flags: {jitter: off}}
  groups:
    edge: {asn: 65200, timers: {hold: 30s}, flags: {split-horizon: false}}
  nodes:
    r1:
    r2: {group: edge}
    r3: {group: edge, asn: 65300, originate: [10.3.0.0/16], timers: {hold: 60s}}
"""
    )
    assert [node.asn for node in nodes.values()] == [65100, 65200, 65300]
    assert [node.timers["hold"] for node in nodes.values()] == [9, 30, 60]
    assert [node.timers["idle_hold"] for node in nodes.values()] == [2, 2, 2]
    assert nodes["r3"].session_flags.jitter == "off"
    assert not nodes["r3"].router_flags.split_horizon
    assert nodes["r1"].router_flags.split_horizon
    assert nodes["r2"].originate == ("10.0.2.0/24", "10.0.3.0/24")
    assert nodes["r3"].originate == ("10.3.0.0/16",)


def test_generated_routers_take_settings_of_their_group():
    nodes, _ = lab(
        """
topology:
  groups: {core: {asn: 65000, originate: 0, timers: {hold: 9s}}}
  generate:
    - {model: ring, n: 3, names: a, group: core}
    - {model: ring, n: 3, names: b, originate: 3, asn: 65001}
    - {model: star, n: 3, names: c, originate: 0}
"""
    )
    assert {nodes[name].asn for name in ("a1", "a2", "a3")} == {65000}
    assert {nodes[name].asn for name in ("b1", "b2", "b3")} == {65001}
    assert nodes["a1"].originate == ()
    assert nodes["a1"].timers["hold"] == 9
    assert len(nodes["b2"].originate) == 3
    assert nodes["c1"].originate == ()


def test_as_numbers_are_handed_out_around_those_in_use():
    """RFC 6996: 64512 to 65534 and 4200000000 to 4294967294 are for private use."""
    nodes, _ = lab("topology: {nodes: {r1: , r2: {asn: 65002}, r3: , r4: {asn: 65001}}}")
    assert [node.asn for node in nodes.values()] == [65003, 65002, 65004, 65001]
    many, _ = lab("topology: {generate: {model: line, n: 600}}")
    assert many["r534"].asn == 65534
    assert many["r535"].asn == 4_200_000_000
    assert len({node.asn for node in many.values()}) == 600


def test_identifiers_are_handed_out_around_those_in_use():
    nodes, _ = lab("topology: {nodes: {r1: , r2: {id: 10.255.0.1}, r3: {id: 192.0.2.1}, r4: }}")
    identifiers = [node.identifier for node in nodes.values()]
    assert identifiers == ["10.255.0.2", "10.255.0.1", "192.0.2.1", "10.255.0.3"]


def test_generated_prefixes_leave_out_explicit_ones_and_identifiers():
    nodes, _ = lab(
        """
topology:
  defaults: {originate: 1}
  nodes: {r1: {originate: [10.0.1.0/24]}, r2: {originate: 65300}, r3: }
"""
    )
    made = nodes["r2"].originate
    assert made[:2] == ("10.0.0.0/24", "10.0.2.0/24")
    assert not [prefix for prefix in made if prefix.startswith("10.255.")]
    assert made[-1] == "11.0.20.0/24"
    assert nodes["r3"].originate == ("11.0.21.0/24",)


def test_second_endpoint_listens_unless_told_otherwise():
    _, topology = lab(
        """
topology:
  nodes: {a: , b: , c: }
  links: [a-b, {endpoints: a-c, passive: a}, {endpoints: [b, c], passive: none}]
"""
    )
    assert [link.passive for link in topology.links] == ["b", "a", ""]


def test_delay_jitter_and_timers_may_differ_by_direction():
    _, topology = lab(
        """
topology:
  defaults: {links: {delay: 1ms, jitter: 2ms}}
  nodes: {a: , b: , c: }
  links:
    - {endpoints: [a, b], delay: {b: 30ms}, jitter: 0, timers: {b: {hold: 9s, mrai: 1m}}}
    - {endpoints: [b, c], timers: {keepalive: 5, mrai: {ibgp: 2h}}}
    - a-c
  generate: {model: line, n: 2}
"""
    )
    first, second, third, made = topology.links
    assert first.delay == (0.001, 0.030)
    assert first.jitter == (0.0, 0.0)
    assert first.timers == ({}, {"hold": 9, "mrai_ebgp": 60.0, "mrai_ibgp": 60.0})
    assert second.timers == ({"keepalive": 5.0, "mrai_ibgp": 7200.0},) * 2
    assert third.delay == made.delay == (0.001, 0.001)
    assert third.jitter == made.jitter == (0.002, 0.002)


def test_notes_may_stand_anywhere_but_are_no_settings():
    nodes, _ = lab(
        """
x-author: somebody
topology:
  x-todo: {any: thing}
  nodes: {r1: {x-place: [1, 2], asn: 65001}, x-1: {asn: 65002}}
"""
    )
    assert list(nodes) == ["r1", "x-1"]


def test_anchors_and_aliases_work():
    nodes, _ = lab("topology: {nodes: {r1: &r {timers: {hold: 9s}}, r2: *r}}")
    assert nodes["r2"].timers == {"hold": 9}


def test_separate_pieces_are_kept_with_a_warning():
    _, topology = lab("topology: {generate: {model: erdos-renyi, n: 10, p: 0}}")
    assert len(topology.nodes) == 10
    assert len(topology.warnings) == 1
    assert topology.warnings[0].startswith("the graph has 10 separate pieces (r1: 1, r2: 1,")


def test_parts_of_an_as_without_a_link_inside_it_are_warned_of():
    _, topology = lab(
        """
topology:
  nodes: {a: {asn: 65000}, b: {asn: 65001}, c: {asn: 65000}}
  links: [a-b, b-c]
"""
    )
    assert len(topology.warnings) == 1
    assert topology.warnings[0].startswith("AS 65000 has 2 parts that no link inside it joins")


def test_keepalive_may_be_slow_where_the_hold_time_is_long_or_off():
    """RFC 4271 section 4.4: with a hold time of zero no KEEPALIVE is sent."""
    text = "topology: {nodes: {r1: {timers: {hold: %s, keepalive: 200s}}}}"
    assert loads(text % "600s").nodes[0].timers["keepalive"] == 200
    assert loads(text % "0").nodes[0].timers["hold"] == 0
    with pytest.raises(TopologyError):
        loads(text % "90s")


def test_file_with_explicit_nodes_or_a_plain_generator_never_imports_networkx():
    script = (
        "import sys\n"
        "from bgplab.topology.load import loads\n"
        "from bgplab.topology.plan import plan\n"
        "plan(loads('topology: {generate: {model: barabasi-albert, n: 50, m: 2}}'))\n"
        "plan(loads('topology: {nodes: {a: , b: }, links: [a-b]}'))\n"
        "assert 'networkx' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
