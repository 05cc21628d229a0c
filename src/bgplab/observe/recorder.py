"""Turns facts into rows of the store, as the recording level asks.

Every level keeps the current state of each session, failed callbacks and malformed UPDATEs;
`transitions` adds transitions, notifications, timer firings and route changes; `updates` every
UPDATE, and why it was sent; `octets` all octets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from bgplab.config import Level, RouterConfig
from bgplab.facts import (
    BestChanged,
    CallbackFailed,
    Caused,
    Fact,
    MalformedUpdate,
    NotificationReceived,
    NotificationSent,
    OctetsReceived,
    OctetsSent,
    StateChanged,
    TimerFired,
    UpdateReceived,
    UpdateSent,
)
from bgplab.observe import schema
from bgplab.observe.record_forms import nanoseconds
from bgplab.observe.store import Store
from bgplab.session.events import State
from bgplab.wire.nlri import format_prefix
from bgplab.wire.notification import describe, read_shutdown

_CEASE = 6
_SHUTDOWN_SUBCODES = (2, 4)  # Administrative Shutdown and Reset carry text (RFC 9003)

_prefix_text = lru_cache(maxsize=1 << 16)(format_prefix)


class SessionState(NamedTuple):
    """The current state of a session: `since` in seconds, and how often it was Established."""

    state: int
    since: float
    established: int


class Recorder:
    """Records the facts of all routers of a run; keeps the state of each session at hand."""

    def __init__(self, store: Store, routers: Sequence[RouterConfig]) -> None:
        self._store = store
        self._ids = store.ids
        self.updates_sent = 0  # counted from level updates on
        self.updates_received = 0
        self.route_changes = 0
        self.last_route_change = 0.0  # seconds on the lab's clock; 0: none yet
        self.errors = 0
        self.malformed = 0
        start = SessionState(State.IDLE, store.started_ns / 1e9, 0)
        self.sessions: dict[tuple[str, str], SessionState] = {
            (router.name, peer.name): start for router in routers for peer in router.peers
        }
        self._handlers = self._choose(store.level)

    def record(self, router: str, fact: Fact) -> None:
        """Record one fact of a router. Raises KeyError for a router that is not of this run."""
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(router, fact)

    def record_all(self, router: str, facts: Iterable[Fact]) -> None:
        """Record facts of one router, in order."""
        for fact in facts:
            self.record(router, fact)

    def router_died(self, name: str, status: str, at: float) -> None:
        """Record the death of a router and the end of its sessions, `at` in seconds."""
        self._store.router_died(name, status, nanoseconds(at))
        for (router, peer), known in self.sessions.items():
            if router == name:
                self._set(router, peer, SessionState(schema.DEAD, at, known.established), None)

    def router_restarted(self, name: str, pid: int, at: float) -> None:
        """Record that a router that had died runs again, `at` in seconds, sessions in Idle.

        `pid` is that of its process, 0 if it has none.
        """
        self._store.submit()  # its death comes first
        self._store.router_running(name, pid)
        for (router, peer), known in self.sessions.items():
            if router == name:
                self._set(router, peer, SessionState(State.IDLE, at, known.established), None)

    def act(self, at: float, text: str, *routers: str) -> None:
        """Record that something was done to a router, or to the link between two."""
        router, peer = (*(self._ids[name] for name in routers), None, None)[:2]
        self._store.add(schema.ADD_ACT, (nanoseconds(at), router, peer, text))

    def unsettled(self) -> list[tuple[str, str, SessionState]]:
        """List the sessions that are not Established, in the order of the plan."""
        return [
            (router, peer, session)
            for (router, peer), session in self.sessions.items()
            if session.state != State.ESTABLISHED
        ]

    def _choose(self, level: Level) -> dict[type, Callable[[str, Any], None]]:
        handlers: dict[type, Callable[[str, Any], None]] = {
            StateChanged: self._transition if level >= Level.TRANSITIONS else self._state,
            BestChanged: self._route_change
            if level >= Level.TRANSITIONS
            else self._count_change,
            CallbackFailed: self._callback_failed,
            MalformedUpdate: self._malformed_update,
        }
        if level >= Level.TRANSITIONS:
            handlers[NotificationSent] = self._notification
            handlers[NotificationReceived] = self._notification
            handlers[TimerFired] = self._timer
        if level >= Level.UPDATES:
            handlers[UpdateSent] = self._update_sent
            handlers[UpdateReceived] = self._update_received
            handlers[Caused] = self._caused
        if level >= Level.OCTETS:
            handlers[OctetsSent] = self._octets_sent
            handlers[OctetsReceived] = self._octets_received
        return handlers

    def _state(self, router: str, fact: StateChanged) -> None:
        self._set(router, fact.peer, self._entered(router, fact), None)

    def _transition(self, router: str, fact: StateChanged) -> None:
        at, peer, old, new, event = fact
        row = (nanoseconds(at), self._ids[router], self._ids[peer], old, new, event)
        self._set(router, peer, self._entered(router, fact), row)

    def _entered(self, router: str, fact: StateChanged) -> SessionState:
        """Tell the session's state after a fact; the time is kept where the state stays."""
        known = self.sessions[router, fact.peer]
        if fact.new == known.state:
            return known
        return SessionState(
            fact.new, fact.at, known.established + (fact.new == State.ESTABLISHED)
        )

    def _set(
        self, router: str, peer: str, session: SessionState, row: tuple[int, ...] | None
    ) -> None:
        self.sessions[router, peer] = session
        state, since, established = session
        key = (self._ids[router], self._ids[peer])
        self._store.set_session(key, (state, nanoseconds(since), established), row)

    def _notification(self, router: str, fact: NotificationSent | NotificationReceived) -> None:
        text = describe(fact.code, fact.subcode)
        if fact.code == _CEASE and fact.subcode in _SHUTDOWN_SUBCODES and fact.data:
            text = f"{text}: {read_shutdown(fact.data)}"
        received = isinstance(fact, NotificationReceived)
        row = (fact.code, fact.subcode, fact.data, text)
        self._store.add(
            schema.ADD_NOTIFICATION,
            (*self._where(router, fact), received, *row),
            len(fact.data),
        )

    def _timer(self, router: str, fact: TimerFired) -> None:
        row = (*self._where(router, fact), fact.timer, nanoseconds(fact.late))
        self._store.add(schema.ADD_TIMER, row)

    def _count_change(self, router: str, fact: BestChanged) -> None:
        self.route_changes += 1
        self.last_route_change = max(self.last_route_change, fact.at)

    def _route_change(self, router: str, fact: BestChanged) -> None:
        self._count_change(router, fact)
        at, prefix, peer, as_path = fact
        number = self._ids[peer] if peer else None
        path = None if peer is None else as_path
        row = (nanoseconds(at), self._ids[router], _prefix_text(prefix), number, path)
        self._store.add(schema.ADD_ROUTE_CHANGE, row, len(as_path))

    def _update_sent(self, router: str, fact: UpdateSent) -> None:
        self.updates_sent += 1
        self._update(router, fact, False)

    def _update_received(self, router: str, fact: UpdateReceived) -> None:
        self.updates_received += 1
        self._update(router, fact, True)

    def _update(self, router: str, fact: UpdateSent | UpdateReceived, received: bool) -> None:
        row = (*self._where(router, fact), received, fact.octets, fact.epoch, fact.number)
        self._store.add(schema.ADD_MESSAGE, row, len(fact.octets))

    def _caused(self, router: str, fact: Caused) -> None:
        at, prefix, told, epoch, number, since, kind, source, *place = fact
        ids = self._ids
        text = _prefix_text(prefix) if prefix else ""
        what = (nanoseconds(at), ids[router], text, ids[told] if told else None, epoch, number)
        why = (nanoseconds(since), kind, ids[source] if source else None, *place)
        self._store.add(schema.ADD_CAUSE, (*what, *why))

    def _octets_sent(self, router: str, fact: OctetsSent) -> None:
        self._octets(router, fact, False)

    def _octets_received(self, router: str, fact: OctetsReceived) -> None:
        self._octets(router, fact, True)

    def _octets(self, router: str, fact: OctetsSent | OctetsReceived, received: bool) -> None:
        row = (*self._where(router, fact), received, fact.octets)
        self._store.add(schema.ADD_STREAM, row, len(fact.octets))

    def _callback_failed(self, router: str, fact: CallbackFailed) -> None:
        self.errors += 1
        peer = self._ids[fact.peer] if fact.peer else None
        # A traceback may quote what no encoding can write.
        text = fact.text.encode("utf-8", "backslashreplace").decode()
        row = (nanoseconds(fact.at), self._ids[router], peer, text)
        self._store.add(schema.ADD_FAILURE, row, len(text))

    def _malformed_update(self, router: str, fact: MalformedUpdate) -> None:
        self.malformed += 1
        row = (*self._where(router, fact), fact.action, fact.reason)
        self._store.add(schema.ADD_MALFORMED, row, len(fact.reason))

    def _where(self, router: str, fact: Any) -> tuple[int, int, int]:
        return nanoseconds(fact.at), self._ids[router], self._ids[fact.peer]
