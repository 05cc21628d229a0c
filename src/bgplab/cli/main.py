"""The entry point `bgplab`: the list of commands, and what errors become.

Everything that ends a command passes through `main`: one message on standard error, and the
exit code that errors.py gives it.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from bgplab import __version__
from bgplab.cli.groups import Lazy, LazyGroup
from bgplab.cli.output import echo_error
from bgplab.errors import (
    EXIT_INTERRUPTED,
    EXIT_LAB,
    EXIT_PASS,
    EXIT_USAGE,
    LabError,
)
from bgplab.testing import PARENT

EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, what a shell reports for `yes | head`
COMPLETE = "_BGPLAB_COMPLETE"  # the shell's completion script sets it

COMMANDS = {
    "run": Lazy("bgplab.cli.run:run", "Start a lab, wait until it converges, report, stop."),
    "test": Lazy("bgplab.cli.test:test", "Run topology files as tests, and sum up."),
    "script": Lazy(
        "bgplab.cli.script:script", "Take a lab through steps read from standard input."
    ),
    "up": Lazy("bgplab.cli.up:up", "Start a lab and keep it until Ctrl-C, with a live table."),
    "show": Lazy("bgplab.cli.show:show", "Ask what happened in a run, also while it lasts."),
    "explain": Lazy(
        "bgplab.cli.explain:explain", "Say why a router has the route that it has."
    ),
    "diff": Lazy("bgplab.cli.diff:diff", "Compare two runs: where do they part?"),
    "replay": Lazy(
        "bgplab.cli.replay:replay", "Run recorded routers again; examine them step by step."
    ),
    "capacity": Lazy(
        "bgplab.cli.capacity:capacity", "Find the largest lab that this machine keeps time for."
    ),
    "validate": Lazy("bgplab.cli.validate:validate", "Check topology files; start nothing."),
    "generate": Lazy(
        "bgplab.cli.generate:generate", "Write a topology file for a graph model."
    ),
    "import": Lazy(
        "bgplab.cli.importing:import_", "Turn a GraphML graph into a topology file."
    ),
    "schema": Lazy("bgplab.cli.schema:schema", "Print the JSON Schema of topology files."),
    "completion": Lazy(
        "bgplab.cli.completion:completion", "Print the script for Tab completion."
    ),
}

EPILOG = """\b
Examples:
  bgplab run topologies/triangle.yaml          start, converge, report, stop
  bgplab show routes --prefix 10.0.0.0/24      who holds it, by which path, and why
  bgplab generate ring -n 5 -o ring.yaml       a topology file to change by hand

\b
Exit codes:
    0  converged, and all expectations met
    1  a verdict or an expectation failed
    2  bad input or usage
    3  run invalid, neither passed nor failed: the machine could not keep time
    4  the lab or the host failed
  130  interrupted by Ctrl-C

'bgplab COMMAND --help' tells more of each command. Results go to standard output, progress and
mistakes to standard error."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 96}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings=SETTINGS, epilog=EPILOG)
@click.version_option(__version__, message="bgplab %(version)s")
def cli() -> None:
    """Run a lab of real BGP routers, one process each, from one topology file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` are those of the process."""
    # A peer's text may hold what the terminal's encoding lacks: it must not end the command.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    _follow_parent()
    try:
        code = _invoke(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError as error:
        if _reader_is_gone():
            _forget_output()
            return EXIT_BROKEN_PIPE
        _report_bug(error)  # a pipe of the lab, not ours
        return EXIT_LAB
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted.", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except LabError as error:
        echo_error(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 -- the last handler: nothing may pass untold
        _report_bug(error)
        return EXIT_LAB


def _follow_parent() -> None:
    """End with the process that started this one, if that has asked for it."""
    parent = os.environ.pop(PARENT, "")
    if parent.isdecimal():
        from bgplab.engines.processes.parentage import die_with_parent

        die_with_parent(int(parent))


def _invoke(arguments: list[str]) -> int:
    """Run the command in `arguments` and return its exit code."""
    if os.environ.get(COMPLETE):
        cli.main(prog_name="bgplab", complete_var=COMPLETE)
    try:
        # Not `cli.main`: it would turn a broken pipe into exit code 1, a failed verdict.
        with cli.make_context("bgplab", arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except SystemExit as leave:
        # Back through `main`, which flushes standard output while an error can still be told.
        if isinstance(leave.code, int):
            return leave.code
        raise
    return EXIT_PASS


def _report_bug(error: Exception) -> None:
    """Write the traceback of an error that nobody foresaw, and last what it was in one line."""
    import traceback

    traceback.print_exception(error)
    summary = traceback.format_exception_only(error)[-1].strip()
    click.echo(f"Error: this is a mistake of bgplab itself: {summary}", err=True)


def _reader_is_gone() -> bool:
    """Tell whether standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _forget_output() -> None:
    """Point standard output nowhere: flushing it at exit would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
