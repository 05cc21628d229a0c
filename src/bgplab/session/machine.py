"""The state machine of one TCP connection (RFC 4271 section 8.2).

The rules are in table.py; here is what they work on: state, timers, counter, framing. Time is
an argument, octets come and go as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgplab.errors import HeaderError, WireError
from bgplab.facts import (
    HoldExpired,
    NotificationReceived,
    NotificationSent,
    OctetsSent,
    SessionEnded,
    TimerFired,
)
from bgplab.session.actions import restart_send_hold
from bgplab.session.damping import CEASE, start_event
from bgplab.session.effects import Close, Send
from bgplab.session.events import Event, State
from bgplab.session.negotiate import NOTHING, Negotiated, negotiate
from bgplab.session.table import DISPATCH
from bgplab.session.timers import STOPPED, TIMER_EVENTS, Deadlines
from bgplab.wire.capabilities import IPV4, UNICAST
from bgplab.wire.header import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    Framer,
    frame,
)
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import (
    Notification,
    decode_notification,
    encode_notification,
)
from bgplab.wire.open import decode_open
from bgplab.wire.refresh import encode_refresh

if TYPE_CHECKING:
    from bgplab.session.session import Session

UNSUPPORTED_VERSION = (2, 1)

REFRESH_REQUEST = encode_refresh(IPV4, UNICAST)

# The event of an error, by its NOTIFICATION code. RFC 7313's ROUTE-REFRESH error has no event
# of its own; it ends the session as an erroneous UPDATE does.
ERROR_EVENTS = {
    1: Event.BGP_HEADER_ERR,
    2: Event.BGP_OPEN_MSG_ERR,
    3: Event.UPDATE_MSG_ERR,
    7: Event.UPDATE_MSG_ERR,
}


class Machine:
    """One connection of a session: its state, and all that the state machine's rows act on.

    `connection` is 0 while there is no TCP connection. `reason` is the NOTIFICATION that the
    next event may send, `kind` is the type of the message last received. UPDATEs that arrive
    together are one event: `bodies` holds them, in their order. `injected` counts the routing
    messages that were sent past the state machine, which `outgoing` has cut apart. `sent_at`
    and `heard_at` are when octets last left and arrived, `retry_since` when ConnectRetryTimer
    was set.
    """

    __slots__ = (
        "bodies",
        "config",
        "connect_retry_counter",
        "connection",
        "deletes_routes",
        "epoch",
        "framer",
        "heard_at",
        "injected",
        "kind",
        "negotiated",
        "outgoing",
        "reason",
        "retry_since",
        "sent_at",
        "session",
        "state",
        "timers",
        "unsent",
    )

    def __init__(self, session: Session, state: State = State.IDLE) -> None:
        self.session = session
        self.config = session.config
        self.state = state
        self.timers = Deadlines()
        self.connect_retry_counter = 0
        self.connection = 0
        self.epoch = 0
        self.framer = Framer()
        self.outgoing: Framer | None = None
        self.injected = 0
        self.negotiated: Negotiated = NOTHING
        self.reason = Notification(CEASE, 0)
        self.kind = 0
        self.bodies: list[bytes] = []
        self.deletes_routes = False
        self.unsent = False
        self.sent_at = self.heard_at = self.retry_since = 0.0

    def fire(self, event: Event, now: float) -> None:
        """Let an event happen: the first row whose guard holds applies.

        The actions run before the state changes; what the session makes of the change comes
        last, when the machine is consistent. Whatever an action raises passes through.
        """
        state = self.state
        for guard, next_state, actions in DISPATCH[state][event]:
            if guard is not None and not guard(self):
                continue
            for action in actions:
                action(self, now)
                if self.state is not state:
                    return  # the action had an event of its own, which went first
            if next_state is not state:
                self.state = next_state
                self.session.settle(self, state, event, now)
            return

    def expire(self, deadline: float, name: str, now: float) -> None:
        """Let the event of a timer happen that has expired.

        Event 13 is one of damping. Without damping IdleHoldTimer is the pause before a plain
        automatic start.
        """
        session = self.session
        setattr(self.timers, name, STOPPED)
        if session.tells_keepalives or name != "keepalive":
            session.emit(TimerFired(now, session.name, name, now - deadline))
        self._observe(name, deadline, now)
        event = TIMER_EVENTS[name]
        if name == "idle_hold" and not self.config.flags.damp_peer_oscillations:
            event = start_event(self.config, manual=False)
        self.fire(event, now)

    def _observe(self, name: str, deadline: float, now: float) -> None:
        """Keep account of the interval that a timer has ended."""
        timing, late = self.session.timing, now - deadline
        if name == "keepalive":
            timing.fired(timing.sent, now - self.sent_at, self.negotiated.keepalive, late)
        elif name == "connect_retry":
            base = self.config.timers.connect_retry
            timing.fired(timing.connect_retry, now - self.retry_since, base, late)
        elif name == "hold" and self.state >= State.OPEN_CONFIRM:
            hold, peer = self.negotiated.hold, self.session.name
            self.session.emit(
                HoldExpired(now, peer, self.epoch, self.heard_at, deadline - hold, hold, late)
            )

    def tell_end(self, now: float) -> None:
        """Tell what this end sent and when, as the connection has left Established."""
        session = self.session
        keepalive, late = self.negotiated.keepalive, session.timing.sent.late
        session.emit(SessionEnded(now, session.name, self.epoch, self.sent_at, keepalive, late))

    def attach(self, connection: int, epoch: int) -> None:
        """Take a TCP connection that has come up; its stream starts anew."""
        self.connection = connection
        self.epoch = epoch
        self.framer = Framer()
        self.outgoing = None
        self.injected = 0
        self.negotiated = NOTHING
        self.unsent = False

    def close(self) -> None:
        """Close the TCP connection, if there is one."""
        if self.connection:
            self.session.emit(Close(self.connection))
            self.connection = 0

    # Sending

    def transmit(self, octets: bytes, now: float) -> None:
        """Send whole messages; SendHoldTimer restarts if nothing was waiting to leave."""
        session = self.session
        self.sent_at = now
        session.emit(Send(self.connection, octets))
        if session.records_octets:
            session.emit(OctetsSent(now, session.name, octets))
        if not self.unsent:
            self.unsent = True
            if self.timers.send_hold < STOPPED:
                restart_send_hold(self, now)

    def inject(self, octets: bytes, now: float) -> list[bytes]:
        """Send any octets; give the routing messages that they complete.

        What follows a malformed header is none: the peer will not read it. KeepaliveTimer goes
        on as if nothing had been sent.
        """
        if not self.connection:
            return []
        sent_at = self.sent_at
        self.transmit(octets, now)
        self.sent_at = sent_at
        if self.outgoing is None:
            self.outgoing = Framer()
        self.outgoing.feed(octets)
        routing = []
        try:
            while cut := self.outgoing.next():
                message = frame(*cut)
                if cut[0] == UPDATE or message == REFRESH_REQUEST:
                    routing.append(message)
        except HeaderError:
            pass  # the peer will find it, and end the session
        self.injected += len(routing)
        return routing

    def notify(self, notification: Notification, now: float) -> None:
        """Send a NOTIFICATION, if there is a connection to send it on."""
        if not self.connection:
            return
        sent_at = self.sent_at
        self.transmit(encode_notification(notification), now)
        self.sent_at = sent_at  # it ends the session, it does not keep it alive
        code, subcode, data = notification.code, notification.subcode, notification.data
        self.session.emit(NotificationSent(now, self.session.name, code, subcode, data))

    def drained(self, now: float) -> None:
        """Learn that TCP has taken all octets: "sent" in the sense of RFC 9687."""
        self.unsent = False
        if self.timers.send_hold < STOPPED:
            restart_send_hold(self, now)

    # Receiving

    def receive(self, data: bytes, now: float) -> None:
        """Take octets from TCP; what follows the end of the session in them is dropped."""
        framer = self.framer
        if data == KEEPALIVE_MESSAGE and self.state is State.ESTABLISHED and not framer.pending:
            self.kind = KEEPALIVE  # by far the most frequent: nothing to cut, nothing to decode
            self.session.timing.heard(now - self.heard_at, self.negotiated.keepalive)
            self.heard_at = now
            self.fire(Event.KEEPALIVE_MSG, now)
            return
        framer.feed(data)
        try:
            while self.connection:
                self.bodies = framer.updates()
                if self.bodies:
                    self.kind = UPDATE
                    self.fire(Event.UPDATE_MSG, now)
                    continue
                message = framer.next()
                if message is None:
                    return
                self._take(message[0], message[1], now)
        except WireError as error:
            self.reason = Notification(error.code, error.subcode, error.data)
            self.fire(ERROR_EVENTS[error.code], now)
        finally:
            self.heard_at = now

    def _take(self, kind: int, body: bytes, now: float) -> None:
        """Turn one message, not an UPDATE, into its event. Raises WireError."""
        self.kind = kind
        if kind == KEEPALIVE:
            if self.state is State.ESTABLISHED:
                self.session.timing.heard(now - self.heard_at, self.negotiated.keepalive)
                self.heard_at = now
            self.fire(Event.KEEPALIVE_MSG, now)
        elif kind == OPEN:
            self._take_open(body, now)
        elif kind == NOTIFICATION:
            self._take_notification(body, now)
        elif kind == ROUTE_REFRESH and self.state is State.ESTABLISHED:
            self.session.deliver_refresh(body, now)
        else:
            self.fire(Event.UPDATE_MSG, now)

    def _take_open(self, body: bytes, now: float) -> None:
        """Take an OPEN: agree on terms, resolve a collision, then event 19 or 20.

        Raises OpenError. Source: RFC 4271 sections 6.2, 6.8.
        """
        message = decode_open(body)
        if self.state >= State.OPEN_CONFIRM:
            self.fire(Event.BGP_OPEN, now)  # the second one on this connection
            return
        terms = negotiate(self.config, self.session.local, message)
        if not self.session.survives_collision(self, terms.identifier, now):
            return
        delayed = self.timers.delay_open < STOPPED
        self.negotiated = terms
        self.fire(Event.BGP_OPEN_WITH_DELAY_OPEN_TIMER if delayed else Event.BGP_OPEN, now)

    def _take_notification(self, body: bytes, now: float) -> None:
        """Take a NOTIFICATION: event 24 for an unsupported version, else 25."""
        notification = decode_notification(body)
        code, subcode, data = notification.code, notification.subcode, notification.data
        self.session.emit(NotificationReceived(now, self.session.name, code, subcode, data))
        self.session.damping.heed(notification)
        version = (code, subcode) == UNSUPPORTED_VERSION
        self.fire(Event.NOTIF_MSG_VER_ERR if version else Event.NOTIF_MSG, now)
