"""How results look: tables, numbers, durations, JSON, CSV.

On a terminal a table is drawn by rich, elsewhere it is plain aligned columns. Colour only on a
terminal, and never where NO_COLOR is set.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click

from bgplab.errors import LabError, TopologyError

DRAWN = 1_000  # rows; rich would take seconds for more
GAP = "  "

Rows = Sequence[Sequence[object]]


def interactive(stream: TextIO | None = None) -> bool:
    """Tell whether a person looks at `stream`, standard output by default."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def style(text: str, stream: TextIO | None = None, **look: Any) -> str:
    """Colour `text` for `stream` with the keywords of click.style, where colour is wanted."""
    coloured = interactive(stream) and not os.environ.get("NO_COLOR")
    return click.style(text, **look) if coloured else text


def table(columns: Sequence[str], rows: Rows) -> None:
    """Print a table to standard output."""
    if interactive() and len(rows) <= DRAWN:
        _draw(columns, rows)
        return
    click.echo("\n".join(plain_table(columns, rows)))


def plain_table(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """Yield a table line by line: aligned columns, numbers to the right, no lines drawn."""
    right = numeric(columns, rows)
    lines = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        fitted = (
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        )
        yield GAP.join(fitted).rstrip()


def numeric(columns: Sequence[str], rows: Rows) -> list[bool]:
    """Tell of each column whether it holds numbers, or nothing."""
    return [
        all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))
    ]


def cell(value: object) -> str:
    """Write a value of a table: `-` for none, floats (seconds) to the microsecond.

    Control characters are escaped: text of a peer must not steer the user's terminal.
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6f}"
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def duration(seconds: float) -> str:
    """Write a duration for people: `31 us`, `12 ms`, `0.41 s`, `2 min 5 s`."""
    if seconds < 0.000_999_5:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.099_5:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 99.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 router`, `1,200 routers`, `3 prefixes`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x')) else 's'}"


def echo_error(error: LabError) -> None:
    """Write an error to standard error; of a topology file each problem, and their count."""
    if not isinstance(error, TopologyError):
        click.echo(f"Error: {error}", err=True)
        return
    for problem in error.problems:
        click.echo(str(problem), err=True)
    click.echo(count(len(error.problems), "problem"), err=True)


def echo_json(value: object) -> None:
    """Print a value as JSON to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def echo_records(columns: Sequence[str], rows: Rows) -> None:
    """Print rows as a JSON list of objects, one object a line."""
    lines = ",\n".join(
        "  " + json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
        for row in rows
    )
    click.echo(f"[\n{lines}\n]" if lines else "[]")


def echo_csv(columns: Sequence[str], rows: Rows) -> None:
    """Print rows as CSV (RFC 4180, with the line ends of Unix) under their names."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _draw(columns: Sequence[str], rows: Rows) -> None:
    """Draw a table on the terminal, as wide as that is."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, number in zip(columns, numeric(columns, rows), strict=True):
        drawn.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    Console(no_color=bool(os.environ.get("NO_COLOR"))).print(drawn)
