"""What may be asked of a running lab, whatever engine runs it.

Commands and tests know this Protocol, never an engine. Every method that takes time gives an
awaitable; seconds are on the lab's clock (`now`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bgplab.config import Rule
from bgplab.engines.verdict import Death, Verdict
from bgplab.facts import Fact
from bgplab.observe.candidates import Candidate
from bgplab.observe.expiry import Expiry
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import NO_STALLS, Stalls
from bgplab.observe.store import RouteRow
from bgplab.observe.timing import SessionTiming


@dataclass(frozen=True, slots=True)
class Measures:
    """What the routers measured of themselves, summed up."""

    lateness: LatenessHistogram
    updates_sent: int
    updates_received: int
    routes: int
    coalesced: float  # the longest time that any router held changes together, in seconds
    failures: int  # callbacks that failed
    busy: float = 0.0  # seconds of the machine that routers ran or waited for a processor
    latest: str = ""  # the router whose timer was the latest of all
    links: LatenessHistogram = field(default_factory=LatenessHistogram)  # of octets on them
    latest_link: str = ""  # the router that sent what was the latest of these
    stalls: Stalls = NO_STALLS
    silent: tuple[str, ...] = ()  # live routers that did not answer in time


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lab has come."""

    routers: int
    ready: int
    sessions: int
    established: int


@dataclass(frozen=True, slots=True)
class RouterState:
    """One router as it is now; `pid` is 0 before it runs, and in engines without processes."""

    name: str
    asn: int
    pid: int
    alive: bool
    up: int  # sessions that are Established
    sessions: int


class Lab(Protocol):
    """A lab of routers that exchange BGP messages."""

    deaths: list[Death]
    on_death: Callable[[Death], None]

    def now(self) -> float:
        """Give the time in seconds on the lab's clock."""

    async def start(self) -> None:
        """Start all routers and let them dial; returns when the last one does."""

    def until_converged(self, timeout: float) -> Awaitable[Verdict]:
        """Wait until the network has converged, or `timeout` seconds have passed."""

    def wait(self, seconds: float) -> Awaitable[None]:
        """Let so many seconds pass on the lab's clock."""

    async def announce(
        self,
        router: str,
        *prefixes: str,
        med: int | None = None,
        communities: tuple[int, ...] = (),
    ) -> None:
        """Let a router originate prefixes. Raises ValueError for what is no prefix."""

    async def withdraw(self, router: str, *prefixes: str) -> None:
        """Let a router withdraw prefixes of its own."""

    async def reset(self, router: str, *peers: str) -> None:
        """Tear down sessions of a router, all if none is named; they come back."""

    async def link_down(self, a: str, b: str) -> None:
        """Cut the link between two routers: both see it at once, and it stays down."""

    async def link_up(self, a: str, b: str) -> None:
        """Mend a link that was cut; its session comes back."""

    async def blackhole(self, a: str, b: str) -> None:
        """Let the link between two routers swallow all octets, either way, in silence.

        Neither end notices: hold timers have to find it. Attempts to connect get no answer.
        TCP does not forget what was sent: should the link be healed while a connection lasts,
        the octets arrive then, as they do by retransmission.
        """

    async def heal(self, a: str, b: str) -> None:
        """Let a link that swallowed octets carry them again."""

    async def delay(self, a: str, b: str, delay: float, jitter: float = 0.0) -> None:
        """Let octets spend `delay` seconds, and up to `jitter` more, on a link, either way.

        Order is kept: what is under way arrives before what is sent from now on.
        """

    async def shut_down(self, router: str, *peers: str, message: str = "") -> None:
        """Shut sessions of a router down, all if none is named (ManualStop); they stay down.

        The peers get Cease/Administrative Shutdown with the message (RFC 9003).
        """

    async def bring_up(self, router: str, *peers: str) -> None:
        """Start sessions of a router, all if none is named (ManualStart)."""

    async def set_policy(
        self,
        router: str,
        *peers: str,
        imports: tuple[Rule, ...] | None = None,
        exports: tuple[Rule, ...] | None = None,
        leak: bool | None = None,
    ) -> None:
        """Give a router other rules towards peers; None leaves a direction as it is.

        With `leak` the peers are told of all routes, whatever the relationship says (RFC 7908).

        New import rules take effect by a ROUTE-REFRESH (RFC 2918) that the router sends, new
        export rules by what it announces and withdraws at once.
        """

    async def send_octets(self, router: str, peer: str, octets: bytes) -> None:
        """Write octets into the connection of a session, past the router's state machine.

        Raises ProcessError if the two have no connection.
        """

    def kill(self, router: str) -> None:
        """Kill a router as a crash would (SIGKILL); not counted as a death."""

    async def restart(self, router: str) -> None:
        """Start a router anew as it was planned; one that still runs is killed first.

        Links stay as they are (cut, delayed, swallowing); what it was told since the start of
        the lab (announcements, policies, shut down sessions) is forgotten.
        """

    async def pause(self, router: str) -> None:
        """Stop a router in its tracks (SIGSTOP): alive, but silent."""

    async def resume(self, router: str) -> None:
        """Let a paused router go on (SIGCONT)."""

    async def hog_cpu(self, processes: int, seconds: float) -> None:
        """Let processes beside the lab compute for so long; returns at once.

        They end with the lab at the latest. No effect in virtual time.
        """

    async def routes(self, router: str) -> Sequence[RouteRow]:
        """Give the Loc-RIB of a router."""

    def observe(self, listener: Callable[[str, Fact], None]) -> None:
        """Let `listener(router, fact)` hear of all facts from now on.

        Facts of one router come in their order; those of several are in the order of their
        times in virtual time only.
        """

    async def tell_changes(self) -> None:
        """Let every router tell each change of a best route (BestChanged) from now on.

        Before `start` it is from their start on, and it holds for routers that are restarted.
        """

    async def caught_up(self) -> None:
        """Wait until all facts of what has happened so far have been told."""

    def until(self, holds: Callable[[], Awaitable[bool]], timeout: float) -> Awaitable[bool]:
        """Wait until `holds()` gives True, at most `timeout` seconds; tell whether it did.

        It is asked at once, and again whenever facts have been told.
        """

    def sessions_up(self) -> bool:
        """Tell whether every session that nothing keeps down is Established at both ends."""

    async def candidates(self, router: str, prefix: str) -> Sequence[Candidate]:
        """Give every path that a router holds to a prefix, and why it is not the best.

        Raises ValueError for what is no prefix.
        """

    async def timings(self) -> Sequence[SessionTiming]:
        """Give what every session end measured of its timers; of routers that answer."""

    async def expiries(self) -> Sequence[Expiry]:
        """List the hold timers that expired, in the order of their times, and why."""

    async def measures(self) -> Measures:
        """Collect what the routers measured of themselves."""

    def progress(self) -> Progress:
        """Tell how far the lab has come."""

    async def stop(self) -> None:
        """End all routers; nothing is left behind."""
