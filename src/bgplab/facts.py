"""What a router tells of itself: the only thing that observe/ reads.

A fact is a value: what happened, and when (`at`, seconds on the caller's clock). Facts stand on
floor 0 because the core produces them and the floors above consume them; nobody acts on a fact.
States and events are the numbers of bgplab.session.events; prefixes are NLRI octets.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class StateChanged(NamedTuple):
    """A session entered another state, by an event of RFC 4271 section 8.1."""

    at: float
    peer: str
    old: int
    new: int
    event: int


class NotificationSent(NamedTuple):
    """A NOTIFICATION was sent."""

    at: float
    peer: str
    code: int
    subcode: int
    data: bytes


class NotificationReceived(NamedTuple):
    """A NOTIFICATION was received."""

    at: float
    peer: str
    code: int
    subcode: int
    data: bytes


class TimerFired(NamedTuple):
    """A timer of a session fired `late` seconds after its deadline."""

    at: float
    peer: str
    timer: str
    late: float


class HoldExpired(NamedTuple):
    """HoldTimer of a session in OpenConfirm or Established expired, `late` after its deadline.

    `heard` is when the last octets arrived, `last_received` when the last message did that
    restarts the timer, `hold` the negotiated time in seconds. `unread` is the number of octets
    that waited in the socket, which only the engine knows.
    """

    at: float
    peer: str
    epoch: int
    heard: float
    last_received: float
    hold: int
    late: float
    unread: int = 0


class SessionEnded(NamedTuple):
    """A connection left OpenConfirm or Established: what this end sent and when, in seconds.

    `last_sent` is when something other than a NOTIFICATION was last sent, `keepalive` the
    interval in force, 0 for none. `late` is the most that its KeepaliveTimer ever was.
    """

    at: float
    peer: str
    epoch: int
    last_sent: float
    keepalive: float
    late: float


class BestChanged(NamedTuple):
    """The best route to a prefix changed; `peer` is None if none is left, "" if it is own."""

    at: float
    prefix: bytes
    peer: str | None
    as_path: str


class UpdateSent(NamedTuple):
    """One UPDATE was sent (level updates); `octets` is the message without its header.

    It is the `number`th routing message of its direction in the session's present epoch, which
    both ends know by the same number: so the receiver's fact is found from the sender's.
    """

    at: float
    peer: str
    octets: bytes
    epoch: int = 0
    number: int = 0


class UpdateReceived(NamedTuple):
    """One UPDATE was received (level updates); the fields are those of UpdateSent."""

    at: float
    peer: str
    octets: bytes
    epoch: int = 0
    number: int = 0


class CauseKind(IntEnum):
    """What made a router change a route, or tell a peer of one."""

    START = 1  # the configuration originates it
    ACT = 2  # somebody asked for it
    UPDATE = 3  # an UPDATE was received
    SESSION_UP = 4  # a session came up, and was owed the whole table
    SESSION_DOWN = 5  # a session was lost, and its routes with it
    REFRESH = 6  # a ROUTE-REFRESH was received


class Cause(NamedTuple):
    """What happened at a router, and when, that led to more.

    `source` is the peer whose session it happened in, "" where there is none; `epoch` that of
    the session; `number` that of the routing message which was received, 0 for all else.
    """

    at: float
    kind: CauseKind
    source: str = ""
    epoch: int = 0
    number: int = 0


class Caused(NamedTuple):
    """Why the best route to a prefix changed, or why a peer was told of it (level updates).

    `told` is "" for the change itself; else UPDATE `number` of that session tells of the
    prefix, or is the End-of-RIB if the prefix is empty. The fields from `kind` on are those of
    the Cause, which happened at `since`.
    """

    at: float
    prefix: bytes
    told: str
    epoch: int
    number: int
    since: float
    kind: int
    source: str
    source_epoch: int
    source_number: int


class OctetsSent(NamedTuple):
    """Octets of any message were handed to TCP (level octets)."""

    at: float
    peer: str
    octets: bytes


class OctetsReceived(NamedTuple):
    """Octets arrived from TCP (level octets)."""

    at: float
    peer: str
    octets: bytes


class MalformedUpdate(NamedTuple):
    """An UPDATE was malformed and handled by RFC 7606; `action` is "withdraw" or "discard"."""

    at: float
    peer: str
    action: str
    reason: str


class CallbackFailed(NamedTuple):
    """An exception escaped a callback; it cost at most the session with `peer`."""

    at: float
    peer: str
    text: str


Fact = (
    StateChanged
    | NotificationSent
    | NotificationReceived
    | TimerFired
    | HoldExpired
    | SessionEnded
    | BestChanged
    | UpdateSent
    | UpdateReceived
    | Caused
    | OctetsSent
    | OctetsReceived
    | MalformedUpdate
    | CallbackFailed
)
