"""Attributes as they stand in an UPDATE, known or not (RFC 4271 section 4.3, 7606 4)."""

from __future__ import annotations

from typing import NamedTuple

from bgplab.errors import UpdateError

OPTIONAL = 0x80
TRANSITIVE = 0x40
PARTIAL = 0x20
EXTENDED_LENGTH = 0x10


class UnknownAttribute(NamedTuple):
    """An optional transitive attribute that is passed on unread, with the Partial bit."""

    flags: int
    code: int
    value: bytes


class RawAttribute(NamedTuple):
    """One attribute of a block; `octets` is all of it, flags and length included."""

    flags: int
    code: int
    value: bytes
    octets: bytes


def split_attributes(block: bytes) -> tuple[list[RawAttribute], UpdateError | None]:
    """Cut an attribute block into attributes.

    Where the last one overruns the block, or too few octets are left for one, returns those
    before it and the error, which means treat-as-withdraw. Source: RFC 7606 section 4.
    """
    found: list[RawAttribute] = []
    start, end = 0, len(block)
    while start < end:
        flags = block[start]
        width = 2 if flags & EXTENDED_LENGTH else 1
        value = start + 2 + width
        stop = value + int.from_bytes(block[start + 2 : value])
        if value > end or stop > end:
            return found, UpdateError(1, f"the attributes end {end - start} octets too early")
        octets = block[start:stop]
        found.append(RawAttribute(flags, block[start + 1], block[value:stop], octets))
        start = stop
    return found, None


def join_attribute(flags: int, code: int, value: bytes) -> bytes:
    """Write one attribute, its length in two octets where one is too small.

    The four low bits of the flags are set here; those that are unused are zero.
    """
    size = len(value)
    if size > 255:
        return bytes((flags & 0xE0 | EXTENDED_LENGTH, code)) + size.to_bytes(2) + value
    return bytes((flags & 0xE0, code, size)) + value
