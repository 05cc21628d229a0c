"""What a scenario expects of timers: intervals between KEEPALIVEs, and why holds expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from bgplab.scenario import why
from bgplab.scenario.sessions import end_text
from bgplab.scenario.stage import Finding, Stage, seconds
from bgplab.topology.assertions import Ends, ExpectExpiry, ExpectKeepalive

NAMED = 10  # session ends that are named


class SessionTiming(Protocol):
    """What one session end measured of the intervals between its KEEPALIVEs."""

    router: str
    peer: str

    def within_window(self) -> bool:
        """Tell whether every interval lay in the window of RFC 4271 section 10."""


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


async def expiry(what: ExpectExpiry, stage: Stage) -> Finding:
    """Find out whether hold timers have expired since a mark, and for which reason."""
    await stage.lab.caught_up()
    moment = stage.since(what.since)
    told = await cast("Timed", stage.lab).expiries()
    kinds: dict[Ends, list[Expiry]] = {end: [] for end in what.ends}
    for each in told:
        if (each.router, each.peer) in kinds and each.at >= moment.at:
            kinds[each.router, each.peer].append(each)
    wrong = [
        end for end, found in kinds.items() if what.kind not in {each.kind for each in found}
    ]
    ends = ", ".join(map(end_text, what.ends))
    since = "" if what.since is None else f" since {what.since}"
    actual = "; ".join(
        f"{end_text(end)}: {_expiries(kinds[end], stage)}" for end in (wrong or kinds)
    )
    details = tuple(why.moves(stage, wrong))
    return Finding(not wrong, f"{ends}: HoldTimer expired, {what.kind}{since}", actual, details)


def _expiries(found: list[Expiry], stage: Stage) -> str:
    said = [f"{each.kind} at {stage.time(each.at)} ({each.evidence})" for each in found]
    return ", ".join(said) or "it did not expire"


async def keepalive(what: ExpectKeepalive, stage: Stage) -> Finding:
    """Find out whether KEEPALIVEs were sent in their window, and timers fired in time."""
    await stage.lab.caught_up()
    wrong, parts, found = [], [], []
    if what.window:
        timings = await cast("Timed", stage.lab).timings()
        asked = [each for each in timings if not what.ends or _end(each) in what.ends]
        outside = [each for each in asked if not each.within_window()]
        parts.append("every KEEPALIVE interval in the jitter window")
        wrong += [f"outside at {end_text(_end(each))}" for each in outside[:NAMED]]
        found.append(f"{len(asked) - len(outside)} of {len(asked)} session ends inside")
    if what.p99_below is not None:
        p99 = (await stage.lab.measures()).lateness.percentile(99)
        parts.append(f"p99 lateness below {seconds(what.p99_below)}")
        found.append(f"p99 {seconds(p99)}")
        if p99 >= what.p99_below:
            wrong.append("timers were late")
    return Finding(not wrong, " and ".join(parts), ", ".join((*found, *wrong)))


def _end(timing: SessionTiming) -> Ends:
    return timing.router, timing.peer
