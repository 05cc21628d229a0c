"""Read a topology file: YAML, then models, then meaning. All mistakes come at once."""

from __future__ import annotations

import os
from pathlib import Path

from bgplab.errors import Problem, TopologyError
from bgplab.topology.check import parse
from bgplab.topology.document import MAX_OCTETS, Document, decode
from bgplab.topology.graph import Topology
from bgplab.topology.resolve import resolve
from bgplab.topology.units import brief


def load(path: str | os.PathLike[str]) -> Topology:
    """Read and resolve the topology file at `path`.

    Raises TopologyError with every mistake of the file, also if there is no such file.
    """
    file = os.fspath(path)
    return loads(read(file), file)


def read(file: str) -> str:
    """Read the text of a topology file. Raises TopologyError."""
    try:
        text = _read(file)
    except OSError as error:
        message = f"cannot read the file: {_reason(error)}"
        raise TopologyError([Problem(file, 1, 1, "", message)]) from error
    return text


def loads(text: str, name: str = "topology.yaml") -> Topology:
    """Resolve the topology in `text`; `name` stands for the file in messages.

    Another file that `topology:` names is looked for beside it. Raises TopologyError with every
    mistake of the text, and of that file.
    """
    return resolved(Document(text, name))


def resolved(document: Document) -> Topology:
    """Resolve a document that has been read. Raises TopologyError with every mistake of it."""
    if isinstance(document.data, dict) and isinstance(document.data.get("topology"), str):
        _include(document, document.data["topology"])
    parts = parse(document)
    if not parts.name and not document.problems:
        parts.name = Path(document.file).stem
    topology = resolve(parts, document)
    document.raise_problems()
    return topology


def _include(document: Document, named: str) -> None:
    """Take the topology from the file that `topology:` names; its scenario stays out."""
    file = os.path.join(os.path.dirname(document.file), named)  # noqa: PTH118, PTH120  # text
    try:
        other = Document(_read(file), file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        document.give_up("topology", f"cannot read {brief(named)}: {_reason(error)}")
        return
    except TopologyError as error:
        document.give_up("topology", f"cannot read {brief(named)}")
        document.problems += error.problems
        return
    data = other.data
    if not isinstance(data, dict) or not isinstance(data.get("topology"), dict):
        message = f"{brief(named)} has no 'topology:' with routers of its own"
        document.give_up("topology", message)
        document.problems += other.problems
        return
    document.include("topology", other)


def _read(file: str) -> str:
    """Read the text of a file. Raises OSError, and TopologyError for what is no text."""
    with Path(file).open("rb") as stream:
        return decode(stream.read(MAX_OCTETS + 1), file)


def _reason(error: Exception) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"{reason[0].lower()}{reason[1:]}"
