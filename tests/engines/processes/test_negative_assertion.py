"""That a route is absent may be stated as soon as the network is at rest, and is then exact.

Fifty router processes on a random graph; one of them announces a prefix and withdraws it. What
counts is the time from the last change of any route to the verdict: the last UPDATE comes no
sooner than that. (test_detector_exactness.py holds verdicts against every recorded UPDATE.)
"""

import json
import statistics
from textwrap import dedent

import pytest

from bgplab.scenario import runner
from bgplab.topology.assertions import ExpectNoRoute
from bgplab.topology.load import loads
from bgplab.topology.steps import Step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PREFIX = "10.250.0.0/16"
ROUTERS = 50
EVERYONE = tuple(f"r{i}" for i in range(1, ROUTERS + 1))
ROUNDS = 20
SOON = 0.1  # seconds, the median of all rounds
GRAPH = f"""
name: mesh
topology:
  generate: {{model: barabasi-albert, n: {ROUTERS}, m: 2, seed: 5}}
"""
SCENARIO = f"""
scenario:
  - wait: converged
  - announce: {{at: r1, prefix: {PREFIX}}}
  - wait: converged
  - withdraw: {{at: r1, prefix: {PREFIX}}}
  - wait: converged
  - expect: {{no-route: {{at: [{", ".join(EVERYONE)}], prefix: {PREFIX}}}}}
"""
# Every interpreter of the lab loads this at its start. The router withdraws as it should, and
# keeps the route all the same: no message that anyone sends shows it.
STALE = """
    from bgplab.speaker.routing import Routing

    decide = Routing._decide


    def keep_what_was(self, now):
        before = dict(self.loc_rib.best)
        decide(self, now)
        if self.config.name == "r17":
            for prefix, path in before.items():
                self.loc_rib.best.setdefault(prefix, path)


    Routing._decide = keep_what_was
"""


def test_an_absent_route_is_sure_soon_after_the_last_update(play):
    absent = [Step(1, "no-route", ExpectNoRoute(EVERYONE, PREFIX))]
    topology = loads(GRAPH)

    async def scenario(lab, run):
        stage = await runner.prepare(lab, topology, run.plan, 20, changes=False)
        margins = []
        for turn in range(ROUNDS):
            router = EVERYONE[turn * 7 % ROUTERS]
            await lab.announce(router, PREFIX)
            assert (await lab.until_converged(20)).name == "converged"
            await lab.withdraw(router, PREFIX)
            verdict = await lab.until_converged(20)
            assert verdict.name == "converged", verdict.reasons
            outcome = await runner.run(stage, absent)
            assert outcome.ok, outcome.steps
            margins.append(verdict.detected - verdict.at)
        return margins

    margins = play(GRAPH, scenario, 120)
    print(f"median {statistics.median(margins):.4f} s, at most {max(margins):.4f} s")
    assert statistics.median(margins) < SOON


@pytest.mark.parametrize("engine", ["processes", "virtual"])
def test_one_stale_route_in_one_router_is_found(engine, command, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(dedent(STALE))
    file = tmp_path / "mesh.yaml"
    file.write_text(GRAPH + SCENARIO)
    monkeypatch.syspath_prepend(tmp_path)
    store = tmp_path / "run.sqlite"
    status, out, err = command("run", file, "--engine", engine, "--store", store, "--json").end(
        60
    )
    assert status == 1, out + err
    *others, last = json.loads(out)["scenario"]
    assert all(step["ok"] for step in others)
    assert last["ok"] is False
    assert last["actual"].startswith("r17: via ")
    assert "; " not in last["actual"], "no other router has it"
    assert store.exists()
