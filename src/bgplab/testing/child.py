"""A command of bgplab as a child process, which is gone when its parent wants it gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from bgplab.testing import PARENT

GRACE = 15.0  # seconds that a lab has to clean up after SIGTERM


def bgplab(*arguments: str) -> list[str]:
    """Give the command line of `bgplab ARGUMENTS`, of this very package."""
    return [sys.executable, "-m", "bgplab", *arguments]


class Child:
    """A command that runs.

    Its output goes to files without a name, so that it never waits for us. A process group of
    its own keeps Ctrl-C of a terminal from it: we end it, once (`stop`); and the kernel does if
    we are killed. `stdin` and `stdout` may be pipes instead (subprocess.PIPE); the parent then
    holds their other ends.
    """

    def __init__(
        self,
        command: Sequence[str],
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
    ) -> None:
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- `close` does
        self._err: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- as above
        try:
            self.process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=self._out if stdout is None else stdout,
                stderr=self._err,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    PARENT: str(os.getpid()),
                },
                process_group=0,
            )
        except BaseException:
            self._close_files()
            raise
        self.ended = os.pidfd_open(self.process.pid)  # a descriptor, readable at its end

    def output(self) -> str:
        """Give all that it has written to standard output."""
        return _text(self._out)

    def errors(self) -> str:
        """Give all that it has written to standard error."""
        return _text(self._err)

    def stop(self, grace: float = GRACE) -> None:
        """End it and its lab; it is killed if it has not ended after `grace` seconds."""
        self.terminate()
        self.reap(grace)

    def terminate(self) -> None:
        """Ask it to end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def reap(self, grace: float) -> None:
        """Wait for its end, at most `grace` seconds, then kill it: its lab ends with it."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def close(self) -> None:
        """Give back the descriptors; the process has to have ended."""
        os.close(self.ended)
        self._close_files()

    def _close_files(self) -> None:
        self._out.close()
        self._err.close()


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="backslashreplace")
