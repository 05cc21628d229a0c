"""Adj-RIB-In: the routes that one peer has announced (RFC 4271 sections 3.2 and 9)."""

from __future__ import annotations

from collections.abc import Callable

from bgplab.rib.path import Path

# The table of attribute blocks may outgrow the routes by this much before it is swept: a peer
# that keeps inventing attributes must not grow a router.
SLACK = 1024


class AdjRibIn:
    """What one peer has told us: prefix -> Path, with attribute blocks parsed once each."""

    __slots__ = ("_blocks", "routes")

    def __init__(self) -> None:
        self.routes: dict[bytes, Path] = {}
        self._blocks: dict[bytes, Path] = {}

    def path(self, block: bytes, parse: Callable[[bytes], Path | None]) -> Path | None:
        """Give the Path of an attribute block; parse it only when it is not known yet.

        None where `parse` finds that the block cannot make a path.
        """
        known = self._blocks.get(block)
        if known is None:
            known = parse(block)
            if known is None:
                return None
            if len(self._blocks) > 2 * len(self.routes) + SLACK:
                self._blocks = {path.block: path for path in self.routes.values()}
            self._blocks[block] = known
        return known

    def clear(self) -> list[bytes]:
        """Forget everything; give the prefixes that were held."""
        prefixes = list(self.routes)
        self.routes = {}
        self._blocks = {}
        return prefixes
