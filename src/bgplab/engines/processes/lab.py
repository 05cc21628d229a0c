"""The controller of a lab of processes: starts, watches, asks and stops its routers.

Routers start in a bounded window; two barriers, all configured and all listening, come before
any router dials: without them the BGP work of the first would starve the start of the rest.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from bgplab.config import Level, RouterConfig
from bgplab.engines.interface import Measures, Progress, RouterState
from bgplab.engines.processes import commands, meter
from bgplab.engines.processes.acts import Acts
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.convergence import Convergence
from bgplab.engines.processes.gather import all_of, those_that_come
from bgplab.engines.processes.measuring import Pulse, summed_up
from bgplab.engines.processes.remote import ControllerAMP, RemoteRouter
from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter, describe_end
from bgplab.engines.quiescence import Detector
from bgplab.engines.verdict import Death, Verdict
from bgplab.errors import LabError, ProcessError
from bgplab.facts import BestChanged, StateChanged
from bgplab.observe.load import Load, Stalls
from bgplab.observe.recorder import Recorder, SessionState
from bgplab.observe.records import Quiet, decode
from bgplab.observe.store import RouteRow, Store
from bgplab.session.events import State

WINDOW = 24  # routers that are being started at one time
PATIENCE = 10.0  # seconds that a router may take to answer a question
SUBMIT_EVERY = 0.1  # seconds between two hand-overs to the store's writer


class ProcessLab(Acts):
    """A lab whose routers are processes. Implements bgplab.engines.interface.Lab."""

    def __init__(
        self,
        reactor: Any,
        starter: ForkServerStarter | SpawnStarter,
        routers: Sequence[RouterConfig],
        sessions: Iterable[tuple[str, str]],
        store: Store,
        logs: Path,
        clock: LabClock | None = None,
    ) -> None:
        self.deaths: list[Death] = []
        self.on_death: Callable[[Death], None] = lambda death: None
        self.on_collapse: Callable[[LabError], None] = lambda error: None
        self._clock = clock or LabClock()
        self.now: Callable[[], float] = self._clock.seconds
        self.ready_at: float | None = None  # when the last router process was ready
        self._child = starter.child
        self._reactor = reactor
        self._starter = starter
        self._store = store
        self._recorder = Recorder(store, routers)
        remote = {
            config.name: RemoteRouter(config, logs / f"{config.name}.jsonl")
            for config in routers
        }
        sessions = list(sessions)
        detector = Detector(remote, sessions)
        judge = Convergence(reactor, self._clock, detector, remote, self.measures)
        self._convergence = judge
        super().__init__(remote, sessions, detector, judge.disturbed, judge.carried_out)
        self._stopping = False
        self._before: meter.Sample | None = None  # when the routers dialled
        self._pulse = Pulse(store.submit, SUBMIT_EVERY)
        self._submitting = LoopingCall(self._pulse.beat)
        self._submitting.clock = reactor

    # Start and stop.

    async def start(self) -> None:
        """Start all routers and let them dial. Raises ProcessError or HostError."""
        self._pulse.start()
        self._submitting.start(SUBMIT_EVERY, now=False)
        queue = deque(self._routers.values())
        workers = [
            Deferred.fromCoroutine(self._start_from(queue))
            for _ in range(min(WINDOW, len(queue)))
        ]
        await all_of(workers)
        self.ready_at = self.now()
        if self._clock.factor != 1.0:
            self._clock.begin()
            clock = {"factor": self._clock.factor, "origin": self._clock.origin}
            told = [router.tell(commands.Scale, **clock) for router in self._routers.values()]
            await all_of(told)
        await all_of([router.tell(commands.Listen) for router in self._routers.values()])
        self._before = meter.sample(self.pids, self.helper_pids)
        await all_of([router.tell(commands.Dial) for router in self._routers.values()])

    async def _start_from(self, queue: deque[RemoteRouter]) -> None:
        """Start one router after the other, as long as there are any."""
        while queue:
            await self._start_one(queue.popleft())

    async def _start_one(self, router: RemoteRouter) -> None:
        name = router.config.name
        router.amp, finished = self._starter.startAMPProcess(
            self._child,
            ampParent=lambda: ControllerAMP(lambda frame: self._received(router, frame)),
            ampChildArgs=(name, str(router.log), str(os.getpid())),
        )
        router.alive = True
        finished.addBoth(self._ended, router)
        answer = await router.configure()
        if answer is None:
            return
        router.pid = answer["pid"]
        router.ready = True
        self._store.router_running(name, router.pid)

    async def stop(self) -> None:
        """End all routers at once, unrecorded, and wait until they are gone."""
        self._stopping = True
        if self._submitting.running:
            self._submitting.stop()
        await self._starter.stop()

    def _ended(self, reason: Any, router: RemoteRouter) -> None:
        """Take note that a router process has ended, however it did."""
        router.alive = False
        if self._stopping:
            return
        if isinstance(reason, Failure) and isinstance(reason.value, ProcessError):
            self.on_collapse(reason.value)  # not this router alone: the fork server is gone
            return
        name = router.config.name
        status = describe_end(reason) if isinstance(reason, Failure) else "exited with status 0"
        now = self.now()
        self._detector.died(name)
        self._recorder.router_died(name, status, now)
        if not router.on_purpose:
            death = Death(name, status, now, router.log_tail())
            self.deaths.append(death)
            self.on_death(death)
        self._convergence.disturbed()
        self._convergence.consider()

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

    def _received(self, router: RemoteRouter, frame: bytes) -> None:
        """Take a frame of records: facts go to the store, reports to the detector."""
        if self._stopping:
            return  # the routers see each other end, which is no part of the run
        name = router.config.name
        for record in decode(frame, router.peers):
            if isinstance(record, Quiet):
                self._convergence.report(name, record)
                continue
            if isinstance(record, BestChanged):
                self._convergence.changed(name, record)
                if self._store.level < Level.UPDATES:
                    continue  # told for the convergence alone, not to be recorded
            elif isinstance(record, StateChanged):
                self._convergence.moved(record)
            self._recorder.record(name, record)

    # What may be asked.

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
        """Give the Loc-RIB of a router."""
        text, last, number = bytearray(), False, 0
        while not last:
            answer = await self._router(router).call(commands.Routes, number=number)
            text += answer["part"]
            last = answer["last"]
            number += 1
        return [RouteRow(*json.loads(line)) for line in text.decode().splitlines()]

    async def store_routes(self) -> None:
        """Enter the Loc-RIB of every router that answers into the store."""

        async def one(name: str) -> None:
            self._store.put_routes(name, await self.routes(name))

        await self._from_all(lambda name: Deferred.fromCoroutine(one(name)))

    async def _from_all(self, ask: Callable[[str], Deferred[Any]]) -> dict[str, Any]:
        """Ask all live routers at once; give the answers of those that answer in time."""
        names = [name for name in self._detector.alive if self._routers[name].ready]
        asked = [ask(name).addTimeout(PATIENCE, self._reactor) for name in names]
        answers = await those_that_come(
            [each.addCallback(_with, name) for name, each in zip(names, asked, strict=True)]
        )
        return dict(answers)

    async def measures(self) -> Measures:
        """Collect what the live routers measured of themselves."""
        answers = await self._from_all(lambda name: self._routers[name].call(commands.Measure))
        return summed_up(answers, self._silent(answers))

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
        """The processes that belong to the lab besides its routers and this one."""
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


def _with(answer: Any, name: str) -> tuple[str, Any]:
    return name, answer
