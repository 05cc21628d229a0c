"""What a scenario expects of the network's effort: time, UPDATEs, paths explored."""

from __future__ import annotations

from collections import Counter

from bgplab.engines.verdict import CONVERGED
from bgplab.facts import BestChanged
from bgplab.scenario.journal import prefix_text
from bgplab.scenario.stage import Finding, Stage, bounds, fits, seconds, within
from bgplab.topology.assertions import ExpectConvergence, ExpectExploration, ExpectUpdates

WORST = 3  # routers that explored most


def convergence(what: ExpectConvergence, stage: Stage) -> Finding:
    """Compare the time from a mark to the last route change; 0 if none came after it."""
    wanted = f"convergence {bounds(what.below, what.above)} since {what.since}"
    verdict = stage.verdict
    if verdict is None or verdict.name != CONVERGED:
        return Finding(False, wanted, "not known to have converged")
    took = max(0.0, verdict.at - stage.marks[what.since].at)
    return Finding(within(took, what.below, what.above), wanted, seconds(took))


async def updates(what: ExpectUpdates, stage: Stage) -> Finding:
    """Compare the number of UPDATEs that all routers sent since a mark with bounds."""
    sent = await stage.updates_sent() - stage.marks[what.since].updates
    wanted = _bounds({"exactly": what.exactly, **_least_most(what)})
    ok = what.exactly in (None, sent) and fits(sent, what.at_most, what.at_least)
    return Finding(ok, f"{wanted} UPDATEs since {what.since}", str(sent))


async def exploration(what: ExpectExploration, stage: Stage) -> Finding:
    """Compare how often the best route changed, at the worst router, with bounds."""
    await stage.lab.caught_up()
    moment = stage.since(what.since)
    names = what.at or tuple(router.name for router in stage.plan.routers)
    changes = Counter(dict.fromkeys(names, 0))
    for router, fact in stage.journal.facts(BestChanged, moment.at, moment.heard):
        if router in changes and prefix_text(fact.prefix) == what.prefix:
            changes[router] += 1
    worst = changes.most_common(WORST)
    wanted = _bounds(_least_most(what))
    return Finding(
        fits(worst[0][1], what.at_most, what.at_least),
        f"{wanted} changes of the best route to {what.prefix} at one router since {what.since}",
        ", ".join(f"{router}: {number}" for router, number in worst),
    )


def _least_most(what: ExpectUpdates | ExpectExploration) -> dict[str, int | None]:
    return {"at least": what.at_least, "at most": what.at_most}


def _bounds(asked: dict[str, int | None]) -> str:
    """Write the bounds of a number that are given."""
    return " and ".join(f"{word} {bound}" for word, bound in asked.items() if bound is not None)
