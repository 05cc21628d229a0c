"""What one peer is told, and when: Adj-RIB-Out, MRAI and congestion (RFC 4271 section 9.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bgplab.config import RouterFlags
from bgplab.rib.adj_out import AdjRibOut
from bgplab.rib.path import Local, Path
from bgplab.session.session import Session
from bgplab.wire.update import END_OF_RIB, encode_updates

if TYPE_CHECKING:
    import random

JITTER = 0.75  # RFC 4271 section 10: intervals are drawn from 0.75 to 1.0 of their value


class Outbound:
    """Routes on their way to one peer; idle unless the session is Established."""

    __slots__ = (
        "_end_of_rib",
        "_factor",
        "_flags",
        "_local",
        "_quiet_until",
        "_rng",
        "adj",
        "congested",
        "session",
    )

    def __init__(
        self, session: Session, local: Local, flags: RouterFlags, rng: random.Random
    ) -> None:
        self.session = session
        self.adj = AdjRibOut()
        self.congested = False
        self._local = local
        self._flags = flags
        self._rng = rng
        self._factor = rng.uniform(JITTER, 1.0)
        self._quiet_until = -math.inf  # MinRouteAdvertisementIntervalTimer runs until then
        self._end_of_rib = False

    def clear(self) -> None:
        """Forget all: the session begins anew, or is no longer Established."""
        self.adj.clear()
        self.congested = False
        self._end_of_rib = False
        self._quiet_until = -math.inf

    def stage(self, changes: Iterable[tuple[bytes, Path | None]]) -> None:
        """Want the peer to know these paths, where the rules let them out, or none.

        Kept back: what may not go to this kind of peer; by split horizon what it told us; by
        sender-side loop detection what has its AS in the path.
        """
        session, local, stage = self.session, self._local, self.adj.stage
        internal, four_octet = session.internal, session.negotiated.four_octet
        source = session.name if self._flags.split_horizon else None
        avoid = session.config.asn if self._flags.sender_side_loop_detection else None
        for prefix, path in changes:
            if (
                path is None
                or path.source.peer == source
                or (avoid is not None and path.visits(avoid))
            ):
                stage(prefix, None)
            else:
                stage(prefix, path.export(local, internal, four_octet))

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

    def flush(self, now: float) -> None:
        """Send what may leave now: all, or only withdrawals while MRAI runs.

        Source: RFC 4271 section 9.2.1.1.
        """
        if self.congested:
            return
        free = now >= self._quiet_until
        withdraw = free or not self._flags.rate_limit_withdrawals
        withdrawn, groups = self.adj.take(announce=free, withdraw=withdraw)
        messages = encode_updates(withdrawn, groups) if withdrawn or groups else []
        if self._end_of_rib and free:
            self._end_of_rib = False
            messages.append(END_OF_RIB)
        if messages:
            self.session.send_updates(messages, now)
        mrai = self.session.config.timers.mrai
        if mrai > 0 and (groups or (withdrawn and self._flags.rate_limit_withdrawals)):
            self._quiet_until = now + mrai * self._jitter()

    def _jitter(self) -> float:
        """Draw the factor of RFC 4271 section 10, as the session's flag says."""
        mode = self.session.config.flags.jitter
        if mode == "per-set":
            return self._rng.uniform(JITTER, 1.0)
        return self._factor if mode == "per-session" else 1.0
