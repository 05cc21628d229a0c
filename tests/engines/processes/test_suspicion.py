"""From records out of order to the proof of a cycle, in virtual time."""

import itertools
import random

import pytest
from twisted.internet.task import Clock

from bgplab.config import PeerConfig, RouterConfig, Timers
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.suspicion import LASTING, TURNS, WINDOW, Suspicion, patience
from bgplab.facts import BestChanged
from bgplab.wire.nlri import encode_prefix

PREFIX = encode_prefix("10.9.0.0/16")
TURN = (("r1", "r3"), ("r2", "r0"), ("r1", "r0"), ("r2", "r1"))  # who changes to whose route


class Bench:
    """A Suspicion on a clock of the test's, fed with delays of records at will."""

    def __init__(self, factor=1.0):
        self.machine = Clock()
        self.lab = LabClock(factor, machine=self.machine.seconds)
        self.machine.advance(1000.0)
        self.lab.begin()
        self.suspicion = Suspicion(self.lab)

    def play(self, changes, late=lambda: 0.0, until=None, look=0.1):
        """Let changes (seconds of the machine from now, router, peer) arrive, each `late`."""
        began, lab = self.machine.seconds(), self.lab
        arriving = sorted(
            ((at + late(), i, at, router, peer) for i, (at, router, peer) in enumerate(changes))
        )
        end = began + (until if until is not None else max(at for at, *_ in changes) + 2)
        while self.machine.seconds() < end:
            self.machine.advance(look)
            now = self.machine.seconds() - began
            while arriving and arriving[0][0] <= now:
                _, _, at, router, peer = arriving.pop(0)
                told = lab.origin + (began + at - lab.origin) / lab.factor
                self.suspicion.changed(router, BestChanged(told, PREFIX, peer, f"{peer}"))
            cycle = self.suspicion.look()
            if cycle is not None:
                return cycle
        return None


def turns(period, seconds):
    """List the changes of a network that goes round with a period for so long."""
    step = period / len(TURN)
    return [
        (i * step, router, peer)
        for i, (router, peer) in zip(
            range(int(seconds / step)), itertools.cycle(TURN), strict=False
        )
    ]


def test_what_goes_round_for_long_is_a_cycle_with_its_period():
    bench = Bench()
    cycle = bench.play(turns(0.4, 40.0))
    assert cycle is not None
    assert cycle.turns == TURNS
    assert cycle.period == pytest.approx(0.4)
    assert sorted((c.router, c.peer) for c in cycle.changes) == sorted(TURN)
    assert bench.machine.seconds() - 1000 < 2 * LASTING + 20


def test_what_goes_round_quickly_must_go_on_for_long():
    assert Bench().play(turns(0.02, LASTING - 1)) is None
    assert Bench().play(turns(0.02, LASTING + 3)) is not None


def test_short_bursts_with_quiet_between_are_no_cycle_that_lasts():
    burst = turns(0.02, 2.0)
    changes = [(i * 10 + at, router, peer) for i in range(6) for at, router, peer in burst]
    assert Bench().play(changes) is None


def test_records_that_arrive_out_of_order_are_put_in_order():
    rng = random.Random(1)
    cycle = Bench().play(turns(0.4, 40.0), late=lambda: rng.uniform(0, 0.9 * WINDOW))
    assert cycle is not None
    assert sorted((c.router, c.peer) for c in cycle.changes) == sorted(TURN)


def test_records_that_come_later_than_expected_only_delay_the_proof():
    rng = random.Random(2)
    cycle = Bench().play(turns(0.4, 120.0), late=lambda: rng.uniform(0, 5 * WINDOW))
    assert cycle is not None
    assert sorted((c.router, c.peer) for c in cycle.changes) == sorted(TURN)


def test_a_thousand_changes_without_return_are_no_cycle():
    """Path exploration: the routes of a router change often, the whole never comes back."""
    changes = [(i * 0.02, f"r{i % 7}", f"p{i}") for i in range(3000)]
    assert Bench().play(changes) is None


def test_a_disturbance_begins_the_proof_anew():
    bench = Bench()
    for _ in range(6):
        assert bench.play(turns(0.02, LASTING - 2), until=LASTING - 2) is None
        bench.suspicion.disturb()
    assert bench.play(turns(0.02, LASTING + 3)) is not None


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_under_a_time_scale_the_machine_gets_its_time_and_the_period_is_the_labs(factor):
    cycle = Bench(factor).play(turns(0.4, 40.0))
    assert cycle is not None
    assert cycle.period == pytest.approx(0.4 / factor)
    assert Bench(factor).play(turns(0.02, LASTING - 1)) is None


def test_patience_grows_with_mrai_and_with_the_lab():
    def routers(count, mrai):
        peer = PeerConfig("p", "127.1.0.2", 1790, 65000, timers=Timers(mrai=mrai))
        one = RouterConfig("r", 65001, "10.0.0.1", "127.1.0.1", 1790, "10.0.0.1", peers=(peer,))
        return [one] * count

    few = patience(routers(3, 0.0), 1.0)
    assert 3.0 <= few < 4.0
    assert patience(routers(1000, 0.0), 1.0) > few + 15
    assert patience(routers(3, 30.0), 1.0) == pytest.approx(few + 30.0)
    assert patience(routers(3, 30.0), 0.1) == pytest.approx(few + 3.0)
