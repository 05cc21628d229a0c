"""Where runs live: one folder each, with the database `run.sqlite`, `logs/` and `inputs/`.

The folders stand in `$BGPLAB_HOME/runs`, or `$XDG_STATE_HOME/bgplab/runs`, or
`~/.local/state/bgplab/runs`, and are called `<UTC time>-<topology>-<pid>`, so that the last
name is the latest run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from bgplab.errors import StoreError, UsageError

DATABASE = "run.sqlite"
LOGS = "logs"
INPUTS = "inputs"  # of routers, one file each (inputs.py), where a run records them
TOPOLOGIES = (".yaml", ".yml")  # a topology file stands for the runs of its name
_RUN = re.compile(r"\d{8}T\d{6}\.\d{6}Z-(?P<name>.+)-\d+")


def runs_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Tell where runs are kept; the folder need not exist."""
    environ = os.environ if environ is None else environ
    home, state = environ.get("BGPLAB_HOME"), environ.get("XDG_STATE_HOME", "")
    if home:
        return Path(home) / "runs"
    if Path(state).is_absolute():  # the XDG specification ignores relative paths
        return Path(state) / "bgplab" / "runs"
    return Path("~/.local/state/bgplab/runs").expanduser()


def new_run_folder(name: str, now: datetime | None = None) -> Path:
    """Make the folder of a new run of the topology `name`, with an empty `logs/` inside.

    Raises StoreError if it cannot be made.
    """
    moment = now or datetime.now(UTC)
    while True:
        stamp = f"{moment:%Y%m%dT%H%M%S.%fZ}"
        folder = runs_folder() / f"{stamp}-{_plain(name)}-{os.getpid()}"
        try:
            folder.mkdir(parents=True)
            (folder / LOGS).mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise StoreError(f"{folder}: a file is in the way") from None
            moment += timedelta(microseconds=1)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error.strerror}") from error
        else:
            return folder


def inputs_folder(logs: Path) -> Path:
    """Tell where a run whose logs are in `logs` keeps the inputs of its routers.

    That is `inputs/` beside `logs/`, and `NAME.inputs/` beside the `NAME.logs/` of a database
    that the user named.
    """
    return logs.with_name(INPUTS) if logs.name == LOGS else logs.with_suffix(f".{INPUTS}")


def find_inputs(database: Path) -> Path | None:
    """Find the inputs of the run that a database is of; None if it recorded none."""
    beside = database.with_suffix(f".{INPUTS}")
    within = database.with_name(INPUTS)
    if beside.is_dir():
        return beside
    return within if database.name == DATABASE and within.is_dir() else None


def find_run(reference: str | None = None) -> Path:
    """Find the database of a run: by its file, its folder, its topology's name, or the latest.

    Raises UsageError if there is none.
    """
    if reference is not None:
        path = Path(reference)
        if path.is_file() and path.suffix not in TOPOLOGIES:
            return path
        for folder in (path, runs_folder() / reference):
            if (folder / DATABASE).is_file():
                return folder / DATABASE
    runs = _runs()
    if reference is None:
        if not runs:
            raise UsageError(f"no run in {runs_folder()}: start one with `bgplab run FILE`")
        return runs[-1][1]
    found = every_run(reference)
    if not found:
        hint = did_you_mean(reference, dict.fromkeys(name for name, _ in runs))
        raise UsageError(f"no run {reference!r} in {runs_folder()}{hint}")
    return found[-1]


def every_run(name: str | None = None) -> list[Path]:
    """List the databases in the folder of runs, oldest first.

    All, or those of a topology, given by its name or by a file that is called so.
    """
    if name is None:
        return [path for _, path in _runs()]
    file = Path(name)
    wanted = _plain(file.stem if file.suffix in TOPOLOGIES else name)
    return [path for plain, path in _runs() if plain == wanted]


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """Suggest the nearest known names, as the end of a message; empty if none is near."""
    near = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _runs() -> list[tuple[str, Path]]:
    """List the runs that have a database, oldest first: the topology's plain name, the file."""
    folder = runs_folder()
    if not folder.is_dir():
        return []
    matches = ((_RUN.fullmatch(entry.name), entry / DATABASE) for entry in folder.iterdir())
    # The time stamp leads the name, so names sort by time.
    return sorted(
        ((match["name"], path) for match, path in matches if match and path.is_file()),
        key=lambda run: run[1],
    )


def _plain(name: str) -> str:
    """Reduce a topology's name to what every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:80].strip(".") or "lab"
