"""What followed from an act in a lab of real processes, as its database tells."""

from bgplab.config import Level
from bgplab.facts import CauseKind
from bgplab.observe.explain import explain, read_causes

DIAMOND = """
name: diamond
topology:
  defaults: {timers: {idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
  links: [r1-r2, r1-r3, r2-r4, r3-r4]
"""


async def settle(lab):
    verdict = await lab.until_converged(15)
    assert verdict.name == "converged", verdict.reasons
    return verdict


def test_the_tree_of_a_withdrawal_holds_every_update_that_was_sent_after_it(play):
    async def scenario(lab, run):
        before = (await lab.measures()).updates_sent
        await lab.withdraw("r4", "10.4.0.0/16")
        verdict = await settle(lab)
        after = (await lab.measures()).updates_sent
        await run.report(verdict)
        return after - before, run.database

    number, database = play(DIAMOND, scenario, level=Level.UPDATES)
    causes = read_causes(database, "10.4.0.0/16")
    (act,) = causes.concerning()
    assert str(act) == "withdraw 10.4.0.0/16 at r4"
    nodes = list(causes.tree(act))
    assert len({node.step.key for node in nodes if node.step.told}) == number >= 4
    for step in causes.steps:
        parent = causes.parent(step)
        assert (parent is not None) == (step.cause.kind == CauseKind.UPDATE)
        assert parent is None or parent.at <= step.cause.at <= step.at
    found = explain(database, "r1", "10.4.0.0/16")
    assert found.candidates == []
    assert found.act == act
    assert found.history[-1].said == "no route is left"
    assert found.chain[0].router == "r4"
    assert found.chain[-1].router == "r1"


def test_a_route_that_came_back_with_its_link_goes_back_to_the_act(play):
    async def scenario(lab, run):
        await lab.link_down("r2", "r4")
        await settle(lab)
        await lab.link_up("r2", "r4")
        await run.report(await settle(lab))
        return run.database

    found = explain(play(DIAMOND, scenario, level=Level.UPDATES), "r2", "10.4.0.0/16")
    assert str(found.act) == "link-up r2-r4"
    assert [(step.router, step.told) for step in found.chain] == [("r4", "r2"), ("r2", "")]
    assert found.chain[0].cause.kind == CauseKind.SESSION_UP
    assert found.history[-1].peer == "r4"
    assert (found.candidates[0].peer, found.candidates[0].best) == ("r4", True)
    assert found.whys.count("the session with r4 was lost") == 1
