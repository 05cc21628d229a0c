"""Feeds recorded inputs to a fresh Speaker, and finds where it does something else.

A file of inputs.py is read step by step, never as a whole. A router that was killed may leave
half a line at the end: it is left out and told (`cut`). All else that is wrong with a file is a
ReplayError with its line.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from bgplab.config import RouterConfig
from bgplab.errors import ReplayError
from bgplab.observe.inputs import FORMAT, MARK, Given, PutOff, decode, describe_error
from bgplab.session.effects import Effect
from bgplab.speaker.speaker import Speaker

SHOWN = 60  # characters of a line that an error quotes


class Step(NamedTuple):
    """One step of a router; `raised` names the exception that ended it, "" for none."""

    number: int  # from 1
    line: int  # of the file
    at: float  # seconds on the lab's clock
    given: Given
    effects: tuple[Effect, ...]
    raised: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step that went otherwise; `first` is the index of the first other effect."""

    recorded: Step
    replayed: Step
    first: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: how many steps there were, and the first that differs, if any."""

    router: str
    steps: int
    cut: bool  # the recording ends in half a line
    difference: Difference | None


class Recording:
    """The recorded steps of one router; `cut` is known once they have been read."""

    def __init__(self, path: Path) -> None:
        """Read the first line. Raises ReplayError for a file that is not a recording."""
        self.path = path
        self.version, self.config = self._head()
        self.cut = False

    def __iter__(self) -> Iterator[Step]:
        """Read step after step. Raises ReplayError at a line that is damaged."""
        self.cut = False
        with _opened(self.path) as stream:
            next(stream)
            for number, text in enumerate(stream, 1):
                if not text.endswith(b"\n"):
                    self.cut = True
                    return
                yield self._step(number, text)

    def _head(self) -> tuple[str, RouterConfig]:
        """Read which bgplab wrote the file, and the router's configuration."""
        with _opened(self.path) as stream:
            text = next(stream, b"")
        if not text.startswith(f'{{"{MARK}":'.encode()):
            raise ReplayError(f"{self.path}: not the recorded inputs of a router")
        if not text.endswith(b"\n"):
            raise ReplayError(f"{self.path}:1: cut short: the router's configuration is lost")
        try:
            head: dict[str, Any] = json.loads(text)
            found, version = head[MARK], str(head["bgplab"])
            if found > FORMAT:
                raise ReplayError(
                    f"{self.path}: written by a newer bgplab (format {found}, this one reads"
                    f" {FORMAT})"
                )
            return version, RouterConfig.from_json(json.dumps(head["config"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ReplayError(
                f"{self.path}:1: no configuration that this bgplab can read:"
                f" {describe_error(error)}"
            ) from error

    def _step(self, number: int, text: bytes) -> Step:
        try:
            data = json.loads(text)
            raised = str(data.get("raised", ""))
            done = () if raised else tuple(map(decode, data["effects"]))
            given = None if data["input"] is None else decode(data["input"])
            at = float(data["at"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ReplayError(
                f"{self.path}:{number + 1}: damaged: {describe_error(error)}:"
                f" {text[:SHOWN].decode('utf-8', 'replace').strip()}"
            ) from error
        return Step(number, number + 1, at, given, done, raised)


class Replay:
    """A fresh router on its way through a recording; `speaker` may be looked at meanwhile.

    `steps` counts those that it has taken, `difference` tells how the last one differed.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        config = recording.config
        # As the engines do: the numbers that a router draws are those of its own seed.
        self.speaker = Speaker(config, random.Random(config.seed))
        self.steps = 0
        self.difference: Difference | None = None

    def __iter__(self) -> Iterator[Step]:
        """Take step after step, and give it as recorded; there is none after a difference."""
        for step in self.recording:
            self.steps = step.number
            self.difference = compare(step, self._take(step))
            yield step
            if self.difference is not None:
                return

    def _take(self, step: Step) -> Step:
        """Give the Speaker the input of a step, and tell what it does."""
        try:
            return step._replace(effects=tuple(self._feed(step)), raised="")
        except Exception as error:  # noqa: BLE001 -- it is a result, which is compared
            return step._replace(effects=(), raised=describe_error(error))

    def _feed(self, step: Step) -> Sequence[Effect]:
        given, speaker = step.given, self.speaker
        if given is None:
            return speaker.tick(step.at)
        if isinstance(given, PutOff):
            speaker.put_off(given.peer, step.at, given.until)
            return ()
        return speaker.handle(given, step.at)


def compare(recorded: Step, replayed: Step) -> Difference | None:
    """Compare a step with its replay: all effects, in their order, to the last octet."""
    ours, theirs = replayed.effects, recorded.effects
    alike = takewhile(lambda pair: _same(*pair), zip(theirs, ours, strict=False))
    first = sum(1 for _ in alike)
    if first == len(ours) == len(theirs) and recorded.raised == replayed.raised:
        return None
    return Difference(recorded, replayed, first)


def _same(one: Effect, two: Effect) -> bool:
    """Tell whether two effects are the same; tuples alone would not tell their kinds apart."""
    return type(one) is type(two) and one == two


def replay(path: Path) -> Replayed:
    """Replay a recording to its end, or to the first difference.

    Raises ReplayError for a file that cannot be read.
    """
    recording = Recording(path)
    again = Replay(recording)
    for _ in again:
        pass
    return Replayed(recording.config.name, again.steps, recording.cut, again.difference)


def _opened(path: Path) -> Any:
    """Open a recording. Raises ReplayError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from error
