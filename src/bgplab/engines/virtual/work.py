"""Routers for which an UPDATE takes time: what arrives waits for its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bgplab.engines.virtual.wires import End, Node, draw, is_update, messages
from bgplab.speaker.inputs import Input

if TYPE_CHECKING:
    import random


class Work:
    """The queues before busy routers.

    `later` has a router finish after so many seconds, `arrive` lets an input reach its router.
    """

    def __init__(
        self,
        later: Callable[[float, Node], None],
        arrive: Callable[[End, Any], None],
        rng: random.Random,
    ) -> None:
        self.waiting = 0  # arrivals that wait, all routers together
        self._later = later
        self._arrive = arrive
        self._rng = rng

    def add(self, end: End, what: Input | bytes) -> None:
        """Let an arrival wait for its turn; it has come at once if the router is idle."""
        node = end.node
        for part in messages(what) if isinstance(what, bytes) else (what,):
            node.waiting.append((end, part))
            self.waiting += 1
        if not node.busy:
            self._go_on(node)

    def finish(self, node: Node) -> None:
        """Let the UPDATE arrive that a router has worked on."""
        node.busy = False
        self._take(node)
        self._go_on(node)

    def _go_on(self, node: Node) -> None:
        """Take what waits, up to an UPDATE: that one will have been processed in a while."""
        while node.waiting:
            end, what = node.waiting[0]
            if end.open and isinstance(what, bytes) and is_update(what):
                node.busy = True
                self._later(draw(node.processing or (0.0, 0.0), self._rng), node)
                return
            self._take(node)

    def _take(self, node: Node) -> None:
        end, what = node.waiting.popleft()
        self.waiting -= 1
        self._arrive(end, what)
