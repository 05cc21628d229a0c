"""The clock of a lab beside that of the machine."""

from twisted.internet.task import Clock

from bgplab.engines.processes.clock import LabClock, LabTiming


def test_a_lab_has_the_machines_time_until_it_begins_and_its_own_from_then_on():
    machine = Clock()
    lab = LabClock(0.1, machine=machine.seconds)
    machine.advance(100.0)
    assert lab.seconds() == 100.0
    lab.begin()
    assert lab.seconds() == 100.0
    machine.advance(2.0)
    assert lab.seconds() == 120.0
    assert lab.nanoseconds() == 120_000_000_000


def test_clocks_with_one_origin_and_factor_agree():
    machine = Clock()
    first = LabClock(7.0, machine=machine.seconds)
    machine.advance(3.0)
    first.begin()
    second = LabClock(first.factor, first.origin, machine.seconds)
    machine.advance(70.0)
    assert first.seconds() == second.seconds() == 13.0


def test_durations_are_turned_from_one_into_the_other():
    clock = LabClock(0.25)
    assert clock.real(8.0) == 2.0
    assert clock.lab(2.0) == 8.0


def test_calls_come_after_seconds_of_the_lab():
    reactor = Clock()
    called: list[float] = []
    timing = LabTiming(reactor, 0.1)
    timing.callLater(30.0, lambda: called.append(reactor.seconds()))
    kept = timing.callLater(50.0, lambda: called.append(-1.0))
    reactor.advance(2.9)
    assert called == []
    reactor.advance(0.2)
    assert called == [3.1]
    kept.cancel()
    reactor.advance(10)
    assert len(called) == 1
