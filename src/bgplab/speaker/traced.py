"""Routing that tells why: each change of a best route, and each UPDATE, with its cause.

A prefix is traced event by event, although decisions are taken together: its cause is the last
event that changed what the decision would be. One that waits for MRAI or for a slow peer leaves
with the cause of what is sent: the last that was staged. So each (UPDATE, prefix) has a single
cause, which came before it, and causes join to a tree.

Used from level updates on, in place of Routing, whose octets and random numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from bgplab.config import RouterConfig
from bgplab.facts import Cause, Caused, CauseKind
from bgplab.rib.decision import select
from bgplab.rib.path import Local, Path
from bgplab.session.effects import Effect
from bgplab.session.session import Session
from bgplab.speaker.outbound import Outbound
from bgplab.speaker.routing import Routing
from bgplab.wire.header import HEADER_LENGTH
from bgplab.wire.nlri import encode_prefix, split_prefixes
from bgplab.wire.update import split_update

if TYPE_CHECKING:
    import random

END_OF_RIB = b""  # in place of a prefix


def prefixes_of(body: bytes) -> list[bytes]:
    """List the prefixes that an UPDATE withdraws or announces. Raises UpdateError."""
    withdrawn, _, nlri = split_update(body)
    return split_prefixes(withdrawn) + split_prefixes(nlri)


class TracedOutbound(Outbound):
    """Routes on their way to one peer, each with its cause."""

    __slots__ = ("causes", "up")

    def __init__(
        self,
        session: Session,
        local: Local,
        config: RouterConfig,
        rng: random.Random,
    ) -> None:
        super().__init__(session, local, config, rng)
        self.causes: dict[bytes, Cause] = {}  # of what is staged, and of more
        self.up = Cause(0.0, CauseKind.SESSION_UP, session.name)

    def blame(self, prefixes: Iterable[bytes], cause: Cause) -> None:
        """Take note of why these prefixes are staged."""
        self.causes.update(dict.fromkeys(prefixes, cause))

    def flush(self, now: float, known: dict[tuple[bytes, ...], list[bytes]]) -> None:
        """Send what may leave now, as an Outbound does; forget causes of what has left."""
        super().flush(now, known)
        pending, causes = self.adj.pending, self.causes
        self.causes = {prefix: causes[prefix] for prefix in pending if prefix in causes}

    def _transmit(self, messages: list[bytes], now: float) -> None:
        """Send UPDATEs, and tell of each prefix in them why."""
        session = self.session
        before = session.sent
        super()._transmit(messages, now)
        if session.sent == before:
            return  # the session is gone
        for number, message in enumerate(messages, before + 1):
            for prefix in prefixes_of(message[HEADER_LENGTH:]) or [END_OF_RIB]:
                cause = self._cause_of(prefix, now)
                session.emit(_caused(now, prefix, cause, session.name, session.epoch, number))

    def _cause_of(self, prefix: bytes, now: float) -> Cause:
        """Say why a prefix is told of; what nothing else explains, somebody asked for."""
        if prefix == END_OF_RIB:
            return self.up
        return self.causes.get(prefix) or Cause(now, CauseKind.ACT)


class TracedRouting(Routing):
    """All routes of one router, with the causes of their changes."""

    outbound = TracedOutbound

    def __init__(
        self, config: RouterConfig, emit: Callable[[Effect], None], rng: random.Random
    ) -> None:
        super().__init__(config, emit, rng)
        self._traced: dict[str, TracedOutbound] = {}
        self._foreseen: dict[bytes, Path | None] = {}  # what undecided prefixes come to
        self._causes: dict[bytes, Cause] = {}  # why it is another than before
        self._own_causes: dict[bytes, Cause] = {}
        self._asked = CauseKind.ACT

    def add(self, session: Session) -> None:
        """Know a session."""
        super().add(session)
        self._traced[session.name] = cast("TracedOutbound", self._outbound[session.name])

    def start(self, now: float) -> None:
        """Originate what the configuration says; once."""
        self._asked = CauseKind.START
        super().start(now)
        self._asked = CauseKind.ACT

    def established(self, session: Session, now: float) -> None:
        """Owe a peer that has come up the whole table and End-of-RIB."""
        super().established(session, now)
        out = self._traced[session.name]
        out.causes.clear()
        out.up = Cause(now, CauseKind.SESSION_UP, session.name, session.epoch)

    def down(self, session: Session, now: float) -> None:
        """Delete all routes of a peer that has gone."""
        lost = list(self._inbound[session.name].adj.routes)
        super().down(session, now)
        epoch = self._traced[session.name].up.epoch
        self._touched(lost, Cause(now, CauseKind.SESSION_DOWN, session.name, epoch))

    def update(self, session: Session, bodies: Sequence[bytes], now: float) -> None:
        """File UPDATEs one by one, each as the cause of what it changes."""
        name, epoch = session.name, session.epoch
        for number, body in enumerate(bodies, session.received - len(bodies) + 1):
            super().update(session, (body,), now)
            cause = Cause(now, CauseKind.UPDATE, name, epoch, number)
            self._touched(prefixes_of(body), cause)
            if not session.established:
                return  # it was too much: the session is reset

    def refresh(self, session: Session, body: bytes, now: float) -> None:
        """Send a peer our routes again; what waits to be sent keeps its own cause."""
        out = self._traced[session.name]
        held = dict(out.adj.pending)
        super().refresh(session, body, now)
        cause = Cause(now, CauseKind.REFRESH, session.name, session.epoch, session.received)
        out.blame((prefix for prefix in out.adj.pending if prefix not in held), cause)

    def originate(
        self,
        prefixes: tuple[str, ...],
        med: int | None,
        communities: tuple[int, ...],
        now: float,
    ) -> None:
        """Announce prefixes of our own."""
        self._asked_for(prefixes, now)
        super().originate(prefixes, med, communities, now)

    def withdraw(self, prefixes: tuple[str, ...], now: float) -> None:
        """Stop announcing prefixes of our own."""
        self._asked_for(prefixes, now)
        super().withdraw(prefixes, now)

    def _asked_for(self, prefixes: tuple[str, ...], now: float) -> None:
        cause = Cause(now, self._asked)
        self._own_causes.update([(encode_prefix(prefix), cause) for prefix in prefixes])

    def _apply_own(self, now: float) -> None:
        causes, self._own_causes = self._own_causes, {}
        super()._apply_own(now)
        for prefix, cause in causes.items():
            self._touched((prefix,), cause)

    def _touched(self, prefixes: Iterable[bytes], cause: Cause) -> None:
        """See what an event has changed: it is the cause where the decision will be another."""
        foreseen, best = self._foreseen, self.loc_rib.best
        for prefix in prefixes:
            path = select(self.loc_rib.candidates(prefix))
            if path is not foreseen.get(prefix, best.get(prefix)):
                foreseen[prefix] = path
                self._causes[prefix] = cause

    def _tell_changes(self, changed: list[bytes], now: float) -> None:
        super()._tell_changes(changed, now)
        asked = Cause(now, CauseKind.ACT)  # for what nothing else explains
        for prefix in changed:
            self._emit(_caused(now, prefix, self._causes.setdefault(prefix, asked)))

    def _stage(
        self, changes: list[tuple[bytes, Path | None]], joining: Mapping[str, None]
    ) -> None:
        causes = {prefix: self._causes[prefix] for prefix, _ in changes}
        for name in self._open:
            out = self._traced[name]
            if name in joining:
                out.blame(self.loc_rib.best, out.up)
            else:
                out.causes.update(causes)
        super()._stage(changes, joining)
        self._foreseen.clear()
        self._causes.clear()


def _caused(
    now: float, prefix: bytes, cause: Cause, told: str = "", epoch: int = 0, number: int = 0
) -> Caused:
    return Caused(now, prefix, told, epoch, number, *cause)
