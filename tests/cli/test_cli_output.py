"""How tables, numbers and durations look, on a terminal and elsewhere."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import bgplab
from bgplab.cli.output import (
    cell,
    count,
    duration,
    echo_csv,
    echo_records,
    interactive,
    plain_table,
    style,
    table,
)

COLUMNS = ("router", "late", "text")
ROWS = [("r1", 0.5, "a"), ("router-2", 12.25, None)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def read_all(terminal):
    """Read what was written until the last writer is gone, which Linux tells by EIO."""
    pieces = []
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


def test_a_plain_table_aligns_columns_and_puts_numbers_to_the_right():
    assert list(plain_table(COLUMNS, ROWS)) == [
        "router         late  text",
        "r1         0.500000  a",
        "router-2  12.250000  -",
    ]


def test_a_table_without_rows_is_its_header():
    assert list(plain_table(COLUMNS, [])) == ["router  late  text"]


def test_what_a_peer_wrote_cannot_steer_the_terminal():
    assert cell("bye\x1b[2J\n\u202eé") == "bye\\x1b[2J\\n\\u202eé"


def test_away_from_a_terminal_a_table_is_plain(capsys):
    table(COLUMNS, ROWS)
    assert capsys.readouterr().out.splitlines() == list(plain_table(COLUMNS, ROWS))


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_gets_a_drawn_table_with_colour_unless_no_color(no_color):
    """https://no-color.org: set and not empty."""
    code = (
        "from bgplab.cli.output import style, table;"
        "table(('router', 'as_path'), [('r1', '[bold]65001'), ('r2', '\\x1b[2J')]);"
        "print(style('up', fg='green'))"
    )
    ours, theirs = pty.openpty()
    source = Path(bgplab.__file__).parent.parent
    subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(source),
            "TERM": "xterm-256color",
            "NO_COLOR": no_color,
        },
        stdout=theirs,
        timeout=60,
        check=True,
    )
    os.close(theirs)
    text = read_all(ours)
    assert "─" in text
    assert "[bold]65001" in text
    assert "\x1b[2J" not in text
    assert ("\x1b[32mup" in text) == (not no_color)


@pytest.mark.parametrize("term,expected", [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_counts_as_none(monkeypatch, term, expected):
    monkeypatch.setenv("TERM", term)
    assert interactive(Terminal()) is expected


def test_style_follows_the_stream_and_no_color(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert style("x", Terminal(), bold=True) == "\x1b[1mx\x1b[0m"
    assert style("x", io.StringIO(), bold=True) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert style("x", Terminal(), bold=True) == "x"


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0.0, "0 us"),
        (0.000_031, "31 us"),
        (0.000_999_6, "1 ms"),
        (0.012, "12 ms"),
        (0.0996, "0.10 s"),
        (0.412, "0.41 s"),
        (99.99, "99.99 s"),
        (99.996, "1 min 40 s"),
        (125, "2 min 5 s"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "number,noun,text",
    [
        (1, "prefix", "1 prefix"),
        (0, "prefix", "0 prefixes"),
        (1200, "router", "1,200 routers"),
        (2, "process", "2 processes"),
    ],
)
def test_counts_agree_with_their_noun(number, noun, text):
    assert count(number, noun) == text


def test_json_and_csv_carry_all_values_as_they_are(capsys):
    echo_records(("a", "b"), [("é\n", None), (1, 2.5)])
    assert capsys.readouterr().out == (
        '[\n  {"a": "é\\n", "b": null},\n  {"a": 1, "b": 2.5}\n]\n'
    )
    echo_records(("a",), [])
    assert capsys.readouterr().out == "[]\n"
    echo_csv(("a", "b"), [("x,y", None), ('say "no"', 2.5)])
    assert capsys.readouterr().out == 'a,b\n"x,y",\n"say ""no""",2.5\n'
