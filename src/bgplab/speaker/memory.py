"""Whole routers joined in memory, in virtual time: the twin of the real transport.

Connections come up and go down, octets arrive in order per connection and direction after the
delay of their link, and nothing else is promised. What is under way is a heap of inputs by
arrival time; `run` lets them and the routers' deadlines happen in the order of their times.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bgplab.config import Level, PeerConfig, RouterConfig, RouterFlags, SessionFlags, Timers
from bgplab.facts import Fact
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.speaker.inputs import (
    Congested,
    Drained,
    Input,
    Octets,
    Start,
    TcpAccepted,
    TcpClosed,
    TcpFailed,
    TcpUp,
)
from bgplab.speaker.speaker import Speaker
from bgplab.wire.nlri import format_prefix

if TYPE_CHECKING:
    import random

Kind = TypeVar("Kind")  # of Fact


class End(NamedTuple):
    """One end of a TCP connection: the router, and its number for the connection."""

    router: str
    connection: int


class Told(NamedTuple):
    """A fact, with the router that told it."""

    router: str
    fact: Fact


class Network:
    """Routers, the connections between them, and a clock of its own (`now`, seconds).

    `facts` keeps what routers told, `effects` all that they asked for, in order. `rng` makes
    the random numbers of a seed: a router's own, and with `seed` those of the links' jitter.
    """

    def __init__(
        self,
        configs: Iterable[RouterConfig],
        rng: Callable[[int], random.Random],
        seed: int = 0,
    ) -> None:
        self.speakers = {config.name: Speaker(config, rng(config.seed)) for config in configs}
        self.now = 0.0
        self.facts: list[Told] = []
        self.effects: list[tuple[str, Effect]] = []
        self.cut: set[frozenset[str]] = set()  # links, as pairs of names, that swallow octets
        self._rng = rng(seed)
        self._peers = {
            (name, peer.name): peer
            for name, speaker in self.speakers.items()
            for peer in speaker.config.peers
        }
        self._far: dict[End, End] = {}
        self._link: dict[End, str] = {}  # the name of the router at the other end
        self._congested: set[End] = set()
        self._last: dict[End, float] = {}  # when the latest arrival at an end is due
        self._heap: list[tuple[float, int, str, Input]] = []
        self._serial = count()
        self._accepts = count(1)
        self._epochs = count(1)

    # What an experiment does

    def start(self) -> None:
        """Start all sessions of all routers."""
        for name in self.speakers:
            self.feed(name, Start())

    def feed(self, name: str, given: Input) -> list[Effect]:
        """Give a router an input now; carry out and return what it asks for."""
        return self._perform(name, self.speakers[name].handle(given, self.now))

    def kill(self, name: str) -> None:
        """End a router without a word; the kernel closes its connections."""
        del self.speakers[name]
        for end in [end for end in self._far if end.router == name]:
            self._close(end)

    def congest(self, name: str, peer: str) -> None:
        """Let a router's connection to a peer be slow: written octets count as not taken."""
        end = self.end(name, peer)
        self._congested.add(end)
        self.feed(name, Congested(end.connection))

    def drain(self, name: str, peer: str) -> None:
        """End what `congest` began."""
        end = self.end(name, peer)
        self._congested.discard(end)
        self.feed(name, Drained(end.connection))

    def end(self, name: str, peer: str) -> End:
        """Find the end of the one connection between two routers. Raises ValueError."""
        (found,) = (
            end for end, far in self._link.items() if end.router == name and far == peer
        )
        return found

    # Time

    def run(self, until: float) -> None:
        """Let time pass up to and including a time."""
        while (due := self._next()) <= until:
            self._step(due)
        self.now = max(self.now, until)

    def settle(self, limit: float = 3600.0) -> None:
        """Let time pass until all routers are quiet and nothing is under way.

        Raises TimeoutError if that takes more than `limit` seconds from now.
        """
        limit += self.now
        while not self.quiet:
            due = self._next()
            if due > limit:
                raise TimeoutError(f"not settled at {limit} s")
            self._step(due)

    @property
    def quiet(self) -> bool:
        """Tell whether all sessions are up, routers are quiet, and nothing is under way."""
        return not self._heap and all(
            speaker.quiet
            and all(
                session.established or session.name not in self.speakers
                for session in speaker.sessions.values()
            )
            for speaker in self.speakers.values()
        )

    def _next(self) -> float:
        """Give the time of what happens next; infinity for nothing."""
        due = self._heap[0][0] if self._heap else math.inf
        for speaker in self.speakers.values():
            deadline = speaker.next_deadline
            if deadline is not None and deadline < due:
                due = deadline
        return due

    def _step(self, due: float) -> None:
        """Let all happen that is due by a time: arrivals first, then deadlines."""
        self.now = max(self.now, due)
        while self._heap and self._heap[0][0] <= self.now:
            _, _, name, given = heapq.heappop(self._heap)
            self._arrive(name, given)
        for name, speaker in list(self.speakers.items()):
            deadline = speaker.next_deadline
            if deadline is not None and deadline <= self.now:
                self._perform(name, speaker.tick(self.now))

    # TCP

    def _arrive(self, name: str, given: Input) -> None:
        """Let an input reach its router, if both it and the connection are still there."""
        if name not in self.speakers:
            return
        connection = getattr(given, "connection", 0)
        end = End(name, connection)
        if isinstance(given, TcpClosed):
            self._forget(end)
        elif end not in self._link and not isinstance(given, TcpFailed):
            return
        self.feed(name, given)

    def _perform(self, name: str, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            self.effects.append((name, effect))
            if isinstance(effect, Send):
                self._send(End(name, effect.connection), effect.octets)
            elif isinstance(effect, Dial):
                self._dial(name, effect.connection, effect.peer)
            elif isinstance(effect, Close):
                self._close(End(name, effect.connection))
            else:
                self.facts.append(Told(name, effect))
        return effects

    def _send(self, end: End, octets: bytes) -> None:
        far = self._far.get(end)
        if far is not None and frozenset((end.router, far.router)) not in self.cut:
            self._queue(far, end.router, Octets(far.connection, octets))
        if end in self._link and end not in self._congested:
            self.feed(end.router, Drained(end.connection))

    def _dial(self, name: str, connection: int, peer: str) -> None:
        near = End(name, connection)
        if peer not in self.speakers or frozenset((name, peer)) in self.cut:
            self._queue(near, peer, TcpFailed(connection))
            return
        far = End(peer, -next(self._accepts))
        epoch = next(self._epochs)
        self._far[near], self._far[far] = far, near
        self._link[near], self._link[far] = peer, name
        address = self.speakers[name].config.address
        self._queue(far, name, TcpAccepted(far.connection, address, epoch))
        self._queue(near, peer, TcpUp(connection, epoch))

    def _close(self, end: End) -> None:
        far = self._far.get(end)
        self._forget(end)
        if far is not None and far in self._link:
            self._queue(far, end.router, TcpClosed(far.connection))

    def _forget(self, end: End) -> None:
        """Drop an end; what the other one sends from here on is lost."""
        far = self._far.pop(end, None)
        if far is not None:
            self._far.pop(far, None)
        self._link.pop(end, None)
        self._congested.discard(end)
        self._last.pop(end, None)

    def _queue(self, to: End, sender: str, given: Input) -> None:
        """Put an input on its way, behind the earlier ones of the same end."""
        peer = self._peers[sender, to.router]
        delay = peer.delay + peer.delay_jitter * self._rng.random()
        due = max(self.now + delay, self._last.get(to, 0.0))
        self._last[to] = due
        heapq.heappush(self._heap, (due, next(self._serial), to.router, given))

    # What came of it

    def best(self, name: str) -> dict[str, tuple[int, ...]]:
        """Give a router's best paths: the AS_PATH of each prefix, segments run together."""
        found = self.speakers[name].routing.loc_rib.best
        return {
            format_prefix(prefix): tuple(
                asn for segment in path.attributes.as_path for asn in segment.asns
            )
            for prefix, path in sorted(found.items())
        }

    def of(self, name: str, kind: type[Kind]) -> Iterator[Kind]:
        """Go through the facts of one kind that a router told."""
        return (
            fact for router, fact in self.facts if router == name and isinstance(fact, kind)
        )


def routers(
    asns: Mapping[str, int],
    links: Iterable[tuple[str, str]],
    *,
    timers: Timers | None = None,
    flags: RouterFlags | None = None,
    session_flags: SessionFlags | None = None,
    delay: float = 0.001,
    delay_jitter: float = 0.0,
    igp: Mapping[str, float] | None = None,
    crowd: float = 0.0,
    prefixes: int = 1,
) -> list[RouterConfig]:
    """Configure routers by name and AS number, numbered from 1 in their order, and their links.

    Router i has identifier and NEXT_HOP 10.0.0.i and originates 10.i.0.0/24, 10.i.1.0/24, and
    so on. The first router of a link listens, the second dials.
    """
    numbers = {name: number for number, name in enumerate(asns, 1)}
    peers: dict[str, list[PeerConfig]] = {name: [] for name in asns}
    for first, second in links:
        for name, peer in ((first, second), (second, first)):
            config = PeerConfig(
                name=peer,
                address=f"127.0.0.{numbers[peer]}",
                port=1790,
                asn=asns[peer],
                passive=name == first,
                timers=timers or Timers(),
                flags=session_flags or SessionFlags(),
                delay=delay,
                delay_jitter=delay_jitter,
            )
            peers[name].append(config)
    plain = RouterConfig("", 0, "", "", 1790, "", level=Level.UPDATES)
    return [
        replace(
            plain,
            name=name,
            asn=asns[name],
            identifier=f"10.0.0.{number}",
            address=f"127.0.0.{number}",
            next_hop=f"10.0.0.{number}",
            originate=tuple(f"10.{number}.{index}.0/24" for index in range(prefixes)),
            peers=tuple(peers[name]),
            flags=flags or RouterFlags(coalesce="off"),
            igp=dict(igp or {}),
            crowd=crowd,
            seed=number,
        )
        for name, number in numbers.items()
    ]
