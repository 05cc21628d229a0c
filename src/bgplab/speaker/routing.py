"""The routes of one router: from the peers' UPDATEs to best paths to what each peer is told.

The three phases of RFC 4271 section 9.1 in three methods: `update` files what a peer announces
in its Adj-RIB-In, `_decide` chooses the best paths of all prefixes that were touched, each
once, and `_send` gives every peer what changed for it. Prefixes touched while a decision is
pending are decided together (see pacer.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from bgplab.config import Level, RouterConfig
from bgplab.facts import BestChanged, MalformedUpdate
from bgplab.rib.loc_rib import LocRib
from bgplab.rib.path import Local, Path, Source
from bgplab.session.effects import Effect
from bgplab.session.intervals import Intervals
from bgplab.session.session import Session
from bgplab.speaker.inbound import Inbound
from bgplab.speaker.inputs import SetPolicy
from bgplab.speaker.outbound import JITTER, Export, Kind, Outbound
from bgplab.speaker.pacer import Pacer
from bgplab.wire.attributes import (
    PathAttributes,
    decode_attributes,
    format_as_path,
    read_plain,
)
from bgplab.wire.nlri import encode_prefix, split_prefixes
from bgplab.wire.refresh import decode_refresh, encode_refresh
from bgplab.wire.update import split_update

if TYPE_CHECKING:
    import random

CEASE_MAX_PREFIXES = 1
IPV4_UNICAST = (1, 1)
ROUTE_REFRESH = 0  # the plain request among the subtypes of RFC 7313


class Routing:
    """All routes of one router. Implements `bgplab.session.session.Routes` for its sessions."""

    outbound: type[Outbound] = Outbound

    def __init__(
        self, config: RouterConfig, emit: Callable[[Effect], None], rng: random.Random
    ) -> None:
        self.config = config
        self.loc_rib = LocRib()
        self.activity = 0  # grows whenever routes are touched: a witness for "nothing happened"
        self.last_change: float | None = None  # when a best path last changed
        self.changes = 0  # how often a best path has changed
        self.tells_changes = config.level >= Level.UPDATES  # whether each is a fact of its own
        self._emit = emit
        self._rng = rng
        self._local = Local(config.asn, config.next_hop, config.igp)
        self._self = Source("", config.asn, False, int(IPv4Address(config.identifier)), 0)
        self._inbound: dict[str, Inbound] = {}
        self._outbound: dict[str, Outbound] = {}
        self._open: dict[str, Outbound] = {}  # those whose session is Established
        self._dirty: dict[bytes, None] = {}
        self._joining: dict[str, None] = {}  # peers that are owed the whole table
        self._pacer = Pacer(config.flags.coalesce, config.crowd)
        self._started = False
        self._decide_at = math.inf
        self._send_at = math.inf
        self._own_at = math.inf  # when MinASOriginationIntervalTimer lets own changes go
        self._own_until = -math.inf
        self._own_pending: dict[bytes, Path | None] = {}
        self._own_interval = max(
            (peer.timers.min_as_origination for peer in config.peers), default=0.0
        )

    def add(self, session: Session) -> None:
        """Know a session; its order among the sessions is the order of candidates."""
        self._inbound[session.name] = Inbound(session)
        self._outbound[session.name] = self.outbound(
            session, self._local, self.config, self._rng
        )
        self.loc_rib.watch([inbound.adj for inbound in self._inbound.values()])

    def start(self, now: float) -> None:
        """Originate what the configuration says; once."""
        if not self._started:
            self._started = True
            if self._outbound:
                self._pacer.start(now)
            self.originate(self.config.originate, None, (), now)

    # Time.

    @property
    def next_deadline(self) -> float:
        """Seconds on the caller's clock at which `tick` is due; infinity for never."""
        due = self._decide_at
        if self._send_at < due:  # noqa: PLR1730 -- min() takes thrice as long
            due = self._send_at
        return due if due < self._own_at else self._own_at  # noqa: FURB136

    def tick(self, now: float) -> None:
        """Apply own changes, decide and send, whatever of these is due."""
        if now >= self._own_at:
            self._apply_own(now)
        if now >= self._decide_at:
            self._decide(now)
        if now >= self._send_at:
            self._send(now)

    @property
    def quiet(self) -> bool:
        """Tell whether nothing is left that could lead to an UPDATE without further input.

        No prefix undecided, no table owed to a peer, nothing held by MRAI, by congestion or by
        MinASOriginationIntervalTimer.
        """
        return (
            self._decide_at == math.inf
            and not self._own_pending
            and not any(out.held for out in self._open.values())
        )

    @property
    def coalesced(self) -> float:
        """The longest time in seconds that changes were held together before a decision."""
        return self._pacer.longest

    def mrai_intervals(self, peer: str) -> Intervals:
        """Give the intervals of MinRouteAdvertisementIntervalTimer that a peer had to wait."""
        return self._outbound[peer].mrai

    # What sessions tell (bgplab.session.session.Routes).

    def established(self, session: Session, now: float) -> None:
        """Owe a peer that has come up the whole table and End-of-RIB."""
        self._inbound[session.name].open()
        out = self._outbound[session.name]
        out.clear()
        opened = {*self._open, session.name}  # peers are told in their own order, not in this
        self._open = {name: it for name, it in self._outbound.items() if name in opened}
        self._joining[session.name] = None
        self._touch(now)
        if len(self._open) == len(self._outbound):
            self._pacer.complete()
            self._decide_at = min(self._decide_at, self._pacer.due(now))

    def down(self, session: Session, now: float) -> None:
        """Delete all routes of a peer that has gone (RFC 4271 section 8.2.2, "deletes all")."""
        self._outbound[session.name].clear()
        self._open.pop(session.name, None)
        self._joining.pop(session.name, None)
        for prefix in self._inbound[session.name].adj.clear():
            self._dirty[prefix] = None
        self._touch(now)

    def update(self, session: Session, bodies: Sequence[bytes], now: float) -> None:
        """File UPDATEs in the Adj-RIB-In of their peer.

        Raises UpdateError where RFC 7606 asks for a session reset.
        """
        inbound = self._inbound[session.name]
        routes = inbound.adj.routes
        concerned, dirty = self.loc_rib.concerned, self._dirty
        for body in bodies:
            self.activity += 1
            withdrawn, block, nlri = split_update(body)
            gone = split_prefixes(withdrawn) if withdrawn else []
            path = None
            if nlri:
                announced = split_prefixes(nlri)
                path = inbound.adj.known(block) or self._parse(inbound, block, now)
                if path is None:
                    gone += announced
            elif block:
                # No prefix to carry: the attributes mean nothing, but must be well formed.
                decode_attributes(
                    block, four_octet=inbound.four_octet, internal=session.internal
                )
            for prefix in gone:
                old = routes.pop(prefix, None)
                if prefix not in dirty and concerned(prefix, old, None):
                    dirty[prefix] = None
            if path is not None:
                for prefix in announced:
                    old = routes.get(prefix)
                    routes[prefix] = path
                    if prefix not in dirty and old is not path and concerned(prefix, old, path):
                        dirty[prefix] = None
                if len(routes) > session.config.max_prefixes:
                    session.reset(now, CEASE_MAX_PREFIXES)
                    return
        if dirty:
            self._touch(now)

    def refresh(self, session: Session, body: bytes, now: float) -> None:
        """Send a peer our routes again (RFC 2918)."""
        afi, subtype, safi = decode_refresh(body)
        if (afi, safi) == IPV4_UNICAST and subtype == ROUTE_REFRESH:
            self._outbound[session.name].adj.resend()
            self._touch(now)

    def set_policy(
        self,
        session: Session,
        given: SetPolicy,
        now: float,
    ) -> None:
        """Apply other rules towards a peer; None leaves a direction as it is.

        What it is told changes at once; it is asked to announce its routes again (RFC 2918).
        """
        _, imports, exports, leak = given
        inbound, out = self._inbound[session.name], self._outbound[session.name]
        if imports is not None:
            inbound.set_rules(imports)
        out.set_rules(exports, leak)
        if not session.established:
            return
        if exports is not None or leak is not None:
            out.stage(out.exports(self.loc_rib.best.items()))
            self._touch(now)
        if imports is None:
            return
        if session.negotiated.refresh:
            self.activity += 1
            session.send_updates([encode_refresh(*IPV4_UNICAST)], now)
        else:
            self._judge_again(inbound, now)

    def _judge_again(self, inbound: Inbound, now: float) -> None:
        """Apply import policy to what is kept, as the peer will not announce it again."""
        routes, adj = inbound.adj.routes, inbound.adj
        for prefix, old in routes.items():
            path = adj.known(old.block) or self._parse(inbound, old.block, now) or old
            if path is not old:
                routes[prefix] = path
                self._dirty[prefix] = None
        self._touch(now)

    def congested(self, session: Session) -> None:
        """Hold routes back from a peer that reads more slowly than we write."""
        if session.established:
            self._outbound[session.name].congested = True

    def drained(self, session: Session, now: float) -> None:
        """Send again to a peer that has caught up."""
        out = self._outbound[session.name]
        if out.congested:
            out.congested = False
            self._send_at = min(self._send_at, out.deadline(now))

    # Routes of our own.

    def originate(
        self,
        prefixes: tuple[str, ...],
        med: int | None,
        communities: tuple[int, ...],
        now: float,
    ) -> None:
        """Announce prefixes of our own. Raises ValueError for what is no prefix."""
        attributes = PathAttributes(
            origin=0, next_hop=self.config.next_hop, med=med, communities=communities
        )
        path = Path(attributes, self._self, self._local)
        self._own_pending.update([(encode_prefix(prefix), path) for prefix in prefixes])
        self._schedule_own(now)

    def withdraw(self, prefixes: tuple[str, ...], now: float) -> None:
        """Stop announcing prefixes of our own. Raises ValueError for what is no prefix."""
        self._own_pending.update([(encode_prefix(prefix), None) for prefix in prefixes])
        self._schedule_own(now)

    def _schedule_own(self, now: float) -> None:
        """Apply own changes now, or when MinASOriginationIntervalTimer lets them (9.2.1.2)."""
        self._own_at = max(now, self._own_until)
        self.activity += 1
        if self._own_at <= now:
            self._apply_own(now)

    def _apply_own(self, now: float) -> None:
        for prefix, path in self._own_pending.items():
            if path is None:
                self.loc_rib.own.pop(prefix, None)
            else:
                self.loc_rib.own[prefix] = path
            self._dirty[prefix] = None
        self._own_at = math.inf
        if self._own_pending and self._own_interval > 0:
            self._own_until = now + self._own_interval * self._rng.uniform(JITTER, 1.0)
        self._own_pending.clear()
        self._touch(now)

    # Decision and dissemination.

    def _touch(self, now: float) -> None:
        """See to it that a decision takes place, as soon as the pacer thinks fit."""
        self.activity += 1
        if self._decide_at == math.inf:
            self._decide_at = self._pacer.due(now)

    def _parse(self, inbound: Inbound, block: bytes, now: float) -> Path | None:
        """Parse an attribute block; None where its prefixes count as withdrawn (RFC 7606)."""
        session = inbound.session
        if inbound.four_octet and not session.internal:
            read = read_plain(block)
            if read is not None:
                path = Path.plain(block, read, inbound.source, self._local)
                if inbound.policy is not None:
                    path.admit(inbound.policy)
                return inbound.adj.keep(path)
        decoded = decode_attributes(
            block, four_octet=inbound.four_octet, internal=session.internal
        )
        for error in decoded.discarded:
            self._emit(MalformedUpdate(now, session.name, "discard", str(error)))
        if decoded.attributes is None:
            self._emit(MalformedUpdate(now, session.name, "withdraw", str(decoded.withdraw)))
            return None
        path = Path(decoded.attributes, inbound.source, self._local, block)
        if inbound.policy is not None:
            path.admit(inbound.policy)
        return inbound.adj.keep(path)

    def _decide(self, now: float) -> None:
        """Choose the best path of every touched prefix, stage what changed, and send it."""
        self._decide_at = math.inf
        dirty, self._dirty = self._dirty, {}
        decide, best = self.loc_rib.decide, self.loc_rib.best
        changed = [prefix for prefix in dirty if decide(prefix)]
        if changed:
            self.last_change = now
            self.changes += len(changed)
            if self.tells_changes:
                self._tell_changes(changed, now)
        joining, self._joining = self._joining, {}
        self._stage([(prefix, best.get(prefix)) for prefix in changed], joining)
        self._pacer.decided(now, len(changed))
        self._send(now)

    def _stage(
        self, changes: list[tuple[bytes, Path | None]], joining: Mapping[str, None]
    ) -> None:
        """Stage changed best paths for every peer, the whole table for those that join.

        What peers of one kind are told is worked out once.
        """
        exports: dict[Kind, list[Export]] = {}
        for name, out in self._open.items():
            if name in joining:
                out.stage(out.exports(self.loc_rib.best.items()))
                out.end_table()
                continue
            if out.kind not in exports:
                exports[out.kind] = out.exports(changes)
            out.stage(exports[out.kind])

    def _send(self, now: float) -> None:
        """Let every peer have what may leave now; note when the rest may."""
        due = math.inf
        known: dict[tuple[bytes, ...], list[bytes]] = {}
        for out in list(self._open.values()):
            if out.held:
                out.flush(now, known)
                due = min(due, out.deadline(now))
        self._send_at = due

    def _tell_changes(self, changed: list[bytes], now: float) -> None:
        """Give a fact for every best path that changed (`tells_changes`)."""
        for prefix in changed:
            path = self.loc_rib.best.get(prefix)
            if path is None:
                self._emit(BestChanged(now, prefix, None, ""))
            else:
                as_path = format_as_path(path.attributes.as_path)
                self._emit(BestChanged(now, prefix, path.source.peer, as_path))
