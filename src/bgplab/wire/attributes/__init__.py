"""Path attributes: the table of those that are known, and the rules of RFC 7606 around it.

RFC 4271 section 4.3, 5, 6.3; RFC 1997, 4760, 6793, 7606, 7607. Each attribute has a file with
two functions; ATTRIBUTES has a row for each. What a fault costs is a column of the table, so
that the codecs know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bgplab.errors import UpdateError
from bgplab.wire.attributes.aggregator import (
    decode_aggregator,
    decode_two_octet_aggregator,
    encode_aggregator,
    encode_two_octet_aggregator,
)
from bgplab.wire.attributes.as4_aggregator import decode_as4_aggregator, encode_as4_aggregator
from bgplab.wire.attributes.as4_path import decode_as4_path, encode_as4_path, merge_paths
from bgplab.wire.attributes.as_path import (
    AS_SEQUENCE,
    AS_SET,
    AS_TRANS,
    MAX_TWO_OCTET,
    Segment,
    as_path_length,
    decode_as_path,
    decode_two_octet_path,
    encode_as_path,
    encode_two_octet_path,
    format_as_path,
    needs_four_octets,
    prepend,
)
from bgplab.wire.attributes.atomic_aggregate import (
    decode_atomic_aggregate,
    encode_atomic_aggregate,
)
from bgplab.wire.attributes.communities import decode_communities, encode_communities
from bgplab.wire.attributes.local_pref import decode_local_pref, encode_local_pref
from bgplab.wire.attributes.med import decode_med, encode_med
from bgplab.wire.attributes.next_hop import decode_next_hop, encode_next_hop
from bgplab.wire.attributes.origin import (
    EGP,
    IGP,
    INCOMPLETE,
    decode_origin,
    encode_origin,
)
from bgplab.wire.attributes.plain import pass_on_plain, read_plain
from bgplab.wire.attributes.unknown import (
    OPTIONAL,
    PARTIAL,
    TRANSITIVE,
    RawAttribute,
    UnknownAttribute,
    join_attribute,
    split_attributes,
)

__all__ = [
    "AS_SEQUENCE",
    "AS_SET",
    "ATTRIBUTES",
    "EGP",
    "IGP",
    "INCOMPLETE",
    "Attribute",
    "Decoded",
    "PathAttributes",
    "Segment",
    "UnknownAttribute",
    "as_path_length",
    "decode_attributes",
    "encode_attributes",
    "format_as_path",
    "pass_on_plain",
    "prepend",
    "read_plain",
]

# What a malformed attribute costs (RFC 7606 section 2), the mildest first.
DISCARD, WITHDRAW, RESET = "discard", "withdraw", "reset"

ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, AGGREGATOR = 1, 2, 3, 5, 7
MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH, AS4_AGGREGATOR = 14, 15, 17, 18

WELL_KNOWN = TRANSITIVE
OPTIONAL_TRANSITIVE = OPTIONAL | TRANSITIVE


class PathAttributes(NamedTuple):
    """The path attributes of a route; None, False and () stand for one that is absent.

    `unknown` holds optional transitive ones to be passed on. `partial` holds the codes of known
    ones that came with the Partial bit, which nobody may clear (RFC 4271 section 5).
    """

    origin: int = IGP
    as_path: tuple[Segment, ...] = ()
    next_hop: str = "0.0.0.0"  # noqa: S104 -- an address that nobody has, until one is set
    med: int | None = None
    local_pref: int | None = None
    atomic_aggregate: bool = False
    aggregator: tuple[int, str] | None = None
    communities: tuple[int, ...] = ()
    unknown: tuple[UnknownAttribute, ...] = ()
    partial: tuple[int, ...] = ()


class Decoded(NamedTuple):
    """What came of an attribute block.

    `withdraw` says why the routes are to be treated as withdrawn, and then there are no
    attributes; `discarded` says which attributes were left out, and why.
    """

    attributes: PathAttributes | None
    withdraw: UpdateError | None = None
    discarded: tuple[UpdateError, ...] = ()


class Attribute(NamedTuple):
    """A row of the table; `field` is the one of PathAttributes, "" if it has none.

    Where `decode` is None the attribute does not belong on the session and is discarded.
    """

    name: str
    field: str
    flags: int
    decode: Callable[[bytes], Any] | None
    encode: Callable[[Any], bytes]
    malformed: str


# Code: name, field, flags, decode, encode, when malformed (RFC 7606 section 7, 6793 section 6).
# The MP_ attributes are known only so far that they are dropped: no other family is negotiated.
# fmt: off
ATTRIBUTES: dict[int, Attribute] = {
    1: Attribute("ORIGIN", "origin", WELL_KNOWN,
        decode_origin, encode_origin, WITHDRAW),
    2: Attribute("AS_PATH", "as_path", WELL_KNOWN,
        decode_as_path, encode_as_path, WITHDRAW),
    3: Attribute("NEXT_HOP", "next_hop", WELL_KNOWN,
        decode_next_hop, encode_next_hop, WITHDRAW),
    4: Attribute("MULTI_EXIT_DISC", "med", OPTIONAL,
        decode_med, encode_med, WITHDRAW),
    5: Attribute("LOCAL_PREF", "local_pref", WELL_KNOWN,
        decode_local_pref, encode_local_pref, WITHDRAW),
    6: Attribute("ATOMIC_AGGREGATE", "atomic_aggregate", WELL_KNOWN,
        decode_atomic_aggregate, encode_atomic_aggregate, DISCARD),
    7: Attribute("AGGREGATOR", "aggregator", OPTIONAL_TRANSITIVE,
        decode_aggregator, encode_aggregator, DISCARD),
    8: Attribute("COMMUNITIES", "communities", OPTIONAL_TRANSITIVE,
        decode_communities, encode_communities, WITHDRAW),
    14: Attribute("MP_REACH_NLRI", "", OPTIONAL,
        bytes, bytes, RESET),
    15: Attribute("MP_UNREACH_NLRI", "", OPTIONAL,
        bytes, bytes, RESET),
    17: Attribute("AS4_PATH", "", OPTIONAL_TRANSITIVE,
        decode_as4_path, encode_as4_path, DISCARD),
    18: Attribute("AS4_AGGREGATOR", "", OPTIONAL_TRANSITIVE,
        decode_as4_aggregator, encode_as4_aggregator, DISCARD),
}
# fmt: on


def _rows(four_octet: bool, internal: bool) -> dict[int, Attribute]:
    """Fit the table to a session."""
    rows = dict(ATTRIBUTES)
    foreign = []
    if four_octet:
        foreign += [AS4_PATH, AS4_AGGREGATOR]  # RFC 6793 section 4.1
    else:
        rows[AS_PATH] = rows[AS_PATH]._replace(
            decode=decode_two_octet_path, encode=encode_two_octet_path
        )
        rows[AGGREGATOR] = rows[AGGREGATOR]._replace(
            decode=decode_two_octet_aggregator, encode=encode_two_octet_aggregator
        )
    if not internal:
        foreign.append(LOCAL_PREF)  # RFC 7606 section 7.5
    for code in foreign:
        rows[code] = rows[code]._replace(decode=None)
    return rows


_TABLES = {
    (four_octet, internal): _rows(four_octet, internal)
    for four_octet in (False, True)
    for internal in (False, True)
}

# By whether the session is internal (RFC 4271 section 5, 5.1.5).
_MANDATORY = {False: (ORIGIN, AS_PATH, NEXT_HOP), True: (ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF)}


class _Block:
    """What has been read of one attribute block so far."""

    def __init__(self, withdraw: UpdateError | None) -> None:
        self.values: dict[int, Any] = {}
        self.unknown: list[UnknownAttribute] = []
        self.partial: list[int] = []
        self.withdraw = withdraw
        self.discarded: list[UpdateError] = []

    def fault(self, error: UpdateError, action: str) -> None:
        """Keep the first error that withdraws, and all that discard; raise one that resets."""
        if action == RESET:
            raise error
        if action == DISCARD:
            self.discarded.append(error)
        elif self.withdraw is None:
            self.withdraw = error

    def known(self, row: Attribute, raw: RawAttribute) -> None:
        """Read an attribute that the table has."""
        if row.decode is None:
            self.fault(UpdateError(0, f"{row.name}: not for this session"), DISCARD)
            return
        if (raw.flags ^ row.flags) & OPTIONAL_TRANSITIVE:
            # RFC 7606 section 3 (c), whatever the attribute; the Partial bit is not looked at.
            error = UpdateError(4, f"{row.name}: flags {raw.flags:#04x}", raw.octets)
            self.fault(error, WITHDRAW)
            return
        try:
            self.values[raw.code] = row.decode(raw.value)
        except UpdateError as error:
            # RFC 4271 section 6.3: the data is the attribute, but not for Malformed AS_PATH.
            data = b"" if error.subcode == 11 else raw.octets
            self.fault(UpdateError(error.subcode, str(error), data), row.malformed)
            return
        if raw.flags & PARTIAL and row.field and row.flags == OPTIONAL_TRANSITIVE:
            self.partial.append(raw.code)

    def unrecognised(self, raw: RawAttribute) -> None:
        """Keep an optional transitive attribute, drop another optional one.

        Raises UpdateError 3/2 for a well-known one: RFC 7606 leaves that a session reset.
        Source: RFC 4271 section 5, 6.3.
        """
        if not raw.flags & OPTIONAL:
            raise UpdateError(2, f"unrecognised well-known attribute {raw.code}", raw.octets)
        if raw.flags & TRANSITIVE:
            flags = OPTIONAL_TRANSITIVE | PARTIAL
            self.unknown.append(UnknownAttribute(flags, raw.code, raw.value))

    def require(self, code: int) -> None:
        """Note that a mandatory attribute is missing (RFC 4271 section 6.3, RFC 7606 3 (d))."""
        if code not in self.values:
            error = UpdateError(3, f"{ATTRIBUTES[code].name} is missing", bytes((code,)))
            self.fault(error, WITHDRAW)


def decode_attributes(block: bytes, *, four_octet: bool, internal: bool) -> Decoded:
    """Read the path attributes of an UPDATE that announces routes.

    `four_octet`: both sides have four-octet AS numbers. `internal`: the session is iBGP. Raises
    UpdateError where the session must be reset: an unrecognised well-known attribute (3/2), an
    MP_ attribute twice (3/1). Source: RFC 7606 section 3, 4, 7; RFC 6793 section 4, 6.
    """
    rows = _TABLES[four_octet, internal]
    raws, overrun = split_attributes(block)
    found = _Block(overrun)
    seen: set[int] = set()
    for raw in raws:
        row = rows.get(raw.code)
        if raw.code in seen:
            # RFC 7606 section 3 (g): the first one counts, except for the MP_ attributes.
            action = RESET if row is not None and row.malformed == RESET else DISCARD
            found.fault(UpdateError(1, f"attribute {raw.code} comes twice"), action)
        elif row is None:
            found.unrecognised(raw)
        else:
            found.known(row, raw)
        seen.add(raw.code)
    for code in _MANDATORY[internal]:
        found.require(code)
    attributes = None if found.withdraw else _assemble(found)
    return Decoded(attributes, found.withdraw, tuple(found.discarded))


def _assemble(found: _Block) -> PathAttributes:
    """Turn what was read into one value, in canonical order."""
    values = found.values
    _merge(values)
    fields = {ATTRIBUTES[code].field: value for code, value in values.items()}
    fields.pop("", None)
    return PathAttributes(
        **fields,
        unknown=tuple(sorted(found.unknown, key=lambda item: item.code)),
        partial=tuple(sorted(found.partial)),
    )


def _merge(values: dict[int, Any]) -> None:
    """Put the four-octet AS numbers that an old speaker passed on into AS_PATH and AGGREGATOR.

    Source: RFC 6793 section 4.2.3.
    """
    path = values.pop(AS4_PATH, None)
    aggregator = values.pop(AS4_AGGREGATOR, None)
    if aggregator is not None and AGGREGATOR in values:
        if values[AGGREGATOR][0] != AS_TRANS:
            return  # an old speaker aggregated anew: what it passed on is stale
        values[AGGREGATOR] = aggregator
    if path is not None:
        values[AS_PATH] = merge_paths(values[AS_PATH], path)


def encode_attributes(attributes: PathAttributes, *, four_octet: bool) -> bytes:
    """Write an attribute block, ordered by type code.

    Without `four_octet`, AS_TRANS stands for AS numbers above 65535, and AS4_PATH and
    AS4_AGGREGATOR carry them (RFC 6793 section 4.2.2). Raises ValueError, OverflowError or
    struct.error for values that do not fit; values that were decoded always do.
    """
    rows = _TABLES[four_octet, True]
    values = {
        code: value
        for code, row in rows.items()
        if row.field and _is_present(code, value := getattr(attributes, row.field))
    }
    if not four_octet:
        if needs_four_octets(attributes.as_path):
            values[AS4_PATH] = attributes.as_path
        if attributes.aggregator is not None and attributes.aggregator[0] > MAX_TWO_OCTET:
            values[AS4_AGGREGATOR] = attributes.aggregator
    octets = {item.code: join_attribute(*item) for item in attributes.unknown}
    for code, value in values.items():
        row = rows[code]
        partial = PARTIAL if code in attributes.partial else 0
        octets[code] = join_attribute(row.flags | partial, code, row.encode(value))
    return b"".join(octets[code] for code in sorted(octets))


def _is_present(code: int, value: object) -> bool:
    """Tell whether a field is to be written; AS_PATH is, even if it is empty."""
    return code == AS_PATH or not (value is None or value is False or value == ())
