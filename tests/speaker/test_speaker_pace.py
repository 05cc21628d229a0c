"""When changes are decided and sent: MRAI, MinASOrigination, coalescing."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.config import RouterFlags, SessionFlags, Timers
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import BestChanged, UpdateSent
from bgplab.speaker.inputs import Originate, Start, Withdraw
from bgplab.speaker.pacer import MOST, START, Pacer
from bgplab.wire.attributes import decode_attributes
from bgplab.wire.nlri import encode_prefix
from bgplab.wire.update import split_update

ASNS = {"a": 65001, "b": 65002, "c": 65003}
END_OF_RIB = bytes(4)
P, Q = "192.0.2.0/24", "198.51.100.0/24"


def pair(*, start=True, **options):
    """Make a and b, with a at rest since long."""
    made = Network(routers({"a": 65001, "b": 65002}, [("a", "b")], **options), Random)
    if start:
        made.start()
        made.settle()
        made.run(1000.0)
    return made


def sent(made, since=1000.0, peer="b"):
    """List when router a sent UPDATEs, and their withdrawn routes and NLRI."""
    found = []
    for fact in made.of("a", UpdateSent):
        if fact.at >= since and fact.peer == peer:
            withdrawn, _, nlri = split_update(fact.octets)
            found.append((fact.at, withdrawn, nlri))
    return found


def test_announcements_wait_for_mrai_and_withdrawals_do_not():
    """RFC 4271 section 9.2.1.1."""
    made = pair(timers=Timers(mrai=30.0), session_flags=SessionFlags(jitter="off"))
    made.feed("a", Originate((P,)))
    made.run(1005.0)
    made.feed("a", Originate((Q,)))
    made.feed("a", Withdraw((P,)))
    made.run(1010.0)
    assert not made.speakers["a"].quiet
    made.settle()
    assert sent(made) == [
        (1000.0, b"", encode_prefix(P)),
        (1005.0, encode_prefix(P), b""),
        (1030.0, b"", encode_prefix(Q)),
    ]


def test_withdrawals_wait_too_where_the_flag_says_so():
    """RFC 4271 section 9.2.1.1: the interval is one between any two messages on a route."""
    flags = RouterFlags(coalesce="off", rate_limit_withdrawals=True)
    made = pair(timers=Timers(mrai=30.0), session_flags=SessionFlags(jitter="off"), flags=flags)
    made.feed("a", Originate((P,)))
    made.run(1005.0)
    made.feed("a", Withdraw((P,)))
    made.settle()
    made.feed("a", Originate((P,)))
    made.settle()
    assert [at for at, _, _ in sent(made)] == [1000.0, 1030.0, 1060.0]
    assert P in made.best("b")


def test_of_several_selections_within_mrai_the_last_is_sent():
    """RFC 4271 section 9.2.1.1: the last route selected."""
    made = pair(timers=Timers(mrai=30.0))
    made.feed("a", Originate((P,), med=0))
    for med in (1, 2, 3):
        made.run(made.now + 1.0)
        made.feed("a", Originate((P,), med=med))
    made.settle()
    assert len(sent(made)) == 2
    last = list(made.of("a", UpdateSent))[-1].octets
    read = decode_attributes(split_update(last)[1], four_octet=True, internal=False)
    assert read.attributes is not None
    assert read.attributes.med == 3


def test_a_change_that_is_undone_within_mrai_is_not_sent():
    """RFC 4271 section 9.2."""
    made = pair(timers=Timers(mrai=30.0))
    made.feed("a", Originate((P,)))
    made.run(made.now + 1.0)
    made.feed("a", Originate((Q,)))
    made.run(made.now + 1.0)
    made.feed("a", Withdraw((Q,)))
    made.settle()
    assert len(sent(made)) == 1
    assert made.speakers["a"].quiet


def intervals(mode):
    """Measure the time between UPDATEs of a router that always has something to say."""
    made = pair(timers=Timers(mrai=30.0), session_flags=SessionFlags(jitter=mode))
    for med in range(3000):
        made.feed("a", Originate((P,), med=med))
        made.run(made.now + 1.0)
    times = [at for at, _, _ in sent(made)]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize(
    "mode,least,most,various",
    [("per-set", 22.5, 30.0, True), ("per-session", 22.5, 30.0, False), ("off", 30, 30, False)],
)
def test_the_jitter_of_mrai_is_what_the_flag_says(mode, least, most, various):
    """RFC 4271 section 10: three quarters of the value at least, the value at most."""
    found = intervals(mode)
    assert len(found) >= 99
    assert least - 1e-6 <= min(found)
    assert max(found) <= most + 1e-6
    assert (max(found) - min(found) > 6.0) is various


def test_mrai_begins_anew_with_a_new_session():
    """What a session that is gone has sent does not hold back the next one's table."""
    made = pair(timers=Timers(mrai=300.0, idle_hold=0.5))
    made.feed("a", Originate((P,)))
    made.run(1001.0)
    made.blackhole("a", "b")
    made.run(1100.0)
    made.heal("a", "b")
    made.run(1200.0)
    assert P in made.best("b")


def test_own_changes_keep_their_distance():
    """RFC 4271 section 9.2.1.2, MinASOriginationIntervalTimer, and section 10."""
    made = pair(timers=Timers(min_as_origination=15.0))
    made.feed("a", Originate((P,)))
    made.run(1001.0)
    made.feed("a", Withdraw((P,)))
    made.feed("a", Originate((Q,)))
    assert not made.speakers["a"].quiet
    made.settle()
    (first, _, _), *rest = sent(made)
    assert first == 1000.0
    assert [(bytes(gone), bytes(new)) for _, gone, new in rest] == [
        (encode_prefix(P), b""),
        (b"", encode_prefix(Q)),
    ]
    assert all(1011.25 <= at <= 1015.0 for at, _, _ in rest)


def test_a_router_without_routes_of_its_own_may_originate_at_once():
    """RFC 4271 section 9.2.1.2: the interval lies between two own changes."""
    made = pair(start=False, prefixes=0, timers=Timers(min_as_origination=15.0))
    made.start()
    made.settle()
    made.feed("a", Originate((P,)))
    made.settle()
    assert made.now < 1.0
    assert P in made.best("b")


@pytest.mark.parametrize(
    "coalesce,times",
    [("off", [1000.0, 1000.2, 1000.4, 1000.6]), (0.5, [1000.5, 1001.1])],
)
def test_changes_within_the_interval_are_decided_together(coalesce, times):
    made = pair(flags=RouterFlags(coalesce=coalesce))
    for med in range(4):
        made.run(1000.0 + med * 0.2)
        made.feed("a", Originate((P,), med=med))
    made.settle()
    assert [at for at, _, _ in sent(made)] == pytest.approx(times)
    changes = [fact.at for fact in made.of("a", BestChanged) if fact.at >= 1000.0]
    assert changes == pytest.approx(times)


def test_a_calm_router_decides_at_once_under_auto():
    made = pair(flags=RouterFlags(coalesce="auto"))
    made.feed("a", Originate((P,)))
    made.settle()
    assert sent(made) == [(1000.0, b"", encode_prefix(P))]


TURNS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 2.0), st.integers(0, 100_000)), max_size=30
)


@given(TURNS, st.sampled_from(["auto", "off", 0.25]), st.sampled_from([0.0, 10.0, 5000.0]))
def test_no_change_waits_longer_than_the_bound(turns, mode, crowd):
    """However late the router is, and however much there is to do for however many."""
    pacer = Pacer(mode, crowd)
    bound = max(START, 2 * pacer.bound)
    now = 0.0
    pacer.start(now)
    for pause, late, changes in turns:
        now += pause
        due = pacer.due(now)
        assert now <= due <= now + bound + 1e-9
        now = due + late
        pacer.decided(now, changes)
    if mode == "auto":
        assert pacer.longest <= bound + 1e-9


def wait(changes, crowd):
    """Measure how long `auto` waits after a decision."""
    pacer = Pacer("auto", crowd)
    pacer.decided(10.0, changes)
    return pacer.due(10.0) - 10.0


def test_auto_waits_the_longer_the_more_there_is_to_do_for_all():
    assert wait(1000, crowd=0.0) == wait(0, crowd=1000.0) == 0.0
    assert 0.0 < wait(1, crowd=100.0) < wait(10, crowd=100.0) < wait(10, crowd=500.0)
    assert wait(1_000_000, crowd=1000.0) == pytest.approx(wait(MOST, crowd=1000.0))
    assert wait(1_000_000, crowd=2.0) < 0.01


def test_auto_waits_at_its_start_until_all_sessions_are_up():
    """A router that starts in a crowd sends its table when all its peers are there."""
    links = [("a", "b"), ("a", "c")]
    made = Network(routers(ASNS, links, flags=RouterFlags(coalesce="auto")), Random)
    for name in "ab":
        made.feed(name, Start())
    made.run(START / 2)
    assert sent(made, 0.0) == []
    made.feed("c", Start())
    made.settle()
    assert made.now < START * 0.9
    assert len(made.best("b")) == len(made.best("c")) == 3


def test_auto_does_not_wait_for_ever_for_a_session_that_stays_down():
    links = [("a", "b"), ("a", "c")]
    made = Network(routers(ASNS, links, flags=RouterFlags(coalesce="auto")), Random)
    for name in "ab":
        made.feed(name, Start())
    made.run(2 * START)
    assert sent(made, 0.0)[0][0] == pytest.approx(START)


def test_end_of_rib_follows_the_table_though_others_are_served_meanwhile():
    """RFC 4724 section 2: the marker says that the initial table is complete."""
    configs = routers(
        ASNS,
        [("a", "b"), ("a", "c")],
        timers=Timers(mrai=10.0),
        session_flags=SessionFlags(jitter="off"),
        flags=RouterFlags(coalesce=1.0),
    )
    made = Network(configs, Random)
    for name in "ab":
        made.feed(name, Start())
    made.run(5.0)
    made.feed("a", Originate((P,)))  # MRAI holds it back from b until 11 s
    made.run(10.5)
    made.feed("c", Start())  # its table is due at 11.5 s
    made.settle()
    assert sent(made, 10.0)[0] == (pytest.approx(11.0, abs=0.1), b"", encode_prefix(P))
    bodies = [fact.octets for fact in made.of("a", UpdateSent) if fact.peer == "c"]
    assert len(bodies) >= 2
    assert bodies.index(END_OF_RIB) == len(bodies) - 1


def test_intervals_of_mrai_are_measured_where_routes_had_to_wait():
    """RFC 4271 sections 9.2.1.1 and 10."""
    made = pair(timers=Timers(mrai=30.0))
    assert made.speakers["a"].routing.mrai_intervals("b").count == 0  # nothing had to wait
    for med in range(300):
        made.feed("a", Originate((P,), med=med))
        made.run(made.now + 1.0)
    made.settle()
    kept = made.speakers["a"].routing.mrai_intervals("b")
    assert kept.count == len(sent(made)) - 1
    assert 0.75 - 1e-6 <= kept.least < 0.85
    assert 0.9 < kept.greatest <= 1.0 + 1e-6
    assert (kept.outside, kept.late) == (0, 0.0)
    made.run(made.now + 500.0)
    made.feed("a", Originate((P,), med=1000))
    made.settle()
    assert made.speakers["a"].routing.mrai_intervals("b").count == kept.count
    assert kept.greatest <= 1.0 + 1e-6


def test_an_interval_of_mrai_whose_withdrawal_went_out_at_once_is_none():
    """RFC 4271 section 9.2.1.1: withdrawals do not wait, so nothing left at its end."""
    made = pair(timers=Timers(mrai=30.0))
    made.feed("a", Originate((P,)))
    made.run(made.now + 1.0)
    made.feed("a", Withdraw((P,)))
    made.run(made.now + 200.0)
    made.feed("a", Originate((Q,)))
    made.settle()
    assert made.speakers["a"].routing.mrai_intervals("b").count == 0
