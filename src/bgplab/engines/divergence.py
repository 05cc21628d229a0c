"""Detects a network that cannot settle: the routing state comes back again and again.

Fed with every change of a best route. Which route each router uses for a prefix, in the whole
network, is one routing state of that prefix. In a network that converges, states may return by
chance for a few turns (two routers that change their minds at the same moment, and again); in
one that cannot settle they return without end. When one state has come back `turns` times,
with nothing disturbing the network from outside, the verdict is that it diverges, and the turn
that was seen most often is the cycle (T. Griffin, F. Shepherd, G. Wilfong, The stable paths
problem and interdomain routing, ToN 10(2), 2002: BAD GADGET has no stable state at all).

A slow network does not look like this: path exploration tries path after path, but no router
goes back to the state of the whole network. Prefixes are judged apart, since their routes do
not depend on each other. Memory is bounded: for each router and prefix a counter; a history of
at most `LONGEST` changes only for prefixes that some router has changed more than `SUSPECT`
times. All states are counted, not one of them: where chance has a say, a turn does not pass
through the same states each time.

Pure: fed with changes and times. Never reads a clock.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from bgplab.engines.verdict import Change, Cycle

SUSPECT = 12  # changes of one router's route to one prefix that are no cause for suspicion
LONGEST = 1 << 17  # changes of one prefix; within so many its state must have come back


class Recurrence:
    """Watches the best routes of a network; `cycle` is what repeats, or None."""

    def __init__(self, turns: int) -> None:
        self.cycle: Cycle | None = None
        self._turns = turns
        self._changes: dict[str, dict[str, int]] = {}  # router -> prefix -> number of changes
        self._suspects: dict[str, _Suspect] = {}  # by prefix

    def change(
        self,
        at: float,
        router: str,
        prefix: str,
        peer: str | None,
        as_path: str,
        updates: int,
    ) -> None:
        """Take a change of a router's best route to a prefix, at a time in seconds.

        `peer` is None if no route is left, "" if it is the router's own. `updates` counts the
        UPDATEs that the network has sent so far.
        """
        suspect = self._suspects.get(prefix)
        if suspect is None:
            counts = self._changes.get(router)
            if counts is None:
                counts = self._changes[router] = {}
            counts[prefix] = number = counts.get(prefix, 0) + 1
            if number > SUSPECT:
                self._suspects[prefix] = _Suspect()
        elif self.cycle is None:
            self.cycle = suspect.change(
                at, Change(router, prefix, peer, as_path), updates, self._turns
            )

    def disturb(self) -> None:
        """Forget the past: something from outside has changed the network."""
        self.cycle = None
        self._changes.clear()
        self._suspects.clear()


class _Visit(NamedTuple):
    """A moment at which the network was in a state."""

    changes: int  # since the history began
    at: float
    updates: int


class _Suspect:
    """The routing state of one prefix, as a sum of digests, and its visits to each state.

    Routes that have not changed since the watch began count nothing; they are the same in every
    state that is compared.
    """

    def __init__(self) -> None:
        self._routes: dict[str, int] = {}  # router -> digest of its route
        self._state = 0
        self._history: list[Change] = []
        # By state and the router that led there: two ways to one state are not one turn.
        self._visits: dict[tuple[int, str], list[_Visit]] = {}

    def change(self, at: float, change: Change, updates: int, turns: int) -> Cycle | None:
        """Take a change; give the cycle when a state has come back `turns` times."""
        digest = _digest(change)
        self._state += digest - self._routes.get(change.router, 0)
        self._routes[change.router] = digest
        if len(self._history) == LONGEST:
            self._history.clear()
            self._visits.clear()
        self._history.append(change)
        visits = self._visits.setdefault((self._state, change.router), [])
        visits.append(_Visit(len(self._history), at, updates))
        return self._cycle(visits) if len(visits) > turns else None

    def _cycle(self, visits: list[_Visit]) -> Cycle:
        """Describe the turns between visits to one state by the most frequent one."""
        kinds = Counter(
            tuple(self._history[here.changes : there.changes])
            for here, there in pairwise(visits)
        )
        ((turn, _),) = kinds.most_common(1)
        first, last, turns = visits[0], visits[-1], len(visits) - 1
        period = (last.at - first.at) / turns
        return Cycle(turn, turns, period, (last.updates - first.updates) / turns)


def _digest(change: Change) -> int:
    """Digest a route of a router; the same in every process, whatever its hash seed."""
    text = repr((change.router, change.peer, change.as_path)).encode()
    return int.from_bytes(blake2b(text, digest_size=16).digest())
