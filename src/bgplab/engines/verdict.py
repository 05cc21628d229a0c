"""The outcome of a run, and its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bgplab.engines.timescale import TimeScale
from bgplab.errors import EXIT_FAILED, EXIT_INVALID, EXIT_LAB, EXIT_PASS
from bgplab.observe.fidelity import Certificate

CONVERGED = "converged"
DIVERGES = "diverges"
TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a best route: `peer` is None if no route is left, "" if it is own."""

    router: str
    prefix: str
    peer: str | None
    as_path: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """What repeats in a network that cannot settle: one turn, and how often it was seen."""

    changes: tuple[Change, ...]  # of one turn, in their order
    turns: int  # how many times the whole routing state came back
    period: float  # seconds that one turn takes
    updates: float  # UPDATEs sent in one turn, the mean of all turns seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the lab has converged; times in seconds on the lab's clock.

    `at` is the last route change anywhere, `detected` the moment of the verdict, `reasons` what
    is not settled if the verdict is "timeout", `cycle` what repeats if it is "diverges".
    """

    name: str
    at: float
    detected: float
    reasons: tuple[str, ...] = ()
    cycle: Cycle | None = None


@dataclass(frozen=True, slots=True)
class Seconds:
    """When a run reached what, in seconds from the start of the command; None for never.

    Seconds of the lab, which a time scale stretches or compresses.
    In virtual time the seconds are virtual, from 0 when the routers start.
    """

    ready: float | None
    established: float | None
    converged: float | None
    total: float


@dataclass(frozen=True, slots=True)
class Death:
    """A router process that ended though nobody asked it to."""

    router: str
    status: str
    at: float  # seconds from the start of the command
    log: str = ""


@dataclass(frozen=True, slots=True)
class VirtualFigures:
    """What only a run in virtual time has to say."""

    trace: str  # SHA-256, in hex, of all inputs of all routers with their times
    events: int  # inputs and deadlines of routers
    events_per_second: float  # of wall time
    sessions_lost: int  # session ends that were Established and then were not
    keepalives: int  # that a KeepaliveTimer called for
    keepalive_share: tuple[float, float] | None  # least, greatest silence before one / interval

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain data."""
        share = self.keepalive_share
        return {
            "trace": self.trace,
            "events": self.events,
            "events_per_second": round(self.events_per_second),
            "sessions_lost": self.sessions_lost,
            "keepalives": {
                "sent": self.keepalives,
                "interval_share": None if share is None else [round(x, 6) for x in share],
            },
        }


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step of a scenario; `ok` is None if it was not reached.

    `at` is when the step was over, in seconds on the lab's clock from the scenario's begin.
    `expected` and `actual` are text for people; `actual` is "" where there is nothing to tell.
    `details` are lines that explain a failure.
    """

    line: int
    text: str
    ok: bool | None
    at: float | None = None
    expected: str = ""
    actual: str = ""
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain data."""
        return {
            "line": self.line,
            "step": self.text,
            "ok": self.ok,
            "at": _rounded(self.at),
            "expected": self.expected,
            "actual": self.actual,
            "details": list(self.details),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run has to say; `to_dict` gives the keys of `bgplab run --json`."""

    name: str
    engine: str
    routers: int
    sessions: int
    verdict: str
    seconds: Seconds
    updates_sent: int
    updates_received: int
    routes: int
    cpu_seconds: float
    memory_mb_per_router: float | None
    fidelity: Certificate
    coalesced: float
    store: str
    unsettled: tuple[str, ...] = ()
    time_scale: TimeScale | None = None  # None where time is virtual
    deaths: tuple[Death, ...] = ()
    scenario: tuple[StepResult, ...] = ()
    down: tuple[str, ...] = ()  # sessions that the scenario has left down, and why
    failures: int = 0
    notes: tuple[str, ...] = field(default=())
    cycle: Cycle | None = None  # what repeats, if the verdict is "diverges"
    wall_seconds: float | None = None  # what a run in virtual time took; None: its seconds are
    virtual: VirtualFigures | None = None  # of a run in virtual time

    @property
    def exit_code(self) -> int:
        """Give the exit code that this outcome asks for.

        A lost router or a callback that failed is the lab's own failure, and worse than a
        verdict. A run that is invalid has neither passed nor failed, whatever it showed.
        """
        if self.deaths or self.failures:
            return EXIT_LAB
        if not self.fidelity.valid:
            return EXIT_INVALID
        return EXIT_PASS if self.as_wanted else EXIT_FAILED

    @property
    def as_wanted(self) -> bool:
        """Tell whether what was to be came true, as far as the run can tell.

        Where a scenario says what must be true, it counts in place of the verdict.
        """
        if self.scenario:
            return all(step.ok for step in self.scenario)
        return self.verdict == CONVERGED

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain data."""
        seconds = self.seconds
        return {
            "name": self.name,
            "engine": self.engine,
            "routers": self.routers,
            "sessions": self.sessions,
            "verdict": self.verdict,
            "seconds": {
                "ready": _rounded(seconds.ready),
                "established": _rounded(seconds.established),
                "converged": _rounded(seconds.converged),
                "total": _rounded(seconds.total),
            },
            "updates": {"sent": self.updates_sent, "received": self.updates_received},
            "routes": self.routes,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "memory_mb_per_router": _rounded(self.memory_mb_per_router),
            "fidelity": self.fidelity.to_dict(),
            "coalesced": _rounded(self.coalesced),
            "time_scale": None if self.time_scale is None else self.time_scale.to_dict(),
            "store": self.store,
            "unsettled": list(self.unsettled),
            "scenario": [step.to_dict() for step in self.scenario],
            "down": list(self.down),
            "deaths": [
                {"router": death.router, "status": death.status, "at": _rounded(death.at)}
                for death in self.deaths
            ],
            "failures": self.failures,
            "notes": list(self.notes),
            "cycle": None if self.cycle is None else asdict(self.cycle),
            "wall_seconds": _rounded(self.wall_seconds or seconds.total),
            **({} if self.virtual is None else self.virtual.to_dict()),
            "exit_code": self.exit_code,
        }


def _rounded(value: float | None) -> float | None:
    """Round to a tenth of a millisecond: finer than that nothing here is measured."""
    return None if value is None else round(value, 4)
