"""Take a lab through a scenario, and say what became of each step.

    stage = await prepare(lab, topology, plan, timeout=120.0)
    await lab.start()
    outcome = await run(stage, topology.scenario)

An expectation that fails does not end the scenario: the others are worth knowing. A wait that
fails does, and so does an act that the lab refuses: what follows would rest on nothing. What
has to hold always is judged at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bgplab.engines.interface import Lab
from bgplab.engines.verdict import StepResult, Verdict
from bgplab.errors import ProcessError, UsageError
from bgplab.scenario import always
from bgplab.scenario.expect import expect
from bgplab.scenario.journal import Journal
from bgplab.scenario.sessions import kept_down
from bgplab.scenario.stage import Finding, Moment, Stage, Twin
from bgplab.scenario.steps import act, mark, wait
from bgplab.topology.assertions import (
    Always,
    Expectation,
    ExpectExploration,
    ExpectNot,
    ExpectState,
)
from bgplab.topology.graph import Topology
from bgplab.topology.plan import Plan
from bgplab.topology.steps import Mark, Step, Wait, WaitRoute


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scenario: the result of each step, in order.

    `verdict` is that of the last wait, None if anything was done to the lab after it. `down`
    lists the sessions that the scenario has left in the way of, with what stands there.
    """

    steps: tuple[StepResult, ...]
    verdict: Verdict | None
    down: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every step was reached and went well."""
        return all(step.ok for step in self.steps)


def needs_changes(steps: Sequence[Step]) -> bool:
    """Tell whether some step needs to hear of each change of a best route."""
    return any(_needs_changes(step) for step in steps)


def _needs_changes(step: Step) -> bool:
    what = step.what
    if isinstance(what, Always):
        return not isinstance(what.invariant, ExpectState)
    if isinstance(what, ExpectNot):
        what = what.statement
    return isinstance(what, WaitRoute | ExpectExploration)


async def prepare(
    lab: Lab,
    topology: Topology,
    plan: Plan,
    timeout: float,
    *,
    changes: bool | None = None,
    twin: Twin | None = None,
) -> Stage:
    """Listen to a lab from now on: to be called before it starts, so that nothing is missed.

    A wait that sets no limit of its own may take `timeout` seconds. `changes` tells whether
    steps may come that need each change of a best route; left out, the topology's scenario
    decides. `twin` makes the lab that ExpectSameRoutes compares with.
    """
    if changes is None:
        changes = needs_changes(topology.scenario)
    ends = [(router.name, peer.name) for router in plan.routers for peer in router.peers]
    journal = Journal(ends, changes=changes)
    lab.observe(journal.hear)
    if changes:
        await lab.tell_changes()
    return Stage(lab, topology, plan, timeout, journal, twin, lab.now())


async def run(
    stage: Stage,
    steps: Sequence[Step],
    *,
    stop_at_first: bool = False,
    told: Callable[[StepResult], None] = lambda result: None,
) -> Outcome:
    """Take a lab, which has been started, through the steps.

    `told` hears of each result at once; that of an invariant comes last. With `stop_at_first`
    an expectation that fails ends the scenario too. Of the lab's errors only
    those of an act become a failed step (a router that is dead, or has no such peer).
    """
    stage.began = stage.lab.now()
    results: list[StepResult | None] = []
    watched: list[tuple[int, Step, Always, Moment]] = []
    for step in steps:
        finding, moment = await take(step, stage)
        if moment is not None and finding.ok and isinstance(step.what, Always):
            watched.append((len(results), step, step.what, moment))
            results.append(None)
            continue
        results.append(_result(step, finding, stage))
        told(_result(step, finding, stage))
        if not finding.ok and (stop_at_first or not _goes_on(step)):
            break
    for index, step, what, moment in watched:
        finding = await always.judge(what, moment, stage)
        results[index] = _result(step, finding, stage)
        told(_result(step, finding, stage))
    done = [result for result in results if result is not None]
    missed = [StepResult(step.line, step.text, None) for step in steps[len(results) :]]
    return Outcome((*done, *missed), stage.verdict, kept_down(stage))


def _goes_on(step: Step) -> bool:
    """Tell whether a scenario goes on after a step that has failed."""
    return isinstance(step.what, Expectation | Always)


def _result(step: Step, finding: Finding, stage: Stage) -> StepResult:
    at = stage.lab.now() if finding.at is None else finding.at
    return StepResult(
        step.line,
        step.text,
        finding.ok,
        at - stage.began,
        finding.expected,
        finding.actual,
        finding.details,
    )


async def take(step: Step, stage: Stage) -> tuple[Finding, Moment | None]:
    """Take one step. For an invariant, also the moment from which it is watched."""
    what = step.what
    try:
        if isinstance(what, Always):
            moment, finding = await always.begin(what, stage)
            return finding, moment
        if isinstance(what, Expectation):
            return await expect(what, stage), None
        stage.taken.append(step)
        if isinstance(what, Wait):
            return await wait(what, stage), None
        if isinstance(what, Mark):
            return await mark(what, stage), None
        return await act(what, stage), None
    except (ProcessError, UsageError) as error:
        return Finding(False, "", str(error)), None
