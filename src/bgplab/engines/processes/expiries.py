"""The hold timers that expired in a lab of processes, and what their peers say of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from bgplab.config import PeerConfig, RouterConfig
from bgplab.facts import HoldExpired, SessionEnded
from bgplab.observe.expiry import Expiry, SendRecord, Silences, classify
from bgplab.observe.timing import SessionTiming
from bgplab.session.negotiate import keepalive_interval

KEPT = 4  # connections of a session end that ended last, whose records are kept

Ends = tuple[str, str]  # a router and its peer


class Expiries:
    """Brings the two accounts of each expiry together, as they come in, in any order.

    `delays` are those of links to which an act gave others than the plan: delay and jitter.
    """

    def __init__(
        self,
        routers: Iterable[RouterConfig],
        silences: Silences,
        delays: Mapping[Ends, tuple[float, float]],
    ) -> None:
        self._silences = silences
        self._delays = delays
        self._peers: dict[Ends, PeerConfig] = {
            (router.name, peer.name): peer for router in routers for peer in router.peers
        }
        self._expired: list[tuple[str, HoldExpired]] = []
        # By expiry: who must tell what it sent, and on which connection.
        self._records: dict[tuple[Ends, int], SendRecord | None] = {}
        self._ended: dict[Ends, deque[SessionEnded]] = {}

    def expired(self, router: str, fact: HoldExpired) -> None:
        """Take note of an expiry, and of the peer's record if it has come already."""
        self._expired.append((router, fact))
        sender = fact.peer, router
        found = [end for end in self._ended.get(sender, ()) if end.epoch == fact.epoch]
        self._records[sender, fact.epoch] = _record(found[-1]) if found else None

    def ended(self, router: str, fact: SessionEnded) -> None:
        """Take note of what a router says of a connection that it has lost."""
        sender = router, fact.peer
        self._ended.setdefault(sender, deque(maxlen=KEPT)).append(fact)
        if (sender, fact.epoch) in self._records:
            self._records[sender, fact.epoch] = _record(fact)

    def learn(self, timings: Iterable[SessionTiming]) -> None:
        """Take the records of peers that have not noticed yet that the connection is gone."""
        for timing in timings:
            key = (timing.router, timing.peer), timing.epoch
            sent = timing.last_sent
            if sent is not None and key in self._records and self._records[key] is None:
                self._records[key] = SendRecord(sent, timing.keepalive, timing.sent.late)

    def missing(self) -> list[str]:
        """Name the routers that have not told yet what they sent before an expiry."""
        unknown = (ends for (ends, _), record in self._records.items() if record is None)
        return list(
            dict.fromkeys(name for name, peer in unknown if (name, peer) in self._peers)
        )

    def judge(self) -> list[Expiry]:
        """Classify all expiries by what is known, in the order of their times."""
        found = [self._classify(router, fact) for router, fact in self._expired]
        return sorted(found, key=lambda expiry: expiry.at)

    def _classify(self, router: str, fact: HoldExpired) -> Expiry:
        sender = fact.peer, router
        record = self._records[sender, fact.epoch]
        config = self._peers.get(sender)  # None: a peer that is not of this lab
        configured = None if config is None else config.timers.keepalive
        interval = keepalive_interval(configured, fact.hold)
        planned = (0.0, 0.0) if config is None else (config.delay, config.delay_jitter)
        changed = self._delays.get(sender, self._delays.get(sender[::-1]))
        delay, spread = planned if changed is None else changed
        return classify(
            router,
            fact,
            record,
            silenced=self._silences.explain(router, fact, interval),
            delay=delay,
            spread=spread,
        )


def _record(fact: SessionEnded) -> SendRecord:
    return SendRecord(fact.last_sent, fact.keepalive, fact.late)
