"""`bgplab show TABLE [RUN]`: what happened in a run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bgplab.cli.complete import routers_of_run, runs
from bgplab.cli.output import Rows, echo_csv, echo_records, table
from bgplab.config import Level
from bgplab.errors import UsageError
from bgplab.observe import query
from bgplab.observe.runs import did_you_mean

# What a run records from a level on; all other tables it always has.
RECORDED_FROM = {
    "transitions": Level.TRANSITIONS,
    "notifications": Level.TRANSITIONS,
    "timers": Level.TRANSITIONS,
    "route-changes": Level.TRANSITIONS,
    "candidates": Level.UPDATES,
    "causes": Level.UPDATES,
    "updates": Level.UPDATES,
    "octets": Level.OCTETS,
}

RUNS = "runs"  # a table that no database holds

EPILOG = """\b
Tables:
  runs           all runs in the folder of runs, the latest last
  routers        process, address, how it ended
  sessions       current state of each, and since when
  transitions    every change of state, with its event (RFC 4271 section 8.1)
  notifications  NOTIFICATION messages sent and received
  timers         every timer that fired, and how late
  keepalives     silence before KEEPALIVEs, as shares of the interval, in the end
  intervals      the same for ConnectRetryTimer and MRAI, where they expired
  expiries       hold timers that expired, and why: genuine, starvation, unclear
  routes         what each router holds in the end, and why it is best
  candidates     all paths that routers hold, and the step at which each lost (--record updates)
  route-changes  every change of a best route
  acts           what was done to routers and links, as by a scenario
  causes         why each best route changed and each UPDATE was sent (--record updates)
  updates        UPDATE messages in hex (run with --record updates)
  octets         all that went through a session, in hex (run with --record octets)
  errors         exceptions in callbacks: mistakes of the lab itself
  malformed      UPDATE messages with errors that RFC 7606 lets a session survive

\b
Examples:
  bgplab show sessions
  bgplab show transitions ring-10 --router r1 --peer r2
  bgplab show routes --prefix 10.0.0.0/24 --csv > routes.csv"""


class TableName(click.Choice[str]):
    """The name of a table; a wrong one is answered with the nearest."""

    def __init__(self) -> None:
        super().__init__([RUNS, *(name.replace("_", "-") for name in query.TABLES)])

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check a name, written with `-` or, as in SQL, with `_`."""
        name = value.replace("_", "-")
        hint = did_you_mean(name, dict.fromkeys(self.choices))
        if name not in self.choices and hint:
            self.fail(f"no table {value!r}{hint}", param, ctx)
        return super().convert(name, param, ctx)


@click.command(epilog=EPILOG)
@click.argument("name", metavar="TABLE", type=TableName())
@click.argument("run", metavar="[RUN]", required=False, shell_complete=runs)
@click.option(
    "--router", shell_complete=routers_of_run, help="Only what this router did or holds."
)
@click.option("--peer", shell_complete=routers_of_run, help="Only what concerns this peer.")
@click.option("--prefix", help="Only this prefix, such as 10.0.0.0/24.")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="ROWS", help="At most so many rows."
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list of objects.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV with a line of names.")
def show(
    name: str,
    run: str | None,
    router: str | None,
    peer: str | None,
    prefix: str | None,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show a TABLE of a run, also while the lab runs.

    RUN is the name of a topology (its latest run), the folder of a run, or its database;
    without it, the latest run of all. `at` and `since` are seconds since the start of the run,
    `late` is the lateness of a timer in seconds, its greatest where a row sums many up.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other")
    if name == RUNS:
        if router or peer or prefix:
            raise UsageError("runs cannot be chosen by router, peer or prefix")
        columns, rows = query.list_runs(run, limit)
        _print(columns, rows, as_json=as_json, as_csv=as_csv)
        if not rows:
            click.echo(
                f"no runs{f' of {run!r}' if run else ''} in {query.runs_folder()}", err=True
            )
        return
    path = query.find_run(run)
    columns, rows = query.show(
        path, name.replace("-", "_"), router=router, peer=peer, prefix=prefix, limit=limit
    )
    _print(columns, rows, as_json=as_json, as_csv=as_csv)
    if not rows:
        chosen = any(value is not None for value in (router, peer, prefix, limit))
        click.echo(_nothing(str(path), name, chosen=chosen), err=True)


def _print(columns: Sequence[str], rows: Rows, *, as_json: bool, as_csv: bool) -> None:
    """Print rows in the form that was asked for."""
    if as_json:
        echo_records(columns, rows)
    elif as_csv:
        echo_csv(columns, rows)
    elif rows:
        table(columns, rows)


def _nothing(path: str, name: str, *, chosen: bool) -> str:
    """Say why there may be nothing to show."""
    level = Level[query.run_info(path)["level"].upper()]
    needed = RECORDED_FROM.get(name, level)
    words = name.replace("-", " ")
    if needed > level:
        return (
            f"no {words}: {path} was recorded at level {level.name.lower()};"
            f" run with --record {needed.name.lower()}"
        )
    return f"no {words} in {path}" + (" for this choice" if chosen else "")
