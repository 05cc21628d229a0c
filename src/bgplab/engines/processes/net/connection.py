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
    """

    def __init__(
        self,
        number: int,
        feed: Callable[[Input], None],
        lost: Callable[[int], None],
        link: Link,
    ) -> None:
        self.number = number
        self.far = ""  # the address of the other end, once TCP is up
        self.epoch = 0  # the connection's name, from then on
        self.delay: DelayLine | None = None
        self._feed = feed
        self._lost = lost
        self._link = link
        self._unsent = False
        self._congested = False
        self._closing: Any = None

    def connectionMade(self) -> None:
        """Say that TCP is up: dialled connections are numbered above zero."""
        transport = self._tcp
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, False)
        near, far = transport.getHost(), transport.getPeer()
        self.far = far.host
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
        self._lost(self.number)
        self._feed(TcpClosed(self.number))

    def send(self, octets: bytes) -> None:
        """Write octets, by way of the link's delay if it has one."""
        if self.delay is None:
            self._write(octets)
        else:
            self.delay.write(octets)

    def close(self, timing: Timing) -> None:
        """Close once everything sent has left, or abort after LINGER seconds."""
        if self.delay is not None:
            self.delay.flush()
        transport = self._tcp
        transport.unregisterProducer()
        self._feed = _deaf
        self._closing = timing.callLater(LINGER, transport.abortConnection)
        transport.loseConnection()

    @property
    def unread(self) -> int:
        """How many octets wait in the socket; 0 if it is gone."""
        handle, count = self._tcp.getHandle(), bytearray(4)
        if handle.fileno() < 0:
            return 0
        fcntl.ioctl(handle.fileno(), termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

    def abort(self) -> None:
        """End the connection at once; `connectionLost` follows."""
        self._tcp.abortConnection()

    def cut(self) -> None:
        """Lose the connection here and now, with all that is under way on it."""
        feed, self._feed = self._feed, _deaf
        if self.delay is not None:
            self.delay.cut()
        self._tcp.abortConnection()
        feed(TcpClosed(self.number))

    @property
    def _tcp(self) -> Connection:
        return cast("Connection", self.transport)

    def _write(self, octets: bytes) -> None:
        if self._unsent and not self._congested:
            self._congested = True
            self._feed(Congested(self.number))
        self._unsent = True
        self._tcp.write(octets)

    def resumeProducing(self) -> None:
        """Say that the kernel has taken everything."""
        if self._unsent:
            self._unsent = False
            self._congested = False
            self._feed(Drained(self.number))

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
