"""TCP between routers in memory: connections, and what links do to them.

A link carries octets in order, with its delay. It may be cut: both ends see it at once. It may
swallow what is sent in silence: TCP keeps that, and it arrives once the link is healed, at the
ends that still have their connection by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from bgplab.config import RouterConfig
from bgplab.engines.obstacles import BLACKHOLE, CUT
from bgplab.engines.virtual.agenda import Agenda
from bgplab.engines.virtual.expected import Expected
from bgplab.engines.virtual.trial import Slots
from bgplab.engines.virtual.wires import End, Node, is_update, messages
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.speaker.inputs import (
    Congested,
    Input,
    TcpAccepted,
    TcpClosed,
    TcpFailed,
    TcpUp,
)
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE

if TYPE_CHECKING:
    import random


class Tcp(Agenda):
    """The connections between routers, and the links that carry them.

    `expected` knows what is in the way of sessions; `rng` draws what is left to chance.
    """

    def __init__(
        self, configs: Iterable[RouterConfig], rng: random.Random, noise: float
    ) -> None:
        super().__init__()
        self.rng = rng
        self.slots: Slots | None = None  # those in which routers listen; None: always
        self.updates = 0  # UPDATEs that were put on their way
        self._nodes: dict[str, Node] = {}
        self.expected = Expected(configs, self._nodes)
        self._random = rng.random
        self._noise = noise
        self._accepts = count(1)
        self._epochs = count(1)
        self._under_way = 0  # arrivals that could lead to an UPDATE
        # What links have swallowed, or an attempt to connect, in its order; and their delays
        # where they are not those of the configuration.
        self._dark: dict[frozenset[str], list[tuple[End, Input | bytes | Dial]]] = {}
        self._delays: dict[frozenset[str], tuple[float, float]] = {}

    def _give(self, node: Node, given: Input) -> list[Effect]:
        """Give a router an input now."""
        raise NotImplementedError

    def _perform(self, node: Node, effects: list[Effect]) -> None:
        """Carry out what a router asks for."""
        raise NotImplementedError

    def ends(self, name: str) -> list[End]:
        """List the ends of connections that a router has now."""
        return list(self._nodes[name].ends.values())

    # Links

    def link_down(self, a: str, b: str) -> None:
        """Cut a link: both ends lose their connections at once, and none comes up."""
        self.expected.put(a, b, CUT)
        self._dark.get(frozenset((a, b)), []).clear()
        for end in self._ends_of(a, b):
            end.forget()
            if end.known:
                self._tell_end(end, TcpClosed(end.connection))
            elif end.connection > 0:
                self._tell_end(end, TcpFailed(end.connection))

    def link_up(self, a: str, b: str) -> None:
        """Mend a link; its session comes back when one of its ends dials again."""
        self.expected.take(a, b, CUT)

    def blackhole(self, a: str, b: str) -> None:
        """Let a link swallow all octets from now on, also those under way, in silence."""
        self.expected.put(a, b, BLACKHOLE)
        self._dark.setdefault(frozenset((a, b)), [])
        for end in self._ends_of(a, b):
            end.ready = False
            end.blocked = True

    def heal(self, a: str, b: str) -> None:
        """Let a link carry octets again: what it has swallowed arrives, by retransmission.

        Then attempts to connect get through that have not been given up.
        """
        self.expected.take(a, b, BLACKHOLE)
        swallowed = self._dark.pop(frozenset((a, b)), [])
        under_way = self._recall(frozenset((a, b)))
        ends = self._ends_of(a, b)
        for end in ends:
            end.ready = not end.node.paused
            end.blocked = False
            end.last = self.now
        dials = []
        for end, what in swallowed:
            if isinstance(what, Dial):
                dials.append(end)
            elif end.open:
                self._queue(end, what, end.draw_delay(self.rng))
        for due, end, what in under_way:  # behind what was sent before it
            if end.open:
                self._queue(end, what, due - self.now)
        latest = max((end.last for end in ends), default=self.now)
        for end in dials:
            if end.open:
                self._connect(end, latest)
        for end in ends:
            if end.unsent:
                end.unsent = end.congested = False
                self._tell_end(end, end.drained)

    def _recall(self, link: frozenset[str]) -> list[tuple[float, End, Any]]:
        """Take all that is under way over a link off the heap, in the order of its times."""
        found: list[Any] = []
        rest: list[Any] = []
        for entry in sorted(self._heap):
            where = entry[2]
            (found if isinstance(where, End) and where.link == link else rest).append(entry)
        self._heap[:] = rest  # what is sorted is a heap
        self._under_way -= sum(what != KEEPALIVE_MESSAGE for *_, what in found)
        return [(due, end, what) for due, _, end, what in found]

    def delay(self, a: str, b: str, delay: float, jitter: float) -> None:
        """Give a link another delay and jitter, in seconds; it keeps order nevertheless."""
        self._delays[frozenset((a, b))] = delay, jitter
        for end in self._ends_of(a, b):
            end.set_delay(delay, jitter)

    def _ends_of(self, a: str, b: str) -> list[End]:
        """List the ends of connections over a link, those of the first router first."""
        nodes = [self._nodes[name] for name in (a, b) if name in self._nodes]
        link = frozenset((a, b))
        return [end for node in nodes for end in node.ends.values() if end.link == link]

    def _tell_end(self, end: End, news: Input) -> None:
        """Tell a router of a connection; one that is paused hears of it when it goes on."""
        if end.node.paused:
            end.node.backlog.append((end, news))
        else:
            self._give(end.node, news)

    # Connections

    def _send(self, node: Node, effect: Send) -> None:
        """Put octets on their way; the kernel takes them at once, unless none may leave."""
        octets = effect.octets
        end = node.ends.get(effect.connection)
        if end is None:
            return
        far = end.far
        if far is not None:
            due = self.now + end.delay + end.jitter * self._random()
            if self.slots is not None:
                due = self.slots.arrival(far, due)
            if due < far.last:  # noqa: PLR1730 -- max() takes thrice as long
                due = far.last
            far.last = due
            if octets != KEEPALIVE_MESSAGE:
                self._under_way += 1
                self.updates += sum(map(is_update, messages(octets)))
            heappush(self._heap, (due, next(self._serial), far, octets))
        if end.blocked:
            self._stall(end)
            return
        answer = node.speaker.handle(end.drained, self.now)
        if answer:
            self._perform(node, answer)

    def _stall(self, end: End) -> None:
        """Keep account of octets that the kernel cannot send: with the second, it is full."""
        if not end.unsent:
            end.unsent = True
        elif not end.congested:
            end.congested = True
            node = end.node
            self._perform(node, node.speaker.handle(Congested(end.connection), self.now))

    def _end(self, node: Node, connection: int, peer: str) -> End:
        """Make one end of a connection."""
        end = End(node, connection, peer, self._noise)
        if end.link in self._delays:
            end.set_delay(*self._delays[end.link])
        end.blocked = end.link in self._dark
        end.ready = not (end.blocked or node.paused)
        return end

    def _dial(self, node: Node, effect: Dial) -> None:
        """Connect two routers, or refuse where the peer or the link is gone.

        A link that swallows octets gives no answer.
        """
        near = self._end(node, effect.connection, effect.peer)
        if CUT in self.expected.obstacles.between(node.name, effect.peer):
            self._queue(near, TcpFailed(effect.connection), near.delay)
        elif near.link in self._dark:
            waiting = [item for item in self._dark[near.link] if item[0].open]
            self._dark[near.link] = [*waiting, (near, effect)]
        else:
            self._connect(near, self.now)

    def _connect(self, near: End, after: float) -> None:
        """Let an attempt to connect reach the peer, after what is due there at a time."""
        near.last = after
        node, other = near.node, self._nodes.get(near.peer)
        if other is None:
            self._queue(near, TcpFailed(near.connection), near.delay)
            return
        far = self._end(other, -next(self._accepts), node.name)
        far.last = after
        near.far, far.far = far, near
        epoch, rng = next(self._epochs), self.rng
        address = node.speaker.config.address
        self._queue(far, TcpAccepted(far.connection, address, epoch), near.draw_delay(rng))
        self._queue(near, TcpUp(near.connection, epoch), far.draw_delay(rng))

    def _queue(self, end: End, what: Input | bytes, delay: float) -> None:
        """Put something on its way to an end, behind what is under way to it."""
        end.last = max(self.now + delay, end.last)
        if what != KEEPALIVE_MESSAGE:
            self._under_way += 1
        heappush(self._heap, (end.last, next(self._serial), end, what))

    def _keep(self, end: End, what: Input | bytes) -> None:
        """Keep what reaches an end whose link swallows it or whose router is paused."""
        if not end.open:
            return
        if end.link in self._dark:
            self._dark[end.link].append((end, what))
        else:
            end.node.backlog.append((end, what))

    def _close_effect(self, node: Node, effect: Close) -> None:
        end = node.ends.get(effect.connection)
        if end is not None:
            self._close(end)

    def _close(self, end: End) -> None:
        """Close a connection at one end; the other hears of it after all that is under way."""
        far = end.far
        end.forget()
        if far is not None and far.open:
            self._queue(far, TcpClosed(far.connection), end.draw_delay(self.rng))
