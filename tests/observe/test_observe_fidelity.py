import json

import pytest

from bgplab.config import PeerConfig, RouterConfig, Timers
from bgplab.observe.fidelity import certify, shortest_interval
from bgplab.observe.histogram import LatenessHistogram


def router(*timers):
    peers = tuple(
        PeerConfig(f"p{i}", "127.1.0.2", 1790, 65002, timers=each)
        for i, each in enumerate(timers)
    )
    return RouterConfig("r1", 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1", peers=peers)


def late(*values):
    histogram = LatenessHistogram()
    for value in values:
        histogram.add(value)
    return histogram


@pytest.mark.parametrize(
    "timers,expected",
    [
        ([Timers(hold=90)], 30.0),
        ([Timers(hold=90, keepalive=10.0)], 10.0),
        ([Timers(hold=9, keepalive=200.0)], 3.0),
        ([Timers(hold=90), Timers(hold=30, mrai=2.0)], 2.0),
        ([Timers(hold=0, keepalive=1.0)], None),
        ([Timers(hold=0, mrai=5.0)], 5.0),
        ([], None),
    ],
)
def test_the_shortest_interval_is_keepalive_a_third_of_hold_or_mrai(timers, expected):
    assert shortest_interval([router(*timers)]) == expected


def test_punctual_timers_make_a_valid_run():
    certificate = certify([late(*[0.001] * 99), late(0.149)], interval=3.0)
    assert certificate.valid
    assert certificate.reasons == ()
    assert certificate.limit == pytest.approx(0.15)
    assert certificate.lateness.max == 0.149


def test_one_late_timer_in_a_hundred_does_not_spoil_a_run():
    assert certify([late(*[0.001] * 99, 10.0)], interval=3.0).valid


def test_late_timers_make_the_run_invalid_and_the_reason_says_by_how_much():
    certificate = certify([late(*[0.5] * 10)], interval=3.0)
    assert not certificate.valid
    (reason,) = certificate.reasons
    assert reason.startswith("timers fired too late: the 99th percentile is 0.49")
    assert "the limit 0.15 s (5 % of the shortest interval, 3 s)" in reason


def test_a_starved_hold_timer_makes_the_run_invalid_whatever_the_lateness():
    certificate = certify([late(0.001)], interval=3.0, starved=2)
    assert not certificate.valid
    assert certificate.reasons == (
        "2 hold timers expired because a process was late, not its peer silent",
    )


def test_without_timers_there_is_no_limit():
    certificate = certify([late(5.0)], interval=None)
    assert certificate.valid
    assert certificate.limit is None


def test_the_report_has_the_keys_of_the_command_line_and_is_json():
    report = certify([], interval=3.0).to_dict()
    assert report["lateness"] == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert json.loads(json.dumps(report)) == report
