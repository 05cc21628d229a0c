"""What the machine did while a lab ran: processor time, waiting for it, and stalls.

None of this makes a run invalid: it is the cause, the lateness of timers the effect, and a
machine may be busy without harm (lab/decisions/0013). It says whom to blame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STALL = 0.05  # seconds: a turn of a reactor that takes longer counts as a stall


@dataclass(frozen=True, slots=True)
class Stalls:
    """Turns of a reactor that took longer than STALL; `where` had the longest."""

    number: int = 0
    longest: float = 0.0  # seconds of the machine
    where: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain data."""
        return {
            "number": self.number,
            "longest": round(self.longest, 6),
            "router": self.where or None,
        }


NO_STALLS = Stalls()


def join_stalls(stalls: Mapping[str, tuple[int, float]]) -> Stalls:
    """Sum up how many stalls each router had, and how long its longest was."""
    number = sum(each for each, _ in stalls.values())
    if not number:
        return NO_STALLS
    where = max(stalls, key=lambda name: stalls[name][1])
    return Stalls(number, stalls[where][1], where)


@dataclass(frozen=True, slots=True)
class Load:
    """Processor time over `span` seconds of the machine; all figures are seconds.

    `waited` holds how long each router was ready to run while others had the processors.
    `others` is what all other processes took, `stolen` what the host of a virtual machine took
    for itself; None where the kernel does not tell.
    """

    span: float
    cores: int
    lab: float  # routers, fork server, controller
    others: float | None = None
    stolen: float | None = None
    waited: Mapping[str, float] = field(default_factory=dict)

    def share(self, seconds: float) -> float:
        """Give processor time as a share of all processors over the span."""
        return seconds / (self.span * self.cores) if self.span > 0 else 0.0

    @property
    def worst(self) -> tuple[str, float]:
        """The router that waited longest, and its seconds; ("", 0) without routers."""
        name = max(self.waited, key=self.waited.__getitem__, default="")
        return name, self.waited.get(name, 0.0)

    @property
    def waiting(self) -> float:
        """The share of the span that a router waited, the mean of all."""
        if not self.waited or self.span <= 0:
            return 0.0
        return sum(self.waited.values()) / len(self.waited) / self.span

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain data."""
        name, seconds = self.worst
        return {
            "span": round(self.span, 4),
            "cores": self.cores,
            "cpu": {
                "lab": self._with_share(self.lab),
                "others": self._with_share(self.others),
                "stolen": self._with_share(self.stolen),
            },
            "run_queue": {
                "seconds": round(sum(self.waited.values()), 6),
                "share": round(self.waiting, 6),
                "worst": {
                    "router": name or None,
                    "seconds": round(seconds, 6),
                    "share": round(seconds / self.span, 6) if self.span > 0 else 0.0,
                },
                "routers": {each: round(took, 6) for each, took in self.waited.items()},
            },
        }

    def _with_share(self, seconds: float | None) -> dict[str, float] | None:
        if seconds is None:
            return None
        return {"seconds": round(seconds, 3), "share": round(self.share(seconds), 4)}
