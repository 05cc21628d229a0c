"""The convergence detector, rule by rule."""

import pytest

from bgplab.engines.obstacles import BLACKHOLE, CUT, shut_down_by
from bgplab.engines.quiescence import Detector
from bgplab.observe.record_forms import Quiet, SessionCount
from bgplab.session.events import State

UP = State.ESTABLISHED


def report(activity, *sessions, last_change=0.0):
    return Quiet(1.0, activity, last_change, tuple(SessionCount(*each) for each in sessions))


def pair(sent=(0, 0), received=(0, 0), epochs=(7, 7), states=(UP, UP)):
    """Give a detector of routers a and b after one report of each."""
    detector = Detector(["a", "b"], [("a", "b")])
    detector.report("a", report(1, ("b", states[0], epochs[0], sent[0], received[0])))
    detector.report("b", report(1, ("a", states[1], epochs[1], sent[1], received[1])))
    return detector


def test_nothing_is_settled_before_the_first_report():
    detector = Detector(["a", "b"], [("a", "b")])
    assert not detector.settled
    assert detector.unsettled() == [
        "router a: has not turned passive",
        "router b: has not turned passive",
        "session a-b: a in Idle, b in Idle",
    ]


def test_a_router_without_sessions_settles_with_its_report():
    detector = Detector(["a"], [])
    assert detector.unsettled() == ["router a: has not turned passive"]
    detector.report("a", report(3))
    assert detector.settled
    assert detector.confirmed({"a": 3})


def test_equal_counts_in_one_epoch_settle():
    detector = pair(sent=(5, 3), received=(3, 5))
    assert detector.settled
    assert detector.unsettled() == []
    assert detector.established == 1


@pytest.mark.parametrize(
    "sent, received, reason",
    [
        ((5, 3), (3, 4), "under way: 1 message(s) to b, 0 to a"),
        ((5, 3), (1, 5), "under way: 0 message(s) to b, 2 to a"),
    ],
)
def test_a_message_under_way_keeps_its_session_open(sent, received, reason):
    detector = pair(sent=sent, received=received)
    assert not detector.settled
    assert detector.unsettled() == [f"session a-b: {reason}"]


def test_counts_of_two_epochs_do_not_compare():
    detector = pair(sent=(5, 3), received=(3, 5), epochs=(7, 8))
    assert not detector.settled
    assert detector.unsettled() == [
        "session a-b: the two ends have not agreed on one connection"
    ]


def test_a_session_that_is_expected_must_be_established_at_both_ends():
    detector = pair(states=(UP, State.OPEN_CONFIRM))
    assert not detector.settled
    assert detector.established == 0
    assert detector.unsettled() == ["session a-b: a in Established, b in OpenConfirm"]


def test_sessions_that_a_report_leaves_out_stand():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.report("a", report(2))
    assert detector.settled
    assert detector.wave() == {"a": 2, "b": 1}


def test_an_act_on_its_way_unsettles_until_a_report_that_is_no_older():
    detector = pair()
    detector.disturb("a")
    assert not detector.settled
    detector.report("a", report(2))  # left before the act arrived
    assert not detector.settled
    detector.disturbed("a", 4)
    detector.report("a", report(3))
    assert not detector.settled
    detector.report("a", report(4))
    assert detector.settled


def test_a_report_that_overtakes_the_answer_to_its_act_counts():
    detector = pair()
    detector.disturb("a")
    detector.report("a", report(4))
    detector.disturbed("a", 4)
    assert detector.settled


def test_an_act_that_changes_nothing_settles_with_its_answer():
    detector = pair()
    detector.disturb("a")
    detector.disturbed("a", 1)
    assert detector.settled


def test_acts_that_overlap_are_all_waited_for():
    detector = pair()
    detector.disturb("a")
    detector.disturb("a")
    detector.disturbed("a", 1)  # it changed nothing; the other one is still on its way
    assert not detector.settled
    detector.disturbed("a", 4)
    assert not detector.settled
    detector.report("a", report(4))
    assert detector.settled


def test_an_act_that_is_refused_does_not_undo_the_one_before_it():
    detector = pair()
    detector.disturb("a")
    detector.disturb("a")
    detector.disturbed("a", 4)
    detector.disturbed("a", 0)
    assert not detector.settled
    detector.report("a", report(4))
    assert detector.settled


def test_an_answer_without_an_act_changes_nothing():
    detector = pair()
    detector.disturbed("a", 99)
    assert detector.settled


def test_a_dead_router_unsettles_its_peers_until_they_let_it_go():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.died("b")
    assert detector.alive == ["a"]
    assert detector.unsettled() == ["session a-b: still Established at a although b is dead"]
    detector.report("a", report(2, ("b", State.IDLE, 0, 0, 0)))
    assert detector.settled
    assert detector.confirmed({"a": 2})


def test_a_dead_router_is_neither_waited_for_nor_disturbed():
    detector = pair(states=(State.ACTIVE, UP))
    detector.disturb("b")
    detector.died("b")
    detector.disturb("b")
    assert detector.settled
    detector.report("b", report(9, ("a", UP, 7, 1, 1)))  # it was on its way
    assert detector.settled


def test_a_session_kept_down_must_be_down_at_both_ends_and_may_come_back():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.obstruct("b", "a", CUT)
    assert detector.between("a", "b") == (CUT,)
    assert detector.unsettled() == [
        "session a-b: still Established at a and b although its link is cut"
    ]
    detector.report("a", report(2, ("b", State.IDLE, 0, 0, 0)))
    assert not detector.settled
    detector.report("b", report(2, ("a", State.IDLE, 0, 0, 0)))
    assert detector.settled
    detector.clear("a", "b", CUT)
    assert detector.unsettled() == ["session a-b: a in Idle, b in Idle"]


def test_a_session_comes_back_when_the_last_of_its_obstacles_is_gone():
    detector = pair(states=(State.IDLE, State.IDLE))
    for what in (CUT, BLACKHOLE, shut_down_by("a"), CUT):
        detector.obstruct("a", "b", what)
    assert detector.settled
    for what in (shut_down_by("a"), CUT):
        detector.clear("a", "b", what)
        assert detector.settled
    detector.clear("b", "a", BLACKHOLE)
    assert not detector.settled


def test_the_peer_of_a_paused_router_must_lose_its_session_and_the_router_is_not_asked():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.pause("b")
    assert detector.alive == ["a", "b"]
    assert detector.awake == ["a"]
    assert detector.wave() == {"a": 1}
    assert detector.unsettled() == ["session a-b: still Established at a although b is paused"]
    detector.report("a", report(2, ("b", State.OPEN_SENT, 0, 0, 0)))
    assert detector.settled
    assert detector.confirmed({"a": 2})


def test_a_paused_router_that_owes_a_report_keeps_nobody_waiting():
    detector = pair(states=(State.IDLE, State.IDLE))
    detector.obstruct("a", "b", CUT)
    detector.disturb("b")
    detector.pause("b")
    assert detector.settled
    assert detector.unsettled() == []
    detector.resume("b")
    assert detector.unsettled() == ["router b: has not turned passive"]
    detector.disturbed("b", 4)
    assert not detector.settled
    detector.report("b", report(4))
    assert detector.settled


def test_what_a_paused_router_said_does_not_hold_when_it_goes_on():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.disturb("b")
    detector.pause("b")
    detector.report("a", report(2, ("b", State.IDLE, 0, 0, 0)))
    assert detector.settled
    detector.disturb("b")
    detector.resume("b")
    detector.disturbed("b", 1)
    detector.disturbed("b", 1)
    assert detector.unsettled() == ["session a-b: a in Idle, b in Established"]


def test_a_paused_router_may_die():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.pause("b")
    detector.died("b")
    assert detector.between("a", "b") == ()
    assert detector.unsettled() == ["session a-b: still Established at a although b is dead"]
    detector.pause("b")  # it is dead: there is nothing to pause
    assert detector.awake == ["a"]
    assert detector.between("a", "b") == ()


def test_silence_that_no_hold_timer_finds_out_is_named():
    for silence, what in (
        (lambda it: it.pause("b"), "b is paused"),
        (lambda it: it.obstruct("a", "b", BLACKHOLE), BLACKHOLE),
    ):
        detector = Detector(["a", "b"], [("a", "b")], untimed=[("a", "b")])
        detector.report("a", report(1, ("b", UP, 7, 0, 0)))
        detector.report("b", report(1, ("a", State.IDLE, 0, 0, 0)))
        silence(detector)
        assert detector.unsettled() == [
            f"session a-b: still Established at a although {what}, and its hold time is 0"
        ]
        detector.died("b")
        assert "although b is dead" in detector.unsettled()[0]


def test_a_router_that_starts_anew_is_waited_for_and_agrees_by_its_new_counts_only():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.died("a")
    detector.report("b", report(2, ("a", State.IDLE, 0, 0, 0)))
    assert detector.settled
    detector.revived("a")
    assert detector.alive == ["a", "b"]
    assert detector.unsettled() == [
        "router a: has not turned passive",
        "session a-b: a in Idle, b in Idle",
    ]
    detector.report("a", report(0, ("b", UP, 8, 1, 1)))
    detector.report("b", report(3, ("a", UP, 8, 1, 1)))
    assert detector.settled
    assert detector.wave() == {"a": 0, "b": 3}


def test_the_end_of_an_old_connection_does_not_agree_with_a_router_that_starts_anew():
    detector = pair(sent=(5, 3), received=(3, 5))
    detector.died("a")
    detector.revived("a")
    detector.report("a", report(1, ("b", State.CONNECT, 0, 0, 0)))
    assert detector.unsettled() == ["session a-b: a in Connect, b in Established"]
    detector.report("a", report(2, ("b", UP, 8, 3, 5)))
    assert not detector.settled  # b still speaks of epoch 7


def test_a_router_that_starts_anew_is_not_believed_by_what_it_was_before():
    detector = pair(states=(State.IDLE, State.IDLE))
    detector.obstruct("a", "b", CUT)
    detector.report("a", report(50))
    detector.died("a")
    detector.revived("a")
    detector.disturb("a")
    detector.disturbed("a", 2)
    assert detector.unsettled() == ["router a: has not turned passive"]
    detector.report("a", report(2))
    assert detector.settled
    assert detector.wave() == {"a": 2, "b": 1}


def test_a_router_that_starts_anew_has_shut_nothing_down():
    detector = pair(states=(State.IDLE, State.IDLE))
    for what in (CUT, shut_down_by("a"), shut_down_by("b")):
        detector.obstruct("a", "b", what)
    detector.died("a")
    detector.revived("a")
    assert detector.between("a", "b") == (CUT, shut_down_by("b"))


@pytest.mark.parametrize(
    "found, verdict",
    [
        ({"a": 1, "b": 1}, True),
        ({"b": 1, "a": 1}, True),
        ({"a": 1, "b": 2}, False),
        ({"a": 1, "b": None}, False),
        ({"a": 1}, False),
        ({"a": 1, "b": 1, "c": 1}, False),
    ],
)
def test_the_second_wave_confirms_only_what_the_reports_said(found, verdict):
    assert pair().confirmed(found) is verdict


def test_the_second_wave_confirms_nothing_that_was_unsettled_meanwhile():
    detector = pair()
    found = detector.wave()
    detector.disturb("a")
    assert not detector.confirmed(found)


def test_the_last_change_is_the_latest_that_any_router_reported():
    detector = Detector(["a", "b"], [])
    detector.report("a", report(1, last_change=4.5))
    detector.report("b", report(1, last_change=3.25))
    assert detector.last_change == 4.5
