"""What two OPEN messages agree on (RFC 4271 sections 4.2 and 6.2; RFC 5492, 6286, 6793)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from bgplab.config import PeerConfig, RouterConfig
from bgplab.errors import OpenError
from bgplab.wire.capabilities import (
    four_octet,
    four_octet_as,
    multiprotocol,
    route_refresh,
    supports_refresh,
)
from bgplab.wire.open import AS_TRANS, VERSION, Open

LEAST_SEND_HOLD = 480.0  # RFC 9687 section 4.3, seconds


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The terms of a session, in seconds; 0 switches a timer off."""

    hold: int = 0
    keepalive: float = 0.0
    four_octet: bool = False
    refresh: bool = False
    identifier: int = 0  # the peer's BGP Identifier
    send_hold: float = 0.0


NOTHING = Negotiated()


def our_open(config: PeerConfig, local: RouterConfig) -> Open:
    """Write what we say of ourselves: IPv4 unicast, route refresh, four-octet AS numbers."""
    return Open(
        version=VERSION,
        asn=local.asn,
        hold_time=config.timers.hold,
        identifier=identifier_of(local),
        capabilities=(multiprotocol(1, 1), route_refresh(), four_octet_as(local.asn)),
    )


def identifier_of(local: RouterConfig) -> int:
    """Return a router's BGP Identifier as the unsigned number that RFC 4271 6.8 compares."""
    return int(IPv4Address(local.identifier))


def negotiate(config: PeerConfig, local: RouterConfig, theirs: Open) -> Negotiated:
    """Agree on the terms of a session with the peer that sent `theirs`.

    Raises OpenError 2/2 (not the configured AS), 2/3 (an internal peer with our identifier),
    2/6 (hold time of one or two seconds). Source: RFC 4271 section 6.2, RFC 6286 section 2.2.
    """
    wide = four_octet(theirs.capabilities)
    # AS_TRANS without the capability hides the AS number: it cannot be the configured one.
    if theirs.asn != config.asn or (wide is None and theirs.asn == AS_TRANS):
        raise OpenError(2, f"AS {theirs.asn}, configured is AS {config.asn}")
    if config.asn == local.asn and theirs.identifier == identifier_of(local):
        raise OpenError(3, "an internal peer has our own BGP Identifier")
    hold = negotiate_hold(config.timers.hold, theirs.hold_time)
    return Negotiated(
        hold=hold,
        keepalive=keepalive_interval(config.timers.keepalive, hold),
        four_octet=wide is not None,
        refresh=supports_refresh(theirs.capabilities),
        identifier=theirs.identifier,
        send_hold=send_hold_time(config.timers.send_hold, hold),
    )


def negotiate_hold(ours: int, theirs: int) -> int:
    """Return the smaller hold time in whole seconds; 0 switches the timers off.

    Raises OpenError 2/6 if theirs is 1 or 2. Source: RFC 4271 sections 4.2, 6.2.
    """
    if theirs in (1, 2):
        raise OpenError(6, f"hold time {theirs} s")
    return min(ours, theirs)


def keepalive_interval(configured: float | None, hold: int) -> float:
    """Return the seconds between two KEEPALIVEs before jitter; 0 means none.

    A third of the hold time is RFC 4271's suggestion (section 4.4, 10), not its rule: another
    configured value is honoured, even a longer one.
    """
    if not hold:
        return 0.0
    return hold / 3 if configured is None else configured


def send_hold_time(configured: float | None, hold: int) -> float:
    """Return the seconds that TCP may take none of what we send; 0 means any time.

    Source: RFC 9687 section 4.3.
    """
    if not hold:
        return 0.0
    return max(LEAST_SEND_HOLD, 2.0 * hold) if configured is None else configured
