"""One Speaker in one reactor: carries out its effects, feeds it inputs, and calls it in time.

All that protocol means is in the Speaker. The shell owns the port, the connections and a single
delayed call for `next_deadline`. An exception in the Speaker is recorded with its peer and
costs that session at most; the reactor goes on.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IConnector, IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from bgplab.config import RouterConfig
from bgplab.engines.processes.clock import LabTiming
from bgplab.engines.processes.net.connection import (
    AcceptFactory,
    DialFactory,
    PeerConnection,
    shape,
)
from bgplab.engines.processes.net.delay import DelayLine
from bgplab.facts import CallbackFailed, Fact, HoldExpired, TimerFired
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.inputs import InputLog, RecordedSpeaker
from bgplab.observe.load import STALL
from bgplab.session.effects import Close, Dial, Effect, Send
from bgplab.session.session import Session
from bgplab.speaker.inputs import Input, Start, TcpFailed
from bgplab.speaker.speaker import Speaker

BACKLOG = 1024
READ_FIRST = 0.005  # seconds of lateness after which sockets are read before timers fire
TIMER_PUT_OFF = 1.0  # seconds that the timers of a session rest after one of them failed
DIAL_TIMEOUT = 30.0  # seconds; ConnectRetryTimer gives up earlier or later as configured


class Shell:
    """A router at work: `record` receives its facts, `settled` is called when it is quiet.

    `clock` gives seconds that all routers of a lab share (CLOCK_MONOTONIC). `inputs` is the
    file for all that is given to the Speaker, "" for none.
    """

    log = Logger()

    def __init__(
        self,
        config: RouterConfig,
        reactor: Any,
        clock: Callable[[], float],
        record: Callable[[Fact], None],
        stirred: Callable[[], None],
        inputs: str = "",
    ) -> None:
        self.config = config
        self.inputs: InputLog | None = None
        self.speaker = self._speaker(inputs)
        self.lateness = LatenessHistogram()  # of timers
        self.keepalive_lateness: dict[str, LatenessHistogram] = defaultdict(LatenessHistogram)
        self.links = LatenessHistogram()  # of octets that leave links with a delay
        self.stalls = 0  # turns that took longer than STALL
        self.longest_stall = 0.0
        self.failures = 0
        self._reactor = reactor
        self._clock = clock
        self._record = record
        self._stirred = stirred
        self._scale = 1.0
        self._timing = LabTiming(reactor, 1.0)
        self._rng = random.Random(config.seed + 1)  # of the links, apart from the speaker's
        self._peers = {peer.name: peer for peer in config.peers}
        self._cut: dict[str, None] = {}  # addresses of peers that no link leads to
        self._dark: dict[str, None] = {}  # those whose link swallows octets
        self._delays = {
            peer.address: (peer.delay, peer.delay_jitter)
            for peer in config.peers
            if peer.delay or peer.delay_jitter
        }
        self._connections: dict[int, PeerConnection] = {}
        self._dialling: dict[int, IConnector] = {}
        self._unanswered: dict[int, str] = {}  # attempts to dial over a link in the dark
        self._accepted = 0
        self._port: Any = None  # of type twisted.internet.tcp.Port
        self._call: IDelayedCall | None = None
        self._read_first = False
        self._due = 0.0  # the deadline that the call stands for
        self._armed_at = 0.0
        self._rest_until = 0.0  # no tick before that time
        self._excused = -inf  # what was due up to then is not called late

    def _speaker(self, inputs: str) -> Speaker:
        """Make the Speaker, and the log of its inputs if there is to be one."""
        rng = random.Random(self.config.seed)
        if not inputs:
            return Speaker(self.config, rng)
        self.inputs = InputLog(Path(inputs), self.config, self._unlogged)
        return RecordedSpeaker(self.config, rng, self.inputs)

    def _unlogged(self, error: OSError) -> None:
        """Record that the log of inputs has ended before its time; the router goes on."""
        self.failures += 1
        text = f"the log of inputs cannot be written: {error}"
        self.log.error("{text}", text=text)
        self._record(CallbackFailed(self._clock(), "", text))

    def listen(self) -> None:
        """Open the port and start the sessions that only listen.

        Raises twisted.internet.error.CannotListenError if the address is taken.
        """
        self._port = self._reactor.listenTCP(
            self.config.port,
            AcceptFactory(self._accept, self._cut.__contains__),
            backlog=BACKLOG,
            interface=self.config.address,
        )
        shape(self._port.socket)
        passive = tuple(peer.name for peer in self.config.peers if peer.passive)
        if passive:
            self.feed(Start(passive))

    def dial(self) -> None:
        """Start all sessions; those that listen already take no notice."""
        self.feed(Start())

    def feed(self, given: Input) -> None:
        """Give the Speaker an input and do what it asks for."""
        now = self._clock()
        self._run(lambda: self.speaker.handle(given, now), given, now)

    def act(self, given: Input) -> list[Effect]:
        """As `feed`, but let an exception through: it is the caller's input that is wrong.

        Gives what the Speaker asked for.
        """
        effects = self.speaker.handle(given, self._clock())
        self._perform(effects)
        self._rearm()
        return effects

    def keep_time(self, clock: Callable[[], float], scale: float) -> None:
        """Go by another clock, each of whose seconds takes `scale` seconds of the reactor.

        To be called before anything else.
        """
        self._clock = clock
        self._scale = scale
        self._timing = LabTiming(self._reactor, scale)

    def excuse(self) -> None:
        """Do not call late what was due by now: the process was stopped, and goes on."""
        self._excused = self._clock()

    def punctuality(self) -> LatenessHistogram:
        """Give the lateness of all timers, of one too that is overdue and has not fired."""
        histogram = LatenessHistogram()
        histogram.merge(self.lateness)
        due = max(self._due, self._excused)
        overdue = 0.0 if self._call is None else (self._clock() - due) * self._scale
        if overdue > READ_FIRST:
            histogram.add(overdue)
        return histogram

    def cut(self, name: str) -> None:
        """Cut the link to a peer: its connections are lost, no new one comes about.

        Raises KeyError for a name that is no peer's.
        """
        address = self._peers[name].address
        self._cut[address] = None
        for carrier in self._towards(address):
            carrier.cut()
        for number, connector in list(self._dialling.items()):
            session = self.speaker.session_of(number)
            if session is not None and session.name == name:
                connector.disconnect()
                self._fail(number)
        for number in self._take_unanswered(name):
            self._fail(number)

    def mend(self, name: str) -> None:
        """Mend the link to a peer. Raises KeyError for a name that is no peer's."""
        self._cut.pop(self._peers[name].address, None)

    def darken(self, name: str) -> None:
        """Let the link to a peer swallow all octets, and attempts to connect.

        Raises KeyError for a name that is no peer's.
        """
        address = self._peers[name].address
        self._dark[address] = None
        for carrier in self._towards(address):
            carrier.darken()

    def heal(self, name: str) -> None:
        """Let through what the link to a peer has held back: TCP sends it again.

        Attempts to dial that the Speaker has not given up get their answer now.
        Raises KeyError for a name that is no peer's.
        """
        address = self._peers[name].address
        self._dark.pop(address, None)
        for carrier in self._towards(address):
            carrier.heal()
        for number in self._take_unanswered(name):
            self._dial(number, name)

    def slow(self, name: str, delay: float, jitter: float) -> None:
        """Let octets spend another time on the link to a peer, in seconds; order is kept.

        Raises KeyError for a name that is no peer's.
        """
        address = self._peers[name].address
        self._delays[address] = (delay, jitter)
        for carrier in self._towards(address):
            carrier.slow(delay, jitter)

    def _towards(self, address: str) -> list[PeerConnection]:
        """List the connections to a peer."""
        return [carrier for carrier in self._connections.values() if carrier.far == address]

    def _take_unanswered(self, name: str) -> list[int]:
        """Take out the attempts to dial a peer that have got no answer."""
        numbers = [number for number, peer in self._unanswered.items() if peer == name]
        for number in numbers:
            del self._unanswered[number]
        return numbers

    def _tick(self) -> None:
        self._call = None
        now = self._clock()
        late = (now - self._due) * self._scale
        if late > READ_FIRST and not self._read_first:
            # A hold timer must not expire over octets that wait in the socket.
            self._read_first = True
            self._call = self._reactor.callLater(0, self._tick)
            return
        self._read_first = False
        if self._due > self._armed_at and self._due > self._excused:
            self.lateness.add(late)
        self._run(lambda: self.speaker.tick(now), None, now)

    def _run(self, step: Callable[[], list[Effect]], given: Input | None, began: float) -> None:
        """Run one step of the Speaker; contain what goes wrong in it."""
        try:
            self._perform(step())
        except Exception:  # noqa: BLE001 -- nothing that a peer sends may stop the reactor
            self._contain(given)
        self._rearm()
        self._stirred()
        took = (self._clock() - began) * self._scale
        if took > STALL and began > self._excused:
            self.stalls += 1
            self.longest_stall = max(self.longest_stall, took)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(connection, octets):
                    carrier = self._connections.get(connection)
                    if carrier is not None:
                        carrier.send(octets)
                case Dial(connection, peer):
                    self._dial(connection, peer)
                case Close(connection):
                    self._close(connection)
                case TimerFired(at, peer, "keepalive", late) if at - late > self._excused:
                    self.keepalive_lateness[peer].add(late * self._scale)
                    self._record(effect)
                case HoldExpired():
                    self._record(effect._replace(unread=self._unread(effect.epoch)))
                case _:
                    self._record(effect)

    def _unread(self, epoch: int) -> int:
        """Count the octets that wait in the socket of a connection."""
        carriers = self._connections.values()
        return sum(carrier.unread for carrier in carriers if carrier.epoch == epoch)

    def _contain(self, given: Input | None) -> None:
        """Record an exception; end the connections of the session that it came from."""
        self.failures += 1
        failure = Failure()
        number = getattr(given, "connection", 0)
        session = self._put_off() if given is None else self.speaker.session_of(number)
        peer = session.name if session is not None else ""
        self.log.failure("callback failed, peer {peer}", failure=failure, peer=peer)
        self._record(CallbackFailed(self._clock(), peer, failure.getTraceback()))
        for each, carrier in list(self._connections.items()):
            if each == number or (peer and self.speaker.session_of(each) is session):
                # The Speaker hears of it as of any lost connection, and drops the session.
                carrier.abort()

    def _put_off(self) -> Session | None:
        """Let what failed in a tick rest, as it may fail again; give the session it was.

        It is the first whose deadline has passed, since those before it have been served; None
        if it was no session.
        """
        now, rest = self._clock(), TIMER_PUT_OFF / self._scale
        for session in self.speaker.sessions.values():
            if session.next_deadline <= now:
                self.speaker.put_off(session.name, now, now + rest)
                return session
        self._rest_until = now + rest
        return None

    def _rearm(self) -> None:
        """Keep the one delayed call no later than the Speaker's deadline."""
        due = self.speaker.next_deadline
        if due is None:
            return
        due = max(due, self._rest_until)
        if self._call is not None:
            if due >= self._due:
                return
            self._call.cancel()
        self._due = due
        self._armed_at = self._clock()
        self._call = self._timing.callLater(max(0.0, due - self._armed_at), self._tick)

    def _accept(self) -> PeerConnection:
        self._accepted -= 1
        return self._connection(self._accepted)

    def _connection(self, number: int) -> PeerConnection:
        self._dialling.pop(number, None)
        carrier = PeerConnection(
            number, self.feed, self._lost, self._link, self._dark.__contains__
        )
        self._connections[number] = carrier
        return carrier

    def _link(self, address: str, deliver: Callable[[bytes], None]) -> DelayLine | None:
        """Give the link to a peer, if octets spend time on it."""
        delay, jitter = self._delays.get(address, (0.0, 0.0))
        if not (delay or jitter):
            return None
        return DelayLine(
            self._timing, self._clock, delay, jitter, self._rng, deliver, self._crossed
        )

    def _crossed(self, due: float) -> None:
        """Count how late octets leave a link."""
        if due > self._excused:
            self.links.add((self._clock() - due) * self._scale)

    def _lost(self, number: int) -> None:
        self._connections.pop(number, None)

    def _dial(self, number: int, name: str) -> None:
        peer = self._peers[name]
        if peer.address in self._cut:
            # Not within this effect: the Speaker is told of it as of any later event.
            self._reactor.callLater(0, self._fail, number)
            return
        if peer.address in self._dark:
            self._unanswered[number] = name
            return
        factory = DialFactory(
            lambda: self._connection(number), lambda: self._dial_failed(number, name)
        )
        self._dialling[number] = self._reactor.connectTCP(
            peer.address,
            peer.port,
            factory,
            timeout=DIAL_TIMEOUT,
            bindAddress=(self.config.address, 0),
        )

    def _dial_failed(self, number: int, name: str) -> None:
        """Tell that an attempt has failed; over a link in the dark the news does not come."""
        if self._peers[name].address in self._dark:
            self._dialling.pop(number, None)
            self._unanswered[number] = name
        else:
            self._fail(number)

    def _fail(self, number: int) -> None:
        self._dialling.pop(number, None)
        self.feed(TcpFailed(number))

    def _close(self, number: int) -> None:
        carrier = self._connections.get(number)
        if carrier is not None:
            carrier.close(self._reactor)
        elif number in self._dialling:
            self._dialling.pop(number).disconnect()
        else:
            self._unanswered.pop(number, None)
