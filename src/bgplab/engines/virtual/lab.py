"""A lab in virtual time: what may be asked of it, answered at once.

Everything awaitable here completes without suspending: a coroutine over a lab can be run by
`run_at_once`, and needs no reactor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from random import Random
from typing import Any, TypeVar

from bgplab.config import Level, RouterConfig
from bgplab.engines.divergence import Recurrence
from bgplab.engines.interface import Measures, Progress, RouterState
from bgplab.engines.outcome import route_rows
from bgplab.engines.verdict import CONVERGED, DIVERGES, TIMEOUT, Cycle, Death, Verdict
from bgplab.engines.virtual.acts import Acts
from bgplab.engines.virtual.network import Network
from bgplab.engines.virtual.trial import Trial
from bgplab.facts import BestChanged, Fact, HoldExpired
from bgplab.observe.candidates import Candidate, all_candidates, candidates
from bgplab.observe.expiry import Expiry, in_virtual_time
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.recorder import Recorder, SessionState
from bgplab.observe.store import RouteRow, Store
from bgplab.observe.timing import SessionTiming, timings_of
from bgplab.session.events import State
from bgplab.speaker.speaker import Speaker
from bgplab.topology.plan import Plan
from bgplab.wire.nlri import encode_prefix, format_prefix

TURNS = 4  # returns of the routing state, after which a network is put to the test
NOISE = 100e-6  # seconds, at most: nothing takes exactly as long twice; the seed breaks ties
WATCHED = 20_000  # routes in all Loc-RIBs; in a larger lab not all routers tell each change
OFTEN = 12  # changes per route, after which a router is watched for divergence in any lab
BACKLOG = 8 << 20  # octets that may wait for the database, roughly
STRIDE = 5_000  # events between two looks at the progress

T = TypeVar("T")


def run_at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and give what it returns.

    Raises RuntimeError if it waits for something other than a lab in virtual time.
    """
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    work.close()
    raise RuntimeError("the coroutine waits for something outside virtual time")


class VirtualLab(Acts):
    """A lab whose routers live in one Network. Implements bgplab.engines.interface.Lab.

    `pulse` is called every now and then while time passes. Without a store nothing is kept but
    the present state.
    """

    def __init__(
        self,
        plan: Plan,
        seed: int,
        store: Store | None = None,
        turns: int = TURNS,
        speaker: Callable[[RouterConfig, Random], Speaker] = Speaker,
    ) -> None:
        self.deaths: list[Death] = []
        self.on_death: Callable[[Death], None] = lambda death: None
        self.pulse: Callable[[], None] = lambda: None
        network = Network(plan.routers, Random, seed, NOISE, speaker)
        configs = {config.name: config for config in plan.routers}
        recorder = None if store is None else Recorder(store, plan.routers)
        super().__init__(configs, network, recorder)
        self.started = False
        self._sessions = len(plan.sessions)
        self._store = store
        self._terse = store is None or store.level < Level.UPDATES
        self._recurrence = Recurrence(turns)
        self._trial: Trial | None = None
        self._listeners: list[Callable[[str, Fact], None]] = []
        self._told = 0  # facts, so far
        self._expiries: list[Expiry] = []
        originated = sum(len(router.originate) for router in plan.routers)
        self._tells_changes = originated * len(plan.routers) <= WATCHED
        for name in configs:
            self._prepare(name)
        network.tell = self._tell
        if recorder is not None:
            self.note = lambda text, *routers: recorder.act(network.now, text, *routers)

    def _prepare(self, name: str) -> None:
        """Let a router that is new tell what the lab wants to know, and take its time."""
        made, config = self.network.speakers[name], self._configs[name]
        if self._terse:  # a day has millions of them, all in time; `timings` sums them up
            for session in made.sessions.values():
                session.tells_keepalives = False
        if self._tells_changes:
            made.routing.tells_changes = True
        if config.processing is not None:
            self.network.slow_down(name, *config.processing)

    def now(self) -> float:
        """Give the virtual time in seconds; it begins with 0."""
        return self.network.now

    async def start(self) -> None:
        """Start all routers and let them dial, in no time."""
        self.started = True
        if self._store is not None:
            for name in self._configs:
                self._store.router_running(name, 0)
        self.network.start()

    async def stop(self) -> None:
        """Leave the routers as they are: no time passes any more."""

    # Convergence

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and let time pass until it has converged."""
        if not self.started:
            await self.start()
        return await self.until_converged(timeout)

    async def until_converged(self, timeout: float) -> Verdict:
        """Let time pass until the network has converged, or diverges, at most `timeout` s."""
        network, limit = self.network, self.network.now + timeout
        step, recurrence = network.step, self._recurrence
        while True:
            for _ in range(STRIDE):
                if network.quiet:
                    self._calm()
                    return Verdict(CONVERGED, self._last_change(), network.now)
                if recurrence.cycle is not None and (cycle := self._proved()):
                    return self._diverges(cycle)
                if network.next > limit:
                    network.run(limit)
                    return self._timed_out()
                step()
            self._keep_up()

    def _calm(self) -> None:
        """Begin anew to look for cycles."""
        self._end_trial()
        self._recurrence.disturb()

    def _end_trial(self) -> None:
        """Let routers listen at any time again."""
        self._trial = None
        self.network.slots = None

    def _proved(self) -> Cycle | None:
        """Put a network that goes in a circle to the test; give the cycle if it goes on."""
        if self._trial is None and self._recurrence.cycle is not None:
            self._trial = Trial(self._recurrence.cycle)
            self.network.slots = self._trial.slots(self.network.rng)
        cycle = None if self._trial is None else self._trial.verdict
        if cycle is not None:
            self.network.slots = None
        return cycle

    def _diverges(self, cycle: Cycle) -> Verdict:
        reasons = tuple(self.network.unsettled())
        return Verdict(DIVERGES, self._last_change(), self.network.now, reasons, cycle)

    def _timed_out(self) -> Verdict:
        self._end_trial()  # whatever waits for something else must not be slowed down by it
        reasons = tuple(self.network.unsettled())
        return Verdict(TIMEOUT, self._last_change(), self.network.now, reasons)

    async def wait(self, seconds: float) -> None:
        """Let so many virtual seconds pass."""
        network, until = self.network, self.network.now + seconds
        while network.next <= until:
            network.run(until, STRIDE)
            self._keep_up()
        network.run(until)

    async def until(self, holds: Callable[[], Awaitable[bool]], timeout: float) -> bool:
        """Let time pass until `holds()` gives True, at most `timeout` seconds.

        It is asked at once, and again after each event that came with facts.
        """
        network, limit = self.network, self.network.now + timeout
        while not await holds():
            told, steps = self._told, 0
            while self._told == told:
                if network.next > limit:
                    network.run(limit)
                    return await holds()
                network.step()
                steps += 1
                if steps % STRIDE == 0:
                    self._keep_up()
        return True

    def _keep_up(self) -> None:
        """Watch routers that change their minds too often; let others have their turn."""
        for speaker in self.network.speakers.values():
            routing = speaker.routing
            if routing.changes > OFTEN * (len(routing.loc_rib.best) + OFTEN):
                routing.tells_changes = True
        if self._store is not None:
            self._store.submit()
        self.pulse()

    def _last_change(self) -> float:
        speakers = self.network.speakers.values()
        return max((speaker.routing.last_change or 0.0 for speaker in speakers), default=0.0)

    # Questions

    async def routes(self, router: str) -> Sequence[RouteRow]:
        """Give the Loc-RIB of a router; NotNowError for one that is paused."""
        self._running(router)
        return list(route_rows(self.network.speakers[router].routing.loc_rib))

    async def candidates(self, router: str, prefix: str) -> Sequence[Candidate]:
        """Give every path that a router holds to a prefix. Raises ValueError for no prefix."""
        self._alive(router)
        return candidates(self.network.speakers[router].routing.loc_rib, encode_prefix(prefix))

    async def measures(self) -> Measures:
        """Collect what the routers measured of themselves; nothing is ever late."""
        speakers = self.network.speakers.values()
        sessions = [session for speaker in speakers for session in speaker.sessions.values()]
        return Measures(
            LatenessHistogram(),
            self.past_sent + sum(session.updates_sent for session in sessions),
            self.past_received + sum(session.updates_received for session in sessions),
            sum(len(speaker.routing.loc_rib.best) for speaker in speakers),
            max((speaker.routing.coalesced for speaker in speakers), default=0.0),
            0,
        )

    async def timings(self) -> Sequence[SessionTiming]:
        """Give what every session end of the routers that live measured of its timers."""
        speakers = self.network.speakers.items()
        return [each for name, speaker in speakers for each in timings_of(name, speaker, {})]

    async def expiries(self) -> Sequence[Expiry]:
        """List the hold timers that expired: all genuine, as no router is ever late."""
        return list(self._expiries)

    def sessions_up(self) -> bool:
        """Tell whether every session that nothing keeps down is Established at both ends."""
        return self.network.all_up

    def progress(self) -> Progress:
        """Tell how far the lab has come."""
        total, running = len(self._configs), len(self.network.speakers) * self.started
        return Progress(total, running, self._sessions, self.network.up // 2)

    def states(self) -> list[RouterState]:
        """Describe every router as it is now."""
        return [self._state(name) for name in self._configs]

    def _state(self, name: str) -> RouterState:
        config = self._configs[name]
        speaker = self.network.speakers.get(name)
        up = 0 if speaker is None else sum(s.established for s in speaker.sessions.values())
        return RouterState(name, config.asn, 0, speaker is not None, up, len(config.peers))

    @property
    def established_at(self) -> float | None:
        """When the last session became Established; None while one is not."""
        states = self.sessions.values()
        if any(session.state != State.ESTABLISHED for session in states):
            return None
        return max((session.since for session in states), default=0.0)

    @property
    def sessions(self) -> dict[tuple[str, str], SessionState]:
        """The state of every session end, by router and peer, as recorded."""
        return {} if self._recorder is None else self._recorder.sessions

    def store_routes(self) -> None:
        """Enter the Loc-RIB of every router into the store.

        From level updates on also all paths that it was chosen from.
        """
        if self._store is not None:
            for name, speaker in self.network.speakers.items():
                loc_rib = speaker.routing.loc_rib
                self._store.put_routes(name, route_rows(loc_rib))
                if not self._terse:
                    self._store.put_candidates(name, all_candidates(loc_rib))
                if self._store.backlog > BACKLOG:
                    self._store.flush()  # the disk need not hurry, but nor may rows pile up

    # Facts

    def observe(self, listener: Callable[[str, Fact], None]) -> None:
        """Let `listener(router, fact)` hear of all facts from now on, in their order."""
        self._listeners.append(listener)

    async def tell_changes(self) -> None:
        """Let every router tell each change of a best route from now on."""
        self._tells_changes = True
        for speaker in self.network.speakers.values():
            speaker.routing.tells_changes = True

    async def caught_up(self) -> None:
        """Return: facts are told when they come about."""

    def _tell(self, router: str, fact: Fact) -> None:
        """Watch for divergence, and record what the level asks for."""
        self._told += 1
        for listener in self._listeners:
            listener(router, fact)
        kind = type(fact)
        if kind is BestChanged:
            self._changed(router, fact)  # type: ignore[arg-type]  # as just seen
            if self._terse:
                return
        elif kind is HoldExpired:
            self._expiries.append(in_virtual_time(router, fact))  # type: ignore[arg-type]
        if self._recorder is not None:
            self._recorder.record(router, fact)

    def _changed(self, router: str, fact: BestChanged) -> None:
        at, prefix, peer, as_path = fact
        sent = self.network.updates
        text = format_prefix(prefix)
        if self._trial is None:
            self._recurrence.change(at, router, text, peer, as_path, sent)
        else:
            self._trial.change(router, text)
