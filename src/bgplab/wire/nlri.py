"""IPv4 addresses and prefixes (RFC 4271 section 4.3, 6.3).

A prefix is its NLRI octets: the length in bits, then the fewest octets that hold so many bits,
host bits zero. It serves as a dictionary key and as a slice of an outgoing message.
"""

from __future__ import annotations

from functools import lru_cache

from bgplab.errors import UpdateError

# Length in bits: octets of the prefix with its length octet, and the host bits in the last one.
_SIZES = tuple(1 + (length + 7) // 8 for length in range(33))
_HOST_BITS = tuple((1 << -length % 8) - 1 for length in range(33))


@lru_cache(maxsize=4096)  # the NEXT_HOPs of a router are few, and written again and again
def encode_address(text: str) -> bytes:
    """Turn a dotted quad into four octets. Raises ValueError."""
    parts = text.split(".")
    # Only the shortest decimal form: "010" is eight to some and ten to others.
    if len(parts) != 4 or any(str(_octet(part)) != part for part in parts):
        raise ValueError(f"not an IPv4 address: {text!r}")
    return bytes(_octet(part) for part in parts)


def _octet(part: str) -> int:
    """Read a decimal number from 0 to 255; -1 for all else."""
    value = int(part) if part.isdecimal() and len(part) <= 3 else -1
    return value if value <= 255 else -1


@lru_cache(maxsize=4096)
def format_address(octets: bytes) -> str:
    """Turn four octets into a dotted quad."""
    first, second, third, fourth = octets
    return f"{first}.{second}.{third}.{fourth}"


def encode_prefix(text: str) -> bytes:
    """Turn text such as "10.1.0.0/16" into NLRI octets.

    Raises ValueError, also where host bits are set.
    """
    address, slash, digits = text.partition("/")
    length = _octet(digits)
    if not slash or str(length) != digits or length > 32:
        raise ValueError(f"not an IPv4 prefix: {text!r}")
    octets = encode_address(address)
    if int.from_bytes(octets) & ((1 << 32 - length) - 1):
        raise ValueError(f"host bits are set: {text!r}")
    return bytes((length,)) + octets[: _SIZES[length] - 1]


def format_prefix(prefix: bytes) -> str:
    """Turn NLRI octets into text such as "10.1.0.0/16"."""
    return f"{format_address(prefix[1:].ljust(4, bytes(1)))}/{prefix[0]}"


def split_prefixes(field: bytes) -> list[bytes]:
    """Cut a Withdrawn Routes or NLRI field into prefixes, host bits cleared.

    Raises UpdateError 3/10 for a length above 32 or a prefix cut short; RFC 7606 section 5.3
    leaves no milder answer. Source: RFC 4271 section 4.3 (host bits are irrelevant), 6.3.
    """
    start, end = 0, len(field)
    if end and field[0] & 7 == 0 and field[0] <= 32 and end == _SIZES[field[0]]:
        return [field]  # as most fields are: one prefix that fills its last octet
    prefixes = []
    while start < end:
        length = field[start]
        if length > 32:
            raise UpdateError(10, f"prefix length {length}")
        stop = start + _SIZES[length]
        prefix = field[start:stop]
        if length & 7 and prefix[-1] & _HOST_BITS[length]:
            prefix = prefix[:-1] + bytes((prefix[-1] & ~_HOST_BITS[length],))
        prefixes.append(prefix)
        start = stop
    if start > end:
        raise UpdateError(10, "the last prefix is cut short")
    return prefixes
