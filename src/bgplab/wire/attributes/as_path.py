"""AS_PATH (RFC 4271 section 4.3, 5.1.2; RFC 5065 section 5, 6793, 7606 section 7.2, 7607)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from bgplab.errors import UpdateError

AS_SET, AS_SEQUENCE = 1, 2
AS_CONFED_SEQUENCE, AS_CONFED_SET = 3, 4
AS_TRANS = 23456
MAX_SEGMENT = 255  # the count of ASes is one octet
MAX_TWO_OCTET = 0xFFFF


class Segment(NamedTuple):
    """One path segment: AS_SET or AS_SEQUENCE, and its AS numbers."""

    kind: int
    asns: tuple[int, ...]


AsPath = tuple[Segment, ...]


def read_segments(value: bytes, width: int, kinds: Sequence[int]) -> AsPath:
    """Read segments of the given kinds, whose AS numbers have 2 or 4 octets.

    Raises UpdateError 3/11. Source: RFC 7606 section 7.2, RFC 7607 section 2.
    """
    path = []
    form = "I" if width == 4 else "H"
    start, end = 0, len(value)
    while start < end:
        if start + 2 > end:
            raise UpdateError(11, "AS_PATH: a single octet is left")
        kind, count = value[start], value[start + 1]
        stop = start + 2 + count * width
        if kind not in kinds:
            raise UpdateError(11, f"AS_PATH: segment type {kind}")
        if not count or stop > end:
            raise UpdateError(11, f"AS_PATH: segment of {count} ASes in {end - start} octets")
        asns = struct.unpack_from(f">{count}{form}", value, start + 2)
        if 0 in asns:
            raise UpdateError(11, "AS_PATH: AS 0")
        path.append(Segment(kind, asns))
        start = stop
    return tuple(path)


def _encode(path: Sequence[Segment], form: str) -> bytes:
    """Write segments; one of more than 255 ASes is split, one of none is left out."""
    parts = []
    for kind, asns in path:
        for start in range(0, len(asns), MAX_SEGMENT):
            piece = asns[start : start + MAX_SEGMENT]
            parts.append(struct.pack(f">BB{len(piece)}{form}", kind, len(piece), *piece))
    return b"".join(parts)


def decode_as_path(value: bytes) -> AsPath:
    """Read a path of four-octet AS numbers.

    Raises UpdateError 3/11, for confederation segments too: no peer is in a confederation with
    this speaker. Source: RFC 7606 section 7.2, RFC 5065 section 5, RFC 7607 section 2.
    """
    return read_segments(value, 4, (AS_SET, AS_SEQUENCE))


def decode_two_octet_path(value: bytes) -> AsPath:
    """Read a path of two-octet AS numbers. Raises UpdateError 3/11 as `decode_as_path`."""
    return read_segments(value, 2, (AS_SET, AS_SEQUENCE))


def encode_as_path(path: Sequence[Segment]) -> bytes:
    """Write a path of four-octet AS numbers."""
    return _encode(path, "I")


def encode_two_octet_path(path: Sequence[Segment]) -> bytes:
    """Write a path of two-octet AS numbers, AS_TRANS for those that do not fit.

    Source: RFC 6793 section 4.2.2.
    """
    mapped = [
        Segment(kind, tuple(asn if asn <= MAX_TWO_OCTET else AS_TRANS for asn in asns))
        for kind, asns in path
    ]
    return _encode(mapped, "H")


def needs_four_octets(path: Sequence[Segment]) -> bool:
    """Tell whether an AS number of a path is above 65535."""
    return any(asn > MAX_TWO_OCTET for segment in path for asn in segment.asns)


def as_path_length(path: Sequence[Segment]) -> int:
    """Count the ASes of a path; an AS_SET counts one (RFC 4271 section 9.1.2.2 a)."""
    length = 0
    for kind, asns in path:
        length += 1 if kind == AS_SET else len(asns)
    return length


def format_as_path(path: Sequence[Segment]) -> str:
    """Write a path as text, such as "65001 65002 {65003,65004}"."""
    return " ".join(
        "{" + ",".join(map(str, asns)) + "}" if kind == AS_SET else " ".join(map(str, asns))
        for kind, asns in path
    )


def prepend(path: AsPath, asn: int) -> AsPath:
    """Put an AS number before a path.

    It joins a leading AS_SEQUENCE with room, else it makes a segment of its own.
    Source: RFC 4271 section 5.1.2 b.
    """
    return join_paths((Segment(AS_SEQUENCE, (asn,)),), path)


def join_paths(head: AsPath, tail: AsPath) -> AsPath:
    """Put one path before another; an AS_SEQUENCE on both sides of the seam becomes one."""
    if head and tail and head[-1].kind == tail[0].kind == AS_SEQUENCE:
        asns = head[-1].asns + tail[0].asns
        if len(asns) <= MAX_SEGMENT:
            return (*head[:-1], Segment(AS_SEQUENCE, asns), *tail[1:])
    return head + tail
