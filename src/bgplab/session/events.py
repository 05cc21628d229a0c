"""The states and events of the session state machine (RFC 4271 sections 8.1 and 8.2.2).

Events 1 to 28 carry the numbers and names of RFC 4271, event 29 those of RFC 9687.
"""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The six states of RFC 4271 section 8.2.2, in the order in which a session climbs them."""

    IDLE = 0
    CONNECT = 1
    ACTIVE = 2
    OPEN_SENT = 3
    OPEN_CONFIRM = 4
    ESTABLISHED = 5

    @property
    def label(self) -> str:
        """Return the name as the RFC writes it, such as "OpenSent"."""
        return STATE_LABELS[self]


class Event(IntEnum):
    """The events of RFC 4271 section 8.1, and event 29 of RFC 9687 section 4.1."""

    MANUAL_START = 1
    MANUAL_STOP = 2
    AUTOMATIC_START = 3
    MANUAL_START_PASSIVE = 4
    AUTOMATIC_START_PASSIVE = 5
    AUTOMATIC_START_DAMPED = 6
    AUTOMATIC_START_DAMPED_PASSIVE = 7
    AUTOMATIC_STOP = 8
    CONNECT_RETRY_TIMER_EXPIRES = 9
    HOLD_TIMER_EXPIRES = 10
    KEEPALIVE_TIMER_EXPIRES = 11
    DELAY_OPEN_TIMER_EXPIRES = 12
    IDLE_HOLD_TIMER_EXPIRES = 13
    TCP_CONNECTION_VALID = 14
    TCP_CR_INVALID = 15
    TCP_CR_ACKED = 16
    TCP_CONNECTION_CONFIRMED = 17
    TCP_CONNECTION_FAILS = 18
    BGP_OPEN = 19
    BGP_OPEN_WITH_DELAY_OPEN_TIMER = 20
    BGP_HEADER_ERR = 21
    BGP_OPEN_MSG_ERR = 22
    OPEN_COLLISION_DUMP = 23
    NOTIF_MSG_VER_ERR = 24
    NOTIF_MSG = 25
    KEEPALIVE_MSG = 26
    UPDATE_MSG = 27
    UPDATE_MSG_ERR = 28
    SEND_HOLD_TIMER_EXPIRES = 29

    @property
    def label(self) -> str:
        """Return the name as the RFC writes it, such as "TcpConnectionFails"."""
        return EVENT_LABELS[self]


STATE_LABELS = dict(
    zip(
        State,
        ("Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"),
        strict=True,
    )
)

EVENT_LABELS = dict(
    zip(
        Event,
        (
            "ManualStart",
            "ManualStop",
            "AutomaticStart",
            "ManualStart_with_PassiveTcpEstablishment",
            "AutomaticStart_with_PassiveTcpEstablishment",
            "AutomaticStart_with_DampPeerOscillations",
            "AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment",
            "AutomaticStop",
            "ConnectRetryTimer_Expires",
            "HoldTimer_Expires",
            "KeepaliveTimer_Expires",
            "DelayOpenTimer_Expires",
            "IdleHoldTimer_Expires",
            "TcpConnection_Valid",
            "Tcp_CR_Invalid",
            "Tcp_CR_Acked",
            "TcpConnectionConfirmed",
            "TcpConnectionFails",
            "BGPOpen",
            "BGPOpen with DelayOpenTimer running",
            "BGPHeaderErr",
            "BGPOpenMsgErr",
            "OpenCollisionDump",
            "NotifMsgVerErr",
            "NotifMsg",
            "KeepAliveMsg",
            "UpdateMsg",
            "UpdateMsgErr",
            "SendHoldTimer_Expires",
        ),
        strict=True,
    )
)
