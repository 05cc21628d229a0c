"""What a router was given, and what it did about it: one file of JSON lines per router.

The first line says what the file is and holds the router's configuration. Each further line is
one step of its Speaker: when (`at`, seconds on the lab's clock, exact), the `input` (null for a
tick), and its `effects` in their order, or, where the step ended with an exception, what it
`raised`. An input or effect is a list: its kind, then its fields, octets in hex. As a Speaker
is a function of configuration and inputs, the file is the whole router: see replay.py.

Lines are held back and written together; what was written outlives a killed process. No file
stays open: a process may record ten thousand routers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin, get_type_hints

from bgplab import __version__
from bgplab.config import RouterConfig, Rule, plain, rule_of
from bgplab.session.effects import Effect
from bgplab.speaker.inputs import Input
from bgplab.speaker.speaker import Speaker

if TYPE_CHECKING:
    import random

FORMAT = 2  # a reader refuses greater numbers
MARK = "bgplab-inputs"  # the key of the format's number, the first of a file
HELD = 1 << 15  # characters that may wait to be written


class PutOff(NamedTuple):
    """The engine lets the timers of a session rest until a time, as one of them failed."""

    peer: str
    until: float


Given = Input | PutOff | None  # None is a tick

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (*get_args(Input), PutOff, *get_args(Effect))
}
_HINTS = {kind: tuple(get_type_hints(kind).values()) for kind in KINDS.values()}
_RULES = tuple[Rule, ...] | None


def _unknown(value: bytes | Rule) -> Any:
    """Turn what JSON does not know into what it does."""
    return value.hex() if isinstance(value, bytes) else plain(value)


to_json = json.JSONEncoder(separators=(",", ":"), default=_unknown).encode


def encode(value: Input | PutOff | Effect | None) -> list[Any] | None:
    """Turn an input or effect into a list for `to_json`, which writes its octets in hex."""
    return None if value is None else [type(value).__name__, *value]


def decode(data: Any) -> Any:
    """Turn what JSON makes of `encode`'s list into the input or effect that it was.

    Raises ValueError for what no version of this format writes.
    """
    kind = KINDS.get(str(data[0])) if isinstance(data, list) and data else None
    if kind is None:
        raise ValueError(f"no input or effect: {to_json(data)[:80]}")
    fields, hints = data[1:], _HINTS[kind]
    if len(fields) > len(hints):
        raise ValueError(f"{data[0]}: {len(hints)} fields expected, not {len(fields)}")
    try:
        return kind(*map(_read, fields, hints))
    except TypeError as error:
        raise ValueError(f"{data[0]}: {error}") from None


def _read(value: Any, hint: Any) -> Any:
    """Give a field back the type that JSON lacks. Raises TypeError or ValueError."""
    if hint is bytes:
        return bytes.fromhex(value)
    if hint == _RULES:
        return None if value is None else tuple(map(rule_of, value))
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if isinstance(value, list) and all(isinstance(item, kind) for item in value):
            return tuple(value)
    elif isinstance(value, int | float if hint is float else hint):
        return value
    raise TypeError(f"unexpected {to_json(value)[:80]}")


def line(at: float, given: Given, effects: Sequence[Effect]) -> str:
    """Write a step as one line of JSON, without its end."""
    done = [encode(effect) for effect in effects]
    return to_json({"at": at, "input": encode(given), "effects": done})


def raised_line(at: float, given: Given, error: Exception) -> str:
    """Write a step that ended with an exception as one line of JSON, without its end."""
    return to_json({"at": at, "input": encode(given), "raised": describe_error(error)})


def describe_error(error: Exception) -> str:
    """Name an exception, without the traceback, which depends on who called."""
    return f"{type(error).__name__}: {error}"


class InputLog:
    """Writes the steps of one router. `on_failure` hears of the first error, and ends it."""

    def __init__(
        self, path: Path, config: RouterConfig, on_failure: Callable[[OSError], None]
    ) -> None:
        self._path = path
        self._on_failure = on_failure
        head = {MARK: FORMAT, "bgplab": __version__, "config": json.loads(config.to_json())}
        self._lines = [to_json(head)]
        self._size = 0
        self._mode = "w"
        self._failed = False

    def step(self, now: float, given: Given, effects: Sequence[Effect]) -> None:
        """Record one step: the time, the input or None for a tick, what it led to."""
        self._add(line(now, given, effects))

    def failed(self, now: float, given: Given, error: Exception) -> None:
        """Record a step that ended with an exception."""
        self._add(raised_line(now, given, error))

    def flush(self) -> None:
        """Write what is held back, whole lines only."""
        if not self._lines or self._failed:
            return
        text = "\n".join([*self._lines, ""])
        self._lines.clear()
        self._size = 0
        try:
            with self._path.open(self._mode, encoding="ascii") as stream:
                stream.write(text)
        except OSError as error:
            self._failed = True
            self._on_failure(error)
        self._mode = "a"

    def _add(self, text: str) -> None:
        if self._failed:
            return
        self._lines.append(text)
        self._size += len(text)
        if self._size >= HELD:
            self.flush()


class RecordedSpeaker(Speaker):
    """A Speaker that writes down its own steps; to its engine it is like any other."""

    def __init__(self, config: RouterConfig, rng: random.Random, log: InputLog) -> None:
        super().__init__(config, rng)
        self.log = log

    def handle(self, given: Input, now: float) -> list[Effect]:
        """Take one input as a Speaker does, and record it."""
        try:
            effects = super().handle(given, now)
        except Exception as error:
            self.log.failed(now, given, error)
            raise
        self.log.step(now, given, effects)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Do what is due as a Speaker does, and record it."""
        try:
            effects = super().tick(now)
        except Exception as error:
            self.log.failed(now, None, error)
            raise
        self.log.step(now, None, effects)
        return effects

    def put_off(self, peer: str, now: float, until: float) -> None:
        """Let the timers of a session rest as a Speaker does, and record it."""
        super().put_off(peer, now, until)
        self.log.step(now, PutOff(peer, until), ())
