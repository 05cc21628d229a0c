"""The steps of a scenario, as plain frozen values: what a file's `scenario:` comes to.

Names are those of routers in the file, prefixes and AS numbers are valid, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    """Cut a link; both ends see it at once."""

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
class ExpectRoute:
    """Each router of `at` uses a route to the prefix, with all that is given of it.

    `via` is the peer that it came from, the router itself for a route of its own.
    """

    at: tuple[str, ...]
    prefix: str
    via: str | None = None
    as_path: tuple[int, ...] | None = None
    next_hop: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectNoRoute:
    """No router of `at` has a route to the prefix."""

    at: tuple[str, ...]
    prefix: str


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


Wait = WaitFor | WaitConverged | WaitDiverges
Act = Announce | Withdraw | LinkDown | LinkUp | SessionReset
Expectation = ExpectRoute | ExpectNoRoute | ExpectConvergence | ExpectUpdates


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a scenario does or expects, and where it stands in the file."""

    line: int
    text: str  # as the file has it, in one line
    what: Wait | Mark | Act | Expectation
