"""ORIGIN (RFC 4271 section 5.1.1, RFC 7606 section 7.1)."""

from __future__ import annotations

from bgplab.errors import UpdateError

IGP, EGP, INCOMPLETE = 0, 1, 2


def decode_origin(value: bytes) -> int:
    """Read IGP, EGP or INCOMPLETE. Raises UpdateError 3/5 or 3/6."""
    if len(value) != 1:
        raise UpdateError(5, f"ORIGIN: 1 octet expected, got {len(value)}")
    if value[0] > INCOMPLETE:
        raise UpdateError(6, f"ORIGIN: undefined value {value[0]}")
    return value[0]


def encode_origin(origin: int) -> bytes:
    """Write one octet."""
    return bytes((origin,))
