"""`bgplab replay [RUN] [ROUTER]`: run recorded routers again, and examine them step by step."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bgplab.cli.complete import routers_of_run, runs
from bgplab.cli.output import cell, count, echo_json, style
from bgplab.errors import EXIT_FAILED, EXIT_PASS, UsageError
from bgplab.observe.describe import Narrator
from bgplab.observe.inputs import encode, to_json
from bgplab.observe.query import run_info
from bgplab.observe.replay import Difference, Recording, Replay, Step
from bgplab.observe.runs import did_you_mean, find_inputs, find_run
from bgplab.session.effects import Effect
from bgplab.wire.attributes import format_as_path
from bgplab.wire.nlri import format_prefix

SUFFIX = ".jsonl"
AROUND = 2  # effects shown before the one that differs, and after it

EPILOG = """\b
Examples:
  bgplab run ring.yaml --record inputs
  bgplab replay                          every router of the latest run
  bgplab replay ring r3 --show           what r3 was given, and what it did
  bgplab replay ring r3 --step 20-25     these steps, and the router after them

Exit code: 0 no difference, 1 a router did something else, 2 bad input."""


def _read_steps(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read `N` or `N-M`, steps from 1."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,12})(?:-(\d{1,12}))?", value)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last:
        raise click.BadParameter(f"{value!r}: expected a step such as 12, or some as 12-20")
    return first, last


@click.command(epilog=EPILOG)
@click.argument("run", metavar="[RUN]", required=False, shell_complete=runs)
@click.argument("router", metavar="[ROUTER]", required=False, shell_complete=routers_of_run)
@click.option("--show", "shown", is_flag=True, help="Print every step of the router.")
@click.option(
    "--step",
    "steps",
    callback=_read_steps,
    metavar="N[-M]",
    help="Print these steps, and the sessions and routes of the router after the last.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def replay(
    run: str | None,
    router: str | None,
    shown: bool,
    steps: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """Give a fresh router the inputs of a recorded one: it must do the same, to the octet.

    RUN was recorded with --record inputs: a topology's name (its latest run), the folder of a
    run, its database, the folder of its inputs, or the file of one router; without it, the
    latest run of all. Without ROUTER all of them are replayed, and the first difference of each
    is shown. No process is started.
    """
    paths = _recordings(run, router)
    if shown or steps:
        if as_json:
            raise UsageError("--json tells of a whole replay: not with --show or --step")
        if len(paths) > 1:
            raise UsageError("--show and --step are for one router: name it after the run")
        sys.exit(_examine(paths[0], *(steps or (1, None)), after=steps is not None))
    results = [_replay(path) for path in paths]
    if as_json:
        echo_json([_plain(again) for again in results])
    else:
        for again in results:
            click.echo("\n".join(_lines(again)))
        _sum_up(results)
    sys.exit(EXIT_FAILED if any(again.difference for again in results) else EXIT_PASS)


def _recordings(run: str | None, router: str | None) -> list[Path]:
    """Find the files of the routers that are asked for. Raises UsageError if there are none."""
    given = Path(run or "")
    if run is not None and router is None and given.suffix == SUFFIX and given.is_file():
        return [given]
    folder = given if run is not None and any(given.glob(f"*{SUFFIX}")) else _folder(run)
    found = {path.stem: path for path in folder.glob(f"*{SUFFIX}")}
    if router is not None and router not in found:
        hint = did_you_mean(router, found) or ": one of " + ", ".join(_ordered(found))
        raise UsageError(f"no inputs of router {router!r} in {folder}{hint}")
    if not found:
        raise UsageError(f"no inputs in {folder}: no router came to its first step")
    return [found[name] for name in ([router] if router else _ordered(found))]


def _folder(run: str | None) -> Path:
    """Find where a run keeps its inputs. Raises UsageError if it recorded none."""
    database = find_run(run)
    folder = find_inputs(database)
    if folder is None:
        level = run_info(database)["level"]
        raise UsageError(
            f"{database} was recorded at level {level}, without inputs;"
            " run with --record inputs"
        )
    return folder


def _ordered(names: dict[str, Path]) -> list[str]:
    """Sort names as people do: r2 before r10."""
    return sorted(
        names,
        key=lambda name: [part.zfill(12) for part in re.split(r"(\d+)", name)],
    )


def _replay(path: Path) -> Replay:
    """Replay to the end, or to the first difference."""
    again = Replay(Recording(path))
    for _ in again:
        pass
    return again


# The steps themselves.


def _examine(path: Path, first: int, last: int | None, *, after: bool) -> int:
    """Print steps, and if `after` the router as it is then; give the exit code."""
    recording = Recording(path)
    again, narrator = Replay(recording), Narrator(recording.config)
    start: float | None = None
    for step in again:
        start = step.at if start is None else start
        said = "\n".join(_say(step, narrator, step.at - start))
        if step.number >= first:
            click.echo(said)
        if step.number == last:
            break
    if again.steps < first:
        raise UsageError(f"{recording.config.name} has {count(again.steps, 'step')} only")
    if after:
        click.echo("\n".join(_state(again, recording.config.name)))
    if again.difference is not None:
        click.echo("\n".join(_lines(again)))
    elif recording.cut:
        click.echo(_cut(recording), err=True)
    return EXIT_FAILED if again.difference is not None else EXIT_PASS


def _say(step: Step, narrator: Narrator, at: float) -> Iterator[str]:
    """Put one step into words; the narrator must hear all of them."""
    head, *rest = narrator.given(step.given)
    yield cell(f"{step.number:>6}  {at:12.6f} s  {head}")
    done = narrator.effects(step.effects)
    raised = [f"raised {step.raised}"] if step.raised else []
    yield from (cell(f"{'':22}{said}") for said in [*rest, *done, *raised])


def _state(again: Replay, name: str) -> Iterator[str]:
    """Describe the sessions and routes of a router."""
    speaker = again.speaker
    yield f"{name} after step {again.steps}:"
    for session in speaker.sessions.values():
        yield f"  session {session.name}: {session.state.label}"
    best = speaker.routing.loc_rib.best
    for prefix in sorted(best, key=lambda octets: (octets[1:], octets[0])):
        path = best[prefix]
        as_path = format_as_path(path.attributes.as_path)
        source = (
            f"from {path.source.peer}, AS path {as_path}" if path.source.peer else "our own"
        )
        yield f"  route {format_prefix(prefix)}: {source}"


# What came of it.


def _lines(again: Replay) -> Iterator[str]:
    """Tell of one replay: that there is no difference, or the first."""
    name, steps = again.recording.config.name, count(again.steps, "step")
    if again.difference is None:
        yield f"{name}: {style('no difference', fg='green')}, {steps}"
    else:
        word = style("differs", fg="red", bold=True)
        recorded = again.difference.recorded
        yield f"{name}: {word} at step {recorded.number}, at {recorded.at!r} s"
        yield from map(cell, _difference(again.recording, again.difference))
    if again.recording.cut:
        yield _cut(again.recording)


def _cut(recording: Recording) -> str:
    return f"  {recording.path} ends in half a line, which is left out: the router was killed"


def _difference(recording: Recording, difference: Difference) -> Iterator[str]:
    """Show the first step that differs: its input, and the effects around the first other."""
    recorded, replayed, first = difference.recorded, difference.replayed, difference.first
    narrator = Narrator(recording.config)
    for step in recording:  # it has to hear what led there
        heard = narrator.given(step.given)
        if step.number == recorded.number:
            break
        list(narrator.effects(step.effects))
    yield f"  file      {recording.path}:{recorded.line}"
    yield f"  input     {heard[0]}"
    yield from (f"          {said}" for said in heard[1:])
    yield f"            {to_json(encode(recorded.given))}"
    for title, step in (("recorded", recorded), ("replayed", replayed)):
        yield f"  {title}  {count(len(step.effects), 'effect')}" + (
            f", raised {step.raised}" if step.raised else ""
        )
        yield from _around(step.effects, first, narrator)


def _around(effects: tuple[Effect, ...], first: int, narrator: Narrator) -> Iterator[str]:
    """Show the effects around one, which is marked."""
    for index, effect in enumerate(effects):
        if abs(index - first) <= AROUND:
            mark = ">" if index == first else " "
            head, *rest = narrator.effect(effect)
            yield f"  {mark} {index + 1:>6}  {head}"
            yield from (f"{'':10}{said}" for said in rest)
            if index == first:
                yield f"  {'':10}{to_json(encode(effect))}"


def _sum_up(results: list[Replay]) -> None:
    """Sum up the replays of several routers in a last line."""
    if len(results) > 1:
        other = sum(again.difference is not None for again in results)
        total = sum(again.steps for again in results)
        said = f"{count(other, 'router')} with a difference" if other else "no difference"
        click.echo(f"{count(len(results), 'router')}, {count(total, 'step')}: {said}")


def _plain(again: Replay) -> dict[str, Any]:
    """Give the result of one replay as plain data."""
    found = again.difference
    return {
        "router": again.recording.config.name,
        "file": str(again.recording.path),
        "steps": again.steps,
        "cut": again.recording.cut,
        "difference": None
        if found is None
        else {
            "step": found.recorded.number,
            "line": found.recorded.line,
            "at": found.recorded.at,
            "input": _data(encode(found.recorded.given)),
            "effect": found.first + 1,
            "recorded": _outcome(found.recorded),
            "replayed": _outcome(found.replayed),
        },
    }


def _outcome(step: Step) -> dict[str, Any]:
    effects = [_data(encode(effect)) for effect in step.effects]
    return {"effects": effects, "raised": step.raised or None}


def _data(values: list[Any] | None) -> list[Any] | None:
    """Write octets in hex, as the file does."""
    if values is None:
        return None
    return [value.hex() if isinstance(value, bytes) else value for value in values]
