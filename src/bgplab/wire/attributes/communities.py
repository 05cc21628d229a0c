"""COMMUNITIES (RFC 1997, RFC 7606 section 7.8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from bgplab.errors import UpdateError

NO_EXPORT = 0xFFFFFF01
NO_ADVERTISE = 0xFFFFFF02
NO_EXPORT_SUBCONFED = 0xFFFFFF03
NAMES = {  # of the well-known ones, as people write them
    NO_EXPORT: "no-export",
    NO_ADVERTISE: "no-advertise",
    NO_EXPORT_SUBCONFED: "no-export-subconfed",
}


def decode_communities(value: bytes) -> tuple[int, ...]:
    """Read numbers of four octets, in their order. Raises UpdateError 3/5 if there is none."""
    if not value or len(value) % 4:
        raise UpdateError(5, f"COMMUNITIES: a multiple of 4 octets expected, got {len(value)}")
    return struct.unpack(f">{len(value) // 4}I", value)


def encode_communities(communities: Sequence[int]) -> bytes:
    """Write four octets each."""
    return struct.pack(f">{len(communities)}I", *communities)


def format_community(community: int) -> str:
    """Write a community as text, such as "65000:10" or "no-export"."""
    return NAMES.get(community) or f"{community >> 16}:{community & 0xFFFF}"
