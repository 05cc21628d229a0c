"""Durations and prefixes as people write them in a topology file.

Plain functions that raise ValueError with a message for the person who wrote the value.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

MAX_DURATION = 366 * 86_400.0
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
WELL_KNOWN = {
    "no-export": 0xFFFFFF01,
    "no-advertise": 0xFFFFFF02,
    "no-export-subconfed": 0xFFFFFF03,
}
_COMMUNITY = re.compile(r"(\d{1,5}):(\d{1,5})", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)?", re.ASCII)
_MARTIAN_IDENTIFIERS = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("224.0.0.0/3"),
)


def brief(value: object) -> str:
    """Write a value of a file for a message: short, and in the words of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def parse_duration(value: object) -> float:
    """Read `10ms`, `9s`, `1m`, `2h` or a plain number of seconds; return seconds.

    Raises ValueError for anything else, for negative numbers and for more than a year.
    """
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError(f"expected a duration such as 10ms, 9s, 1m or 2h, not {brief(value)}")
    if not 0 <= seconds <= MAX_DURATION:
        raise ValueError(f"expected a duration from 0s to 366 days, not {brief(value)}")
    return float(seconds)


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if not match or len(value) > 32:
            return None
        digits, unit = match.groups(default="s")
        return round(float(digits) * UNITS[unit], 9)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return None


def parse_hold(value: object) -> int:
    """Read a hold time: whole seconds, 0 or 3 to 65535 (RFC 4271 section 4.2).

    Raises ValueError for anything else.
    """
    seconds = parse_duration(value)
    if seconds != int(seconds):
        raise ValueError(f"a hold time is sent in whole seconds, not {brief(value)}")
    if seconds in (1, 2) or seconds > 65535:
        raise ValueError(f"a hold time is 0 (off) or 3 to 65535 seconds, not {brief(value)}")
    return int(seconds)


def parse_prefix(value: object) -> str:
    """Read an IPv4 prefix such as `10.1.0.0/16`; return it in its one canonical form.

    Raises ValueError for anything else and for host bits that are set.
    """
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"expected an IPv4 prefix such as 10.1.0.0/16, not {brief(value)}")
    address, length = value.split("/", 1)
    if not (length.isascii() and length.isdigit() and int(length[:4]) <= 32):
        raise ValueError(f"{brief(value)} is not an IPv4 prefix: the length goes from 0 to 32")
    try:
        network = IPv4Network(f"{address}/{int(length)}", strict=False)
    except (AddressValueError, NetmaskValueError) as error:
        raise ValueError(f"{brief(value)} is not an IPv4 prefix such as 10.1.0.0/16") from error
    if IPv4Address(address) != network.network_address:
        raise ValueError(f"prefix {brief(value)} has host bits set; did you mean '{network}'?")
    return str(network)


def parse_identifier(value: object) -> str:
    """Read a BGP Identifier in dotted form; it is the router's NEXT_HOP too.

    Raises ValueError for anything else and where no router may announce it as NEXT_HOP
    (RFC 4271 section 5.1.3: a valid unicast host address).
    """
    try:
        address = IPv4Address(value) if isinstance(value, str) else None
    except AddressValueError:
        address = None
    if address is None:
        raise ValueError(f"expected an IPv4 address such as 10.255.0.1, not {brief(value)}")
    if any(address in network for network in _MARTIAN_IDENTIFIERS):
        raise ValueError(f"{brief(value)} cannot be a NEXT_HOP, which an identifier is too")
    return str(address)


def parse_community(value: object) -> int:
    """Read a community such as `65000:10`, or the name of a well-known one (RFC 1997).

    Raises ValueError for anything else, and for those from 0:0 to 0:65535, which are reserved
    and with which the lab marks routes inside an AS.
    """
    if isinstance(value, str) and value in WELL_KNOWN:
        return WELL_KNOWN[value]
    match = _COMMUNITY.fullmatch(value) if isinstance(value, str) else None
    high, low = map(int, match.groups()) if match else (65_536, 0)
    if high > 65_535 or low > 65_535:
        names = ", ".join(WELL_KNOWN)
        raise ValueError(
            f"expected a community such as 65000:10, or one of {names}, not {brief(value)}"
        )
    if not high:
        raise ValueError(f"community {value} is reserved (RFC 1997)")
    return high << 16 | low
