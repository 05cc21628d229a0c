"""One router process, as the controller sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ProcessDone,
    ProcessTerminated,
)
from twisted.protocols.amp import AMP
from twisted.python.failure import Failure

from bgplab.config import Level, RouterConfig
from bgplab.engines.processes import commands
from bgplab.errors import ProcessError

LOG_TAIL = 2000  # characters of a dead router's log that are shown


class ControllerAMP(AMP):
    """The controller's end of one router's control socket."""

    def __init__(
        self, received: Callable[[bytes], None], lost: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._received = received
        self._lost = lost

    def records(self, frame: bytes) -> dict[str, Any]:
        """Take one frame of records."""
        self._received(frame)
        return {}

    commands.Records.responder(records)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Say that nothing more will come."""
        super().connectionLost(reason)
        if self._lost is not None:
            self._lost()


class RemoteRouter:
    """What the controller knows of one router process."""

    def __init__(self, config: RouterConfig, log: Path) -> None:
        self.config = config
        self.log = log
        self.peers = tuple(peer.name for peer in config.peers)
        self.amp: AMP | None = None
        self.pid = 0
        self.ready = False
        self.alive = False
        self.on_purpose = False  # somebody asked for its end
        self.lives = 0  # how often it was started
        self.gone: Deferred[Any] = succeed(None)  # fires when nothing is left of it
        self.measured: dict[str, Any] | None = None  # of itself, as it told last
        self.past: dict[str, dict[str, Any]] = {}  # the same, of its lives that are over

    def call(self, command: type[Any], **values: Any) -> Deferred[dict[str, Any]]:
        """Send an AMP command. Raises ProcessError if the router is not alive."""
        if self.amp is None or not self.alive:
            raise ProcessError(self.config.name, "not running")
        answer: Deferred[dict[str, Any]] = self.amp.callRemote(command, **values)
        return answer

    @property
    def life(self) -> str:
        """Name the router in its present life, which is a speaker of its own: "r1~2"."""
        return f"{self.config.name}~{self.lives}" if self.lives > 1 else self.config.name

    def measure(self) -> Deferred[dict[str, Any]]:
        """Ask what the router measured of itself, and keep the answer. Raises as `call`."""

        def keep(answer: dict[str, Any]) -> dict[str, Any]:
            self.measured = answer
            return answer

        return self.call(commands.Measure).addCallback(keep)

    def ended(self) -> None:
        """Take note that its process has ended."""
        self.alive = False
        if self.measured is not None:
            self.past[self.life] = {**self.measured, "routes": 0}
            self.measured = None

    def tell(self, command: type[Any], **values: Any) -> Deferred[dict[str, Any] | None]:
        """As `call`; None from a router that is dead, or dies before it answers.

        Its death is reported where its process is watched.
        """
        if not self.alive:
            return succeed(None)
        answer: Deferred[dict[str, Any] | None] = self.call(command, **values).addErrback(gone)
        return answer

    async def configure(self) -> dict[str, Any] | None:
        """Send the configuration; gives the answer, None if the router died over it."""
        if self.config.level >= Level.INPUTS:
            # Imported here: the fork server imports this module, and time matters to it.
            from bgplab.observe.runs import inputs_folder

            path = inputs_folder(self.log.parent) / f"{self.life}.jsonl"
            await self.tell(commands.RecordInputs, path=str(path))
        answer: dict[str, Any] | None = None
        for part, last in commands.parts(self.config.to_json().encode()):
            answer = await self.tell(commands.Configure, part=part, last=last)
        return answer

    def log_tail(self) -> str:
        """Give the end of the router's log; empty if it wrote none."""
        if not self.log.exists():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]


def gone(failure: Failure) -> None:
    """Take the ways in which a control connection ends with its process."""
    failure.trap(ConnectionDone, ConnectionLost, ProcessDone, ProcessTerminated)
