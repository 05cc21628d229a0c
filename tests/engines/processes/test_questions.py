"""What a lab of real processes tells, and waiting for it."""

import pytest

from bgplab.config import Level
from bgplab.errors import LabError
from bgplab.facts import BestChanged, StateChanged, TimerFired

TRIANGLE = """
name: triangle
topology:
  defaults: {timers: {hold: 3s, idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65003, originate: [10.3.0.0/16]}
  links: [r1-r2, r2-r3, r3-r1]
"""


async def prefixes(lab, router):
    return sorted(row.prefix for row in await lab.routes(router))


def test_until_waits_for_a_route_and_says_when_it_has_not_come(play):
    async def scenario(lab, run):
        await lab.tell_changes()
        asked = []

        async def there():
            asked.append(lab.now())
            return "10.77.0.0/16" in await prefixes(lab, "r3")

        began = lab.now()
        assert await lab.until(there, 0.3) is False
        assert 0.3 <= lab.now() - began < 1.5
        assert len(asked) < 10  # a few KEEPALIVE timers have fired, nothing else
        await lab.announce("r1", "10.77.0.0/16")
        assert await lab.until(there, 5) is True
        asked.clear()
        assert await lab.until(there, 5) is True
        assert len(asked) == 1

    play(TRIANGLE, scenario)


def test_until_tells_of_what_goes_wrong_in_the_question_and_in_the_lab(play):
    async def scenario(lab, run):
        async def wrong():
            raise ValueError("what a question")

        async def never():
            return False

        with pytest.raises(ValueError, match="what a question"):
            await lab.until(wrong, 5)
        lab._reactor.callLater(0.1, lab.give_up, LabError("the disk is full"))
        began = lab.now()
        with pytest.raises(LabError, match="the disk is full"):
            await lab.until(never, 20)
        assert lab.now() - began < 5

    play(TRIANGLE, scenario)


@pytest.mark.parametrize("level", [Level.SUMMARY, Level.TRANSITIONS])
def test_all_facts_are_heard_at_any_level_and_changes_once_they_are_told(play, level):
    async def scenario(lab, run):
        facts = []
        lab.observe(lambda router, fact: facts.append((router, fact)))
        await lab.announce("r1", "10.77.0.0/16")
        await lab.until_converged(5)
        await lab.caught_up()
        assert not any(isinstance(fact, BestChanged) for _, fact in facts)
        await lab.tell_changes()
        await lab.withdraw("r1", "10.77.0.0/16")
        await lab.reset("r2", "r3")
        await lab.until_converged(5)
        await lab.caught_up()
        changed = {router for router, fact in facts if isinstance(fact, BestChanged)}
        assert changed == {"r1", "r2", "r3"}
        kinds = {type(fact) for _, fact in facts}
        assert {StateChanged, TimerFired} <= kinds
        times = [fact.at for router, fact in facts if router == "r1"]
        assert times == sorted(times)

    play(TRIANGLE, scenario, level=level)


def test_changes_are_told_after_a_network_was_suspected_of_divergence(play):
    """Looking out for a cycle switches them on and off again, but not for a scenario."""

    async def scenario(lab, run):
        await lab.tell_changes()
        lab._convergence._suspect()
        lab._convergence._relax()
        facts = []
        lab.observe(lambda router, fact: facts.append(fact))
        await lab.announce("r1", "10.77.0.0/16")
        await lab.until_converged(5)
        await lab.caught_up()
        assert any(isinstance(fact, BestChanged) for fact in facts)

    play(TRIANGLE, scenario)


def test_a_reset_session_is_not_up_and_then_it_is(play):
    async def scenario(lab, run):
        async def up():
            return lab.sessions_up()

        assert lab.sessions_up()
        await lab.reset("r1", "r2")
        assert not lab.sessions_up()
        assert await lab.until(up, 10)
        assert lab.progress().established <= 3
        lab.kill("r3")
        assert await lab.until(up, 10)  # what is dead is not expected

    play(TRIANGLE, scenario)
