"""What one peer is told, and when: Adj-RIB-Out, MRAI and congestion (RFC 4271 section 9.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from bgplab.config import PeerConfig, RouterConfig, Rule
from bgplab.policy.chain import compile_chain
from bgplab.policy.relationships import export_rules
from bgplab.rib.adj_out import AdjRibOut
from bgplab.rib.path import Local, Path, Policy
from bgplab.session.intervals import Intervals
from bgplab.session.session import Session
from bgplab.wire.update import END_OF_RIB, encode_updates

if TYPE_CHECKING:
    import random

Export = tuple[bytes, Path | None, bytes | None]  # a prefix, its path, and how it is written

# Internal, four-octet AS numbers, export policy: peers that share these are told the same.
Kind = tuple[bool, bool, Policy | None]

JITTER = 0.75  # RFC 4271 section 10: intervals are drawn from 0.75 to 1.0 of their value


class Outbound:
    """Routes on their way to one peer; idle unless the session is Established."""

    __slots__ = (
        "_config",
        "_end_of_rib",
        "_factor",
        "_flags",
        "_leaks",
        "_local",
        "_policy",
        "_quiet_until",
        "_rng",
        "_rules",
        "_since",
        "_waits",
        "adj",
        "congested",
        "mrai",
        "session",
    )

    def __init__(
        self,
        session: Session,
        local: Local,
        config: RouterConfig,
        rng: random.Random,
    ) -> None:
        self.session = session
        self.adj = AdjRibOut()
        self.congested = False
        self._local = local
        self._config = config
        self._rules = session.config.exports
        self._leaks = False  # whether its relationship does not count
        self._policy = self._chain(session.config)
        self._flags = config.flags
        self._rng = rng
        self._factor = rng.uniform(JITTER, 1.0)
        self._quiet_until = -math.inf  # MinRouteAdvertisementIntervalTimer runs until then
        self._end_of_rib = False
        self.mrai = Intervals()  # those after which routes left that had waited for their end
        self._since = -math.inf  # when MRAI was last set
        self._waits = False  # whether routes are held until it is over

    def clear(self) -> None:
        """Forget all: the session begins anew, or is no longer Established."""
        self.adj.clear()
        self.congested = False
        self._end_of_rib = False
        self._quiet_until = -math.inf
        self._waits = False

    def set_rules(self, rules: tuple[Rule, ...] | None, leak: bool | None) -> None:
        """Let out by other rules what is staged from now on; None: as before.

        Those of a relationship stay in force, unless routes are to leak.
        """
        peer = self.session.config
        self._rules = self._rules if rules is None else rules
        self._leaks = self._leaks if leak is None else leak
        relationship = "" if self._leaks else peer.relationship
        self._policy = self._chain(
            replace(peer, exports=self._rules, relationship=relationship)
        )

    def _chain(self, peer: PeerConfig) -> Policy | None:
        return compile_chain(export_rules(self._config, peer), peer.name)

    @property
    def kind(self) -> Kind:
        """What decides how a path is written for the peer."""
        return self.session.internal, self.session.negotiated.four_octet, self._policy

    def exports(self, changes: Iterable[tuple[bytes, Path | None]]) -> list[Export]:
        """Write paths for this kind of peer, None for those that may not go there."""
        local, kind = self._local, self.kind
        return [
            (prefix, None, None) if path is None else (prefix, path, path.export(local, *kind))
            for prefix, path in changes
        ]

    def stage(self, exports: Iterable[Export]) -> None:
        """Want the peer to know these paths, where the rules let them out, or none.

        Kept back besides: by split horizon what the peer told us; by sender-side loop detection
        what has its AS in the path.
        """
        source = self.session.name if self._flags.split_horizon else None
        if self._flags.sender_side_loop_detection:
            asn = self.session.config.asn
            exports = [
                (prefix, path, None if path is not None and path.visits(asn) else block)
                for prefix, path, block in exports
            ]
        stage = self.adj.stage
        for prefix, path, block in exports:
            stage(prefix, None if path is None or path.source.peer == source else block)

    def end_table(self) -> None:
        """Owe the peer End-of-RIB: what is staged by now is the whole table (RFC 4724)."""
        self._end_of_rib = True

    @property
    def held(self) -> bool:
        """Tell whether anything waits to be sent, for whatever reason."""
        return bool(self.adj.pending) or self._end_of_rib

    def deadline(self, now: float) -> float:
        """Say when MRAI lets held routes go; infinity if none are held by it."""
        if not self.held or self.congested:
            return math.inf
        return max(now, self._quiet_until)

    def flush(self, now: float, known: dict[tuple[bytes, ...], list[bytes]]) -> None:
        """Send what may leave now: all, or only withdrawals while MRAI runs.

        `known` keeps what has been encoded for other peers (see encode_updates).
        Source: RFC 4271 section 9.2.1.1.
        """
        if self.congested:
            self._waits = False  # it is not MRAI that keeps them
            return
        free = now >= self._quiet_until
        withdraw = free or not self._flags.rate_limit_withdrawals
        withdrawn, groups = self.adj.take(announce=free, withdraw=withdraw)
        messages = encode_updates(withdrawn, groups, known=known) if withdrawn or groups else []
        if self._end_of_rib and free:
            self._end_of_rib = False
            messages.append(END_OF_RIB)
        if messages:
            self._transmit(messages, now)
        mrai = self.session.config.timers.mrai
        if mrai > 0:
            if free and self._waits:
                self._observe(mrai, now)
            if groups or (withdrawn and self._flags.rate_limit_withdrawals):
                self._quiet_until = now + mrai * self._jitter()
                self._since = now
            self._waits = self.held and now < self._quiet_until

    def _observe(self, mrai: float, now: float) -> None:
        """Keep account of an interval whose end has let routes go."""
        late = now - self._quiet_until
        self.session.timing.fired(self.mrai, now - self._since, mrai, late)

    def _transmit(self, messages: list[bytes], now: float) -> None:
        self.session.send_updates(messages, now)

    def _jitter(self) -> float:
        """Draw the factor of RFC 4271 section 10, as the session's flag says."""
        mode = self.session.config.flags.jitter
        if mode == "per-set":
            return self._rng.uniform(JITTER, 1.0)
        return self._factor if mode == "per-session" else 1.0
