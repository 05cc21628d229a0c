"""Whatever is done to a lab, once it is undone the routes are those from before."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import Rule
from bgplab.engines.verdict import CONVERGED
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

TEXT = """
topology:
  defaults:
    timers: {hold: 9s, mrai: %s}
    links: {delay: %s, jitter: 5ms}
    flags: {coalesce: off}
  nodes: {%s}
  links: [%s]
"""
EXTRA = "198.51.100.0/24"
WAITS = (0.0, 0.001, 0.012, 0.3, 2.0, 7.0, 30.0, None)  # None: until it has converged
GARBAGE = (bytes(19), b"\xff" * 16 + b"\x00\x13\x04", b"\xff" * 16 + b"\x00\x13\x09")


@st.composite
def labs(draw):
    """Draw a connected graph of 4 to 6 routers; some are slow, and some links take no time."""
    size = draw(st.integers(4, 6))
    links = [(draw(st.integers(1, high - 1)), high) for high in range(2, size + 1)]
    more = [(low, high) for high in range(2, size + 1) for low in range(1, high)]
    links += draw(st.lists(st.sampled_from(more), max_size=4))
    pairs = [(f"r{low}", f"r{high}") for low, high in dict.fromkeys(links)]
    slow = draw(st.sampled_from(["", "", "processing: 50ms, "]))
    nodes = [f"r{n}: {{{slow}originate: [10.{n}.0.0/16]}}" for n in range(1, size + 1)]
    mrai, delay = draw(st.sampled_from(["0s", "2s"])), draw(st.sampled_from(["0s", "10ms"]))
    written = ", ".join(f"{a}-{b}" for a, b in pairs)
    return TEXT % (mrai, delay, ", ".join(nodes), written), pairs


class Trouble:
    """Does one thing after the other to a lab, and knows how to undo it."""

    def __init__(self, text, seed):
        planned = plan(loads(text), seed=seed)
        self.lab = VirtualLab(planned, seed)
        self.quiet_since = None
        self.names = list(self.lab.network.speakers)

    def converge(self):
        """Wait for the verdict; what follows from it is checked before the next act."""
        verdict = run_at_once(self.lab.until_converged(3600.0))
        assert verdict.name == CONVERGED, verdict.reasons

    def stays(self):
        """Check that nothing more happens in a network that has converged."""
        before = self.table(), self.lab.network.updates, self.lab.network.lost
        run_at_once(self.lab.wait(100.0))
        assert (self.table(), self.lab.network.updates, self.lab.network.lost) == before
        assert self.lab.network.quiet

    def table(self):
        """Give all routes of the routers that live, as far as they are determined."""
        return {
            name: {
                (path.source.peer, prefix): (path.block, path.terms)
                for prefix, path in sorted(speaker.routing.loc_rib.best.items())
            }
            for name, speaker in self.lab.network.speakers.items()
        }

    def act(self, name, *values, **named):
        done = getattr(self.lab, name)(*values, **named)
        if done is not None:
            run_at_once(done)

    def runs(self, router):
        network = self.lab.network
        return router in network.speakers and not network.is_paused(router)

    def draw(self, rng, pairs):
        """Do something at random that makes sense now."""
        a, b = rng.choice(pairs)[:: rng.choice([1, -1])]
        alive = [each in self.lab.network.speakers for each in (a, b)]
        peers = rng.choice([(b,), ()])
        rules = rng.choice([(Rule(then="reject"),), (Rule(prepend=2),), ()])
        acts: list[tuple[Any, ...]] = []
        if any(alive):
            acts += [(name, a, b) for name in ("link_down", "link_up", "blackhole", "heal")]
            acts.append(("delay", a, b, rng.choice([0.0, 0.02, 1.5]), rng.choice([0.0, 0.01])))
        acts.append(("restart", a))
        if alive[0]:
            acts += [("kill", a), ("pause", a), ("resume", a)]
        if self.runs(a):
            acts += [("reset", a, *peers), ("shut_down", a, *peers), ("bring_up", a, *peers)]
            acts += [("announce", a, EXTRA), ("withdraw", a, EXTRA)]
            acts.append(("withdraw", a, f"10.{a[1:]}.0.0/16"))
        act = rng.choice(acts)
        if self.runs(a) and rng.random() < 0.2:
            which = rng.choice(["imports", "exports"])
            self.act("set_policy", a, *peers, **{which: rules})
        elif self.runs(a) and rng.random() < 0.1:
            if any(end.peer == b and end.known for end in self.lab.network.ends(a)):
                self.act("send_octets", a, b, rng.choice(GARBAGE))
        else:
            self.act(*act)

    def undo(self, rng, pairs):
        """Undo all that may have been done, in any order."""
        acts: list[tuple[Any, ...]] = [
            ("restart", name) for name in self.names if name not in self.lab.network.speakers
        ]
        for act in acts:
            self.act(*act)
        acts = [("resume", name) for name in self.names]
        for a, b in pairs:
            acts += [("link_up", a, b), ("heal", a, b), ("delay", a, b, 0.0)]
        rng.shuffle(acts)
        for act in acts:
            self.act(*act)
        for name in rng.sample(self.names, len(self.names)):
            self.act("bring_up", name)
            self.act("set_policy", name, imports=(), exports=())
            self.act("withdraw", name, EXTRA)
            self.act("announce", name, f"10.{name[1:]}.0.0/16")


@settings(max_examples=60, deadline=None)
@given(labs(), st.integers(0, 2**32), st.lists(st.sampled_from(WAITS), max_size=25))
def test_once_all_is_undone_routes_are_those_of_a_fresh_lab(drawn, seed, waits):
    """And on the way nothing is called converged that goes on."""
    text, pairs = drawn
    rng = Random(seed)
    fresh, trouble = Trouble(text, seed), Trouble(text, seed)
    run_at_once(fresh.lab.converge(600.0))
    run_at_once(trouble.lab.start())
    for wait in waits:
        if wait is None:
            trouble.converge()
            trouble.stays()
        else:
            run_at_once(trouble.lab.wait(wait))
        trouble.draw(rng, pairs)
    trouble.undo(rng, pairs)
    trouble.converge()
    assert trouble.lab.progress().established == len(pairs)
    trouble.stays()
    assert trouble.table() == fresh.table()
