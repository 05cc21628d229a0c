"""What would make an invalid run valid: from what the machine did meanwhile."""

from __future__ import annotations

from bgplab.observe.load import Load

MARGIN = 1.5  # times what would just do
FOREIGN = 0.1  # of all processors: what others may take before they are named
STOLEN = 0.02  # of all processors: the same for the host of a virtual machine
CALM = 0.5  # of the processors that are left: the load under which timers keep their time
SLOWEST = 1000.0  # the greatest time scale there is
STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)  # of the factors that are proposed


def advice(
    load: Load | None, routers: int, excess: float, factor: float = 1.0
) -> tuple[str, ...]:
    """Say what would help, what is likeliest first.

    `excess` is how many times its bound the worst lateness was; 0 if it was not measured.
    `factor` is the time scale of the run.
    """
    found = []
    if load is not None and load.others is not None and load.share(load.others) > FOREIGN:
        found.append(
            f"end what else runs: it took {load.others:.1f} CPU s,"
            f" {load.share(load.others):.0%} of {_processors(load)}"
        )
    if load is not None and load.stolen is not None and load.share(load.stolen) > STOLEN:
        found.append(
            "use a machine that has its processors for itself: its host took"
            f" {load.share(load.stolen):.0%} of their time"
        )
    if routers > 1:
        found.append(f"fewer routers{_how_many(load, routers)}")
    slower = _round_up(factor * max(excess * MARGIN, 2.0))
    if slower <= SLOWEST:
        found.append(f"--time-scale {slower:g}")
    found.append("--engine virtual")
    return tuple(found)


def _how_many(load: Load | None, routers: int) -> str:
    """Guess how many routers would leave processors enough of their time; "" if load is low."""
    if load is None or load.lab <= 0:
        return ""
    room = CALM * max(0.0, 1.0 - load.share((load.others or 0.0) + (load.stolen or 0.0)))
    fit = int(routers * room / load.share(load.lab)) if load.span > 0 else routers
    return f" (about {max(1, fit)})" if fit < routers else ""


def _processors(load: Load) -> str:
    return "1 processor" if load.cores == 1 else f"{load.cores} processors"


def _round_up(value: float) -> float:
    """Round up to a plain number: 1, 1.5, 2, 3, 5, 7 times a power of ten."""
    power = 1.0
    while value > 10.0 * power:
        power *= 10.0
    while value <= power:
        power /= 10.0
    return round(power * next(step for step in STEPS if value <= step * power), 9)
