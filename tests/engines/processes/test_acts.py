"""Acts on links of a lab of real processes, and the verdicts around them."""

import time

import pytest

from bgplab.errors import ProcessError, UsageError

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


async def path(lab, router, prefix="10.4.0.0/16"):
    rows = {row.prefix: row.as_path for row in await lab.routes(router)}
    return rows.get(prefix)


def test_a_cut_link_is_routed_around_exactly_and_taken_again_when_it_is_mended(play):
    async def scenario(lab, run):
        assert await path(lab, "r1") == "65002 65004"
        before = lab.now()
        await lab.link_down("r2", "r4")
        verdict = await lab.until_converged(10)
        assert verdict.name == "converged", verdict.reasons
        assert before < verdict.at < before + 1
        assert await path(lab, "r1") == "65003 65004"
        assert await path(lab, "r2") == "65001 65003 65004"
        assert lab.progress().established == 3
        await lab.announce("r4", "10.44.0.0/16")  # acts while a link is down
        assert (await lab.until_converged(10)).name == "converged"
        assert await path(lab, "r2", "10.44.0.0/16") == "65001 65003 65004"
        await lab.wait(3.0)  # attempts fail meanwhile
        again = await lab.until_converged(10)
        assert again.detected - again.at > 2.9
        mended = lab.now()
        await lab.link_up("r4", "r2")
        verdict = await lab.until_converged(10)
        assert verdict.name == "converged", verdict.reasons
        assert verdict.at - mended < 2.0
        assert lab.progress().established == 4
        assert await path(lab, "r1") == "65002 65004"
        assert await path(lab, "r2", "10.44.0.0/16") == "65004"

    play(DIAMOND, scenario)


def test_a_lab_may_be_cut_in_two_and_joined_again_at_once(play):
    async def scenario(lab, run):
        for _ in range(3):
            await lab.link_down("r2", "r4")
            await lab.link_down("r3", "r4")
            verdict = await lab.until_converged(10)
            assert verdict.name == "converged", verdict.reasons
            assert await path(lab, "r1") is None
            assert await path(lab, "r4", "10.1.0.0/16") is None
            await lab.link_up("r2", "r4")
            await lab.link_up("r3", "r4")
            verdict = await lab.until_converged(10)
            assert verdict.name == "converged", verdict.reasons
            assert await path(lab, "r1") == "65002 65004"
        await lab.link_down("r1", "r2")
        await lab.link_up("r1", "r2")  # before anything could come of it
        assert (await lab.until_converged(10)).name == "converged"
        assert lab.progress().established == 4

    play(DIAMOND, scenario)


def test_a_link_to_a_dead_router_can_be_cut_and_routers_without_a_session_cannot(play):
    async def scenario(lab, run):
        with pytest.raises(UsageError, match=r"no session r1-r4; peers of r1: r2, r3"):
            await lab.link_down("r1", "r4")
        with pytest.raises(UsageError, match=r"no router 'r9'"):
            await lab.link_up("r1", "r9")
        lab.kill("r4")
        assert (await lab.until_converged(10)).name == "converged"
        await lab.link_down("r2", "r4")
        assert (await lab.until_converged(10)).name == "converged"
        assert await path(lab, "r1") is None
        lab.kill("r2")
        assert (await lab.until_converged(10)).name == "converged"
        with pytest.raises(ProcessError, match="not running"):
            await lab.link_up("r2", "r4")

    play(DIAMOND, scenario)


def test_communities_go_with_an_announcement_and_waiting_takes_its_time(play):
    async def scenario(lab, run):
        await lab.announce("r4", "10.45.0.0/16", med=7, communities=(65004 << 16 | 1,))
        assert (await lab.until_converged(10)).name == "converged"
        assert await path(lab, "r1", "10.45.0.0/16") == "65002 65004"
        began = time.monotonic()
        await lab.wait(0.3)
        assert 0.3 <= time.monotonic() - began < 2

    play(DIAMOND, scenario)
