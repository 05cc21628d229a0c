"""What a scenario expects of timers, against labs that tell of theirs what a test says."""

from types import SimpleNamespace

import pytest

from bgplab.engines.virtual.lab import VirtualLab
from bgplab.observe.histogram import LatenessHistogram
from bgplab.topology.assertions import ExpectExpiry, ExpectKeepalive
from bgplab.topology.steps import Mark, WaitConverged, WaitFor

PAIR = "topology: {nodes: {r1: , r2: }, links: [r1-r2]}"
R1, R2 = ("r1", "r2"), ("r2", "r1")


def timing(end, sent=(8, 0), received=(7, 0), late=0.004):
    lateness = LatenessHistogram()
    lateness.add(late)
    kinds = (SimpleNamespace(count=count, outside=out) for count, out in (sent, received))
    return SimpleNamespace(
        router=end[0], peer=end[1], sent=next(kinds), received=next(kinds), lateness=lateness
    )


def expired(end, at, kind, evidence="r2 is paused"):
    return SimpleNamespace(router=end[0], peer=end[1], at=at, kind=kind, evidence=evidence)


@pytest.fixture
def judged(play):
    """Give `judged(what, timings=..., expiries=...)`: the result of an expectation."""

    def judge(what, timings=(), expiries=()):
        class Told(VirtualLab):
            async def timings(self):
                return timings

            async def expiries(self):
                return expiries

        steps = (WaitConverged(), WaitFor(5.0), Mark("pause"), WaitFor(5.0), what)
        return play(PAIR, *steps, lab=lambda planned: Told(planned, 0)).steps[-1]

    return judge


# -------------------------------------------------------------------------- KEEPALIVEs


def test_intervals_in_their_window_and_timers_in_time_pass(judged):
    result = judged(ExpectKeepalive(p99_below=0.02), [timing(R1), timing(R2)])
    assert result.ok
    assert result.expected == (
        "every KEEPALIVE interval in the jitter window and p99 lateness below 0.020 s"
    )
    assert result.actual == "30 of 30 intervals in the window, p99 lateness 0.004 s"


def test_an_interval_outside_is_told_with_its_session_end(judged):
    result = judged(ExpectKeepalive(), [timing(R1, sent=(8, 2)), timing(R2)])
    assert result.ok is False
    assert result.actual == (
        "28 of 30 intervals in the window, r1 with r2: 2 sent, 0 received outside"
    )


def test_timers_that_were_late_fail_though_all_intervals_are_inside(judged):
    what = ExpectKeepalive(window=False, p99_below=0.02)
    result = judged(what, [timing(R1, sent=(8, 2), late=0.03)])
    assert result.ok is False
    assert result.actual == "p99 lateness 0.030 s, KeepaliveTimers were late"


def test_only_the_session_ends_that_are_named_count(judged):
    timings = [timing(R1, sent=(8, 2)), timing(R2)]
    assert judged(ExpectKeepalive((R2,)), timings).ok
    assert not judged(ExpectKeepalive((R1,)), timings).ok


def test_where_no_interval_was_measured_nothing_is_shown(judged):
    result = judged(ExpectKeepalive(), [timing(R1, sent=(0, 0), received=(0, 0))])
    assert result.ok is False
    assert result.actual == "0 of 0 intervals in the window, no interval was measured"


# ------------------------------------------------------------------------- hold timers


def test_an_expiry_of_the_kind_passes_and_is_told_with_its_evidence(judged):
    found = [expired(R1, 8.0, "genuine")]
    result = judged(ExpectExpiry((R1,), since="pause"), expiries=found)
    assert result.ok
    assert result.actual.startswith("r1 with r2: genuine at 8.0")
    assert result.actual.endswith("(r2 is paused)")


@pytest.mark.parametrize(
    "found, actual",
    [
        ([], "r1 with r2: it did not expire"),
        ([expired(R1, 2.0, "genuine")], "r1 with r2: it did not expire"),
        ([expired(R2, 8.0, "genuine")], "r1 with r2: it did not expire"),
        ([expired(R1, 8.0, "starvation")], "r1 with r2: starvation at 8.000 s (r2 is paused)"),
    ],
)
def test_no_expiry_or_one_for_another_reason_fails(judged, found, actual):
    result = judged(ExpectExpiry((R1,), "genuine", "pause"), expiries=found)
    assert (result.ok, result.actual) == (False, actual)
    assert result.expected == "r1 with r2: HoldTimer expired, genuine since pause"


def test_all_expiries_of_an_end_must_be_of_the_kind(judged):
    found = [expired(R1, 7.0, "genuine"), expired(R1, 9.0, "unclear")]
    assert not judged(ExpectExpiry((R1,)), expiries=found).ok
