"""Routers and links that fall silent in a lab of real processes: only hold timers find them."""

import os
import signal

import pytest

from bgplab.errors import NotNowError, ProcessError
from bgplab.facts import NotificationSent, StateChanged
from bgplab.session.events import Event, State

DIAMOND = """
name: diamond
topology:
  defaults: {timers: {hold: 3s, idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
  links: [r1-r2, r1-r3, r2-r4, r3-r4]
"""
HOLD_EXPIRED = (4, 0)


async def path(lab, router, prefix="10.4.0.0/16"):
    rows = {row.prefix: row.as_path for row in await lab.routes(router)}
    return rows.get(prefix)


async def converged(lab, limit=15):
    verdict = await lab.until_converged(limit)
    assert verdict.name == "converged", verdict.reasons
    return verdict


def watch(lab):
    """Collect what the routers tell, as (router, fact)."""
    facts = []
    lab.observe(lambda router, fact: facts.append((router, fact)))
    return facts


def notifications(facts):
    return [
        (router, fact.peer, fact.code, fact.subcode)
        for router, fact in facts
        if isinstance(fact, NotificationSent)
    ]


def lost(facts):
    """List (router, peer, event, time) of the sessions that were lost."""
    return [
        (router, fact.peer, Event(fact.event), fact.at)
        for router, fact in facts
        if isinstance(fact, StateChanged) and fact.old == State.ESTABLISHED
    ]


@pytest.mark.slow
def test_a_blackhole_is_found_by_both_hold_timers_and_its_healing_brings_the_route_back(play):
    async def scenario(lab, run):
        facts = watch(lab)
        began = lab.now()
        await lab.blackhole("r2", "r4")
        verdict = await converged(lab)
        assert 1.9 < verdict.at - began < 3.5
        assert await path(lab, "r1") == "65003 65004"
        assert await path(lab, "r2") == "65001 65003 65004"
        assert sorted(notifications(facts)) == [
            ("r2", "r4", *HOLD_EXPIRED),
            ("r4", "r2", *HOLD_EXPIRED),
        ]
        assert lab.sessions_up()  # all that can be
        await lab.wait(1.5)  # attempts to connect get no answer
        attempts = [fact.new for router, fact in facts if isinstance(fact, StateChanged)]
        assert State.CONNECT in attempts
        assert State.OPEN_SENT not in attempts
        await lab.heal("r2", "r4")
        assert not lab.sessions_up()
        await converged(lab)
        assert lab.sessions_up()
        assert await path(lab, "r1") == "65002 65004"
        assert lab.progress().established == 4

    play(DIAMOND, scenario)


def test_a_link_healed_in_time_has_lost_nothing(play):
    async def scenario(lab, run):
        facts = watch(lab)
        await lab.blackhole("r1", "r2")
        await lab.blackhole("r1", "r3")
        await lab.announce("r1", "10.11.0.0/16")
        await lab.announce("r4", "10.44.0.0/16")
        await lab.wait(0.3)
        assert await path(lab, "r4", "10.11.0.0/16") is None
        assert await path(lab, "r2", "10.44.0.0/16") == "65004"
        assert await path(lab, "r1", "10.44.0.0/16") is None
        await lab.heal("r1", "r2")
        await lab.heal("r3", "r1")
        await converged(lab)
        assert await path(lab, "r4", "10.11.0.0/16") == "65002 65001"
        assert await path(lab, "r1", "10.44.0.0/16") == "65002 65004"
        assert lost(facts) == []

    play(DIAMOND, scenario)


@pytest.mark.slow
def test_a_paused_router_is_dropped_when_hold_time_is_over_and_comes_back(play):
    async def scenario(lab, run):
        facts = watch(lab)
        sent = (await lab.measures()).updates_sent
        began = lab.now()
        await lab.pause("r4")
        await lab.pause("r4")  # once is enough
        for wrong in (lab.routes("r4"), lab.announce("r4", "10.44.0.0/16")):
            with pytest.raises(NotNowError, match=r"^r4 is paused$"):
                await wrong
        verdict = await converged(lab)
        assert 1.9 < verdict.at - began < 3.5
        assert [(r, p, e) for r, p, e, _ in sorted(lost(facts))] == [
            ("r2", "r4", Event.HOLD_TIMER_EXPIRES),
            ("r3", "r4", Event.HOLD_TIMER_EXPIRES),
        ]
        assert await path(lab, "r1") is None
        measures = await lab.measures()
        assert measures.routes == 3 + 2  # r4 still has what it had
        assert measures.updates_sent >= sent
        assert lab.sessions_up()
        await lab.announce("r1", "10.11.0.0/16")  # the others go on
        await converged(lab)
        assert await path(lab, "r3", "10.11.0.0/16") == "65001"
        await lab.resume("r4")
        await lab.resume("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        assert await path(lab, "r4", "10.11.0.0/16") == "65002 65001"
        assert lab.deaths == []

    play(DIAMOND, scenario)


def test_a_pause_shorter_than_hold_time_costs_no_session(play):
    async def scenario(lab, run):
        facts = watch(lab)
        await lab.pause("r4")
        await lab.announce("r1", "10.11.0.0/16")
        assert (await lab.until_converged(0.5)).name == "timeout"
        await lab.resume("r4")
        await converged(lab)
        assert await path(lab, "r4", "10.11.0.0/16") == "65002 65001"
        assert lost(facts) == []

    play(DIAMOND, scenario)


def test_a_session_to_a_silent_peer_without_hold_time_never_ends_and_the_verdict_says_so(play):
    async def scenario(lab, run):
        still = "session r1-r2: still Established at r2 although r1 is paused"
        await lab.pause("r1")
        verdict = await lab.until_converged(0.3)
        assert verdict.name == "timeout"
        assert verdict.reasons == (f"{still}, and its hold time is 0",)
        await lab.resume("r1")
        await converged(lab)

    pair = DIAMOND.replace("hold: 3s", "hold: 0").replace(", r1-r3, r2-r4, r3-r4", "")
    play(pair, scenario)


def test_a_router_that_is_paused_while_it_owes_an_answer_to_the_second_wave(play):
    async def scenario(lab, run):
        waiting = lab.until_converged(15)  # the question is on its way
        await lab.pause("r4")
        assert (await lab.until_converged(0.3)).name == "timeout"
        await lab.resume("r4")
        verdict = await waiting
        assert verdict.name == "converged", verdict.reasons

    play(DIAMOND, scenario)


@pytest.mark.slow
def test_links_are_cut_and_mended_at_a_paused_router_as_soon_as_it_goes_on(play):
    async def scenario(lab, run):
        await lab.pause("r4")
        await lab.link_down("r2", "r4")
        await converged(lab)
        await lab.resume("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65003 65004"
        await lab.pause("r4")
        await lab.link_up("r2", "r4")
        await lab.delay("r3", "r4", 0.01)
        await lab.resume("r4")
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"

    play(DIAMOND, scenario)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_paused_router_is_killed_and_ends_with_the_lab(play, start):
    async def scenario(lab, run):
        await lab.pause("r4")
        lab.kill("r4")
        await converged(lab)
        assert await path(lab, "r1") is None
        with pytest.raises(ProcessError, match="not running"):
            await lab.resume("r4")
        with pytest.raises(ProcessError, match="not running"):
            await lab.pause("r4")
        await lab.pause("r3")  # it is left so: `play` checks that nothing is left of it
        assert lab.deaths == []

    play(DIAMOND, scenario, start=start)


def test_a_paused_router_ends_with_its_controller(command, gone_within, tmp_path):
    file = tmp_path / "diamond.yaml"
    file.write_text(DIAMOND)
    up = command("up", file)
    up.read_until("converged")
    routers, server = up.processes()
    os.kill(routers[0], signal.SIGSTOP)
    up.signal(signal.SIGKILL)
    gone_within([*routers, server], 5)
