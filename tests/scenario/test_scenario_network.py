"""What a scenario expects of all routes together, and of the effort they took."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bgplab.engines.virtual.lab import VirtualLab
from bgplab.scenario.journal import InUse
from bgplab.scenario.network import Loops, Valleys
from bgplab.topology.assertions import (
    ExpectExploration,
    ExpectLoopFree,
    ExpectRoute,
    ExpectSameRoutes,
    ExpectUpdates,
    ExpectValleyFree,
)
from bgplab.topology.load import loads
from bgplab.topology.steps import (
    Announce,
    Kill,
    LinkDown,
    Mark,
    SessionReset,
    WaitConverged,
    WaitFor,
    Withdraw,
)

PREFIX = "10.1.0.0/16"

# The customer has two providers, and no reason to join them.
PROVIDERS = """
topology:
  nodes:
    left: {asn: 65001, originate: [10.1.0.0/16]}
    right: {asn: 65002}
    customer: {asn: 65003}
  links:
    - {endpoints: left-customer, relationship: provider-customer}
    - {endpoints: right-customer, relationship: provider-customer}
"""

CLIQUE = """
topology:
  defaults:
    timers: {mrai: 1s}
    flags: {jitter: off, split-horizon: false}
    links: {delay: 10ms}
    originate: 0
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: , r3: , r4: }
  links: [r1-r2, r1-r3, r1-r4, r2-r3, r2-r4, r3-r4]
"""
DOWN = (
    WaitConverged(),
    WaitFor(1.5),
    Mark("down"),
    Withdraw(("r1",), (PREFIX,)),
    WaitConverged(),
)


def last(outcome):
    *before, result = outcome.steps
    assert [step for step in before if not step.ok] == []
    return result


# ------------------------------------------------------------------------- valley-free


def leaking(planned):
    """Make a lab whose customer tells everyone everything."""
    left, right, customer = planned.routers
    peers = tuple(replace(peer, relationship="") for peer in customer.peers)
    routers = (left, right, replace(customer, peers=peers))
    return VirtualLab(replace(planned, routers=routers), 0)


def test_routes_by_relationships_are_valley_free(play):
    assert last(play(PROVIDERS, WaitConverged(), ExpectValleyFree())).ok


def test_a_leak_is_told_with_the_as_that_leaked(play):
    result = last(play(PROVIDERS, WaitConverged(), ExpectValleyFree(), lab=leaking))
    assert result.ok is False
    assert result.actual == (
        "right: 10.1.0.0/16 via customer, AS_PATH 65003 65001: "
        "AS 65003 gave its provider AS 65002 what had descended"
    )


@pytest.mark.parametrize(
    "as_path, leak",
    [
        ("5 3 1", ""),  # up, up; across from 3 to 5 would be the top: see `links` below
        ("4 2", "AS 4 gave its peer AS 9 what had crossed"),
        ("4 4 4 6", "AS 4 gave its peer AS 9 what had descended"),
        ("7 4 6", ""),  # nothing is known of 7
        ("", ""),
    ],
)
def test_a_way_is_judged_from_its_origin(as_path, leak):
    links = [(1, 3, "provider"), (3, 5, "provider"), (5, 9, "customer"), (2, 4, "peer")]
    links += [(4, 9, "peer"), (6, 4, "customer")]
    routers = [
        SimpleNamespace(
            name=f"r{number}",
            asn=number,
            peers=[
                SimpleNamespace(asn=other, relationship=kind)
                for asn, other, kind in links
                if asn == number
            ],
        )
        for number in range(1, 10)
    ]
    planned = SimpleNamespace(routers=routers)
    found = Valleys(planned).first({"r9": {PREFIX: InUse("r", as_path)}})  # type: ignore[arg-type]
    assert found.partition(f"AS_PATH {as_path}: ")[2] == leak


# --------------------------------------------------------------------------- loop-free

AS_OF_THREE = """
topology:
  nodes:
    a: {asn: 65001}
    b: {asn: 65001}
    c: {asn: 65001}
    x: {asn: 65002}
    y: {asn: 65003}
  links: [a-b, b-c, a-x, c-y]
"""


def test_packets_follow_the_peer_of_each_route(play):
    assert last(play(CLIQUE, WaitConverged(), ExpectLoopFree())).ok
    tables = {"r1": {PREFIX: InUse("r2", "")}, "r2": {PREFIX: InUse("r3", "")}}
    loops = Loops(loads(CLIQUE))
    assert loops.first(tables) == ""
    tables["r3"] = {PREFIX: InUse("r1", "")}
    assert loops.first(tables) == "10.1.0.0/16: r1 -> r2 -> r3 -> r1"
    assert loops.first(tables, ("r3", PREFIX)) == "10.1.0.0/16: r3 -> r1 -> r2 -> r3"
    assert loops.first(tables, ("r4", PREFIX)) == ""


def test_each_loop_is_told_once_though_others_lead_into_it():
    tables = {
        "r4": {PREFIX: InUse("r1", "")},
        "r1": {PREFIX: InUse("r2", "")},
        "r2": {PREFIX: InUse("r1", "")},
        "r3": {PREFIX: InUse("r4", ""), "10.9.0.0/16": InUse("", "")},
    }
    assert list(Loops(loads(CLIQUE)).all(tables)) == ["10.1.0.0/16: r1 -> r2 -> r1"]


def test_inside_an_as_packets_take_the_way_of_the_igp():
    """a sends to c by b, which sends to a: a loop, though no two of them use each other."""
    tables = {"a": {PREFIX: InUse("c", "65003")}, "b": {PREFIX: InUse("a", "65002")}}
    tables["c"] = {PREFIX: InUse("y", "65003")}
    loops = Loops(loads(AS_OF_THREE))
    assert loops.first(tables) == "10.1.0.0/16: a -> b -> a"
    tables["b"] = {PREFIX: InUse("c", "65003")}
    assert loops.first(tables) == ""


def test_a_loop_that_is_there_now_is_told(play):
    """Each of the others takes a path through another when the origin has gone."""
    acts = (WaitConverged(), Withdraw(("r1",), (PREFIX,)), WaitFor(0.015))
    result = last(play(CLIQUE, *acts, ExpectLoopFree()))
    assert result.ok is False
    assert result.actual == "10.1.0.0/16: r2 -> r3 -> r2"


# ------------------------------------------------------------------------- same routes


def test_a_fresh_lab_that_was_taken_through_the_same_steps_has_the_same_routes(play):
    steps = (
        WaitConverged(),
        Announce(("r3",), ("10.7.0.0/16",)),
        SessionReset("r1", "r2"),
        WaitConverged(),
        LinkDown("r1", "r3"),
        WaitConverged(),
    )
    assert last(play(CLIQUE, *steps, ExpectSameRoutes())).ok


def test_routes_that_differ_are_told_from_both_labs(play):
    class Forgetful(VirtualLab):
        async def link_down(self, a, b):
            pass

    steps = (WaitConverged(), LinkDown("r1", "r3"), WaitConverged(), ExpectSameRoutes())
    result = last(play(CLIQUE, *steps, lab=lambda planned: Forgetful(planned, 0)))
    assert result.ok is False
    assert result.actual == (
        "r3 10.1.0.0/16: via r1, AS_PATH 65001, NEXT_HOP 10.255.0.1 here, "
        "via r2, AS_PATH 65002 65001, NEXT_HOP 10.255.0.2 there"
    )
    assert result.details[0].startswith("r3, 10.1.0.0/16: via r1, AS_PATH 65001, is the best")


def test_a_router_that_was_killed_has_no_routes_in_either_lab(play):
    steps = (WaitConverged(), Kill(("r4",)), WaitConverged(), ExpectSameRoutes())
    assert last(play(CLIQUE, *steps)).ok


def test_a_fresh_lab_that_does_not_get_through_the_steps_is_no_proof(play):
    class Fast(VirtualLab):
        async def until_converged(self, timeout):
            return await super().until_converged(60.0)

    steps = (WaitConverged(1e-3), ExpectSameRoutes())
    result = last(play(CLIQUE, *steps, lab=lambda planned: Fast(planned, 0)))
    assert result.ok is False
    assert result.actual.startswith("the fresh lab: line 1: WaitConverged: timeout after 0.001")


# ------------------------------------------------------------------------- exploration


def test_a_clique_explores_paths_before_it_gives_up(play):
    """Each tries the two others, one of them perhaps again by a longer way, and gives up."""
    what = ExpectExploration(PREFIX, "down", ("r2", "r3", "r4"), at_least=3, at_most=5)
    result = last(play(CLIQUE, *DOWN, what))
    assert result.ok
    counts = [int(each.split(": ")[1]) for each in result.actual.split(", ")]
    assert counts == sorted(counts, reverse=True)
    assert min(counts) >= 3


def test_too_much_exploration_is_told_with_the_worst_routers(play):
    result = last(play(CLIQUE, *DOWN, ExpectExploration(PREFIX, "down", at_most=1)))
    assert (result.ok, result.actual.count(": ")) == (False, 3)
    assert result.expected == (
        "at most 1 changes of the best route to 10.1.0.0/16 at one router since down"
    )


def test_no_exploration_where_nothing_has_happened(play):
    result = last(
        play(
            CLIQUE,
            *DOWN,
            Mark("later"),
            ExpectExploration(PREFIX, "later", ("r2",), at_least=1),
        )
    )
    assert (result.ok, result.actual) == (False, "r2: 0")


# ----------------------------------------------------------------------------- updates


def test_updates_of_a_router_that_was_killed_still_count(play):
    alive = last(play(CLIQUE, WaitConverged(), Mark("m"), ExpectUpdates("m", exactly=0)))
    assert alive.ok
    steps = (Mark("m"), WaitConverged(), Kill(("r4",)), ExpectUpdates("m", exactly=0))
    killed = play(CLIQUE, *steps).steps[-1]
    whole = play(CLIQUE, Mark("m"), WaitConverged(), ExpectUpdates("m", exactly=0)).steps[-1]
    assert int(killed.actual) == int(whole.actual) > 0


def test_a_route_expected_of_a_dead_router_fails_with_that(play):
    steps = (WaitConverged(), Kill(("r4",)), ExpectRoute(("r4",), PREFIX))
    assert last(play(CLIQUE, *steps)).actual == "r4 died: not running"
