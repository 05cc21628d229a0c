"""NOTIFICATION message (RFC 4271 section 4.5) and the names of its codes.

Subcodes of RFC 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687; text of a shutdown by RFC 9003.
"""

from __future__ import annotations

from dataclasses import dataclass

from bgplab.wire.header import HEADER_LENGTH, MAX_LENGTH, NOTIFICATION, bad_length, frame

MAX_DATA = MAX_LENGTH - HEADER_LENGTH - 2
MAX_SHUTDOWN = 255

CODES = {
    1: "Message Header Error",
    2: "OPEN Message Error",
    3: "UPDATE Message Error",
    4: "Hold Timer Expired",
    5: "Finite State Machine Error",
    6: "Cease",
    7: "ROUTE-REFRESH Message Error",
    8: "Send Hold Timer Expired",
}

SUBCODES = {
    (1, 0): "Unspecific",
    (1, 1): "Connection Not Synchronized",
    (1, 2): "Bad Message Length",
    (1, 3): "Bad Message Type",
    (2, 0): "Unspecific",
    (2, 1): "Unsupported Version Number",
    (2, 2): "Bad Peer AS",
    (2, 3): "Bad BGP Identifier",
    (2, 4): "Unsupported Optional Parameter",
    (2, 5): "Authentication Failure (deprecated)",
    (2, 6): "Unacceptable Hold Time",
    (2, 7): "Unsupported Capability",
    (2, 11): "Role Mismatch",
    (3, 0): "Unspecific",
    (3, 1): "Malformed Attribute List",
    (3, 2): "Unrecognized Well-known Attribute",
    (3, 3): "Missing Well-known Attribute",
    (3, 4): "Attribute Flags Error",
    (3, 5): "Attribute Length Error",
    (3, 6): "Invalid ORIGIN Attribute",
    (3, 7): "AS Routing Loop (deprecated)",
    (3, 8): "Invalid NEXT_HOP Attribute",
    (3, 9): "Optional Attribute Error",
    (3, 10): "Invalid Network Field",
    (3, 11): "Malformed AS_PATH",
    (5, 0): "Unspecified Error",
    (5, 1): "Unexpected Message in OpenSent",
    (5, 2): "Unexpected Message in OpenConfirm",
    (5, 3): "Unexpected Message in Established",
    (6, 0): "Unspecific",
    (6, 1): "Maximum Number of Prefixes Reached",
    (6, 2): "Administrative Shutdown",
    (6, 3): "Peer De-configured",
    (6, 4): "Administrative Reset",
    (6, 5): "Connection Rejected",
    (6, 6): "Other Configuration Change",
    (6, 7): "Connection Collision Resolution",
    (6, 8): "Out of Resources",
    (6, 9): "Hard Reset",
    (6, 10): "BFD Down",
    (7, 1): "Invalid Message Length",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """Why a session ends; `data` depends on code and subcode."""

    code: int
    subcode: int
    data: bytes = b""


def encode_notification(notification: Notification) -> bytes:
    """Write a whole message; data that does not fit in 4096 octets is cut."""
    head = bytes((notification.code, notification.subcode))
    return frame(NOTIFICATION, head + notification.data[:MAX_DATA])


def decode_notification(body: bytes) -> Notification:
    """Read a NOTIFICATION with any code. Raises HeaderError 1/2 below two octets."""
    if len(body) < 2:
        raise bad_length(body)
    return Notification(body[0], body[1], body[2:])


def describe(code: int, subcode: int) -> str:
    """Name a code and its subcode, known or not: "Cease/Administrative Shutdown"."""
    name = CODES.get(code, f"Error Code {code}")
    detail = SUBCODES.get((code, subcode))
    if detail is None:
        # Hold Timer Expired and Send Hold Timer Expired have no subcodes: they carry 0.
        return f"{name}/Subcode {subcode}" if subcode else name
    return f"{name}/{detail}"


def shutdown_message(text: str) -> bytes:
    """Write the data of Cease/Administrative Shutdown or Reset: a length octet and UTF-8.

    Text beyond 255 octets is cut between characters. Source: RFC 9003 section 2.
    """
    octets = text.encode("utf-8", "replace")[:MAX_SHUTDOWN]
    octets = octets.decode("utf-8", "ignore").encode()
    return bytes((len(octets),)) + octets


def read_shutdown(data: bytes) -> str:
    """Read what `shutdown_message` wrote, and as much as there is of anything else.

    Invalid UTF-8 becomes U+FFFD. Source: RFC 9003 section 2.
    """
    return data[1 : 1 + data[0]].decode("utf-8", "replace") if data else ""
