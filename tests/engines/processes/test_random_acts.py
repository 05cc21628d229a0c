"""Random acts on labs of real processes: once all is undone, routes are as they were."""

from contextlib import suppress
from random import Random

import networkx
import pytest

from bgplab.config import Rule
from bgplab.errors import NotNowError

TIMERS = "{hold: 3s, idle-hold: 100ms, connect-retry: 500ms, idle-hold-max: 500ms}"
LIMIT = 30.0  # seconds that a verdict may take
ACTS = 8
KINDS = (
    *("cut", "dark", "shut", "policy", "kill", "pause"),
    *("restart", "reset", "slow", "announce", "octets"),
)


def topology(rng, size):
    """Write the file of a random connected graph; give it with the links."""
    tree = networkx.random_labeled_tree(size, seed=rng)
    extra = networkx.gnm_random_graph(size, size // 2 + 1, seed=rng)
    edges = sorted({tuple(sorted(edge)) for edge in [*tree.edges, *extra.edges]})
    nodes = "\n".join(
        f"    r{i}: {{asn: {65001 + i}, originate: [10.{i + 1}.0.0/16]}}" for i in range(size)
    )
    links = [(f"r{a}", f"r{b}") for a, b in edges]
    text = f"""
name: random
topology:
  defaults: {{timers: {TIMERS}}}
  nodes:
{nodes}
  links: [{", ".join(f"{a}-{b}" for a, b in links)}]
"""
    return text, links


async def every_route(lab):
    names = [state.name for state in lab.states()]
    return {name: sorted(row[:4] for row in await lab.routes(name)) for name in names}


class Chaos:
    """Does something at random, and knows how all of it is undone."""

    def __init__(self, lab, links, rng):
        self.lab, self.links, self.rng = lab, links, rng
        self.names = [state.name for state in lab.states()]
        self.undoing = []
        self.asleep, self.dead = set(), set()

    def awake(self):
        return [name for name in self.names if name not in self.asleep | self.dead]

    async def act(self):
        lab, rng = self.lab, self.rng
        a, b = rng.choice(self.links)
        name = rng.choice(self.awake())
        peer = rng.choice([y if x == name else x for x, y in self.links if name in (x, y)])
        kind = rng.choice(KINDS)
        if kind in ("cut", "dark", "slow") and {a, b} <= self.dead:
            return
        if kind == "cut":
            await lab.link_down(a, b)
            self.undoing.append(lambda: lab.link_up(b, a))
        elif kind == "dark":
            await lab.blackhole(a, b)
            self.undoing.append(lambda: lab.heal(a, b))
        elif kind == "slow":
            await lab.delay(a, b, 0.05, 0.02)
            self.undoing.append(lambda: lab.delay(a, b, 0.0))
        elif kind == "shut":
            await lab.shut_down(name, peer, message="maintenance")
            self.undoing.append(lambda: lab.bring_up(name, peer))
        elif kind == "policy":
            await lab.set_policy(name, peer, imports=(Rule(then="reject"),))
            self.undoing.append(lambda: lab.set_policy(name, peer, imports=()))
        elif kind in ("kill", "pause") and len(self.awake()) > 2:
            await self.silence(kind, name)
        elif kind == "restart":
            await lab.restart(name)
        elif kind == "announce":
            await lab.announce(name, "10.200.0.0/16")
            self.undoing.append(lambda: lab.withdraw(name, "10.200.0.0/16"))
        elif kind == "reset":
            await lab.reset(name, peer)
        elif kind == "octets":
            with suppress(NotNowError):  # the session may be down
                await lab.send_octets(name, peer, b"\x00" * 40)

    async def silence(self, kind, name):
        if kind == "kill":
            self.lab.kill(name)
            self.dead.add(name)
        else:
            await self.lab.pause(name)
            self.asleep.add(name)

    async def undo(self):
        for name in sorted(self.dead | self.asleep):
            await (self.lab.restart if name in self.dead else self.lab.resume)(name)
        for back in self.undoing:
            await back()


@pytest.mark.scale  # test_random_scenarios.py holds a part of it in CI
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(4))
def test_all_is_as_before_once_all_is_undone(play, seed):
    rng = Random(seed)
    text, links = topology(rng, 6)

    async def scenario(lab, run):
        before = await every_route(lab)
        chaos = Chaos(lab, links, rng)
        for _ in range(ACTS):
            await chaos.act()
            if rng.random() < 0.5:
                verdict = await lab.until_converged(LIMIT)
                assert verdict.name == "converged", verdict.reasons
            else:
                await lab.wait(rng.choice([0.0, 0.05, 1.0]))
        await chaos.undo()
        verdict = await lab.until_converged(LIMIT)
        assert verdict.name == "converged", verdict.reasons
        assert await every_route(lab) == before
        assert lab.sessions_up()
        assert lab.deaths == []
        assert (await lab.measures()).failures == 0

    play(text, scenario, limit=280)
