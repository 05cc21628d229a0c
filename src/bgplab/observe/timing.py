"""What a session end has measured of its timers, as values (RFC 4271 sections 4.4 and 10).

Seconds and times are those of the lab's clock; only `lateness`, which is the machine's doing,
is in seconds of the machine.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from typing import Any

from bgplab.observe.histogram import LatenessHistogram
from bgplab.session.intervals import Intervals
from bgplab.speaker.speaker import Speaker

SENT, RECEIVED, CONNECT_RETRY, MRAI = "sent", "received", "connect-retry", "mrai"
KEEPALIVES = (SENT, RECEIVED)
KINDS = (*KEEPALIVES, CONNECT_RETRY, MRAI)


@dataclass(frozen=True, slots=True)
class IntervalFigures:
    """Intervals of one kind (session/intervals.py); shares are None where there were none.

    `outside` counts those that neither jitter nor the lateness of the timer explains. `late` is
    the most that the timer was, `mean_late` what it was on average, in seconds.
    """

    count: int = 0
    least: float | None = None
    greatest: float | None = None
    outside: int = 0
    late: float = 0.0
    mean_late: float = 0.0

    @classmethod
    def of(cls, kept: Intervals) -> IntervalFigures:
        """Take the figures as they are now."""
        if not kept.count:
            return cls()
        return cls(
            *(kept.count, kept.least, kept.greatest, kept.outside),
            *(kept.late, kept.total_late / kept.count),
        )


@dataclass(frozen=True, slots=True)
class SessionTiming:
    """One session end: its intervals over the whole run, its present terms and last octets.

    `epoch` names the connection, 0 unless Established; `hold` and `keepalive` are the terms
    negotiated last. `last_sent` and `last_received` are None before there was anything.
    `lateness` is that of KeepaliveTimer, empty in virtual time, where nothing is late.
    """

    router: str
    peer: str
    epoch: int
    hold: int
    keepalive: float
    last_sent: float | None
    last_received: float | None
    sent: IntervalFigures
    received: IntervalFigures
    connect_retry: IntervalFigures
    mrai: IntervalFigures
    lateness: LatenessHistogram

    def figures(self) -> Iterator[tuple[str, IntervalFigures]]:
        """Give the intervals of each kind that there were, by the names of KINDS."""
        kinds = zip(
            KINDS, (self.sent, self.received, self.connect_retry, self.mrai), strict=True
        )
        return ((kind, figures) for kind, figures in kinds if figures.count)

    def within_window(self, *kinds: str) -> bool:
        """Tell whether every interval was in its window; KEEPALIVEs unless kinds are named."""
        chosen = kinds or KEEPALIVES
        return not any(found.outside for kind, found in self.figures() if kind in chosen)

    def to_dict(self) -> dict[str, Any]:
        """Give the timing as plain data; lateness as percentiles in seconds."""
        late = self.lateness
        return {
            "router": self.router,
            "peer": self.peer,
            "epoch": self.epoch,
            "hold": self.hold,
            "keepalive": self.keepalive,
            "last_sent": self.last_sent,
            "last_received": self.last_received,
            "intervals": {kind: asdict(figures) for kind, figures in self.figures()},
            "lateness": {
                "p50": late.percentile(50),
                "p99": late.percentile(99),
                "max": late.maximum,
            },
        }

    def to_json(self) -> str:
        """Write the timing as one line of JSON for another process."""
        terms = self.router, self.peer, self.epoch, self.hold, self.keepalive
        figures = map(astuple, (self.sent, self.received, self.connect_retry, self.mrai))
        late = b64encode(zlib.compress(self.lateness.to_bytes(), 1)).decode()
        data = (*terms, self.last_sent, self.last_received, *figures, late)
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> SessionTiming:
        """Read what `to_json` wrote. Raises ValueError or TypeError for other text."""
        *terms, last_sent, last_received, sent, received, retry, mrai, late = json.loads(line)
        router, peer, epoch, hold, keepalive = terms
        return cls(
            *(router, peer, epoch, hold, keepalive, last_sent, last_received),
            IntervalFigures(*sent),
            IntervalFigures(*received),
            IntervalFigures(*retry),
            IntervalFigures(*mrai),
            LatenessHistogram.from_bytes(zlib.decompress(b64decode(late))),
        )


def timings_of(
    name: str, speaker: Speaker, lateness: dict[str, LatenessHistogram]
) -> Iterator[SessionTiming]:
    """Take the timing of every session of a router; `lateness` is that of its KeepaliveTimers.

    A peer that `lateness` does not name had none.
    """
    nothing = LatenessHistogram()
    for peer, session in speaker.sessions.items():
        terms, timing = session.negotiated, session.timing
        sent, received = session.last_times
        yield SessionTiming(
            *(name, peer, session.epoch, terms.hold, terms.keepalive),
            *(sent or None, received or None),
            IntervalFigures.of(timing.sent),
            IntervalFigures.of(timing.received),
            IntervalFigures.of(timing.connect_retry),
            IntervalFigures.of(speaker.routing.mrai_intervals(peer)),
            lateness.get(peer, nothing),
        )


def total(timings: Iterable[SessionTiming], kind: str = SENT) -> IntervalFigures:
    """Sum up one kind of intervals of many session ends."""
    found = [
        figures for timing in timings for name, figures in timing.figures() if name == kind
    ]
    count = sum(each.count for each in found)
    if not count:
        return IntervalFigures()
    return IntervalFigures(
        count,
        min(each.least for each in found if each.least is not None),
        max(each.greatest for each in found if each.greatest is not None),
        sum(each.outside for each in found),
        max(each.late for each in found),
        sum(each.mean_late * each.count for each in found) / count,
    )
