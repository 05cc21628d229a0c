"""A scenario on the command line: play it, and write for people what became of each step."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from bgplab.cli.output import style

if TYPE_CHECKING:
    from bgplab.engines.verdict import StepResult, Verdict
    from bgplab.observe.store import RouteRow
    from bgplab.scenario.stage import Twin
    from bgplab.topology.graph import Topology
    from bgplab.topology.plan import Plan
    from bgplab.topology.steps import Step

INDENT = " " * 10
PATIENCE = 86_400.0  # virtual seconds that a wait of the other lab may take


class Playable(Protocol):
    """What a scenario needs of a run, whatever engine it has."""

    @property
    def plan(self) -> Plan:
        """The plan of the lab."""

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and wait until it has converged."""

    async def during(self, work: Coroutine[Any, Any, Any], limit: float | None = None) -> Any:
        """Wait for work with the lab, unless the lab as a whole fails meanwhile."""


class Play(NamedTuple):
    """What is to be played: the steps, and how."""

    topology: Topology
    steps: Sequence[Step]
    timeout: float  # seconds that a wait without a limit of its own may take
    stop_at_first: bool = False  # an expectation that fails ends the scenario
    seed: int = 0
    told: Callable[[StepResult], None] = lambda result: None


class Played(NamedTuple):
    """What came of a scenario; `down` says which sessions it has left down on purpose."""

    verdict: Verdict
    steps: tuple[StepResult, ...] = ()
    down: tuple[str, ...] = ()


async def play(prepared: Playable, lab: Any, what: Play) -> Played:
    """Start the lab, take it through its scenario, if it has one, and to a verdict.

    A scenario whose last wait still stands gives the verdict; after other steps this waits for
    one more, up to the timeout, as it does without a scenario.
    """
    topology, steps, timeout, stop_at_first, seed, told = what
    if not steps:
        return Played(await prepared.converge(timeout))
    from bgplab.scenario import runner

    stage = await runner.prepare(
        lab,
        topology,
        prepared.plan,
        timeout,
        changes=runner.needs_changes(steps),
        twin=twin_of(topology, seed),
    )
    await prepared.during(lab.start(), timeout)
    playing = runner.run(stage, steps, stop_at_first=stop_at_first, told=told)
    outcome = await prepared.during(playing)
    verdict = outcome.verdict or await prepared.converge(timeout)
    return Played(verdict, outcome.steps, outcome.down)


def twin_of(topology: Topology, seed: int) -> Twin:
    """Make what takes a fresh lab in virtual time through the same steps.

    Its network has another seed, so that a lab in virtual time too is compared with an order
    of events that is not its own.
    """

    async def twin(steps: Sequence[Step]) -> Mapping[str, Sequence[RouteRow]]:
        from bgplab.engines.virtual.lab import VirtualLab
        from bgplab.errors import LabError, ProcessError
        from bgplab.scenario import runner
        from bgplab.topology.plan import plan

        planned = plan(topology, seed=seed)
        lab: Any = VirtualLab(planned, zlib.crc32(f"{seed}/twin".encode()))
        stage = await runner.prepare(
            lab, topology, planned, PATIENCE, changes=runner.needs_changes(steps)
        )
        await lab.start()
        for result in (await runner.run(stage, steps)).steps:
            if not result.ok:
                raise LabError(f"line {result.line}: {result.text}: {result.actual}")
        routes = {}
        for router in planned.routers:
            try:
                routes[router.name] = await lab.routes(router.name)
            except ProcessError:  # the steps have killed or paused it
                continue
        return routes

    return twin


def scenario_lines(results: Sequence[StepResult]) -> Iterator[str]:
    """Write what became of each step; of one that failed, what was expected and what was."""
    if not results:
        return
    passed = sum(bool(step.ok) for step in results)
    yield f"scenario     {passed} of {len(results)} steps passed; times from its begin"
    for step in results:
        yield from step_lines(step)


def step_lines(step: StepResult) -> Iterator[str]:
    """Write what became of one step."""
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
    """Write what a step expected, what it found, and what explains it."""
    if step.expected:
        yield f"{INDENT}expected  {step.expected}"
    yield f"{INDENT}actual    {step.actual}"
    yield from (f"{INDENT}          {line}" for line in step.details)
