"""`bgplab up FILE`: keep a lab running until Ctrl-C, and show what becomes of it."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from bgplab.cli.drive import Interrupted, drive
from bgplab.cli.files import prepare_file
from bgplab.cli.options import lab_options
from bgplab.cli.output import duration, interactive
from bgplab.cli.scenario import Play, play, step_lines
from bgplab.cli.status import Status, describe_death
from bgplab.engines.processes.controller import Options, Run
from bgplab.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bgplab.engines.processes.lab import ProcessLab
    from bgplab.engines.verdict import Death, StepResult, Verdict

REFRESH = 0.25  # seconds between two pictures of the lab
FOREVER = 365 * 86400.0
EVENTS = 8  # lines of news below the live table


@click.command()
@click.argument("file", metavar="FILE")
@lab_options
@click.option("--no-scenario", is_flag=True, help="Leave the scenario of the file out.")
def up(file: str, options: Options, no_scenario: bool) -> None:
    """Start the lab of a topology FILE and keep it up until Ctrl-C.

    If the file has a scenario, the lab is taken through it first, and stays as that left it.

    Shows every router with its process id and its sessions, and says when the network has
    converged: at first, and again after each change. Kill a router (kill -9 PID) and see.
    """
    topology, prepared = prepare_file(file, options)
    steps = () if no_scenario else topology.scenario
    screen = Screen()
    what = Play(topology, steps, FOREVER, seed=options.seed)
    try:
        drive(options.reactor, lambda reactor: _up(reactor, prepared, what, screen))
    except Interrupted:
        screen.status.line(f"interrupted: the lab is stopped; store {prepared.database}")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        prepared.abandon()


async def _up(reactor: Any, prepared: Run, what: Play, screen: Screen) -> None:
    """Run a lab until this is cancelled, first through its scenario."""
    from twisted.internet.task import LoopingCall

    lab = prepared.open(reactor)
    began = prepared.options.began
    lab.on_death = lambda death: screen.died(death, lab.now() - began)
    drawing = LoopingCall(screen.draw, lab)
    drawing.clock = reactor
    drawing.start(REFRESH)
    try:

        def told(step: StepResult) -> None:
            screen.step(step, lab.now() - began)

        verdict = (await play(prepared, lab, what._replace(told=told))).verdict
        screen.verdict(verdict, began, f"converged at {verdict.at - began:.2f} s")
        screen.news(verdict.detected - began, f"store {prepared.database}")
        valid = True
        while True:
            await lab.store_routes()
            certificate = await prepared.certificate()
            if valid and not certificate.valid:
                screen.news(lab.now() - began, f"INVALID: {certificate.reasons[0]}")
            valid = certificate.valid
            since = await lab.until_disturbed()
            verdict = await prepared.converge(FOREVER)
            took = max(0.0, verdict.at - since)
            screen.verdict(
                verdict,
                began,
                f"converged again, {took:.3f} s after the network was disturbed: "
                f"{lab.progress().established} sessions",
            )
    finally:
        drawing.stop()
        screen.close()
        await prepared.close()


class Screen:
    """What the user sees: a live table on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.status = Status(sys.stderr)
        self._news: deque[str] = deque(maxlen=EVENTS)
        self._live: Any = None
        self._diverges = False
        if interactive(sys.stdout):
            from rich.live import Live

            # rich would refresh from a thread of its own; a LoopingCall does it here.
            self._live = Live(auto_refresh=False, transient=True)
            self._live.start()

    def news(self, at: float, text: str) -> None:
        """Tell what happened, `at` seconds after the start."""
        line = f"{at:9.3f} s  {text}"
        if self._live is None:
            self.status.done()
            click.echo(line)
            sys.stdout.flush()
        else:
            self._news.append(line)

    def verdict(self, verdict: Verdict, began: float, converged: str) -> None:
        """Tell a verdict; that a network still diverges is no news."""
        if verdict.cycle is None:
            self.news(verdict.detected - began, converged)
        elif not self._diverges:
            routers = ", ".join(dict.fromkeys(each.router for each in verdict.cycle.changes))
            text = f"diverges: the routes of {routers} come back every"
            self.news(verdict.detected - began, f"{text} {duration(verdict.cycle.period)}")
        self._diverges = verdict.cycle is not None

    def step(self, step: StepResult, at: float) -> None:
        """Tell what became of a step of the scenario."""
        for line in step_lines(step):
            self.news(at, line.removeprefix("  "))

    def died(self, death: Death, at: float) -> None:
        """Tell of a router that died."""
        self.news(at, describe_death(death))

    def draw(self, lab: ProcessLab) -> None:
        """Show the lab as it is now."""
        if self._live is None:
            self.status.progress(lab.progress())
        else:
            self._live.update(self._picture(lab), refresh=True)

    def close(self) -> None:
        """Give the terminal back; what happened last stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            click.echo("\n".join(self._news))

    def _picture(self, lab: ProcessLab) -> RenderableType:
        """Draw as many routers as the terminal has lines for, those in trouble first."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        progress = lab.progress()
        table = Table("router", "AS", "pid", "state", "sessions up", title=_headline(progress))
        rows = sorted(lab.states(), key=lambda row: (row.alive, row.up == row.sessions))
        room = max(3, self._live.console.height - EVENTS - 8)
        for row in rows[:room]:
            state = "running" if row.alive else "dead" if row.pid else "starting"
            table.add_row(
                row.name,
                str(row.asn),
                str(row.pid or "-"),
                Text(state, style="" if row.alive else "red"),
                Text(
                    f"{row.up}/{row.sessions}", style="" if row.up == row.sessions else "yellow"
                ),
            )
        rest = f"and {len(rows) - room} more routers" if len(rows) > room else ""
        return Group(table, Text(rest), *(Text(line) for line in self._news))


def _headline(progress: Any) -> str:
    return (
        f"routers {progress.ready}/{progress.routers}   "
        f"sessions {progress.established}/{progress.sessions}   Ctrl-C stops the lab"
    )
