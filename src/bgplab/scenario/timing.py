"""What a scenario expects of timers: intervals between KEEPALIVEs, and why holds expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from bgplab.observe.histogram import LatenessHistogram
from bgplab.scenario import why
from bgplab.scenario.sessions import end_text
from bgplab.scenario.stage import Finding, Stage, seconds
from bgplab.topology.assertions import Ends, ExpectExpiry, ExpectKeepalive

NAMED = 10  # session ends that are named; the rest is counted


class Intervals(Protocol):
    """Intervals of one kind; `outside` counts those that lay out of their window."""

    count: int
    outside: int


class SessionTiming(Protocol):
    """What one session end measured of its KEEPALIVEs, and how late their timer was."""

    router: str
    peer: str
    sent: Intervals
    received: Intervals
    lateness: LatenessHistogram


class Expiry(Protocol):
    """A hold timer that has expired, and why: `kind` is "genuine", "starvation", "unclear"."""

    router: str
    peer: str
    at: float
    kind: str
    evidence: str


class Timed(Protocol):
    """A lab that knows of the timers of its sessions."""

    async def timings(self) -> Sequence[SessionTiming]:
        """Give what every session end measured."""

    async def expiries(self) -> Sequence[Expiry]:
        """List the hold timers that have expired, and why."""


# Hold timers


async def expiry(what: ExpectExpiry, stage: Stage) -> Finding:
    """Find out whether hold timers have expired since a mark, all of them for one reason."""
    await stage.lab.caught_up()
    since = stage.since(what.since).at
    told: dict[Ends, list[Expiry]] = {end: [] for end in what.ends}
    for each in await cast("Timed", stage.lab).expiries():
        if (each.router, each.peer) in told and each.at >= since:
            told[each.router, each.peer].append(each)
    wrong = [end for end, found in told.items() if {each.kind for each in found} != {what.kind}]
    ends = ", ".join(map(end_text, what.ends))
    after = "" if what.since is None else f" since {what.since}"
    return Finding(
        not wrong,
        f"{ends}: HoldTimer expired, {what.kind}{after}",
        "; ".join(f"{end_text(end)}: {_told(told[end], stage)}" for end in wrong or told),
        tuple(why.moves(stage, wrong)),
    )


def _told(found: list[Expiry], stage: Stage) -> str:
    said = [f"{each.kind} at {stage.time(each.at)} ({each.evidence})" for each in found]
    return ", ".join(said) or "it did not expire"


# KEEPALIVEs


async def keepalive(what: ExpectKeepalive, stage: Stage) -> Finding:
    """Find out whether KEEPALIVEs came at the intervals that they should, and in time.

    Fails where no interval was measured at all: nothing would be shown.
    """
    timings = [
        each
        for each in await cast("Timed", stage.lab).timings()
        if not what.ends or (each.router, each.peer) in what.ends
    ]
    wanted, found, wrong = [], [], []
    if what.window:
        wanted.append("every KEEPALIVE interval in the jitter window")
        found.append(_inside(timings))
        wrong = _outside(timings)
    if what.p99_below is not None:
        wanted.append(f"p99 lateness below {seconds(what.p99_below)}")
        p99 = _lateness(timings).percentile(99)
        found.append(f"p99 lateness {seconds(p99)}")
        wrong += [] if p99 < what.p99_below else ["KeepaliveTimers were late"]
    if not any(each.sent.count for each in timings):
        wrong.append("no interval was measured")
    return Finding(not wrong, " and ".join(wanted), ", ".join((*found, *wrong)))


def _inside(timings: Sequence[SessionTiming]) -> str:
    """Count the intervals, sent and received, and those in their window."""
    count = sum(each.sent.count + each.received.count for each in timings)
    outside = sum(each.sent.outside + each.received.outside for each in timings)
    return f"{count - outside} of {count} intervals in the window"


def _outside(timings: Sequence[SessionTiming]) -> list[str]:
    """Name the session ends that had intervals out of their window."""
    ends = [
        f"{end_text((each.router, each.peer))}: {each.sent.outside} sent, "
        f"{each.received.outside} received outside"
        for each in timings
        if each.sent.outside or each.received.outside
    ]
    return [*ends[:NAMED], f"and {len(ends) - NAMED} more"] if len(ends) > NAMED else ends


def _lateness(timings: Sequence[SessionTiming]) -> LatenessHistogram:
    """Sum up how late the KeepaliveTimers of session ends were."""
    late = LatenessHistogram()
    for each in timings:
        late.merge(each.lateness)
    return late
