"""Tell topology files from other YAML files by a look at their text; find them in folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".yaml", ".yml")
MAX_OCTETS = 8 * 1024 * 1024  # as topology/document.py has it
_KEY = r"^[\"']?{}[\"']?[ \t]*:(?:[ \t\r\n]|\Z)"
_TOPOLOGY = re.compile(_KEY.format("topology").encode(), re.MULTILINE)
_SCENARIO = re.compile(_KEY.format("scenario").encode(), re.MULTILINE)


class Look(NamedTuple):
    """Which keys a file seems to have at its top: a first line's beginning, nothing is read."""

    topology: bool
    scenario: bool


def look(path: Path) -> Look:
    """Look whether a file may be a topology, with a scenario; one not readable is none."""
    try:
        with path.open("rb") as stream:
            octets = stream.read(MAX_OCTETS)
    except OSError:
        return Look(False, False)
    return Look(bool(_TOPOLOGY.search(octets)), bool(_SCENARIO.search(octets)))


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files under a folder, in order; without what is hidden (.venv, .git)."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from yaml_files(entry)
        elif entry.suffix in SUFFIXES and entry.is_file():
            yield entry
