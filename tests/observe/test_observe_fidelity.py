"""The certificate: its rule, its verdict with reasons, and what would help."""

import json
from dataclasses import dataclass

import pytest

from bgplab.config import PeerConfig, RouterConfig, Timers
from bgplab.observe.fidelity import (
    Evidence,
    Rule,
    certify,
    certify_virtual,
    make_rule,
    shortest_interval,
)
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import Load, Stalls
from bgplab.topology.graph import FidelityLimits

RULE = Rule(3.0, 0.15, 0.05)  # a hold time of 9 s


@dataclass(frozen=True)
class Expired:
    """A hold timer that expired, as the certificate sees it."""

    kind: str
    router: str = "r1"
    peer: str = "r2"


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


def judged(*values, rule=RULE, expiries=(), **evidence):
    return certify(Evidence(10, late(*values), "r7", **evidence), rule, expiries)


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


@pytest.mark.parametrize(
    "limits,factor,limit,expected",
    [
        (FidelityLimits(), 1.0, None, Rule(3.0, 0.15, 0.05)),
        (FidelityLimits(0.1), 1.0, None, Rule(3.0, 0.3, 0.1)),
        (FidelityLimits(), 2.0, None, Rule(6.0, 0.3, 0.05, 2.0)),
        (FidelityLimits(lateness=0.02), 1.0, None, Rule(3.0, 0.02)),
        (FidelityLimits(lateness=0.02), 2.0, None, Rule(6.0, 0.04, None, 2.0)),
        (FidelityLimits(lateness=0.02), 2.0, 0.5, Rule(6.0, 0.5, None, 2.0)),
    ],
)
def test_the_limit_is_a_share_of_the_interval_or_a_time_of_the_file_or_the_users(
    limits, factor, limit, expected
):
    rule = make_rule([router(Timers(hold=9))], limits, factor, limit)
    assert (rule.interval, rule.share, rule.factor) == (
        expected.interval,
        expected.share,
        expected.factor,
    )
    assert rule.limit == pytest.approx(expected.limit)


def test_punctual_timers_make_a_valid_run():
    certificate = judged(*[0.001] * 99, 0.149)
    assert certificate.valid
    assert certificate.reasons == certificate.advice == ()
    assert certificate.limit == pytest.approx(0.15)
    assert certificate.lateness.max == 0.149
    assert certificate.lateness.count == 100


def test_one_late_timer_in_a_hundred_does_not_spoil_a_run():
    assert judged(*[0.001] * 99, 0.7).valid


def test_late_timers_make_the_run_invalid_and_the_reason_says_by_how_much():
    certificate = judged(*[0.5] * 10)
    assert not certificate.valid
    (reason,) = certificate.reasons
    assert reason.startswith("timers fired too late: the 99th percentile is 0.49")
    assert "the limit 0.15 s (5 % of the shortest interval, 3 s)" in reason


def test_one_timer_in_a_thousand_may_be_no_later_than_a_quarter_of_the_interval():
    few = [0.001] * 1990 + [0.8] * 3
    (reason,) = judged(*few).reasons
    assert "the 99.9th percentile is 0.792 s, the limit 0.75 s (a quarter of" in reason


def test_not_a_single_timer_may_be_later_than_the_interval_however_many_were_punctual():
    certificate = judged(*[0.001] * 100_000, 3.2)
    assert certificate.reasons == (
        "a timer of r7: 3.2 s late, the limit 3 s (all of the shortest interval, 3 s)",
    )


def test_octets_that_leave_their_links_late_spoil_a_run_as_late_timers_do():
    certificate = judged(0.001, links=late(*[0.5] * 10), latest_link="r4")
    (reason,) = certificate.reasons
    assert reason.startswith("octets left links too late: the 99th percentile is 0.49")
    assert certificate.links.count == 10
    late_once = judged(0.001, links=late(*[0.001] * 5000, 4.0), latest_link="r4")
    assert late_once.reasons[0].startswith("octets of r4: 4 s late")


def test_a_limit_that_was_set_counts_and_is_never_above_the_other_bounds():
    rule = Rule(3.0, 5.0)
    assert judged(4.9, rule=rule).valid
    assert [reason[:12] for reason in judged(6.0, rule=rule).reasons] == [
        "timers fired",
        "timers fired",
        "a timer of r",
    ]
    assert "(as set)" in judged(6.0, rule=rule).reasons[0]


@pytest.mark.parametrize("kind", ["starvation", "unclear", "never heard of"])
def test_an_expiry_that_is_not_genuine_makes_the_run_invalid_whatever_the_lateness(kind):
    certificate = judged(0.001, expiries=[Expired("genuine"), *[Expired(kind)] * 5])
    (reason,) = certificate.reasons
    assert reason.startswith("5 hold timers expired ")
    assert reason.endswith(": r1 about r2, r1 about r2, r1 about r2 and 2 more")
    assert ("because a process was late" in reason) is (kind == "starvation")
    genuine, starved, unclear = certificate.expiries
    assert (genuine, starved + unclear) == (1, 5)


def test_a_genuine_expiry_is_counted_and_leaves_the_run_valid():
    certificate = judged(0.001, expiries=[Expired("genuine")])
    assert certificate.valid
    assert certificate.expiries == (1, 0, 0)


def test_a_router_that_does_not_tell_makes_the_run_invalid():
    certificate = judged(0.001, silent=("r3",))
    assert certificate.reasons == ("1 router did not answer in time what was measured: r3",)


@pytest.mark.parametrize(
    "busy",
    [
        Load(10.0, 2, 19.0, 1.0, 0.5, {"r1": 9.0}),
        Load(10.0, 2, 1.0, 19.0, 0.0, {"r1": 9.0}),
    ],
)
def test_load_and_stalls_alone_make_no_run_invalid(busy):
    certificate = judged(
        0.001, load=busy, stalls=Stalls(9, 2.0, "r1"), controller=Stalls(3, 1.0)
    )
    assert certificate.valid
    assert certificate.load is busy


def test_without_timers_there_is_no_limit_unless_one_is_set():
    certificate = judged(5.0, rule=Rule(None, None))
    assert certificate.valid
    assert certificate.limit is None
    assert not judged(5.0, rule=Rule(None, 1.0)).valid


# ---------------------------------------------------------------------------- advice


def test_what_else_runs_is_the_first_thing_to_end():
    busy = Load(10.0, 2, 2.0, 15.0, 0.1, {})
    first, *others = judged(0.5, load=busy).advice
    assert first == "end what else runs: it took 15.0 CPU s, 75% of 2 processors"
    assert others == ["fewer routers", "--time-scale 5", "--engine virtual"]


def test_a_number_of_routers_is_proposed_if_the_lab_itself_took_the_processors():
    busy = Load(10.0, 2, 18.0, 1.0, 0.0, {})
    assert judged(0.5, load=busy).advice[0] == "fewer routers (about 5)"
    alone = certify(Evidence(1, late(0.5), load=busy), RULE)
    assert alone.advice[0].startswith("--time-scale")


def test_stolen_time_is_named():
    busy = Load(10.0, 2, 2.0, 1.0, 4.0, {})
    assert "its host took 20% of their time" in judged(0.5, load=busy).advice[0]


@pytest.mark.parametrize(
    "lateness,factor,expected",
    [(0.16, 1.0, "2"), (0.5, 1.0, "5"), (0.5, 0.1, "0.5"), (3.0, 1.0, "30"), (0.5, 2.0, "10")],
)
def test_the_time_scale_proposed_makes_up_for_the_worst_figure(lateness, factor, expected):
    rule = Rule(3.0, 0.15, 0.05, factor)
    assert f"--time-scale {expected}" in judged(lateness, rule=rule).advice


def test_no_time_scale_is_proposed_that_would_be_refused():
    advice = judged(90.0, rule=Rule(3.0, 0.15, 0.05, 5.0)).advice
    assert advice == ("fewer routers", "--engine virtual")


# ---------------------------------------------------------------------------- report


def test_in_virtual_time_a_run_is_valid_and_says_why():
    certificate = certify_virtual(RULE, [Expired("genuine")])
    assert certificate.valid
    assert certificate.virtual
    assert certificate.expiries == (1, 0, 0)


def test_the_report_has_the_keys_of_the_command_line_and_is_json():
    busy = Load(10.0, 2, 18.0, 1.0, None, {"r1": 0.5, "r2": 1.5})
    report = judged(
        *[0.5] * 10, load=busy, stalls=Stalls(9, 2.0, "r1"), expiries=[Expired("unclear")]
    ).to_dict()
    assert json.loads(json.dumps(report)) == report
    assert report["valid"] is False
    assert list(report["lateness"]) == ["p50", "p99", "p99.9", "max", "count"]
    assert report["bounds"] == {"interval": 3.0, "p99": 0.15, "p99.9": 0.75, "max": 3.0}
    assert report["expiries"] == {"genuine": 0, "starvation": 0, "unclear": 1}
    assert report["stalls"]["routers"] == {"number": 9, "longest": 2.0, "router": "r1"}
    assert report["stalls"]["controller"]["router"] is None
    assert report["load"]["cpu"] == {
        "lab": {"seconds": 18.0, "share": 0.9},
        "others": {"seconds": 1.0, "share": 0.05},
        "stolen": None,
    }
    assert report["load"]["run_queue"] == {
        "seconds": 2.0,
        "share": 0.1,
        "worst": {"router": "r2", "seconds": 1.5, "share": 0.15},
        "routers": {"r1": 0.5, "r2": 1.5},
    }


def test_without_any_figure_the_report_is_whole_too():
    report = certify(Evidence(), RULE).to_dict()
    assert report["lateness"] == {"p50": 0.0, "p99": 0.0, "p99.9": 0.0, "max": 0.0, "count": 0}
    assert report["links"] is report["load"] is None
    empty = Load(0.0, 2, 0.0).to_dict()
    assert empty["run_queue"]["worst"] == {"router": None, "seconds": 0.0, "share": 0.0}
