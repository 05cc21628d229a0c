"""What a scenario expects of routes: each expectation that holds, and its twin that fails."""

import pytest

from bgplab.topology.assertions import ExpectReachable, ExpectRoute
from bgplab.topology.steps import Announce, LinkDown, WaitConverged, WaitRoute

# left reaches right over top or over bottom; top has the lower BGP Identifier.
DIAMOND = """
topology:
  defaults: {links: {delay: 10ms}}
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4, originate: [10.4.0.0/16]}
  links: [left-top, top-right, left-bottom, bottom-right]
"""
PREFIX, NEW = "10.4.0.0/16", "10.7.0.0/16"
TAGGED = Announce(("right",), (NEW,), 5, (65000 << 16 | 10, 0xFFFFFF01))
TAGS = "65000:10 no-export"


def at_left(**what) -> ExpectRoute:
    return ExpectRoute(("left",), PREFIX, **what)


def at_top(**what) -> ExpectRoute:
    return ExpectRoute(("top",), NEW, **what)


@pytest.fixture
def judged(play):
    """Give `judged(what, *acts)`: the result of an expectation after convergence."""

    def judge(what, *acts):
        *before, result = play(DIAMOND, WaitConverged(), *acts, WaitConverged(), what).steps
        assert all(step.ok for step in before)
        return result

    return judge


@pytest.mark.parametrize(
    "what",
    [
        at_top(local_pref=100, med=5, origin="igp", via="right"),
        at_top(communities=(0xFFFFFF01, 65000 << 16 | 10)),
        at_left(communities=()),
        at_left(best=False, via="bottom"),
        at_left(best=False, lost_at="f lower BGP Identifier", as_path=(65003, 65004)),
        ExpectReachable(("left", "right"), ("10.4.0.0/16", "10.1.0.0/16")),
    ],
)
def test_a_route_with_its_attributes_is_found(judged, what):
    acts = [TAGGED] if getattr(what, "prefix", "") == NEW else []
    result = judged(what, *acts)
    assert (result.ok, result.actual, result.details) == (True, "", ())


@pytest.mark.parametrize(
    "what, expected",
    [
        (at_top(local_pref=200), "top: 10.7.0.0/16 LOCAL_PREF 200"),
        (at_top(med=6), "top: 10.7.0.0/16 MED 6"),
        (at_top(origin="egp"), "top: 10.7.0.0/16 ORIGIN EGP"),
        (at_top(communities=()), "top: 10.7.0.0/16 COMMUNITIES none"),
        (
            at_top(via="left", communities=(0xFFFFFF01,)),
            "top: 10.7.0.0/16 via left, COMMUNITIES no-export",
        ),
    ],
)
def test_another_attribute_fails_and_tells_all_of_them(judged, what, expected):
    result = judged(what, TAGGED)
    assert (result.ok, result.expected) == (False, expected)
    assert result.actual == (
        "top: via right, AS_PATH 65004, NEXT_HOP 10.255.0.4 (best: the only path), "
        f"LOCAL_PREF 100, MED 5, ORIGIN IGP, COMMUNITIES {TAGS}"
    )


@pytest.mark.parametrize(
    "what, expected",
    [
        (at_left(best=False, via="top"), "left: 10.4.0.0/16 via top, not the best"),
        (
            at_left(best=False, lost_at="c lower MED"),
            'left: 10.4.0.0/16 lost at "c lower MED"',
        ),
    ],
)
def test_a_path_that_should_have_lost_is_told_with_those_that_did(judged, what, expected):
    result = judged(what)
    assert (result.ok, result.expected) == (False, expected)
    assert result.actual == (
        "left: via bottom, AS_PATH 65003 65004, NEXT_HOP 10.255.0.3, LOCAL_PREF 100, MED none, "
        "ORIGIN IGP, COMMUNITIES none (lost: f lower BGP Identifier)"
    )


def test_a_path_that_has_lost_is_missing_where_there_is_but_one(judged):
    result = judged(ExpectRoute(("right",), PREFIX, best=False))
    assert (result.ok, result.actual) == (False, "right: no path that has lost")


def test_a_failure_tells_why_the_best_is_the_best_and_why_the_wanted_path_lost(judged):
    result = judged(at_left(via="bottom"))
    assert result.ok is False
    assert result.details[:2] == (
        "left, 10.4.0.0/16: via top, AS_PATH 65002 65004, is the best: f lower BGP Identifier",
        (
            "left, 10.4.0.0/16: via bottom, AS_PATH 65003 65004, "
            'lost at "f lower BGP Identifier": higher BGP Identifier than via top'
        ),
    )
    assert [line.split(" at ")[0] for line in result.details[2:]] == [
        "left, session with bottom: OpenConfirm -> Established by KeepAliveMsg",
        "bottom, session with left: OpenConfirm -> Established by KeepAliveMsg",
    ]


def test_a_route_lost_with_a_session_is_told_with_the_end_of_that(judged):
    result = judged(at_left(via="top"), LinkDown("left", "top"))
    assert result.actual.startswith("left: via bottom")
    assert "is the best: the only path" in result.details[0]
    moves = [line for line in result.details if "session with" in line]
    assert any("Established -> Idle by TcpConnectionFails" in line for line in moves)


def test_a_missing_route_is_told_with_the_sessions_that_are_down(judged):
    cut = [LinkDown("left", "top"), LinkDown("left", "bottom")]
    result = judged(at_left(), *cut)
    assert result.actual == "left: no route"
    assert result.details[0] == "left has no path to 10.4.0.0/16"
    *moves, top, bottom = result.details[1:]
    assert top == "session left-top is kept down: its link is cut"
    assert bottom == "session left-bottom is kept down: its link is cut"
    assert {line.split(":")[0] for line in moves} == {
        "left, session with top",
        "left, session with bottom",
        "top, session with left",
        "bottom, session with left",
    }


def test_what_is_reachable_is_told_by_what_is_missing_and_what_is_too_much(judged):
    what = ExpectReachable(("left", "top"), ("10.4.0.0/16", "10.9.0.0/16"))
    result = judged(what)
    assert result.expected == "left, top: routes to exactly 10.4.0.0/16 10.9.0.0/16"
    assert result.actual == (
        "left: no route to 10.9.0.0/16; left: also 10.1.0.0/16; "
        "top: no route to 10.9.0.0/16; top: also 10.1.0.0/16"
    )
    assert result.details[:2] == (
        "left has no path to 10.9.0.0/16",
        "left, 10.1.0.0/16: its own, AS_PATH empty, is the best: the only path",
    )


# ------------------------------------------------------------------------------ waits


def test_waiting_for_a_route_ends_at_the_moment_that_it_is_there(play):
    what = WaitRoute(ExpectRoute(("left",), PREFIX, as_path=(65002, 65004)), 5.0)
    outcome = play(DIAMOND, what)
    assert outcome.ok
    assert 0.03 < outcome.steps[0].at < 0.1
    assert outcome.verdict is None


def test_waiting_for_a_route_that_never_comes_ends_the_scenario_with_what_there_is(play):
    what = WaitRoute(ExpectRoute(("left",), PREFIX, via="bottom", next_hop="10.255.0.9"), 5.0)
    first, second = play(DIAMOND, what, WaitConverged()).steps
    assert (first.ok, second.ok) == (False, None)
    assert first.expected == "left: 10.4.0.0/16 via bottom, NEXT_HOP 10.255.0.9 within 5 s"
    assert first.actual.startswith("left: via top, AS_PATH 65002 65004")
    assert first.at == pytest.approx(5.0)
    assert 'lost at "f lower BGP Identifier"' in first.details[1]
