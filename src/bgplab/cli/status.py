"""Progress of a lab on standard error: one line that is rewritten, or plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from bgplab.engines.interface import Progress
    from bgplab.engines.verdict import Death


class Status:
    """Writes progress to `stream`; on a terminal in place, elsewhere line by line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._shown = ""
        self._milestone = (False, False)

    def progress(self, progress: Progress) -> None:
        """Show how many routers are ready and how many sessions are up."""
        text = (
            f"routers {progress.ready}/{progress.routers}"
            f"   sessions {progress.established}/{progress.sessions}"
        )
        milestone = (
            progress.ready == progress.routers,
            progress.established == progress.sessions,
        )
        if self._live:
            if text != self._shown:
                self._stream.write(f"\r\x1b[K{text}")
                self._stream.flush()
        elif milestone != self._milestone:
            self._write(text)
        self._shown, self._milestone = text, milestone

    def line(self, text: str) -> None:
        """Write a line of its own."""
        self.done()
        self._write(text)

    def done(self) -> None:
        """Leave the terminal clean: nothing of the progress stays."""
        if self._live and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._shown = ""

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


def describe_death(death: Death) -> str:
    """Say that a router died, and how its log ends."""
    text = f"router {death.router} died: {death.status}"
    return f"{text}\n{death.log.rstrip()}" if death.log else text
