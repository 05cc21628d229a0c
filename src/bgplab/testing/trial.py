"""One topology file on one engine, run as `bgplab run --json` in a child process."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from bgplab.errors import EXIT_LAB
from bgplab.testing.child import Child, bgplab
from bgplab.testing.result import Result

LIMIT = 300.0  # seconds of real time that a test may take unless something else is said
PROCESSES = "processes"
ROUTERS_PER_CORE = 8  # of processes: more at once and a small lab is no longer punctual


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be run: a file, an engine, and how many seconds of real time it may take."""

    file: str
    engine: str
    limit: float = LIMIT
    seed: int = 0
    cores: int = 1  # of the machine that it takes; two runs that share one spoil each other

    def command(self) -> list[str]:
        """Give the command that runs it."""
        seed = str(self.seed)
        return bgplab("run", "--json", "--engine", self.engine, "--seed", seed, "--", self.file)


def cores_of(engine: str, routers: int, available: int) -> int:
    """Say how many cores a run takes for itself, so that its certificate is worth something."""
    if engine != PROCESSES:
        return 1
    return min(available, -(-routers // ROUTERS_PER_CORE))


class Running:
    """A trial under way."""

    def __init__(self, trial: Trial, attempt: int = 1) -> None:
        self.trial = trial
        self.attempt = attempt
        self.began = time.monotonic()
        self.child = Child(trial.command())

    @property
    def overdue(self) -> float:
        """Say when its time is over, on the monotonic clock."""
        return self.began + self.trial.limit

    def finish(self) -> Result:
        """Take the result of a run that has ended, or end one whose time is over."""
        child, trial = self.child, self.trial
        late = child.process.poll() is None
        if late:
            child.stop()
        try:
            code, output, errors = child.process.returncode, child.output(), child.errors()
        finally:
            child.close()
        report = _report(output)
        if late:
            report = None
            errors += f"\nended after {trial.limit:g} s: the time limit of the test"
        if late or (code == 0 and report is None):
            code = EXIT_LAB
        return Result(
            trial.file,
            trial.engine,
            code,
            time.monotonic() - self.began,
            report,
            errors.strip(),
            self.attempt,
        )


def _report(output: str) -> dict[str, Any] | None:
    """Read what a run printed; None if it ended before its report."""
    try:
        report = json.loads(output)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None
