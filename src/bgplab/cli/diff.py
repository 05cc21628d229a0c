"""`bgplab diff RUN RUN`: compare two runs, and say where they part."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from bgplab.cli.complete import runs
from bgplab.cli.output import cell, count, echo_json, style
from bgplab.errors import EXIT_FAILED, EXIT_PASS
from bgplab.observe.compare import KEPT, Comparison, Section, compare
from bgplab.observe.runs import find_run

EPILOG = """\b
Examples:
  bgplab diff ring-before.sqlite ring-after.sqlite
  bgplab diff ring line --strict --limit 100

Exit code: 0 the final routes are the same, 1 they are not, 2 bad input. With --strict all that
is compared must be the same. Times are never compared, nor addresses of 127/8."""


@click.command(epilog=EPILOG)
@click.argument("left", metavar="RUN", shell_complete=runs)
@click.argument("right", metavar="RUN", shell_complete=runs)
@click.option("--strict", is_flag=True, help="Let transitions and messages decide as well.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=KEPT,
    show_default=True,
    metavar="ROWS",
    help="Show at most so many differences of each kind; all are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def diff(left: str, right: str, strict: bool, limit: int, as_json: bool) -> None:
    """Compare the final routes, the transitions and the message counts of two runs.

    RUN is the name of a topology (its latest run), the folder of a run, or its database. The
    runs may be of different engines. Where they part, the first differences are shown.
    """
    found = compare(find_run(left), find_run(right), limit)
    if as_json:
        echo_json(_plain(found))
    else:
        click.echo("\n".join(_lines(found)))
    same = found.same if strict else found.same_routes
    sys.exit(EXIT_PASS if same else EXIT_FAILED)


def _lines(found: Comparison) -> Iterator[str]:
    """Write a comparison for people: which runs, then one kind after the other."""
    for side, run in (("left", found.left), ("right", found.right)):
        yield cell(
            f"{side:<12} {run['name']}: {run['engine']}, seed {run['seed']}, {run['verdict']}"
            f"  {run['store']}"
        )
    if not found.same_file:
        yield f"{'files':<12} the text of the topologies differs: timers and flags may, too"
    for section in found.sections:
        yield f"{section.name:<12} {_summary(section)}"
        for where, left, right in section.parts:
            yield cell(f"  {where}")
            yield cell(f"    left   {left}")
            yield cell(f"    right  {right}")
        if section.differing > len(section.parts):
            yield f"  and {section.differing - len(section.parts):,} more"


def _summary(section: Section) -> str:
    """Say of one kind whether it is the same."""
    if section.missing:
        return f"not compared: {section.missing}"
    if section.differing:
        word = style("different", fg="red", bold=True)
        return f"{word}: {section.differing:,} of {count(section.total, section.unit)}"
    return f"{style('same', fg='green')}: {count(section.total, section.unit)}"


def _plain(found: Comparison) -> dict[str, Any]:
    """Give a comparison as plain data."""
    return {
        "left": found.left,
        "right": found.right,
        "same_file": found.same_file,
        "same_routes": found.same_routes,
        "same": found.same,
        **{
            section.name: {
                "compared": section.total,
                "different": section.differing,
                "missing": section.missing or None,
                "parts": [part._asdict() for part in section.parts],
            }
            for section in found.sections
        },
    }
