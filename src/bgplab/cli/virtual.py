"""`bgplab run --engine virtual`: what the command does where time is virtual."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from bgplab.cli.files import read_topology
from bgplab.cli.output import duration
from bgplab.cli.scenario import Play, play
from bgplab.errors import EXIT_INTERRUPTED, UsageError

if TYPE_CHECKING:
    from bgplab.cli.status import Status
    from bgplab.engines.processes.controller import Options
    from bgplab.engines.verdict import Cycle, Report
    from bgplab.engines.virtual.controller import Run

TIMEOUT = 86_400.0  # virtual seconds: they cost little
REFRESH = 0.2  # seconds between two looks at the progress
PROCESSES_ONLY = ("start", "reactor", "port", "time_scale", "lateness_limit")
SHOWN = 24  # changes of a cycle; the rest is counted


class Course(NamedTuple):
    """How long a run goes on, in virtual seconds, and what becomes of the scenario."""

    timeout: float | None
    until: float | None
    no_scenario: bool
    stop_at_first: bool


def refuse(context: click.Context, names: tuple[str, ...], reason: str) -> None:
    """Refuse options that were given but make no sense. Raises UsageError."""
    source = click.core.ParameterSource.COMMANDLINE
    given = [name for name in names if context.get_parameter_source(name) is source]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{options}: {reason}")


def run_virtual(
    file: str,
    options: Options,
    course: Course,
    status: Status,
    show: Callable[[Report], None],
) -> Report:
    """Run a lab in virtual time to its report, which is shown before the database is closed.

    Ends the process with 130 after Ctrl-C or SIGTERM; the database says "interrupted" then.
    """
    from bgplab.engines.virtual import controller
    from bgplab.engines.virtual.lab import run_at_once

    # What is made from here on lives as long as the command: looking for cycles costs time.
    gc.disable()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = controller.Options(options.level, options.seed, options.store, options.began)
    topology = read_topology(file)
    run = controller.prepare(topology, topology.source, chosen)
    steps = () if course.no_scenario else topology.scenario
    timeout = TIMEOUT if course.timeout is None else course.timeout
    what = Play(topology, steps, timeout, course.stop_at_first, options.seed)
    try:
        return run_at_once(_run(run, what, course.until, status, show))
    except KeyboardInterrupt:
        status.line("interrupted: the lab is stopped")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        run_at_once(run.close())


async def _run(
    run: Run,
    what: Play,
    until: float | None,
    status: Status,
    show: Callable[[Report], None],
) -> Report:
    lab = run.open()
    shown = 0.0

    def pulse() -> None:
        nonlocal shown
        if time.monotonic() - shown > REFRESH:
            status.progress(lab.progress())
            shown = time.monotonic()

    lab.pulse = pulse
    played = await play(run, lab, what)
    status.progress(lab.progress())
    if until is not None:
        await run.stay(until)
    report = await run.report(*played)
    status.done()
    show(report)
    return report


def figures(report: Report) -> Iterator[str]:
    """Write what only a run in virtual time has to say, one fact a line."""
    virtual = report.virtual
    if virtual is None:
        return
    yield (
        f"events       {virtual.events} in {report.wall_seconds or 0:.2f} s of real time, "
        f"{virtual.events_per_second:,.0f} a second"
    )
    if virtual.keepalive_share is not None:
        least, greatest = virtual.keepalive_share
        yield (
            f"keepalives   {virtual.keepalives} sent, after {least:.3f} to {greatest:.3f} of "
            f"their interval; session ends lost: {virtual.sessions_lost}"
        )
    yield f"trace        {virtual.trace}"


def cycle_lines(cycle: Cycle) -> Iterator[str]:
    """Write the cycle of a network that cannot settle."""
    yield (
        f"  the routing state came back {cycle.turns} times; one turn takes "
        f"{duration(cycle.period)} and {cycle.updates:.1f} updates:"
    )
    for change in cycle.changes[:SHOWN]:
        if change.peer is None:
            route = "has no route"
        elif change.peer == "":
            route = "uses its own"
        else:
            route = f"uses {change.as_path or 'the route'} via {change.peer}"
        yield f"  {change.router} {change.prefix}: {route}"
    if len(cycle.changes) > SHOWN:
        yield f"  and {len(cycle.changes) - SHOWN} more changes"
