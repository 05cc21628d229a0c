"""The journal: what facts come to, whatever the order in which those of many routers come."""

from hypothesis import given
from hypothesis import strategies as st

from bgplab.facts import BestChanged, NotificationSent, StateChanged, TimerFired
from bgplab.scenario.journal import InUse, Journal, state_label
from bgplab.session.events import State
from bgplab.wire.nlri import encode_prefix

ENDS = (("r1", "r2"), ("r2", "r1"))
PREFIX = "10.0.0.0/8"
NLRI = encode_prefix(PREFIX)


def up(at, peer="r2"):
    return StateChanged(at, peer, State.OPEN_CONFIRM, State.ESTABLISHED, 26)


def best(at, peer, as_path=""):
    return BestChanged(at, NLRI, peer, as_path)


def test_the_scene_is_what_the_latest_facts_tell():
    journal = Journal(ENDS, changes=True)
    journal.hear("r1", up(1.0))
    journal.hear("r1", best(1.5, "r2", "65002"))
    journal.hear("r2", best(1.5, ""))
    assert state_label(journal.scene.states["r1", "r2"]) == "Established"
    assert state_label(journal.scene.states["r2", "r1"]) == "Idle"
    assert journal.scene.routes["r1"] == {PREFIX: InUse("r2", "65002")}
    journal.hear("r1", best(2.0, None))
    assert journal.scene.routes == {"r1": {}, "r2": {PREFIX: InUse("", "")}}


def test_a_killed_router_knows_nothing_and_what_it_told_before_counts_no_more():
    journal = Journal(ENDS, changes=True)
    journal.hear("r1", up(1.0))
    journal.gone("r1", 2.0)
    journal.hear("r1", best(1.9, "r2", "65002"))  # was under way
    assert journal.scene.routes["r1"] == {}
    assert state_label(journal.scene.states["r1", "r2"]) == "dead"
    journal.hear("r1", up(3.0))  # it was restarted
    assert state_label(journal.scene.states["r1", "r2"]) == "Established"


def test_only_what_may_be_asked_for_is_kept():
    journal = Journal(ENDS, changes=False)
    journal.hear("r1", TimerFired(1.0, "r2", "keepalive", 0.0))
    journal.hear("r1", best(1.0, "r2"))
    assert journal.heard == 0
    journal.hear("r1", NotificationSent(1.0, "r2", 6, 4, b""))
    assert journal.heard == 1


def test_facts_since_a_moment_are_those_that_came_about_and_were_heard_after_it():
    journal = Journal(ENDS, changes=False)
    journal.hear("r1", up(5.0))  # at the moment of the mark, but before it
    heard = journal.heard
    late, after = up(4.0, "r1"), up(5.0, "r1")
    journal.hear("r2", late)
    journal.hear("r2", after)
    assert journal.facts(StateChanged, 5.0, heard) == [("r2", after)]


@given(st.lists(st.tuples(st.sampled_from(("r1", "r2")), st.integers(0, 9))), st.randoms())
def test_a_replay_is_in_the_order_of_time_and_keeps_that_of_each_router(told, rng):
    queues = {
        name: [best(float(at), str(i)) for i, (_, at) in enumerate(sorted(mine, key=_time))]
        for name in ("r1", "r2")
        if (mine := [each for each in told if each[0] == name])
    }
    journal = Journal(ENDS, changes=True)
    waiting = {name: list(facts) for name, facts in queues.items()}
    while any(waiting.values()):
        name = rng.choice([each for each, facts in waiting.items() if facts])
        journal.hear(name, waiting[name].pop(0))
    replayed = list(journal.replay())
    assert [entry.at for entry in replayed] == sorted(entry.at for entry in replayed)
    for name, facts in queues.items():
        assert [entry.what for entry in replayed if entry.router == name] == facts


def _time(each):
    return each[1]
