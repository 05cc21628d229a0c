"""The kinds of values that the steps of a scenario are made of, with what each accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from bgplab.topology.fields import DURATION_PATTERN, Model, Prefix, RouterName
from bgplab.topology.units import WELL_KNOWN, brief, parse_community, parse_duration


def parse_span(value: object) -> float:
    """Read a duration that is longer than nothing. Raises ValueError for anything else."""
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError(f"expected a duration above 0s, not {brief(value)}")
    return seconds


def not_empty(value: list[Any]) -> list[Any]:
    """Refuse an empty list by ValueError."""
    if not value:
        raise ValueError("expected at least one, not an empty list")
    return value


def is_list(value: object) -> str:
    """Tell one from a list: the tag of a union of both."""
    return "<list>" if isinstance(value, list) else "<one>"


def is_map(value: object) -> str:
    """Tell a word from a mapping: the tag of a union of both."""
    return "<map>" if isinstance(value, dict | Model) else "<word>"


def one_of(noun: str, keys: Iterable[str]) -> Callable[[object], object]:
    """Make the check that a value is a mapping with exactly one of the keys.

    What it returns raises ValueError, with a message for the author of the file.
    """
    known = list(keys)
    words = ", ".join(known)

    def check(value: object) -> object:
        if not isinstance(value, dict):  # ValueError: the only one that pydantic reports
            raise ValueError(  # noqa: TRY004
                f"expected a mapping with one key ({words}), not {brief(value)}"
            )
        given = [key for key in value if not key.startswith("x-")]
        unknown = [key for key in given if key not in known]
        if unknown:
            from bgplab.topology.check import suggest

            hint = suggest(unknown[0], known) or f"; expected one of {words}"
            raise ValueError(f"unknown {noun} {unknown[0]!r}{hint}")
        if len(given) != 1:
            what = f"the {len(given)} keys {', '.join(given)}" if given else "none"
            raise ValueError(f"expected one key ({words}), not {what}")
        return value

    return check


def one_key(value: dict[str, object]) -> str:
    """Name the one key of a step or expectation: it tells which model it is."""
    return next(key for key in value if not key.startswith("x-"))


Span = Annotated[
    float,
    PlainValidator(parse_span),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": DURATION_PATTERN},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
Community = Annotated[
    int,
    PlainValidator(parse_community),
    WithJsonSchema({"type": "string", "pattern": rf"^(\d+:\d+|{'|'.join(WELL_KNOWN)})$"}),
]
_Routers = Annotated[list[RouterName], AfterValidator(not_empty), Field(min_length=1)]
_Prefixes = Annotated[list[Prefix], AfterValidator(not_empty), Field(min_length=1)]
At = Annotated[
    Annotated[RouterName, Tag("<one>")] | Annotated[_Routers, Tag("<list>")],
    Discriminator(is_list),
]
Prefixes = Annotated[
    Annotated[Prefix, Tag("<one>")] | Annotated[_Prefixes, Tag("<list>")],
    Discriminator(is_list),
]
Number = Annotated[int, Field(ge=0)]
