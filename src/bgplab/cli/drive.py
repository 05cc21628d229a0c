"""Runs a coroutine under a reactor, from a command, with Ctrl-C and SIGTERM as cancellation."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bgplab.errors import EXIT_INTERRUPTED

T = TypeVar("T")


class Interrupted(Exception):
    """Ctrl-C or SIGTERM arrived; everything has been cleaned up."""


def drive(reactor_name: str, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Install the reactor, run `work(reactor)` in it and give what it returns or raises.

    The first SIGINT or SIGTERM cancels `work`, which may clean up in `finally`; the second ends
    the process at once (the kernel and the fork server then end the routers).
    Raises Interrupted after a signal.
    """
    from bgplab.engines.processes import reactors

    reactors.install(reactor_name)
    from twisted.internet import reactor, task
    from twisted.internet.defer import CancelledError, Deferred

    outcome: list[T | BaseException] = []
    signals: list[int] = []

    async def main() -> None:
        running = Deferred.fromCoroutine(work(reactor))
        # Once it runs: the reactor installs its own handler for SIGTERM when it starts.
        reactor.callWhenRunning(_on_signals, reactor, signals, running.cancel)
        try:
            outcome.append(await running)
        except CancelledError as cancelled:
            outcome.append(Interrupted() if signals else cancelled)
        except BaseException as error:  # noqa: BLE001 -- raised again outside the reactor
            outcome.append(error)

    try:
        task.react(lambda _: Deferred.fromCoroutine(main()), (), reactor)
    except SystemExit:
        result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _on_signals(reactor: Any, seen: list[int], cancel: Callable[[], None]) -> None:
    """Take SIGINT and SIGTERM over from the reactor, which would stop without cleaning up."""

    def handle(number: int, frame: object) -> None:
        if seen:
            os._exit(EXIT_INTERRUPTED)
        seen.append(number)
        reactor.callFromThread(cancel)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
