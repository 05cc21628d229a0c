"""MULTI_EXIT_DISC (RFC 4271 section 5.1.4, RFC 7606 section 7.4)."""

from __future__ import annotations

from bgplab.errors import UpdateError


def decode_med(value: bytes) -> int:
    """Read an unsigned number of four octets. Raises UpdateError 3/5."""
    if len(value) != 4:
        raise UpdateError(5, f"MULTI_EXIT_DISC: 4 octets expected, got {len(value)}")
    return int.from_bytes(value)


def encode_med(med: int) -> bytes:
    """Write four octets."""
    return med.to_bytes(4)
