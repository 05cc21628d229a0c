"""Two ways to start a router process, behind ampoule's IStarter.

`ForkServerStarter` forks a warm process (milliseconds); `SpawnStarter` is ampoule's own, which
starts a fresh interpreter for each router (a third of a second). Both take the same arguments
for a child, its name, its log file and the controller's process id, and both can `stop` all
they started.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from ampoule.iampoule import IStarter
from ampoule.main import ProcessStarter
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import Factory
from twisted.protocols.amp import AMP
from twisted.python.failure import Failure
from zope.interface import implementer

from bgplab.engines.processes.forkserver import PACKET, Warm
from bgplab.errors import ProcessError


class Channel(FileDescriptor):
    """The controller's end of the fork server's socket, one JSON object per packet."""

    def __init__(
        self,
        reactor: Any,
        end: socket.socket,
        received: Callable[[dict[str, Any]], None],
        lost: Callable[[], None],
    ) -> None:
        super().__init__(reactor)
        self._end = end
        self._received = received
        self._on_loss = lost
        end.setblocking(False)
        self.startReading()

    def fileno(self) -> int:
        """Give the descriptor to the reactor; -1 once it is closed."""
        return self._end.fileno()

    def doRead(self) -> None:
        """Take all packets that wait."""
        while True:
            try:
                data = self._end.recv(PACKET)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                self.close()
                self._on_loss()
                return
            self._received(json.loads(data))

    def request(self, message: dict[str, Any], descriptor: int) -> None:
        """Send a packet with a descriptor. Raises OSError when the fork server is gone."""
        # The packets are small and answered one by one within the start window: sending blocks
        # no longer than the fork of a child takes.
        self._end.setblocking(True)
        try:
            socket.send_fds(self._end, [json.dumps(message).encode()], [descriptor])
        finally:
            self._end.setblocking(False)

    def close(self) -> None:
        """Stop reading and close: the fork server ends on it."""
        if self._end.fileno() != -1:
            self.stopReading()
            self._end.close()


@implementer(IStarter)
class ForkServerStarter:
    """Starts routers as children of a fork server."""

    def __init__(self, reactor: Any, warm: Warm, child: str) -> None:
        self._reactor = reactor
        self._process = warm.process
        self._child_reactor = child
        self._channel = Channel(reactor, warm.channel, self._received, self._lost)
        self._forking: deque[Deferred[str]] = deque()
        self._finished: dict[int, Deferred[str]] = {}
        self._stopped = False

    def startAMPProcess(
        self,
        ampChild: type[AMP],
        ampParent: Callable[[], AMP] | None = None,
        ampChildArgs: tuple[str, ...] = (),
    ) -> tuple[AMP, Deferred[str]]:
        """Fork a child; the fork server knows what it runs."""
        parent = (ampParent or AMP)()
        return self.startPythonProcess(parent, *ampChildArgs)

    def startPythonProcess(self, prot: AMP, *args: str) -> tuple[AMP, Deferred[str]]:
        """Connect `prot` to a new child; gives it, and a Deferred that fires when it ends.

        The Deferred fails with ProcessTerminated, or ProcessError if the fork server is gone.
        """
        finished: Deferred[str] = Deferred()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                name, log, _ = args
                request = {"name": name, "reactor": self._child_reactor, "log": log}
                self._channel.request(request, theirs.fileno())
            except OSError as error:
                finished.errback(ProcessError("fork server", str(error)))
                return prot, finished
            self._forking.append(finished)
            factory = Factory.forProtocol(lambda: prot)
            factory.noisy = False
            ours.setblocking(False)
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        return prot, finished

    @property
    def child(self) -> type[Any]:
        """What runs in a child: the fork server's affair, nothing that is needed here."""
        return AMP

    @property
    def helper_pids(self) -> list[int]:
        """The fork server."""
        return [self._process.pid]

    def stop(self) -> Deferred[None]:
        """End the fork server and all its children; they are gone when this returns."""
        self._stopped = True
        self._channel.close()
        reap(self._process)
        return succeed(None)

    def _received(self, message: dict[str, Any]) -> None:
        if "pid" in message:
            self._finished[message["pid"]] = self._forking.popleft()
        elif "died" in message:
            finished = self._finished.pop(message["died"], None)
            if finished is not None:
                self._end(finished, message["status"])

    def _end(self, finished: Deferred[str], status: int) -> None:
        if status == 0:
            finished.callback("")
            return
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        finished.errback(Failure(ProcessTerminated(code, number, status)))

    def _lost(self) -> None:
        """Fail everything: without the fork server no child lives."""
        if self._stopped:
            return
        waiting = [*self._forking, *self._finished.values()]
        self._forking.clear()
        self._finished.clear()
        for finished in waiting:
            finished.errback(
                ProcessError("fork server", "it has ended, and all routers with it")
            )


def reap(process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Wait for a fork server whose channel is closed; kill it if it takes longer than that.

    Its children end with it either way.
    """
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
        if not ended:
            process.kill()
    finally:
        os.close(descriptor)
    process.wait()


class SpawnStarter(ProcessStarter):
    """Starts routers as fresh interpreters, by ampoule's own means."""

    def __init__(self, child_reactor: str) -> None:
        # Children must find what this process found, wherever its path came from.
        path = os.pathsep.join(filter(None, sys.path))
        env = {**os.environ, "PYTHONPATH": path}
        super().__init__(env=env, childReactor=child_reactor)
        self._running: dict[AMP, Deferred[None]] = {}

    def startPythonProcess(self, prot: Any, *args: str) -> tuple[AMP, Deferred[str]]:
        """Start an interpreter for `prot`; gives its AMP, and a Deferred for its end."""
        child: AMP
        finished: Deferred[str]
        child, finished = super().startPythonProcess(prot, *args)
        self._running[child] = Deferred()
        finished.addBoth(self._ended, child)
        return child, finished

    @property
    def child(self) -> type[Any]:
        """What runs in a child; ampoule tells it by name."""
        from bgplab.engines.processes.router import RouterChild

        return RouterChild

    @property
    def helper_pids(self) -> list[int]:
        """No process helps this starter."""
        return []

    def stop(self) -> Deferred[None]:
        """Kill what was started, by process id; fires when the last one is gone."""
        gone = list(self._running.values())
        for child in list(self._running):
            child.transport.signalProcess("KILL")  # type: ignore[union-attr]
        return DeferredList(gone).addCallback(lambda _: None)

    def _ended(self, result: Any, child: AMP) -> Any:
        self._running.pop(child).callback(None)
        return result


def describe_end(reason: Failure) -> str:
    """Say in words how a process ended."""
    if reason.check(ProcessDone):
        return "exited with status 0"
    if reason.check(ProcessTerminated):
        ended = cast(ProcessTerminated, reason.value)
        if ended.signal is not None:
            return f"killed by {signal.Signals(ended.signal).name}"
        return f"exited with status {ended.exitCode}"
    return reason.getErrorMessage()
