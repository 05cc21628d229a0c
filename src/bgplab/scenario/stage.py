"""What a scenario knows of its lab while it runs: what was heard, marks, the last verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bgplab.engines.interface import Lab
from bgplab.engines.obstacles import Obstacles
from bgplab.engines.verdict import Verdict
from bgplab.observe.store import RouteRow
from bgplab.scenario.journal import Journal
from bgplab.topology.graph import Topology
from bgplab.topology.plan import Plan
from bgplab.topology.steps import Step

Routes = Mapping[str, Sequence[RouteRow]]  # of each router that lives

# Takes a fresh lab in virtual time through steps, and gives the routes that it ends with.
Twin = Callable[[Sequence[Step]], Awaitable[Routes]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that a mark names."""

    at: float  # seconds on the lab's clock
    updates: int = 0  # UPDATEs that all routers had sent by then
    heard: int = 0  # entries of the journal by then


@dataclass(slots=True)
class Stage:
    """The lab, and what the steps so far have left to know."""

    lab: Lab
    topology: Topology
    plan: Plan
    timeout: float  # seconds that a wait without `within` may take
    journal: Journal
    twin: Twin | None = None
    began: float = 0.0  # when the scenario did, on the lab's clock
    taken: list[Step] = field(default_factory=list)  # the steps so far
    marks: dict[str, Moment] = field(default_factory=dict)
    verdict: Verdict | None = None  # of the last wait; None once anything has happened since
    lost_updates: int = 0  # UPDATEs sent by routers that were killed since
    obstacles: Obstacles = field(init=False)  # what the steps have put in sessions' way

    def __post_init__(self) -> None:
        pairs = [(session.a, session.b) for session in self.plan.sessions]
        self.obstacles = Obstacles(pairs)

    def since(self, mark: str | None) -> Moment:
        """Give the moment of a mark; without one that before the lab started."""
        return Moment(0.0) if mark is None else self.marks[mark]

    def limit(self, within: float | None) -> float:
        """Give the seconds that a wait may take."""
        return self.timeout if within is None else within

    def time(self, at: float) -> str:
        """Write a time of the lab's clock, as it counts from the scenario's begin."""
        return seconds(at - self.began)

    async def updates_sent(self) -> int:
        """Count the UPDATEs that were sent so far, also by routers that were killed."""
        return (await self.lab.measures()).updates_sent + self.lost_updates


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a step went well: what was expected, and what was found instead or measured.

    `details` are lines that explain a failure. `at` is the moment that it is about, if that is
    not now.
    """

    ok: bool
    expected: str = ""
    actual: str = ""
    details: tuple[str, ...] = ()
    at: float | None = None


DONE = Finding(True)


def seconds(value: float) -> str:
    """Write a time to the millisecond, which is as fine as processes can be measured."""
    return f"{value:.3f} s"


def within(value: float, below: float | None, above: float | None) -> bool:
    """Tell whether a time lies between bounds, of which None is none."""
    return (above is None or value > above) and (below is None or value < below)


def bounds(below: float | None, above: float | None) -> str:
    """Write the bounds of a time."""
    given = [] if above is None else [f"above {seconds(above)}"]
    if below is not None:
        given.append(f"below {seconds(below)}")
    return " and ".join(given)


def fits(value: int, at_most: int | None, at_least: int | None) -> bool:
    """Tell whether a number lies between bounds, of which None is none."""
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
