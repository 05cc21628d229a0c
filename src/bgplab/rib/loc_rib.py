"""Loc-RIB: the best path of every prefix (RFC 4271 section 3.2)."""

from __future__ import annotations

from itertools import chain

from bgplab.rib.adj_in import AdjRibIn
from bgplab.rib.decision import explain, select
from bgplab.rib.path import Path


class LocRib:
    """Best paths, and the Adj-RIBs-In they are chosen from."""

    __slots__ = ("_tables", "best", "own")

    def __init__(self) -> None:
        self.best: dict[bytes, Path] = {}
        self.own: dict[bytes, Path] = {}
        # In fixed order, so that nothing depends on which session came up first.
        self._tables: list[dict[bytes, Path]] = []

    def watch(self, sources: list[AdjRibIn]) -> None:
        """Choose from these Adj-RIBs-In from now on, in this order."""
        self._tables = [source.routes for source in sources]

    def candidates(self, prefix: bytes) -> list[Path]:
        """Collect every path to a prefix: our own first, then peer by peer."""
        found = [table[prefix] for table in self._tables if prefix in table]
        if prefix in self.own:
            found.insert(0, self.own[prefix])
        return found

    def known(self) -> list[bytes]:
        """List every prefix that there is a path to, usable or not."""
        return list(dict.fromkeys(chain(self.own, *self._tables)))

    def concerned(self, prefix: bytes, old: Path | None, new: Path | None) -> bool:
        """Tell whether the best path may change where a peer's path changes from old to new.

        Not, where neither is as good as the best path in the steps before MED: they part it
        from every other path by themselves. Holds for a prefix that has been decided.
        """
        best = self.best.get(prefix)
        if best is None:
            return new is not None and not new.fault
        return (old is not None and not old.fault and old.rank <= best.rank) or (
            new is not None and not new.fault and new.rank <= best.rank
        )

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
