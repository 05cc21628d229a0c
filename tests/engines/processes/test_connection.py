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
    TcpFailed,
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

    def __init__(self, number=1, delay=None, dark=False):
        self.clock = Clock()
        self.dark = dark
        self.delay = delay
        self.inputs: list[Input] = []
        self.lost: list[int] = []
        self.transport = Transport(hostAddress=NEAR, peerAddress=FAR)
        self.connection = PeerConnection(
            number, self.inputs.append, self.lost.append, self.link, self.darkness
        )
        self.connection.makeConnection(self.transport)

    def link(self, address, deliver):
        self.linked_to = address
        if self.delay is None:
            return None
        rng = random.Random(1)
        return DelayLine(self.clock, self.clock.seconds, self.delay, 0.0, rng, deliver)

    def darkness(self, address):
        assert address == FAR.host
        return self.dark

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
    bench.clock.advance(4.9)
    assert bench.transport.value() == b""
    assert [bench.transport.disconnecting] == [False]
    bench.clock.advance(0.2)
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


def up_in_the_dark(number=1, **options):
    """Give a connection that was up before its link went dark."""
    bench = Bench(number, **options)
    bench.take()
    bench.connection.darken()
    return bench


def test_in_the_dark_nothing_comes_and_nothing_leaves_until_it_is_healed_in_order():
    bench = up_in_the_dark()
    bench.connection.dataReceived(b"a")
    bench.connection.dataReceived(b"b")
    bench.connection.send(b"one ")
    bench.connection.send(b"two ")
    assert bench.take() == [Congested(1)]
    assert bench.transport.value() == b""
    bench.connection.heal()
    assert bench.take() == [Octets(1, b"a"), Octets(1, b"b")]
    assert bench.transport.value() == b"one two "
    bench.connection.dataReceived(b"c")
    bench.connection.send(b"three")
    assert bench.take() == [Octets(1, b"c")]
    assert bench.transport.value() == b"one two three"
    bench.transport.taken()
    assert bench.take() == [Drained(1)]


def test_octets_that_cannot_leave_are_not_drained():
    """RFC 9687: they have not been sent."""
    bench = Bench()
    bench.take()
    bench.connection.send(b"in the kernel's hands")
    bench.connection.darken()
    bench.connection.send(b"kept")
    bench.transport.taken()
    assert bench.take() == [Congested(1)]
    bench.connection.heal()
    bench.transport.taken()
    assert bench.take() == [Drained(1)]


def test_what_the_kernel_had_before_the_dark_is_drained_in_it():
    bench = Bench()
    bench.take()
    bench.connection.send(b"in the kernel's hands")
    bench.connection.darken()
    bench.transport.taken()
    assert bench.take() == [Drained(1)]


def test_a_connection_lost_in_the_dark_is_told_of_when_it_is_healed_after_what_came_before():
    bench = up_in_the_dark()
    bench.connection.dataReceived(b"last words")
    bench.lose()
    bench.connection.send(b"to nobody")
    assert bench.take() == []
    assert bench.lost == []
    bench.connection.heal()
    assert bench.lost == [1]
    assert bench.take() == [Octets(1, b"last words"), TcpClosed(1)]
    assert bench.transport.value() == b""


def test_no_octets_are_unread_where_the_socket_went_in_the_dark():
    """Twisted has forgotten it by then; a hold timer that expires still asks."""
    bench = up_in_the_dark()
    bench.lose()
    assert not hasattr(bench.transport, "getHandle")
    assert bench.connection.unread == 0


def test_a_connection_closed_in_the_dark_ends_when_it_is_healed_with_the_last_words():
    bench = up_in_the_dark(delay=5.0)
    bench.connection.dataReceived(b"unseen")
    bench.connection.send(b"last words")
    bench.connection.close(bench.clock)
    bench.clock.advance(10 * LINGER)
    assert not bench.transport.disconnecting
    assert not bench.transport.aborted
    assert bench.transport.value() == b""
    bench.connection.heal()
    assert bench.transport.value() == b"last words"
    assert bench.transport.disconnecting
    bench.clock.advance(LINGER)
    assert bench.transport.aborted
    bench.lose()
    assert bench.lost == [1]
    assert bench.take() == []


def test_a_connection_closed_in_the_dark_may_be_lost_in_it():
    bench = up_in_the_dark()
    bench.connection.close(bench.clock)
    bench.lose()
    assert bench.lost == [1]
    bench.connection.heal()
    assert bench.take() == []
    assert bench.clock.getDelayedCalls() == []


def test_a_connection_lost_in_the_dark_may_be_closed_in_it():
    bench = up_in_the_dark()
    bench.lose()
    bench.connection.close(bench.clock)
    assert bench.lost == [1]
    assert bench.take() == []
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize("number, up", [(2, TcpUp), (-2, TcpAccepted)])
def test_a_connection_that_comes_up_in_the_dark_is_seen_when_it_is_healed(number, up):
    bench = Bench(number, dark=True)
    bench.connection.dataReceived(b"open")
    assert bench.take() == []
    bench.connection.heal()
    first, second = bench.take()
    assert type(first) is up
    assert second == Octets(number, b"open")


@pytest.mark.parametrize("number, told", [(2, [TcpFailed(2)]), (-2, [])])
def test_a_link_cut_in_the_dark_fails_an_attempt_and_hides_a_caller(number, told):
    bench = Bench(number, dark=True)
    bench.connection.cut()
    assert bench.take() == told
    assert bench.transport.aborted
    bench.lose()
    assert bench.lost == [number]
    assert bench.take() == []


def test_a_link_cut_in_the_dark_loses_what_was_held_back():
    for lost_before in (True, False):
        bench = up_in_the_dark()
        bench.connection.send(b"lost")
        bench.connection.dataReceived(b"lost")
        if lost_before:
            bench.lose()
        bench.connection.cut()
        assert bench.take()[-1] == TcpClosed(1)
        if not lost_before:
            assert bench.transport.aborted
            bench.lose()
        bench.connection.heal()
        bench.connection.darken()
        bench.connection.heal()
        assert bench.take() == []
        assert bench.lost == [1]
        assert bench.transport.value() == b""


def test_a_connection_aborted_in_the_dark_is_lost_at_once():
    bench = up_in_the_dark()
    bench.connection.abort()
    assert bench.transport.aborted
    assert bench.take() == [TcpClosed(1)]


def test_a_connection_that_is_being_closed_is_not_held_back():
    bench = Bench()
    bench.connection.close(bench.clock)
    bench.connection.darken()
    bench.lose()
    assert bench.lost == [1]


def test_a_link_may_become_slow_and_quick_again_while_a_connection_lasts():
    bench = Bench()
    bench.connection.send(b"1")
    bench.delay = 0.5
    bench.connection.slow(0.5, 0.0)
    bench.connection.send(b"2")
    bench.connection.slow(0.0, 0.0)
    bench.connection.send(b"3")  # behind what is on the link
    assert bench.transport.value() == b"1"
    bench.clock.advance(0.5)
    assert bench.transport.value() == b"123"
    bench.connection.slow(0.0, 0.0)
    bench.connection.send(b"4")
    assert bench.transport.value() == b"1234"


def test_octets_on_a_slow_link_that_goes_dark_wait_for_it():
    bench = up_in_the_dark(delay=0.5)
    bench.connection.send(b"1")
    bench.clock.advance(1.0)
    assert bench.transport.value() == b""
    bench.connection.heal()
    assert bench.transport.value() == b"1"
