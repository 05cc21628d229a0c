"""What the controller makes of its routers' measures, and of its own punctuality."""

import pytest

from bgplab.engines.processes.measuring import Pulse, summed_up
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import NO_STALLS, Stalls


def octets(*values):
    histogram = LatenessHistogram()
    for value in values:
        histogram.add(value)
    return histogram.to_bytes()


def answer(lateness, links=b"", stalls=0, longest_stall=0.0):
    return {
        "lateness": lateness,
        "links": links,
        "stalls": stalls,
        "longest_stall": longest_stall,
        "sent": 3,
        "received": 2,
        "routes": 10,
        "coalesced": 0.5,
        "failures": 1,
        "busy": 0.25,
    }


def test_the_measures_of_all_routers_are_merged_and_the_latest_is_named():
    measures = summed_up(
        {
            "r1": answer(octets(0.001, 0.002), octets(0.3)),
            "r2": answer(octets(0.5), stalls=2, longest_stall=0.1),
            "r3": answer(octets(0.01), octets(0.1, 0.2), 1, 0.4),
        },
        ("r4",),
    )
    assert measures.lateness.count == 4
    assert (measures.lateness.maximum, measures.latest) == (0.5, "r2")
    assert measures.links.count == 3
    assert (measures.links.maximum, measures.latest_link) == (0.3, "r1")
    assert measures.stalls == Stalls(3, 0.4, "r3")
    assert measures.silent == ("r4",)
    assert (measures.updates_sent, measures.updates_received, measures.routes) == (9, 6, 30)
    assert (measures.coalesced, measures.failures, measures.busy) == (0.5, 3, 0.75)


def test_without_an_answer_there_is_nothing():
    measures = summed_up({}, ())
    assert measures.lateness.count == measures.updates_sent == 0
    assert measures.stalls == NO_STALLS
    assert measures.latest == ""


@pytest.mark.parametrize(
    "beats,expected",
    [
        ([10.1, 10.2, 10.3], Stalls()),
        ([10.1, 10.24, 10.3], Stalls()),
        ([10.1, 10.3, 10.9, 11.0], Stalls(2, 0.5)),
        ([11.1, 11.2], Stalls(1, 1.0)),
    ],
)
def test_a_pulse_that_comes_late_is_a_stall_of_the_controller(beats, expected):
    times, done = iter([10.0, *beats]), []
    pulse = Pulse(lambda: done.append(1), 0.1, lambda: next(times))
    pulse.start()
    for _ in beats:
        pulse.beat()
    assert pulse.stalls.number == expected.number
    assert pulse.stalls.longest == pytest.approx(expected.longest)
    assert len(done) == len(beats)
