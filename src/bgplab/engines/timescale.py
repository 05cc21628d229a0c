"""Whether timers that are compressed still make the same experiment.

A lab that runs K times as fast shortens its timers, but not the work of its routers. Below an
MRAI of about degree x processing time, convergence is another phenomenon than above it (T.
Griffin and B. Premore, An experimental analysis of BGP convergence time, ICNP 2001): "MRAI must
stay well above degree x processing time".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bgplab.config import RouterConfig

WELL_ABOVE = 5.0  # times: jitter takes a quarter, and not every UPDATE costs the same


@dataclass(frozen=True, slots=True)
class TimeScale:
    """How the lab's time went, and what the rule compares.

    `factor`: seconds of the machine in one of the lab. `mrai`: the shortest MRAI in use, in
    seconds of the lab; None if there is none. `processing`: seconds of the machine that an
    UPDATE cost its receiver, the wait for a processor included; None if there was none.
    """

    factor: float
    mrai: float | None
    degree: int  # the most sessions of one router
    processing: float | None

    @property
    def holds(self) -> bool | None:
        """Tell whether MRAI is well above degree x processing time; None without either."""
        if self.mrai is None or self.processing is None:
            return None
        return self.mrai * self.factor >= WELL_ABOVE * self.degree * self.processing

    def to_dict(self) -> dict[str, float | int | bool | None]:
        """Give the figures as plain data for a report."""
        processing = self.processing
        return {
            "factor": self.factor,
            "mrai": self.mrai,
            "degree": self.degree,
            "processing": None if processing is None else round(processing, 7),
            "holds": self.holds,
        }


def time_scale(
    factor: float, routers: Iterable[RouterConfig], busy: float, received: int
) -> TimeScale:
    """Sum up a run: its routers were `busy` for so long over the UPDATEs they `received`.

    All that a router did since it dialled counts as work for UPDATEs, so that `processing` is
    too high rather than too low.
    """
    peers = [router.peers for router in routers]
    mrais = (peer.timers.mrai for several in peers for peer in several)
    return TimeScale(
        factor,
        min((mrai for mrai in mrais if mrai > 0), default=None),
        max(map(len, peers), default=0),
        busy / received if received else None,
    )
