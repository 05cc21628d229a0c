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
not depend on each other. Memory is bounded: for each router and prefix a counter; states only
for prefixes that some router has changed more than `SUSPECT` times; of these an anchor, to
which the state must return within a number of changes that doubles until it does (R. P. Brent,
An improved Monte Carlo factorization algorithm, BIT 20, 1980).

Pure: fed with changes and times. Never reads a clock.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

from bgplab.engines.verdict import Change, Cycle

SUSPECT = 12  # changes of one router's route to one prefix that are no cause for suspicion
PATIENCE = 64  # changes within which the state must come back to the first anchor
LONGEST = 1 << 16  # changes of the longest turn that is looked for
KINDS = 64  # different turns that are told apart; of further ones only the number is known


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


class _Suspect:
    """The routing state of one prefix, as a sum of digests, and its returns to an anchor.

    Routes that have not changed since the watch began count nothing; they are the same in every
    state that is compared.
    """

    def __init__(self) -> None:
        self._routes: dict[str, int] = {}  # router -> digest of its route
        self._state = 0
        self._patience = PATIENCE
        self._drop_anchor(0.0, 0)

    def _drop_anchor(self, at: float, updates: int) -> None:
        """Look for returns to the present state from now on."""
        self._anchor = self._state
        self._since = at
        self._updates = updates
        self._turn: list[Change] = []
        self._kinds: Counter[tuple[Change, ...]] = Counter()
        self._returns = 0

    def change(self, at: float, change: Change, updates: int, turns: int) -> Cycle | None:
        """Take a change; give the cycle when the anchor has been met `turns` times."""
        digest = _digest(change)
        self._state += digest - self._routes.get(change.router, 0)
        self._routes[change.router] = digest
        self._turn.append(change)
        if self._state != self._anchor:
            if len(self._turn) >= self._patience:
                self._patience = min(2 * self._patience, LONGEST)
                self._drop_anchor(at, updates)
            return None
        self._returns += 1
        turn = tuple(self._turn)
        self._turn = []
        if turn in self._kinds or len(self._kinds) < KINDS:
            self._kinds[turn] += 1
        if self._returns < turns:
            return None
        ((cycle, _),) = self._kinds.most_common(1)
        period = (at - self._since) / self._returns
        sent = (updates - self._updates) / self._returns
        return Cycle(cycle, self._returns, period, sent)


def _digest(change: Change) -> int:
    """Digest a route of a router; the same in every process, whatever its hash seed."""
    text = repr((change.router, change.peer, change.as_path)).encode()
    return int.from_bytes(blake2b(text, digest_size=16).digest())
