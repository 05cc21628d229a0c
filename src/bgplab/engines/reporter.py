"""When a router reports to the convergence detector, and what: the router's side of it.

A router reports whenever it has turned passive after it did something, with the counts of the
sessions that have moved since its last report. Reports keep a little distance, so that a router
that is woken again and again does not flood the controller; the last one always comes.

Pure: told when the router was stirred, asked for the report. Never reads a clock.
"""

from __future__ import annotations

from bgplab.observe.record_forms import Quiet, SessionCount
from bgplab.speaker.speaker import Speaker

REPORT_GAP = 0.02  # seconds between two reports of turning passive


class Reporter:
    """Keeps what a router has reported, and knows when that does not hold any more."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._due = False  # whether `stirred` has asked for a report that is still to come
        self._reported = -1  # the activity of the last report
        self._reported_at = 0.0
        self._counts: dict[str, SessionCount] = {}

    def stirred(self, now: float) -> float | None:
        """Tell in how many seconds to call `report`; None for no need to.

        To be called after everything that the router does, with seconds on any clock that does
        not run backwards.
        """
        speaker = self._speaker
        if self._due or speaker.routing.activity == self._reported or not speaker.quiet:
            return None
        self._due = True
        return max(0.0, self._reported_at + REPORT_GAP - now)

    def report(self, now: float, at: float) -> Quiet | None:
        """Report that the router is passive, with the sessions whose counts have changed.

        `now` is on the clock of `stirred`, `at` on that of the lab. None if the router is busy
        again: `stirred` will ask for a report when it has turned passive.
        """
        self._due = False
        speaker = self._speaker
        if not speaker.quiet:
            return None
        changed = []
        for session in speaker.sessions.values():
            count = SessionCount(
                session.name, session.state, session.epoch, session.sent, session.received
            )
            if self._counts.get(session.name) != count:
                self._counts[session.name] = count
                changed.append(count)
        routing = speaker.routing
        self._reported = routing.activity
        self._reported_at = now
        return Quiet(at, routing.activity, routing.last_change or 0.0, tuple(changed))

    def answer(self) -> tuple[int, bool]:
        """Answer the second wave: the router's activity, and whether it is passive."""
        return self._speaker.routing.activity, self._speaker.quiet
