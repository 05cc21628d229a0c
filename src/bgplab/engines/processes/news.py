"""Waiting for something to come true that routers tell of, without asking all the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import deferLater

from bgplab.errors import LabError

GAP = 0.01  # seconds from one look to the next, at least: in a large lab news never ends


class News:
    """Lets those who wait look again whenever there is news."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._number = 0  # of the latest piece of news
        self._waiting: list[Deferred[None]] = []
        self._failure: LabError | None = None

    def tell(self) -> None:
        """Tell those who wait that there is news."""
        self._number += 1
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def fail(self, error: LabError) -> None:
        """Let nobody wait any more."""
        self._failure = error
        self.tell()

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Ask `holds` until it gives True, for so many seconds of the machine; say if it did.

        It is asked at once, whenever there is news, and when time has run out; never while it
        is still being asked. Raises what it raises, and what was given to `fail`.
        """
        end = self._reactor.seconds() + seconds
        while True:
            if self._failure is not None:
                raise self._failure
            known, now = self._number, self._reactor.seconds()
            if await holds():
                return True
            if now >= end:
                return False
            if self._number == known:
                await self._next(end - self._reactor.seconds())
            await deferLater(self._reactor, min(GAP, max(0.0, end - self._reactor.seconds())))

    async def _next(self, seconds: float) -> None:
        """Wait for news, no longer than so many seconds."""
        news: Deferred[None] = Deferred()
        self._waiting.append(news)
        news.addTimeout(max(0.0, seconds), self._reactor)
        try:
            await news
        except DeferredTimeoutError:
            return
        finally:
            if news in self._waiting:
                self._waiting.remove(news)
