"""Octets that spend time on a link, in virtual time."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from bgplab.engines.processes.net.delay import DelayLine


class Link:
    """A delay line in virtual time, and what came out of it when."""

    def __init__(self, delay, jitter=0.0, seed=1):
        self.clock = Clock()
        self.arrived = []
        self.line = DelayLine(
            self.clock, self.clock.seconds, delay, jitter, random.Random(seed), self.deliver
        )

    def deliver(self, octets):
        self.arrived.append((self.clock.seconds(), octets))

    @property
    def octets(self):
        return b"".join(octets for _, octets in self.arrived)


def test_octets_arrive_after_the_delay_and_not_before():
    link = Link(0.05)
    link.line.write(b"a")
    link.clock.advance(0.049)
    assert link.arrived == []
    link.clock.advance(0.001)
    assert link.arrived == [(0.05, b"a")]


def test_each_write_has_a_delay_of_its_own():
    link = Link(0.05)
    link.line.write(b"a")
    link.clock.advance(0.03)
    link.line.write(b"b")
    link.clock.pump([0.02, 0.03])
    assert [octets for _, octets in link.arrived] == [b"a", b"b"]
    assert [at for at, _ in link.arrived] == pytest.approx([0.05, 0.08])
    assert link.clock.getDelayedCalls() == []


@given(
    st.lists(st.tuples(st.floats(0, 0.1), st.binary(min_size=1, max_size=4)), max_size=30),
    st.integers(0, 1000),
)
def test_jitter_loses_nothing_reorders_nothing_and_stays_in_its_bounds(writes, seed):
    link = Link(0.02, 0.05, seed)
    sent = []
    for wait, octets in writes:
        link.clock.advance(wait)
        sent.append(link.clock.seconds())
        link.line.write(octets)
    for _ in range(100):
        link.clock.advance(0.001)
    assert link.octets == b"".join(octets for _, octets in writes)
    for written, (at, _) in zip(sent, link.arrived, strict=True):
        assert written + 0.02 <= at + 1e-9
        # Clocks advance in steps here; none is longer than a tenth of a second.
        assert at <= written + 0.07 + 0.1 + 1e-9


def test_who_waits_for_an_empty_link_is_called_when_the_last_octet_has_left():
    link, done = Link(1.0, 0.5), []
    link.line.write(b"a")
    link.line.write(b"b")
    link.line.drain(lambda: done.append(link.octets))
    link.clock.pump([0.01] * 99)
    assert done == []
    link.clock.pump([0.01] * 60)
    assert done == [b"ab"]
    link.line.drain(lambda: done.append(b"at once"))
    assert done == [b"ab", b"at once"]


def test_who_waits_for_an_empty_link_is_not_called_for_what_is_lost():
    link, done = Link(1.0, 0.0), []
    link.line.write(b"a")
    link.line.drain(lambda: done.append(link.octets))
    link.line.cut()
    link.clock.advance(5)
    assert done == []


def test_cut_loses_all_and_leaves_no_call():
    link = Link(1.0)
    link.line.write(b"a")
    link.line.cut()
    link.clock.advance(2.0)
    assert link.arrived == []
    assert link.clock.getDelayedCalls() == []


def test_a_line_may_be_written_to_by_what_it_delivers():
    link = Link(0.05)

    def deliver(octets):
        link.deliver(octets)
        if octets == b"a":
            link.line.write(b"b")

    link.line._deliver = deliver
    link.line.write(b"a")
    link.clock.pump([0.05, 0.05])
    assert link.octets == b"ab"


def test_another_delay_holds_for_what_is_written_from_then_on_and_order_is_kept():
    link = Link(0.5)
    link.line.write(b"a")
    link.line.change(0.1, 0.0)
    link.line.write(b"b")
    busy = [link.line.busy]
    link.clock.pump([0.4, 0.1])
    assert link.arrived == [(0.5, b"a"), (0.5, b"b")]
    assert [*busy, link.line.busy] == [True, False]
    link.line.write(b"c")
    link.clock.advance(0.1)
    assert link.arrived[-1] == (pytest.approx(0.6), b"c")


def test_it_tells_of_each_write_when_it_was_due():
    clock = Clock()
    due: list[float] = []
    line = DelayLine(
        clock, clock.seconds, 0.05, 0.0, random.Random(1), lambda octets: None, due.append
    )
    line.write(b"a")
    clock.advance(0.02)
    line.write(b"b")
    clock.advance(0.9)
    assert due == pytest.approx([0.05, 0.07])
