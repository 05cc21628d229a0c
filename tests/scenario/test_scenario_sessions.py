"""What a scenario expects of sessions: each expectation that holds, and its twin that fails."""

import pytest

from bgplab.topology.assertions import (
    ExpectDetection,
    ExpectNotification,
    ExpectState,
    ExpectTransitions,
)
from bgplab.topology.steps import (
    Kill,
    LinkDown,
    LinkUp,
    Mark,
    SessionReset,
    WaitConverged,
    WaitFor,
    WaitSessions,
    WaitState,
)

# r2 never dials, and listens again before others dial: sessions climb in one way only.
LINE = """
topology:
  defaults:
    timers: {connect-retry: 1s}
    links: {delay: 10ms}
  nodes:
    r1: {timers: {idle-hold: 2s}}
    r2:
    r3: {timers: {idle-hold: 2s}}
  links: [{endpoints: r1-r2, passive: r2}, {endpoints: r2-r3, passive: r2}]
"""
CLIMB = ("Idle", "Connect", "OpenSent", "OpenConfirm", "Established")
BOTH = (("r1", "r2"), ("r2", "r1"))
RESET = (WaitConverged(), Mark("reset"), SessionReset("r1", "r2"))
CUT = (WaitConverged(), Mark("cut"), LinkDown("r1", "r2"))


@pytest.fixture
def judged(play):
    """Give `judged(*whats)`: the result of the last step; the others must go well."""

    def judge(*whats):
        *before, result = play(LINE, *whats).steps
        assert [step for step in before if not step.ok] == []
        return result

    return judge


# ------------------------------------------------------------------------------ states


def test_a_state_that_both_ends_are_in_is_found(judged):
    assert judged(WaitConverged(), ExpectState(BOTH, "Established")).ok
    assert judged(*CUT, ExpectState(BOTH, "Idle")).ok


def test_another_state_is_told_with_the_last_transitions(judged):
    result = judged(*CUT, ExpectState((*BOTH, ("r3", "r2")), "Established"))
    assert (result.ok, result.actual) == (False, "r1 with r2: Idle; r2 with r1: Idle")
    assert result.expected == "r1 with r2, r2 with r1, r3 with r2: Established"
    lost = [line.rpartition(" at ")[0] for line in result.details if "-> Idle" in line]
    assert lost == [
        "r1, session with r2: Established -> Idle by TcpConnectionFails",
        "r2, session with r1: Established -> Idle by TcpConnectionFails",
    ]


def test_the_session_ends_of_a_router_that_was_killed_are_dead(judged):
    result = judged(WaitConverged(), Kill(("r3",)), ExpectState((("r3", "r2"),), "Idle"))
    assert (result.ok, result.actual) == (False, "r3 with r2: dead")


def test_waiting_for_a_state_ends_when_it_is_entered(play):
    outcome = play(LINE, *RESET, WaitState(BOTH, "Established", 60.0))
    assert outcome.ok
    assert outcome.steps[-1].at > outcome.steps[-2].at + 0.9  # IdleHoldTime is a second


def test_waiting_for_a_state_in_vain_ends_the_scenario(play):
    outcome = play(LINE, *CUT, WaitState(BOTH, "Established", 3.0), Mark("after"))
    result, after = outcome.steps[-2:]
    assert (result.ok, after.ok) == (False, None)
    assert result.expected == "r1 with r2, r2 with r1: Established within 3 s"
    assert result.actual == "r1 with r2: Idle; r2 with r1: Active"
    *moves, way = result.details
    assert way == "session r1-r2 is kept down: its link is cut"
    assert {line.split(":")[0] for line in moves} == {
        "r1, session with r2",
        "r2, session with r1",
    }


def test_waiting_for_sessions_leaves_out_those_that_something_keeps_down(play):
    assert play(LINE, WaitSessions(5.0)).ok
    assert play(LINE, *CUT, WaitSessions(0.001)).ok
    assert play(LINE, *CUT, LinkUp("r1", "r2"), WaitSessions(60.0)).ok


def test_waiting_for_sessions_in_vain_names_those_that_are_not_up(play):
    outcome = play(LINE, *RESET, WaitSessions(0.5))
    result = outcome.steps[-1]
    assert result.ok is False
    assert (
        result.expected == "every session that nothing keeps down is Established within 0.5 s"
    )
    assert result.actual == "r1 with r2: Idle; r2 with r1: Idle"
    assert sum("Established -> Idle" in line for line in result.details) == 2


# -------------------------------------------------------------------------- transitions


def test_the_transitions_since_a_mark_are_compared_state_by_state(judged):
    came_back = (*RESET, WaitConverged())
    assert judged(*came_back, ExpectTransitions(("r1", "r2"), CLIMB, "reset")).ok
    assert judged(*came_back, ExpectTransitions(("r3", "r2"), (), "reset")).ok


def test_before_any_mark_every_session_begins_in_idle(judged):
    assert judged(WaitConverged(), ExpectTransitions(("r1", "r2"), CLIMB)).ok


def test_other_transitions_are_told_whole(judged):
    what = ExpectTransitions(("r1", "r2"), ("Idle", "Established"), "reset")
    result = judged(*RESET, WaitConverged(), what)
    assert (result.ok, result.actual) == (False, " ".join(CLIMB))
    assert result.expected == "r1 with r2: Idle Established since reset"


def test_a_session_that_did_not_move_has_no_transition(judged):
    result = judged(*RESET, ExpectTransitions(("r3", "r2"), CLIMB, "reset"))
    assert (result.ok, result.actual) == (False, "no transition")


# ------------------------------------------------------------------------ notifications


def test_a_notification_is_found_at_the_end_that_sent_it_and_at_the_other(judged):
    told = (*RESET, WaitConverged())
    assert judged(*told, ExpectNotification(("r1", "r2"), True, 6, 4, "reset")).ok
    assert judged(*told, ExpectNotification(("r2", "r1"), False, 6)).ok


@pytest.mark.parametrize(
    "what, expected",
    [
        (
            ExpectNotification(("r1", "r2"), False, 6, 4),
            "r1 with r2: received NOTIFICATION Cease/Administrative Reset",
        ),
        (
            ExpectNotification(("r1", "r2"), True, 4, None, "reset"),
            "r1 with r2: sent NOTIFICATION Hold Timer Expired (4) since reset",
        ),
        (
            ExpectNotification(("r1", "r2"), True, 6, 2),
            "r1 with r2: sent NOTIFICATION Cease/Administrative Shutdown",
        ),
    ],
)
def test_another_notification_fails_with_those_that_there_were(judged, what, expected):
    result = judged(*RESET, WaitConverged(), what)
    assert (result.ok, result.expected) == (False, expected)
    assert result.actual.startswith("sent Cease/Administrative Reset at 0.")


def test_no_notification_is_said_to_be_none(judged):
    result = judged(
        *RESET,
        WaitConverged(),
        Mark("later"),
        ExpectNotification(("r1", "r2"), True, 6, 4, "later"),
    )
    assert (result.ok, result.actual) == (False, "no NOTIFICATION")


# ---------------------------------------------------------------------------- detection


def test_detection_is_the_time_from_the_mark_to_the_end_of_the_session(judged):
    later = (WaitConverged(), Mark("cut"), WaitFor(2.0), LinkDown("r1", "r2"))
    result = judged(*later, ExpectDetection(BOTH, "cut", below=2.1, above=1.9))
    assert (result.ok, result.actual) == (True, "r1 with r2: 2.000 s; r2 with r1: 2.000 s")


def test_detection_out_of_bounds_tells_the_ends_that_were_too_slow(judged):
    result = judged(*RESET, WaitConverged(), ExpectDetection(BOTH, "reset", below=0.005))
    assert (result.ok, result.actual) == (False, "r2 with r1: 0.010 s")
    assert result.expected == (
        "r1 with r2, r2 with r1: left Established below 0.005 s after reset"
    )


def test_a_session_that_is_still_up_detected_nothing(judged):
    ends = (("r3", "r2"),)
    result = judged(*CUT, ExpectDetection(ends, "cut", below=1.0))
    assert (result.ok, result.actual) == (False, "r3 with r2: still Established")
    result = judged(*CUT, Mark("later"), ExpectDetection(BOTH, "later", below=1.0))
    assert result.actual.startswith("r1 with r2: was not Established")
