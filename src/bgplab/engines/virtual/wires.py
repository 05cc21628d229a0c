"""Routers and the ends of their connections, and how long octets are under way.

A link of delay 0 is the loopback
interface, which takes a moment too: without it, routers could exchange messages for ever while
no time passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bgplab.config import RouterConfig
from bgplab.speaker.inputs import Drained, Input, Octets
from bgplab.speaker.speaker import Speaker
from bgplab.wire.header import HEADER_LENGTH, UPDATE
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE

if TYPE_CHECKING:
    import random

LOOPBACK = 20e-6  # seconds that octets take at least
NEVER = float("inf")


class Node:
    """One router of the network, and what waits for it."""

    __slots__ = (
        "backlog",
        "busy",
        "due",
        "ends",
        "index",
        "name",
        "paused",
        "peers",
        "processing",
        "serial",
        "speaker",
        "waiting",
    )

    def __init__(self, index: int, speaker: Speaker, config: RouterConfig) -> None:
        self.index = index  # stands for the router in the trace
        self.name = config.name
        self.speaker = speaker
        self.peers = {peer.name: peer for peer in config.peers}
        self.ends: dict[int, End] = {}  # by number of connection
        self.due = NEVER  # when its entry on the heap is due
        self.serial = 0  # the number of that entry; others of this router are stale
        self.processing: tuple[float, float] | None = None  # least and most seconds per UPDATE
        self.paused = False
        # What has come while it was paused; DONE: its work on an UPDATE.
        self.backlog: list[tuple[Any, Input | bytes]] = []
        self.busy = False  # whether it works on an UPDATE
        self.waiting: deque[tuple[End, Input | bytes]] = deque()  # while it is busy


class End:
    """One end of a TCP connection; `connection` is the router's number for it."""

    __slots__ = (
        "blocked",
        "congested",
        "connection",
        "delay",
        "drained",
        "far",
        "jitter",
        "keepalive",
        "known",
        "last",
        "link",
        "node",
        "noise",
        "open",
        "peer",
        "ready",
        "unsent",
    )

    def __init__(self, node: Node, connection: int, peer: str, noise: float) -> None:
        towards = node.peers[peer]
        self.node = node
        self.connection = connection
        self.ready = True  # whether what arrives is heard: open, and nothing in the way
        self.drained = Drained(connection)  # the two most frequent inputs, made once
        self.keepalive = Octets(connection, KEEPALIVE_MESSAGE)
        self.peer = peer
        self.link = frozenset((node.name, peer))
        self.far: End | None = None
        self.open = True
        self.known = False  # whether the router has been told that the connection is up
        self.blocked = False  # whether the kernel can send nothing
        self.unsent = False  # whether it holds octets for that reason
        self.congested = False  # whether the router has been told so
        self.last = 0.0  # when the latest arrival here is due
        self.noise = noise
        self.set_delay(towards.delay, towards.delay_jitter)
        node.ends[connection] = self

    def set_delay(self, delay: float, jitter: float) -> None:
        """Let octets that leave here be under way so long, in seconds."""
        self.delay = max(delay, LOOPBACK)
        self.jitter = jitter if delay else jitter + self.noise  # a stated delay is kept to

    def draw_delay(self, rng: random.Random) -> float:
        """Draw how long news of the connection is under way from here, in seconds."""
        return self.delay + (self.jitter + self.noise) * rng.random()

    def forget(self) -> None:
        """Drop this end; what the other one sends from here on is lost."""
        self.open = self.ready = False
        if self.far is not None:
            self.far.far = None
            self.far = None
        self.node.ends.pop(self.connection, None)


def messages(octets: bytes) -> Iterator[bytes]:
    """Cut messages apart, by the lengths in their headers; the rest of what is none is one."""
    start = 0
    while start < len(octets):
        end = start + int.from_bytes(octets[start + 16 : start + 18])
        if end < start + HEADER_LENGTH:
            end = len(octets)
        yield octets[start:end]
        start = end


def is_update(message: bytes) -> bool:
    """Tell whether a message is an UPDATE."""
    return len(message) >= HEADER_LENGTH and message[HEADER_LENGTH - 1] == UPDATE


def draw(bounds: tuple[float, float], rng: random.Random) -> float:
    """Draw the seconds that one UPDATE costs a router; a fixed cost draws nothing."""
    least, most = bounds
    return least if least == most else rng.uniform(least, most)
