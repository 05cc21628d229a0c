"""The steps of a scenario, as plain frozen values: what a file's `scenario:` comes to.

Names are those of routers in the file, prefixes and AS numbers are valid, times are seconds.
A session end is the pair (router, peer), a link or a session the pair of its two routers.
"""

from __future__ import annotations

from dataclasses import dataclass

from bgplab.config import Rule
from bgplab.topology.assertions import Always, Ends, Expectation, ExpectNoRoute, ExpectRoute

# Waits


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitConverged:
    """Wait until the network has converged; `within` None is the patience of the run."""

    within: float | None = None


@dataclass(frozen=True, slots=True)
class WaitDiverges:
    """Wait until it is certain that the network cannot settle."""

    within: float | None = None


@dataclass(frozen=True, slots=True)
class WaitSessions:
    """Wait until every session that nothing keeps down is Established."""

    within: float | None = None


@dataclass(frozen=True, slots=True)
class WaitState:
    """Wait until these session ends are in a state, such as "Established" or "Idle"."""

    ends: tuple[Ends, ...]
    state: str
    within: float | None = None


@dataclass(frozen=True, slots=True)
class WaitRoute:
    """Wait until an expectation of a route, or of none, holds."""

    route: ExpectRoute | ExpectNoRoute
    within: float | None = None


# Acts


@dataclass(frozen=True, slots=True)
class Mark:
    """Name this moment."""

    name: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Let routers originate prefixes."""

    at: tuple[str, ...]
    prefixes: tuple[str, ...]
    med: int | None = None
    communities: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Let routers withdraw prefixes of their own."""

    at: tuple[str, ...]
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Cut a link; both ends see it at once, and it stays down."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Mend a link that was cut."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class SessionReset:
    """Let `router` tear its session with `peer` down; it comes back by itself."""

    router: str
    peer: str


@dataclass(frozen=True, slots=True)
class Blackhole:
    """Let a link swallow all octets in silence: hold timers have to find it."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Heal:
    """Let a link that swallowed octets carry them again."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Let octets spend `delay` seconds and up to `jitter` more on a link, either way."""

    a: str
    b: str
    delay: float
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class AdminShutdown:
    """Let `router` shut its sessions with `peers` down, all if none is named (RFC 9003)."""

    router: str
    peers: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class AdminUp:
    """Let `router` start its sessions with `peers` again, all if none is named."""

    router: str
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flap:
    """Withdraw and announce again, `times` times; one turn takes `period` seconds.

    Half of each period the prefixes are gone. What is announced is as it was before.
    """

    announce: Announce
    times: int
    period: float


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill routers as a crash would (SIGKILL)."""

    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Start routers anew, as the file has them; one that still runs is killed first."""

    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop routers in their tracks (SIGSTOP): alive but silent."""

    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """Let paused routers go on (SIGCONT)."""

    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Give `router` other rules towards `peers`; None leaves a direction as it is.

    New import rules take effect by a route refresh (RFC 2918), new export rules at once.
    """

    router: str
    peers: tuple[str, ...]
    imports: tuple[Rule, ...] | None = None
    exports: tuple[Rule, ...] | None = None
    leak: bool | None = None  # whether peers are told of all routes, relationship or not


@dataclass(frozen=True, slots=True)
class SendOctets:
    """Let `router` write octets into its connection to `peer`, past its own state machine."""

    router: str
    peer: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class HogCpu:
    """Let so many processes beside the lab compute for so many seconds of the machine.

    The scenario goes on meanwhile. In virtual time nothing can be late: no effect there.
    """

    processes: int
    seconds: float


Wait = WaitFor | WaitConverged | WaitDiverges | WaitSessions | WaitState | WaitRoute
Act = (
    Announce
    | Withdraw
    | LinkDown
    | LinkUp
    | Blackhole
    | Heal
    | Delay
    | SessionReset
    | AdminShutdown
    | AdminUp
    | Flap
    | Kill
    | Restart
    | Pause
    | Resume
    | Policy
    | SendOctets
    | HogCpu
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a scenario does or expects, and where it stands in the file."""

    line: int
    text: str  # as the file has it, in one line
    what: Wait | Mark | Act | Expectation | Always
