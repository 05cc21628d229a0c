"""Recorded steps for people: messages decoded, transitions by name, connections by peer."""

from __future__ import annotations

from collections.abc import Iterator

from bgplab import facts
from bgplab.config import RouterConfig
from bgplab.errors import WireError
from bgplab.observe.inputs import Given, PutOff
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.session.events import Event, State
from bgplab.speaker import inputs
from bgplab.wire.attributes import decode_attributes, format_as_path
from bgplab.wire.header import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    Framer,
)
from bgplab.wire.nlri import format_address, format_prefix, split_prefixes
from bgplab.wire.notification import decode_notification, describe
from bgplab.wire.open import decode_open
from bgplab.wire.update import is_end_of_rib, split_update

PREFIXES = 8  # of one message that are named; the rest is counted
NAMES = {KEEPALIVE: "KEEPALIVE", ROUTE_REFRESH: "ROUTE-REFRESH"}

REPORTS = {
    inputs.TcpUp: "TCP is up",
    inputs.TcpFailed: "the attempt to dial failed",
    inputs.TcpClosed: "TCP is gone",
    inputs.Congested: "it reads more slowly than we write",
    inputs.Drained: "TCP has taken all octets",
}

# What a Send or an input of Octets has said already.
REPEATED = (
    facts.OctetsSent
    | facts.OctetsReceived
    | facts.UpdateSent
    | facts.UpdateReceived
    | facts.NotificationSent
    | facts.NotificationReceived
)


class Narrator:
    """Puts the steps of one router into words, in their order.

    It keeps the octets of a message that has arrived in part until the rest is there.
    """

    def __init__(self, config: RouterConfig) -> None:
        self._by_address = {peer.address: peer.name for peer in config.peers}
        self._peers: dict[int, str] = {}
        self._framers: dict[int, Framer] = {}

    def given(self, given: Given) -> list[str]:
        """Say what the router was given: a line, and more below if it was several messages."""
        if isinstance(given, inputs.Octets):
            connection, data = given
            framer = self._framers.setdefault(connection, Framer())
            return _told(f"from {self._peer(connection)}", _messages(framer, data))
        return [self._given(given)]

    def _given(self, given: Given) -> str:
        match given:
            case None:
                return "tick"
            case inputs.TcpAccepted(connection, address):
                self._peers[connection] = self._by_address.get(address, address)
                return f"{self._peer(connection)} connected"
            case PutOff(peer):
                return f"the timers of {peer} rest, as one of them failed"
            case inputs.Start(peers) | inputs.Stop(peers) | inputs.Reset(peers):
                return f"{type(given).__name__.lower()} {', '.join(peers) or 'all sessions'}"
            case inputs.Originate(prefixes) | inputs.Withdraw(prefixes):
                return f"{type(given).__name__.lower()} {_some(prefixes)}"
            case inputs.SetPolicy(peers):
                return f"policy towards {', '.join(peers) or 'all peers'}"
            case inputs.Inject(peer, octets):
                return f"{len(octets)} octets for {peer}, past the state machine"
        return f"{self._peer(given.connection)}: {REPORTS[type(given)]}"

    def effects(self, effects: tuple[Effect, ...]) -> Iterator[str]:
        """Say what the router did, effect by effect, without what would be said twice."""
        told = (self.effect(each) for each in effects if not isinstance(each, REPEATED))
        return (f"  {said}" for lines in told for said in lines)

    def effect(self, effect: Effect) -> list[str]:
        """Say what one effect is: a line, and more below if it is several messages."""
        if isinstance(effect, Send):
            to = f"to {self._peer(effect.connection)}"
            return _told(to, _messages(Framer(), effect.octets))
        try:
            return [self._effect(effect)]
        except (ValueError, LookupError):
            return [_fields(effect)]  # a recording may hold what no router tells

    def _effect(self, effect: Effect) -> str:
        match effect:
            case Dial(connection, peer):
                self._peers[connection] = peer
                return f"dial {peer} (connection {connection})"
            case Close(connection):
                return f"close {self._peer(connection)}"
            case facts.StateChanged(_, peer, old, new, event):
                states = f"{State(old).label} -> {State(new).label}"
                return f"session {peer}: {states} ({Event(event).label})"
            case facts.BestChanged(_, prefix, source, as_path):
                return f"best {format_prefix(prefix)}: {_route(source, as_path)}"
            case facts.Caused():
                return describe_caused(effect)
        return _fields(effect)

    def _peer(self, connection: int) -> str:
        peer = self._peers.get(connection, "unknown peer")
        return f"{peer} (connection {connection})"


def _told(head: str, messages: Iterator[str]) -> list[str]:
    """Put one message behind a head, or several below it."""
    said = list(messages)
    if len(said) == 1:
        return [f"{head}: {said[0]}"]
    return [f"{head}: {len(said)} messages", *(f"    {each}" for each in said)]


def _messages(framer: Framer, data: bytes) -> Iterator[str]:
    """Say which messages are complete with these octets, and what is left of them."""
    framer.feed(data)
    try:
        while (message := framer.next()) is not None:
            yield describe_message(*message)
    except WireError as error:
        yield f"{len(data)} octets that are no message: {error}"
    else:
        if framer.pending:
            yield f"{framer.pending} octets of a message that is not whole yet"


def describe_message(kind: int, body: bytes) -> str:
    """Say what a message is, by its type and the octets after its header."""
    try:
        if kind == OPEN:
            opened = decode_open(body)
            identifier = format_address(opened.identifier.to_bytes(4))
            return f"OPEN AS {opened.asn}, hold {opened.hold_time} s, identifier {identifier}"
        if kind == NOTIFICATION:
            notification = decode_notification(body)
            return f"NOTIFICATION {describe(notification.code, notification.subcode)}"
        if kind == UPDATE:
            return f"UPDATE {_update(body)}"
    except WireError as error:
        return f"malformed message of type {kind}: {error}"
    return NAMES[kind]


def _update(body: bytes) -> str:
    """Say what an UPDATE withdraws and announces."""
    if is_end_of_rib(body):
        return "End-of-RIB"
    withdrawn, block, nlri = split_update(body)
    said = []
    if withdrawn:
        said.append(f"withdraw {_some(tuple(map(format_prefix, split_prefixes(withdrawn))))}")
    if nlri:
        said.append(f"announce {_some(tuple(map(format_prefix, split_prefixes(nlri))))}")
    if block:
        said.append(_attributes(block))
    return ", ".join(said)


def _attributes(block: bytes) -> str:
    """Name the AS path and the NEXT_HOP; AS numbers of four octets, or else of two."""
    for wide in (True, False):
        found = decode_attributes(block, four_octet=wide, internal=False).attributes
        if found is not None:
            path = format_as_path(found.as_path) or "empty"
            return f"AS path {path}, next hop {found.next_hop}"
    return "malformed attributes"


def describe_caused(fact: facts.Caused) -> str:
    """Say what was done about a prefix, and why. Raises ValueError for an unknown kind."""
    what = format_prefix(fact.prefix) if fact.prefix else "End-of-RIB"
    done = f"told {fact.told} in message {fact.number}" if fact.told else "changed"
    return f"cause {what} {done}: {describe_cause(fact.kind, fact.source, fact.source_number)}"


def describe_cause(kind: int, source: str, number: int) -> str:
    """Say what led to more. Raises ValueError for a kind that there is not."""
    match facts.CauseKind(kind):
        case facts.CauseKind.START:
            return "the configuration originates it"
        case facts.CauseKind.ACT:
            return "an act"
        case facts.CauseKind.UPDATE:
            return f"UPDATE from {source} (its message {number})"
        case facts.CauseKind.SESSION_UP:
            return f"the session with {source} came up"
        case facts.CauseKind.SESSION_DOWN:
            return f"the session with {source} was lost"
        case facts.CauseKind.REFRESH:
            return f"{source} asked for a refresh"


def _route(source: str | None, as_path: str) -> str:
    if source is None:
        return "none is left"
    return f"from {source}, AS path {as_path}" if source else "our own"


def _some(prefixes: tuple[str, ...]) -> str:
    """Name a few prefixes and count the others."""
    more = f" and {len(prefixes) - PREFIXES} more" if len(prefixes) > PREFIXES else ""
    return " ".join(prefixes[:PREFIXES]) + more


def _fields(effect: Effect) -> str:
    """Write the fields of an effect as they are, octets in hex."""
    fields = {name: value for name, value in effect._asdict().items() if name != "at"}
    said = [
        f"{name} {value.hex() if isinstance(value, bytes) else value}"
        for name, value in fields.items()
    ]
    return f"{type(effect).__name__}: {', '.join(said)}"
