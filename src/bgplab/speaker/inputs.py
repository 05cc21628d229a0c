"""Everything that can happen to a router: the closed union of inputs.

A connection is an int: positive where this router dialled (the number of the Dial effect),
negative where the engine accepted. An epoch is an int that both ends of a TCP connection
compute alike, so that what they count about it can be compared.
"""

from __future__ import annotations

from typing import NamedTuple

from bgplab.config import Rule


class Start(NamedTuple):
    """Start sessions: those with the named peers, or all.

    As AutomaticStart, or on purpose (ManualStart): only that brings back what Stop stopped.
    """

    peers: tuple[str, ...] = ()
    manual: bool = False


class Stop(NamedTuple):
    """Stop sessions on purpose (ManualStop): those with the named peers, or all."""

    peers: tuple[str, ...] = ()
    subcode: int = 2
    message: str = ""


class Reset(NamedTuple):
    """Tear sessions down and let them come back (AutomaticStop, Cease/Administrative Reset)."""

    peers: tuple[str, ...] = ()


class TcpUp(NamedTuple):
    """A dialled connection is established."""

    connection: int
    epoch: int


class TcpAccepted(NamedTuple):
    """A connection came in from `address` (dotted quad)."""

    connection: int
    address: str
    epoch: int


class TcpFailed(NamedTuple):
    """A dialled connection could not be established."""

    connection: int


class TcpClosed(NamedTuple):
    """A connection is gone, by the peer's doing or the network's."""

    connection: int


class Octets(NamedTuple):
    """Octets arrived."""

    connection: int
    data: bytes


class Congested(NamedTuple):
    """The peer reads more slowly than we write: hold routes back."""

    connection: int


class Drained(NamedTuple):
    """All that was written has left for the kernel."""

    connection: int


class Originate(NamedTuple):
    """Announce prefixes of our own, with a MED if given."""

    prefixes: tuple[str, ...]
    med: int | None = None
    communities: tuple[int, ...] = ()


class Withdraw(NamedTuple):
    """Stop announcing prefixes of our own."""

    prefixes: tuple[str, ...]


class SetPolicy(NamedTuple):
    """Apply other rules towards the named peers, or all; None leaves a direction as it is."""

    peers: tuple[str, ...] = ()
    imports: tuple[Rule, ...] | None = None
    exports: tuple[Rule, ...] | None = None
    leak: bool | None = None  # whether they are told of all routes, relationship or not


class Inject(NamedTuple):
    """Write octets into the connection to a peer, past the state machine, if there is one."""

    peer: str
    octets: bytes


Input = (
    Start
    | Stop
    | Reset
    | TcpUp
    | TcpAccepted
    | TcpFailed
    | TcpClosed
    | Octets
    | Congested
    | Drained
    | Originate
    | Withdraw
    | SetPolicy
    | Inject
)
