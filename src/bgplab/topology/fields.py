"""The kinds of values that a topology file is made of, with what each accepts (pydantic v2).

Field types that read text (durations, prefixes, names) are plain functions from units.py; their
ValueError becomes the message that the user sees.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bgplab.topology.address import AS_TRANS, RESERVED_ASNS
from bgplab.topology.units import (
    brief,
    parse_duration,
    parse_hold,
    parse_identifier,
    parse_prefix,
)

NAME_LENGTH = 63
NAME_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_LENGTH - 1}}}$"
DURATION_PATTERN = r"^\d+(\.\d+)?\s*(us|ms|s|m|h)?$"
_NAME = re.compile(NAME_PATTERN, re.ASCII)


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Model(BaseModel):
    """A mapping of known kebab-case keys; unknown ones are errors, `x-...` ones are notes."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=_kebab, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_notes(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(key.startswith("x-") for key in value):
            return {key: item for key, item in value.items() if not key.startswith("x-")}
        return value

    def settings(self) -> dict[str, Any]:
        """Return the fields that the file sets, by field name."""
        given = self.model_fields_set
        return {name: getattr(self, name) for name in type(self).model_fields if name in given}


def parse_name(value: object) -> str:
    """Read a name of a router, group or lab. Raises ValueError if it cannot be one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError(
            "expected a name (a letter or digit, then letters, digits, '_', '.', '-'; at most "
            f"63), not {brief(value)}"
        )
    return value


def parse_router_name(value: object) -> str:
    """Read the name of a router. Raises ValueError if it cannot be one."""
    name = parse_name(value)
    if name == "none":
        raise ValueError("a router cannot be named 'none': 'passive: none' has a meaning")
    return name


def parse_asn(value: object) -> int:
    """Read an AS number. Raises ValueError for text, for 0 and for reserved numbers."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise ValueError(f"expected an AS number from 1 to 4294967294, not {brief(value)}")
    if value in RESERVED_ASNS:
        why = "AS_TRANS, RFC 6793" if value == AS_TRANS else "reserved, RFC 7607 and 7300"
        raise ValueError(f"AS number {value} cannot be used ({why})")
    return value


def parse_endpoints(value: object) -> str | list[str]:
    """Read both ends of a link: `r1-r2` (kept as text: names may hold a hyphen) or two names.

    Raises ValueError for anything else.
    """
    if isinstance(value, str) and "-" in value and len(value) <= 2 * NAME_LENGTH + 3:
        return value
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected two routers, as r1-r2 or [r1, r2], not {brief(value)}")
    return [parse_router_name(item) for item in value]


_TEXT = {"type": "string"}
_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": DURATION_PATTERN},
        {"type": "number", "minimum": 0},
    ],
}

Name = Annotated[
    str, PlainValidator(parse_name), WithJsonSchema({**_TEXT, "pattern": NAME_PATTERN})
]
RouterName = Annotated[
    str,
    PlainValidator(parse_router_name),
    WithJsonSchema({**_TEXT, "pattern": NAME_PATTERN, "not": {"const": "none"}}),
]
Duration = Annotated[float, PlainValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
HoldTime = Annotated[int, PlainValidator(parse_hold), WithJsonSchema(_DURATION_SCHEMA)]
Prefix = Annotated[
    str,
    PlainValidator(parse_prefix),
    WithJsonSchema({**_TEXT, "pattern": r"^\d+\.\d+\.\d+\.\d+/\d+$"}),
]
Identifier = Annotated[
    str,
    PlainValidator(parse_identifier),
    WithJsonSchema({**_TEXT, "format": "ipv4"}),
]
Asn = Annotated[
    int,
    PlainValidator(parse_asn),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 4_294_967_294}),
]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Originate = Annotated[
    Annotated[Count, Tag("<one>")] | Annotated[list[Prefix], Tag("<list>")],
    Discriminator(lambda value: "<list>" if isinstance(value, list) else "<one>"),
]
PerEnd = Annotated[
    Annotated[Duration, Tag("<one>")] | Annotated[dict[str, Duration], Tag("<map>")],
    Discriminator(lambda value: "<map>" if isinstance(value, dict) else "<one>"),
]
Endpoints = Annotated[
    str | list[str],
    PlainValidator(parse_endpoints),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "-"},
                {
                    "type": "array",
                    "items": {"type": ["string", "integer"]},
                    "minItems": 2,
                    "maxItems": 2,
                },
            ]
        }
    ),
]
