"""NEXT_HOP (RFC 4271 section 5.1.3, 6.3; RFC 7606 section 7.3)."""

from __future__ import annotations

from bgplab.errors import UpdateError
from bgplab.wire.nlri import encode_address, format_address


def decode_next_hop(value: bytes) -> str:
    """Read a dotted quad. Raises UpdateError 3/5, or 3/8 for what is no host address.

    127/8 passes: it is the network that a lab lives on, and daemons announce it as their own.
    """
    if len(value) != 4:
        raise UpdateError(5, f"NEXT_HOP: 4 octets expected, got {len(value)}")
    # RFC 1122 section 3.2.1.3: 0/8 is "this network"; multicast and reserved from 224 up.
    if not 0 < value[0] < 224:
        raise UpdateError(8, f"NEXT_HOP: {format_address(value)} is no host address")
    return format_address(value)


def encode_next_hop(address: str) -> bytes:
    """Write four octets. Raises ValueError if the text is no dotted quad."""
    return encode_address(address)
