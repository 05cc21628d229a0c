"""One sequence of acts on both engines: the same routes after each of them."""

import pytest

from bgplab.config import Rule
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

LADDER = """
name: ladder
topology:
  defaults: {timers: {hold: 3s, idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65003, originate: [10.3.0.0/16]}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
    r5: {asn: 65005, originate: [10.5.0.0/16]}
  links: [r1-r2, r1-r3, r2-r3, r2-r4, r3-r5, r4-r5]
"""
NAMES = ("r1", "r2", "r3", "r4", "r5")


async def kill(lab):
    lab.kill("r3")


ACTS = (
    ("link down", lambda lab: lab.link_down("r2", "r4")),
    ("delay", lambda lab: lab.delay("r4", "r5", 0.05, 0.02)),
    ("announce", lambda lab: lab.announce("r4", "10.44.0.0/16", med=5)),
    ("blackhole", lambda lab: lab.blackhole("r3", "r5")),
    ("link up", lambda lab: lab.link_up("r2", "r4")),
    ("shut down", lambda lab: lab.shut_down("r1", "r2", message="maintenance")),
    ("heal", lambda lab: lab.heal("r3", "r5")),
    ("policy out", lambda lab: lab.set_policy("r4", "r2", exports=(Rule(prepend=2),))),
    ("policy in", lambda lab: lab.set_policy("r1", "r3", imports=(Rule(then="reject"),))),
    ("bring up", lambda lab: lab.bring_up("r1", "r2")),
    ("octets", lambda lab: lab.send_octets("r4", "r5", b"\x00" * 19)),
    ("pause", lambda lab: lab.pause("r4")),
    ("kill", kill),
    ("resume", lambda lab: lab.resume("r4")),
    ("reset", lambda lab: lab.reset("r2")),
    ("restart", lambda lab: lab.restart("r3")),
    ("restart another", lambda lab: lab.restart("r4")),
)


async def play_through(lab):
    """Give the routes of all routers that can be asked, after each act."""
    seen = {}
    absent = set()
    for name, act in ACTS:
        await act(lab)
        absent |= {"r4"} if name == "pause" else {"r3"} if name == "kill" else set()
        absent -= {"r4"} if name == "resume" else {"r3"} if name == "restart" else set()
        verdict = await lab.until_converged(30)
        assert verdict.name == "converged", (name, verdict.reasons)
        assert lab.sessions_up(), name
        seen[name] = {
            router: sorted(row[:4] for row in await lab.routes(router))
            for router in NAMES
            if router not in absent
        }
    return seen


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_both_engines_have_the_same_routes_after_each_act(play):
    async def virtual():
        lab = VirtualLab(plan(loads(LADDER)), 1)
        assert (await lab.converge(30)).name == "converged"
        return await play_through(lab)

    async def processes(lab, run):
        return await play_through(lab)

    expected = run_at_once(virtual())
    found = play(LADDER, processes, limit=100)
    for name, _ in ACTS:
        assert found[name] == expected[name], name
