"""What has to hold always: judged in the order of time, whatever the order of the facts."""

from collections.abc import Callable
from random import Random

import pytest

from bgplab.engines.verdict import StepResult
from bgplab.engines.virtual.lab import VirtualLab
from bgplab.facts import Fact
from bgplab.topology.assertions import (
    Always,
    ExpectLoopFree,
    ExpectNoRoute,
    ExpectRoute,
    ExpectState,
    ExpectValleyFree,
)
from bgplab.topology.steps import (
    Announce,
    Kill,
    LinkDown,
    LinkUp,
    Mark,
    WaitConverged,
    WaitFor,
    WaitState,
    Withdraw,
)

PREFIX, NEW = "10.1.0.0/16", "10.7.0.0/16"
CLIQUE = """
topology:
  defaults:
    timers: {connect-retry: 1s}
    flags: {split-horizon: false}
    links: {delay: 10ms}
    originate: 0
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: , r3: }
  links: [r1-r2, r1-r3, r2-r3]
"""
FLICKER = (LinkDown("r1", "r2"), WaitConverged(), LinkUp("r1", "r2"), WaitConverged())
AT_R2 = ExpectRoute(("r2",), PREFIX, via="r1")


class Shuffled(VirtualLab):
    """A lab whose facts arrive late and out of order, those of each router in their order."""

    def __init__(self, planned):
        super().__init__(planned, 0)
        self._kept: dict[str, list[Fact]] = {config.name: [] for config in planned.routers}
        self._listener: Callable[[str, Fact], None] = lambda router, fact: None
        self._rng = Random(1)
        super().observe(lambda router, fact: self._kept[router].append(fact))

    def observe(self, listener):
        self._listener = listener

    async def caught_up(self):
        while waiting := [name for name, facts in self._kept.items() if facts]:
            name = self._rng.choice(waiting)
            self._listener(name, self._kept[name].pop(0))


@pytest.fixture(params=["in order", "out of order"])
def judged(request, play):
    """Give `judged(invariant, *acts)`: the result of an invariant that is stated at rest."""
    how = {"lab": Shuffled} if request.param == "out of order" else {}

    def judge(invariant, *acts):
        outcome = play(CLIQUE, WaitConverged(), Always(invariant), *acts, **how)
        others = [step for step in outcome.steps if step.text != "Always"]
        assert all(step.ok for step in others)
        return outcome.steps[1]

    return judge


@pytest.mark.parametrize(
    "invariant",
    [
        ExpectRoute(("r2", "r3"), PREFIX, next_hop="10.255.0.1"),
        ExpectNoRoute(("r1", "r2", "r3"), NEW),
        ExpectState((("r1", "r3"), ("r3", "r1")), "Established"),
        ExpectValleyFree(),
        ExpectLoopFree(),
    ],
)
def test_what_holds_throughout_passes(judged, invariant):
    result = judged(invariant, Announce(("r3",), ("10.3.0.0/16",)), WaitConverged())
    assert (result.ok, result.actual) == (True, "")
    assert result.expected.startswith("at every moment: ")


def test_a_route_that_was_another_for_a_while_is_told_with_moment_and_place(judged):
    result = judged(AT_R2, *FLICKER)
    assert result.ok is False
    assert result.expected == "at every moment: r2: 10.1.0.0/16 via r1"
    moment, found = result.actual.split(" s: ")
    assert found == "r2: via r3, AS_PATH 65003 65001"
    assert float(moment) == pytest.approx(result.at, abs=1e-3)
    assert any("Established -> Idle by TcpConnectionFails" in line for line in result.details)


def test_a_route_that_was_there_for_a_while_is_found(judged):
    acts = (Announce(("r3",), (NEW,)), WaitConverged(), Withdraw(("r3",), (NEW,)))
    result = judged(ExpectNoRoute(("r1",), NEW), *acts, WaitConverged())
    assert result.ok is False
    assert result.actual.endswith("s: r1: via r3, AS_PATH 65003")


def test_a_state_that_was_left_for_a_while_is_found(judged):
    result = judged(ExpectState((("r2", "r1"),), "Established"), *FLICKER)
    assert result.ok is False
    assert result.actual.endswith("s: r2 with r1: Idle")


def test_a_router_that_was_killed_has_no_route_from_then_on(judged):
    result = judged(AT_R2, Kill(("r2",)))
    assert result.ok is False
    assert result.actual.endswith("s: r2: no route")


def test_a_loop_that_lasted_for_a_moment_is_found(judged):
    """When the origin withdraws, the two others turn to each other before they give up."""
    result = judged(ExpectLoopFree(), Withdraw(("r1",), (PREFIX,)), WaitConverged())
    assert result.ok is False
    loops = "10.1.0.0/16: r2 -> r3 -> r2", "10.1.0.0/16: r3 -> r2 -> r3"
    assert result.actual.split(" s: ")[1] in loops
    assert result.actual.startswith("0.0")


# ------------------------------------------------------------------------- its bounds


def steps_of(play, *whats, **how):
    return play(CLIQUE, *whats, **how).steps


def test_what_was_before_it_was_stated_does_not_count(play):
    results = steps_of(play, WaitConverged(), *FLICKER, Always(AT_R2), WaitFor(1.0))
    assert [result.ok for result in results] == [True] * 7


def test_it_must_hold_already_when_it_is_stated(play):
    acts = (WaitConverged(), LinkDown("r1", "r2"), WaitConverged())
    *_, result, after = steps_of(play, *acts, Always(AT_R2), Mark("after"))
    assert (result.ok, after.ok) == (False, True)
    assert result.actual.startswith("r2: via r3, AS_PATH 65003 65001, NEXT_HOP")
    assert result.details


def test_attributes_that_changes_do_not_tell_are_judged_at_the_end_too(play):
    tagged = Announce(("r1",), (PREFIX,), med=7)
    always = Always(ExpectRoute(("r2",), PREFIX, med=5))
    first = Announce(("r1",), (PREFIX,), med=5)
    results = steps_of(play, first, WaitConverged(), always, tagged, WaitConverged())
    assert [result.ok for result in results] == [True, True, False, True, True]
    assert "MED 7" in results[2].actual


def test_it_is_judged_though_a_wait_has_ended_the_scenario(play):
    acts = (LinkDown("r1", "r2"), WaitState((("r1", "r2"),), "Established", 1.0), Mark("m"))
    results = steps_of(play, WaitConverged(), Always(AT_R2), *acts)
    assert [result.ok for result in results] == [True, False, True, False, None]


def test_an_invariant_that_fails_at_once_may_end_the_scenario(play):
    acts = (WaitConverged(), Always(ExpectNoRoute(("r2",), PREFIX)), Mark("m"))
    assert [it.ok for it in steps_of(play, *acts, stop_at_first=True)] == [True, False, None]


def test_results_are_told_as_they_come_and_those_of_invariants_last(play):
    told: list[StepResult] = []
    steps_of(play, WaitConverged(), Always(AT_R2), Mark("m"), told=told.append)
    assert [result.text for result in told] == ["WaitConverged", "Mark", "Always"]
