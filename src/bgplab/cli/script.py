r"""`bgplab script FILE`: a lab that takes its steps from standard input, one a line.

For programs, such as bgplab.testing.client. Lines of JSON both ways; each is answered by one:

    {"link-down": {"link": "r1-r2"}}    a step, as a file's scenario has it, or a list of some
        {"ok": true, "steps": [{"line": 4, "step": ..., "ok": true, "at": 1.5, ...}]}
        {"ok": false, "problems": ["link-down.link: unknown router 'r9'"]}   nothing was done
    {"routes": {"at": "r1"}}            the routes that a router uses
        {"ok": true, "routes": [{"prefix": ..., "as_path": ..., "next_hop": ..., ...}]}

The first line out says that the lab runs: {"ok": true, "name": ..., "routers": ..., ...}. The
end of the input ends the lab; the last line out is the report, as `bgplab run --json` has it.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bgplab.cli.drive import Interrupted, drive
from bgplab.cli.files import STANDARD
from bgplab.cli.options import lab_options
from bgplab.cli.scenario import twin_of
from bgplab.cli.virtual import PROCESSES_ONLY, TIMEOUT, refuse
from bgplab.engines.processes.controller import Options
from bgplab.errors import EXIT_INTERRUPTED, LabError, Problem, TopologyError, UsageError
from bgplab.testing.lines import LineReader

if TYPE_CHECKING:
    from bgplab.engines.verdict import Report, StepResult, Verdict
    from bgplab.scenario.stage import Stage
    from bgplab.topology.graph import Topology
    from bgplab.topology.plan import Plan
    from bgplab.topology.steps import Step

STDIN = 0
PATIENCE = 120.0  # seconds, of processes: as `bgplab run` has it

EPILOG = """\b
Example:
  echo '{"wait": "converged"}' | bgplab script topologies/ring-10.yaml

Exit code: that of `bgplab run`, with the steps as its scenario."""


@click.command(epilog=EPILOG)
@click.argument("file", metavar="FILE")
@lab_options
@click.option(
    "--engine",
    type=click.Choice(["processes", "virtual"]),
    default="processes",
    show_default=True,
    help="One process per router in real time, or one process and virtual time.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="The limit of each wait that sets none. [default: 120; in virtual time a day]",
)
@click.pass_context
def script(
    context: click.Context, file: str, options: Options, engine: str, timeout: float | None
) -> None:
    """Start the lab of a topology FILE and take it through steps from standard input.

    Each line is a step of a scenario as JSON, and is answered by a line on standard output. The
    scenario of the file is left out. If FILE is `-`, the first line is the topology: a mapping,
    or the text of a file as a JSON string.
    """
    if engine == "virtual":
        refuse(context, PROCESSES_ONLY, "there are no processes with --engine virtual")
        report = _virtual(file, options, timeout or TIMEOUT)
    else:
        report = _processes(file, options, timeout or PATIENCE)
    _write(report.to_dict())
    sys.exit(report.exit_code)


class Script:
    """A running lab, and the steps that it has been taken through."""

    def __init__(self, stage: Stage, data: dict[str, Any]) -> None:
        self.results: list[StepResult] = []
        self.stage = stage
        self._lab = stage.lab
        self._data = data
        self._name = stage.topology.name
        self._steps: list[Any] = []  # as they were given
        self._known = 0  # steps that they come to: each expectation is one
        self._began = stage.lab.now()

    async def answer(self, line: str) -> dict[str, Any]:
        """Do what a line asks for, and answer it."""
        try:
            asked = json.loads(line)
        except ValueError as error:
            return {"ok": False, "problems": [f"not JSON: {error}"]}
        if isinstance(asked, dict) and list(asked) == ["routes"]:
            return await self._routes(asked["routes"])
        return await self._take(asked if isinstance(asked, list) else [asked])

    async def _routes(self, asked: Any) -> dict[str, Any]:
        """Give the routes of a router."""
        at = asked.get("at") if isinstance(asked, dict) else None
        if not isinstance(at, str):
            return {"ok": False, "problems": ["routes: expected {at: ROUTER}"]}
        try:
            rows = await self._lab.routes(at)
        except LabError as error:
            return {"ok": False, "problems": [f"routes.at: {error}"]}
        return {"ok": True, "routes": [row._asdict() for row in rows]}

    async def _take(self, given: list[Any]) -> dict[str, Any]:
        """Take steps, after they have been checked with all those before."""
        from dataclasses import replace

        from bgplab.scenario import runner

        try:
            steps = self._resolve(given)
        except TopologyError as error:
            first = len(self._steps) if len(given) > 1 else None
            return {"ok": False, "problems": [_problem(each, first) for each in error.problems]}
        since = self._lab.now() - self._began
        outcome = await runner.run(self.stage, steps)
        done = [
            replace(each, at=None if each.at is None else each.at + since)
            for each in outcome.steps
        ]
        reached = sum(each.ok is not None for each in done)
        # What was skipped after a failure has not happened, and sets no mark.
        while len(steps) > reached:
            given = given[:-1]
            steps = self._resolve(given)
        self._known += len(steps)
        self._steps += given
        self.results += done
        return {"ok": outcome.ok, "steps": [each.to_dict() for each in done]}

    def _resolve(self, given: list[Any]) -> list[Step]:
        """Give the meaning of steps that follow those taken. Raises TopologyError."""
        from bgplab.topology.load import loads

        # A step has a line of its own: what that is to a file, is here the number of a step.
        listed = ",\n".join(json.dumps(step) for step in (*self._steps, *given))
        text = f'{{"scenario": [{listed}], {json.dumps(self._data)[1:]}'
        return list(loads(text, self._name).scenario[self._known :])


def _problem(each: Problem, first: int | None) -> str:
    """Write a mistake in a step: where it stands in that, not in a file.

    `first` is the number of steps before, None where there is but this one.
    """
    where, _, inner = each.path.partition("]")
    number = where.removeprefix("scenario[")
    which = ""
    if first is not None and number.isdecimal():
        which = f"step {int(number) - first + 1}: "
    inner = inner.lstrip(".")
    return f"{which}{inner}: {each.message}" if inner else f"{which}{each.message}"


def _read(file: str, reader: LineReader) -> tuple[dict[str, Any], Topology]:
    """Read a topology: as data, without its scenario, and resolved.

    Raises TopologyError, or UsageError for a first line that is none.
    """
    from bgplab.topology.document import Document
    from bgplab.topology.load import load, loads

    if file != STANDARD:
        topology, name = load(file), Path(file).stem
    else:
        try:
            given = json.loads(reader.read() or "")
        except ValueError as error:
            raise UsageError(f"the first line is no topology as JSON: {error}") from None
        name = "lab"
        topology = loads(given if isinstance(given, str) else json.dumps(given), name)
    data: Any = Document(topology.source, name).data  # a mapping: it has just been resolved
    left = {key: value for key, value in data.items() if key != "scenario"}
    return {**left, "name": topology.name}, topology


def _virtual(file: str, options: Options, timeout: float) -> Report:
    """Serve a lab in virtual time; Ctrl-C and SIGTERM end the process with 130."""
    from bgplab.engines.virtual import controller
    from bgplab.engines.virtual.lab import run_at_once

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reader = LineReader(STDIN)
    chosen = controller.Options(options.level, options.seed, options.store, options.began)
    data, topology = _read(file, reader)
    run = controller.prepare(topology, topology.source, chosen)
    try:
        lab = run.open()
        stage = run_at_once(_prepare(lab, topology, run.plan, timeout, options.seed))
        run_at_once(lab.start())
        return run_at_once(_serve(run, Script(stage, data), reader.blocking()))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    finally:
        run_at_once(run.close())


def _processes(file: str, options: Options, timeout: float) -> Report:
    """Serve a lab of processes; Ctrl-C and SIGTERM end the process with 130."""
    from bgplab.engines.processes.controller import prepare, warm_up

    reader, warm = LineReader(STDIN), warm_up(options)
    try:
        data, topology = _read(file, reader)
        prepared = prepare(topology, topology.source, options, warm)
    except BaseException:
        if warm is not None:
            warm.dismiss()
        raise

    async def work(reactor: Any) -> Report:
        lab = prepared.open(reactor)
        try:
            stage = await _prepare(lab, topology, prepared.plan, timeout, options.seed)
            await prepared.during(lab.start(), timeout)
            return await _serve(prepared, Script(stage, data), reader.beside(reactor))
        finally:
            await prepared.close()

    try:
        return drive(options.reactor, work)
    except Interrupted:
        sys.exit(EXIT_INTERRUPTED)
    finally:
        prepared.abandon()


async def _prepare(
    lab: Any, topology: Topology, plan: Plan, timeout: float, seed: int
) -> Stage:
    """Listen to a lab before it starts: any step may come."""
    from bgplab.scenario import runner

    twin = twin_of(topology, seed)
    return await runner.prepare(lab, topology, plan, timeout, changes=True, twin=twin)


async def _serve(prepared: Any, made: Script, lines: AsyncIterator[str]) -> Report:
    """Say that the lab runs, answer lines until they end, and sum up."""
    lab = made.stage.lab
    progress = lab.progress()
    _write(
        {
            "ok": True,
            "name": prepared.plan.name,
            "routers": progress.routers,
            "sessions": progress.sessions,
            "store": str(prepared.database),
        }
    )
    async for line in lines:
        if line.strip():
            _write(await prepared.during(made.answer(line)))
    verdict = made.stage.verdict or await prepared.during(_now(lab))
    report: Report = await prepared.report(verdict, tuple(made.results))
    return report


async def _now(lab: Any) -> Verdict:
    """Give the verdict of this moment; nobody has asked to wait for another."""
    verdict: Verdict = await lab.until_converged(0.0)
    return verdict


def _write(answer: dict[str, Any]) -> None:
    """Write an answer, at once."""
    click.echo(json.dumps(answer, ensure_ascii=False))
    sys.stdout.flush()
