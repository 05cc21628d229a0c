"""Routers joined in memory, in virtual time: the heart of the engine.

What is to happen is a heap of (time, serial number, where, what): octets and news of
connections on their way to one end of a connection, and one entry for each router, its next
deadline. `step` lets the first of them happen. What happens at the same time does so in the
order in which it was put on the heap, so that nothing depends on chance but the seed.

Whether anything that is under way can lead to an UPDATE is known at every moment: `quiet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from bgplab.config import RouterConfig
from bgplab.engines.virtual.agenda import Agenda, What
from bgplab.engines.virtual.trace import Trace
from bgplab.engines.virtual.trial import Slots
from bgplab.engines.virtual.wires import NEVER, End, Node, draw, is_update, messages
from bgplab.facts import Fact, StateChanged
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.session.events import State
from bgplab.speaker.inputs import Input, Octets, Start, TcpAccepted, TcpClosed, TcpFailed, TcpUp
from bgplab.speaker.speaker import Speaker
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE

if TYPE_CHECKING:
    import random

ESTABLISHED = State.ESTABLISHED
DONE = b""  # on the heap: a router is done with an UPDATE


class Network(Agenda):
    """Routers, the connections between them, and a clock of its own (`now`, seconds).

    `rng` makes the random numbers of a seed: a router's own, and with `seed` those of the
    links. `noise` is the most that setting up a connection takes at random beyond what the file
    says, and that octets take over a link to which it gives no delay.
    `speaker` makes the routers, `tell` gets their facts. Links in `cut`, as pairs of names,
    swallow octets.
    """

    def __init__(
        self,
        configs: Iterable[RouterConfig],
        rng: Callable[[int], random.Random],
        seed: int = 0,
        noise: float = 0.0,
        speaker: Callable[[RouterConfig, random.Random], Speaker] = Speaker,
    ) -> None:
        super().__init__()
        self.slots: Slots | None = None  # those in which routers listen; None: always
        self.updates = 0  # UPDATEs that were put on their way
        self.up = 0  # ends of sessions that are Established
        self.lost = 0  # ends of sessions that were Established and are not any more
        self.cut: set[frozenset[str]] = set()
        self.speakers: dict[str, Speaker] = {}
        self.tell: Callable[[str, Fact], None] = lambda router, fact: None
        self._nodes: dict[str, Node] = {}
        self.rng = rng(seed)
        self._random = self.rng.random
        self._noise = noise
        self._broken: set[frozenset[str]] = set()  # links that are down, and known to be
        self._accepts = count(1)
        self._epochs = count(1)
        self._under_way = 0  # arrivals that could lead to an UPDATE
        self._touched: dict[Node, None] = {}  # all routers that may not be quiet
        self._absent: dict[tuple[str, str], None] = {}  # session ends that are to come up
        self._trace = Trace()
        self._carry: dict[type, Callable[[Node, Any], None]] = {
            Send: self._send,
            Dial: self._dial,
            Close: self._close_effect,
            StateChanged: self._state_changed,
        }
        for index, config in enumerate(configs):
            made = speaker(config, rng(config.seed))
            self.speakers[config.name] = made
            self._nodes[config.name] = Node(index, made, config)
        for name, node in self._nodes.items():
            known = (peer for peer in node.peers if peer in self._nodes)
            self._absent.update(dict.fromkeys((name, peer) for peer in known))

    # What an experiment does

    def start(self) -> None:
        """Start all sessions of all routers."""
        for name in self.speakers:
            self.feed(name, Start())

    def feed(self, name: str, given: Input) -> list[Effect]:
        """Give a router an input now; carry out and return what it asks for."""
        return self._give(self._nodes[name], given)

    def slow_down(self, name: str, least: float, most: float) -> None:
        """Let each UPDATE cost a router so many seconds; others wait for their turn."""
        self._nodes[name].processing = (least, most)

    def kill(self, name: str) -> None:
        """End a router without a word; the kernel closes its connections."""
        node = self._nodes.pop(name)
        speaker = self.speakers.pop(name)
        self.up -= sum(session.established for session in speaker.sessions.values())
        node.serial = 0
        self._touched.pop(node, None)
        for end in list(node.ends.values()):
            self._close(end)
        for peer in node.peers:
            self._absent.pop((name, peer), None)
            self._absent.pop((peer, name), None)

    def link_down(self, a: str, b: str) -> None:
        """Cut a link: both ends lose their connections at once, and none comes up."""
        link = frozenset((a, b))
        self._broken.add(link)
        self._absent.pop((a, b), None)
        self._absent.pop((b, a), None)
        for name in (a, b):
            node = self._nodes.get(name)
            ends = [end for end in node.ends.values() if end.link == link] if node else []
            for end in ends:
                end.forget()
                if end.known:
                    self._give(end.node, TcpClosed(end.connection))
                elif end.connection > 0:
                    self._give(end.node, TcpFailed(end.connection))

    def link_up(self, a: str, b: str) -> None:
        """Mend a link; its session comes back when one of its ends dials again."""
        self._broken.discard(frozenset((a, b)))
        for name, peer in ((a, b), (b, a)):
            both = name in self._nodes and peer in self._nodes
            if both and not self.speakers[name].sessions[peer].established:
                self._absent[name, peer] = None

    def ends(self, name: str) -> list[End]:
        """List the ends of connections that a router has now."""
        return list(self._nodes[name].ends.values())

    # Time

    def _happen(self, due: float, serial: int, where: Any, what: What) -> None:
        """Let one entry of the heap happen, unless it is a stale deadline."""
        if what is None:
            if where.serial == serial:
                self._tick(where, due)
            return
        self.now = due
        if what is DONE:
            self._finish(where)
            return
        if what != KEEPALIVE_MESSAGE:
            self._under_way -= 1
        if type(what) is bytes:
            what = self._caught_up(where, due, what)
        if where.node.processing is None:
            self._arrive(where, what)
        else:
            self._await(where, what)

    def _caught_up(self, end: End, due: float, octets: bytes) -> bytes:
        """Add octets that have caught up with those before: a stream keeps no boundaries."""
        heap = self._heap
        while heap and heap[0][2] is end and heap[0][0] == due:
            more = heap[0][3]
            if type(more) is not bytes:
                break
            heappop(heap)
            if more != KEEPALIVE_MESSAGE:
                self._under_way -= 1
            octets += more
        return octets

    @property
    def quiet(self) -> bool:
        """Tell whether nothing that is under way can lead to an UPDATE, and all is up.

        All expected sessions are Established, all routers quiet; no message is under way but
        KEEPALIVEs.
        """
        if self._under_way or self._absent:
            return False
        for node in list(self._touched):
            if not node.speaker.quiet:
                return False
            del self._touched[node]
        return True

    @property
    def all_up(self) -> bool:
        """Tell whether all sessions that are to come up are Established."""
        return not self._absent

    def unsettled(self) -> list[str]:
        """Say what keeps the network from being quiet: one line each."""
        reasons = [
            f"router {node.name}: has routes to send or to decide on"
            for node in sorted(self._touched, key=lambda node: node.index)
            if not node.speaker.quiet
        ]
        reasons += [
            f"session {name}-{peer}: {self.speakers[name].sessions[peer].state.label} at {name}"
            for name, peer in sorted(self._absent)
        ]
        if self._under_way:
            reasons.append(f"under way: {self._under_way} message(s)")
        return reasons

    @property
    def trace(self) -> str:
        """SHA-256, in hex, of (time, router, input) of all inputs so far, in their order."""
        return self._trace.digest()

    # Inputs

    def _tick(self, node: Node, now: float) -> None:
        """Let a router do what is due; its entry on the heap is used up."""
        self.now = now
        self.events += 1
        node.due = NEVER
        node.serial = 0
        effects = node.speaker.tick(now)
        self._perform(node, effects)
        self._schedule(node)

    def _give(self, node: Node, given: Input) -> list[Effect]:
        """Give a router an input now; carry out and return what it asks for."""
        self.events += 1
        self._trace.add(self.now, node.index, repr(given).encode())
        self._touched[node] = None
        effects = node.speaker.handle(given, self.now)
        self._perform(node, effects)
        self._schedule(node)
        return effects

    def _arrive(self, end: End, what: Input | bytes) -> None:
        """Let an arrival reach its router, if the connection is still there."""
        if not end.open:
            return
        if type(what) is not bytes:
            self._arrived(end, what)
            return
        node = end.node
        self.events += 1
        self._trace.add(self.now, node.index, what)
        alone = what == KEEPALIVE_MESSAGE
        given = end.keepalive if alone else Octets(end.connection, what)
        effects = node.speaker.handle(given, self.now)
        if effects:
            self._perform(node, effects)
        elif alone:
            return  # without effects it only moves HoldTimer away: nothing is due sooner
        self._touched[node] = None
        self._schedule(node)

    def _arrived(self, end: End, given: Any) -> None:
        """Let news of a connection reach its router."""
        if type(given) is TcpClosed or type(given) is TcpFailed:
            end.forget()
        else:
            end.known = True
        self._give(end.node, given)

    def _schedule(self, node: Node) -> None:
        """Let a router do what is due now, and bring its entry on the heap forward.

        What an input calls for at once happens before the next input, even one of the same
        time: a turn of a router takes in one input.
        """
        due = node.speaker.next_deadline
        if due is not None and due <= self.now:
            self._perform(node, node.speaker.tick(self.now))
            due = node.speaker.next_deadline
        if due is not None and due < node.due:
            node.due = due
            node.serial = serial = next(self._serial)
            heappush(self._heap, (max(due, self.now), serial, node, None))

    # Work that takes time

    def _await(self, end: End, what: Input | bytes) -> None:
        """Let an arrival wait for its turn, message by message, where UPDATEs take time."""
        node = end.node
        parts = messages(what) if type(what) is bytes else (what,)
        for part in parts:
            node.waiting.append((end, part))
            self._under_way += 1
        if not node.busy:
            self._work(node)

    def _work(self, node: Node) -> None:
        """Take what waits, up to an UPDATE: that one will have been processed in a while."""
        waiting = node.waiting
        while waiting:
            end, what = waiting[0]
            if end.open and type(what) is bytes and is_update(what):
                node.busy = True
                due = self.now + draw(node.processing or (0.0, 0.0), self.rng)
                heappush(self._heap, (due, next(self._serial), node, DONE))
                return
            waiting.popleft()
            self._under_way -= 1
            self._arrive(end, what)

    def _finish(self, node: Node) -> None:
        """Let the UPDATE arrive that a router has worked on."""
        node.busy = False
        end, what = node.waiting.popleft()
        self._under_way -= 1
        self._arrive(end, what)
        self._work(node)

    # Effects

    def _perform(self, node: Node, effects: list[Effect]) -> None:
        """Carry out what a router asks for; all else are facts."""
        carry = self._carry
        for effect in effects:
            work = carry.get(type(effect))
            if work is None:
                self.tell(node.name, effect)  # type: ignore[arg-type]  # no other is left
            else:
                work(node, effect)

    def _send(self, node: Node, effect: Send) -> None:
        """Put octets on their way; the kernel takes them at once, unless it is congested."""
        octets = effect.octets
        end = node.ends.get(effect.connection)
        if end is None:
            return
        far = end.far
        if far is not None and not (self.cut and end.link in self.cut):
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
        if not end.congested:
            answer = node.speaker.handle(end.drained, self.now)
            if answer:
                self._perform(node, answer)

    def _dial(self, node: Node, effect: Dial) -> None:
        """Connect two routers, or refuse where the peer or the link is gone."""
        near = End(node, effect.connection, effect.peer, self._noise)
        other = self._nodes.get(effect.peer)
        if other is None or near.link in self._broken or near.link in self.cut:
            self._queue(near, TcpFailed(effect.connection), near.delay)
            return
        far = End(other, -next(self._accepts), node.name, self._noise)
        near.far, far.far = far, near
        epoch, rng = next(self._epochs), self.rng
        address = node.speaker.config.address
        self._queue(far, TcpAccepted(far.connection, address, epoch), near.draw_delay(rng))
        self._queue(near, TcpUp(effect.connection, epoch), far.draw_delay(rng))

    def _queue(self, end: End, given: Input, delay: float) -> None:
        """Put news on its way to an end, behind what is under way to it."""
        end.last = max(self.now + delay, end.last)
        self._under_way += 1
        heappush(self._heap, (end.last, next(self._serial), end, given))

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

    def _state_changed(self, node: Node, fact: StateChanged) -> None:
        """Keep account of which session ends are up."""
        self._touched[node] = None
        if fact.new == ESTABLISHED:
            self.up += 1
            self._absent.pop((node.name, fact.peer), None)
        elif fact.old == ESTABLISHED:
            self.up -= 1
            self.lost += 1
            pair = (node.name, fact.peer)
            if fact.peer in self._nodes and frozenset(pair) not in self._broken:
                self._absent[pair] = None
        self.tell(node.name, fact)
