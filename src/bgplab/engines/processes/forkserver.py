"""A warm process that forks routers on request.

A fresh interpreter that imports Twisted costs a third of a second of CPU and tens of megabytes;
a fork of this process costs a few milliseconds and shares its memory. It imports everything
that a router needs, but never a reactor: each child makes its own.

It talks to the controller over a SOCK_SEQPACKET pair, one JSON object per packet:

    controller: {"log": "/path"} once: where standard output and error go from then on;
                {"name": "r1", "reactor": "epoll", "log": "/path"} with one descriptor, the
                child's end of its control socket
    answers:    {"ready": PID} once; {"forked": "r1", "pid": 4711};
                {"died": 4711, "status": WAIT-STATUS} for each child that ended

Single-threaded. When the controller closes the socket or dies, it kills and reaps its children
and ends; when it dies itself, the kernel kills them.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from bgplab.engines.processes import reactors
from bgplab.engines.processes.parentage import die_with_parent, set_name
from bgplab.engines.processes.scheduling import take_long_slices

PACKET = 8192
# A router makes many objects that stay (paths, prefixes) and hardly a cycle: collect seldom.
GC_THRESHOLD = (50_000, 20, 50)


class Warm:
    """A fork server as its controller holds it: the end of its channel, and the process."""

    def __init__(self) -> None:
        """Start a fork server.

        It gets a process group of its own, so that Ctrl-C in a terminal reaches the controller
        alone and that one signal can end the group. What it has to say goes to our standard
        error until `log_to`. Raises OSError if there are no descriptors or processes.
        """
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    def log_to(self, path: Path) -> None:
        """Let it write to a file from now on. Raises OSError if it has ended."""
        self.channel.send(json.dumps({"log": str(path)}).encode())

    def dismiss(self) -> None:
        """End it at once; it has forked nothing yet."""
        self.process.kill()
        self.process.wait()
        self.channel.close()


def main(descriptor: int) -> None:
    """Serve until the channel closes (entry point of the process)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    channel = socket.socket(fileno=descriptor)
    preload()
    from bgplab.engines.processes.rehearsal import rehearse

    rehearse()
    gc.collect()
    gc.disable()
    gc.freeze()
    ForkServer(channel).serve()
    os._exit(0)


class _LateReactor:
    """Stands for the reactor of this process in modules that bind it early.

    Importing ampoule binds `reactor` at once; in the fork server there is none yet, and each
    child makes its own. Looking up an attribute finds the one that is installed by then.
    """

    def __getattr__(self, name: str) -> Any:
        """Find an attribute of the real reactor; the import system's own names are not here."""
        if name.startswith("__"):
            raise AttributeError(name)
        from twisted.internet import reactor

        return getattr(reactor, name)


def preload() -> None:
    """Import what routers need, so that children share it. No reactor may come in by this."""
    with reactors.without_tls():
        import twisted.internet.epollreactor
        import twisted.internet.unix
        import twisted.protocols.amp  # noqa: F401

    reactor = "twisted.internet.reactor"
    if reactor in sys.modules:
        raise RuntimeError("the fork server must not hold a reactor")
    sys.modules[reactor] = _LateReactor()  # type: ignore[assignment]
    try:
        import bgplab.engines.processes.router  # noqa: F401
    finally:
        del sys.modules[reactor]


class ForkServer:
    """Forks a child per request and reports those that end."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._children: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Answer requests until the controller is gone."""
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._tell({"ready": os.getpid()})
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._channel:
                    if not self._request():
                        self._end()
                        return
                else:
                    os.read(self._wake_read, 4096)
                    self._reap()

    def _request(self) -> bool:
        """Take one request; False when the controller is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._channel, PACKET, 1)
        except ConnectionResetError:
            return False  # gone with something from us unread
        if not data:
            return False
        wanted = json.loads(data)
        if not descriptors:
            log = os.open(wanted["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            return True
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(wanted, descriptors[0], parent)
        os.close(descriptors[0])
        self._children.add(pid)
        self._tell({"forked": wanted["name"], "pid": pid})
        return True

    def _become(self, wanted: dict[str, Any], descriptor: int, parent: int) -> None:
        """Be a router from here on; never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            self._channel.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            die_with_parent(parent)
            set_name(wanted["name"])
            take_long_slices()
            gc.enable()
            gc.set_threshold(*GC_THRESHOLD)
            reactors.install(wanted["reactor"])
            from bgplab.engines.processes.router import run_forked

            run_forked(descriptor, wanted["log"])
            status = 0
        except BaseException:  # noqa: BLE001 -- whatever it was, the log must have it
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Report every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._children.discard(pid)
            self._tell({"died": pid, "status": status})

    def _end(self) -> None:
        """Kill all children, by their process ids, and wait until they are gone."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._channel.send(json.dumps(message).encode())
        except (BrokenPipeError, ConnectionResetError):
            self._end()
            os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
