"""The shell around the Speaker: dials, accepts, ticks, contains; in virtual time."""

import dataclasses
import itertools
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError, ConnectionDone, UserError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from bgplab.config import Level, PeerConfig, RouterConfig, SessionFlags, Timers
from bgplab.engines.processes.net.shell import READ_FIRST, TIMER_PUT_OFF, Shell
from bgplab.facts import CallbackFailed, StateChanged
from bgplab.observe.replay import Recording, replay
from bgplab.session.effects import Close, Dial
from bgplab.session.events import Event, State
from bgplab.speaker.inputs import Octets, Originate, Reset, Start, TcpFailed, Withdraw

R1, R2, R3 = "127.1.0.1", "127.1.0.2", "127.1.0.3"
TIMERS = Timers(hold=9, connect_retry=1.0, idle_hold=1.0)


def config(name, address, *peers, passive=()):
    return RouterConfig(
        name=name,
        asn=65000 + int(address[-1]),
        identifier=f"10.255.0.{address[-1]}",
        address=address,
        port=1790,
        next_hop=f"10.255.0.{address[-1]}",
        originate=(f"10.{address[-1]}.0.0/16",),
        peers=tuple(
            PeerConfig(
                name=f"r{peer[-1]}",
                address=peer,
                port=1790,
                asn=65000 + int(peer[-1]),
                passive=peer in passive,
                timers=TIMERS,
                flags=SessionFlags(jitter="off"),
            )
            for peer in peers
        ),
        level=Level.UPDATES,
    )


class Pipe(StringTransport):
    """One end of a connection in memory; `other` is the other end."""

    def __init__(self, host, peer):
        super().__init__(hostAddress=host, peerAddress=peer)
        self.other = None
        self.protocol = None
        self.gone = False
        self.closing = False

    def setTcpNoDelay(self, enabled):
        pass

    def getHandle(self):
        return Handle()

    def abortConnection(self):
        self.closing = True

    def loseConnection(self):
        self.closing = True


class Refusal(Protocol):
    """What a factory without a protocol for a connection comes to: it is closed."""

    def connectionMade(self):
        transport: Any = self.transport
        transport.loseConnection()


class Handle:
    """A socket, as far as options go."""

    def __init__(self):
        self.options = []

    def setsockopt(self, level, option, value):
        self.options.append((option, value))

    def fileno(self):
        return -1  # as of a socket that has been closed: nothing waits in it


class Port:
    """A listening port."""

    def __init__(self, port, factory, backlog, interface):
        self.port, self.factory, self.backlog, self.interface = (
            port,
            factory,
            backlog,
            interface,
        )
        self.socket = Handle()


class Connector:
    """An attempt to dial, which is its own transport as long as it lasts."""

    def __init__(self, host, port, factory, bound):
        self.host, self.port, self.factory, self.bound = host, port, factory, bound
        self.transport = self
        self.handle = Handle()
        self.open = True

    def getHandle(self):
        return self.handle

    def fail(self, error):
        self.open = False
        self.factory.clientConnectionFailed(self, Failure(error))

    def disconnect(self):
        self.fail(UserError())


class VirtualReactor(Clock):
    """The part of a reactor that a shell uses, in virtual time."""

    def __init__(self):
        super().__init__()
        self.ports = []
        self.connectors = []

    def listenTCP(self, port, factory, backlog, interface):
        self.ports.append(Port(port, factory, backlog, interface))
        return self.ports[-1]

    def connectTCP(self, host, port, factory, timeout, bindAddress):
        connector = Connector(host, port, factory, bindAddress)
        self.connectors.append(connector)
        factory.startedConnecting(connector)
        return connector


class Network:
    """Shells on one virtual reactor, and the connections between them."""

    def __init__(self, *configs):
        self.reactor = VirtualReactor()
        self.facts: dict[str, list[Any]] = {each.name: [] for each in configs}
        self.stirred = []
        self.shells = {each.name: self.shell(each) for each in configs}
        self.pipes = []
        self.port = 40_000

    def shell(self, each):
        return Shell(
            each,
            self.reactor,
            self.reactor.seconds,
            self.facts[each.name].append,
            lambda: self.stirred.append(each.name),
        )

    def start(self):
        for shell in self.shells.values():
            shell.listen()
        for shell in self.shells.values():
            shell.dial()
        self.settle()

    def settle(self):
        """Connect whoever dials, and carry octets until none are left."""
        moved = True
        while moved:
            self.reactor.advance(0)
            moved = any([self.connect(), self.carry(), self.hang_up()])

    def connect(self):
        waiting = [each for each in self.reactor.connectors if each.open]
        for dial in waiting:
            server = next((p for p in self.reactor.ports if p.interface == dial.host), None)
            if server is None:
                dial.fail(ConnectError())
                continue
            dial.open = False
            self.port += 1
            near = IPv4Address("TCP", dial.bound[0], self.port)
            far = IPv4Address("TCP", dial.host, dial.port)
            caller, called = Pipe(near, far), Pipe(far, near)
            caller.other, called.other = called, caller
            ends = ((called, server.factory, near), (caller, dial.factory, far))
            for pipe, factory, peer in ends:
                pipe.protocol = factory.buildProtocol(peer) or Refusal()
                self.pipes.append(pipe)
                pipe.protocol.makeConnection(pipe)
        return bool(waiting)

    def carry(self):
        moved = False
        for pipe in list(self.pipes):
            octets = pipe.value()
            if octets and not pipe.gone and not pipe.other.gone:
                pipe.clear()
                if pipe.producer is not None:
                    pipe.producer.resumeProducing()
                pipe.other.protocol.dataReceived(octets)
                moved = True
        return moved

    def hang_up(self):
        moved = False
        for pipe in list(self.pipes):
            if pipe.closing and not pipe.gone:
                for end in (pipe, pipe.other):
                    end.gone = True
                    self.pipes.remove(end)
                    end.protocol.connectionLost(Failure(ConnectionDone()))
                moved = True
        return moved

    def run(self, seconds, step=0.1):
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.settle()

    def state(self, router, peer):
        return self.shells[router].speaker.sessions[peer].state

    def prefixes(self, router):
        return len(self.shells[router].speaker.routing.loc_rib.best)

    def changes(self, router):
        return [fact for fact in self.facts[router] if isinstance(fact, StateChanged)]

    def failures(self, router):
        return [fact for fact in self.facts[router] if isinstance(fact, CallbackFailed)]


@pytest.fixture
def line():
    """Three routers in a line, up and settled: r1 - r2 - r3."""
    network = Network(config("r1", R1, R2), config("r2", R2, R1, R3), config("r3", R3, R2))
    network.start()
    network.run(3)
    assert network.state("r2", "r1") is network.state("r2", "r3") is State.ESTABLISHED
    return network


@pytest.fixture
def logged():
    events: list[dict[str, Any]] = []
    observer: Any = events.append
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_shells_bring_up_sessions_and_exchange_routes(line):
    assert [line.prefixes(name) for name in ("r1", "r2", "r3")] == [3, 3, 3]
    assert all(shell.speaker.quiet for shell in line.shells.values())
    assert "r1" in line.stirred
    assert [len(line.failures(name)) for name in line.shells] == [0, 0, 0]


def test_sessions_stay_up_for_many_hold_times(line):
    line.run(60)
    assert [fact for fact in line.changes("r2") if fact.at > 3] == []
    assert line.shells["r2"].lateness.count > 10


def test_listening_starts_the_sessions_that_only_listen():
    network = Network(config("r1", R1, R2, passive=[R2]))
    network.shells["r1"].listen()
    assert network.state("r1", "r2") is State.ACTIVE
    assert network.reactor.connectors == []
    port = network.reactor.ports[0]
    assert (port.port, port.interface) == (1790, R1)
    assert port.backlog >= 1000
    assert port.socket.options != []


def test_dialling_leaves_from_the_routers_own_address():
    network = Network(config("r1", R1, R2))
    network.shells["r1"].dial()
    connector = network.reactor.connectors[0]
    assert (connector.host, connector.port, connector.bound) == (R2, 1790, (R1, 0))
    assert connector.handle.options != []


def test_a_refused_connection_is_told_to_the_speaker():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    given = []
    handle = shell.speaker.handle

    def spy(each, now):
        given.append(type(each))
        return handle(each, now)

    shell.speaker.handle = spy
    shell.dial()
    network.settle()
    assert given == [Start, TcpFailed]
    network.run(3)
    assert len(network.reactor.connectors) >= 2  # it tries again


def test_closing_while_dialling_cancels_the_attempt_and_says_nothing():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    given = []
    shell._perform([Dial(99, "r2")])

    def handle(each, now):
        given.append(each)
        return []

    shell.speaker.handle = handle
    shell._perform([Close(99)])
    assert not network.reactor.connectors[0].open
    assert given == []
    assert shell._dialling == {}


def test_a_close_of_what_is_gone_already_does_nothing(line):
    line.shells["r1"]._perform([Close(12345)])
    line.settle()
    assert line.state("r1", "r2") is State.ESTABLISHED


def fail_on_octets_from(shell, peer):
    """Let the Speaker raise whenever octets of one peer arrive."""
    handle = shell.speaker.handle

    def failing(given, now):
        session = shell.speaker.session_of(getattr(given, "connection", 0))
        if isinstance(given, Octets) and session is not None and session.name == peer:
            raise ZeroDivisionError("made to fail")
        return handle(given, now)

    shell.speaker.handle = failing


def test_an_exception_over_a_peers_octets_costs_that_session_only(line, logged):
    shell = line.shells["r2"]
    fail_on_octets_from(shell, "r3")
    line.shells["r3"].act(Reset(("r2",)))  # its NOTIFICATION is what r2 fails over
    line.settle()
    failures = line.failures("r2")
    assert [fact.peer for fact in failures] == ["r3"]
    assert "ZeroDivisionError: made to fail" in failures[0].text
    assert shell.failures == 1
    assert line.state("r2", "r3") is not State.ESTABLISHED
    assert line.state("r2", "r1") is State.ESTABLISHED
    line.run(20)
    assert line.state("r2", "r1") is State.ESTABLISHED
    assert line.prefixes("r1") == 2  # r3's prefix is withdrawn
    assert any("ZeroDivisionError" in str(event.get("log_failure")) for event in logged)


def test_a_session_recovers_once_the_speaker_no_longer_fails(line):
    shell = line.shells["r2"]
    fail_on_octets_from(shell, "r3")
    line.run(4)
    assert line.state("r2", "r3") is not State.ESTABLISHED
    del shell.speaker.handle
    line.run(30)
    assert line.state("r2", "r3") is State.ESTABLISHED
    assert line.prefixes("r1") == 3


def test_an_exception_in_a_timer_costs_its_session_only_and_does_not_spin(line):
    shell = line.shells["r2"]
    session = shell.speaker.sessions["r3"]

    def failing(now):
        raise ZeroDivisionError("made to fail")

    session.tick = failing
    line.run(20)
    failures = line.failures("r2")
    assert failures[0].peer == "r3"
    assert 1 <= len(failures) <= 2 * 20 / TIMER_PUT_OFF
    assert line.state("r2", "r3") is not State.ESTABLISHED
    del session.tick
    line.run(30)
    assert line.state("r2", "r1") is line.state("r2", "r3") is State.ESTABLISHED


def test_an_exception_while_effects_are_carried_out_is_contained_too(line):
    shell = line.shells["r2"]
    shell._dial = None  # carrying out a Dial raises now
    line.shells["r3"].act(Reset(("r2",)))
    line.run(0.5)
    assert line.state("r2", "r1") is State.ESTABLISHED
    shell.feed(Reset(("r3",)))
    line.run(10)
    assert line.state("r2", "r1") is State.ESTABLISHED


def test_an_act_lets_its_exception_through_to_the_caller(line):
    shell = line.shells["r1"]
    with pytest.raises(ValueError, match="no prefix"):
        shell.act(Originate(("no prefix",)))
    assert shell.failures == 0
    shell.act(Originate(("10.77.0.0/16",)))
    line.run(1)
    assert line.prefixes("r3") == 4


def test_one_call_stands_for_the_next_deadline_and_moves_when_it_comes_nearer():
    network = Network(config("r1", R1, R2, passive=[R2]))
    shell = network.shells["r1"]
    due: list[float | None] = [5.0]

    class Timed:
        sessions = {}
        ticks = []

        @property
        def next_deadline(self):
            return due[0]

        def tick(self, now):
            self.ticks.append(now)
            due[0] = None
            return []

        def handle(self, given, now):
            return []

    shell.speaker = Timed()
    shell.feed(Start())
    due[0] = 7.0
    shell.feed(Start())
    assert [call.getTime() for call in network.reactor.getDelayedCalls()] == [5.0]
    due[0] = 2.0
    shell.feed(Start())
    assert [call.getTime() for call in network.reactor.getDelayedCalls()] == [2.0]
    network.reactor.advance(2.0)
    assert shell.speaker.ticks == [2.0]
    assert network.reactor.getDelayedCalls() == []
    assert shell.lateness.count == 1


def test_a_late_tick_lets_octets_that_wait_in_the_socket_go_first(line):
    """RFC 4271 section 4.4: the peer did not fall silent, this process slept."""
    sleeper = line.shells["r1"]
    for _ in range(95):
        sleeper._call.reset(1.0)  # r1 is not given the processor
        line.reactor.advance(0.1)  # r2's keepalives wait in the socket meanwhile
    assert sleeper.speaker.next_deadline + READ_FIRST < line.reactor.seconds()
    sleeper._call.cancel()
    sleeper._tick()
    assert sleeper.speaker.sessions["r2"].state is State.ESTABLISHED
    line.carry()
    line.run(1)
    ended = {name: [fact.event for fact in line.changes(name)] for name in ("r1", "r2")}
    assert Event.HOLD_TIMER_EXPIRES in ended["r2"]  # to its peers it was silent indeed
    assert Event.HOLD_TIMER_EXPIRES not in ended["r1"]
    assert sleeper.lateness.maximum > 5


def test_a_peer_with_a_delayed_link_gets_its_octets_later():
    first = config("r1", R1, R2)
    slow = dataclasses.replace(first.peers[0], delay=0.5)
    network = Network(dataclasses.replace(first, peers=(slow,)), config("r2", R2, R1))
    network.start()
    network.run(0.4)
    assert network.state("r2", "r1") is not State.ESTABLISHED
    network.run(3)
    assert network.state("r2", "r1") is State.ESTABLISHED


def test_a_log_of_inputs_that_cannot_be_written_is_told_and_costs_no_session(tmp_path):
    reactor, facts = VirtualReactor(), list[Any]()
    shell = Shell(
        config("r1", R1),
        reactor,
        reactor.seconds,
        facts.append,
        lambda: None,
        str(tmp_path / "none" / "r1.jsonl"),
    )
    shell.listen()
    shell.dial()
    assert shell.inputs is not None
    for _ in range(2):
        shell.inputs.flush()
        shell.feed(Start())
    assert shell.failures == 1
    (told,) = [fact for fact in facts if isinstance(fact, CallbackFailed)]
    assert told.peer == ""
    assert "the log of inputs cannot be written" in told.text
    assert "No such file" in told.text


def test_a_shell_records_what_it_gives_to_its_speaker(tmp_path):
    reactor, path = VirtualReactor(), tmp_path / "r1.jsonl"
    shell = Shell(
        config("r1", R1, R2), reactor, reactor.seconds, lambda _: None, lambda: None, str(path)
    )
    shell.listen()
    shell.dial()
    reactor.connectors[0].fail(ConnectError())
    for _ in range(3):
        reactor.advance(1.0)
    assert shell.inputs is not None
    shell.inputs.flush()
    steps = list(Recording(path))
    assert [step.given for step in steps[:2]] == [Start(), TcpFailed(1)]
    assert steps[-1].given is None
    assert replay(path).difference is None


# Links that are cut and mended.


@pytest.fixture
def dialled_line():
    """Three routers in a line, up and settled: r1 - r2 - r3; the first of each pair listens."""
    network = Network(
        config("r1", R1, R2, passive=[R2]),
        config("r2", R2, R1, R3, passive=[R3]),
        config("r3", R3, R2),
    )
    network.start()
    network.run(3)
    assert network.state("r2", "r1") is network.state("r2", "r3") is State.ESTABLISHED
    return network


def cut(network, a, b):
    network.shells[a].cut(b)
    network.shells[b].cut(a)


def test_a_cut_ends_the_session_at_once_as_a_lost_connection_does(dialled_line):
    """RFC 4271 section 8.2.2, Established, event 18: routes deleted, Idle."""
    before = len(dialled_line.changes("r2"))
    dialled_line.shells["r2"].cut("r3")
    (change,) = dialled_line.changes("r2")[before:]
    assert (change.peer, change.new) == ("r3", State.IDLE)
    assert change.event == Event.TCP_CONNECTION_FAILS
    dialled_line.run(0.1)
    assert dialled_line.prefixes("r2") == 2
    assert dialled_line.state("r2", "r1") is State.ESTABLISHED
    assert dialled_line.state("r3", "r2") is not State.ESTABLISHED
    assert [len(dialled_line.failures(name)) for name in dialled_line.shells] == [0, 0, 0]


def test_octets_that_were_under_way_are_lost(dialled_line):
    dialled_line.shells["r3"].cut("r2")
    for pipe in dialled_line.pipes:
        if pipe.protocol.far == R2 and pipe.closing:
            before = len(dialled_line.facts["r3"])
            pipe.protocol.dataReceived(b"\xff" * 19)
            assert dialled_line.facts["r3"][before:] == []


@pytest.mark.parametrize("end", ["r2", "r3"])
def test_while_either_end_is_cut_no_session_comes_about(dialled_line, end):
    """Whoever dials: the cut end's attempts fail at once, and it takes no connection."""
    dialled_line.shells[end].cut("r2" if end == "r3" else "r3")
    dialled_line.run(40)
    assert dialled_line.state("r2", "r3") is not State.ESTABLISHED
    assert dialled_line.state("r3", "r2") is not State.ESTABLISHED
    assert dialled_line.state("r2", "r1") is State.ESTABLISHED
    tried = [c for c in dialled_line.reactor.connectors if c.host == R2 and c.bound == (R3, 0)]
    assert (len(tried) == 1) is (end == "r3")


@pytest.mark.parametrize("seconds", [0.2, 5.0, 100.0])
def test_after_mending_the_session_comes_back_within_connect_retry_however_long_it_was_cut(
    dialled_line, seconds
):
    """No failure is counted while dialling fails, so that nothing backs off."""
    cut(dialled_line, "r2", "r3")
    dialled_line.run(seconds)
    dialled_line.shells["r2"].mend("r3")  # it only listens
    dialled_line.shells["r3"].mend("r2")
    peer = dialled_line.shells["r3"].config.peers[0]
    dialled_line.run(peer.timers.idle_hold + peer.timers.connect_retry + 0.5)
    assert dialled_line.state("r2", "r3") is dialled_line.state("r3", "r2") is State.ESTABLISHED
    dialled_line.run(1)
    assert [dialled_line.prefixes(name) for name in dialled_line.shells] == [3, 3, 3]


def test_an_attempt_that_is_under_way_fails_when_the_link_is_cut():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    shell.dial()
    assert network.state("r1", "r2") is State.CONNECT
    shell.cut("r2")
    assert network.state("r1", "r2") is State.IDLE
    assert not network.reactor.connectors[0].open
    assert shell._dialling == {}


def test_cutting_twice_and_mending_what_is_whole_do_nothing(dialled_line):
    dialled_line.shells["r1"].mend("r2")
    assert dialled_line.state("r1", "r2") is State.ESTABLISHED
    dialled_line.shells["r1"].cut("r2")
    before = len(dialled_line.changes("r1"))
    dialled_line.shells["r1"].cut("r2")
    assert len(dialled_line.changes("r1")) == before
    with pytest.raises(KeyError):
        dialled_line.shells["r1"].cut("r9")


def test_a_shell_that_keeps_another_time_runs_its_timers_in_it():
    """Hold 9 s, keepalives every 3 s of the lab: at 0.1, 0.3 s of the reactor."""
    network = Network(config("r1", R1, R2, passive=[R2]), config("r2", R2, R1))
    for shell in network.shells.values():
        shell.keep_time(lambda: network.reactor.seconds() * 10, 0.1)
    network.start()
    network.run(3.0, step=0.01)
    sent = [
        fact.at
        for fact in network.facts["r1"]
        if getattr(fact, "timer", "") == "keepalive" and fact.at > 10
    ]
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert gaps == pytest.approx([3.0] * len(gaps), abs=0.15)
    assert len(gaps) >= 5
    assert network.shells["r1"].lateness.maximum <= 0.011  # of the reactor: one of its steps


# Links that swallow octets, and are healed.


def darken(network, a, b):
    network.shells[a].darken(b)
    network.shells[b].darken(a)


def heal(network, a, b):
    network.shells[a].heal(b)
    network.shells[b].heal(a)


def told(network, router, since):
    """List (peer, new state, event) of the changes that a router told of after a time."""
    return [
        (fact.peer, State(fact.new), Event(fact.event))
        for fact in network.changes(router)
        if fact.at > since
    ]


def test_hold_timers_find_a_dark_link_and_the_session_comes_back_when_it_is_healed(line):
    began = line.reactor.seconds()
    darken(line, "r2", "r3")
    line.run(5.5)
    assert told(line, "r2", began) == told(line, "r3", began) == []
    line.run(4.5)  # 9 s after the last octet, which is no older than 3 s
    for router, peer in (("r2", "r3"), ("r3", "r2")):
        lost = told(line, router, began)[0]
        assert lost == (peer, State.IDLE, Event.HOLD_TIMER_EXPIRES)
    assert line.prefixes("r1") == line.prefixes("r2") == 2
    line.run(20)  # attempts to connect get no answer
    assert {state for _, state, _ in told(line, "r2", began)} == {State.IDLE, State.CONNECT}
    heal(line, "r2", "r3")
    line.run(3)
    assert line.state("r2", "r3") is line.state("r3", "r2") is State.ESTABLISHED
    assert [line.prefixes(name) for name in ("r1", "r2", "r3")] == [3, 3, 3]
    assert len(line.pipes) == 4
    for shell in line.shells.values():
        assert shell._unanswered == {}
        assert len(shell._connections) == len(shell.config.peers)


def test_a_link_healed_in_time_has_lost_nothing_and_its_session_lasts(line):
    began = line.reactor.seconds()
    darken(line, "r2", "r3")
    line.shells["r3"].feed(Originate(("10.33.0.0/16",)))
    line.shells["r1"].feed(Originate(("10.11.0.0/16",)))
    line.run(4)
    assert (line.prefixes("r2"), line.prefixes("r3")) == (4, 4)
    heal(line, "r2", "r3")
    line.run(1)
    assert [line.prefixes(name) for name in ("r1", "r2", "r3")] == [5, 5, 5]
    line.run(20)
    assert told(line, "r2", began) == told(line, "r3", began) == []
    assert all(shell.speaker.quiet for shell in line.shells.values())


def test_routes_for_a_dark_link_are_held_back_and_replaced(line):
    """What waits behind it is bounded, however often a route changes: the peer is congested."""
    shell = line.shells["r2"]
    darken(line, "r2", "r3")
    for _ in range(50):
        shell.feed(Originate(("10.22.0.0/16",)))
        line.run(0.05, step=0.05)
        shell.feed(Withdraw(("10.22.0.0/16",)))
        line.run(0.05, step=0.05)
    kept = [carrier for carrier in shell._connections.values() if carrier.far == R3]
    assert sum(map(len, kept[0]._kept)) < 500


def test_a_peer_that_dies_behind_a_dark_link_is_not_missed_before_its_hold_time(line):
    began = line.reactor.seconds()
    line.shells["r2"].darken("r3")
    for carrier in line.shells["r3"]._connections.values():
        carrier.abort()
    line.run(2)
    assert told(line, "r3", began)[0][1] is State.IDLE
    assert told(line, "r2", began) == []
    line.shells["r2"].heal("r3")
    assert told(line, "r2", began)[0] == ("r3", State.IDLE, Event.TCP_CONNECTION_FAILS)


def test_an_attempt_that_waits_for_an_answer_is_made_when_the_link_is_healed():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    shell.darken("r2")
    shell.dial()
    network.run(0.5)
    assert network.reactor.connectors == []
    assert network.state("r1", "r2") is State.CONNECT
    shell.heal("r2")
    assert len(network.reactor.connectors) == 1


def test_an_attempt_in_the_dark_is_given_up_by_connect_retry_and_fails_if_the_link_is_cut():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    shell.darken("r2")
    shell.dial()
    network.run(10)
    assert list(shell._unanswered.values()) == ["r2"]  # the latest, however many there were
    shell.cut("r2")
    assert network.changes("r1")[-1].event == Event.TCP_CONNECTION_FAILS
    assert shell._unanswered == {}


def test_the_failure_of_an_attempt_does_not_come_back_through_a_dark_link():
    network = Network(config("r1", R1, R2))
    shell = network.shells["r1"]
    shell.dial()
    shell.darken("r2")
    network.reactor.connectors[0].fail(ConnectError())
    assert network.state("r1", "r2") is State.CONNECT
    shell.heal("r2")
    assert len(network.reactor.connectors) == 2


def test_a_link_may_become_slow_while_sessions_last(line):
    shell = line.shells["r2"]
    shell.slow("r3", 0.5, 0.0)
    shell.feed(Originate(("10.22.0.0/16",)))
    line.run(0.4)
    assert (line.prefixes("r1"), line.prefixes("r3")) == (4, 3)
    line.run(0.2)
    assert line.prefixes("r3") == 4
    shell.feed(Reset(("r3",)))
    line.run(5)
    assert line.state("r3", "r2") is State.ESTABLISHED
    lines = [carrier.delay for carrier in shell._connections.values() if carrier.far == R3]
    assert None not in lines  # later connections take as long
    shell.slow("r3", 0.0, 0.0)
    shell.feed(Reset(("r3",)))
    line.run(5)
    lines = [carrier.delay for carrier in shell._connections.values() if carrier.far == R3]
    assert lines == [None]


# ------------------------------------------------------------------- how punctual it was


class Alarm:
    """A Speaker with one deadline, whose every step takes a time."""

    sessions: dict[str, Any] = {}

    def __init__(self, reactor, due, takes=0.0):
        self.reactor = reactor
        self.next_deadline = due
        self.takes = takes

    def tick(self, now):
        self.next_deadline = None
        return self.handle(None, now)

    def handle(self, given, now):
        self.reactor.rightNow += self.takes
        return []


def alarmed(due, takes=0.0):
    """Give a shell with an Alarm, armed at 0, and its reactor."""
    network = Network(config("r1", R1, R2, passive=[R2]))
    shell = network.shells["r1"]
    shell.speaker = Alarm(network.reactor, due)
    shell.feed(Start())
    shell.speaker.takes = takes
    return shell, network.reactor


def test_a_timer_that_is_overdue_and_has_not_fired_counts_as_late_by_now():
    shell, reactor = alarmed(5.0)
    reactor.rightNow = 4.9
    assert shell.punctuality().count == 0
    reactor.rightNow = 7.0
    assert shell.lateness.count == 0
    assert shell.punctuality().maximum == 2.0
    reactor.advance(0)
    reactor.advance(0)  # sockets were read in between
    assert shell.punctuality().count == shell.lateness.count == 1


def test_a_process_that_was_stopped_and_goes_on_is_not_called_late():
    shell, reactor = alarmed(5.0)
    reactor.rightNow = 9.0
    shell.excuse()
    assert shell.punctuality().count == 0
    reactor.advance(0)
    reactor.advance(0)
    assert shell.speaker.next_deadline is None
    assert shell.lateness.count == 0
    shell.speaker.next_deadline = 10.0
    shell.feed(Start())
    reactor.advance(1.25)
    reactor.advance(0)
    assert shell.lateness.maximum == 0.25


@pytest.mark.parametrize("takes,stalls", [(0.01, 0), (0.06, 1), (2.0, 1)])
def test_a_turn_that_takes_long_is_a_stall(takes, stalls):
    shell, _ = alarmed(None, takes)
    shell.feed(Start())
    assert shell.stalls == stalls
    assert shell.longest_stall == pytest.approx(takes if stalls else 0.0)


def test_a_turn_in_which_the_process_was_stopped_is_no_stall():
    shell, reactor = alarmed(None)

    def stopped(given, now):
        reactor.rightNow += 3.0
        shell.excuse()
        return []

    shell.speaker.handle = stopped
    shell.feed(Start())
    assert shell.stalls == 0


def test_octets_that_leave_a_link_late_are_counted_apart_from_timers():
    first = config("r1", R1, R2)
    slow = dataclasses.replace(first.peers[0], delay=0.5)
    network = Network(dataclasses.replace(first, peers=(slow,)), config("r2", R2, R1))
    network.start()
    network.run(3, step=0.2)
    links = network.shells["r1"].links
    assert links.count > 2
    assert links.maximum == pytest.approx(0.1)  # 0.5 after a step is in the midst of another
    assert network.shells["r2"].links.count == 0
    before = links.count
    network.shells["r1"].act(Originate(("10.77.0.0/16",)))
    network.reactor.rightNow += 9.0
    network.shells["r1"].excuse()
    network.run(1)
    assert links.count == before
