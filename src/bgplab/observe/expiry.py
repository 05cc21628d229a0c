"""Why a hold timer expired: its peer was silent, or a process was late.

The router whose timer expired tells when it last heard the peer, and how many octets waited
unread; the peer tells when it last sent something, and how late its KeepaliveTimer was. Both go
by one clock, so the two accounts can be laid side by side. What the lab itself does to silence
a router or a link it enters into Silences.

No expiry is called genuine for want of evidence: where the peer's account is missing and the
lab has not silenced it, the expiry is unclear, and counts against the run as starvation does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from bgplab.facts import HoldExpired
from bgplab.session.intervals import ROUNDING, SLACK

GENUINE = "genuine"  # the peer fell silent
STARVATION = "starvation"  # a process was late
UNCLEAR = "unclear"  # nobody can say


class SendRecord(NamedTuple):
    """What a session end says of its own sending: when last, and how late its timer ever was.

    `keepalive` is its keepalive interval in seconds, 0 if it sends none.
    """

    last_sent: float
    keepalive: float
    late: float


@dataclass(frozen=True, slots=True)
class Expiry:
    """A hold timer that expired, and why. Times and seconds on the lab's clock.

    `waited` is the time since the last message that restarted the timer, `late` how much later
    than its deadline it fired.
    """

    router: str
    peer: str
    at: float
    kind: str
    evidence: str
    last_received: float
    waited: float
    hold: int
    late: float

    @property
    def valid(self) -> bool:
        """Tell whether the expiry is one of the experiment, not of an overloaded machine."""
        return self.kind == GENUINE

    def to_dict(self) -> dict[str, Any]:
        """Give the expiry as plain data."""
        return asdict(self)


def classify(
    router: str,
    expired: HoldExpired,
    record: SendRecord | None,
    *,
    silenced: bool = False,
    delay: float = 0.0,
    spread: float = 0.0,
) -> Expiry:
    """Say why the hold timer of `router` expired; `record` is the peer's, None if missing.

    `silenced` tells that the lab itself kept the peer silent (Silences). Octets are under way
    for `delay` seconds and up to `spread` more.
    """
    if silenced:
        kind, evidence = GENUINE, f"the lab had silenced {expired.peer}"
    elif expired.unread:
        evidence = f"{expired.unread} octets from {expired.peer} had not been read"
        kind = STARVATION
    elif record is None:
        kind, evidence = UNCLEAR, f"{expired.peer} has not told what it sent, and when"
    else:
        kind, evidence = _compare(expired, record, delay, spread)
    return _expiry(router, expired, kind, evidence)


def in_virtual_time(router: str, expired: HoldExpired) -> Expiry:
    """Take an expiry for genuine, as no router is ever late."""
    evidence = f"{expired.peer} was silent: in virtual time no router is late"
    return _expiry(router, expired, GENUINE, evidence)


def _expiry(router: str, expired: HoldExpired, kind: str, evidence: str) -> Expiry:
    received = expired.last_received
    return Expiry(
        *(router, expired.peer, expired.at, kind, evidence),
        *(received, expired.at - received, expired.hold, expired.late),
    )


def _compare(
    expired: HoldExpired, record: SendRecord, delay: float, spread: float
) -> tuple[str, str]:
    """Lay the two accounts side by side; give the class of the expiry and the evidence."""
    peer, heard = expired.peer, max(expired.heard, expired.last_received)
    deadline = expired.last_received + expired.hold
    slack = SLACK * record.keepalive
    margin = record.keepalive + slack + spread  # between two arrivals from a punctual peer
    punctual = record.late <= slack
    if punctual and expired.last_received + ROUNDING < heard and deadline <= heard + margin:
        return GENUINE, f"octets came from {peer}, but neither KEEPALIVE nor UPDATE"
    if record.last_sent > heard:
        if punctual and margin >= expired.hold:
            return GENUINE, f"octets of {peer} were under way: jitter beyond the hold time"
        ago = expired.at - record.last_sent
        if ago < 0:
            return STARVATION, f"{peer} was still sending {-ago:.3f} s after the expiry"
        return STARVATION, f"what {peer} sent {ago:.3f} s before the expiry had not been read"
    silence = expired.at - record.last_sent
    due = record.last_sent + margin + delay if record.keepalive else math.inf
    if due < deadline:
        late = silence - record.keepalive
        return STARVATION, f"{peer} was {late:.3f} s late to send when the hold timer expired"
    return GENUINE, f"{peer} sent nothing for {silence:.3f} s, by its own record and timers"


class Silences:
    """Spans of time in which the lab keeps a router or a link silent, by what is silent.

    `what` is a router (stopped, or killed) or the two ends of a link (that swallows octets). A
    link whose delay grows is silent for as long as it grew.
    """

    def __init__(self) -> None:
        self._spans: dict[str | frozenset[str], list[tuple[float, float]]] = {}

    def begin(self, what: str | tuple[str, str], at: float) -> None:
        """Take note that something falls silent; once more makes no difference."""
        spans = self._spans.setdefault(_key(what), [])
        if not spans or spans[-1][1] < math.inf:
            spans.append((at, math.inf))

    def end(self, what: str | tuple[str, str], at: float) -> None:
        """Take note that something is silent no longer, if it was."""
        spans = self._spans.get(_key(what))
        if spans and spans[-1][1] == math.inf:
            spans[-1] = (spans[-1][0], at)

    def lasts(self, what: str | tuple[str, str]) -> bool:
        """Tell whether something is silent now."""
        spans = self._spans.get(_key(what), [])
        return bool(spans) and spans[-1][1] == math.inf

    def explain(self, router: str, expired: HoldExpired, keepalive: float) -> bool:
        """Tell whether a router heard nothing of its peer because the lab saw to it.

        `keepalive` is the peer's interval: the silence must have kept back all that a punctual
        peer would have sent after the message that was its last.
        """
        begin = expired.last_received
        end = begin + expired.hold
        spans = [
            *self._spans.get(expired.peer, ()),
            *self._spans.get(frozenset((router, expired.peer)), ()),
        ]
        silent = _covered(spans, begin, end)
        return silent > 0.0 and silent >= expired.hold - keepalive * (1.0 + SLACK)


def _key(what: str | tuple[str, str]) -> str | frozenset[str]:
    return what if isinstance(what, str) else frozenset(what)


def _covered(spans: Iterable[tuple[float, float]], begin: float, end: float) -> float:
    """Add up how much of the time from `begin` to `end` the spans cover."""
    covered, reached = 0.0, begin
    for first, last in sorted(spans):
        start, stop = max(first, reached), min(last, end)
        if stop > start:
            covered += stop - start
            reached = stop
    return covered
