"""The controller of a lab of processes: what its routers tell, and what they may be asked.

What is done to them is in acts.py and lifecycle.py, the verdict on them in convergence.py.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import LoopingCall, deferLater

from bgplab.config import Level, RouterConfig
from bgplab.engines.interface import Measures, Progress, RouterState
from bgplab.engines.obstacles import Ends
from bgplab.engines.processes import commands, meter
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.convergence import Convergence
from bgplab.engines.processes.expiries import Expiries
from bgplab.engines.processes.gather import those_that_come
from bgplab.engines.processes.lifecycle import Lifecycle
from bgplab.engines.processes.measuring import Pulse, summed_up
from bgplab.engines.processes.news import News
from bgplab.engines.processes.remote import RemoteRouter
from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter
from bgplab.engines.quiescence import Detector
from bgplab.engines.verdict import Verdict
from bgplab.errors import LabError
from bgplab.facts import BestChanged, Fact, HoldExpired, SessionEnded, StateChanged
from bgplab.observe.candidates import Candidate, from_lines
from bgplab.observe.expiry import Expiry
from bgplab.observe.load import Load, Stalls
from bgplab.observe.record_forms import Quiet
from bgplab.observe.recorder import Recorder, SessionState
from bgplab.observe.records import decode
from bgplab.observe.store import RouteRow, Store
from bgplab.observe.timing import SessionTiming
from bgplab.session.events import State
from bgplab.wire.nlri import encode_prefix

PATIENCE = 10.0  # seconds that a router may take to answer a question
SUBMIT_EVERY = 0.1  # seconds between two hand-overs to the store's writer


class ProcessLab(Lifecycle):
    """A lab whose routers are processes. Implements bgplab.engines.interface.Lab."""

    def __init__(
        self,
        reactor: Any,
        starter: ForkServerStarter | SpawnStarter,
        routers: Sequence[RouterConfig],
        sessions: Iterable[Ends],
        store: Store,
        logs: Path,
        clock: LabClock | None = None,
    ) -> None:
        remote = {
            config.name: RemoteRouter(config, logs / f"{config.name}.jsonl")
            for config in routers
        }
        sessions = list(sessions)
        clock = clock or LabClock()
        detector = Detector(remote, sessions, _untimed(routers))
        judge = Convergence(reactor, clock, detector, remote, self.measures)
        recorder = Recorder(store, routers)
        super().__init__(
            *(reactor, starter, clock, store, recorder, judge), remote, sessions, detector
        )
        self._news = News(reactor)
        self._listeners: list[Callable[[str, Fact], None]] = []
        self._expiries = Expiries(routers, self.silences, self._delays)
        self._before: meter.Sample | None = None  # when the routers dialled
        self._pulse = Pulse(store.submit, SUBMIT_EVERY)
        self._submitting = LoopingCall(self._pulse.beat)
        self._submitting.clock = reactor

    async def start(self) -> None:
        """Start all routers and let them dial. Raises ProcessError or HostError."""
        self._pulse.start()
        self._submitting.start(SUBMIT_EVERY, now=False)
        await super().start()

    def before_dialling(self) -> None:
        """Take note of what the processes have cost up to now."""
        self._before = meter.sample(self.pids, self.helper_pids)

    async def stop(self) -> None:
        """End all routers at once, unrecorded, and wait until they are gone."""
        if self._submitting.running:
            self._submitting.stop()
        await super().stop()

    def _ended(self, reason: Any, router: RemoteRouter) -> None:
        """Take note that a router process has ended, however it did."""
        super()._ended(reason, router)
        self._news.tell()

    # Convergence.

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and wait until it has converged, within `timeout`.

        A router that has not started by then is named like one that has not settled. Seconds of
        the lab, and as many of the machine in any case: it must have time to start.
        """
        began = time.monotonic()
        if not self._submitting.running:
            starting = Deferred.fromCoroutine(self.start())
            starting.addTimeout(max(timeout, self._clock.real(timeout)), self._reactor)
            try:
                await starting
            except DeferredTimeoutError:
                return self._convergence.timed_out()
        took = time.monotonic() - began
        return await self._convergence.until_converged(max(0.0, timeout - took))

    def until_converged(self, timeout: float) -> Deferred[Verdict]:
        """Wait until the network has converged, is found to diverge, or time has run out.

        `timeout` is seconds of the lab, and as many of the machine in any case.
        """
        return Deferred.fromCoroutine(self._convergence.until_converged(timeout))

    def until_disturbed(self) -> Deferred[float]:
        """Wait until a route or a session changes after the last verdict; gives the time.

        Fails with what was given to `give_up`.
        """
        return self._convergence.until_disturbed()

    def give_up(self, error: LabError) -> None:
        """Let nobody wait for a change any more: the lab as a whole has failed."""
        self._convergence.give_up(error)
        self._news.fail(error)

    def _received(self, router: RemoteRouter, frame: bytes) -> None:
        """Take a frame of records: facts go to the store, reports to the detector."""
        if self._stopping:
            return  # the routers see each other end, which is no part of the run
        name = router.config.name
        for record in decode(frame, router.peers):
            if isinstance(record, Quiet):
                self._convergence.report(name, record)
                continue
            for listener in self._listeners:
                listener(name, record)
            if isinstance(record, BestChanged):
                self._convergence.changed(name, record)
                if self._store.level < Level.UPDATES:
                    continue  # told for the convergence alone, not to be recorded
            elif isinstance(record, StateChanged):
                self._convergence.moved(record)
            elif isinstance(record, HoldExpired):
                self._expiries.expired(name, record)
            elif isinstance(record, SessionEnded):
                self._expiries.ended(name, record)
            self._recorder.record(name, record)
        self._news.tell()

    # What may be asked.

    def observe(self, listener: Callable[[str, Fact], None]) -> None:
        """Let `listener(router, fact)` hear of all facts from now on, as they arrive.

        Facts of one router come in their order; those of several come as they come.
        """
        self._listeners.append(listener)

    async def tell_changes(self) -> None:
        """Let every router tell each change of a best route (BestChanged) from now on."""
        await self._convergence.tell_changes()

    async def caught_up(self) -> None:
        """Wait until all facts of what has happened so far have been told.

        Those of a paused router come when it goes on.
        """
        await self._from_all(lambda name: self._routers[name].call(commands.Flush))

    def until(self, holds: Callable[[], Awaitable[bool]], timeout: float) -> Deferred[bool]:
        """Wait until `holds()` gives True, at most `timeout` seconds; tell whether it did.

        It is asked at once, and again whenever facts have been told. Seconds of the lab, and as
        many of the machine in any case. Fails with what was given to `give_up`.
        """
        seconds = max(timeout, self._clock.real(timeout))
        waiting = Deferred.fromCoroutine(self._news.until(holds, seconds))
        waiting.addTimeout(
            seconds + PATIENCE, self._reactor, lambda _, __: False
        )  # a router does not answer
        return waiting

    def sessions_up(self) -> bool:
        """Tell whether every session that nothing keeps down is Established at both ends."""
        return all(
            self._established(a, b) and self._established(b, a)
            for a, b in self._pairs
            if not self._detector.between(a, b)
            and self._routers[a].alive
            and self._routers[b].alive
        )

    def _established(self, router: str, peer: str) -> bool:
        return self._recorder.sessions[router, peer].state == State.ESTABLISHED

    def wait(self, seconds: float) -> Deferred[None]:
        """Let so many seconds pass on the lab's clock."""
        return deferLater(self._reactor, self._clock.real(seconds))

    def pid(self, router: str) -> int:
        """Give the process id of a router."""
        return self._router(router).pid

    @property
    def pids(self) -> list[int]:
        """The process ids of all routers that live."""
        return [router.pid for router in self._routers.values() if router.alive]

    async def routes(self, router: str) -> list[RouteRow]:
        """Give the Loc-RIB of a router.

        Raises ProcessError for a router that is dead, NotNowError for one that is paused.
        """
        text = await self._ask(router, commands.Routes)
        return [RouteRow(*json.loads(line)) for line in text.splitlines()]

    async def candidates(self, router: str, prefix: str) -> list[Candidate]:
        """Give every path that a router holds to a prefix. Raises ValueError for no prefix.

        Raises as `routes` does.
        """
        encode_prefix(prefix)
        return from_lines(await self._ask(router, commands.Candidates, prefix=prefix))

    async def timings(self) -> list[SessionTiming]:
        """Give what every session end of the routers that answer measured of its timers."""
        return await self._timings_of(self._detector.alive)

    async def _timings_of(self, names: Iterable[str]) -> list[SessionTiming]:
        def ask(name: str) -> Deferred[str]:
            return Deferred.fromCoroutine(self._ask(name, commands.Timings))

        answers = await self._from_all(ask, names)
        lines = (line for text in answers.values() for line in text.splitlines())
        timings = [SessionTiming.from_json(line) for line in lines]
        self._expiries.learn(timings)
        return timings

    async def expiries(self) -> list[Expiry]:
        """List the hold timers that expired, and why; peers that have not told are asked."""
        missing = self._expiries.missing()
        if missing:
            await self._timings_of(missing)
        return self._expiries.judge()

    async def _ask(self, router: str, command: type[Any], **values: Any) -> str:
        """Ask a router for what comes in parts, and join them."""
        found = self._running(router)
        text, last, number = bytearray(), False, 0
        while not last:
            answer = await found.call(command, number=number, **values)
            text += answer["part"]
            last = answer["last"]
            number += 1
        return text.decode()

    async def store_routes(self) -> None:
        """Enter the Loc-RIB of every router that answers into the store.

        From level updates on also all paths that it was chosen from.
        """

        async def one(name: str) -> None:
            self._store.put_routes(name, await self.routes(name))
            if self._store.level >= Level.UPDATES:
                text = await self._ask(name, commands.Candidates, prefix="")
                self._store.put_candidates(name, from_lines(text))

        await self._from_all(lambda name: Deferred.fromCoroutine(one(name)))

    async def _from_all(
        self, ask: Callable[[str], Deferred[Any]], names: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Ask all routers that run at once, or some; give the answers that come in time."""
        awake = self._detector.awake
        names = [
            name
            for name in (awake if names is None else names)
            if name in awake and self._routers[name].ready
        ]
        asked = [ask(name).addTimeout(PATIENCE, self._reactor) for name in names]
        answers = await those_that_come(
            [each.addCallback(_with, name) for name, each in zip(names, asked, strict=True)]
        )
        return dict(answers)

    async def measures(self) -> Measures:
        """Collect what the routers measured of themselves, in all their lives.

        Those that are paused or dead count with what they told last.
        """
        answered = await self._from_all(lambda name: self._routers[name].measure())
        answers: dict[str, dict[str, Any]] = {}
        for router in self._routers.values():
            answers.update(router.past)
            if router.measured is not None:
                answers[router.life] = router.measured
        return summed_up(answers, self._silent(answered))

    def _silent(self, answers: Mapping[str, object]) -> tuple[str, ...]:
        """List the live routers that did not answer, but for those that somebody stopped."""
        return tuple(
            name
            for name, router in self._routers.items()
            if router.alive
            and router.ready
            and name not in answers
            and not meter.stopped(router.pid)
        )

    def load(self) -> Load | None:
        """Tell what the machine has done since the routers dialled; None before that."""
        if self._before is None:
            return None
        routers = {name: router.pid for name, router in self._routers.items() if router.alive}
        after = meter.sample(routers.values(), self.helper_pids)
        return meter.load(self._before, after, routers, len(meter.processors()))

    def progress(self) -> Progress:
        """Tell how far the lab has come."""
        return Progress(
            len(self._routers),
            sum(router.ready for router in self._routers.values()),
            len(self._pairs),
            self._detector.established,
        )

    def states(self) -> list[RouterState]:
        """Describe every router as it is now."""
        up: Counter[str] = Counter()
        for (name, _), session in self._recorder.sessions.items():
            up[name] += session.state == State.ESTABLISHED
        return [
            RouterState(
                name, router.config.asn, router.pid, router.alive, up[name], len(router.peers)
            )
            for name, router in self._routers.items()
        ]

    @property
    def stalls(self) -> Stalls:
        """The stalls of the controller's own reactor."""
        return self._pulse.stalls

    @property
    def helper_pids(self) -> list[int]:
        """The processes that serve the lab besides its routers and this one."""
        return self._starter.helper_pids

    @property
    def established_at(self) -> float | None:
        """When the last session became Established; None while one is not."""
        states = self._recorder.sessions.values()
        if any(session.state != State.ESTABLISHED for session in states):
            return None
        return max((session.since for session in states), default=self.ready_at)

    @property
    def sessions(self) -> dict[tuple[str, str], SessionState]:
        """The state of every session end, by router and peer, as last recorded."""
        return self._recorder.sessions


def _untimed(routers: Sequence[RouterConfig]) -> list[Ends]:
    """List the sessions, from both ends, in which no HoldTimer runs (RFC 4271 section 4.2)."""
    off = [
        (router.name, peer.name)
        for router in routers
        for peer in router.peers
        if peer.timers.hold == 0
    ]
    return [ends for pair in off for ends in (pair, pair[::-1])]


def _with(answer: Any, name: str) -> tuple[str, Any]:
    return name, answer
