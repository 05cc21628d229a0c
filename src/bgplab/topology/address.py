"""Hand out what a topology file leaves open: AS numbers, identifiers, prefixes, addresses.

Everything counts up from a fixed start and skips what the file uses itself, so the same file
always gets the same numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

MAX_ROUTERS = 65_000
AS_TRANS = 23_456
RESERVED_ASNS = (0, AS_TRANS, 65_535, 4_294_967_295)  # RFC 7607, RFC 6793, RFC 7300

_FIRST_PREFIX = 10 << 16
_LAST_PREFIX = 224 << 16
_IDENTITY_BLOCK = (10 << 16) | (255 << 8)  # 10.255.0.0/16 as a count of /24s


def free_asns(used: Collection[int]) -> Iterator[int]:
    """Yield private AS numbers that are not in `used`.

    65001 to 65534, then the 4-octet ones from 4200000000 (RFC 6996).
    """
    yield from (asn for asn in range(65_001, 65_535) if asn not in used)
    yield from (asn for asn in range(4_200_000_000, 4_294_967_295) if asn not in used)


def free_identifiers(used: Collection[str]) -> Iterator[str]:
    """Yield BGP Identifiers 10.255.0.1, 10.255.0.2 ... that are not in `used`."""
    names = (f"10.255.{n >> 8}.{n & 255}" for n in range(1, 65_536))
    yield from (name for name in names if name not in used)


def free_prefixes(used: Collection[str]) -> Iterator[str]:
    """Yield /24 prefixes counted up from 10.0.0.0 that are not in `used`.

    Leaves out 10.255.0.0/16 (identifiers) and 127.0.0.0/8 (transport).
    """
    for number in range(_FIRST_PREFIX, _LAST_PREFIX):
        if number & ~0xFF == _IDENTITY_BLOCK or number >> 16 == 127:
            continue
        prefix = f"{number >> 16}.{number >> 8 & 255}.{number & 255}.0/24"
        if prefix not in used:
            yield prefix


def transport_address(index: int, block: int) -> str:
    """Return where router number `index` (from 0) listens: 127.block.hi.lo, from .0.1 on."""
    number = index + 1
    return f"127.{block}.{number >> 8}.{number & 255}"
