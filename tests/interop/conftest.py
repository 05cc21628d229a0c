"""What interop tests stand on: a real BIRD, a lab router in a reactor of our own, captures.

A Bench drives everything from the test's own thread: `until(condition)` lets the reactor turn
and asks again. Nothing of it is shared between tests, and nothing of it is left when one ends.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from bgplab.config import Level, PeerConfig, RouterConfig, Timers
from bgplab.engines.processes.net.shell import Shell
from bgplab.facts import (
    Fact,
    NotificationReceived,
    NotificationSent,
    OctetsReceived,
    OctetsSent,
    StateChanged,
)
from bgplab.rib.path import Path as BgpPath
from bgplab.session.events import State
from bgplab.wire.header import Framer
from bgplab.wire.nlri import format_prefix

NEAR = "127.9.0.1"  # the lab router; birds are at 127.9.0.2 and up
PASSIVE = "passive on;"
LAST_LINE = re.compile(rb"^\d{4} .*\n\Z", re.MULTILINE)
FAST = Timers(hold=3, keepalive=1.0, connect_retry=1.0, idle_hold=0.5)

BIRD = """
log stderr all;
router id {identifier};
protocol device {{ scan time 60; }}
protocol static own {{
  ipv4;
  {routes}
}}
protocol bgp lab {{
  local {near} port {port} as {asn};
  neighbor {far} port {port} {expected};
  multihop; strict bind yes;
  hold time 3; keepalive time 1;
  connect delay time 1; connect retry time 1; error wait time 1,1; error forget time 1;
  {options}
  ipv4 {{
    import all;
    next hop address {identifier};
    export filter {{
      if source != RTS_STATIC then reject;
      # Only what the export filter sets leaves the AS (RFC 4271 section 5.1.4).
      if defined(bgp_med) then bgp_med = bgp_med;
      accept;
    }};
  }};
}}
"""


class Bird:
    """One bird process, spoken to over its control socket."""

    def __init__(self, program: str, folder: Path, config: str) -> None:
        folder.mkdir()
        (folder / "bird.conf").write_text(config)
        self.log = folder / "bird.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "-f", "-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._control = str(folder / "bird.ctl")

    def ready(self) -> bool:
        """Tell whether BIRD answers; fails if it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return "up and running" in self.ask("show status")
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """Give a command's reply without the codes. Raises OSError if BIRD does not answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(self._control)
            _read(control)  # the greeting
            control.sendall(command.encode() + b"\n")
            reply = _read(control).decode()
        lines = reply.splitlines()
        assert not lines[-1].startswith(("8", "9")), reply
        return "\n".join(line[5:] if line[:4].isdigit() else line[1:] for line in lines)

    def established(self, peer: str = "lab") -> bool:
        """Tell whether BIRD thinks that the session is up."""
        return "BGP state:          Established" in self.ask(f"show protocols all {peer}")

    def last_error(self) -> str:
        """Give what BIRD says of the session's end, "" if nothing."""
        found = re.search(r"Last error: +(.*)", self.ask("show protocols all lab"))
        return found[1] if found else ""

    def count(self, peer: str = "lab") -> int:
        """Count the routes that came from a peer."""
        found = re.match(r"(\d+) of ", self.ask(f"show route protocol {peer} count"))
        assert found is not None
        return int(found[1])

    def routes(self, peer: str = "lab") -> dict[str, dict[str, str]]:
        """Give the routes that came from a peer: prefix -> BGP attribute -> text."""
        found: dict[str, dict[str, str]] = {}
        for line in self.ask(f"show route protocol {peer} all").splitlines():
            if re.match(r"\d+\.\d+\.\d+\.\d+/\d+ ", line):
                found[line.split()[0]] = attributes = {}
            elif line.startswith("\tBGP."):
                name, _, value = line[len("\tBGP.") :].partition(":")
                attributes[name] = value.strip()
        return found

    def close(self) -> None:
        """End the process, also where a test has stopped it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _read(control: socket.socket) -> bytes:
    """Read a reply: its last line begins with four digits and a blank."""
    reply = b""
    while LAST_LINE.search(reply) is None:
        part = control.recv(65536)
        if not part:
            raise ConnectionError("BIRD closed its control socket")
        reply += part
    return reply


@dataclass
class LabRouter:
    """A Shell and the facts it tells."""

    shell: Shell
    facts: list[Fact] = field(default_factory=list)

    def established(self, peer: str = "bird") -> bool:
        """Tell whether our session is up."""
        return self.shell.speaker.sessions[peer].state is State.ESTABLISHED

    def routes(self, peer: str = "bird") -> dict[str, BgpPath]:
        """Give the paths of the Loc-RIB that came from a peer."""
        best = self.shell.speaker.routing.loc_rib.best
        return {
            format_prefix(prefix): path
            for prefix, path in best.items()
            if path.source.peer == peer
        }

    def transitions(self) -> list[StateChanged]:
        """Give the state changes so far."""
        return [fact for fact in self.facts if isinstance(fact, StateChanged)]

    def sent(self, *kinds: int, peer: str = "bird") -> int:
        """Count the messages of these types that were sent to a peer."""
        return _count(self.octets(True, peer), kinds)

    def received(self, *kinds: int, peer: str = "bird") -> int:
        """Count the messages of these types that a peer has sent."""
        return _count(self.octets(False, peer), kinds)

    def octets(self, sent: bool, peer: str = "bird") -> bytes:
        """Give all that was sent to a peer, or came from it."""
        which = OctetsSent if sent else OctetsReceived
        return b"".join(
            fact.octets for fact in self.facts if isinstance(fact, which) and fact.peer == peer
        )

    def notifications(
        self, which: type[NotificationSent | NotificationReceived]
    ) -> list[tuple[int, int, bytes]]:
        """Give code, subcode and data of the NOTIFICATIONs sent, or received."""
        return [
            (fact.code, fact.subcode, fact.data)
            for fact in self.facts
            if isinstance(fact, which)
        ]


def _count(octets: bytes, kinds: Collection[int]) -> int:
    """Count the messages of these types in octets."""
    framer = Framer()
    framer.feed(octets)
    found = 0
    while (message := framer.next()) is not None:
        found += message[0] in kinds
    return found


class Bench:
    """A reactor, the lab routers in it, and the daemons beside it."""

    def __init__(self, folder: Path, require_tool: Callable[[str], str]) -> None:
        self._folder = folder
        self._require_tool = require_tool
        self._birds: list[Bird] = []
        self._reactor: Any = EPollReactor()
        self._reactor.startRunning(installSignalHandlers=False)
        with socket.socket() as probe:
            probe.bind((NEAR, 0))
            self.port: int = probe.getsockname()[1]

    def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Let the reactor turn until the condition holds; fail after so many seconds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s"
            self._reactor.iterate(0.02)

    def run(self, seconds: float) -> None:
        """Let the reactor turn for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._reactor.iterate(0.02)

    def router(self, asn: int, *peers: PeerConfig) -> LabRouter:
        """Make the lab router, listening at NEAR; octets are recorded."""
        config = RouterConfig(
            name="lab",
            asn=asn,
            identifier="10.255.0.1",
            address=NEAR,
            port=self.port,
            next_hop="10.255.0.1",
            peers=peers,
            igp={"10.255.0.2": 5.0, "10.255.0.3": 5.0},
            level=Level.OCTETS,
        )
        facts: list[Fact] = []
        shell = Shell(config, self._reactor, time.monotonic, facts.append, lambda: None)
        shell.listen()
        return LabRouter(shell, facts)

    def peer(self, name: str, number: int, asn: int, passive: bool = False) -> PeerConfig:
        """Configure the lab router's end of a session with the bird of this number."""
        return PeerConfig(name, f"127.9.0.{number}", self.port, asn, passive, FAST)

    def bird(
        self, number: int, asn: int, expected: str, options: str = PASSIVE, routes: str = ""
    ) -> Bird:
        """Start a bird whose neighbour is the lab router; it dials unless `options` forbid it.

        `expected` is the AS that it expects the lab router to be in, such as "as 65001"; it,
        `options` and `routes` are text of its configuration.
        """
        config = BIRD.format(
            identifier=f"10.255.0.{number}",
            near=f"127.9.0.{number}",
            far=NEAR,
            port=self.port,
            asn=asn,
            expected=expected,
            options=options,
            routes=routes,
        )
        bird = Bird(self._require_tool("bird"), self._folder / f"bird{number}", config)
        self._birds.append(bird)
        self.until(bird.ready)
        return bird

    def pair(
        self,
        routes: str = "",
        *,
        lab_asn: int = 65001,
        bird_asn: int = 65002,
        lab_passive: bool = False,
        options: str = PASSIVE,
        expected: str = "",
    ) -> tuple[LabRouter, Bird]:
        """Make a lab router and a bird that are each other's only neighbour.

        The lab router does not dial before `connect`. `expected` is as in `bird`, by default
        the right one.
        """
        router = self.router(lab_asn, self.peer("bird", 2, bird_asn, lab_passive))
        return router, self.bird(2, bird_asn, expected or f"as {lab_asn}", options, routes)

    def connect(self, router: LabRouter, *birds: Bird) -> None:
        """Bring all sessions up."""
        router.shell.dial()
        names = list(router.shell.speaker.sessions)
        self.until(lambda: all(router.established(name) for name in names))
        self.until(lambda: all(bird.established() for bird in birds))

    def close(self) -> None:
        """End the daemons, then all that the reactor holds."""
        for bird in self._birds:
            bird.close()
        self._reactor.disconnectAll()
        for call in self._reactor.getDelayedCalls():
            call.cancel()
        self._reactor.waker.connectionLost(Failure(ConnectionLost()))


@pytest.fixture
def bench(tmp_path: Path, require_tool: Callable[[str], str]) -> Iterator[Bench]:
    """Give a Bench, and clear it away."""
    made = Bench(tmp_path, require_tool)
    yield made
    made.close()
