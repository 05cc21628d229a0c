"""What the machine must have: every limit that is short is named, with what to change."""

import os
import resource
import socket

import pytest

from bgplab.engines.processes import preflight
from bgplab.errors import HostError, UsageError

PLENTY = {
    "/proc/sys/kernel/pid_max": 4_194_304,
    "/proc/sys/kernel/threads-max": 1_000_000,
}


class Machine:
    """Limits that a test sets."""

    def __init__(self):
        self.files = 65_536
        self.processes = resource.RLIM_INFINITY
        self.numbers = dict(PLENTY)
        self.cgroup = {}
        self.available = 64_000_000_000
        self.user = 1000

    def getrlimit(self, kind):
        value = self.files if kind == resource.RLIMIT_NOFILE else self.processes
        return value, value


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(resource, "getrlimit", machine.getrlimit)
    monkeypatch.setattr(os, "geteuid", lambda: machine.user)
    monkeypatch.setattr(preflight, "_number", machine.numbers.get)
    monkeypatch.setattr(preflight, "_cgroup", machine.cgroup.get)
    monkeypatch.setattr(preflight, "_available", lambda: machine.available)
    return machine


def check(routers=100, sessions=10, routes=100, spawn=False, reactor="epoll"):
    preflight.check(routers, sessions, routes, spawn, reactor)


def test_a_machine_with_plenty_of_everything_passes(machine):
    check(1000)


def test_open_files_of_the_controller_are_counted_one_per_forked_router(machine):
    machine.files = 1024
    check(900)
    with pytest.raises(HostError, match=r"open files: 1064 needed, 1024 allowed; .*ulimit -n"):
        check(1000)


def test_a_spawned_router_takes_five_open_files(machine):
    machine.files = 1024
    check(190, spawn=True)
    with pytest.raises(HostError, match="open files: 1064 needed"):
        check(200, spawn=True)


def test_open_files_of_the_router_with_most_sessions_are_counted_too(machine):
    machine.files = 1024
    with pytest.raises(HostError, match="open files: 1264 needed"):
        check(10, sessions=600)


def test_no_limit_of_open_files_is_never_short(machine):
    machine.files = resource.RLIM_INFINITY
    check(5000)


def test_the_select_reactor_has_a_limit_of_its_own(machine):
    check(1000)
    with pytest.raises(HostError, match="select reactor takes 1024 at most"):
        check(1000, reactor="select")


@pytest.mark.parametrize("limit", ["pid_max", "threads-max"])
def test_the_kernel_limits_processes(machine, limit):
    machine.numbers[f"/proc/sys/kernel/{limit}"] = 105
    with pytest.raises(HostError, match=rf"processes: 108 needed, kernel\.{limit} allows 105"):
        check(100)


def test_the_cgroup_limits_processes(machine):
    machine.cgroup["pids.max"] = 50
    with pytest.raises(HostError, match=r"the cgroup's pids\.max allows 50"):
        check(100)


def test_a_user_is_bound_by_the_limit_of_processes_and_root_is_not(machine):
    machine.processes = 64
    with pytest.raises(HostError, match="ulimit -u allows 64"):
        check(100)
    machine.user = 0
    check(100)


def test_memory_is_estimated_with_its_routes_and_what_would_fit_is_said(machine):
    machine.available = 1_000_000_000
    check(100, routes=100)
    with pytest.raises(HostError, match=r"memory: about 6040 MB .*about 165 routers"):
        check(1000, routes=100)
    with pytest.raises(HostError, match="memory"):
        check(100, routes=100_000)


def test_a_spawned_router_shares_no_memory(machine):
    machine.available = 1_000_000_000
    with pytest.raises(HostError, match="about 29 routers"):
        check(100, routes=0, spawn=True)


def test_all_that_is_short_comes_at_once(machine):
    machine.files = 256
    machine.cgroup["pids.max"] = 50
    machine.available = 1_000_000
    with pytest.raises(HostError) as caught:
        check(1000)
    kinds = [line.split(":")[0] for line in str(caught.value).splitlines()]
    assert kinds == ["open files", "processes", "memory"]


def test_the_memory_of_a_cgroup_counts_where_it_is_less(monkeypatch):
    whole = preflight._available()
    assert whole is not None
    limits = {"memory.max": 9_000_000, "memory.current": 4_000_000}
    monkeypatch.setattr(preflight, "_cgroup", limits.get)
    assert preflight._available() == 5_000_000
    limits["memory.current"] = 10_000_000
    assert preflight._available() == 0


def test_files_that_hold_no_number_are_no_limit(tmp_path):
    unlimited = tmp_path / "pids.max"
    unlimited.write_text("max\n")
    assert preflight._number(str(unlimited)) is None
    assert preflight._number(str(tmp_path / "absent")) is None
    unlimited.write_text("77\n")
    assert preflight._number(str(unlimited)) == 77


def test_the_limit_of_open_files_is_lifted_to_the_hard_limit(monkeypatch):
    lifted = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: lifted.append(limits))
    preflight.raise_descriptor_limit()
    assert lifted == [(4096, 4096)]


PORT = 21_790


def test_two_claims_get_two_blocks_and_a_closed_claim_is_free_again():
    first, claim = preflight.claim_block(PORT)
    with claim:
        second, other = preflight.claim_block(PORT)
        other.close()
        assert second != first
    again, claim = preflight.claim_block(PORT)
    claim.close()
    assert again == first


def test_when_all_blocks_are_taken_the_message_says_what_to_try():
    block, claim = preflight.claim_block(PORT)
    with claim, pytest.raises(HostError, match="try --port"):
        preflight.claim_block(PORT, [block])


def test_a_port_that_needs_privileges_is_a_mistake_of_the_user(monkeypatch):
    class Refused(socket.socket):
        def bind(self, address):
            raise PermissionError

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(UsageError, match="port 179 needs privileges"):
        preflight.claim_block(179)
