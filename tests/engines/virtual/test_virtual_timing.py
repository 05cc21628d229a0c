"""What sessions measure of their timers in virtual time, where no router is ever late."""

from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.observe.timing import MRAI, total
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

LINE = """
topology:
  defaults: {timers: {hold: 9s, keepalive: 3s, mrai: 5s}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65003, originate: [10.3.0.0/16]}
  links:
    - {endpoints: [r1, r2]}
    - {endpoints: [r2, r3], delay: 2s}
"""


def converged(text=LINE):
    lab = VirtualLab(plan(loads(text), seed=1), 1)
    assert run_at_once(lab.converge(100.0)).name == "converged"
    return lab


def timings(lab):
    return {(each.router, each.peer): each for each in run_at_once(lab.timings())}


def expiries(lab):
    return [
        (each.router, each.peer, each.kind, round(each.waited, 6))
        for each in run_at_once(lab.expiries())
    ]


def test_both_ends_of_a_session_measure_the_same_intervals_whatever_the_delay():
    lab = converged()
    run_at_once(lab.wait(600.0))
    found = timings(lab)
    assert list(found) == [("r1", "r2"), ("r2", "r1"), ("r2", "r3"), ("r3", "r2")]
    for ends, timing in found.items():
        other = found[ends[::-1]]
        assert timing.within_window()
        assert (timing.hold, timing.keepalive) == (9, 3.0)
        assert timing.epoch == other.epoch != 0
        assert timing.last_sent is not None
        assert timing.last_received is not None
        assert lab.now() - timing.last_sent <= 3.0
        assert abs(timing.sent.count - other.received.count) <= 1
        assert timing.sent.late == 0.0
        assert timing.lateness.count == 0
    assert expiries(lab) == []


def test_intervals_of_mrai_are_measured():
    """RFC 4271 sections 9.2.1.1 and 10."""
    lab = converged()
    for med in range(50):
        run_at_once(lab.announce("r1", "10.1.0.0/16", med=med))
        run_at_once(lab.wait(1.0))
    kept = total(timings(lab).values(), MRAI)
    assert kept.count >= 9
    assert kept.least is not None
    assert kept.least >= 0.75 - 1e-6
    assert kept.outside == 0


def test_a_link_that_swallows_octets_is_found_after_the_hold_time_and_genuine():
    """RFC 4271 section 6.5: one hold time after the last message."""
    lab = converged()
    run_at_once(lab.wait(20.0))
    run_at_once(lab.blackhole("r1", "r2"))
    run_at_once(lab.wait(20.0))
    found = expiries(lab)
    assert found
    assert {each[:2] for each in found} <= {("r1", "r2"), ("r2", "r1")}
    assert {each[2:] for each in found} == {("genuine", 9.0)}
    assert timings(lab)["r1", "r2"].epoch == 0
    assert timings(lab)["r2", "r3"].within_window()


def test_timing_outlives_the_connection_and_goes_on_with_the_next():
    lab = converged()
    run_at_once(lab.wait(30.0))
    before = timings(lab)["r1", "r2"]
    run_at_once(lab.reset("r1", "r2"))
    assert run_at_once(lab.until_converged(60.0)).name == "converged"
    run_at_once(lab.wait(30.0))
    after = timings(lab)["r1", "r2"]
    assert after.epoch != before.epoch
    assert after.sent.count > before.sent.count >= 10
    assert after.within_window()


def test_a_peer_that_speaks_less_often_than_the_hold_time_asks_is_lost_again_and_again():
    """A mistake in the file, not a late process: RFC 4271 section 4.4."""
    slow = "{asn: 65001, timers: {hold: 90s, keepalive: 30s}, originate: [10.1.0.0/16]}"
    text = LINE.replace("{asn: 65001, originate: [10.1.0.0/16]}", slow)
    lab = VirtualLab(plan(loads(text), seed=1), 1)
    run_at_once(lab.converge(1.0))
    run_at_once(lab.wait(120.0))
    found = expiries(lab)
    assert len(found) > 4
    assert {each[:2] for each in found} == {("r2", "r1")}
    assert {each[2:] for each in found} == {("genuine", 9.0)}
