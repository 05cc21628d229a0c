"""The routers of a lab as processes: started, killed, paused, and started anew.

A router that dies of itself is a death of the lab; one that is killed here is not. Routers
start in a bounded window; two barriers, all configured and all listening, come before any
router dials: without them the BGP work of the first would starve the start of the rest.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bgplab.engines.obstacles import Ends
from bgplab.engines.processes import commands
from bgplab.engines.processes.acts import Acts
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.convergence import Convergence
from bgplab.engines.processes.gather import all_of, those_that_come
from bgplab.engines.processes.hogs import Hogs
from bgplab.engines.processes.remote import ControllerAMP, RemoteRouter
from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter, describe_end
from bgplab.engines.quiescence import Detector
from bgplab.engines.verdict import Death
from bgplab.errors import LabError, NotNowError, ProcessError
from bgplab.observe.recorder import Recorder
from bgplab.observe.store import Store

WINDOW = 24  # routers that are being started at one time
LAST_WORDS = 1.0  # seconds that a router may take to give an account of itself


class Lifecycle(Acts):
    """Starts the routers of a lab, and does to their processes what a scenario asks for.

    Whoever derives from it takes the frames of records: `_received`.
    """

    def __init__(
        self,
        reactor: Any,
        starter: ForkServerStarter | SpawnStarter,
        clock: LabClock,
        store: Store,
        recorder: Recorder,
        judge: Convergence,
        routers: Mapping[str, RemoteRouter],
        sessions: Iterable[Ends],
        detector: Detector,
    ) -> None:
        super().__init__(
            *(routers, sessions, detector, judge.disturbed, judge.carried_out),
            *(clock.seconds, lambda text, *names: recorder.act(clock.seconds(), text, *names)),
        )
        self.deaths: list[Death] = []
        self.on_death: Callable[[Death], None] = lambda death: None
        self.on_collapse: Callable[[LabError], None] = lambda error: None
        self.ready_at: float | None = None  # when the last router process was ready
        self._reactor = reactor
        self._starter = starter
        self._child = starter.child
        self._clock = clock
        self._store = store
        self._recorder = recorder
        self._convergence = judge
        self._hogs = Hogs(reactor)
        self._stopping = False

    async def start(self) -> None:
        """Start all routers and let them dial. Raises ProcessError or HostError."""
        queue = deque(self._routers.values())
        workers = [
            Deferred.fromCoroutine(self._start_from(queue))
            for _ in range(min(WINDOW, len(queue)))
        ]
        await all_of(workers)
        self.ready_at = self.now()
        if self._clock.factor != 1.0:
            self._clock.begin()
            await all_of([self._scale(router) for router in self._routers.values()])
        await all_of([router.tell(commands.Listen) for router in self._routers.values()])
        self.before_dialling()
        await all_of([router.tell(commands.Dial) for router in self._routers.values()])

    def before_dialling(self) -> None:
        """Take note that the routers are about to dial: what they cost counts from here."""

    async def _start_from(self, queue: deque[RemoteRouter]) -> None:
        """Start one router after the other, as long as there are any."""
        while queue:
            router = queue.popleft()
            if await self._start_one(router):
                self._store.router_running(router.config.name, router.pid)

    async def _start_one(self, router: RemoteRouter) -> bool:
        """Start the process of a router and configure it; False if it died over that."""
        ended: Deferred[None] = Deferred()
        silent: Deferred[None] = Deferred()
        router.gone = Deferred.fromCoroutine(_both(ended, silent))
        router.lives += 1
        router.on_purpose = False
        router.amp, finished = self._starter.startAMPProcess(
            self._child,
            ampParent=lambda: ControllerAMP(
                lambda frame: self._received(router, frame), lambda: silent.callback(None)
            ),
            ampChildArgs=(router.config.name, str(router.log), str(os.getpid())),
        )
        router.alive = True
        finished.addBoth(self._ended, router)
        finished.addBoth(lambda _: ended.callback(None))
        answer = await router.configure()
        if answer is None:
            return False
        router.pid = answer["pid"]
        router.ready = True
        if self._convergence.tells_changes:
            router.tell(commands.Tell, changes=True)
        self.silences.end(router.config.name, self.now())  # if it is not the first of its name
        return True

    def _scale(self, router: RemoteRouter) -> Deferred[Any]:
        """Give a router the lab's clock."""
        return router.tell(commands.Scale, factor=self._clock.factor, origin=self._clock.origin)

    def _received(self, router: RemoteRouter, frame: bytes) -> None:
        """Take a frame of records."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End all routers at once, unrecorded, and wait until they are gone."""
        self._stopping = True
        self._hogs.stop()
        await self._starter.stop()

    def _ended(self, reason: Any, router: RemoteRouter) -> None:
        """Take note that a router process has ended, however it did."""
        router.ended()
        if self._stopping:
            return
        if isinstance(reason, Failure) and isinstance(reason.value, ProcessError):
            self.on_collapse(reason.value)  # not this router alone: the fork server is gone
            return
        name = router.config.name
        status = describe_end(reason) if isinstance(reason, Failure) else "exited with status 0"
        now = self.now()
        self._detector.died(name)
        self.silences.begin(name, now)
        self._recorder.router_died(name, status, now)
        if not router.on_purpose:
            death = Death(name, status, now, router.log_tail())
            self.deaths.append(death)
            self.on_death(death)
        self._convergence.disturbed()
        self._convergence.consider()

    # Acts.

    def kill(self, router: str) -> None:
        """Kill a router as a crash would; no death of the lab. ProcessError if it is dead."""
        found = self._router(router)
        if not (found.alive and found.ready) or found.on_purpose:
            raise ProcessError(router, "not running")
        self._note_act("kill", router)
        self._kill(found)

    def _kill(self, router: RemoteRouter) -> None:
        self._signal(router, signal.SIGKILL)
        router.on_purpose = True
        self._detector.disturb(router.config.name)
        self._disturbed()

    def _signal(self, router: RemoteRouter, number: int) -> None:
        """Send a signal; ProcessError if the router has just ended, which is yet to be told."""
        try:
            os.kill(router.pid, number)
        except ProcessLookupError:
            raise ProcessError(router.config.name, "not running") from None

    async def restart(self, router: str) -> None:
        """Start a router anew as it was planned; one that still runs is killed first.

        Links stay as they are (cut, delayed, swallowing); what it was told since the start of
        the lab is forgotten. Raises ProcessError if it dies over its start.
        """
        found = self._router(router)
        if found.alive and not found.ready:
            raise NotNowError(router, "is being started")
        self._note_act("restart", router)
        await self._last_words(found)
        if found.alive and not found.on_purpose:
            with suppress(ProcessError):  # it has just ended by itself
                self._kill(found)
        await found.gone
        self._disturbed()
        self._detector.revived(router)
        self._detector.disturb(router)
        activity = 0
        try:
            activity = await self._come_back(found)
        finally:
            self._detector.disturbed(router, activity)
            self._carried_out()

    async def _come_back(self, router: RemoteRouter) -> int:
        """Start a router that is gone, up to its dialling; gives its activity then."""
        name = router.config.name
        router.ready = False
        router.pid = 0
        if not await self._start_one(router):
            raise ProcessError(name, "it ended while it was started anew")
        self._recorder.router_restarted(name, router.pid, self.now())
        if self._clock.factor != 1.0:
            await self._scale(router)
        await self._restore_links(router)
        await router.tell(commands.Listen)
        answer = await router.tell(commands.Dial)
        if answer is None:
            raise ProcessError(name, "it ended while it was started anew")
        activity: int = answer["activity"]
        return activity

    async def pause(self, router: str) -> None:
        """Stop a router in its tracks (SIGSTOP): alive, but silent.

        Nothing happens to one that is paused already.
        """
        found = self._router(router)
        if self._detector.asleep(router):
            return
        self._running(router)
        await self._last_words(found)
        self._running(router)  # it may have died meanwhile
        self._note_act("pause", router)
        self._disturbed()
        self.silences.begin(router, self.now())
        self._signal(found, signal.SIGSTOP)
        self._detector.pause(router)
        self._convergence.silenced(router)
        await self._hear(found.peers)
        self._carried_out()

    async def _last_words(self, router: RemoteRouter) -> None:
        """Let a router that is about to fall silent tell what it has measured so far.

        One that does not answer soon is taken at what it said before.
        """
        asleep = self._detector.asleep(router.config.name)
        if router.alive and not router.on_purpose and not asleep:
            asked = router.measure().addTimeout(LAST_WORDS, self._reactor)
            await those_that_come([asked])

    async def resume(self, router: str) -> None:
        """Let a paused router go on (SIGCONT); nothing happens to one that runs."""
        found = self._router(router)
        if not found.alive:
            raise ProcessError(router, "not running")
        if not self._detector.asleep(router):
            return
        self._note_act("resume", router)
        heard = Deferred.fromCoroutine(self._carry_out(found, commands.Flush))
        self._detector.resume(router)
        with suppress(ProcessError):  # it has just ended: `heard` says so
            self._signal(found, signal.SIGCONT)
        self.silences.end(router, self.now())
        await heard

    async def hog_cpu(self, processes: int, seconds: float) -> None:
        """Let processes beside the lab compute for so long; returns at once.

        They end with the lab at the latest, however it ends.
        """
        self._note_act(f"hog-cpu {processes} {seconds:g} s")
        self._hogs.start(processes, self._clock.real(seconds))

    @property
    def hog_pids(self) -> list[int]:
        """The processes that compute beside the lab, as it was asked to let them."""
        return self._hogs.pids


async def _both(first: Deferred[None], second: Deferred[None]) -> None:
    await first
    await second
