"""What has been heard from a lab since before it started, and what that comes to.

Facts of one router are heard in their order, those of several are not where routers are
processes. So what has an order among routers is found at the end, by going through the journal
in the order of time: `replay`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

from bgplab.facts import BestChanged, Fact, NotificationReceived, NotificationSent, StateChanged
from bgplab.observe.schema import DEAD
from bgplab.session.events import State
from bgplab.topology.assertions import Ends
from bgplab.wire.nlri import format_prefix

F = TypeVar("F")

prefix_text = lru_cache(maxsize=1 << 16)(format_prefix)


class Gone(NamedTuple):
    """A router is gone, killed as a rule; what it knew is lost."""

    at: float


class Entry(NamedTuple):
    """One thing that was heard; entries sort by time, those of one moment as they came."""

    at: float  # seconds on the lab's clock
    number: int
    router: str
    what: Fact | Gone


class InUse(NamedTuple):
    """The route that a router uses; `peer` is "" for one of its own."""

    peer: str
    as_path: str


class Scene:
    """The lab at one moment, as far as its facts tell: session ends, and routes in use.

    Routes are known only where routers tell each change of them.
    """

    def __init__(self, ends: Iterable[Ends]) -> None:
        self.states: dict[Ends, int] = dict.fromkeys(ends, State.IDLE)
        self.routes: dict[str, dict[str, InUse]] = {name: {} for name, _ in self.states}
        self._gone: dict[str, float] = {}  # when a router was last killed

    def take(self, router: str, what: Fact | Gone) -> None:
        """Take in one fact. One that a router told before it was killed counts no more."""
        if isinstance(what, Gone):
            self._gone[router] = what.at
            self.routes[router] = {}
            for end in self.states:
                if end[0] == router:
                    self.states[end] = DEAD
        elif what.at < self._gone.get(router, what.at):
            return
        elif isinstance(what, StateChanged):
            self.states[router, what.peer] = what.new
        elif isinstance(what, BestChanged):
            routes = self.routes.setdefault(router, {})
            if what.peer is None:
                routes.pop(prefix_text(what.prefix), None)
            else:
                routes[prefix_text(what.prefix)] = InUse(what.peer, what.as_path)


class Journal:
    """Keeps what a scenario may ask for: transitions, NOTIFICATIONs, and changes of routes.

    `changes` tells whether changes of best routes are kept: there may be many.
    """

    def __init__(self, ends: Iterable[Ends], *, changes: bool) -> None:
        self.ends = tuple(ends)
        self.scene = Scene(self.ends)  # as it is now
        self.changes = changes
        self._entries: list[Entry] = []
        kept = (StateChanged, NotificationSent, NotificationReceived)
        self._kept: tuple[type, ...] = (*kept, BestChanged) if changes else kept

    def hear(self, router: str, fact: Fact) -> None:
        """Hear of a fact; see Lab.observe."""
        if isinstance(fact, self._kept):
            self._enter(fact.at, router, fact)

    def gone(self, router: str, at: float) -> None:
        """Take note that a router was killed."""
        self._enter(at, router, Gone(at))

    def _enter(self, at: float, router: str, what: Fact | Gone) -> None:
        self._entries.append(Entry(at, len(self._entries), router, what))
        self.scene.take(router, what)

    @property
    def heard(self) -> int:
        """How much has been heard so far: the number of the next entry."""
        return len(self._entries)

    def replay(self) -> Iterator[Entry]:
        """Go through everything in the order of time."""
        return iter(sorted(self._entries))

    def facts(self, kind: type[F], at: float = 0.0, number: int = 0) -> list[tuple[str, F]]:
        """List the facts of a kind, with their routers, in the order of time.

        Of those that came about at or after `at`, and were not heard before entry `number`.
        """
        found = sorted(
            entry
            for entry in self._entries[number:]
            if entry.at >= at and isinstance(entry.what, kind)
        )
        return [(entry.router, entry.what) for entry in found]  # type: ignore[misc]  # a `kind`


def state_label(state: int) -> str:
    """Name the state of a session end, also of one whose router is dead."""
    return "dead" if state == DEAD else State(state).label
