"""Read a topology file: YAML, then models, then meaning. All mistakes come at once."""

from __future__ import annotations

import os
from pathlib import Path

from bgplab.errors import Problem, TopologyError
from bgplab.topology.check import parse
from bgplab.topology.document import MAX_OCTETS, Document, decode
from bgplab.topology.graph import Topology
from bgplab.topology.resolve import resolve


def load(path: str | os.PathLike[str]) -> Topology:
    """Read and resolve the topology file at `path`.

    Raises TopologyError with every mistake of the file, also if there is no such file.
    """
    file = os.fspath(path)
    return loads(read(file), file)


def read(file: str) -> str:
    """Read the text of a topology file. Raises TopologyError."""
    try:
        with Path(file).open("rb") as stream:
            octets = stream.read(MAX_OCTETS + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot read the file: {reason[0].lower()}{reason[1:]}"
        raise TopologyError([Problem(file, 1, 1, "", message)]) from error
    return decode(octets, file)


def loads(text: str, name: str = "topology.yaml") -> Topology:
    """Resolve the topology in `text`; `name` stands for the file in messages.

    Raises TopologyError with every mistake of the text.
    """
    return resolved(Document(text, name))


def resolved(document: Document) -> Topology:
    """Resolve a document that has been read. Raises TopologyError with every mistake of it."""
    parts = parse(document)
    if not parts.name and not document.problems:
        parts.name = Path(document.file).stem
    topology = resolve(parts, document)
    document.raise_problems()
    return topology
