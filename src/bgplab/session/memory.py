"""Two sessions back to back over an in-memory wire, in virtual time.

The twin of the real transport for tests and trials of the session floor: connections come up
and go down, octets arrive in order per connection and direction, and nothing else is promised.
Each thing that is under way is an item of `pending`; `deliver` lets one happen, `run` lets all
happen until a time, with the timers in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from bgplab.config import Level, PeerConfig, RouterConfig, SessionFlags, Timers
from bgplab.errors import UpdateError
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.session.session import Session

if TYPE_CHECKING:
    import random


class Side(NamedTuple):
    """One end's part of a peering; the defaults are those of the lab."""

    asn: int
    identifier: str
    timers: Timers = Timers()
    flags: SessionFlags = SessionFlags()
    passive: bool = False
    level: Level = Level.TRANSITIONS


LEFT = Side(65001, "10.0.0.1")
RIGHT = Side(65002, "10.0.0.2")  # the higher identifier


class Arrival(NamedTuple):
    """Something that reaches an end: "accepted", "dialled", "failed", "octets" or "closed"."""

    what: str
    connection: int
    epoch: int = 0
    octets: bytes = b""


class End:
    """One router with one session; implements Routes by keeping what it is told."""

    def __init__(self, config: PeerConfig, local: RouterConfig, rng: random.Random) -> None:
        self.effects: list[Effect] = []
        self.outbox: deque[Effect] = deque()
        self.told: list[tuple[float, str]] = []
        self.bodies: list[bytes] = []
        self.session = Session(config, local, self, self._emit, rng, count(1))
        self.far: dict[int, int] = {}  # our connection -> the other end's, while both have it
        self.accepts = count(1)
        self.refuses_update = b""  # the body that `update` finds malformed

    def _emit(self, effect: Effect) -> None:
        """Keep an effect; those for TCP wait in `outbox`."""
        self.effects.append(effect)
        if isinstance(effect, Dial | Send | Close):
            self.outbox.append(effect)

    def established(self, session: Session, now: float) -> None:
        """Keep that the session is up."""
        self.told.append((now, "established"))

    def down(self, session: Session, now: float) -> None:
        """Keep that the session is down."""
        self.told.append((now, "down"))

    def update(self, session: Session, bodies: Sequence[bytes], now: float) -> None:
        """Keep the bodies. Raises UpdateError for the one that is to be refused."""
        for body in bodies:
            if self.refuses_update and body == self.refuses_update:
                raise UpdateError(1, "refused")
            self.bodies.append(body)

    def refresh(self, session: Session, body: bytes, now: float) -> None:
        """Keep that the table was asked for."""
        self.told.append((now, "refresh"))


class Wire:
    """Carries what two ends send each other, in order per connection and direction.

    `reachable` says whether dialling succeeds, `silent` swallows octets as a cut cable does.
    """

    def __init__(self, left: End, right: End) -> None:
        self.ends = (left, right)
        self.pending: dict[
            tuple[int, int], deque[Arrival]
        ] = {}  # (end, connection) -> arrivals
        self.now = 0.0
        self.reachable = True
        self.silent = False
        self._epochs = count(1)

    def flush(self) -> None:
        """Carry out what the ends have asked for."""
        for side, end in enumerate(self.ends):
            while end.outbox:
                self._carry(side, end.outbox.popleft())

    def _carry(self, side: int, effect: Effect) -> None:
        """Carry out one effect of an end."""
        end, far = self.ends[side], self.ends[1 - side]
        if isinstance(effect, Dial):
            self._connect(side, effect.connection)
        elif isinstance(effect, Send) and effect.connection in end.far:
            end.session.drained(effect.connection, self.now)
            arrival = Arrival("octets", end.far[effect.connection], 0, effect.octets)
            if not self.silent:
                self._queue(1 - side, arrival)
        elif isinstance(effect, Close):
            self.pending.pop((side, effect.connection), None)
            other = end.far.pop(effect.connection, 0)
            if other and other in far.far:
                self._queue(1 - side, Arrival("closed", other))

    def _connect(self, side: int, connection: int) -> None:
        """Bring a connection up at both ends, each in its own time."""
        end, far = self.ends[side], self.ends[1 - side]
        if not self.reachable:
            self._queue(side, Arrival("failed", connection))
            return
        accepted = -next(far.accepts)
        epoch = next(self._epochs)
        end.far[connection] = accepted
        far.far[accepted] = connection
        self._queue(side, Arrival("dialled", connection, epoch))
        self._queue(1 - side, Arrival("accepted", accepted, epoch))

    def _queue(self, side: int, arrival: Arrival) -> None:
        """Put an arrival behind the earlier ones of its connection."""
        self.pending.setdefault((side, arrival.connection), deque()).append(arrival)

    def cut(self, side: int, connection: int) -> None:
        """Let TCP fail: both ends learn of it, after what is under way to them."""
        far = self.ends[side].far.pop(connection)
        self.ends[1 - side].far.pop(far, None)
        self._queue(side, Arrival("closed", connection))
        self._queue(1 - side, Arrival("closed", far))

    def choices(self) -> list[tuple[int, int]]:
        """List the (end, connection) for which something is under way, oldest first."""
        return [key for key, arrivals in self.pending.items() if arrivals]

    def deliver(self, key: tuple[int, int]) -> None:
        """Let the next arrival of an end's connection happen, and carry what it leads to."""
        arrival = self.pending[key].popleft()
        if not self.pending[key]:
            del self.pending[key]
        end = self.ends[key[0]]
        session, connection = end.session, arrival.connection
        match arrival.what:
            case "accepted":
                session.accepted(connection, arrival.epoch, self.now)
            case "dialled":
                session.dialled(connection, arrival.epoch, self.now)
            case "failed":
                session.dial_failed(connection, self.now)
            case "octets":
                session.receive(connection, arrival.octets, self.now)
            case _:
                end.far.pop(connection, None)
                session.closed(connection, self.now)
        self.flush()

    def settle(self) -> None:
        """Let all that is under way arrive, oldest connection first, at the present time."""
        self.flush()
        while choices := self.choices():
            self.deliver(choices[0])

    def run(self, until: float) -> None:
        """Let time pass: arrivals at once, timers at their deadlines."""
        self.settle()
        while (due := min(end.session.next_deadline for end in self.ends)) <= until:
            self.now = max(self.now, due)
            for end in self.ends:
                end.session.tick(self.now)
            self.settle()
        self.now = until


def back_to_back(rng: random.Random, left: Side = LEFT, right: Side = RIGHT) -> Wire:
    """Make two sessions that are configured for each other, "left" and "right", both Idle."""
    return Wire(
        make_end("left", left, "right", right, rng), make_end("right", right, "left", left, rng)
    )


def make_end(name: str, side: Side, peer: str, far: Side, rng: random.Random) -> End:
    """Make the router `name` with its session to `peer`."""
    local = RouterConfig(
        name=name,
        asn=side.asn,
        identifier=side.identifier,
        address="127.0.0.1",
        port=1790,
        next_hop=side.identifier,
        level=side.level,
    )
    config = PeerConfig(
        name=peer,
        address="127.0.0.2",
        port=1790,
        asn=far.asn,
        passive=side.passive,
        timers=side.timers,
        flags=side.flags,
    )
    return End(config, local, rng)
