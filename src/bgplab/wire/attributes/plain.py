"""The attribute block that nearly every route carries, read and written at one go.

ORIGIN, an AS_PATH of one AS_SEQUENCE of four-octet AS numbers, and NEXT_HOP, in this order and
with their usual flags; nothing else:

    40 01 01 origin   40 02 length 02 count AS AS ...   40 03 04 next hop

The functions give None for any other block, which is then read with care (RFC 7606). That both
ways agree is tested; this one takes a quarter of the time.
"""

from __future__ import annotations

import struct

_ORIGIN = b"\x40\x01\x01"
_AS_PATH = b"\x40\x02"
_NEXT_HOP = b"\x40\x03\x04"
_REST = 16  # octets besides the AS numbers
MAX_COUNT = 63  # AS numbers for which one octet holds the length
_FORMS = tuple(struct.Struct(f">{count}I") for count in range(MAX_COUNT + 1))


def read_plain(block: bytes) -> tuple[int, tuple[int, ...], bytes] | None:
    """Read ORIGIN, the AS numbers and the four octets of the NEXT_HOP, if that is all."""
    if len(block) <= _REST:
        return None
    count = block[8]
    origin = block[3]
    if (
        len(block) != _REST + 4 * count
        or count > MAX_COUNT
        or block[6] != 2 + 4 * count
        or block[7] != 2
        or origin > 2
        or block[:3] != _ORIGIN
        or block[4:6] != _AS_PATH
        or block[-7:-4] != _NEXT_HOP
        or not 0 < block[-4] < 224
    ):
        return None
    asns = _FORMS[count].unpack_from(block, 9)
    return None if 0 in asns else (origin, asns, block[-4:])


def pass_on_plain(block: bytes, asn: int, next_hop: bytes) -> bytes | None:
    """Write the block with an AS number before its path, and another NEXT_HOP.

    `block` must be one that `read_plain` reads; None if its path has no room.
    """
    count = block[8] + 1
    if count > MAX_COUNT:
        return None
    head = b"%b\x40\x02%c\x02%c" % (block[:4], 2 + 4 * count, count)
    return head + asn.to_bytes(4) + block[9:-7] + _NEXT_HOP + next_hop
