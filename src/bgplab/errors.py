"""Every error that bgplab raises on purpose, in one tree.

LabError                    exit code
    TopologyError           2   the user's file; carries a list of Problem (file, line, column)
    UsageError              2   a wrong option, a run or a router that does not exist
    ReplayError             2   recorded inputs that cannot be read
    WireError               -   a peer's octets; carries NOTIFICATION code, subcode, data
        HeaderError             code 1
        OpenError               code 2
        UpdateError             code 3
        RefreshError            code 7
    HostError               4   the machine lacks something; says what to raise
    ProcessError            4   a router or the fork server died
        NotNowError             a router that lives cannot do as asked: paused, not connected
    StoreError              4   the database of a run cannot be written or read

A WireError never leaves a router: it becomes a NOTIFICATION. The exit codes are those of the
command line: 0 pass, 1 a verdict or an expectation failed, 2 bad input, 3 run invalid, 4 the
lab failed, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_PASS = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INVALID = 3
EXIT_LAB = 4
EXIT_INTERRUPTED = 130


class LabError(Exception):
    """Root of the tree; `exit_code` is what the command line returns for it."""

    exit_code = EXIT_LAB


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a topology file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Render as `file:line:column: path: message`, the form that editors can jump to."""
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{self.file}:{self.line}:{self.column}: {what}"


class TopologyError(LabError):
    """A topology file is wrong; `problems` holds every mistake found, in file order."""

    exit_code = EXIT_USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(LabError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = EXIT_USAGE


class ReplayError(LabError):
    """A file is not the recorded inputs of a router, or is damaged."""

    exit_code = EXIT_USAGE


class WireError(LabError):
    """A peer sent octets that break a protocol rule (RFC 4271 section 6).

    `code` and `subcode` are those of the NOTIFICATION that answers it, `data` its data field.
    """

    code = 0

    def __init__(self, subcode: int, message: str, data: bytes = b"") -> None:
        self.subcode = subcode
        self.data = data
        super().__init__(message)


class HeaderError(WireError):
    """Message Header Error (RFC 4271 section 6.1)."""

    code = 1


class OpenError(WireError):
    """OPEN Message Error (RFC 4271 section 6.2)."""

    code = 2


class UpdateError(WireError):
    """UPDATE Message Error (RFC 4271 section 6.3, RFC 7606)."""

    code = 3


class RefreshError(WireError):
    """ROUTE-REFRESH Message Error (RFC 7313 section 5)."""

    code = 7


class HostError(LabError):
    """The machine cannot carry the lab; the message names the limit and what to raise."""


class ProcessError(LabError):
    """A process of the lab died; `name` is the router's, `status` how it ended."""

    def __init__(self, name: str, status: str, log: str = "") -> None:
        self.name = name
        self.status = status
        self.log = log
        super().__init__(f"{name} died: {status}" + (f"\n{log}" if log else ""))


class NotNowError(ProcessError):
    """A router cannot do what it is asked for, as it is now; `status` says how that is."""

    def __init__(self, name: str, status: str) -> None:
        super().__init__(name, status)
        self.args = (f"{name} {status}",)


class StoreError(LabError):
    """The database of a run cannot be written, or is not one of ours."""
