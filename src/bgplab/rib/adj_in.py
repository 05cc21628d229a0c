"""Adj-RIB-In: the routes that one peer has announced (RFC 4271 sections 3.2 and 9)."""

from __future__ import annotations

from bgplab.rib.path import Path

# The table of attribute blocks may outgrow the routes by this much before it is swept: a peer
# that keeps inventing attributes must not grow a router.
SLACK = 1024


class AdjRibIn:
    """What one peer has told us: prefix -> Path, with attribute blocks parsed once each."""

    __slots__ = ("_blocks", "_former", "routes")

    def __init__(self) -> None:
        self.routes: dict[bytes, Path] = {}
        self._blocks: dict[bytes, Path] = {}
        self._former: dict[bytes, Path] = {}  # as they were admitted by an earlier policy

    def known(self, block: bytes) -> Path | None:
        """Give the Path of an attribute block that has come before."""
        return self._blocks.get(block)

    def keep(self, path: Path) -> Path:
        """Keep and give the Path of a new block; those without routes go from time to time.

        Where another policy has made no difference, it is the Path that was there before.
        """
        if len(self._blocks) > 2 * len(self.routes) + SLACK:
            self._blocks = {path.block: path for path in self.routes.values()}
        former = self._former.pop(path.block, None) if self._former else None
        if former is not None and former.judgement == path.judgement:
            path = former
        self._blocks[path.block] = path
        return path

    def renew(self) -> None:
        """Know no block any more: another policy is to judge each as it comes again."""
        self._former = {path.block: path for path in self.routes.values()}
        self._blocks = {}

    def clear(self) -> list[bytes]:
        """Forget everything; give the prefixes that were held."""
        prefixes = list(self.routes)
        self.routes.clear()  # in place: the Loc-RIB looks at it
        self._blocks = {}
        self._former = {}
        return prefixes
