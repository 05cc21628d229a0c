"""One try of a size: a lab comes up, converges, stays for a while, and is judged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from bgplab.engines.processes.controller import Options, Run, prepare
from bgplab.engines.verdict import TIMEOUT
from bgplab.errors import HostError
from bgplab.observe.fidelity import Certificate
from bgplab.topology.graph import Topology

PATIENCE = 120.0  # seconds that a lab may take to converge
CLEARLY = 10.0  # times its bound: lateness that no second try will mend
REST = 1.0  # seconds between two labs: let the machine finish with the first


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of one size; `certificate` is None if the lab could not even be started."""

    size: int
    routers: int
    valid: bool
    seconds: float  # that it took
    certificate: Certificate | None = None
    reasons: tuple[str, ...] = ()

    @property
    def clear(self) -> bool:
        """Tell whether a failure is so clear that a second try would be a waste."""
        late = self.certificate is None or self.certificate.excess > CLEARLY
        return not self.valid and late

    def to_dict(self) -> dict[str, Any]:
        """Give the probe as plain data, without the figures of each router."""
        certificate = self.certificate
        late = None if certificate is None else certificate.lateness.to_dict()
        load = None if certificate is None else certificate.load
        return {
            "size": self.size,
            "routers": self.routers,
            "valid": self.valid,
            "lateness": late,
            "run_queue_share": None if load is None else round(load.waiting, 6),
            "cpu_share": None if load is None else round(load.share(load.lab), 4),
            "others_share": None if load is None else round(load.share(load.others or 0.0), 4),
            "seconds": round(self.seconds, 3),
            "reasons": list(self.reasons),
        }


async def probe(
    reactor: Any, topology: Topology, size: int, options: Options, stay: float
) -> Probe:
    """Run a lab until it has converged and `stay` seconds of the machine longer.

    A lab that the machine has no room for is an invalid one. Raises ProcessError or StoreError
    if the lab as a whole fails.
    """
    from twisted.internet.task import deferLater

    began, routers = time.monotonic(), len(topology.nodes)

    async def stayed() -> None:
        await deferLater(reactor, stay)

    try:
        run = prepare(topology, topology.source, options)
    except HostError as error:
        return Probe(size, routers, False, 0.0, None, tuple(str(error).splitlines()))
    try:
        lab = run.open(reactor)
        verdict = await run.converge(PATIENCE)
        settled = verdict.name != TIMEOUT
        if settled:
            await run.during(stayed())
        reasons = [] if settled else [f"not converged within {PATIENCE:g} s"]
        reasons += [f"{death.router} died: {death.status}" for death in lab.deaths]
        return await _judged(run, size, began, reasons)
    finally:
        await run.close()
        await deferLater(reactor, REST)


async def _judged(run: Run, size: int, began: float, reasons: list[str]) -> Probe:
    certificate = await run.certificate()
    return Probe(
        size,
        len(run.plan.routers),
        certificate.valid and not reasons,
        time.monotonic() - began,
        certificate,
        (*reasons, *certificate.reasons),
    )
