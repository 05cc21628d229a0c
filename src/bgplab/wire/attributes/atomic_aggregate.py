"""ATOMIC_AGGREGATE (RFC 4271 section 5.1.6, RFC 7606 section 7.6): there or not."""

from __future__ import annotations

from bgplab.errors import UpdateError


def decode_atomic_aggregate(value: bytes) -> bool:
    """Read an empty value as True. Raises UpdateError 3/5."""
    if value:
        raise UpdateError(5, f"ATOMIC_AGGREGATE: 0 octets expected, got {len(value)}")
    return True


def encode_atomic_aggregate(_: bool) -> bytes:
    """Write an empty value."""
    return b""
