"""Take a lab through a scenario, and say what became of each step.

An expectation that fails does not end the scenario: the others are worth knowing. A wait that
fails does, and so does an act that the lab refuses: what follows would rest on nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bgplab.engines.interface import Lab
from bgplab.engines.verdict import StepResult, Verdict
from bgplab.errors import ProcessError, UsageError
from bgplab.scenario.expect import expect
from bgplab.scenario.stage import Finding, Stage
from bgplab.scenario.steps import act, mark, wait
from bgplab.topology.steps import Expectation, Mark, Step, Wait


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scenario: the result of each step, in order.

    `verdict` is that of the last wait, None if anything was done to the lab after it.
    """

    steps: tuple[StepResult, ...]
    verdict: Verdict | None

    @property
    def ok(self) -> bool:
        """Tell whether every step was reached and went well."""
        return all(step.ok for step in self.steps)


async def run(
    lab: Lab, steps: Sequence[Step], timeout: float, stage: Stage | None = None
) -> Outcome:
    """Take a lab, which has been started, through the steps.

    `stage` is what earlier steps left to know, where these go on from those.
    A wait that sets no limit of its own may take `timeout` seconds. Of the lab's errors only
    those of an act become a failed step (a router that is dead, or has no such peer).
    """
    stage = stage or Stage(lab, timeout)
    began = lab.now()
    results: list[StepResult] = []
    for step in steps:
        finding = await _take(step, stage)
        results.append(
            StepResult(
                step.line,
                step.text,
                finding.ok,
                lab.now() - began,
                finding.expected,
                finding.actual,
            )
        )
        if not finding.ok and not isinstance(step.what, Expectation):
            break
    missed = steps[len(results) :]
    results += [StepResult(step.line, step.text, None) for step in missed]
    return Outcome(tuple(results), stage.verdict)


async def _take(step: Step, stage: Stage) -> Finding:
    """Take one step."""
    what = step.what
    try:
        if isinstance(what, Wait):
            return await wait(what, stage)
        if isinstance(what, Mark):
            return await mark(what, stage)
        if isinstance(what, Expectation):
            return await expect(what, stage)
        return await act(what, stage)
    except (ProcessError, UsageError) as error:
        return Finding(False, "", str(error))
