"""A whole router: sessions, routes and timers behind three calls.

    effects = speaker.handle(input, now)
    effects = speaker.tick(now)
    due = speaker.next_deadline

`now` is seconds on the caller's clock and never runs backwards. Same configuration, same random
numbers and same inputs: same effects. Pending decisions are deadlines too, so an engine needs
to know nothing about routes: it moves octets and calls `tick` when `next_deadline` has come.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bgplab.config import Level, RouterConfig
from bgplab.session.effects import Close, Dial, Effect
from bgplab.session.session import Session
from bgplab.speaker import inputs
from bgplab.speaker.routing import Routing
from bgplab.speaker.traced import TracedRouting

if TYPE_CHECKING:
    import random


class Speaker:
    """One BGP router, pure: its sessions, and the routes that travel over them."""

    def __init__(self, config: RouterConfig, rng: random.Random) -> None:
        self.config = config
        self._effects: list[Effect] = []
        emit = self._effects.append
        causes = config.level >= Level.UPDATES
        self.routing = (TracedRouting if causes else Routing)(config, emit, rng)
        self.sessions: dict[str, Session] = {}
        self._by_address: dict[str, Session] = {}
        self._by_connection: dict[int, Session] = {}
        connections = itertools.count(1)
        for peer in config.peers:
            session = Session(peer, config, self.routing, emit, rng, connections)
            self.sessions[peer.name] = session
            self._by_address[peer.address] = session
            self.routing.add(session)
        self._sessions_due = math.inf  # no session has anything due before
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            inputs.Octets: self._octets,
            inputs.Start: self._start,
            inputs.Stop: self._stop,
            inputs.Reset: self._reset,
            inputs.TcpUp: self._tcp_up,
            inputs.TcpAccepted: self._tcp_accepted,
            inputs.TcpFailed: self._tcp_failed,
            inputs.TcpClosed: self._tcp_closed,
            inputs.Congested: self._congested,
            inputs.Drained: self._drained,
            inputs.Originate: self._originate,
            inputs.Withdraw: self._withdraw,
            inputs.SetPolicy: self._set_policy,
            inputs.Inject: self._inject,
        }

    def handle(self, given: inputs.Input, now: float) -> list[Effect]:
        """Take one input and give what must be done about it, in order."""
        self._handlers[type(given)](given, now)
        return self._take() if self._effects else []

    def tick(self, now: float) -> list[Effect]:
        """Do whatever is due by now; nothing, if nothing is."""
        if self._sessions_due <= now:
            due = math.inf
            for session in self.sessions.values():
                deadline = session.next_deadline
                if deadline <= now:
                    session.tick(now)
                    deadline = session.next_deadline
                if deadline < due:  # noqa: PLR1730 -- min() takes thrice as long
                    due = deadline
            self._sessions_due = due
        if self.routing.next_deadline <= now:
            self.routing.tick(now)
        return self._take()

    @property
    def next_deadline(self) -> float | None:
        """Seconds on the caller's clock at which `tick` is due, or None.

        Never later than what is due; it may be earlier, since a timer that was set anew moves
        away, and `tick` does nothing then.
        """
        due = self.routing.next_deadline
        if self._sessions_due < due:  # noqa: PLR1730 -- as above
            due = self._sessions_due
        return due if due < math.inf else None

    @property
    def quiet(self) -> bool:
        """Tell whether nothing is left that could lead to an UPDATE without further input."""
        return self.routing.quiet

    def _heed(self, session: Session) -> None:
        """Take note that a session may have something due sooner than all others."""
        if session.next_deadline < self._sessions_due:  # noqa: PLR1730 -- as above
            self._sessions_due = session.next_deadline

    def session_of(self, connection: int) -> Session | None:
        """Give the session that a connection belongs to, if it is still known."""
        return self._by_connection.get(connection)

    def put_off(self, peer: str, now: float, until: float) -> None:
        """Let the timers of a session rest from now until a time, as one of them failed."""
        self.sessions[peer].next_deadline = until

    def _take(self) -> list[Effect]:
        """Hand the collected effects over, and keep account of connections meanwhile."""
        effects = self._effects[:]
        self._effects.clear()
        for effect in effects:
            kind = type(effect)
            if kind is Dial:
                self._by_connection[effect.connection] = self.sessions[effect.peer]  # type: ignore[union-attr,index]
            elif kind is Close:
                self._by_connection.pop(effect.connection, None)  # type: ignore[union-attr]
        return effects

    def _named(self, peers: tuple[str, ...]) -> list[Session]:
        """Give the sessions of the named peers, or all. Raises KeyError for an unknown name."""
        return [self.sessions[name] for name in peers or self.sessions]

    def _octets(self, given: inputs.Octets, now: float) -> None:
        session = self._by_connection.get(given.connection)
        if session is not None:
            session.receive(given.connection, given.data, now)
            self._heed(session)

    def _start(self, given: inputs.Start, now: float) -> None:
        self.routing.start(now)
        for session in self._named(given.peers):
            session.start(now, manual=given.manual)
            self._heed(session)

    def _stop(self, given: inputs.Stop, now: float) -> None:
        for session in self._named(given.peers):
            session.stop(now, given.subcode, given.message)
            self._heed(session)

    def _reset(self, given: inputs.Reset, now: float) -> None:
        for session in self._named(given.peers):
            session.reset(now)
            self._heed(session)

    def _tcp_up(self, given: inputs.TcpUp, now: float) -> None:
        session = self._by_connection.get(given.connection)
        if session is not None:
            session.dialled(given.connection, given.epoch, now)
            self._heed(session)

    def _tcp_accepted(self, given: inputs.TcpAccepted, now: float) -> None:
        session = self._by_address.get(given.address)
        if session is None:
            # AcceptConnectionsUnconfiguredPeers is not supported: no BGP with strangers.
            self._effects.append(Close(given.connection))
            return
        if session.accepted(given.connection, given.epoch, now):
            self._by_connection[given.connection] = session
        self._heed(session)

    def _tcp_failed(self, given: inputs.TcpFailed, now: float) -> None:
        session = self._by_connection.pop(given.connection, None)
        if session is not None:
            session.dial_failed(given.connection, now)
            self._heed(session)

    def _tcp_closed(self, given: inputs.TcpClosed, now: float) -> None:
        session = self._by_connection.pop(given.connection, None)
        if session is not None:
            session.closed(given.connection, now)
            self._heed(session)

    def _congested(self, given: inputs.Congested, now: float) -> None:
        session = self._by_connection.get(given.connection)
        if session is not None:
            self.routing.congested(session)

    def _drained(self, given: inputs.Drained, now: float) -> None:
        session = self._by_connection.get(given.connection)
        if session is not None:
            session.drained(given.connection, now)  # nothing is due sooner for it
            self.routing.drained(session, now)

    def _originate(self, given: inputs.Originate, now: float) -> None:
        self.routing.originate(given.prefixes, given.med, given.communities, now)

    def _withdraw(self, given: inputs.Withdraw, now: float) -> None:
        self.routing.withdraw(given.prefixes, now)

    def _set_policy(self, given: inputs.SetPolicy, now: float) -> None:
        for session in self._named(given.peers):
            self.routing.set_policy(session, given, now)

    def _inject(self, given: inputs.Inject, now: float) -> None:
        self.sessions[given.peer].inject(given.octets, now)
        self.routing.activity += 1  # what counts as sent has to be told
