"""One configured peering: its machines, their collisions, its restarts (RFC 4271 section 8).

Each TCP connection has a Machine. One machine stands for the session: the primary. A second
connection that comes up beside it has a machine as well, until collision detection (section
6.8) has decided; meanwhile the one that is further ahead is the primary. Facts of state changes
tell of the primary only: when one connection takes the place of another, a single StateChanged
leads from the state of the one to the state of the other, with the event that caused it.

No socket and no clock: the surroundings report connections, octets and the time, and carry out
what goes to `emit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.facts import OctetsReceived, StateChanged
from bgplab.session.actions import put_off_keepalive
from bgplab.session.collision import Connection, Verdict, is_higher, resolve
from bgplab.session.damping import CEASE, Damping, start_event
from bgplab.session.effects import Close, Dial, Effect
from bgplab.session.events import Event, State
from bgplab.session.intervals import Timing
from bgplab.session.machine import Machine
from bgplab.session.negotiate import Negotiated, identifier_of
from bgplab.session.routes import Routes
from bgplab.session.timers import STOPPED, Jitter
from bgplab.session.traffic import Traffic
from bgplab.wire.notification import Notification, shutdown_message
from bgplab.wire.refresh import REQUEST, decode_refresh

if TYPE_CHECKING:
    import random

SHUTDOWN, RESET = 2, 4  # Cease subcodes of RFC 4486


class Session(Traffic):
    """One peering as configured; Idle until `start`.

    `next_deadline` (infinity if none) is never later than what is due next, and may be earlier:
    an early `tick` does nothing. `timing` is over the session's life. `tells_keepalives` is
    whether each expiry of KeepaliveTimer is a fact, as others are.
    """

    def __init__(
        self,
        config: PeerConfig,
        local: RouterConfig,
        routes: Routes,
        emit: Callable[[Effect], None],
        rng: random.Random,
        connections: Iterator[int],
    ) -> None:
        super().__init__(config.name, local, emit)
        self.config = config
        self.local = local
        self.internal = config.asn == local.asn
        self.damping = Damping(config)
        self.jitter = Jitter(config.flags.jitter, rng).__call__  # called faster than a Jitter
        self.timing = Timing(config)
        self.records_octets = local.level >= Level.OCTETS
        self.tells_keepalives = True
        self.next_deadline = math.inf
        self._routes = routes
        self._connections = connections
        self._primary = Machine(self)
        self._second: Machine | None = None
        self._attempt = 0  # the connection that is being dialled
        self._offer = (0, 0)  # connection and epoch that the machine's row is to place
        self._stopped = True

    @property
    def state(self) -> State:
        """Return the state of the machine that stands for the session."""
        return self._primary.state

    @property
    def established(self) -> bool:
        """Tell whether routes can be exchanged."""
        return self._primary.state is State.ESTABLISHED

    @property
    def epoch(self) -> int:
        """Return the number that both ends know the connection by; 0 unless Established."""
        return self._primary.epoch if self.established else 0

    @property
    def negotiated(self) -> Negotiated:
        """Return the terms of the session; of use in OpenConfirm and Established."""
        return self._primary.negotiated

    @property
    def last_times(self) -> tuple[float, float]:
        """Return when octets were last sent and last arrived; 0 for never."""
        return self._primary.sent_at, self._primary.heard_at

    # What the operator asks

    def start(self, now: float, *, manual: bool = False) -> None:
        """Start the session: ManualStart, or AutomaticStart where the flags allow it.

        An automatic start is held back while damping waits; a manual one is not.
        """
        self._stopped = False
        self._primary.fire(start_event(self.config, manual=manual), now)
        self._rearm()

    def stop(self, now: float, subcode: int = SHUTDOWN, message: str = "") -> None:
        """Stop the session (ManualStop) until it is started again.

        `subcode` is the Cease subcode (RFC 4486), `message` goes to the peer (RFC 9003).
        """
        self._stopped = True
        data = shutdown_message(message) if message else b""
        self._end(Event.MANUAL_STOP, Notification(CEASE, subcode, data), now)
        self._primary.timers.idle_hold = STOPPED
        self._rearm()

    def reset(self, now: float, subcode: int = RESET) -> None:
        """End the session with this Cease subcode; it restarts automatically.

        AutomaticStop, or ManualStop where AllowAutomaticStop is FALSE. Routes may call it.
        """
        allowed = self.config.flags.allow_automatic_stop
        event = Event.AUTOMATIC_STOP if allowed else Event.MANUAL_STOP
        self._end(event, Notification(CEASE, subcode), now)

    def _end(self, event: Event, reason: Notification, now: float) -> None:
        """Let both machines end; the second one first, lest it takes the other's place."""
        for machine in (self._second, self._primary):
            if machine is not None:
                machine.reason = reason
                machine.fire(event, now)

    # What TCP reports

    def dialled(self, connection: int, epoch: int, now: float) -> None:
        """Learn that the connection of a Dial is up (event 16); one given up is closed."""
        if connection != self._attempt:
            self.emit(Close(connection))
            return
        self._attempt = 0
        self._place(Event.TCP_CR_ACKED, connection, epoch, now)

    def dial_failed(self, connection: int, now: float) -> None:
        """Learn that a Dial came to nothing (event 18).

        Where the peer's own connection has taken the attempt's place, it does not matter.
        """
        if connection != self._attempt:
            return
        self._attempt = 0
        machine = self._primary
        if machine.state is State.CONNECT and not machine.connection:
            machine.fire(Event.TCP_CONNECTION_FAILS, now)

    def accepted(self, connection: int, epoch: int, now: float) -> bool:
        """Learn that the peer has connected (event 17); False if it was refused and closed."""
        return self._place(Event.TCP_CONNECTION_CONFIRMED, connection, epoch, now)

    def closed(self, connection: int, now: float) -> None:
        """Learn that TCP has closed or failed (event 18)."""
        machine = self._machine_of(connection)
        if machine is not None:
            machine.connection = 0
            machine.fire(Event.TCP_CONNECTION_FAILS, now)

    def receive(self, connection: int, data: bytes, now: float) -> None:
        """Take octets that arrived on a connection, in pieces of any size."""
        machine = self._machine_of(connection)
        if machine is None:
            return
        if self.records_octets:
            self.emit(OctetsReceived(now, self.name, data))
        machine.receive(data, now)

    def drained(self, connection: int, now: float) -> None:
        """Learn that TCP has taken all that was sent on a connection.

        To be reported whenever it becomes true, else SendHoldTimer expires (RFC 9687).
        """
        machine = self._machine_of(connection)
        if machine is not None:
            machine.drained(now)

    def _machine_of(self, connection: int) -> Machine | None:
        """Find the machine of a connection; None for one that is not ours any more."""
        if connection == self._primary.connection != 0:
            return self._primary
        if self._second is not None and self._second.connection == connection:
            return self._second
        return None

    def _place(self, event: Event, connection: int, epoch: int, now: float) -> bool:
        """Hand a connection that is up to the primary, or to what its state says."""
        machine = self._primary
        self._offer = (connection, epoch)
        if machine.state not in (State.CONNECT, State.ACTIVE):
            machine.fire(event, now)
        elif machine.connection:
            self.track_offer(now)
        else:
            machine.attach(connection, epoch)
            machine.fire(event, now)
        self._rearm()
        return self._machine_of(connection) is not None

    # Time

    def tick(self, now: float) -> None:
        """Fire all timers that are due, in the order of their deadlines, each at most once."""
        machine = self._primary
        expired = machine.timers.due(now)
        if self._second is None and len(expired) == 1:  # nearly always
            machine.expire(*expired[0], now)
            self._rearm()
            return
        expiries = [(due, machine, name) for due, name in expired]
        if self._second is not None:
            machine = self._second
            expiries += [(due, machine, name) for due, name in machine.timers.due(now)]
        expiries.sort(key=lambda expiry: expiry[0])
        for deadline, machine, name in expiries:
            if getattr(machine.timers, name) == deadline:
                machine.expire(deadline, name, now)
        self._rearm()

    def _rearm(self) -> None:
        """Bring `next_deadline` up to date; needed where a timer may expire sooner than it."""
        self.next_deadline = self._primary.timers.earliest
        if self._second is not None:
            self.next_deadline = min(self.next_deadline, self._second.timers.earliest)

    # Routing messages

    def send_updates(self, messages: Sequence[bytes], now: float) -> None:
        """Send whole UPDATE or ROUTE-REFRESH messages at once.

        Messages for a session that is not Established die with it. KeepaliveTimer restarts
        (RFC 4271 section 8.2.2, Established).
        """
        machine = self._primary
        if machine.state is not State.ESTABLISHED or not messages:
            return
        machine.transmit(b"".join(messages), now)
        put_off_keepalive(machine, now)
        self.count_sent(messages, machine.epoch, now)

    def inject(self, octets: bytes, now: float) -> None:
        """Send any octets past the state machine, if there is a connection.

        Whole routing messages among them count as sent, since the peer will count them.
        """
        self.count_sent(self._primary.inject(octets, now), self.epoch, now)

    def deliver(self, bodies: Sequence[bytes], now: float) -> None:
        """Hand UPDATEs to the router, in their order. Raises what the router raises."""
        self.count_received(bodies, self._primary.epoch, now)
        self._routes.update(self, bodies, now)

    def deliver_refresh(self, body: bytes, now: float) -> None:
        """Hand a ROUTE-REFRESH to the router, if it is for a family that we announced.

        Raises RefreshError for a wrong length. HoldTimer goes on: RFC 4271 restarts it for
        KEEPALIVE and UPDATE only. Source: RFC 2918 section 4, RFC 7313 section 5.
        """
        if decode_refresh(body) == REQUEST:
            self.received += 1
            self._routes.refresh(self, body, now)

    # What a machine asks of its peering

    def dial(self, now: float) -> None:
        """Open a connection to the peer, in place of an attempt that is still pending."""
        self._drop_attempt()
        self._attempt = next(self._connections)
        self.emit(Dial(self._attempt, self.name))

    def give_up_attempt(self, machine: Machine) -> None:
        """Give the pending attempt up, if the machine is the one that dialled."""
        if machine is self._primary:
            self._drop_attempt()

    def _drop_attempt(self) -> None:
        """Give the pending attempt up, if there is one."""
        if self._attempt:
            self.emit(Close(self._attempt))
            self._attempt = 0

    def refuse_offer(self) -> None:
        """Close the connection that has just come up."""
        self.emit(Close(self._offer[0]))

    def track_offer(self, now: float) -> None:
        """Give the connection that has just come up a machine of its own, if there is room."""
        if self._second is not None:
            self.refuse_offer()
            return
        connection, epoch = self._offer
        ours = connection > 0
        machine = Machine(self, State.CONNECT if ours else State.ACTIVE)
        machine.connect_retry_counter = self._primary.connect_retry_counter
        machine.attach(connection, epoch)
        self._second = machine
        machine.fire(Event.TCP_CR_ACKED if ours else Event.TCP_CONNECTION_CONFIRMED, now)

    def survives_collision(self, machine: Machine, identifier: int, now: float) -> bool:
        """Resolve a collision when a machine has received the OPEN of a peer.

        The loser gets event 23. Source: RFC 4271 section 6.8.
        """
        other = self._other(machine)
        if other is None:
            return True
        us = identifier_of(self.local), self.local.asn
        verdict = resolve(
            Connection(machine.connection, machine.state),
            Connection(other.connection, other.state),
            higher=is_higher(us, (identifier, self.config.asn)),
            established=self.config.flags.collision_detect_established_state,
        )
        loser = {Verdict.OTHER: other, Verdict.THIS: machine}.get(verdict)
        if loser is not None:
            loser.fire(Event.OPEN_COLLISION_DUMP, now)
        return loser is not machine

    def _other(self, machine: Machine) -> Machine | None:
        """Return the machine beside this one, if there are two."""
        return self._primary if machine is self._second else self._second

    def damp(self) -> None:
        """Count a failure; the end of one connection beside another is none."""
        if self._second is None:
            self.damping.fail()

    def settle(self, machine: Machine, old: State, event: Event, now: float) -> None:
        """Draw the session's conclusions from a machine's change of state."""
        new = machine.state
        if machine is self._second:
            if not machine.connection:
                self._second = None
            elif machine.state > self._primary.state:
                self._promote(machine, self._primary, self._primary.state, event, now)
        elif self._second is not None and not machine.connection:
            self._promote(self._second, None, old, event, now)
        else:
            self._settle_primary(old, event, now)
        if old >= State.OPEN_CONFIRM > new:
            machine.tell_end(now)
        if new is State.OPEN_CONFIRM:
            self._keep_only(machine, now)
        self._rearm()
        if machine.deletes_routes:
            machine.deletes_routes = False
            self._routes.down(self, now)
        if new is State.ESTABLISHED:
            self.sent, self.received = machine.injected, 0
            self.damping.forget()
            self._routes.established(self, now)

    def _settle_primary(self, old: State, event: Event, now: float) -> None:
        """Tell of the change, and in Idle wait for the automatic restart."""
        machine = self._primary
        self.emit(StateChanged(now, self.name, old, machine.state, event))
        restarts = not self._stopped and self.config.flags.allow_automatic_start
        if machine.state is State.IDLE and restarts:
            machine.timers.idle_hold = now + self.jitter(self.damping.pause)

    def _promote(
        self, ahead: Machine, behind: Machine | None, old: State, event: Event, now: float
    ) -> None:
        """Let `ahead` stand for the session from now on, instead of a machine in `old`."""
        self._primary, self._second = ahead, behind
        if ahead.state is not old:
            self.emit(StateChanged(now, self.name, old, ahead.state, event))

    def _keep_only(self, machine: Machine, now: float) -> None:
        """Give up what we dial beside a connection that has reached OpenConfirm.

        Nothing has been sent on it, so the peer cannot have chosen it. Had we sent our OPEN on
        it later, the ends could choose differently (see collision.py).
        """
        self._drop_attempt()
        other = self._other(machine)
        if other is not None and other.connection > 0 and other.state < State.OPEN_SENT:
            other.fire(Event.OPEN_COLLISION_DUMP, now)
