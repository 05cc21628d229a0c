"""AS4_AGGREGATOR (RFC 6793 section 4.2.3, 6): AGGREGATOR with four octets of AS number."""

from __future__ import annotations

from bgplab.errors import UpdateError
from bgplab.wire.attributes.aggregator import Aggregator, decode_aggregator, encode_aggregator


def decode_as4_aggregator(value: bytes) -> Aggregator:
    """Read (AS number, dotted quad) from eight octets. Raises UpdateError 3/9."""
    try:
        return decode_aggregator(value)
    except UpdateError as error:
        raise UpdateError(9, f"AS4_AGGREGATOR read as {error}") from error


def encode_as4_aggregator(aggregator: Aggregator) -> bytes:
    """Write eight octets."""
    return encode_aggregator(aggregator)
