"""`bgplab test FILE...`: run topology files as tests, and sum up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bgplab.cli.output import cell, count, echo_json, style, table
from bgplab.errors import EXIT_USAGE, TopologyError, UsageError
from bgplab.testing import github
from bgplab.testing.files import look, yaml_files
from bgplab.testing.pool import run_all
from bgplab.testing.result import PASSED, Result, worst
from bgplab.testing.trial import LIMIT, Trial, cores_of
from bgplab.topology.graph import HowTested, Topology

AUTO = "auto"
BOTH = "both"
COLUMNS = ("file", "engine", "verdict", "steps", "seconds", "runs")

EPILOG = """\b
Examples:
  bgplab test topologies/ --junit out.xml
  bgplab test failover.yaml --engine virtual --json

Exit code, the worst of all tests: 4 a lab failed or took too long, 2 a file is no sound
topology, 1 a verdict or an expectation failed, 3 a run was INVALID and all others passed,
0 all passed, 130 interrupted. In a GitHub workflow what failed is shown at its line."""


class JobsType(click.ParamType):  # type: ignore[type-arg]  # generic in stubs only
    """How many runs at once: a number, or `auto` (0)."""

    name = "N|auto"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read a number above 0, or the word."""
        text = str(value)
        if text == AUTO:
            return 0
        if not text.isdecimal() or not int(text):
            self.fail(f"expected a number above 0 or {AUTO!r}, not {text!r}", param, ctx)
        return int(text)


@click.command(epilog=EPILOG)
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--engine",
    type=click.Choice(["processes", "virtual", BOTH]),
    default=BOTH,
    show_default=True,
    help="The engines to run each file on, of those that it is for.",
)
@click.option(
    "--jobs",
    type=JobsType(),
    default=AUTO,
    show_default=True,
    help="How many runs at once. auto: one in virtual time for each core; a lab of processes "
    "has a core for every 8 routers to itself, for two that compete spoil each other's timing.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=LIMIT,
    show_default=True,
    metavar="SECONDS",
    help="End a run after so many seconds of real time; a file may set its own.",
)
@click.option(
    "--retry-invalid",
    type=click.IntRange(0, 10),
    default=1,
    show_default=True,
    metavar="N",
    help="Run an INVALID test again up to N times, alone on the machine.",
)
@click.option("--quick", is_flag=True, help="Leave out files that call themselves slow.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of all timers' jitter."
)
@click.option(
    "--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Write JUnit XML to FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Write the results as JSON.")
def test(
    paths: tuple[str, ...],
    engine: str,
    jobs: int,
    timeout: float,
    retry_invalid: int,
    quick: bool,
    seed: int,
    junit: str | None,
    as_json: bool,
) -> None:
    """Run topology files as tests: each FILE, and all topologies under each FOLDER.

    A file with a scenario passes if all of its steps do, another one if its lab converges; each
    on both engines, in a process of its own. The table goes to standard output, progress to
    standard error.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cores = jobs or len(os.sched_getaffinity(0))
    chosen = ("virtual", "processes") if engine == BOTH else (engine,)
    results: list[Result] = []
    trials: list[Trial] = []
    for file in _files(paths):
        loaded = _load(file)
        if isinstance(loaded, Result):
            results.append(loaded)
            _tell(loaded)
        elif quick and loaded.test.slow:
            click.echo(f"left out  {file}: slow", err=True)
        else:
            engines = _engines(file, loaded.test, chosen)
            trials += [
                Trial(
                    file,
                    name,
                    loaded.test.timeout or timeout,
                    seed,
                    1 if jobs else cores_of(name, len(loaded.nodes), cores),
                )
                for name in engines
            ]
    if not trials and not results:
        raise UsageError(f"no test in {', '.join(paths)}")
    results += run_all(trials, cores, retry_invalid, _tell)
    results.sort(key=lambda result: result.file)
    _show(results, junit, as_json)
    sys.exit(worst(result.code for result in results))


def _files(paths: Sequence[str]) -> list[str]:
    """List the files that are named and those found in folders, each once."""
    found: dict[str, None] = {}
    for path in paths:
        if not Path(path).is_dir():
            found[path] = None
            continue
        for file in yaml_files(Path(path)):
            if look(file).topology:
                found[str(file)] = None
            else:
                click.echo(f"left out  {file}: no topology", err=True)
    return list(found)


def _load(file: str) -> Topology | Result:
    """Read a file; a result stands for one that is no sound topology."""
    from bgplab.topology.load import load

    try:
        return load(file)
    except TopologyError as error:
        text = str(error)
        return Result(file, "", EXIT_USAGE, errors=text, problems=error.problems)


def _engines(file: str, how: HowTested, chosen: Sequence[str]) -> list[str]:
    """Choose the engines for a file, among those that it is for."""
    fit = [name for name in chosen if name in how.engines]
    if not fit:
        click.echo(f"left out  {file}: for {', '.join(how.engines)} only", err=True)
    return fit


def _tell(result: Result) -> None:
    """Say on standard error that a test is done; annotate in a workflow."""
    colour = "green" if result.verdict == PASSED else "red"
    word = style(f"{result.verdict:<8}", sys.stderr, fg=colour)
    again = f" (run {result.attempts} times)" if result.attempts > 1 else ""
    name = f"{result.file} {result.engine}".rstrip()
    click.echo(f"{word}  {cell(name)}  {result.seconds:.2f} s{again}", err=True)
    if github.wanted(os.environ):
        for line in github.annotate(result, os.environ.get("GITHUB_WORKSPACE")):
            click.echo(line, err=True)


def _show(results: Sequence[Result], junit_file: str | None, as_json: bool) -> None:
    """Write the results as they are wanted."""
    if junit_file is not None:
        from bgplab.testing.junit import junit

        try:
            Path(junit_file).write_bytes(junit(results))
        except OSError as error:
            raise UsageError(f"{junit_file}: cannot be written: {error.strerror}") from error
    if as_json:
        echo_json(
            {
                "exit_code": worst(result.code for result in results),
                "passed": sum(result.verdict == PASSED for result in results),
                "tests": len(results),
                "results": [result.to_dict() for result in results],
            }
        )
        return
    table(COLUMNS, [_row(result) for result in results])
    for line in _failures(results):
        click.echo(line)
    passed = sum(result.verdict == PASSED for result in results)
    click.echo(f"{passed} of {count(len(results), 'test')} passed")


def _row(result: Result) -> tuple[str | int | None, ...]:
    return (
        result.file,
        result.engine or None,
        result.verdict,
        result.count or None,
        f"{result.seconds:.2f}",
        result.attempts,
    )


def _failures(results: Sequence[Result]) -> Iterator[str]:
    """Write why each test failed that did."""
    for result in results:
        if result.verdict != PASSED:
            yield ""
            word = style(result.verdict, fg="red", bold=True)
            yield f"{word}  {cell(result.file)} {result.engine}".rstrip()
            yield from (cell(line) for line in result.lines())
    yield ""
