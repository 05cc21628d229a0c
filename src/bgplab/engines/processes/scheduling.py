"""How the kernel shares processors among routers: seldom switching, without privileges.

A router with many peers needs tens of milliseconds for what its peers have sent. Under the
usual slice of 3 ms it is put back dozens of times behind routers that need a tenth of that;
they run ahead and tell the world of detours that the busy router's news will replace. With a
long slice each router finishes its turn. Figures: lab/decisions/0006.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

SLICE = 0.1  # seconds: the longest that the kernel grants (EEVDF, Linux 6.12 and later)

# sched_setattr(2) has no wrapper in most C libraries. On the machines left out, and on older
# kernels, which ignore the slice, labs work as well, only with more UPDATEs.
_NUMBERS = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
# size, policy, flags, nice, priority, runtime, deadline, period: struct sched_attr, version 0
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")

_libc = ctypes.CDLL(None, use_errno=True)


def take_long_slices() -> None:
    """Ask for long slices, and do not preempt others on waking up (SCHED_BATCH).

    Raises OSError where the kernel refuses what any process may ask for.
    """
    number = _NUMBERS.get(platform.machine())
    if number is None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return
    attributes = _ATTRIBUTES.pack(
        _ATTRIBUTES.size, os.SCHED_BATCH, 0, 0, 0, round(SLICE * 1e9), 0, 0
    )
    if _libc.syscall(number, 0, ctypes.create_string_buffer(attributes), 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "sched_setattr")
