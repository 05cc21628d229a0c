"""UPDATE message (RFC 4271 section 4.3): its three fields, and packing routes into messages.

The attribute block stays octets here; bgplab.wire.attributes reads it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from bgplab.errors import UpdateError
from bgplab.wire.header import HEADER_LENGTH, MAX_LENGTH, UPDATE, frame

# The octets of an UPDATE that are always there: the header and the two length fields.
OVERHEAD = HEADER_LENGTH + 4
MAX_PREFIX = 5

_EMPTY_BODY = bytes(4)
END_OF_RIB = frame(UPDATE, _EMPTY_BODY)  # RFC 4724 section 2, IPv4 unicast


def is_end_of_rib(body: bytes) -> bool:
    """Tell whether an UPDATE is the End-of-RIB marker of IPv4 unicast (RFC 4724 section 2)."""
    return body == _EMPTY_BODY


@lru_cache(maxsize=256)  # in virtual time, all peers of a router get it one after the other
def split_update(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Cut an UPDATE into withdrawn routes, path attributes and NLRI.

    Raises UpdateError 3/1 where a length field exceeds the message.
    Source: RFC 4271 section 6.3; kept a session reset by RFC 7606 section 3 (b).
    """
    end = len(body)
    withdrawn = 2 + int.from_bytes(body[:2])
    if withdrawn + 2 > end:
        raise UpdateError(1, "Withdrawn Routes Length exceeds the message")
    attributes = withdrawn + 2 + (body[withdrawn] << 8 | body[withdrawn + 1])
    if attributes > end:
        raise UpdateError(1, "Total Path Attribute Length exceeds the message")
    return body[2:withdrawn], body[withdrawn + 2 : attributes], body[attributes:]


def encode_updates(
    withdrawn: Sequence[bytes],
    groups: Mapping[bytes, Sequence[bytes]],
    limit: int = MAX_LENGTH,
    known: dict[tuple[bytes, ...], list[bytes]] | None = None,
) -> list[bytes]:
    """Pack withdrawals, then the prefixes of each attribute block, into whole messages.

    `known` keeps the messages of each block with its prefixes, for peers that are told alike.

    Each message is as full as `limit` octets allow. A route that does not fit into a
    message is not announced (RFC 4271 section 9.2): it is withdrawn instead, lest the peer keep
    an older one. That goes for a whole block where a /32 would not fit beside it.
    """
    gone = [withdrawn]
    announcements = []
    for block, prefixes in groups.items():
        key = (block, *prefixes)
        if known is not None and key in known:
            announcements += known[key]
            continue
        room = limit - OVERHEAD - len(block)
        if room < MAX_PREFIX:
            gone.append(prefixes)
            continue
        head = b"\0\0" + len(block).to_bytes(2) + block
        messages = [frame(UPDATE, head + field) for field in _fill(prefixes, room)]
        if known is not None:
            known[key] = messages
        announcements += messages
    messages = [
        frame(UPDATE, len(field).to_bytes(2) + field + bytes(2))
        for prefixes in gone
        for field in _fill(prefixes, limit - OVERHEAD)
    ]
    return messages + announcements


def _fill(prefixes: Sequence[bytes], room: int) -> Iterator[bytes]:
    """Join prefixes to fields of at most `room` octets, in their order."""
    joined = b"".join(prefixes)
    if len(joined) <= room:
        if joined:
            yield joined
        return
    ends = list(accumulate(map(len, prefixes)))
    start = 0
    while start < len(joined):
        stop = ends[bisect_right(ends, start + room) - 1]
        yield joined[start:stop]
        start = stop
