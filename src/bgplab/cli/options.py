"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from bgplab.cli.durations import DurationType
from bgplab.config import Level
from bgplab.engines.processes.controller import FORK, SPAWN, Options
from bgplab.engines.processes.reactors import REACTORS
from bgplab.engines.processes.usage import started_at
from bgplab.topology.plan import DEFAULT_PORT

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--start",
        type=click.Choice([FORK, SPAWN]),
        default=FORK,
        show_default=True,
        help="How router processes start: forked from a warm one, or each a fresh interpreter.",
    ),
    click.option(
        "--reactor",
        type=click.Choice(list(REACTORS)),
        default="epoll",
        show_default=True,
        help="The Twisted reactor of all processes.",
    ),
    click.option(
        "--record",
        type=click.Choice([level.name.lower() for level in Level]),
        default=Level.TRANSITIONS.name.lower(),
        show_default=True,
        help="How much goes into the database; each level holds the ones before it.",
    ),
    click.option(
        "--store",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The database to write; a new file. By default in the folder of runs.",
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of all timers' jitter."
    ),
    click.option(
        "--time-scale",
        type=float,
        default=1.0,
        show_default=True,
        metavar="K",
        help="Stretch (K above 1) or compress every timer and link delay of the lab: a second "
        "of it takes K real ones, and times are told in its seconds. 0.001 to 1000.",
    ),
    click.option(
        "--lateness-limit",
        type=DurationType(positive=True),
        metavar="DURATION",
        help="Call the run INVALID if more than 1 timer in 100 is later than this, such as "
        "20ms, in real time. [default: what the file says, or 5 % of its shortest interval]",
    ),
    click.option(
        "--port",
        type=click.IntRange(1, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        help="The TCP port that routers listen on, each on its own address of 127/8.",
    ),
)


def lab_options(command: F) -> F:
    """Add the options that say how to run a lab; the command takes them as `options`."""

    @wraps(command)
    def wrapped(
        *args: Any,
        start: str,
        reactor: str,
        record: str,
        store: Path | None,
        seed: int,
        time_scale: float,
        lateness_limit: float | None,
        port: int,
        **rest: Any,
    ) -> Any:
        options = Options(
            start=start,
            reactor=reactor,
            level=Level[record.upper()],
            port=port,
            seed=seed,
            time_scale=time_scale,
            lateness_limit=lateness_limit,
            store=store,
            began=started_at(),
        )
        return command(*args, options=options, **rest)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
