"""`bgplab run FILE`: start a lab, wait until it has converged, report, stop."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bgplab.cli.drive import Interrupted, drive
from bgplab.cli.durations import DurationType
from bgplab.cli.fidelity import fidelity_lines
from bgplab.cli.files import prepare_file
from bgplab.cli.options import lab_options
from bgplab.cli.output import count, duration, echo_json, style
from bgplab.cli.scenario import Play, play, scenario_lines
from bgplab.cli.status import Status, describe_death
from bgplab.cli.virtual import (
    PROCESSES_ONLY,
    Course,
    cycle_lines,
    figures,
    refuse,
    run_virtual,
)
from bgplab.engines.processes.controller import Options, Run
from bgplab.engines.verdict import CONVERGED
from bgplab.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from bgplab.engines.timescale import TimeScale
    from bgplab.engines.verdict import Report

REFRESH = 0.2  # seconds between two looks at the progress
TIMEOUT = 120.0  # seconds, of processes
SHORT = 0.1  # seconds, below which times are written in milliseconds: virtual ones
LINES = 20  # of what is not settled; the rest is counted

EPILOG = """Exit code: 0 converged, or all steps of the scenario went well, 1 not so, 2 bad
input, 3 the machine could not keep time (INVALID: neither passed nor failed, whatever became
of the steps), 4 the lab failed or lost a router, 130 interrupted.
Every transition of every session is in the database that the report names: see `bgplab
show`."""


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
    help="Give up when the network has not converged so long after the start; in a scenario, "
    "the limit of each wait that sets none. [default: 120; in virtual time a day]",
)
@click.option(
    "--until",
    type=DurationType(),
    metavar="TIME",
    help="Keep the lab alive up to this virtual time, such as 24h (--engine virtual).",
)
@click.option("--no-scenario", is_flag=True, help="Leave the scenario of the file out.")
@click.option(
    "--stop-at-first",
    is_flag=True,
    help="End the scenario at the first expectation that fails, not only at a wait or an act.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@click.pass_context
def run(
    context: click.Context,
    file: str,
    options: Options,
    engine: str,
    timeout: float | None,
    until: float | None,
    no_scenario: bool,
    stop_at_first: bool,
    as_json: bool,
) -> None:
    """Start the lab of a topology FILE, wait until it has converged, report and stop.

    If the file has a scenario, the lab is taken through it, and the report says of each step
    what became of it.

    The report goes to standard output, progress to standard error.
    """
    status = Status(sys.stderr)
    if engine == "virtual":
        refuse(context, PROCESSES_ONLY, "there are no processes with --engine virtual")
        course = Course(timeout, until, no_scenario, stop_at_first)
        report = run_virtual(file, options, course, status, lambda done: _show(done, as_json))
        sys.exit(report.exit_code)
    refuse(context, ("until",), "needs --engine virtual")
    topology, prepared = prepare_file(file, options)
    steps = () if no_scenario else topology.scenario
    if any(router.processing for router in prepared.plan.routers):
        status.line("note: 'processing' in the file counts with --engine virtual only")
    timeout = TIMEOUT if timeout is None else timeout
    what = Play(topology, steps, timeout, stop_at_first, options.seed)
    try:
        report = drive(
            options.reactor,
            lambda reactor: _run(reactor, prepared, what, status, as_json),
        )
    except Interrupted:
        status.line("interrupted: the lab is stopped")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        prepared.abandon()
    sys.exit(report.exit_code)


async def _run(
    reactor: Any, prepared: Run, what: Play, status: Status, as_json: bool
) -> Report:
    """Run a lab to its report, and print that before the lab is taken down."""
    from twisted.internet.task import LoopingCall

    lab = prepared.open(reactor)
    lab.on_death = lambda death: status.line(describe_death(death))
    progress = LoopingCall(lambda: status.progress(lab.progress()))
    progress.clock = reactor
    progress.start(REFRESH)
    try:
        played = await play(prepared, lab, what)
        status.progress(lab.progress())
        report = await prepared.report(*played)
        status.done()
        _show(report, as_json)
        return report
    finally:
        progress.stop()
        await prepared.close()


def _show(report: Report, as_json: bool) -> None:
    """Print a report, at once."""
    if as_json:
        echo_json(report.to_dict())
    else:
        click.echo("\n".join(_lines(report)))
    sys.stdout.flush()


def _lines(report: Report) -> Iterator[str]:
    """Write a report for people, one fact a line, with the same fields as the JSON."""
    seconds = report.seconds
    yield (
        f"{report.name}: {count(report.routers, 'router')}, "
        f"{count(report.sessions, 'session')}, "
        f"{'one process each' if report.virtual is None else 'in virtual time'}"
    )
    if report.virtual is None:
        yield f"ready        {_at(seconds.ready)}  {_every(seconds.ready)} router process runs"
    yield from _established(report)
    if seconds.converged is not None:
        word = style("converged", fg="green", bold=True)
        yield f"{word}    {_at(seconds.converged)}  exact: the last route changed then"
    elif report.cycle is not None:
        yield f"{style(report.verdict, fg='red', bold=True)}     the network cannot settle"
        yield from cycle_lines(report.cycle)
    else:
        yield f"{style(report.verdict, fg='red', bold=True)}      not converged; not settled:"
        yield from (f"  {reason}" for reason in report.unsettled[:LINES])
        if len(report.unsettled) > LINES:
            yield f"  and {len(report.unsettled) - LINES} more"
    yield f"total        {_at(seconds.total)}"
    yield (
        f"routes       {report.routes} in all Loc-RIBs; updates {report.updates_sent} sent, "
        f"{report.updates_received} received"
    )
    if report.time_scale is not None:
        yield from _scale(report.time_scale)
    memory = report.memory_mb_per_router
    yield f"cost         {report.cpu_seconds:.2f} CPU s" + (
        "" if memory is None else f", {memory:.1f} MB per router (proportional)"
    )
    yield from fidelity_lines(report.fidelity, failed=not report.as_wanted)
    if report.coalesced:
        yield f"coalescing   changes were held together for up to {duration(report.coalesced)}"
    if report.failures:
        yield f"failures     {report.failures} callbacks failed: bgplab show errors"
    yield from (f"died         {death.router}: {death.status}" for death in report.deaths)
    yield from figures(report)
    yield from scenario_lines(report.scenario)
    yield f"store        {report.store}"


def _scale(scale: TimeScale) -> Iterator[str]:
    """Say how fast the lab's time went, and whether that leaves the experiment the same."""
    if scale.factor == 1.0:
        return
    yield f"time scale   {scale.factor:g}: once all was ready, a second of the lab took so long"
    if scale.holds is None or scale.factor > 1.0 or scale.mrai is None:
        return
    real, least = scale.mrai * scale.factor, scale.degree * (scale.processing or 0.0)
    word = "well above" if scale.holds else style("NOT well above", fg="red")
    yield (
        f"             MRAI ({duration(real)} real) is {word} degree x processing time "
        f"({scale.degree} x {duration(scale.processing or 0.0)} = {duration(least)})"
    )


def _established(report: Report) -> Iterator[str]:
    """Say when all sessions were up, or which of them a scenario has left down on purpose."""
    at = report.seconds.established
    if at is not None or not report.down or report.verdict != CONVERGED:
        yield f"established  {_at(at)}  {_every(at)} session is up"
        return
    left = count(len(report.down), "session")
    yield f"established  {_at(at)}  every session is up but {left} that the scenario keeps down"
    yield from (f"  {session}" for session in report.down[:LINES])
    if len(report.down) > LINES:
        yield f"  and {len(report.down) - LINES} more"


def _at(seconds: float | None) -> str:
    """Write a time since the start in a column of its own."""
    if seconds is None:
        return "       -"
    if 0 < seconds < SHORT:
        return f"{seconds * 1e3:5.2f} ms"
    return f"{seconds:6.2f} s"


def _every(seconds: float | None) -> str:
    return "not every" if seconds is None else "every"
