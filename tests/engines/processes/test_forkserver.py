"""A real fork server, spoken to over its channel, which it ends with."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bgplab.engines.processes import forkserver
from bgplab.engines.processes.starters import reap


class Server:
    """The controller's side of a fork server."""

    def __init__(self, folder):
        self.folder = folder
        warm = forkserver.Warm()
        self.channel, self.process = warm.channel, warm.process
        warm.log_to(folder / "fork-server.log")
        self.channel.settimeout(20)

    def hear(self):
        return json.loads(self.channel.recv(forkserver.PACKET))

    def fork(self, name, reactor="epoll"):
        """Ask for a router; give its pid and our end of its control socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            request = {
                "name": name,
                "reactor": reactor,
                "log": str(self.folder / f"{name}.log"),
            }
            socket.send_fds(self.channel, [json.dumps(request).encode()], [theirs.fileno()])
        ours.settimeout(20)
        answer = self.hear()
        assert answer["forked"] == name
        return answer["pid"], ours


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    assert server.hear() == {"ready": server.process.pid}
    yield server
    server.channel.close()
    reap(server.process)


def test_children_are_its_own_and_deaths_are_reported_with_their_status(server):
    first, one = server.fork("r1")
    second, two = server.fork("r2")
    with one, two:
        os.kill(first, signal.SIGKILL)
        assert server.hear() == {"died": first, "status": signal.SIGKILL}
        assert one.recv(1) == b""
        two.close()  # a router without a controller ends by itself
        answer = server.hear()
        assert answer["died"] == second


def test_a_child_carries_its_name_and_none_of_the_servers_descriptors(server):
    pid, control = server.fork("router-nine")
    with control:
        control.sendall(b"\0\4_ask\0\0011\0\10_command\0\4Wave\0\0")
        assert b"_error" in control.recv(4096)  # it runs; it is not configured yet
        process = Path(f"/proc/{pid}")
        assert (process / "comm").read_text() == "router-nine\n"
        links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        sockets = [link for link in links if link.startswith("socket:")]
        assert len(sockets) <= 3  # its control socket, and the reactor's waker
        os.kill(pid, signal.SIGKILL)
        assert server.hear()["died"] == pid


def test_a_child_that_cannot_start_says_why_in_the_log(server):
    pid, control = server.fork("r1", reactor="no-such-reactor")
    with control:
        assert server.hear() == {"died": pid, "status": 1 << 8}
    log = (server.folder / "fork-server.log").read_text()
    assert "KeyError: 'no-such-reactor'" in log


def test_it_ends_with_its_channel_and_takes_its_children_along(server, gone_within):
    pid, control = server.fork("r1")
    with control:
        server.channel.close()
        gone_within([pid, server.process.pid], 2.0)
    assert server.process.wait(5) == 0


def test_its_children_end_when_it_is_killed(server, gone_within):
    pid, control = server.fork("r1")
    with control:
        server.process.kill()
        gone_within([pid], 2.0)


def test_ctrl_c_is_the_controllers_business(server):
    os.kill(server.process.pid, signal.SIGINT)
    pid, control = server.fork("r1")
    with control:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert server.hear()["died"] == pid


def test_reaping_kills_a_server_that_does_not_end(server):
    os.kill(server.process.pid, signal.SIGSTOP)
    reap(server.process, 0.1)
    assert server.process.returncode == -signal.SIGKILL


def test_preloading_brings_the_router_in_and_leaves_no_reactor():
    code = """
import sys
from bgplab.engines.processes import forkserver
forkserver.preload()
print("bgplab.engines.processes.router" in sys.modules, "ampoule.child" in sys.modules)
print("twisted.internet.reactor" in sys.modules, "pydantic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "True", "False", "False"]


def test_preloading_refuses_a_process_that_has_a_reactor_already(monkeypatch):
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", object())
    with pytest.raises(RuntimeError, match="must not hold a reactor"):
        forkserver.preload()


def test_a_fork_server_that_is_not_wanted_ends_at_once():
    warm = forkserver.Warm()
    warm.dismiss()
    assert warm.process.returncode == -signal.SIGKILL
