"""Exact detection that a network of routers has converged: nothing is under way anywhere.

Every router counts, per session and epoch, the routing messages that it has sent to the peer
and those that it has received and fully processed, and knows whether it is passive (nothing
undecided, nothing held back by a timer that could still send). When it turns passive it reports
its counts. The network has converged when

  - every live router's last report stands, and no act has been sent to it since,
  - every session that nothing stands in the way of (obstacles.py) is Established in both
    reports, with one epoch, and what one end has sent is what the other has received, in both
    directions,
  - no live router still believes in a session to a dead one, or in one that is kept down, and
  - a second wave finds every router still where its report left it.

A paused router is neither asked nor believed: what it reported last is out of date, and stays
so until it has been heard of again. Its peers are expected to lose their sessions to it.

TCP keeps order, so equal counts on every channel make the reports one consistent cut: the first
router to wake after its report would need a message that was sent before the sender's report
and counted there, yet not received (F. Mattern, Algorithms for distributed termination
detection, Distributed Computing 2, 1987: the vector method, and the four-counter method for the
second wave). The second wave also finds a router that cannot answer: stopped, starved, or dead
and not yet known to be. Messages lost with a session are counted in an epoch that died with it,
at both ends.

Pure: fed with reports, asked for the state of affairs. Never reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bgplab.engines.obstacles import BLACKHOLE, Ends, Obstacles, paused, shut_down_by
from bgplab.observe.record_forms import Quiet
from bgplab.session.events import State

ESTABLISHED = State.ESTABLISHED


class Counts(NamedTuple):
    """One end of a session, as its router reported it last."""

    state: int = 0
    epoch: int = 0
    sent: int = 0
    received: int = 0


NOTHING = Counts()


class Detector:
    """Keeps the last report of every router, and which sessions do not agree yet.

    `untimed` are the sessions without a HoldTimer: nothing finds out that a peer is silent.
    """

    def __init__(
        self,
        routers: Iterable[str],
        sessions: Iterable[Ends],
        untimed: Iterable[Ends] = (),
    ) -> None:
        self._alive: dict[str, None] = dict.fromkeys(routers)
        self._paused: dict[str, None] = {}
        self._acts: dict[str, int] = {}  # how many are on their way to a router
        self._active: dict[str, int] = dict.fromkeys(self._alive, 0)  # report it must reach
        self._activity: dict[str, int] = {}
        self._ends: dict[Ends, Counts] = {}
        self._sessions: dict[Ends, None] = dict.fromkeys(sessions)
        self._untimed = frozenset(untimed)
        self._obstacles = Obstacles(self._sessions)
        self._of: dict[str, list[Ends]] = {name: [] for name in self._alive}
        for pair in self._sessions:
            for end in pair:
                self._of[end].append(pair)
        self._open: dict[Ends, None] = {}
        self.last_change = 0.0
        for pair in self._sessions:
            self._judge(pair)

    def report(self, router: str, quiet: Quiet) -> None:
        """Take the report of a router that turned passive; sessions left out of it stand."""
        self._activity[router] = quiet.activity
        self.last_change = max(self.last_change, quiet.last_change)
        for peer, state, epoch, sent, received in quiet.sessions:
            self._ends[router, peer] = Counts(state, epoch, sent, received)
            self._judge((router, peer) if (router, peer) in self._sessions else (peer, router))
        self._relax(router)

    def disturb(self, router: str) -> None:
        """Expect news of a router: an act is on its way to it."""
        if router in self._alive:
            self._acts[router] = self._acts.get(router, 0) + 1
            self._active.setdefault(router, 0)

    def disturbed(self, router: str, activity: int) -> None:
        """Note that an act was carried out; the report must not be older than `activity`.

        It may have come already: an act that changes nothing calls for no further report. Acts
        may overlap: each that was told of by `disturb` has to be carried out.
        """
        if self._acts.get(router):
            self._acts[router] -= 1
            self._active[router] = max(self._active[router], activity)
            self._relax(router)

    def _relax(self, router: str) -> None:
        """Expect nothing more of a router, if all acts are carried out and reported."""
        reported = self._activity.get(router, -1) >= self._active.get(router, 0)
        if reported and not self._acts.get(router):
            self._active.pop(router, None)

    def died(self, router: str) -> None:
        """Count a router out: its peers must lose their sessions to it."""
        self._alive.pop(router, None)
        self._active.pop(router, None)
        self._acts.pop(router, None)
        self._go_on(router)
        self._judge_all(router)

    def revived(self, router: str) -> None:
        """Count a dead router in again, which starts anew: nothing it said before holds.

        It is expected to report. What its peers say of their sessions with the old one stands
        until they have let go of them.
        """
        self._alive = {name: None for name in self._of if name in self._alive or name == router}
        self._active[router] = 0
        self._activity.pop(router, None)
        for pair in self._of[router]:
            peer = pair[0] if pair[1] == router else pair[1]
            self._ends.pop((router, peer), None)
            self._obstacles.take(*pair, shut_down_by(router))
        self._judge_all(router)

    def pause(self, router: str) -> None:
        """Expect nothing of a router until `resume`; its peers must lose their sessions."""
        if router in self._alive:
            self._paused[router] = None
            for pair in self._of[router]:
                self._obstacles.put(*pair, paused(router))
            self._judge_all(router)

    def resume(self, router: str) -> None:
        """Expect a paused router to go on; see `disturb` for the news that it owes."""
        self._go_on(router)
        self._judge_all(router)

    def _go_on(self, router: str) -> None:
        self._paused.pop(router, None)
        for pair in self._of[router]:
            self._obstacles.take(*pair, paused(router))

    def obstruct(self, a: str, b: str, what: str) -> None:
        """Expect the session of two routers to be down, as something is in its way."""
        self._obstacles.put(a, b, what)
        self._judge_pair(a, b)

    def clear(self, a: str, b: str, what: str) -> None:
        """Take something out of the way of a session: it is to come up, if that was all."""
        self._obstacles.take(a, b, what)
        self._judge_pair(a, b)

    def between(self, a: str, b: str) -> tuple[str, ...]:
        """List what is in the way of a session."""
        return self._obstacles.between(a, b)

    @property
    def settled(self) -> bool:
        """Tell whether the reports make one consistent cut without anything under way."""
        return not self._open and self._active.keys() <= self._paused.keys()

    def wave(self) -> dict[str, int]:
        """Give what the second wave must find: the activity of every router that runs."""
        return {router: self._activity[router] for router in self.awake}

    def confirmed(self, found: Mapping[str, int | None]) -> bool:
        """Judge the second wave: `found` has a router's activity, None where not quiet."""
        return self.settled and found == self.wave()

    @property
    def alive(self) -> list[str]:
        """The routers that are not known to be dead, in order."""
        return list(self._alive)

    def asleep(self, router: str) -> bool:
        """Tell whether a router is paused."""
        return router in self._paused

    @property
    def awake(self) -> list[str]:
        """The routers that are alive and not paused, in order."""
        return [router for router in self._alive if router not in self._paused]

    @property
    def established(self) -> int:
        """How many of the expected sessions are Established at both ends."""
        return sum(
            self._end(pair).state == ESTABLISHED and self._end(pair[::-1]).state == ESTABLISHED
            for pair in self._sessions
        )

    def unsettled(self) -> list[str]:
        """Say which routers and sessions are not settled, and why: one line each."""
        reasons = [
            f"router {router}: has not turned passive"
            for router in sorted(self._active.keys() - self._paused.keys())
        ]
        reasons += [f"session {a}-{b}: {self._why((a, b))}" for a, b in sorted(self._open)]
        return reasons

    def _end(self, end: Ends) -> Counts:
        return self._ends.get(end, NOTHING)

    def _judge(self, pair: Ends) -> None:
        if self._agrees(pair):
            self._open.pop(pair, None)
        else:
            self._open[pair] = None

    def _judge_pair(self, a: str, b: str) -> None:
        self._judge((a, b) if (a, b) in self._sessions else (b, a))

    def _judge_all(self, router: str) -> None:
        for pair in self._of[router]:
            self._judge(pair)

    def _agrees(self, pair: Ends) -> bool:
        a, b = pair
        here, there = self._end((a, b)), self._end((b, a))
        if a in self._alive and b in self._alive and not self._obstacles.between(a, b):
            return (
                here.state == there.state == ESTABLISHED
                and here.epoch == there.epoch
                and here.sent == there.received
                and here.received == there.sent
            )
        return not self._believing(pair)

    def _believing(self, pair: Ends) -> list[str]:
        """List the ends of a session that run and still take it for Established."""
        return [
            end
            for end, peer in (pair, pair[::-1])
            if end in self._alive
            and end not in self._paused
            and self._end((end, peer)).state == ESTABLISHED
        ]

    def _why(self, pair: Ends) -> str:
        a, b = pair
        here, there = self._end(pair), self._end((b, a))
        between = self._obstacles.between(a, b)
        dead = [f"{end} is dead" for end in pair if end not in self._alive]
        if obstacles := [*dead, *between]:
            at = " and ".join(self._believing(pair))
            silent = {BLACKHOLE, paused(a), paused(b)} & set(between)
            endless = ", and its hold time is 0" if silent and pair in self._untimed else ""
            return f"still Established at {at} although {', '.join(obstacles)}{endless}"
        if here.state != ESTABLISHED or there.state != ESTABLISHED:
            return f"{a} in {State(here.state).label}, {b} in {State(there.state).label}"
        if here.epoch != there.epoch:
            return "the two ends have not agreed on one connection"
        return (
            f"under way: {here.sent - there.received} message(s) to {b}, "
            f"{there.sent - here.received} to {a}"
        )
