"""`bgplab capacity FILE`: the largest size of a generated topology that keeps its time here."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bgplab.cli.drive import Interrupted, drive
from bgplab.cli.durations import DurationType
from bgplab.cli.files import read_text
from bgplab.cli.output import count, duration, echo_json, style, table
from bgplab.cli.status import Status
from bgplab.engines.capacity import PRECISION, Search
from bgplab.engines.processes.controller import Options
from bgplab.engines.processes.preflight import check_factor
from bgplab.errors import EXIT_INTERRUPTED, EXIT_INVALID, EXIT_PASS, TopologyError, UsageError
from bgplab.observe.advice import FOREIGN

if TYPE_CHECKING:
    from bgplab.engines.processes.probe import Probe
    from bgplab.observe.fidelity import Rule
    from bgplab.topology.sizing import Sizes

INTERVALS = 5  # of the shortest timer: how long a lab stays
LEAST_STAY, MOST_STAY = 10.0, 60.0  # seconds, unless the user says otherwise
BAR = 10  # characters that stand for the limit in the curve
COLUMNS = ("valid", "p50", "p99", "max", "waiting", "lab", "all else", "seconds", "p99 : limit")

EPILOG = f"""\b
Examples:
  bgplab generate barabasi-albert -n 400 -m 2 > ba.yaml
  bgplab capacity ba.yaml                      up to 400 routers
  bgplab capacity ba.yaml --to 1000 --for 30s

Sizes double up to the first that is INVALID, then the gap is halved down to {PRECISION:.0%} of
the size. Lateness is noisy: a size that fails by little is tried once more, and counts as valid
if that goes well. Exit code: 0 a size was found, 2 bad input, 3 not even the smallest is valid,
4 the lab failed, 130 interrupted."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is tried: sizes from `least` to `most`, each for `stay` seconds of the machine."""

    least: int
    most: int
    stay: float
    rule: Rule


@click.command(epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option(
    "--from",
    "least",
    type=click.IntRange(min=1),
    metavar="N",
    help="The size to start with. [default: a sixteenth of the greatest]",
)
@click.option(
    "--to",
    "most",
    type=click.IntRange(min=1),
    metavar="N",
    help="The greatest size to try. [default: that of the file]",
)
@click.option(
    "--for",
    "stay",
    type=DurationType(positive=True),
    metavar="DURATION",
    help="How long each lab stays once it has converged. [default: 5 of its shortest "
    "intervals, 10s at least and 1m at most]",
)
@click.option(
    "--lateness-limit",
    type=DurationType(positive=True),
    metavar="DURATION",
    help="As with bgplab run.",
)
@click.option("--time-scale", type=float, default=1.0, metavar="K", help="As with bgplab run.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def capacity(
    file: str,
    least: int | None,
    most: int | None,
    stay: float | None,
    lateness_limit: float | None,
    time_scale: float,
    as_json: bool,
) -> None:
    """Find the largest size of a generated topology that this machine runs validly.

    FILE has one generator; its size is the parameter n (rows of a grid, k of a fat-tree). Labs
    of several sizes come up, converge and stay for a while, one after the other, and the
    certificate of each decides. A scenario in the file is left out.

    The table, lateness against size, goes to standard output, progress to standard error.
    """
    from bgplab.topology.sizing import Sizes

    check_factor(time_scale)
    status = Status(sys.stderr)
    sizes = Sizes(*read_text(file))
    options = Options(time_scale=time_scale, lateness_limit=lateness_limit)
    course = _course(sizes, least, most, stay, options)
    with tempfile.TemporaryDirectory(prefix="bgplab-capacity-") as folder:
        search = Search(course.least, course.most, sizes.step)
        stores = replace(options, store=Path(folder, "run.sqlite"))
        try:
            probes = drive(
                options.reactor,
                lambda reactor: _search(reactor, search, sizes, stores, course, status),
            )
        except Interrupted:
            status.line("interrupted: the lab is stopped")
            sys.exit(EXIT_INTERRUPTED)
    if as_json:
        echo_json(_data(file, sizes, course, search, probes))
    else:
        _show(sizes, course, search, probes)
    sys.exit(EXIT_PASS if search.largest is not None else EXIT_INVALID)


def _course(
    sizes: Sizes, least: int | None, most: int | None, stay: float | None, options: Options
) -> Course:
    """Settle what is to be tried. Raises UsageError for what cannot be."""
    from bgplab.observe.fidelity import make_rule
    from bgplab.topology.plan import plan

    most = sizes.given if most is None else most
    least = sizes.start(most) if least is None else least
    if least > most:
        raise UsageError(f"--from {least}: more than the greatest size, {most}")
    for size in (least, most):
        try:
            topology = sizes.at(size)
        except TopologyError as error:
            wrong = "; ".join(problem.message for problem in error.problems)
            raise UsageError(f"{sizes.parameter} = {size}: {wrong}") from error
    planned = plan(topology)
    rule = make_rule(
        planned.routers, topology.fidelity, options.time_scale, options.lateness_limit
    )
    if rule.limit is None:
        raise UsageError("no timer of this topology runs: --lateness-limit says what is late")
    if stay is None:
        stay = min(MOST_STAY, max(LEAST_STAY, INTERVALS * (rule.interval or 0.0)))
    return Course(least, most, stay, rule)


async def _search(
    reactor: Any,
    search: Search,
    sizes: Sizes,
    options: Options,
    course: Course,
    status: Status,
) -> list[Probe]:
    """Try one size after the other until the search is over."""
    from bgplab.engines.processes.probe import probe

    probes: list[Probe] = []
    while (size := search.next) is not None:
        status.line(f"{sizes.parameter} = {size} ...")
        store = options.store and options.store.with_stem(f"run{len(probes)}")
        chosen = replace(options, store=store, began=time.monotonic())
        found = await probe(reactor, sizes.at(size), size, chosen, course.stay)
        search.tell(size, valid=found.valid, clear=found.clear)
        probes.append(found)
        status.line(_told(sizes.parameter, found))
    return probes


def _told(parameter: str, probe: Probe) -> str:
    word = "VALID" if probe.valid else "INVALID"
    reason = "" if probe.valid else f": {probe.reasons[0]}"
    return f"{parameter} = {probe.size} {word} after {probe.seconds:.1f} s{reason}"


def _show(sizes: Sizes, course: Course, search: Search, probes: Sequence[Probe]) -> None:
    """Print the curve of lateness against size, and the result."""
    name = sizes.parameter
    rows = [_row(probe, course.rule.limit or 0.0) for probe in _sorted(probes)]
    table((name, "routers", *COLUMNS), rows)
    stay, limit = duration(course.stay), duration(course.rule.limit or 0.0)
    click.echo(f"limit at p99: {limit}; each lab stayed for {stay} once it had converged")
    if search.largest is None:
        click.echo(f"{style('none valid', fg='red')}: not even {name} = {course.least}")
        return
    routers = count(_routers(search, probes), "router")
    text = f"largest valid: {style(str(search.largest), bold=True)} ({routers})"
    if search.invalid is None:
        click.echo(f"{text}, the greatest that was tried; --to goes further")
    else:
        click.echo(f"{text}; {search.invalid} is INVALID")
    foreign = max(_others(probe) for probe in probes)
    if foreign > FOREIGN:
        click.echo(
            f"what else ran took up to {foreign:.0%} of the processors: without it, more"
        )


def _others(probe: Probe) -> float:
    """Tell which share of the processors others took meanwhile."""
    load = probe.certificate and probe.certificate.load
    return load.share(load.others or 0.0) if load else 0.0


def _sorted(probes: Sequence[Probe]) -> list[Probe]:
    return sorted(probes, key=lambda probe: probe.size)


def _routers(search: Search, probes: Sequence[Probe]) -> int:
    return next((it.routers for it in probes if it.size == search.largest), 0)


def _row(probe: Probe, limit: float) -> list[object]:
    """Write a row of the table, its bar as long as the lateness is."""
    valid = "yes" if probe.valid else "no"
    certificate = probe.certificate
    if certificate is None:
        return [probe.size, probe.routers, valid, *["-"] * (len(COLUMNS) - 2), "no room"]
    late, load = certificate.lateness, certificate.load
    part = late.p99 / limit
    bar = "#" * min(2 * BAR, round(BAR * part)) + ("+" if part > 2 else "")
    shares = ["-"] * 3
    if load is not None:
        others = "-" if load.others is None else f"{load.share(load.others):.0%}"
        shares = [f"{load.waiting:.1%}", f"{load.share(load.lab):.0%}", others]
    return [
        probe.size,
        probe.routers,
        valid,
        *(duration(each) for each in (late.p50, late.p99, late.max)),
        *shares,
        f"{probe.seconds:.1f}",
        f"{part:6.2f}  {bar}".rstrip(),
    ]


def _data(
    file: str, sizes: Sizes, course: Course, search: Search, probes: Sequence[Probe]
) -> dict[str, object]:
    """Give the result as plain data."""
    return {
        "file": file,
        "parameter": sizes.parameter,
        "largest": search.largest,
        "invalid": search.invalid,
        "routers": _routers(search, probes) if search.largest is not None else None,
        "limit": course.rule.limit,
        "stay": course.stay,
        "probes": [probe.to_dict() for probe in probes],
    }
