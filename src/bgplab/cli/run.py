"""`bgplab run FILE`: start a lab, wait until it has converged, report, stop."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bgplab.cli.drive import Interrupted, drive
from bgplab.cli.options import lab_options
from bgplab.cli.status import Status
from bgplab.engines.processes.controller import Options, Run, prepare
from bgplab.errors import EXIT_INTERRUPTED, StoreError

if TYPE_CHECKING:
    from bgplab.engines.verdict import Report

REFRESH = 0.2  # seconds between two lines of progress


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@lab_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up when the network has not converged after this time.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
def run(file: Path, options: Options, timeout: float, as_json: bool) -> None:
    """Start the lab of a topology FILE, wait until it has converged, report and stop.

    The report goes to standard output, progress to standard error. Every transition of every
    session is in the database that the report names: see `bgplab show`.

    Exit code: 0 converged, 1 not converged in time, 2 bad input, 3 the machine could not keep
    time, 4 the lab failed or lost a router, 130 interrupted.
    """
    from bgplab.topology.load import load

    topology = load(file)
    prepared = prepare(topology, file.read_text(encoding="utf-8"), options)
    status = Status(sys.stderr)
    try:
        report = drive(
            options.reactor, lambda reactor: _run(reactor, prepared, timeout, status, as_json)
        )
    except Interrupted:
        status.line("interrupted: the lab is stopped")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        prepared.abandon()
    sys.exit(report.exit_code)


async def _run(
    reactor: Any, prepared: Run, timeout: float, status: Status, as_json: bool
) -> Report:
    """Run a lab to its report, and print that before the lab is taken down."""
    from twisted.internet.defer import Deferred
    from twisted.internet.task import LoopingCall

    failed: Deferred[None] = Deferred()
    lab = prepared.open(reactor, lambda error: failed.errback(error))
    lab.on_death = lambda death: status.line(
        f"router {death.router} died: {death.status}" + (f"\n{death.log}" if death.log else "")
    )
    progress = LoopingCall(lambda: status.progress(lab.progress()))
    progress.clock = reactor
    progress.start(REFRESH)
    try:
        await lab.start()
        verdict = await lab.until_converged(timeout)
        status.progress(lab.progress())
        report = await prepared.report(verdict)
        status.done()
        click.echo(json.dumps(report.to_dict(), indent=2) if as_json else _text(report))
        sys.stdout.flush()
        return report
    finally:
        progress.stop()
        await prepared.close()


def _text(report: Report) -> str:
    return str(report)
