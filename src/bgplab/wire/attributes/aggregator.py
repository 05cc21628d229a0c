"""AGGREGATOR (RFC 4271 section 5.1.7, RFC 6793, RFC 7606 section 7.7, RFC 7607)."""

from __future__ import annotations

from bgplab.errors import UpdateError
from bgplab.wire.attributes.as_path import AS_TRANS, MAX_TWO_OCTET
from bgplab.wire.nlri import encode_address, format_address

Aggregator = tuple[int, str]


def _decode(value: bytes, width: int) -> Aggregator:
    """Read (AS number of `width` octets, dotted quad). Raises UpdateError 3/5 or 3/9."""
    if len(value) != width + 4:
        raise UpdateError(5, f"AGGREGATOR: {width + 4} octets expected, got {len(value)}")
    asn = int.from_bytes(value[:width])
    if asn == 0:
        raise UpdateError(9, "AGGREGATOR: AS 0")
    return asn, format_address(value[width:])


def decode_aggregator(value: bytes) -> Aggregator:
    """Read (AS number, dotted quad) from eight octets. Raises UpdateError 3/5 or 3/9."""
    return _decode(value, 4)


def decode_two_octet_aggregator(value: bytes) -> Aggregator:
    """Read (AS number, dotted quad) from six octets. Raises UpdateError 3/5 or 3/9."""
    return _decode(value, 2)


def encode_aggregator(aggregator: Aggregator) -> bytes:
    """Write eight octets."""
    asn, address = aggregator
    return asn.to_bytes(4) + encode_address(address)


def encode_two_octet_aggregator(aggregator: Aggregator) -> bytes:
    """Write six octets, AS_TRANS for an AS number above 65535 (RFC 6793 section 4.2.2)."""
    asn, address = aggregator
    return (asn if asn <= MAX_TWO_OCTET else AS_TRANS).to_bytes(2) + encode_address(address)
