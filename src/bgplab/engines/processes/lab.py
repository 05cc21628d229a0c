"""The controller of a lab of processes: starts, watches, asks and stops its routers.

Routers start in a bounded window; two barriers, all configured and all listening, come before
any router dials: without them the BGP work of the first would starve the start of the rest.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from bgplab.config import RouterConfig
from bgplab.engines.interface import Measures, Progress, RouterState
from bgplab.engines.processes import commands
from bgplab.engines.processes.gather import all_of, those_that_come
from bgplab.engines.processes.remote import ControllerAMP, RemoteRouter
from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter, describe_end
from bgplab.engines.quiescence import Detector
from bgplab.engines.verdict import CONVERGED, TIMEOUT, Death, Verdict
from bgplab.errors import LabError, ProcessError, UsageError
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.recorder import Recorder, SessionState
from bgplab.observe.records import Quiet, decode
from bgplab.observe.runs import did_you_mean
from bgplab.observe.store import RouteRow, Store
from bgplab.session.events import State

WINDOW = 24  # routers that are being started at one time
PATIENCE = 10.0  # seconds that a router may take to answer a question
SUBMIT_EVERY = 0.1  # seconds between two hand-overs to the store's writer
WAVE_AGAIN = 0.01  # seconds after a second wave that found something moving


class ProcessLab:
    """A lab whose routers are processes. Implements bgplab.engines.interface.Lab."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        starter: ForkServerStarter | SpawnStarter,
        routers: Sequence[RouterConfig],
        sessions: Iterable[tuple[str, str]],
        store: Store,
        logs: Path,
    ) -> None:
        self.deaths: list[Death] = []
        self.on_death: Callable[[Death], None] = lambda death: None
        self.on_collapse: Callable[[LabError], None] = lambda error: None
        self.now: Callable[[], float] = time.monotonic
        self.ready_at: float | None = None  # when the last router process was ready
        self._child = starter.child
        self._reactor = reactor
        self._starter = starter
        self._store = store
        self._recorder = Recorder(store, routers)
        self._routers = {
            config.name: RemoteRouter(config, logs / f"{config.name}.jsonl")
            for config in routers
        }
        self._sessions = list(sessions)
        self._detector = Detector(self._routers, self._sessions)
        self._waiting: list[Deferred[None]] = []
        self._watching: list[Deferred[float]] = []
        self._settled_change = 0.0  # the last route change at the last verdict
        self._waving = False
        self._answers: dict[str, int | None] = {}  # to the second wave
        self._stopping = False
        self._failure: LabError | None = None
        self._submitting = LoopingCall(store.submit)
        self._submitting.clock = reactor

    # Start and stop.

    async def start(self) -> None:
        """Start all routers and let them dial. Raises ProcessError or HostError."""
        self._submitting.start(SUBMIT_EVERY, now=False)
        queue = deque(self._routers.values())
        workers = [
            Deferred.fromCoroutine(self._start_from(queue))
            for _ in range(min(WINDOW, len(queue)))
        ]
        await all_of(workers)
        self.ready_at = self.now()
        await all_of([router.tell(commands.Listen) for router in self._routers.values()])
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
        self._consider()

    # Convergence.

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and wait until it has converged, within `timeout`.

        A router that has not started by then is named like one that has not settled.
        """
        deadline = self.now() + timeout
        if not self._submitting.running:
            starting = Deferred.fromCoroutine(self.start())
            starting.addTimeout(timeout, self._reactor)
            try:
                await starting
            except DeferredTimeoutError:
                return self._timed_out()
        return await self.until_converged(max(0.0, deadline - self.now()))

    def until_disturbed(self) -> Deferred[float]:
        """Wait until a route or a session changes after the last verdict; gives the time.

        Fails with what was given to `give_up`.
        """
        if self._failure is not None:
            return fail(self._failure)
        disturbed: Deferred[float] = Deferred()
        self._watching.append(disturbed)
        self._consider()
        return disturbed

    def give_up(self, error: LabError) -> None:
        """Let nobody wait for a change any more: the lab as a whole has failed."""
        self._failure = error
        watching, self._watching = self._watching, []
        for disturbed in watching:
            disturbed.errback(error)

    def _timed_out(self) -> Verdict:
        starting = [
            f"router {name}: has not started"
            for name, router in self._routers.items()
            if router.alive and not router.ready
        ]
        reasons = starting or self._detector.unsettled() or self._silent()
        return Verdict(TIMEOUT, self._detector.last_change, self.now(), tuple(reasons))

    def until_converged(self, timeout: float) -> Deferred[Verdict]:
        """Wait until the network has converged, or `timeout` seconds have passed."""
        return Deferred.fromCoroutine(self._until_converged(timeout))

    async def _until_converged(self, timeout: float) -> Verdict:
        settled: Deferred[None] = Deferred()
        settled.addTimeout(timeout, self._reactor)
        self._waiting.append(settled)
        self._consider()
        try:
            await settled
        except DeferredTimeoutError:
            return self._timed_out()
        finally:
            if settled in self._waiting:
                self._waiting.remove(settled)
        self._settled_change = self._detector.last_change
        return Verdict(CONVERGED, self._detector.last_change, self.now())

    def _received(self, router: RemoteRouter, frame: bytes) -> None:
        """Take a frame of records: facts go to the store, reports to the detector."""
        if self._stopping:
            return  # the routers see each other end, which is no part of the run
        name = router.config.name
        for record in decode(frame, router.peers):
            if isinstance(record, Quiet):
                self._detector.report(name, record)
                self._consider()
            else:
                self._recorder.record(name, record)

    def _consider(self) -> None:
        """Send the second wave, if somebody waits and the reports make a consistent cut."""
        moved = self._detector.last_change > self._settled_change
        if self._watching and (moved or not self._detector.settled):
            watching, self._watching = self._watching, []
            for disturbed in watching:
                disturbed.callback(self.now())
        if self._waiting and not self._waving and self._detector.settled:
            self._waving = True
            Deferred.fromCoroutine(self._wave()).addErrback(
                lambda failure: self.log.failure("the second wave failed", failure)
            )

    async def _wave(self) -> None:
        """Ask every live router where it stands; fire those who wait if nothing has moved."""
        self._answers = dict.fromkeys(self._detector.alive)
        try:
            await DeferredList([self._ask(name) for name in self._answers], consumeErrors=True)
        finally:
            self._waving = False
        if self._detector.confirmed(self._answers):
            waiting, self._waiting = self._waiting, []
            for settled in waiting:
                settled.callback(None)
        else:
            # Somebody has moved since, or is about to report: look again soon.
            self._reactor.callLater(WAVE_AGAIN, self._consider)

    def _ask(self, name: str) -> Deferred[None]:
        """Ask one router; a dead one leaves its answer at None."""

        def answered(answer: dict[str, Any]) -> None:
            self._answers[name] = answer["activity"] if answer["quiet"] else None

        router = self._routers[name]
        return router.call(commands.Wave).addCallback(answered)

    def _silent(self) -> list[str]:
        """Name the routers that have not answered the second wave."""
        return [
            f"router {name}: does not answer"
            for name, answer in self._answers.items()
            if answer is None
        ]

    # What may be asked.

    async def announce(self, router: str, *prefixes: str, med: int | None = None) -> None:
        """Let a router originate prefixes. Raises ValueError for what is no prefix."""
        await self._act(router, "Originate", {"prefixes": prefixes, "med": med})

    async def withdraw(self, router: str, *prefixes: str) -> None:
        """Let a router withdraw prefixes of its own. Raises ValueError for no prefix."""
        await self._act(router, "Withdraw", {"prefixes": prefixes})

    async def reset(self, router: str, *peers: str) -> None:
        """Tear down sessions of a router, all if none is named; they come back."""
        await self._act(router, "Reset", {"peers": peers})

    async def _act(self, name: str, kind: str, fields: dict[str, Any]) -> None:
        router = self._router(name)
        self._detector.disturb(name)
        answer = {"activity": 0}  # an act that is refused changes nothing
        try:
            answer = await router.call(commands.Act, act=json.dumps([kind, fields]).encode())
        finally:
            self._detector.disturbed(name, answer["activity"])

    def kill(self, router: str) -> None:
        """Kill a router as a crash would; no death of the lab. ProcessError if it is dead."""
        found = self._router(router)
        if not found.alive:
            raise ProcessError(router, "not running")
        found.on_purpose = True
        os.kill(found.pid, signal.SIGKILL)
        self._detector.disturb(router)

    def pid(self, router: str) -> int:
        """Give the process id of a router."""
        return self._router(router).pid

    @property
    def pids(self) -> list[int]:
        """The process ids of all routers that live."""
        return [router.pid for router in self._routers.values() if router.alive]

    def _router(self, name: str) -> RemoteRouter:
        """Find a router. Raises UsageError for an unknown name."""
        if name not in self._routers:
            raise UsageError(f"no router {name!r}{did_you_mean(name, self._routers)}")
        return self._routers[name]

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

    async def _from_all(self, ask: Callable[[str], Deferred[Any]]) -> list[Any]:
        """Ask all live routers at once; give the answers of those that answer in time."""
        asked = [
            ask(name).addTimeout(PATIENCE, self._reactor)
            for name in self._detector.alive
            if self._routers[name].ready
        ]
        return await those_that_come(asked)

    async def measures(self) -> Measures:
        """Collect what the live routers measured of themselves."""
        answers = await self._from_all(lambda name: self._routers[name].call(commands.Measure))
        lateness = LatenessHistogram()
        for answer in answers:
            lateness.merge(LatenessHistogram.from_bytes(answer["lateness"]))
        return Measures(
            lateness,
            sum(answer["sent"] for answer in answers),
            sum(answer["received"] for answer in answers),
            sum(answer["routes"] for answer in answers),
            max((answer["coalesced"] for answer in answers), default=0.0),
            sum(answer["failures"] for answer in answers),
        )

    def progress(self) -> Progress:
        """Tell how far the lab has come."""
        return Progress(
            len(self._routers),
            sum(router.ready for router in self._routers.values()),
            len(self._sessions),
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
