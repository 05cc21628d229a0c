"""Labs that cannot settle, or only seem so: the gadgets of T. Griffin, F. Shepherd, G. Wilfong.

The rankings are put into the routers' decision by a child of the test's own; the network, its
messages and the verdict are the real ones.
"""

import sqlite3
from typing import Any

import pytest
from twisted.internet import reactor

from bgplab.config import Level
from bgplab.engines.processes import commands
from bgplab.engines.processes.controller import SPAWN, Options, prepare
from bgplab.engines.processes.router import RouterChild
from bgplab.engines.processes.suspicion import TURNS
from bgplab.rib import loc_rib
from bgplab.topology.load import loads
from bgplab.wire.attributes import format_as_path

BAD_LINKS = "r0-r1, r0-r2, r0-r3, r1-r2, r1-r3, r2-r4, r3-r4"
BAD = {  # the paths that a router takes, by AS_PATH, best first; it takes no other
    "r1": ["3 10", "10"],
    "r2": ["1 10", "10"],
    "r3": ["4 2 10", "10"],
    "r4": ["2 10", "3 10"],
}
GOOD = BAD | {"r3": ["10"], "r4": ["3 10", "2 10"]}
DISAGREE = {"r1": ["2 10", "10"], "r2": ["1 10", "10"]}
PREFIX = "10.9.0.0/16"
LIMIT = 60.0


def gadget(routers, links, timers):
    nodes = "\n".join(f"    r{i}: {{asn: {i or 10}}}" for i in range(routers))
    return (
        f"name: gadget\ntopology:\n  defaults: {{timers: {timers}}}\n"
        f"  nodes:\n{nodes}\n  links: [{links}]\n"
    )


class RankingChild(RouterChild):
    """A router that ranks the paths of its peers by RANKINGS."""

    RANKINGS: dict[str, list[str]] = {}

    def configure(self, part, last):
        answer = super().configure(part, last)
        ranking = self.RANKINGS.get(self._router.config.name)
        if ranking is not None:

            def select(paths):
                ranked = {format_as_path(path.attributes.as_path): path for path in paths}
                return next((ranked[each] for each in ranking if each in ranked), None)

            setattr(loc_rib, "select", select)  # noqa: B010 -- not a name of the module's own
            # What can be best is said by the ranking alone.
            module: Any = loc_rib.LocRib
            module.concerned = lambda rib, prefix, old, new: True
        return answer

    commands.Configure.responder(configure)


class BadChild(RankingChild):
    RANKINGS = BAD


class GoodChild(RankingChild):
    RANKINGS = GOOD


class DisagreeChild(RankingChild):
    RANKINGS = DISAGREE


@pytest.fixture
def verdict_of(under_reactor, tmp_path):
    """Give `verdict_of(text, child)`: announce PREFIX at r0, and see (verdict, report, run)."""

    def play(text, child, level=Level.TRANSITIONS, timeout=LIMIT):
        options = Options(start=SPAWN, store=tmp_path / "run.sqlite", level=level)
        run = prepare(loads(text), text, options)

        async def work():
            lab = run.open(reactor)
            lab._child = child
            try:
                first = await run.converge(30)
                assert first.name == "converged", first.reasons
                await lab.announce("r0", PREFIX)
                verdict = await lab.until_converged(timeout)
                return verdict, await run.report(verdict), run
            finally:
                await run.close()

        return under_reactor(work, timeout + 40)

    return play


def rows(run, table):
    connection = sqlite3.connect(run.database)
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    return found


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_bad_gadget_diverges_and_its_cycle_is_told(verdict_of):
    """With an MRAI it is one of the experiments, under real policy."""
    verdict, report, run = verdict_of(gadget(5, BAD_LINKS, "{mrai: 0s}"), BadChild)
    cycle = verdict.cycle
    assert verdict.name == report.verdict == "diverges"
    assert report.exit_code == 1
    assert {change.prefix for change in cycle.changes} == {PREFIX}
    assert {change.router for change in cycle.changes} == {"r1", "r2", "r3", "r4"}
    assert cycle.turns == TURNS
    assert cycle.period > 0
    assert cycle.updates > len(cycle.changes)
    assert report.to_dict()["cycle"]["turns"] == cycle.turns
    assert rows(run, "route_change") == 0  # told for the verdict, not for the store


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_changes_that_are_to_be_recorded_are(verdict_of):
    timers = "{mrai: 200ms}"
    verdict, _, run = verdict_of(gadget(5, BAD_LINKS, timers), BadChild, Level.UPDATES)
    assert verdict.name == "diverges"
    assert rows(run, "route_change") > 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "routers, links, child",
    [(5, BAD_LINKS, GoodChild), (3, "r0-r1, r0-r2, r1-r2", DisagreeChild)],
    ids=["good", "disagree"],
)
def test_a_gadget_with_a_stable_state_converges(verdict_of, routers, links, child):
    verdict, report, _ = verdict_of(gadget(routers, links, "{mrai: 100ms}"), child)
    assert verdict.name == "converged", verdict
    assert verdict.cycle is None
    assert report.exit_code == 0


CLIQUE = """
name: clique
topology:
  defaults:
    timers: {mrai: 1.5s}
    flags: {jitter: off, coalesce: off, split-horizon: false}
    links: {delay: 10ms}
  generate: {model: clique, n: 8}
"""


@pytest.mark.slow
def test_path_exploration_for_seconds_under_suspicion_is_slow_and_not_divergent(play):
    """C. Labovitz and others, SIGCOMM 2000: a withdrawal in a clique takes (n - 3) * MRAI."""

    async def scenario(lab, run):
        origin = run.plan.routers[0].name
        await lab.announce(origin, PREFIX)
        assert (await lab.until_converged(30)).name == "converged"
        await lab.wait(3.0)  # idle
        began = lab.now()
        await lab.withdraw(origin, PREFIX)
        verdict = await lab.until_converged(30)
        assert verdict.name == "converged"
        assert abs(verdict.at - began - 5 * 1.5) < 0.5 * 1.5
        return (await run.report(verdict)).verdict

    assert play(CLIQUE, scenario, 90) == "converged"
