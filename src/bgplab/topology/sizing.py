"""One generated topology at several sizes."""

from __future__ import annotations

from typing import Any

from bgplab.errors import TopologyError
from bgplab.topology.document import Document, Path
from bgplab.topology.graph import Topology
from bgplab.topology.load import loads, resolved

# What sets the size of a model, and the step in which it may grow; of all others: n, 1.
PARAMETERS = {"fat-tree": ("k", 2), "grid": ("rows", 1)}
START = 16  # part of the file's size at which a search starts


class Sizes:
    """The topology of a file whose one generator may have another size.

    `parameter` is the name of what sets the size, `step` how it grows, `given` its value in the
    file. Raises TopologyError if the file has mistakes, or no generator, or several.
    """

    def __init__(self, text: str, name: str) -> None:
        self.topology = loads(text, name)
        self._text = text
        self._name = name
        document = Document(text, name)
        self._path = _generator(document)
        document.raise_problems()
        generator = _dig(document.data, self._path)
        self.parameter, self.step = PARAMETERS.get(generator["model"], ("n", 1))
        self.given: int = generator[self.parameter]

    def at(self, value: int) -> Topology:
        """Give the topology at another size, without its scenario, which may not fit it.

        Raises TopologyError where there is no such topology.
        """
        document = Document(self._text, self._name)
        _dig(document.data, self._path)[self.parameter] = value
        if isinstance(document.data, dict):
            document.data.pop("scenario", None)
        return resolved(document)

    def start(self, most: int) -> int:
        """Propose the size at which to start a search up to `most`: small, but possible."""
        value = max(self.step, most // START // self.step * self.step)
        while value < most:
            try:
                self.at(value)
            except TopologyError:
                value *= 2
            else:
                return value
        return most


def _generator(document: Document) -> Path:
    """Find the one generator of a file; note it in the document if there is none."""
    path: Path = ("topology", "generate")
    given = _dig(document.data, path)
    several = given if isinstance(given, list) else []
    if not given:
        document.report(path, "no generator: only a generated topology has other sizes")
    elif len(several) > 1:
        document.report((*path, 1), "a second generator: only one topology can be sized")
    return (*path, 0) if several else path


def _dig(data: Any, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else data[step]
    return data
