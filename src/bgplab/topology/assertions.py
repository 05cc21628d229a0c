"""What a scenario states of a lab, as plain frozen values: what its `expect:` comes to.

Names are those of routers in the file, prefixes and AS numbers are valid, times are seconds.
A session end is the pair (router, peer). Bounds that are None are not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

Ends = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ExpectRoute:
    """Each router of `at` has a route to the prefix, with all that is given of it.

    `via` is the peer that it came from, the router itself for a route of its own. The route is
    the one in use; with `best` False it is one that is not, and `lost_at` names the step of the
    decision at which it lost.
    """

    at: tuple[str, ...]
    prefix: str
    via: str | None = None
    as_path: tuple[int, ...] | None = None
    next_hop: str | None = None
    local_pref: int | None = None
    med: int | None = None
    origin: str | None = None  # "igp", "egp", "incomplete"
    communities: tuple[int, ...] | None = None  # exactly these, in any order
    best: bool = True
    lost_at: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectNoRoute:
    """No router of `at` has a route to the prefix."""

    at: tuple[str, ...]
    prefix: str


@dataclass(frozen=True, slots=True)
class ExpectReachable:
    """Each router of `at` has routes to exactly these prefixes."""

    at: tuple[str, ...]
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpectState:
    """These session ends are in a state, such as "Established"."""

    ends: tuple[Ends, ...]
    state: str


@dataclass(frozen=True, slots=True)
class ExpectTransitions:
    """A session end has entered these states since a mark, in this order, and no others."""

    end: Ends
    states: tuple[str, ...]
    since: str | None = None  # None: since the lab was started


@dataclass(frozen=True, slots=True)
class ExpectNotification:
    """A session end sent or received a NOTIFICATION since a mark; `subcode` None: any."""

    end: Ends
    sent: bool  # or received
    code: int
    subcode: int | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectConvergence:
    """The time from a mark to the last route change anywhere lies within bounds (seconds)."""

    since: str
    below: float | None = None
    above: float | None = None


@dataclass(frozen=True, slots=True)
class ExpectUpdates:
    """So many UPDATE messages were sent by all routers since a mark."""

    since: str
    at_most: int | None = None
    at_least: int | None = None
    exactly: int | None = None


@dataclass(frozen=True, slots=True)
class ExpectDetection:
    """The time from a mark until these session ends left Established lies within bounds."""

    ends: tuple[Ends, ...]
    since: str
    below: float | None = None
    above: float | None = None


@dataclass(frozen=True, slots=True)
class ExpectExpiry:
    """The hold timer of these session ends expired since a mark, for a reason of this kind."""

    ends: tuple[Ends, ...]
    kind: str = "genuine"  # or "starvation"
    since: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectExploration:
    """The best route to a prefix changed so many times since a mark, at the worst router."""

    prefix: str
    since: str
    at: tuple[str, ...] = ()  # none named: all routers
    at_most: int | None = None
    at_least: int | None = None


@dataclass(frozen=True, slots=True)
class ExpectValleyFree:
    """No route in use has climbed again after it descended or crossed (Gao and Rexford)."""


@dataclass(frozen=True, slots=True)
class ExpectLoopFree:
    """Packets that follow the routes in use, router by router, never come back to one."""


@dataclass(frozen=True, slots=True)
class ExpectSameRoutes:
    """A fresh lab in virtual time, taken through the same steps, has the same routes."""


@dataclass(frozen=True, slots=True)
class ExpectKeepalive:
    """KEEPALIVEs were sent at the intervals of RFC 4271 section 10, since the lab was started.

    `window` is whether each has to lie in the jitter window, widened by the measured lateness;
    `p99_below` the most that the 99th percentile of the timers' lateness may be, in seconds.
    """

    ends: tuple[Ends, ...] = ()  # none named: all
    window: bool = True
    p99_below: float | None = None


Invariant = ExpectRoute | ExpectNoRoute | ExpectState | ExpectValleyFree | ExpectLoopFree


Statement = (
    ExpectRoute
    | ExpectNoRoute
    | ExpectReachable
    | ExpectState
    | ExpectTransitions
    | ExpectNotification
    | ExpectConvergence
    | ExpectUpdates
    | ExpectDetection
    | ExpectExpiry
    | ExpectExploration
    | ExpectValleyFree
    | ExpectLoopFree
    | ExpectSameRoutes
    | ExpectKeepalive
)


@dataclass(frozen=True, slots=True)
class ExpectNot:
    """A statement does not hold at this moment."""

    statement: Statement


Expectation = Statement | ExpectNot


@dataclass(frozen=True, slots=True)
class Always:
    """From here on, to the end of the scenario, this holds at every moment."""

    invariant: Invariant
