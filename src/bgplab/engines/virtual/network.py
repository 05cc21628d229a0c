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
from typing import TYPE_CHECKING, Any

from bgplab.config import RouterConfig
from bgplab.engines.obstacles import paused as is_paused
from bgplab.engines.obstacles import shut_down_by
from bgplab.engines.virtual.agenda import What
from bgplab.engines.virtual.tcp import Tcp
from bgplab.engines.virtual.trace import Trace
from bgplab.engines.virtual.wires import NEVER, End, Node, draw, is_update, messages
from bgplab.facts import Fact, StateChanged
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.session.events import State
from bgplab.speaker.inputs import Input, Octets, Start, Stop, TcpClosed, TcpFailed
from bgplab.speaker.speaker import Speaker
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE

if TYPE_CHECKING:
    import random

ESTABLISHED = State.ESTABLISHED
DONE = b""  # on the heap: a router is done with an UPDATE


class Network(Tcp):
    """Routers, the connections between them, and a clock of its own (`now`, seconds).

    `rng` makes the random numbers of a seed: a router's own, and with `seed` those of the
    links. `noise` is the most that setting up a connection takes at random beyond what the file
    says, and that octets take over a link to which it gives no delay.
    `speaker` makes the routers, `tell` gets their facts.
    """

    def __init__(
        self,
        configs: Iterable[RouterConfig],
        rng: Callable[[int], random.Random],
        seed: int = 0,
        noise: float = 0.0,
        speaker: Callable[[RouterConfig, random.Random], Speaker] = Speaker,
    ) -> None:
        self._configs = {config.name: config for config in configs}
        super().__init__(self._configs.values(), rng(seed), noise)
        self.up = 0  # ends of sessions that are Established, at routers that are not paused
        self.lost = 0  # ends of sessions that were Established and are not any more
        self.speakers: dict[str, Speaker] = {}
        self.tell: Callable[[str, Fact], None] = lambda router, fact: None
        self._make = lambda config: speaker(config, rng(config.seed))
        self._touched: dict[Node, None] = {}  # all routers that may not be quiet
        self._absent = self.expected.absent  # session ends that are to come up
        self._lingering = self.expected.lingering  # and those that are to go down
        self._trace = Trace()
        self._carry: dict[type, Callable[[Node, Any], None]] = {
            Send: self._send,
            Dial: self._dial,
            Close: self._close_effect,
            StateChanged: self._state_changed,
        }
        for index, config in enumerate(self._configs.values()):
            made = self._make(config)
            self.speakers[config.name] = made
            self._nodes[config.name] = Node(index, made, config)
        for name, node in self._nodes.items():
            for peer in node.peers:
                self.expected.judge_end(name, peer)

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
        if self._nodes[name].paused:
            self._set_paused(name, paused=False)
        node = self._nodes.pop(name)
        del self.speakers[name]
        self.up -= self._established(node)
        node.serial = 0
        self._touched.pop(node, None)
        self._under_way -= len(node.waiting)
        node.waiting.clear()
        for end in list(node.ends.values()):
            self._close(end)
        for peer in node.peers:
            self.expected.judge(name, peer)

    def restart(self, name: str) -> None:
        """Let a router that was killed run again, as it is configured; links stay as they are.

        It does not start its sessions yet: `feed` it a Start.
        """
        made = self._make(self._configs[name])
        self.speakers[name] = made
        node = Node([*self._configs].index(name), made, self._configs[name])
        self._nodes[name] = node
        for each in self._configs:  # the order of routers is that of their configurations
            if each in self.speakers:
                self.speakers[each] = self.speakers.pop(each)
        for peer in node.peers:
            self.expected.take(name, peer, shut_down_by(name))

    def shut_down(self, name: str, peers: tuple[str, ...], message: str = "") -> None:
        """Stop sessions of a router on purpose, all if none is named; they stay down."""
        for peer in peers or self._nodes[name].peers:
            self.expected.put(name, peer, shut_down_by(name))
        self.feed(name, Stop(peers, message=message))

    def bring_up(self, name: str, peers: tuple[str, ...]) -> None:
        """Start sessions of a router on purpose, all if none is named."""
        for peer in peers or self._nodes[name].peers:
            self.expected.take(name, peer, shut_down_by(name))
        self.feed(name, Start(peers, manual=True))

    def is_paused(self, name: str) -> bool:
        """Tell whether a router that lives is paused."""
        return self._nodes[name].paused

    def pause(self, name: str) -> None:
        """Let a router do nothing; its kernel accepts connections and takes what comes."""
        node = self._nodes[name]
        node.serial = 0  # its deadlines pass unseen
        node.due = NEVER
        self._touched.pop(node, None)
        self._set_paused(name, paused=True)

    def resume(self, name: str) -> None:
        """Let a paused router go on: it reads what has come, and then sees what is due.

        So no hold timer expires over octets that wait.
        """
        self._set_paused(name, paused=False)
        node = self._nodes[name]
        self._touched[node] = None
        backlog, node.backlog = node.backlog, []
        for where, what in backlog:
            if what is DONE:
                self._finish(where)
            elif where.open or type(what) in (TcpClosed, TcpFailed):
                self._read(where, what)
        self._schedule(node)

    @staticmethod
    def _established(node: Node) -> int:
        """Count the sessions of a router that are Established."""
        return sum(session.established for session in node.speaker.sessions.values())

    def _set_paused(self, name: str, *, paused: bool) -> None:
        node = self._nodes[name]
        node.paused = paused
        sign = -1 if paused else 1
        self._under_way += sign * len(node.waiting)
        self.up += sign * self._established(node)
        for end in node.ends.values():
            end.ready = not paused and end.link not in self._dark
        obstacle = is_paused(name)
        change = self.expected.put if paused else self.expected.take
        for peer in node.peers:
            change(name, peer, obstacle)

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
        if not where.ready:
            self._keep(where, what)
        elif where.node.processing is None:
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

        All expected sessions are Established and no others, all routers quiet; no message is
        under way but KEEPALIVEs. A paused router is not asked.
        """
        if self._under_way or self._absent or self._lingering:
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
        reasons += self.expected.reasons()
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
        """Let an arrival reach its router."""
        if not isinstance(what, bytes):
            self._news(end, what)
            self._give(end.node, what)
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

    def _news(self, end: End, given: Input) -> None:
        """Take note of news of a connection that reaches its router."""
        if type(given) is TcpClosed or type(given) is TcpFailed:
            end.forget()
        else:
            end.known = True

    def _read(self, end: End, what: Input | bytes) -> None:
        """Let a router that was paused take what has waited, and do nothing else yet."""
        node = end.node
        if node.processing is not None:
            self._await(end, what)
            return
        self.events += 1
        if isinstance(what, bytes):
            given: Input = Octets(end.connection, what)
            self._trace.add(self.now, node.index, what)
        else:
            self._news(end, what)
            given = what
            self._trace.add(self.now, node.index, repr(given).encode())
        self._perform(node, node.speaker.handle(given, self.now))

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
            if end.open:
                self._arrive(end, what)

    def _finish(self, node: Node) -> None:
        """Let the UPDATE arrive that a router has worked on."""
        if node.paused:
            node.backlog.append((node, DONE))
            return
        node.busy = False
        if not node.waiting:
            return  # killed meanwhile
        end, what = node.waiting.popleft()
        self._under_way -= 1
        if end.open:
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

    def _state_changed(self, node: Node, fact: StateChanged) -> None:
        """Keep account of which session ends are up."""
        self._touched[node] = None
        if fact.new == ESTABLISHED:
            self.up += 1
            self.expected.judge_end(node.name, fact.peer)
        elif fact.old == ESTABLISHED:
            self.up -= 1
            self.lost += 1
            self.expected.judge_end(node.name, fact.peer)
        self.tell(node.name, fact)
