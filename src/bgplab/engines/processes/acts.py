"""What may be done to the routers of a lab of processes, and to the links between them.

Each act makes the Detector expect news before it is sent: until the routers concerned have
carried it out and reported, nothing is called converged. What keeps a session down is put in
its way before the routers are told, and taken away before they are. A link act reaches a paused
router when it goes on, as its control channel waits with it; nobody waits for that.

What is done to the processes themselves is in lifecycle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from bgplab.config import RouterConfig, Rule
from bgplab.engines.obstacles import BLACKHOLE, CUT, Ends, shut_down_by
from bgplab.engines.processes import commands
from bgplab.engines.processes.gather import all_of
from bgplab.engines.processes.remote import RemoteRouter, gone
from bgplab.engines.quiescence import Detector
from bgplab.errors import NotNowError, ProcessError, UsageError
from bgplab.observe.expiry import Silences
from bgplab.observe.inputs import encode, to_json
from bgplab.observe.runs import did_you_mean
from bgplab.speaker.inputs import (
    Inject,
    Input,
    Originate,
    Reset,
    SetPolicy,
    Start,
    Stop,
    Withdraw,
)


class Acts:
    """Carries acts out. `disturbed` is called before each, `carried_out` after it.

    `note` is told what is asked for in a scenario's words, the name of the act first, and of
    which routers: one, or the two ends of a link or session. An act raises UsageError for a
    router or a session that does not exist, ProcessError for a router that is dead, and
    NotNowError for one that is paused.
    """

    def __init__(
        self,
        routers: Mapping[str, RemoteRouter],
        sessions: Iterable[Ends],
        detector: Detector,
        disturbed: Callable[[], None],
        carried_out: Callable[[], None],
        now: Callable[[], float],
        note: Callable[..., None] = lambda text, *routers: None,
    ) -> None:
        self.now = now
        self.silences = Silences()  # which the lab itself brings about
        self._routers = routers
        self._pairs = dict.fromkeys(sessions)  # the planned sessions, by their two ends
        self._detector = detector
        self._disturbed = disturbed
        self._carried_out = carried_out
        self._note_act = note
        self._delays: dict[Ends, tuple[float, float]] = {}  # of links, where it was changed

    # Routes and sessions.

    async def announce(
        self,
        router: str,
        *prefixes: str,
        med: int | None = None,
        communities: tuple[int, ...] = (),
    ) -> None:
        """Let a router originate prefixes. Raises ValueError for what is no prefix."""
        given = Originate(prefixes, med, communities)
        await self._act(router, given, f"announce {' '.join(prefixes)}")

    async def withdraw(self, router: str, *prefixes: str) -> None:
        """Let a router withdraw prefixes of its own. Raises ValueError for no prefix."""
        await self._act(router, Withdraw(prefixes), f"withdraw {' '.join(prefixes)}")

    async def reset(self, router: str, *peers: str) -> None:
        """Tear down sessions of a router, all if none is named; they come back."""
        self._sessions_of(router, peers)
        await self._act(router, Reset(peers), "session-reset", *peers)

    async def shut_down(self, router: str, *peers: str, message: str = "") -> None:
        """Shut sessions of a router down, all if none is named; they stay down.

        The peers get Cease/Administrative Shutdown with the message (RFC 9003), of which 255
        octets count.
        """
        sessions = self._sessions_of(router, peers)
        self._running(router)
        for pair in sessions:
            self._detector.obstruct(*pair, shut_down_by(router))
        stop = Stop(peers, message=message)
        await self._act(router, stop, f"admin-shutdown {message}".rstrip(), *peers)
        await self._hear(self._far_ends(router, sessions))

    async def bring_up(self, router: str, *peers: str) -> None:
        """Start sessions of a router, all if none is named (ManualStart)."""
        sessions = self._sessions_of(router, peers)
        self._running(router)
        for pair in sessions:
            self._detector.clear(*pair, shut_down_by(router))
        await self._act(router, Start(peers, manual=True), "admin-up", *peers)

    async def set_policy(
        self,
        router: str,
        *peers: str,
        imports: tuple[Rule, ...] | None = None,
        exports: tuple[Rule, ...] | None = None,
        leak: bool | None = None,
    ) -> None:
        """Give a router other rules towards peers; None leaves a direction as it is."""
        self._sessions_of(router, peers)
        await self._act(router, SetPolicy(peers, imports, exports, leak), "policy", *peers)

    async def send_octets(self, router: str, peer: str, octets: bytes) -> None:
        """Write octets into the connection of a session, past the router's state machine.

        Raises NotNowError if the two have no connection.
        """
        self._session(router, peer)
        try:
            await self._act(router, Inject(peer, octets), "send-octets", peer)
        except commands.NoConnection:
            raise NotNowError(router, f"has no connection to {peer}") from None
        # They count as no message, so the Detector does not know that they are under way.
        await self.wait(self._delay_towards(router, peer))
        await self._hear([peer])

    # Links.

    async def link_down(self, a: str, b: str) -> None:
        """Cut the link between two routers: both see it at once, and it stays down.

        Their session ends as by the loss of its connection (RFC 4271 section 8.2.2, event 18);
        attempts to dial fail at once. Raises UsageError for routers without a session, and
        ProcessError if both are dead.
        """
        ends = self._ends(a, b)
        self._note_act("link-down", a, b)
        self._detector.obstruct(a, b, CUT)
        await self._link(ends, a, b, commands.Link, change="cut")

    async def link_up(self, a: str, b: str) -> None:
        """Mend a link that was cut.

        Its session comes back with the next attempt: that costs no more than IdleHoldTime, as
        the state machine counts no failure while dialling fails, or ConnectRetryTime at worst.
        Raises as `link_down` does.
        """
        ends = self._ends(a, b)
        self._note_act("link-up", a, b)
        self._detector.clear(a, b, CUT)
        await self._link(ends, a, b, commands.Link, change="mend")

    async def blackhole(self, a: str, b: str) -> None:
        """Let the link between two routers swallow all octets: hold timers have to find it.

        Each end holds back what it writes, and what comes from the other one. Raises as
        `link_down` does.
        """
        ends = self._ends(a, b)
        self._note_act("blackhole", a, b)
        self._detector.obstruct(a, b, BLACKHOLE)
        self.silences.begin((a, b), self.now())
        await self._link(ends, a, b, commands.Link, change="darken")

    async def heal(self, a: str, b: str) -> None:
        """Let a link that swallowed octets carry them again, those from before first.

        Raises as `link_down` does.
        """
        ends = self._ends(a, b)
        self._note_act("heal", a, b)
        self._detector.clear(a, b, BLACKHOLE)
        await self._link(ends, a, b, commands.Link, change="heal")
        self.silences.end((a, b), self.now())

    async def delay(self, a: str, b: str, delay: float, jitter: float = 0.0) -> None:
        """Let octets spend `delay` seconds, and up to `jitter` more, on a link, either way.

        Raises as `link_down` does.
        """
        ends = self._ends(a, b)
        self._note_act(f"delay {delay:g} s", a, b)
        self._delays[self._session(a, b)] = (delay, jitter)
        if not self.silences.lasts((a, b)):  # what has just left takes this long to follow
            self.silences.begin((a, b), self.now())
            self.silences.end((a, b), self.now() + delay + jitter)
        await self._link(ends, a, b, commands.Delay, delay=delay, jitter=jitter)

    async def _link(
        self, ends: list[RemoteRouter], a: str, b: str, command: type[Any], **values: Any
    ) -> None:
        """Tell the ends of a link what becomes of it, one after the other."""
        for router in ends:
            peer = b if router.config.name == a else a
            told = Deferred.fromCoroutine(self._carry_out(router, command, peer=peer, **values))
            if self._detector.asleep(router.config.name):
                told.addErrback(gone)
            else:
                await told

    async def _restore_links(self, router: RemoteRouter) -> None:
        """Tell a router that has started anew what its links are like."""
        name = router.config.name
        for peer in router.peers:
            pair = self._session(name, peer)
            between = self._detector.between(*pair)
            for obstacle, change in ((CUT, "cut"), (BLACKHOLE, "darken")):
                if obstacle in between:
                    await router.tell(commands.Link, peer=peer, change=change)
            if pair in self._delays:
                delay, jitter = self._delays[pair]
                await router.tell(commands.Delay, peer=peer, delay=delay, jitter=jitter)

    def _delay_towards(self, router: str, peer: str) -> float:
        """Tell how many seconds octets may spend on their way to a peer."""
        pair = self._session(router, peer)
        if pair in self._delays:
            return sum(self._delays[pair])
        peers = self._routers[router].config.peers
        towards = next(each for each in peers if each.name == peer)
        return towards.delay + towards.delay_jitter

    def wait(self, seconds: float) -> Deferred[None]:
        """Let so many seconds pass on the lab's clock."""
        raise NotImplementedError

    # What acts have in common.

    def _session(self, a: str, b: str) -> Ends:
        """Find the session between two routers. Raises UsageError if there is none."""
        router, other = self._router(a), self._router(b)
        for pair in ((a, b), (b, a)):
            if pair in self._pairs:
                return pair
        known = ", ".join(router.peers) or "none"
        raise UsageError(f"no session {a}-{other.config.name}; peers of {a}: {known}")

    def _sessions_of(self, name: str, peers: Sequence[str]) -> list[Ends]:
        """Find the sessions of a router with these peers, or all. Raises UsageError."""
        return [self._session(name, peer) for peer in peers or self._router(name).peers]

    def _far_ends(self, name: str, sessions: Iterable[Ends]) -> list[str]:
        return [b if a == name else a for a, b in sessions]

    def _ends(self, a: str, b: str) -> list[RemoteRouter]:
        """Give the routers that live at the ends of a link, first one that only listens.

        It is ready then when the other one dials.
        """
        self._session(a, b)
        ends = [self._routers[name] for name in (a, b) if self._routers[name].alive]
        if not ends:
            raise ProcessError(a, "not running")
        peers = (a, b)
        return sorted(ends, key=lambda router: not _only_listens(router.config, peers))

    async def _act(self, name: str, given: Input, text: str, *peers: str) -> None:
        """Give a router an input; `text` says what is asked for, of sessions with `peers`."""
        router = self._running(name)
        for peer in peers:
            self._note_act(text, name, peer)
        if not peers:
            self._note_act(text, name)
        part, last = b"", False
        for part, last in commands.parts(to_json(encode(given)).encode()):
            if not last:
                router.tell(commands.Act, part=part, last=False)
        await self._carry_out(router, commands.Act, part=part, last=last)

    async def _carry_out(self, router: RemoteRouter, command: type[Any], **values: Any) -> None:
        """Let a router carry out an act; the network has not converged until it has."""
        name = router.config.name
        self._disturbed()
        self._detector.disturb(name)
        answer = {"activity": 0}  # an act that is refused changes nothing
        try:
            answer = await router.call(command, **values)
        finally:
            self._detector.disturbed(name, answer["activity"])
            # The router's report may have come first: no other is due, and somebody may wait.
            self._carried_out()

    async def _hear(self, names: Iterable[str]) -> None:
        """Hear of routers whose peer fell silent: what it sent before has arrived at them.

        The kernel has it, and they read all that it has at once: by the second wave, which
        comes after this question, they have taken it in.
        """
        awake = [self._routers[name] for name in names if not self._detector.asleep(name)]
        await all_of(
            [
                Deferred.fromCoroutine(self._carry_out(router, commands.Flush)).addErrback(gone)
                for router in awake
                if router.alive
            ]
        )

    def _router(self, name: str) -> RemoteRouter:
        """Find a router. Raises UsageError for an unknown name."""
        if name not in self._routers:
            raise UsageError(f"no router {name!r}{did_you_mean(name, self._routers)}")
        return self._routers[name]

    def _running(self, name: str) -> RemoteRouter:
        """Find a router that can do something now."""
        router = self._router(name)
        if not router.alive:
            raise ProcessError(name, "not running")
        if self._detector.asleep(name):
            raise NotNowError(name, "is paused")
        return router


def _only_listens(config: RouterConfig, peers: Sequence[str]) -> bool:
    """Tell whether a router waits for one of these peers to dial."""
    return any(peer.passive and peer.name in peers for peer in config.peers)
