"""What the lab itself refuses, and verdicts that a lab of tests never gives."""

import pytest

from bgplab.engines.verdict import DIVERGES, TIMEOUT, Change, Cycle, Verdict
from bgplab.engines.virtual.lab import run_at_once
from bgplab.errors import ProcessError, StoreError
from bgplab.scenario.runner import prepare, run
from bgplab.topology.assertions import ExpectRoute
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.steps import (
    SessionReset,
    Step,
    WaitConverged,
    WaitDiverges,
    Withdraw,
)

CYCLE = Cycle((Change("r1", "10.0.0.0/8", "r2", "65002"),) * 3, 4, 0.25, 6.5)


class StubLab:
    """Gives the verdict, or raises the error, that a test sets."""

    def __init__(self, verdict=None, error=None):
        self._verdict = verdict
        self._error = error

    def now(self):
        return 10.0

    def observe(self, listener):
        pass

    async def caught_up(self):
        pass

    async def candidates(self, router, prefix):
        return []

    async def until_converged(self, timeout):
        return self._verdict

    async def withdraw(self, router, *prefixes):
        raise self._error

    async def reset(self, router, *peers):
        raise self._error

    async def routes(self, router):
        raise self._error


async def run_steps(lab, *whats):
    topology = loads("topology: {nodes: {r1: , r2: }, links: [r1-r2]}")
    stage = await prepare(lab, topology, plan(topology), 60.0)
    return await run(stage, [Step(1, "step", what) for what in whats])


def outcome_of(lab, *whats):
    return run_at_once(run_steps(lab, *whats))


def test_the_divergence_that_a_scenario_waits_for_is_told_with_its_cycle():
    verdict = Verdict(DIVERGES, 11.0, 12.0, ("routes repeat",), CYCLE)
    outcome = outcome_of(StubLab(verdict), WaitDiverges(60.0))
    (result,) = outcome.steps
    assert outcome.ok
    assert outcome.verdict is verdict
    assert result.actual == (
        "diverges after 2.000 s: 3 route changes come back every 0.250 s with 6.5 UPDATEs, "
        "seen 4 times"
    )


def test_divergence_fails_a_wait_for_convergence_at_once():
    verdict = Verdict(DIVERGES, 11.0, 12.0, (), CYCLE)
    (result,) = outcome_of(StubLab(verdict), WaitConverged(60.0)).steps
    assert result.ok is False
    assert result.expected == "converged within 60 s"
    assert result.actual.startswith("diverges after 2.000 s: 3 route changes")


def test_only_the_first_reasons_are_told_and_the_rest_counted():
    reasons = tuple(f"router r{i}: not quiet" for i in range(25))
    (result,) = outcome_of(StubLab(Verdict(TIMEOUT, 0, 70.0, reasons)), WaitConverged()).steps
    assert result.actual.endswith("router r19: not quiet; and 5 more")


@pytest.mark.parametrize("what", [Withdraw(("r2",), ("10.0.0.0/8",)), SessionReset("r2", "r1")])
def test_an_act_at_a_dead_router_fails_and_ends_the_scenario(what):
    lab = StubLab(error=ProcessError("r2", "not running"))
    results = outcome_of(lab, what, what).steps
    assert [result.ok for result in results] == [False, None]
    assert results[0].actual == "r2 died: not running"


def test_an_expectation_at_a_dead_router_fails_and_the_scenario_goes_on():
    lab = StubLab(error=ProcessError("r2", "not running"))
    what = ExpectRoute(("r2",), "10.0.0.0/8")
    assert [result.ok for result in outcome_of(lab, what, what).steps] == [False, False]


def test_a_failure_of_the_lab_as_a_whole_is_no_failed_step():
    lab = StubLab(error=StoreError("the disk is full"))
    with pytest.raises(StoreError):
        outcome_of(lab, SessionReset("r1", "r2"))
