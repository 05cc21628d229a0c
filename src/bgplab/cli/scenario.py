"""A scenario in `bgplab run`: play it, and write for people what became of each step."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bgplab.cli.output import style

if TYPE_CHECKING:
    from bgplab.engines.verdict import StepResult, Verdict
    from bgplab.topology.steps import Step

INDENT = " " * 10


class Playable(Protocol):
    """What a scenario needs of a run, whatever engine it has."""

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and wait until it has converged."""

    async def during(self, work: Coroutine[Any, Any, Any], limit: float | None = None) -> Any:
        """Wait for work with the lab, unless the lab as a whole fails meanwhile."""


async def play(
    prepared: Playable, lab: Any, steps: Sequence[Step], timeout: float
) -> tuple[Verdict, tuple[StepResult, ...]]:
    """Start the lab, take it through its scenario, if it has one, and to a verdict.

    A scenario whose last wait still stands gives the verdict; after other steps this waits for
    one more, up to `timeout` seconds, as it does without a scenario.
    """
    if not steps:
        return await prepared.converge(timeout), ()
    from bgplab.scenario import runner

    await prepared.during(lab.start(), timeout)
    outcome = await prepared.during(runner.run(lab, steps, timeout))
    return outcome.verdict or await prepared.converge(timeout), outcome.steps


def scenario_lines(results: Sequence[StepResult]) -> Iterator[str]:
    """Write what became of each step; of one that failed, what was expected and what was."""
    if not results:
        return
    passed = sum(bool(step.ok) for step in results)
    yield f"scenario     {passed} of {len(results)} steps passed; times from its begin"
    for step in results:
        at = "         -" if step.at is None else f"{step.at:8.3f} s"
        measured = f"  ({step.actual})" if step.ok and step.actual else ""
        yield f"  {_word(step.ok)}{at}  line {step.line}: {step.text}{measured}"
        if step.ok is False:
            yield from _why(step)


def _word(ok: bool | None) -> str:
    """Say in one word of fixed width what became of a step."""
    if ok is None:
        return "skip  "
    return style("ok", fg="green") + "    " if ok else style("FAIL", fg="red", bold=True) + "  "


def _why(step: StepResult) -> Iterator[str]:
    """Write what a step expected and what it found."""
    if step.expected:
        yield f"{INDENT}expected  {step.expected}"
    yield f"{INDENT}actual    {step.actual}"
