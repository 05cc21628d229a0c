"""Loc-RIB: the best path of every prefix (RFC 4271 section 3.2)."""

from __future__ import annotations

from bgplab.rib.adj_in import AdjRibIn
from bgplab.rib.decision import explain, select
from bgplab.rib.path import Path


class LocRib:
    """Best paths, and the Adj-RIBs-In they are chosen from."""

    __slots__ = ("_sources", "best", "own")

    def __init__(self) -> None:
        self.best: dict[bytes, Path] = {}
        self.own: dict[bytes, Path] = {}
        # In fixed order, so that nothing depends on which session came up first.
        self._sources: list[AdjRibIn] = []

    def watch(self, sources: list[AdjRibIn]) -> None:
        """Choose from these Adj-RIBs-In from now on, in this order."""
        self._sources = sources

    def candidates(self, prefix: bytes) -> list[Path]:
        """Collect every path to a prefix: our own first, then peer by peer."""
        found = [adj.routes[prefix] for adj in self._sources if prefix in adj.routes]
        if prefix in self.own:
            found.insert(0, self.own[prefix])
        return found

    def decide(self, prefix: bytes) -> bool:
        """Choose anew for one prefix; tell whether the best path is another one now."""
        best = select(self.candidates(prefix))
        if best is self.best.get(prefix):
            return False
        if best is None:
            del self.best[prefix]
        else:
            self.best[prefix] = best
        return True

    def explain(self, prefix: bytes) -> list[tuple[Path, str]]:
        """Pair every path to a prefix with the step at which it lost ("" for the best)."""
        return explain(self.candidates(prefix))
