"""Lines from a pipe as soon as they are there: with a limit, or beside a reactor."""

from __future__ import annotations

import os
import select
import time
from collections.abc import AsyncIterator
from threading import Thread
from typing import Any

CHUNK = 65536


class LineReader:
    """Reads lines from a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def read(self, limit: float | None = None) -> str | None:
        """Wait for the next line, and give it without its end; None when there is none.

        Raises TimeoutError after `limit` seconds.
        """
        until = None if limit is None else time.monotonic() + limit
        while b"\n" not in self._buffer:
            if until is not None:
                self._wait(until)
            octets = os.read(self._descriptor, CHUNK)
            if not octets:
                rest, self._buffer = self._buffer, b""
                return rest.decode(errors="replace") if rest else None
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")

    def _wait(self, until: float) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError("no line has come")

    async def blocking(self) -> AsyncIterator[str]:
        """Yield the lines; nothing else goes on while this waits."""
        while (line := self.read()) is not None:
            yield line

    async def beside(self, reactor: Any) -> AsyncIterator[str]:
        """Yield the lines while a reactor runs.

        A thread reads them: epoll takes pipes and terminals, but no files. It is a daemon, and
        holds no lock of Python's own streams, so that it keeps nobody from ending.
        """
        from twisted.internet.defer import DeferredQueue

        queue: DeferredQueue[str | None] = DeferredQueue()

        def read_all() -> None:
            line: str | None = ""
            while line is not None:
                line = self.read()
                reactor.callFromThread(queue.put, line)

        Thread(target=read_all, name="lines", daemon=True).start()
        while (line := await queue.get()) is not None:
            yield line
