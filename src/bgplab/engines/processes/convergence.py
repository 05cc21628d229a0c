"""Whether the network of a running lab has converged, or cannot: the controller's side of it.

The Detector judges the routers' reports; here are those who wait for it, the second wave, and
the watch over a network that goes on and on. What is asked of routers goes through `ask`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from bgplab.engines.interface import Measures
from bgplab.engines.processes import commands
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.remote import RemoteRouter
from bgplab.engines.processes.suspicion import LOOK_EVERY, Suspicion, patience
from bgplab.engines.quiescence import Detector
from bgplab.engines.verdict import CONVERGED, DIVERGES, TIMEOUT, Cycle, Verdict
from bgplab.errors import LabError
from bgplab.facts import BestChanged, StateChanged
from bgplab.observe.record_forms import Quiet
from bgplab.session.events import State

WAVE_AGAIN = 0.01  # seconds after a second wave that found something moving


class Convergence:
    """Gives the verdict on a network, and tells when it is disturbed.

    `measure` collects what the routers measured. Waiting times of the lab are stretched with
    its clock; the machine gets as much time as they say in any case.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        clock: LabClock,
        detector: Detector,
        routers: Mapping[str, RemoteRouter],
        measure: Callable[[], Awaitable[Measures]],
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._detector = detector
        self._routers = routers
        self._measure = measure
        self._waiting: list[Deferred[Cycle | None]] = []
        self._watching: list[Deferred[float]] = []
        self._settled_change = 0.0  # the last route change at the last verdict
        self._waving = False
        self._answers: dict[str, int | None] = {}  # to the second wave
        self._asked: dict[str, Deferred[None]] = {}  # by the second wave, without an answer yet
        self.tells_changes = False  # whether routers tell of changes whatever goes on here
        self._failure: LabError | None = None
        self._suspicion: Suspicion | None = None
        self._looking: LoopingCall | None = None
        self._patience = patience([router.config for router in routers.values()], clock.factor)

    # What is known of the routers.

    def report(self, name: str, quiet: Quiet) -> None:
        """Take the report of a router that turned passive."""
        self._detector.report(name, quiet)
        self.consider()

    def changed(self, name: str, change: BestChanged) -> None:
        """Take note that a best route has changed, where somebody looks out for it."""
        if self._suspicion is not None:
            self._suspicion.changed(name, change)

    def moved(self, change: StateChanged) -> None:
        """Take note of a session's move: what it does to routes is no oscillation of theirs."""
        if State.ESTABLISHED in (change.old, change.new):
            self.disturbed()

    def disturbed(self) -> None:
        """Take note that something from outside the network may change its routes."""
        if self._suspicion is not None:
            self._suspicion.disturb()

    def carried_out(self) -> None:
        """Take note that an act was carried out; all that it led to may have been reported."""
        if self._detector.settled:
            self.consider()

    # Those who wait.

    def until_disturbed(self) -> Deferred[float]:
        """Wait until a route or a session changes after the last verdict; gives the time.

        Fails with what was given to `give_up`.
        """
        if self._failure is not None:
            return fail(self._failure)
        disturbed: Deferred[float] = Deferred()
        self._watching.append(disturbed)
        self.consider()
        return disturbed

    def give_up(self, error: LabError) -> None:
        """Let nobody wait for a change any more: the lab as a whole has failed."""
        self._failure = error
        watching, self._watching = self._watching, []
        for disturbed in watching:
            disturbed.errback(error)

    async def until_converged(self, timeout: float) -> Verdict:
        """Wait for the verdict, for `timeout` seconds of the lab and as many of the machine."""
        settled: Deferred[Cycle | None] = Deferred()
        settled.addTimeout(max(timeout, self._clock.real(timeout)), self._reactor)
        self._waiting.append(settled)
        looking = self._reactor.callLater(self._patience, self._suspect)
        self.consider()
        try:
            cycle = await settled
        except DeferredTimeoutError:
            return self.timed_out()
        finally:
            if settled in self._waiting:
                self._waiting.remove(settled)
            if looking.active():
                looking.cancel()
            if not self._waiting:
                self._relax()
        last_change = self._settled_change = self._detector.last_change
        name = CONVERGED if cycle is None else DIVERGES
        return Verdict(name, last_change, self._clock.seconds(), cycle=cycle)

    def timed_out(self) -> Verdict:
        """Give the verdict of a network that has not converged in time."""
        starting = [
            f"router {name}: has not started"
            for name, router in self._routers.items()
            if router.alive and not router.ready
        ]
        reasons = starting or self._detector.unsettled() or self._silent()
        last_change = self._detector.last_change
        return Verdict(TIMEOUT, last_change, self._clock.seconds(), tuple(reasons))

    def _settle(self, cycle: Cycle | None) -> None:
        """Tell those who wait: converged, or what repeats."""
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            settled.callback(cycle)

    # The second wave.

    def consider(self) -> None:
        """Send the second wave, if somebody waits and the reports make a consistent cut."""
        moved = self._detector.last_change > self._settled_change
        if self._watching and (moved or not self._detector.settled):
            watching, self._watching = self._watching, []
            for disturbed in watching:
                disturbed.callback(self._clock.seconds())
        if self._waiting and not self._waving and self._detector.settled:
            self._waving = True
            Deferred.fromCoroutine(self._wave()).addErrback(
                lambda failure: self.log.failure("the second wave failed", failure)
            )

    async def _wave(self) -> None:
        """Ask every router that runs where it stands; fire those who wait if nothing moved."""
        self._answers = dict.fromkeys(self._detector.awake)
        try:
            self._asked = {name: self._ask(name) for name in self._answers}
            await DeferredList(list(self._asked.values()), consumeErrors=True)
        finally:
            self._waving = False
            self._asked = {}
        if self._detector.confirmed(self._answers):
            self._settle(None)
        else:
            # Somebody has moved since, or is about to report: look again soon.
            self._reactor.callLater(WAVE_AGAIN, self.consider)

    def _ask(self, name: str) -> Deferred[None]:
        """Ask one router; a dead one leaves its answer at None."""

        def answered(answer: dict[str, Any]) -> None:
            self._answers[name] = answer["activity"] if answer["quiet"] else None

        router = self._routers[name]
        return router.call(commands.Wave).addCallback(answered)

    def silenced(self, name: str) -> None:
        """Wait for no answer of a router to the second wave any more: it has been paused."""
        if name in self._asked:
            self._asked[name].cancel()

    def _silent(self) -> list[str]:
        """Name the routers that have not answered the second wave."""
        return [
            f"router {name}: does not answer"
            for name, answer in self._answers.items()
            if answer is None
        ]

    # A network that goes on and on.

    def _suspect(self) -> None:
        """Look out for a cycle from now on: the network should have converged by now."""
        if self._suspicion is not None:
            return  # somebody else who waits has seen to it
        self._suspicion = Suspicion(self._clock)
        watch = Deferred.fromCoroutine(self._watch(self._suspicion))
        watch.addErrback(
            lambda failure: self.log.failure("the watch over changes failed", failure)
        )

    async def _watch(self, suspicion: Suspicion) -> None:
        """Let the routers tell of their changes until a cycle is found or nobody waits."""
        before, since = await self._measure(), self._clock.seconds()
        if self._suspicion is not suspicion:
            return
        self._tell(changes=True)
        found: list[Cycle] = []

        def look() -> None:
            cycle = suspicion.look()
            if cycle is not None:
                found.append(cycle)
                looking.stop()

        self._looking = looking = LoopingCall(look)
        looking.clock = self._reactor
        await looking.start(LOOK_EVERY)
        if not found:
            return
        after, until = await self._measure(), self._clock.seconds()
        if self._suspicion is suspicion:
            rate = (after.updates_sent - before.updates_sent) / (until - since)
            self._settle(replace(found[0], updates=rate * found[0].period))

    def _relax(self) -> None:
        """Look out no more."""
        if self._suspicion is not None:
            self._suspicion = None
            if not self.tells_changes:
                self._tell(changes=False)
        if self._looking is not None and self._looking.running:
            self._looking.stop()

    def tell_changes(self) -> Deferred[Any]:
        """Let routers tell of every change of a best route from now on, for good.

        Fires when those that run have heard of it.
        """
        self.tells_changes = True
        told = dict(self._tell(changes=True))
        return DeferredList([told[name] for name in self._detector.awake if name in told])

    def _tell(self, *, changes: bool) -> list[tuple[str, Deferred[Any]]]:
        return [
            (name, router.tell(commands.Tell, changes=changes))
            for name, router in self._routers.items()
            if router.ready
        ]
