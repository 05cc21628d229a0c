"""Topology files in and out: `-` stands for the standard streams."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bgplab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgplab.engines.processes.controller import Options, Run
    from bgplab.topology.graph import Topology

STANDARD = "-"
_STDIN = "stdin"  # names standard input in messages, and a topology that gives itself no name


def read_topology(file: str) -> Topology:
    """Load a topology file, or standard input for `-`. Raises TopologyError."""
    from bgplab.topology.load import loads

    return loads(*read_text(file))


def read_text(file: str) -> tuple[str, str]:
    """Read the text of a topology file, or of standard input for `-`; and its name.

    Raises TopologyError.
    """
    if file != STANDARD:
        from bgplab.topology.load import read

        return read(file), file
    from bgplab.topology.document import MAX_OCTETS, decode

    return decode(sys.stdin.buffer.read(MAX_OCTETS + 1), _STDIN), _STDIN


def prepare_file(file: str, options: Options) -> tuple[Topology, Run]:
    """Read a topology file and prepare its lab, while the fork server warms up beside.

    Raises TopologyError, HostError, UsageError or StoreError, and leaves nothing then.
    """
    from bgplab.engines.processes.controller import prepare, warm_up

    warm = warm_up(options)
    try:
        topology = read_topology(file)
        return topology, prepare(topology, topology.source, options, warm)
    except BaseException:
        if warm is not None:
            warm.dismiss()
        raise


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--output` and `--force`, which the command hands to `write_result`."""
    command = click.option("--force", is_flag=True, help="Overwrite the file of --output.")(
        command
    )
    return click.option(
        "-o",
        "--output",
        type=click.Path(),
        default=STANDARD,
        metavar="FILE",
        help="Write to FILE, which must not exist yet, instead of standard output.",
    )(command)


def write_result(text: str, output: str, *, force: bool) -> None:
    """Write a topology file, and say so on standard error; `-` is standard output.

    Raises UsageError if the file exists and `force` does not hold, or if it cannot be written.
    """
    if output == STANDARD:
        click.echo(text, nl=False)
        return
    try:
        with Path(output).open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{output}: exists already; --force overwrites it") from None
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)
