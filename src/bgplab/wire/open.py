"""OPEN message (RFC 4271 section 4.2, 6.2; RFC 5492, 6286, 6793, 7607, 9072)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bgplab.errors import OpenError
from bgplab.wire.capabilities import (
    Capability,
    decode_capabilities,
    encode_capabilities,
    four_octet,
)
from bgplab.wire.header import OPEN, bad_length, frame

VERSION = 4
AS_TRANS = 23456  # stands for an AS number above 65535 where there are two octets (RFC 6793)

FIXED_LENGTH = 10
CAPABILITIES_PARAMETER = 2
EXTENDED = 255  # RFC 9072: as a length and as the first parameter type


@dataclass(frozen=True, slots=True)
class Open:
    """What a speaker says of itself; `hold_time` in seconds.

    `asn` is the one of the four-octet AS capability where there is one.
    """

    version: int
    asn: int
    hold_time: int
    identifier: int
    capabilities: tuple[Capability, ...]


def encode_open(message: Open) -> bytes:
    """Write a whole message. An AS number above 65535 becomes AS_TRANS in its field.

    Raises ValueError or OverflowError for values that do not fit in their fields.
    """
    asn = message.asn if message.asn <= 0xFFFF else AS_TRANS
    fixed = (
        bytes((message.version,))
        + asn.to_bytes(2)
        + message.hold_time.to_bytes(2)
        + message.identifier.to_bytes(4)
    )
    return frame(OPEN, fixed + _encode_parameters(encode_capabilities(message.capabilities)))


def _encode_parameters(capabilities: bytes) -> bytes:
    """Write the optional parameters with their length: one for all capabilities, or none."""
    size = len(capabilities)
    if not size:
        return b"\0"
    if size + 2 < EXTENDED:
        return bytes((size + 2, CAPABILITIES_PARAMETER, size)) + capabilities
    head = bytes((EXTENDED, EXTENDED)) + (size + 3).to_bytes(2)
    return head + bytes((CAPABILITIES_PARAMETER,)) + size.to_bytes(2) + capabilities


def decode_open(body: bytes) -> Open:
    """Read an OPEN.

    Raises OpenError 2/1 (version), 2/2 (AS 0), 2/6 (hold time 1 or 2), 2/3 (identifier 0), 2/4
    (unknown parameter), 2/0 (malformed parameters); HeaderError 1/2 below ten octets.
    Source: RFC 4271 section 6.2, RFC 6286 section 2.2, RFC 7607 section 2.
    """
    if len(body) < FIXED_LENGTH:
        raise bad_length(body)
    if body[0] != VERSION:
        raise OpenError(1, f"version {body[0]}", VERSION.to_bytes(2))
    hold_time = int.from_bytes(body[3:5])
    identifier = int.from_bytes(body[5:9])
    _check_fixed(int.from_bytes(body[1:3]), hold_time, identifier)
    capabilities = tuple(
        capability for value in _parameters(body) for capability in decode_capabilities(value)
    )
    wide = four_octet(capabilities)
    asn = int.from_bytes(body[1:3]) if wide is None else wide
    _check_fixed(asn, hold_time, identifier)
    return Open(body[0], asn, hold_time, identifier, capabilities)


def _check_fixed(asn: int, hold_time: int, identifier: int) -> None:
    """Refuse AS 0, a hold time of one or two seconds, and BGP Identifier 0."""
    if asn == 0:
        raise OpenError(2, "AS 0")
    if hold_time in (1, 2):
        raise OpenError(6, f"hold time {hold_time} s")
    if identifier == 0:
        raise OpenError(3, "BGP Identifier 0")


def _parameters(body: bytes) -> Iterator[bytes]:
    """Yield the values of all Capabilities parameters.

    RFC 9072 section 2: where the first parameter has type 255, lengths take two octets.
    """
    start = FIXED_LENGTH
    stated = body[FIXED_LENGTH - 1]
    width = 1
    if stated and body[start : start + 1] == bytes((EXTENDED,)):
        width = 2
        stated = int.from_bytes(body[start + 1 : start + 3])
        start += 3
    end = len(body)
    if start + stated != end:
        raise OpenError(0, "Optional Parameters Length does not fit the message")
    while start < end:
        kind = body[start]
        value = start + 1 + width
        stop = value + int.from_bytes(body[start + 1 : value])
        if value > end or stop > end:
            raise OpenError(0, "the last optional parameter is cut short")
        if kind != CAPABILITIES_PARAMETER:
            raise OpenError(4, f"optional parameter {kind}")
        yield body[value:stop]
        start = stop
