"""Networks that cannot settle, with routers that rank paths as the gadgets of the theory do.

T. Griffin, F. Shepherd, G. Wilfong, The stable paths problem and interdomain routing, ToN
10(2), 2002, figures 3 and 4. A router uses the first of its ranked AS_PATHs that it has.
"""

import pytest

from bgplab.engines.verdict import CONVERGED, DIVERGES
from bgplab.engines.virtual.lab import TURNS, VirtualLab, run_at_once
from bgplab.rib.loc_rib import LocRib
from bgplab.speaker.speaker import Speaker
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.wire.attributes import format_as_path

GADGET = b"\x18\xc0\x00\x02"  # 192.0.2.0/24
LINKS = ["n0-n1", "n0-n2", "n0-n3", "n1-n2", "n1-n3", "n2-n4", "n3-n4"]
RANKS = {
    "GOOD": {"n1": "130 10", "n2": "210 20", "n3": "30", "n4": "430 420"},
    "BAD": {"n1": "130 10", "n2": "210 20", "n3": "3420 30", "n4": "420 430"},
    "DISAGREE": {"n1": "120 10", "n2": "210 20"},
}


class Ranked(LocRib):
    """Ranks AS_PATHs of the gadget's prefix; all else is decided as ever."""

    __slots__ = ("ranks",)

    ranks: tuple[str, ...]

    def concerned(self, prefix, old, new):
        return prefix == GADGET or super().concerned(prefix, old, new)

    def decide(self, prefix):
        if prefix != GADGET or prefix in self.own:
            return super().decide(prefix)
        old = self.best.pop(prefix, None)
        found = {format_as_path(p.attributes.as_path): p for p in self.candidates(prefix)}
        for wanted in self.ranks:
            if wanted in found:
                self.best[prefix] = found[wanted]
                break
        return self.best.get(prefix) is not old


def lab_of(gadget, seed=0, timers="{}", jitter="0s", around=0):
    """Make the lab of a gadget, and beside it a ring of so many routers with a prefix each."""
    names = ["n0", *RANKS[gadget]]
    nodes = [f"{name}: {{asn: {int(name[1:]) + 65000}}}" for name in names[1:]]
    links = [link for link in LINKS if set(link.split("-")) <= set(names)]
    generate = f"generate: {{model: ring, n: {around}, names: r}}" if around else ""
    text = f"""
topology:
  defaults: {{timers: {timers}, links: {{jitter: {jitter}}}}}
  nodes: {{n0: {{asn: 65000, originate: [192.0.2.0/24]}}, {", ".join(nodes)}}}
  links: [{", ".join(links + ["n0-r1"] * bool(around))}]
  {generate}
"""

    def ranked(config, rng):
        speaker = Speaker(config, rng)
        ranks = RANKS[gadget].get(config.name)
        if ranks:
            rib = Ranked()
            rib.ranks = tuple(
                " ".join(str(65000 + int(digit)) for digit in path[1:])
                for path in ranks.split()
            )
            rib.watch([inbound.adj for inbound in speaker.routing._inbound.values()])
            speaker.routing.loc_rib = rib
        return speaker

    return VirtualLab(plan(loads(text), seed=seed), seed, speaker=ranked)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "timers, jitter", [("{}", "0s"), ("{mrai: 5s}", "0s"), ("{mrai: 30s}", "20ms")]
)
def test_bad_gadget_diverges_with_its_cycle(seed, timers, jitter):
    lab = lab_of("BAD", seed, timers, jitter)
    verdict = run_at_once(lab.converge(86_400.0))
    assert verdict.name == DIVERGES
    cycle = verdict.cycle
    assert cycle is not None
    assert {change.prefix for change in cycle.changes} == {"192.0.2.0/24"}
    assert {"n3", "n4"} <= {change.router for change in cycle.changes} <= set(RANKS["BAD"])
    assert cycle.turns > TURNS
    assert cycle.updates >= 4
    assert cycle.period > 0
    if timers != "{}":  # an UPDATE at most per MRAI and session
        mrai = float(timers[7:-2])
        assert cycle.updates / cycle.period <= 14 / (0.75 * mrai)


def test_bad_gadget_is_found_in_a_large_quiet_network():
    lab = lab_of("BAD", around=200)
    verdict = run_at_once(lab.converge(86_400.0))
    assert verdict.name == DIVERGES
    assert verdict.cycle is not None
    assert {change.prefix for change in verdict.cycle.changes} == {"192.0.2.0/24"}


@pytest.mark.parametrize("seed", range(20))
def test_good_gadget_converges_with_few_changes(seed):
    lab = lab_of("GOOD", seed, jitter="20ms")
    assert run_at_once(lab.converge(600.0)).name == CONVERGED
    assert sum(speaker.routing.changes for speaker in lab.network.speakers.values()) <= 10


def test_disagree_always_settles_and_both_outcomes_appear():
    outcomes = []
    for seed in range(60):
        lab = lab_of("DISAGREE", seed)
        assert run_at_once(lab.converge(600.0)).name == CONVERGED
        best = [
            lab.network.speakers[name].routing.loc_rib.best[GADGET] for name in ("n1", "n2")
        ]
        outcomes.append(tuple(path.source.peer for path in best))
    assert set(outcomes) == {("n2", "n0"), ("n0", "n1")}


IN_STEP = """
topology:
  defaults: {links: {delay: 10ms}, timers: {mrai: %s}, flags: {jitter: off}}
  nodes:
    n0: {asn: 65000, originate: [192.0.2.0/24]}
    n1: {asn: 65001, import: [%s]}
    n2: {asn: 65002, import: [%s]}
  links: [n0-n1, n0-n2, n1-n2]
"""


@pytest.mark.parametrize("mrai", ["0s", "1s"])
def test_routers_that_only_keep_in_step_are_not_called_divergent(mrai):
    """DISAGREE on links without jitter goes in a circle for long; a trial ends it."""
    rule = "{match: {as-path: [%s, 65000]}, set: {local-pref: 200}}"
    topology = loads(IN_STEP % (mrai, rule % "65002", rule % "65001"))
    ends = set()
    for seed in range(30):
        lab = VirtualLab(plan(topology, seed=seed), seed)
        assert run_at_once(lab.converge(600.0)).name == CONVERGED
        ends.add(tuple(run_at_once(lab.routes(name))[0].as_path for name in ("n1", "n2")))
    assert ends == {("65002 65000", "65000"), ("65000", "65001 65000")}
