"""One TCP connection of a router: a Twisted Protocol that turns events into inputs."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.error import UserError
from twisted.internet.interfaces import IAddress, IConnector, IPullProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from bgplab.engines.processes.net.delay import DelayLine, Timing
from bgplab.speaker.inputs import (
    Congested,
    Drained,
    Input,
    Octets,
    TcpAccepted,
    TcpClosed,
    TcpFailed,
    TcpUp,
)

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

LINGER = 2.0  # seconds that a closing connection may take to flush what was sent

# Small buffers in the kernel: what a slow peer has not read yet stays with us, where news still
# replaces older news (Congested), and does not pile up before it as messages read in vain.
# A segment must be small beside them: that of loopback, 64 KB, would make TCP wait for a window
# that never opens.
BUFFER = 8_192  # octets; Linux doubles it for its own book-keeping
SEGMENT = 1_448

Link = Callable[[str, Callable[[bytes], None]], DelayLine | None]


def shape(handle: socket.socket) -> None:
    """Set the buffers of a socket that is about to listen or to connect."""
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)


def epoch_of(dialler_host: str, dialler_port: int) -> int:
    """Name a TCP connection alike at both ends: by where it was dialled from.

    The kernel does not hand out a port again while the old connection may still be about.
    """
    return int(IPv4Address(dialler_host)) << 16 | dialler_port


@implementer(IPullProducer)
class PeerConnection(Protocol):
    """Octets in as inputs, effects out as octets; tells when the kernel has taken everything.

    It is registered as a pull producer, though it writes whenever there is something to say:
    that is how a transport reports each time that the kernel has taken the last octet, and RFC
    9687 counts from there.

    In the dark, when its link swallows octets, it is cut off from its transport: what arrives,
    be it the end of the connection, is held back from the router, what the router writes from
    the transport. TCP would send all of it again until it gets through: `heal` lets it through
    in its order. `dark` tells whether the link to an address swallows octets.
    """

    def __init__(
        self,
        number: int,
        feed: Callable[[Input], None],
        lost: Callable[[int], None],
        link: Link,
        dark: Callable[[str], bool],
    ) -> None:
        self.number = number
        self.far = ""  # the address of the other end, once TCP is up
        self.epoch = 0  # the connection's name, from then on
        self.delay: DelayLine | None = None
        self._tell = feed  # for what happens at this end
        self._feed = feed  # for what comes from the other one
        self._lost = lost
        self._link = link
        self._dark = dark
        self._unsent = False
        self._congested = False
        self._closing: Any = None
        self._held: list[Input] | None = None  # what has come in the dark; None in the light
        self._kept: list[bytes] = []  # what was written in the dark
        self._gone = False  # the transport ended in the dark
        self._shut: Timing | None = None  # the router closed in the dark

    def connectionMade(self) -> None:
        """Say that TCP is up: dialled connections are numbered above zero."""
        transport = self._tcp
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, False)
        near, far = transport.getHost(), transport.getPeer()
        self.far = far.host
        self._out = transport.write
        if self._dark(far.host):
            self.darken()
        self.delay = self._link(far.host, self._write)
        if self.number > 0:
            self.epoch = epoch_of(near.host, near.port)
            self._feed(TcpUp(self.number, self.epoch))
        else:
            self.epoch = epoch_of(far.host, far.port)
            self._feed(TcpAccepted(self.number, far.host, self.epoch))

    def dataReceived(self, data: bytes) -> None:
        """Pass octets on."""
        self._feed(Octets(self.number, data))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Say that the connection is gone."""
        if self.delay is not None:
            self.delay.cut()
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if self._held is not None and self._shut is None:
            self._gone = True
        else:
            self._held = None
            self._lost(self.number)
        self._feed(TcpClosed(self.number))

    def send(self, octets: bytes) -> None:
        """Write octets, by way of the link's delay if it has one."""
        if self.delay is None:
            self._write(octets)
        else:
            self.delay.write(octets)

    def close(self, timing: Timing) -> None:
        """Close once everything sent has left, or abort after LINGER seconds.

        In the dark nothing leaves: LINGER counts from `heal`.
        """
        self._feed = self._tell = _deaf
        if self._gone:
            self._lost(self.number)
            return
        self._tcp.unregisterProducer()
        if self.delay is None:
            self._leave(timing)
        else:
            self.delay.drain(lambda: self._leave(timing))

    def _leave(self, timing: Timing) -> None:
        if self._held is None:
            self._hang_up(timing)
        else:
            self._shut = timing

    @property
    def unread(self) -> int:
        """How many octets wait in the socket; 0 if it is gone."""
        if self._gone:
            return 0
        handle, count = self._tcp.getHandle(), bytearray(4)
        if handle.fileno() < 0:
            return 0
        fcntl.ioctl(handle.fileno(), termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

    def abort(self) -> None:
        """End the connection at once; `connectionLost` follows, in the dark at once."""
        if self._held is None:
            self._tcp.abortConnection()
        else:
            self.cut()

    def cut(self) -> None:
        """Lose the connection here and now, with all that is under way on it."""
        tell, held = self._tell, self._held
        self._feed = self._tell = _deaf
        self._held = None
        self._kept.clear()
        if self.delay is not None:
            self.delay.cut()
        if self._gone:
            self._lost(self.number)
        else:
            self._tcp.abortConnection()
        match held:
            case [TcpUp(), *_]:  # the router has not heard yet that TCP is up
                tell(TcpFailed(self.number))
            case [TcpAccepted(), *_]:
                pass
            case _:
                tell(TcpClosed(self.number))

    def darken(self) -> None:
        """Hold back from now on what comes and what is written, unless it is over anyway."""
        if self._held is None and self._tell is not _deaf:
            self._held = []
            self._feed = self._held.append
            self._out = self._kept.append

    def heal(self) -> None:
        """Let through what was held back, in its order, and all that comes after it."""
        if self._held is None:
            return
        held, self._held = self._held, None
        self._feed = self._tell
        self._out = self._tcp.write
        if self._gone:
            self._lost(self.number)
        elif self._kept:
            self._tcp.write(b"".join(self._kept))
        self._kept.clear()
        if self._shut is not None:
            self._hang_up(self._shut)
        for given in held:
            self._feed(given)

    def slow(self, delay: float, jitter: float) -> None:
        """Let octets spend so much time on the link from now on, behind those on it."""
        if self.delay is None:
            self.delay = self._link(self.far, self._write)
        else:
            self.delay.change(delay, jitter)
            if not (delay or jitter or self.delay.busy):
                self.delay = None

    def _hang_up(self, timing: Timing) -> None:
        self._closing = timing.callLater(LINGER, self._tcp.abortConnection)
        self._tcp.loseConnection()

    @property
    def _tcp(self) -> Connection:
        return cast("Connection", self.transport)

    def _write(self, octets: bytes) -> None:
        if self._unsent and not self._congested:
            self._congested = True
            self._tell(Congested(self.number))
        self._unsent = True
        self._out(octets)

    def resumeProducing(self) -> None:
        """Say that the kernel has taken everything, unless some is kept from it."""
        if self._unsent and not self._kept:
            self._unsent = False
            self._congested = False
            self._tell(Drained(self.number))

    def stopProducing(self) -> None:
        """Take note of nothing: connectionLost follows."""


def _deaf(given: Input) -> None:
    """Ignore an input: the router has closed this connection and knows nothing of it."""


class AcceptFactory(Factory):
    """Builds the connections that come in."""

    noisy = False

    def __init__(
        self, build: Callable[[], PeerConnection], refuses: Callable[[str], bool]
    ) -> None:
        self._build = build
        self._refuses = refuses

    def buildProtocol(self, addr: IAddress | None) -> PeerConnection | None:
        """Make the Protocol of one connection; None closes it: no link leads to that peer."""
        if self._refuses(getattr(addr, "host", "")):
            return None
        connection = self._build()
        connection.factory = self
        return connection


class DialFactory(ClientFactory):
    """Builds the connection of one attempt to dial, or says that it failed."""

    noisy = False

    def __init__(self, build: Callable[[], PeerConnection], failed: Callable[[], None]) -> None:
        self._build = build
        self._failed = failed

    def startedConnecting(self, connector: Any) -> None:
        """Set the buffers: the socket is there, and TCP has not started yet."""
        shape(connector.transport.getHandle())

    def buildProtocol(self, addr: IAddress | None) -> PeerConnection:
        """Make the Protocol of the connection."""
        connection = self._build()
        connection.factory = self
        return connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Pass the failure on; that of an attempt that was given up has nobody to hear it."""
        if not reason.check(UserError):
            self._failed()
