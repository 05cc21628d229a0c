"""Capabilities in OPEN (RFC 5492; 4760 section 8, 2918 section 2, 6793 section 3).

Those that nobody here knows are values like the others: the reader that looks for a code passes
over the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bgplab.errors import OpenError

IPV4, UNICAST = 1, 1
MULTIPROTOCOL, REFRESH, FOUR_OCTET_AS = 1, 2, 65


class Capability(NamedTuple):
    """One capability as it stands in OPEN; `value` has 255 octets at most."""

    code: int
    value: bytes = b""


class CapabilityKind(NamedTuple):
    """What is known of a capability: its name, and its length in octets if that is fixed."""

    name: str
    length: int | None = None


CAPABILITIES = {  # code: name, length of the value where this speaker reads it
    MULTIPROTOCOL: CapabilityKind("Multiprotocol Extensions", 4),
    REFRESH: CapabilityKind("Route Refresh", 0),
    3: CapabilityKind("Outbound Route Filtering"),
    5: CapabilityKind("Extended Next Hop Encoding"),
    6: CapabilityKind("Extended Message"),
    9: CapabilityKind("BGP Role"),
    64: CapabilityKind("Graceful Restart"),
    FOUR_OCTET_AS: CapabilityKind("Four-octet AS Number", 4),
    69: CapabilityKind("ADD-PATH"),
    70: CapabilityKind("Enhanced Route Refresh"),
    71: CapabilityKind("Long-Lived Graceful Restart"),
    73: CapabilityKind("FQDN"),
}


def multiprotocol(afi: int, safi: int) -> Capability:
    """Announce an address family (RFC 4760 section 8)."""
    return Capability(MULTIPROTOCOL, afi.to_bytes(2) + bytes((0, safi)))


def route_refresh() -> Capability:
    """Announce that ROUTE-REFRESH is understood (RFC 2918 section 2)."""
    return Capability(REFRESH)


def four_octet_as(asn: int) -> Capability:
    """Announce four-octet AS numbers and one's own (RFC 6793 section 3)."""
    return Capability(FOUR_OCTET_AS, asn.to_bytes(4))


def families(capabilities: Iterable[Capability]) -> tuple[tuple[int, int], ...]:
    """Read the announced address families as (AFI, SAFI), in their order."""
    return tuple(
        (int.from_bytes(capability.value[:2]), capability.value[3])
        for capability in capabilities
        if capability.code == MULTIPROTOCOL
    )


def supports_refresh(capabilities: Iterable[Capability]) -> bool:
    """Tell whether ROUTE-REFRESH was announced."""
    return any(capability.code == REFRESH for capability in capabilities)


def four_octet(capabilities: Iterable[Capability]) -> int | None:
    """Read the AS number of the four-octet AS capability, None without the capability."""
    for capability in capabilities:
        if capability.code == FOUR_OCTET_AS:
            return int.from_bytes(capability.value)
    return None


def encode_capabilities(capabilities: Iterable[Capability]) -> bytes:
    """Write capabilities one after the other. Raises ValueError above 255 octets in a value."""
    return b"".join(
        bytes((capability.code, len(capability.value))) + capability.value
        for capability in capabilities
    )


def decode_capabilities(field: bytes) -> tuple[Capability, ...]:
    """Read the value of a Capabilities parameter.

    Raises OpenError 2/0 if a length is wrong. Source: RFC 5492 section 4, RFC 4271 section 6.2.
    """
    found = []
    start, end = 0, len(field)
    while start < end:
        if start + 2 > end or start + 2 + field[start + 1] > end:
            raise OpenError(0, "Capabilities: the last one is cut short")
        code, length = field[start], field[start + 1]
        kind = CAPABILITIES.get(code)
        if kind is not None and kind.length not in (None, length):
            raise OpenError(0, f"{kind.name}: {kind.length} octets expected, got {length}")
        found.append(Capability(code, field[start + 2 : start + 2 + length]))
        start += 2 + length
    return tuple(found)
