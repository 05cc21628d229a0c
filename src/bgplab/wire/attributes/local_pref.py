"""LOCAL_PREF (RFC 4271 section 5.1.5, RFC 7606 section 7.5)."""

from __future__ import annotations

from bgplab.errors import UpdateError


def decode_local_pref(value: bytes) -> int:
    """Read an unsigned number of four octets. Raises UpdateError 3/5."""
    if len(value) != 4:
        raise UpdateError(5, f"LOCAL_PREF: 4 octets expected, got {len(value)}")
    return int.from_bytes(value)


def encode_local_pref(local_pref: int) -> bytes:
    """Write four octets."""
    return local_pref.to_bytes(4)
