"""Acts on sessions of a lab of real processes: shutdown, policy, octets by hand; delays."""

import pytest

from bgplab.config import Rule
from bgplab.errors import NotNowError, UsageError
from bgplab.facts import NotificationReceived, StateChanged
from bgplab.session.events import State
from bgplab.wire.header import KEEPALIVE, UPDATE, frame
from bgplab.wire.notification import read_shutdown

DIAMOND = """
name: diamond
topology:
  defaults: {timers: {hold: 9s, idle-hold: 200ms, connect-retry: 1s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
  links: [r1-r2, r1-r3, r2-r4, r3-r4]
"""


async def path(lab, router, prefix="10.4.0.0/16"):
    rows = {row.prefix: row.as_path for row in await lab.routes(router)}
    return rows.get(prefix)


async def converged(lab, limit=15):
    verdict = await lab.until_converged(limit)
    assert verdict.name == "converged", verdict.reasons
    return verdict


def test_a_session_that_is_shut_down_stays_down_until_it_is_started_on_purpose(play):
    async def scenario(lab, run):
        facts = []
        lab.observe(lambda router, fact: facts.append((router, fact)))
        began = lab.now()
        await lab.shut_down("r2", "r4", message="déménagement")
        verdict = await converged(lab)
        assert verdict.at - began < 1.0
        assert await path(lab, "r1") == "65003 65004"
        told = [(r, f) for r, f in facts if isinstance(f, NotificationReceived)]
        assert [(r, f.peer, f.code, f.subcode) for r, f in told] == [("r4", "r2", 6, 2)]
        assert read_shutdown(told[0][1].data) == "déménagement"
        await lab.wait(1.5)  # r4 tries again
        await converged(lab)
        assert lab.sessions_up()
        await lab.bring_up("r2", "r4")
        assert not lab.sessions_up()
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"

    play(DIAMOND, scenario)


def test_a_session_shut_down_at_both_ends_needs_both_to_start(play):
    async def scenario(lab, run):
        await lab.shut_down("r4")
        await lab.shut_down("r2", "r4")
        await converged(lab)
        assert lab.progress().established == 2
        await lab.bring_up("r4")
        await converged(lab)
        assert lab.progress().established == 3
        assert await path(lab, "r2") == "65001 65003 65004"
        await lab.bring_up("r2")
        await converged(lab)
        assert lab.progress().established == 4
        with pytest.raises(UsageError, match="no session r1-r4"):
            await lab.shut_down("r1", "r4")
        with pytest.raises(UsageError, match="no session r1-r4"):
            await lab.reset("r1", "r4")

    play(DIAMOND, scenario)


def test_policy_changes_routes_both_ways_and_nothing_else(play):
    async def scenario(lab, run):
        await lab.set_policy("r1", "r2", imports=(Rule(then="reject"),))
        await converged(lab)
        assert await path(lab, "r1") == "65003 65004"
        assert await path(lab, "r2", "10.1.0.0/16") == "65001"
        await lab.set_policy("r1", exports=(Rule(prepend=2),))
        await converged(lab)
        assert await path(lab, "r4", "10.1.0.0/16") == "65002 65001 65001 65001"
        await lab.set_policy("r1", imports=(), exports=())
        await converged(lab)
        assert await path(lab, "r1") == "65002 65004"
        assert await path(lab, "r4", "10.1.0.0/16") == "65002 65001"

    play(DIAMOND, scenario)


def test_octets_by_hand_are_taken_for_the_routers_own(play):
    async def scenario(lab, run):
        withdrawal = frame(UPDATE, b"\x00\x03\x10\x0a\x01\x00\x00")  # 10.1.0.0/16
        await lab.send_octets("r1", "r2", withdrawal)
        await converged(lab)
        assert await path(lab, "r2", "10.1.0.0/16") == "65004 65003 65001"
        await lab.reset("r1", "r2")
        await converged(lab)
        assert await path(lab, "r2", "10.1.0.0/16") == "65001"

    play(DIAMOND, scenario)


def test_garbage_costs_the_session_and_no_more(play):
    async def scenario(lab, run):
        facts = []
        lab.observe(lambda router, fact: facts.append((router, fact)))
        await lab.send_octets("r1", "r2", b"\x00" * 100_000)  # more than one AMP value holds
        await lab.until(lambda: lost(facts), 5)
        await converged(lab)
        told = [(r, f.code) for r, f in facts if isinstance(f, NotificationReceived)]
        assert ("r1", 1) in told  # Message Header Error
        assert lab.progress().established == 4
        await lab.link_down("r1", "r2")
        with pytest.raises(NotNowError, match=r"^r1 has no connection to r2$"):
            await lab.send_octets("r1", "r2", frame(KEEPALIVE, b""))
        await converged(lab)

    async def lost(facts):
        return any(isinstance(f, StateChanged) and f.old == State.ESTABLISHED for _, f in facts)

    play(DIAMOND, scenario)


def test_a_link_becomes_slow_either_way_and_quick_again(play):
    async def scenario(lab, run):
        await lab.link_down("r3", "r4")
        await converged(lab)
        await lab.delay("r2", "r4", 0.2, 0.05)
        for origin, prefix, least in (("r4", "10.44.0.0/16", 0.2), ("r1", "10.11.0.0/16", 0.2)):
            began = lab.now()
            await lab.announce(origin, prefix)
            verdict = await converged(lab)
            assert least <= verdict.at - began < 1.0
        await lab.delay("r4", "r2", 0.0)
        began = lab.now()
        await lab.announce("r4", "10.45.0.0/16")
        verdict = await converged(lab)
        assert verdict.at - began < 0.2
        assert lab.progress().established == 3

    play(DIAMOND, scenario)
