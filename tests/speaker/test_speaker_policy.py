"""Routers with policy: gadgets of the stable-paths problem, a wedgie, valley-free routes."""

from pathlib import Path
from random import Random

import pytest

from bgplab.config import Level
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.facts import BestChanged, UpdateSent
from bgplab.rib.decision import reason
from bgplab.speaker.inputs import Originate, Start, Stop, Withdraw
from bgplab.topology.load import load, loads
from bgplab.topology.plan import plan
from bgplab.topology.valley import ValleyFree
from bgplab.wire.nlri import encode_prefix

GALLERY = Path(__file__).parents[2] / "topologies"
PREFIX = "10.0.0.0/16"


def started(topology, seed=0) -> Network:
    made = Network(plan(topology, seed=seed, level=Level.UPDATES).routers, Random, seed)
    made.start()
    return made


def settled(topology, seed=0) -> Network:
    made = started(topology, seed)
    made.settle()
    return made


def ways(made: Network, prefix=PREFIX) -> dict[str, tuple[int, ...]]:
    """Give each router's AS_PATH to a prefix, () for its own route; none for no route."""
    found = {name: made.best(name).get(prefix) for name in made.speakers}
    return {name: path for name, path in found.items() if path is not None}


def explained(made: Network, name: str, prefix=PREFIX) -> dict[str, str]:
    """Give the step at which the path of each neighbour lost, "" for the best one."""
    steps = made.speakers[name].routing.loc_rib.explain(encode_prefix(prefix))
    return {path.source.peer: step for path, step in steps}


def changes(made: Network) -> int:
    return sum(isinstance(told.fact, BestChanged) for told in made.facts)


def gadget(links: str, **rankings: list[str]):
    """Make a topology of ASes 65000 (r0, the origin) and up; rankings name the routers on ways.

    `r1=["30", "0"]`: r1 prefers the way through r3 to the direct one, and takes no other.
    """
    lines = ["topology:", "  defaults: {links: {delay: 10ms, jitter: 5ms}}", "  nodes:"]
    lines.append(f"    r0: {{asn: 65000, originate: [{PREFIX}]}}")
    for number, (name, ranking) in enumerate(rankings.items(), 1):
        lines.append(f"    {name}:")
        lines.append(f"      asn: {65000 + number}")
        lines.append("      import:")
        for preference, way in zip(range(300, 0, -100), ranking, strict=False):
            path = [65000 + int(digit) for digit in way]
            lines.append(
                f"        - {{match: {{as-path: {path}}}, set: {{local-pref: {preference}}}}}"
            )
        lines.append("        - reject")
    lines.append(f"  links: [{links}]")
    return loads("\n".join(lines))


SQUARE = "r0-r1, r0-r2, r0-r3, r1-r2, r1-r3, r2-r4, r3-r4"


@pytest.mark.parametrize("seed", range(20))
def test_good_gadget_settles_in_its_one_stable_state(seed):
    """Griffin, Shepherd and Wilfong (2002), figure 4: 130, 20, 30, 430."""
    made = settled(load(GALLERY / "good-gadget.yaml"), seed)
    assert ways(made) == {
        "r0": (),
        "r1": (65003, 65000),
        "r2": (65000,),
        "r3": (65000,),
        "r4": (65003, 65000),
    }
    assert changes(made) <= 10


@pytest.mark.parametrize("seed", range(5))
def test_bad_gadget_never_settles(seed):
    """Griffin, Shepherd and Wilfong (2002): no stable state."""
    bad = gadget(SQUARE, r1=["30", "0"], r2=["10", "0"], r3=["420", "0"], r4=["20", "30"])
    made = started(bad, seed)
    with pytest.raises(TimeoutError):
        made.settle(20.0)
    first = changes(made)
    made.run(made.now + 20.0)
    assert changes(made) > first + 20


def test_disagree_settles_in_either_of_its_two_stable_states():
    """Griffin, Shepherd and Wilfong (2002)."""
    topology = load(GALLERY / "disagree.yaml")
    seen = {tuple(ways(settled(topology, seed)).values()) for seed in range(30)}
    assert seen == {
        ((), (65002, 65000), (65000,)),
        ((), (65000,), (65001, 65000)),
    }


def test_a_path_that_is_not_listed_is_kept_and_explained():
    made = settled(gadget("r0-r1, r0-r2, r1-r2", r1=["0"], r2=["0"]))
    assert explained(made, "r1") == {"r0": "", "r2": "rejected by import policy"}
    candidates = made.speakers["r1"].routing.loc_rib.candidates(encode_prefix(PREFIX))
    assert reason(candidates) == "the only path that import policy accepts"


def test_a_router_that_rejects_everything_has_no_route():
    made = settled(gadget("r0-r1, r1-r2", r1=[], r2=["10"]))
    assert ways(made) == {"r0": ()}
    assert explained(made, "r1") == {"r0": "rejected by import policy"}


INTENDED = {"as1": (), "as2": (3, 4, 1), "as3": (4, 1), "as4": (1,)}
WEDGED = {"as1": (), "as2": (1,), "as3": (2, 1), "as4": (1,)}


def cut(made: Network, a: str, b: str) -> None:
    """Stop the session of two routers for good."""
    made.feed(a, Stop((b,)))
    made.run(made.now + 5.0)


def mend(made: Network, a: str, b: str) -> None:
    """Start it again and let the network settle."""
    made.feed(a, Start((b,)))
    made.settle()


def test_a_wedgie_holds_on_to_the_backup_link_until_it_is_reset():
    """RFC 4264, figure 1."""
    made = settled(load(GALLERY / "wedgie.yaml"))
    assert ways(made) == INTENDED
    cut(made, "as1", "as4")
    assert ways(made) == {"as1": (), "as2": (1,), "as3": (2, 1), "as4": (3, 2, 1)}
    mend(made, "as1", "as4")
    assert ways(made) == WEDGED
    assert explained(made, "as3") == {"as2": "", "as4": "higher LOCAL_PREF"}
    cut(made, "as1", "as2")
    mend(made, "as1", "as2")
    assert ways(made) == INTENDED
    assert explained(made, "as2") == {"as3": "", "as1": "higher LOCAL_PREF"}


@pytest.mark.parametrize(
    "routers, jitter, seed", [(200, "0s", 0), (60, "50ms", 1), (60, "50ms", 2)]
)
def test_an_internet_like_graph_ends_with_the_three_phase_solution(routers, jitter, seed):
    """Gao and Rexford (2001): one solution, whatever the order of events."""
    topology = loads(
        f"topology: {{defaults: {{links: {{jitter: {jitter}}}}}, generate: "
        f"{{model: internet-as, n: {routers}, seed: 1, relationships: true}}}}"
    )
    solution = ValleyFree(topology)
    asn = {node.name: node.asn for node in topology.nodes}
    made = settled(topology, seed)
    held = {name: made.best(name) for name in made.speakers}
    for node in topology.nodes:
        routes = solution.routes(node.name)
        assert {
            name: paths[node.originate[0]]
            for name, paths in held.items()
            if node.originate[0] in paths
        } == {name: tuple(asn[hop] for hop in way[1:]) for name, way in routes.items()}


def test_a_mark_and_a_preference_cross_the_as_over_ibgp():
    """What one border learns from a provider, another does not tell a peer."""
    made = settled(
        loads(
            """
topology:
  nodes:
    up: {asn: 1, originate: [10.1.0.0/16]}
    west: {asn: 65000, originate: [10.0.0.0/16]}
    east: {asn: 65000}
    side: {asn: 2, originate: [10.2.0.0/16]}
    down: {asn: 3, originate: [10.3.0.0/16]}
    other: {asn: 4}
  links:
    - {endpoints: [up, west], relationship: provider-customer}
    - west-east
    - {endpoints: [east, side], relationship: peer-peer}
    - {endpoints: [east, down], relationship: provider-customer}
    - east-other
"""
        )
    )
    assert set(made.best("side")) == {"10.0.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}
    assert set(made.best("up")) == {"10.0.0.0/16", "10.1.0.0/16", "10.3.0.0/16"}
    assert len(made.best("down")) == len(made.best("other")) == 4
    inside = made.speakers["west"].routing.loc_rib.best[encode_prefix("10.3.0.0/16")]
    assert inside.local_pref == 300
    outside = made.speakers["other"].routing.loc_rib.best.values()
    assert [path.attributes.communities for path in outside] == [()] * 4


def test_local_preference_by_neighbour_crosses_the_as_over_ibgp():
    """RFC 4271 section 5.1.5."""
    made = settled(
        loads(
            """
topology:
  nodes:
    o: {asn: 1, originate: [10.0.0.0/16]}
    far: {asn: 2}
    a: {asn: 65000, import: [{match: {neighbor: far}, set: {local-pref: 150}}]}
    b: {asn: 65000}
  links: [o-far, far-a, o-b, a-b]
"""
        )
    )
    assert ways(made) == {"o": (), "far": (1,), "a": (2, 1), "b": (2, 1)}
    assert explained(made, "b") == {"a": "", "o": "higher LOCAL_PREF"}


def test_communities_of_an_announcement_reach_the_rules_of_others():
    made = settled(
        loads(
            """
topology:
  nodes:
    o: {asn: 1}
    a: {asn: 2, import: [{match: {community: [2:1, 2:2]}, then: reject}]}
    b: {asn: 3, export: [{match: {community: 2:2}, set: {communities: 3:3}}]}
    c: {asn: 4}
  links: [o-a, o-b, b-c]
"""
        )
    )
    made.feed("o", Originate(("10.1.0.0/16",), None, (2 << 16 | 2,)))
    made.feed("o", Originate(("10.2.0.0/16",), None, (2 << 16 | 7,)))
    made.settle()
    assert list(made.best("a")) == ["10.2.0.0/16"]
    best = made.speakers["c"].routing.loc_rib.best
    assert best[encode_prefix("10.1.0.0/16")].attributes.communities == (3 << 16 | 3,)
    assert best[encode_prefix("10.2.0.0/16")].attributes.communities == (2 << 16 | 7,)
    made.feed("o", Withdraw(("10.1.0.0/16", "10.2.0.0/16")))
    made.settle()
    assert made.best("a") == made.best("b") == made.best("c") == {}


def test_a_route_that_becomes_acceptable_replaces_the_rejected_one():
    made = settled(
        loads(
            """
topology:
  nodes: {o: {asn: 1}, a: {asn: 2, import: [{match: {community: 2:1}}, reject]}}
  links: [o-a]
"""
        )
    )
    prefix = ("10.1.0.0/16",)
    made.feed("o", Originate(prefix))
    made.settle()
    assert made.best("a") == {}
    made.feed("o", Originate(prefix, None, (2 << 16 | 1,)))
    made.settle()
    assert made.best("a") == {"10.1.0.0/16": (1,)}
    made.feed("o", Originate(prefix))
    made.settle()
    assert made.best("a") == {}


def test_peers_with_the_same_rules_are_told_the_same_octets():
    made = settled(
        loads(
            """
topology:
  nodes:
    hub: {asn: 1, originate: [10.0.0.0/16], export: [{set: {prepend: 2, med: 4}}]}
    a: {asn: 2}
    b: {asn: 3}
  links: [hub-a, hub-b]
"""
        )
    )
    first, second = (
        [fact.octets for fact in made.of("hub", UpdateSent) if fact.peer == peer]
        for peer in "ab"
    )
    assert first == second
    assert made.best("a") == {"10.0.0.0/16": (1, 1, 1)}
    own = made.speakers["hub"].routing.loc_rib.own[encode_prefix(PREFIX)]
    assert own._export is not None
    assert own._exports is None, "both peers are of one kind"
