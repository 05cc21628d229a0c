"""What may be done to the routers of a lab in virtual time, and to the links between them.

Each act ends the search for cycles, which would mistake its consequences for a divergence, and
takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bgplab.config import RouterConfig, Rule
from bgplab.engines.virtual.network import Network
from bgplab.errors import NotNowError, ProcessError, UsageError
from bgplab.observe.recorder import Recorder
from bgplab.observe.runs import did_you_mean
from bgplab.speaker.inputs import Inject, Input, Originate, Reset, SetPolicy, Start, Withdraw


class Acts:
    """Carries acts out; `note` is told what is asked for, and of which routers.

    That is in a scenario's words, the name of the act first, and of one router, or of the ends
    of a link or session. An act raises UsageError for a router or a session that does not
    exist, ProcessError for a router that is dead, and NotNowError for one that is paused.
    """

    def __init__(
        self,
        configs: Mapping[str, RouterConfig],
        network: Network,
        recorder: Recorder | None,
    ) -> None:
        self.network = network
        self.note: Callable[..., None] = lambda text, *routers: None
        self.past_sent = self.past_received = 0  # UPDATEs of routers that were killed
        self._configs = configs
        self._recorder = recorder

    def _calm(self) -> None:
        """Look for cycles anew."""
        raise NotImplementedError

    def _prepare(self, name: str) -> None:
        """Make a router that is new ready for the lab."""
        raise NotImplementedError

    # Routes and sessions

    async def announce(
        self,
        router: str,
        *prefixes: str,
        med: int | None = None,
        communities: tuple[int, ...] = (),
    ) -> None:
        """Let a router originate prefixes. Raises ValueError for what is no prefix."""
        given = Originate(prefixes, med, communities)
        self._act(router, given, f"announce {' '.join(prefixes)}")

    async def withdraw(self, router: str, *prefixes: str) -> None:
        """Let a router withdraw prefixes of its own. Raises ValueError for no prefix."""
        self._act(router, Withdraw(prefixes), f"withdraw {' '.join(prefixes)}")

    async def reset(self, router: str, *peers: str) -> None:
        """Tear down sessions of a router, all if none is named; they come back."""
        self._sessions_of(router, peers)
        self._act(router, Reset(peers), "session-reset", *peers)

    async def shut_down(self, router: str, *peers: str, message: str = "") -> None:
        """Shut sessions of a router down, all if none is named; they stay down.

        The peers get Cease/Administrative Shutdown with the message (RFC 9003), of which 255
        octets count.
        """
        self._sessions_of(router, peers)
        self._running(router)
        self._begin(f"admin-shutdown {message}".rstrip(), router, *peers)
        self.network.shut_down(router, peers, message)

    async def bring_up(self, router: str, *peers: str) -> None:
        """Start sessions of a router, all if none is named (ManualStart)."""
        self._sessions_of(router, peers)
        self._running(router)
        self._begin("admin-up", router, *peers)
        self.network.bring_up(router, peers)

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
        self._act(router, SetPolicy(peers, imports, exports, leak), "policy", *peers)

    async def send_octets(self, router: str, peer: str, octets: bytes) -> None:
        """Write octets into the connection of a session, past the router's state machine.

        Raises NotNowError if the two have no connection.
        """
        self._session(router, peer)
        self._running(router)
        if not any(end.peer == peer and end.known for end in self.network.ends(router)):
            raise NotNowError(router, f"has no connection to {peer}")
        self._act(router, Inject(peer, octets), "send-octets", peer)

    def _act(self, router: str, given: Input, text: str, *peers: str) -> None:
        self._running(router)
        self._begin(text, router, *peers)
        self.network.feed(router, given)

    def _begin(self, text: str, *routers: str) -> None:
        """Tell of an act that can be carried out."""
        self.note(text, *routers)
        self._calm()

    # Links; ProcessError if both ends are dead

    async def link_down(self, a: str, b: str) -> None:
        """Cut the link of two routers: both see it at once, and it stays down."""
        self._link("link-down", a, b)
        self.network.link_down(a, b)

    async def link_up(self, a: str, b: str) -> None:
        """Mend a link that was cut; its session comes back."""
        self._link("link-up", a, b)
        self.network.link_up(a, b)

    async def blackhole(self, a: str, b: str) -> None:
        """Let the link between two routers swallow all octets: hold timers have to find it."""
        self._link("blackhole", a, b)
        self.network.blackhole(a, b)

    async def heal(self, a: str, b: str) -> None:
        """Let a link that swallowed octets carry them again, those from before first."""
        self._link("heal", a, b)
        self.network.heal(a, b)

    async def delay(self, a: str, b: str, delay: float, jitter: float = 0.0) -> None:
        """Let octets spend `delay` seconds, and up to `jitter` more, on a link, either way."""
        self._link(f"delay {delay:g} s", a, b)
        self.network.delay(a, b, delay, jitter)

    def _link(self, text: str, a: str, b: str) -> None:
        self._session(a, b)
        if a not in self.network.speakers and b not in self.network.speakers:
            raise ProcessError(a, "not running")
        self._begin(text, a, b)

    # Routers

    def kill(self, router: str) -> None:
        """Kill a router as a crash would; no death of the lab. ProcessError if it is dead."""
        self._alive(router)
        self._begin("kill", router)
        self._kill(router)

    def _kill(self, router: str) -> None:
        for session in self.network.speakers[router].sessions.values():
            self.past_sent += session.updates_sent
            self.past_received += session.updates_received
        self.network.kill(router)
        if self._recorder is not None:
            self._recorder.router_died(router, "killed", self.network.now)

    async def restart(self, router: str) -> None:
        """Start a router anew as it was planned; one that still runs is killed first.

        Links stay as they are (cut, delayed, swallowing); what it was told since the start of
        the lab is forgotten.
        """
        self._known(router)
        self._begin("restart", router)
        if router in self.network.speakers:
            self._kill(router)
        self.network.restart(router)
        self._prepare(router)
        if self._recorder is not None:
            self._recorder.router_restarted(router, 0, self.network.now)
        self.network.feed(router, Start())

    async def pause(self, router: str) -> None:
        """Stop a router in its tracks: alive, but silent; nothing happens to a paused one."""
        self._alive(router)
        if not self.network.is_paused(router):
            self._begin("pause", router)
            self.network.pause(router)

    async def resume(self, router: str) -> None:
        """Let a paused router go on; nothing happens to one that runs."""
        self._alive(router)
        if self.network.is_paused(router):
            self._begin("resume", router)
            self.network.resume(router)

    async def hog_cpu(self, processes: int, seconds: float) -> None:
        """Change nothing: virtual time knows no processor."""
        self.note(f"hog-cpu {processes} {seconds:g} s")

    # What acts are about

    def _known(self, name: str) -> None:
        """Raise UsageError for an unknown router."""
        if name not in self._configs:
            raise UsageError(f"no router {name!r}{did_you_mean(name, self._configs)}")

    def _alive(self, name: str) -> None:
        """Raise UsageError for an unknown router, ProcessError for a dead one."""
        self._known(name)
        if name not in self.network.speakers:
            raise ProcessError(name, "not running")

    def _running(self, name: str) -> None:
        """Raise as `_alive` does, and NotNowError for a paused router."""
        self._alive(name)
        if self.network.is_paused(name):
            raise NotNowError(name, "is paused")

    def _session(self, a: str, b: str) -> None:
        """Raise UsageError for routers without a session."""
        self._known(a)
        self._known(b)
        if self.network.expected.obstacles.session(a, b) is None:
            raise UsageError(f"no session between {a!r} and {b!r}")

    def _sessions_of(self, router: str, peers: tuple[str, ...]) -> None:
        """Raise UsageError for one of these peers that is none of the router."""
        self._known(router)
        for peer in peers:
            self._session(router, peer)
