"""What runs in a router process: a Shell at work, spoken to over AMP by the controller.

`RouterChild` is the AMP child that both starters start: the fork server by `run_forked`, the
stock ampoule starter by its own bootstrap. It builds the Shell when it is configured, streams
records to the controller, and reports whenever the router turns passive.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from ampoule.child import AMPChild
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    jsonFileLogObserver,
)

from bgplab.config import Level, RouterConfig
from bgplab.engines.processes import commands
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.net.shell import Shell
from bgplab.engines.processes.parentage import die_with_parent, set_name
from bgplab.engines.processes.usage import busy_seconds
from bgplab.engines.reporter import Reporter
from bgplab.errors import HostError
from bgplab.facts import Fact
from bgplab.observe.candidates import all_candidates, candidates, to_lines
from bgplab.observe.inputs import decode
from bgplab.observe.records import FRAME_LIMIT, RecordWriter
from bgplab.observe.timing import timings_of
from bgplab.rib.decision import reason
from bgplab.speaker.inputs import Inject
from bgplab.wire.attributes import format_as_path
from bgplab.wire.nlri import encode_prefix, format_prefix

RECORDS_EVERY = 0.05  # seconds that records may wait for company


class RouterChild(AMPChild):
    """One router process, as the controller sees it."""

    def __init__(self, name: str = "", log: str = "", controller: str = "") -> None:
        super().__init__()
        if controller:  # started by the stock starter: nothing has been set up yet
            die_with_parent(int(controller))
            set_name(name)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            begin_logging(log)
            self.mind_stops()
        from twisted.internet import reactor

        self._reactor: Any = reactor
        self._received = bytearray()
        self._inputs = ""
        self._shell: Shell | None = None
        self._clock = LabClock()  # the machine's, unless it is scaled
        self._busy_before = 0.0  # what the start of the process cost
        self._records = RecordWriter(())
        self._flushing: IDelayedCall | None = None
        self._reporter: Reporter | None = None
        self._dumps: dict[str, Iterator[tuple[bytes, bool]]] = {}  # answers given in part

    def mind_stops(self) -> None:
        """Let this process notice that it was stopped and goes on (SIGCONT).

        Its timers are late then, but not because the machine could not keep time.
        """
        signal.signal(signal.SIGCONT, lambda number, frame: self._continued())

    def _continued(self) -> None:
        if self._shell is not None:
            self._shell.excuse()

    @property
    def _router(self) -> Shell:
        if self._shell is None:
            raise ValueError("the router is not configured yet")
        return self._shell

    def record_inputs(self, path: str) -> dict[str, Any]:
        """Take note of where the router's inputs go."""
        self._inputs = path
        return {}

    commands.RecordInputs.responder(record_inputs)

    def configure(self, part: bytes, last: bool) -> dict[str, Any]:
        """Collect the configuration; build the router with the last part."""
        self._received += part
        if last:
            config = RouterConfig.from_json(self._received.decode())
            self._received = bytearray()
            self._records = RecordWriter([peer.name for peer in config.peers])
            self._shell = Shell(
                config, self._reactor, time.monotonic, self._record, self._stirred, self._inputs
            )
            self._reporter = Reporter(self._shell.speaker)
        return {"pid": os.getpid()}

    commands.Configure.responder(configure)

    def scale(self, factor: float, origin: float) -> dict[str, Any]:
        """Take over the lab's clock."""
        self._clock = LabClock(factor, origin)
        self._router.keep_time(self._clock.seconds, factor)
        return {}

    commands.Scale.responder(scale)

    def listen(self) -> dict[str, Any]:
        """Open the router's port. Raises HostError if it is taken."""
        try:
            self._router.listen()
        except CannotListenError as error:
            raise HostError(str(error)) from error
        return {}

    commands.Listen.responder(listen)

    def dial(self) -> dict[str, Any]:
        """Start all sessions."""
        self._busy_before = busy_seconds()
        self._router.dial()
        return self._done()

    commands.Dial.responder(dial)

    def act(self, part: bytes, last: bool) -> dict[str, Any]:
        """Give the speaker an input on the controller's behalf, once it is whole."""
        self._received += part
        if not last:
            return {"activity": 0}
        text, self._received = self._received.decode(), bytearray()
        given = decode(json.loads(text))
        effects = self._router.act(given)
        if isinstance(given, Inject) and not effects:
            raise commands.NoConnection(given.peer)
        return self._done()

    commands.Act.responder(act)

    def link(self, peer: str, change: str) -> dict[str, Any]:
        """Cut the link to a peer or mend it, let it swallow octets or carry them again."""
        shell = self._router
        changes = {
            "cut": shell.cut,
            "mend": shell.mend,
            "darken": shell.darken,
            "heal": shell.heal,
        }
        changes[change](peer)
        return self._done()

    commands.Link.responder(link)

    def delay(self, peer: str, delay: float, jitter: float) -> dict[str, Any]:
        """Let octets spend another time on the link to a peer."""
        self._router.slow(peer, delay, jitter)
        return self._done()

    commands.Delay.responder(delay)

    def flush(self) -> dict[str, Any]:
        """Send the records that wait."""
        return self._done()

    commands.Flush.responder(flush)

    def _done(self) -> dict[str, Any]:
        """Answer that an act was carried out; what it led to at once goes first."""
        self._stirred()
        self._flush()
        return {"activity": self._router.speaker.routing.activity}

    def tell(self, changes: bool) -> dict[str, Any]:
        """Tell of every change of a best route, or only where the recording asks for it."""
        shell = self._router
        shell.speaker.routing.tells_changes = changes or shell.config.level >= Level.UPDATES
        return {}

    commands.Tell.responder(tell)

    def wave(self) -> dict[str, Any]:
        """Answer the second wave: where the router stands right now."""
        speaker = self._router.speaker
        return {"activity": speaker.routing.activity, "quiet": speaker.quiet}

    commands.Wave.responder(wave)

    def routes(self, number: int) -> dict[str, Any]:
        """Give one part of the Loc-RIB, as it was when the first part was asked for."""
        return self._part("routes", number, self._loc_rib)

    commands.Routes.responder(routes)

    def candidates(self, prefix: str, number: int) -> dict[str, Any]:
        """Give one part of all paths to a prefix, or to all, as they were at the first part."""
        loc_rib = self._router.speaker.routing.loc_rib

        def write() -> str:
            one = candidates(loc_rib, encode_prefix(prefix)) if prefix else None
            return to_lines(all_candidates(loc_rib) if one is None else one)

        return self._part(f"candidates {prefix}", number, write)

    commands.Candidates.responder(candidates)

    def timings(self, number: int) -> dict[str, Any]:
        """Give one part of what the sessions measured; records that wait go first."""
        self._flush()
        return self._part("timings", number, self._timings)

    commands.Timings.responder(timings)

    def _timings(self) -> str:
        shell = self._router
        found = timings_of(shell.config.name, shell.speaker, shell.keepalive_lateness)
        return "\n".join(timing.to_json() for timing in found)

    def _part(self, what: str, number: int, write: Callable[[], str]) -> dict[str, Any]:
        """Give one part of a long answer, which is written when the first part is asked for."""
        if number == 0:
            self._dumps[what] = commands.parts(write().encode())
        part, last = next(self._dumps[what], (b"", True))
        if last:
            self._dumps.pop(what)
        return {"part": part, "last": last}

    def measure(self) -> dict[str, Any]:
        """Give what was measured so far; records that wait go first."""
        self._flush()
        shell = self._router
        speaker = shell.speaker
        sessions = speaker.sessions.values()
        return {
            "lateness": shell.punctuality().to_bytes(),
            "links": shell.links.to_bytes() if shell.links.count else b"",
            "stalls": shell.stalls,
            "longest_stall": shell.longest_stall,
            "sent": sum(session.updates_sent for session in sessions),
            "received": sum(session.updates_received for session in sessions),
            "routes": len(speaker.routing.loc_rib.best),
            "coalesced": speaker.routing.coalesced,
            "failures": shell.failures,
            "busy": busy_seconds() - self._busy_before,
        }

    commands.Measure.responder(measure)

    def _loc_rib(self) -> str:
        """Write the Loc-RIB as JSON lines: prefix, AS path, NEXT_HOP, peer, why it is best."""
        loc_rib = self._router.speaker.routing.loc_rib
        lines = []
        for prefix, path in loc_rib.best.items():
            attributes = path.attributes
            as_path = format_as_path(attributes.as_path)
            row = [
                format_prefix(prefix),
                as_path,
                attributes.next_hop,
                path.source.peer,
                reason(loc_rib.candidates(prefix)),
            ]
            lines.append(json.dumps(row))
        return "\n".join(lines)

    def _record(self, fact: Fact) -> None:
        self._records.add(fact)
        if self._records.size >= FRAME_LIMIT:
            self._flush()
        elif self._flushing is None:
            self._flushing = self._reactor.callLater(RECORDS_EVERY, self._flush)

    def _flush(self) -> None:
        """Send the records that wait; the log of inputs is as whole as they are."""
        if self._flushing is not None and self._flushing.active():
            self._flushing.cancel()
        self._flushing = None
        if self._shell is not None and self._shell.inputs is not None:
            self._shell.inputs.flush()
        for frame in self._records.take():
            self.callRemote(commands.Records, frame=frame)

    def _stirred(self) -> None:
        """See to a report, if the router has done something since the last and is quiet now."""
        reporter = self._reporter
        wait = None if reporter is None else reporter.stirred(time.monotonic())
        if wait == 0:
            self._report()
        elif wait is not None:
            self._reactor.callLater(wait, self._report)

    def _report(self) -> None:
        """Report that the router is passive, unless it is busy again."""
        if self._reporter is None:
            return
        quiet = self._reporter.report(time.monotonic(), self._clock.seconds())
        if quiet is not None:
            self._records.add(quiet)
            self._flush()


class LogFile:
    """A router's log, made with its first line: most routers have nothing to say."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._file: TextIO | None = None

    def write(self, text: str) -> int:
        """Append text."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        return self._file.write(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        if self._file is not None:
            self._file.flush()


def begin_logging(path: str) -> None:
    """Send warnings and worse to a file of JSON lines; protocol events never go to the log."""
    observer = FilteringLogObserver(
        jsonFileLogObserver(LogFile(path)),  # type: ignore[arg-type]
        [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)],
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=True, discardBuffer=True)


def run_forked(descriptor: int, log: str) -> None:
    """Be a router on a control socket that the fork server passed; returns when it is over."""
    import socket

    from twisted.internet import reactor

    begin_logging(log)

    def router() -> RouterChild:
        child = RouterChild()
        child.mind_stops()
        return child

    factory = Factory.forProtocol(router)
    factory.noisy = False
    reactor.adoptStreamConnection(descriptor, socket.AF_UNIX, factory)  # type: ignore[attr-defined]
    os.close(descriptor)
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]
