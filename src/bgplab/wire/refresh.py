"""ROUTE-REFRESH message (RFC 2918 section 3, RFC 7313 section 3.2)."""

from __future__ import annotations

from bgplab.errors import RefreshError
from bgplab.wire.capabilities import IPV4, UNICAST
from bgplab.wire.header import ROUTE_REFRESH, frame

REQUEST = (IPV4, 0, UNICAST)  # RFC 7313: other subtypes are markers, which we do not negotiate


def encode_refresh(afi: int, safi: int) -> bytes:
    """Write a whole message that asks for all routes of one address family (subtype 0)."""
    return frame(ROUTE_REFRESH, afi.to_bytes(2) + bytes((0, safi)))


def decode_refresh(body: bytes) -> tuple[int, int, int]:
    """Read (AFI, subtype, SAFI).

    Raises RefreshError 7/1 with the whole message as data. Source: RFC 7313 section 5.
    """
    if len(body) != 4:
        message = frame(ROUTE_REFRESH, body)
        raise RefreshError(1, f"ROUTE-REFRESH of {len(body)} octets, not 4", message)
    return int.from_bytes(body[:2]), body[2], body[3]
