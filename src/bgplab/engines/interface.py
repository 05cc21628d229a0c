"""What may be asked of a running lab, whatever engine runs it.

Commands and tests know this Protocol, never an engine. Every method that takes time gives an
awaitable; seconds are on the lab's clock (`now`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bgplab.engines.verdict import Death, Verdict
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import NO_STALLS, Stalls
from bgplab.observe.store import RouteRow


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

    def kill(self, router: str) -> None:
        """Kill a router as a crash would (SIGKILL); not counted as a death."""

    async def routes(self, router: str) -> Sequence[RouteRow]:
        """Give the Loc-RIB of a router."""

    async def measures(self) -> Measures:
        """Collect what the routers measured of themselves."""

    def progress(self) -> Progress:
        """Tell how far the lab has come."""

    async def stop(self) -> None:
        """End all routers; nothing is left behind."""
