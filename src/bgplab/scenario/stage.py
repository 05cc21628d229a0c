"""What a scenario knows of its lab while it runs: marks, and the verdict that still holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from bgplab.engines.interface import Lab
from bgplab.engines.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that a mark names."""

    at: float  # seconds on the lab's clock
    updates: int  # UPDATEs that all routers had sent by then


@dataclass(slots=True)
class Stage:
    """The lab, and what the steps so far have left to know."""

    lab: Lab
    timeout: float  # seconds that a wait without `within` may take
    marks: dict[str, Moment] = field(default_factory=dict)
    verdict: Verdict | None = None  # of the last wait; None once anything has happened since


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a step went well: what was expected, and what was found instead or measured."""

    ok: bool
    expected: str = ""
    actual: str = ""


DONE = Finding(True)


def seconds(value: float) -> str:
    """Write a time to the millisecond, which is as fine as processes can be measured."""
    return f"{value:.3f} s"
