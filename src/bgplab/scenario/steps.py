"""What each wait, mark and act does to a lab."""

from __future__ import annotations

from bgplab.engines.verdict import CONVERGED, DIVERGES, Verdict
from bgplab.scenario.stage import DONE, Finding, Moment, Stage, seconds
from bgplab.topology.steps import (
    Act,
    Announce,
    LinkDown,
    LinkUp,
    Mark,
    SessionReset,
    Wait,
    WaitConverged,
    WaitDiverges,
    WaitFor,
    Withdraw,
)

REASONS = 20  # of what is not settled; the rest is counted


async def wait(what: Wait, stage: Stage) -> Finding:
    """Let time pass, as long as the step says.

    After `wait: {for: ...}` no verdict holds any more: the network may have moved meanwhile.
    """
    match what:
        case WaitFor(span):
            stage.verdict = None
            await stage.lab.wait(span)
            return DONE
        case WaitConverged(within):
            return await _verdict(CONVERGED, within, stage)
        case WaitDiverges(within):
            return await _verdict(DIVERGES, within, stage)


async def _verdict(wanted: str, within: float | None, stage: Stage) -> Finding:
    """Wait for a verdict; another one than the wanted is a failure."""
    limit = stage.timeout if within is None else within
    began = stage.lab.now()
    verdict = stage.verdict = await stage.lab.until_converged(limit)
    took = verdict.detected - began
    return Finding(
        verdict.name == wanted,
        f"{wanted} within {limit:g} s",
        f"{verdict.name} after {seconds(took)}{_why(verdict)}",
    )


def _why(verdict: Verdict) -> str:
    """Say what a verdict rests on: the cycle, or what is not settled."""
    cycle = verdict.cycle
    if cycle is not None:
        return (
            f": {len(cycle.changes)} route changes come back every {seconds(cycle.period)} "
            f"with {cycle.updates:g} UPDATEs, seen {cycle.turns} times"
        )
    reasons = [*verdict.reasons[:REASONS]]
    if len(verdict.reasons) > REASONS:
        reasons.append(f"and {len(verdict.reasons) - REASONS} more")
    return f": {'; '.join(reasons)}" if reasons else ""


async def mark(what: Mark, stage: Stage) -> Finding:
    """Note the UPDATEs sent so far, and then the time, since counting takes some itself."""
    measures = await stage.lab.measures()
    stage.marks[what.name] = Moment(stage.lab.now(), measures.updates_sent)
    return DONE


async def act(what: Act, stage: Stage) -> Finding:
    """Do something to the lab. Raises what the lab raises, such as for a router that died."""
    stage.verdict = None
    lab = stage.lab
    match what:
        case Announce(at, prefixes, med, communities):
            for router in at:
                await lab.announce(router, *prefixes, med=med, communities=communities)
        case Withdraw(at, prefixes):
            for router in at:
                await lab.withdraw(router, *prefixes)
        case LinkDown(a, b):
            await lab.link_down(a, b)
        case LinkUp(a, b):
            await lab.link_up(a, b)
        case SessionReset(router, peer):
            await lab.reset(router, peer)
    return DONE
