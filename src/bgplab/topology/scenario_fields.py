"""The kinds of values that the steps of a scenario are made of, with what each accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bgplab.rib.decision import STEPS as DECISION_STEPS
from bgplab.rib.path import LOOPED, OWN_NEXT_HOP, REJECTED
from bgplab.session.events import State
from bgplab.topology.check import suggest
from bgplab.topology.fields import Endpoints, Model, Name, Prefix, RouterName
from bgplab.topology.notifications import KINDS, parse_kind
from bgplab.topology.units import WELL_KNOWN, brief, parse_community, parse_duration

MAX_OCTETS = 65_536  # that one step may send
MAX_MESSAGE = 255  # octets of a shutdown communication (RFC 9003 section 2)
SPAN_PATTERN = r"^(?!0+(\.0+)?\s*(us|ms|s|m|h)?$)\d+(\.\d+)?\s*(us|ms|s|m|h)?$"
STATES = tuple(state.label for state in State)
LOSSES = (*(name for name, _ in DECISION_STEPS), REJECTED, LOOPED, OWN_NEXT_HOP)


def parse_span(value: object) -> float:
    """Read a duration that is longer than nothing. Raises ValueError for anything else."""
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError(f"expected a duration above 0s, not {brief(value)}")
    return seconds


def parse_octets(value: object) -> bytes:
    """Read octets in hexadecimal, with or without spaces. Raises ValueError for other."""
    if not isinstance(value, str):  # ValueError: the only one that pydantic reports
        raise ValueError(  # noqa: TRY004
            f"expected octets in hexadecimal, as quoted text such as 'ff 00 13', not "
            f"{brief(value)}"
        )
    digits = "".join(value.split())
    wrong = digits.lower().lstrip("0123456789abcdef")
    if wrong or not digits:
        what = brief(wrong[0]) if wrong else "empty text"
        raise ValueError(f"expected octets in hexadecimal such as 'ff 00 13', not {what}")
    if len(digits) % 2:
        raise ValueError(f"octets have two hexadecimal digits each: here are {len(digits)}")
    if len(digits) > 2 * MAX_OCTETS:
        raise ValueError(f"expected at most {MAX_OCTETS} octets, not {len(digits) // 2}")
    return bytes.fromhex(digits)


def parse_message(value: object) -> str:
    """Read a shutdown communication (RFC 9003). Raises ValueError for what does not fit."""
    if not isinstance(value, str):  # ValueError: the only one that pydantic reports
        raise ValueError(f"expected text, not {brief(value)}")  # noqa: TRY004
    length = len(value.encode())
    if length > MAX_MESSAGE:
        raise ValueError(f"expected at most {MAX_MESSAGE} octets of text, not {length}")
    return value


def not_empty(value: list[Any]) -> list[Any]:
    """Refuse an empty list by ValueError."""
    if not value:
        raise ValueError("expected at least one, not an empty list")
    return value


def kind_of(value: object) -> str:
    """Tell one from a list and from a mapping: the tag of a union of them."""
    if isinstance(value, dict | Model):
        return "<map>"
    return "<list>" if isinstance(value, list) else "<one>"


def is_list(value: object) -> str:
    """Tell a list from anything else: the tag of a union of both."""
    return "<list>" if isinstance(value, list) else "<one>"


def is_map(value: object) -> str:
    """Tell a word from a mapping: the tag of a union of both."""
    return "<map>" if isinstance(value, dict | Model) else "<word>"


def one_of(
    noun: str, keys: Iterable[str], *, words: Sequence[str] = (), beside: Sequence[str] = ()
) -> Callable[[object], object]:
    """Make the check that a value is a mapping with exactly one of the keys.

    `words` may stand alone, without a mapping; the keys of `beside` may stand beside the one.
    What it returns raises ValueError, with a message for the author of the file.
    """
    known = list(keys)
    listing = ", ".join(known)

    def check(value: object) -> object:
        if isinstance(value, str) and words:
            if value not in words:
                refuse(value, words)
            return value
        if not isinstance(value, dict):  # ValueError: the only one that pydantic reports
            raise ValueError(  # noqa: TRY004
                f"expected a mapping with one key ({listing}), not {brief(value)}"
            )
        given = [key for key in value if not key.startswith("x-") and key not in beside]
        unknown = [key for key in given if key not in known]
        if unknown:
            refuse(unknown[0], known)
        if len(given) != 1:
            what = f"the {len(given)} keys {', '.join(given)}" if given else "none"
            raise ValueError(f"expected one key ({listing}), not {what}")
        return value

    def refuse(word: str, expected: Sequence[str]) -> None:
        hint = suggest(word, expected) or f"; expected one of {', '.join(expected)}"
        raise ValueError(f"unknown {noun} {brief(word)}{hint}")

    return check


def one_key(value: object) -> str:
    """Name the one key of a step or expectation: the tag that tells which model it is."""
    if not isinstance(value, dict):
        return "<word>"
    return next(f"<{key}>" for key in value if not key.startswith("x-") and key != "within")


def any_case(words: Iterable[str]) -> Callable[[object], str]:
    """Make the check that a value is one of the words, in capital or small letters."""
    known = {word.lower(): word for word in words}
    listing = ", ".join(known.values())

    def parse(value: object) -> str:
        word = known.get(value.lower()) if isinstance(value, str) else None
        if word is None:
            hint = suggest(value, known.values()) or suggest(value, known)
            raise ValueError(f"expected one of {listing}, not {brief(value)}{hint}")
        return word

    return parse


def any_case_schema(words: Sequence[str]) -> WithJsonSchema:
    """Write the JSON Schema of `any_case`: the words first, for editors."""
    pattern = "|".join("".join(map(_either, word)) for word in words)
    text = {"type": "string", "pattern": f"^({pattern})$"}
    return WithJsonSchema({"anyOf": [{"enum": list(words)}, text]})


def _either(letter: str) -> str:
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter


StateName = Annotated[str, PlainValidator(any_case(STATES)), any_case_schema(STATES)]
Loss = Annotated[str, PlainValidator(any_case(LOSSES)), any_case_schema(LOSSES)]
Span = Annotated[
    float,
    PlainValidator(parse_span),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": SPAN_PATTERN},
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
Octets = Annotated[
    bytes,
    PlainValidator(parse_octets),
    WithJsonSchema({"type": "string", "pattern": r"^\s*([0-9A-Fa-f]\s*)+$"}),
]
Message = Annotated[
    str,
    PlainValidator(parse_message),
    WithJsonSchema({"type": "string", "maxLength": MAX_MESSAGE}),
]
NotificationKind = Annotated[
    tuple[int, int | None],
    PlainValidator(parse_kind),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(KINDS)},
                {"type": "integer", "minimum": 1, "maximum": 255},
                {"type": "string", "pattern": r"^[0-9A-Za-z-]+(/[0-9A-Za-z-]+)?$"},
            ]
        }
    ),
]
Routers = Annotated[list[RouterName], AfterValidator(not_empty), Field(min_length=1)]
_Prefixes = Annotated[list[Prefix], AfterValidator(not_empty), Field(min_length=1)]
At = Annotated[
    Annotated[RouterName, Tag("<one>")] | Annotated[Routers, Tag("<list>")],
    Discriminator(is_list),
]
Prefixes = Annotated[
    Annotated[Prefix, Tag("<one>")] | Annotated[_Prefixes, Tag("<list>")],
    Discriminator(is_list),
]
Number = Annotated[int, Field(ge=0)]
Number32 = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class SessionOf(Model):
    """Which session, and which of its ends."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["link"]}, {"required": ["session"]}]}
    )

    link: Endpoints | None = Field(default=None, description="The link whose session it is.")
    session: Endpoints | None = Field(
        default=None, description="The two routers of the session; it needs no link (iBGP)."
    )

    @model_validator(mode="after")
    def _one(self) -> SessionOf:
        if (self.link is None) == (self.session is None):
            raise ValueError("expected one of 'link' and 'session'")
        return self


class EitherEnd(SessionOf):
    """A session, as one of its ends sees it or as both do."""

    end: Name = Field(
        default="", description="The router at one end. Left out: both ends that run."
    )


class OneEnd(SessionOf):
    """A session, as one of its ends sees it."""

    end: Name = Field(description="The router at one end: the one that is meant.")
