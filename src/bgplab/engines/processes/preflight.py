"""What the machine must have before a lab starts; what is short, with what to change."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Sequence
from pathlib import Path

from bgplab.config import RouterConfig, Timers
from bgplab.errors import HostError, UsageError

MEMORY_PER_ROUTER = 6_000_000  # octets, proportional, measured with small tables
MEMORY_PER_SPAWN = 34_000_000  # the same for a router that shares nothing
MEMORY_PER_ROUTE = 400  # octets per route that a router holds
SPARE_DESCRIPTORS = 64  # of the controller, besides those for its routers
DESCRIPTORS_PER_SPAWN = 5
SELECT_LIMIT = 1024
BLOCKS = range(1, 255)
LEAST_FACTOR, MOST_FACTOR = 0.001, 1000.0  # of --time-scale
FINEST = 0.01  # seconds: no protocol timer is trusted to be kept that lasts less


def raise_descriptor_limit() -> None:
    """Lift this process's limit of open files as far as it may without privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def check(routers: int, sessions_of_one: int, routes: int, spawn: bool, reactor: str) -> None:
    """Compare what a lab needs with what the machine has.

    `sessions_of_one` is the highest number of sessions of a router, `routes` the number of
    routes that each is expected to hold. Raises HostError that lists all that is short.
    """
    short = [
        *_descriptors(routers, sessions_of_one, spawn, reactor),
        *_processes(routers),
        *_memory(routers, routes, spawn),
    ]
    if short:
        raise HostError("\n".join(short))


def check_factor(factor: float) -> None:
    """Refuse a time scale that is out of all bounds. Raises UsageError."""
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise UsageError(
            f"--time-scale is a number from {LEAST_FACTOR:g} to {MOST_FACTOR:g}, not {factor:g}"
        )


def check_time_scale(routers: Sequence[RouterConfig], factor: float) -> None:
    """Refuse a time scale that compresses a timer to less than a machine can keep.

    Counts the timers of protocol that run while sessions are up or come up; the pauses between
    two attempts need not be exact. Raises UsageError that names the timer and what would do.
    """
    if factor >= 1.0:
        return
    found = [
        (seconds, name, router.name, peer.name)
        for router in routers
        for peer in router.peers
        for name, seconds in _protocol_timers(peer.timers)
        if seconds > 0
    ]
    if not found:
        return
    seconds, name, router, peer = min(found)
    if seconds * factor < FINEST:
        raise UsageError(
            f"--time-scale {factor:g}: {name} of {router} towards {peer}, {seconds:g} s, would"
            f" last {seconds * factor * 1e3:.3g} ms, and no less than {FINEST * 1e3:g} ms can"
            f" be kept; use {FINEST / seconds:.3g} or more"
        )


def _protocol_timers(timers: Timers) -> list[tuple[str, float]]:
    keepalive = timers.hold / 3 if timers.keepalive is None else timers.keepalive
    return [
        ("the hold time", float(timers.hold)),
        ("the keepalive interval", keepalive if timers.hold else 0.0),
        ("MRAI", timers.mrai),
        ("min-as-origination", timers.min_as_origination),
        ("delay-open", timers.delay_open),
    ]


def claim_block(port: int, blocks: Sequence[int] = BLOCKS) -> tuple[int, socket.socket]:
    """Take an address block 127.N.0.0/16, so that labs on one machine do not collide.

    The claim is a socket bound in the block; it ends when the socket is closed or the process
    ends. Raises HostError if all blocks are taken, UsageError where the port needs privileges.
    """
    for block in blocks:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((f"127.{block}.255.254", port))
        except PermissionError:
            claim.close()
            raise UsageError(f"port {port} needs privileges: choose one above 1023") from None
        except OSError:
            claim.close()
        else:
            return block, claim
    raise HostError(f"every address block of 127/8 is in use on port {port}: try --port")


def _descriptors(routers: int, sessions: int, spawn: bool, reactor: str) -> list[str]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = DESCRIPTORS_PER_SPAWN if spawn else 1
    need = max(routers * each, 2 * sessions) + SPARE_DESCRIPTORS
    found = []
    if limit != resource.RLIM_INFINITY and need > limit:
        found.append(
            f"open files: {need} needed, {limit} allowed; raise the hard limit "
            f"(ulimit -n {need}, or LimitNOFILE=), or use fewer routers"
        )
    if reactor == "select" and need > SELECT_LIMIT:
        found.append(
            f"open files: the select reactor takes {SELECT_LIMIT} at most, {need} needed; "
            "use --reactor epoll"
        )
    return found


def _processes(routers: int) -> list[str]:
    need = routers + 8
    limits = {
        "ulimit -u": _infinite(resource.getrlimit(resource.RLIMIT_NPROC)[0]),
        "kernel.pid_max": _number("/proc/sys/kernel/pid_max"),
        "kernel.threads-max": _number("/proc/sys/kernel/threads-max"),
        "the cgroup's pids.max": _cgroup("pids.max"),
    }
    return [
        f"processes: {need} needed, {name} allows {limit}; raise it, or use fewer routers"
        for name, limit in limits.items()
        if limit is not None and need > limit
    ]


def _memory(routers: int, routes: int, spawn: bool) -> list[str]:
    each = (MEMORY_PER_SPAWN if spawn else MEMORY_PER_ROUTER) + MEMORY_PER_ROUTE * routes
    need = routers * each
    available = _available()
    if available is None or need <= available:
        return []
    fits = max(0, available // each)
    return [
        (
            f"memory: about {need // 10**6} MB needed, {available // 10**6} MB available; "
            f"about {fits} routers of this kind would fit"
        )
    ]


def _available() -> int | None:
    """Give the octets that may still be used: of the machine, or the cgroup if that is less."""
    found = [
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    ]
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit is not None and used is not None:
        found.append(max(0, limit - used))
    return min(found, default=None)


def _infinite(value: int) -> int | None:
    # The superuser is not bound by the number of its processes.
    return None if value == resource.RLIM_INFINITY or os.geteuid() == 0 else value


def _number(path: str) -> int | None:
    try:
        text = Path(path).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _cgroup(name: str) -> int | None:
    """Read a limit of this process's cgroup (version 2); None if there is none."""
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    except OSError:
        return None
    return _number(f"/sys/fs/cgroup{group}/{name}")
