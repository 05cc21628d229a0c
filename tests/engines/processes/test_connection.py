"""One TCP connection: from events to inputs, from effects to octets."""

import random
import socket
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError, ConnectionDone, UserError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bgplab.engines.processes.net.connection import (
    BUFFER,
    LINGER,
    AcceptFactory,
    DialFactory,
    PeerConnection,
    epoch_of,
    shape,
)
from bgplab.engines.processes.net.delay import DelayLine
from bgplab.speaker.inputs import (
    Congested,
    Drained,
    Input,
    Octets,
    TcpAccepted,
    TcpClosed,
    TcpUp,
)

NEAR, FAR = IPv4Address("TCP", "127.1.0.1", 40001), IPv4Address("TCP", "127.1.0.2", 1790)


class Transport(StringTransport):
    """Remembers; `taken` is the kernel that has taken all octets."""

    aborted = False
    no_delay = False

    def setTcpNoDelay(self, enabled):
        self.no_delay = bool(enabled)

    def abortConnection(self):
        self.aborted = True
        super().abortConnection()

    def taken(self):
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()


class Bench:
    """A connection with a transport in virtual time."""

    def __init__(self, number=1, delay=None):
        self.clock = Clock()
        self.delay = delay
        self.inputs: list[Input] = []
        self.lost: list[int] = []
        self.transport = Transport(hostAddress=NEAR, peerAddress=FAR)
        self.connection = PeerConnection(
            number, self.inputs.append, self.lost.append, self.link
        )
        self.connection.makeConnection(self.transport)

    def link(self, address, deliver):
        self.linked_to = address
        if self.delay is None:
            return None
        rng = random.Random(1)
        return DelayLine(self.clock, self.clock.seconds, self.delay, 0.0, rng, deliver)

    def take(self):
        given, self.inputs[:] = list(self.inputs), []
        return given

    def lose(self):
        self.connection.connectionLost(Failure(ConnectionDone()))


def test_a_dialled_connection_is_up_with_the_epoch_of_its_own_end():
    bench = Bench(number=3)
    assert bench.take() == [TcpUp(3, epoch_of("127.1.0.1", 40001))]
    assert bench.transport.no_delay


def test_an_accepted_connection_names_the_caller_and_the_same_epoch():
    bench = Bench(number=-3)
    assert bench.take() == [TcpAccepted(-3, "127.1.0.2", epoch_of("127.1.0.2", 1790))]


def test_epochs_differ_where_address_or_port_do():
    epochs = {
        epoch_of(host, port)
        for host in ("127.1.0.1", "127.1.0.2", "127.2.0.1")
        for port in (1, 1790, 65535)
    }
    assert len(epochs) == 9


def test_octets_and_the_end_are_passed_on():
    bench = Bench()
    bench.take()
    bench.connection.dataReceived(b"abc")
    bench.lose()
    assert bench.take() == [Octets(1, b"abc"), TcpClosed(1)]
    assert bench.lost == [1]


def test_sent_octets_are_written_and_reported_once_the_kernel_has_taken_them():
    bench = Bench()
    bench.take()
    bench.connection.send(b"abc")
    assert bench.transport.value() == b"abc"
    assert bench.take() == []
    bench.transport.taken()
    assert bench.take() == [Drained(1)]
    bench.transport.taken()
    assert bench.take() == []


def test_a_peer_is_congested_once_from_a_second_write_until_all_is_taken():
    bench = Bench()
    bench.take()
    bench.connection.send(b"a")
    bench.connection.send(b"b")
    bench.connection.send(b"c")
    assert bench.take() == [Congested(1)]
    assert bench.transport.value() == b"abc"
    bench.transport.taken()
    assert bench.take() == [Drained(1)]
    bench.connection.send(b"d")
    assert bench.take() == []


def test_octets_spend_time_on_a_delayed_link():
    bench = Bench(delay=0.05)
    bench.connection.send(b"abc")
    bench.clock.advance(0.049)
    assert bench.transport.value() == b""
    bench.clock.advance(0.001)
    assert bench.transport.value() == b"abc"


def test_closing_sends_what_is_on_the_link_and_hears_nothing_more():
    bench = Bench(delay=5.0)
    bench.connection.send(b"last words")
    bench.take()
    bench.connection.close(bench.clock)
    assert bench.transport.value() == b"last words"
    assert bench.transport.disconnecting
    bench.connection.dataReceived(b"too late")
    bench.lose()
    assert bench.take() == []
    assert bench.lost == [1]
    assert bench.clock.getDelayedCalls() == []


def test_a_peer_that_does_not_take_the_last_words_is_aborted():
    bench = Bench()
    bench.connection.close(bench.clock)
    bench.clock.advance(LINGER - 0.1)
    assert not bench.transport.aborted
    bench.clock.advance(0.2)
    assert bench.transport.aborted


def test_a_lost_connection_loses_what_was_on_the_link():
    bench = Bench(delay=5.0)
    bench.connection.send(b"lost")
    bench.lose()
    bench.clock.advance(10.0)
    assert bench.transport.value() == b""


@pytest.mark.parametrize("address", [FAR, None])
def test_the_factories_build_what_they_are_told_to(address):
    connection = Bench().connection
    accepting = AcceptFactory(lambda: connection, lambda host: host == "127.0.0.9")
    assert accepting.buildProtocol(address) is connection
    dialling = DialFactory(lambda: connection, lambda: None)
    assert dialling.buildProtocol(address) is connection
    assert connection.factory is dialling


def test_a_connection_from_where_no_link_leads_is_not_taken():
    accepting = AcceptFactory(lambda: Bench().connection, lambda host: host == FAR.host)
    assert accepting.buildProtocol(FAR) is None


def test_a_cut_connection_is_lost_at_once_with_all_that_is_under_way():
    bench = Bench(delay=5.0)
    bench.connection.send(b"lost")
    bench.inputs.clear()
    bench.connection.cut()
    assert bench.inputs == [TcpClosed(bench.connection.number)]
    assert bench.connection.far == FAR.host
    bench.connection.dataReceived(b"too late")
    bench.clock.advance(10.0)
    bench.lose()
    assert bench.transport.value() == b""
    assert len(bench.inputs) == 1


def test_a_failed_attempt_is_told_and_one_that_was_given_up_is_not():
    told = []
    connector: Any = None  # the factory does not ask it
    factory = DialFactory(lambda: Bench().connection, lambda: told.append("failed"))
    factory.clientConnectionFailed(connector, Failure(UserError()))
    assert told == []
    factory.clientConnectionFailed(connector, Failure(ConnectError()))
    assert told == ["failed"]


def test_the_link_is_chosen_by_the_peers_address():
    assert Bench().linked_to == FAR.host


def test_sockets_get_small_buffers():
    with socket.socket() as handle:
        shape(handle)
        for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            assert handle.getsockopt(socket.SOL_SOCKET, side) <= 4 * BUFFER
