"""Why a hold timer expired, by the accounts of both ends."""

import dataclasses

import pytest

from bgplab.facts import HoldExpired
from bgplab.observe.expiry import (
    GENUINE,
    STARVATION,
    UNCLEAR,
    SendRecord,
    Silences,
    classify,
)

# r2 was last heard at 100, its hold time is 3 s, its keepalive interval 1 s.
EXPIRED = HoldExpired(103.001, "r2", 7, 100.0, 100.0, 3, 0.001)
SILENT = SendRecord(last_sent=99.999, keepalive=1.0, late=0.002)


def kind(expired=EXPIRED, record: SendRecord | None = SILENT, **more):
    return classify("r1", expired, record, **more).kind


def test_a_peer_that_the_lab_has_silenced_is_genuine_with_or_without_its_record():
    assert kind(silenced=True) == GENUINE
    assert kind(record=None, silenced=True) == GENUINE
    assert kind(EXPIRED._replace(late=2.0, at=105.0), silenced=True) == GENUINE


def test_octets_that_nobody_has_read_are_starvation():
    assert kind(EXPIRED._replace(unread=19)) == STARVATION


def test_without_the_record_of_the_peer_nothing_is_clear():
    assert kind(record=None) == UNCLEAR


def test_a_peer_whose_timer_was_due_and_did_not_fire_starved():
    found = classify("r1", EXPIRED, SILENT)
    assert found.kind == STARVATION
    assert found.evidence == "r2 was 2.002 s late to send when the hold timer expired"


@pytest.mark.parametrize("keepalive,expected", [(2.8, STARVATION), (2.99, GENUINE)])
def test_a_timer_that_leaves_no_margin_may_be_as_late_as_a_valid_run_allows(
    keepalive, expected
):
    """A twentieth of the interval: what the certificate of a run lets pass."""
    assert kind(record=SILENT._replace(keepalive=keepalive)) == expected


def test_a_peer_that_speaks_less_often_than_the_hold_time_asks_is_genuine():
    """RFC 4271 section 4.4 suggests a third; another value is honoured."""
    assert kind(record=SILENT._replace(keepalive=4.0)) == GENUINE


def test_a_peer_that_sends_no_keepalives_at_all_is_genuine():
    found = classify("r1", EXPIRED, SILENT._replace(keepalive=0.0))
    assert found.kind == GENUINE
    assert found.evidence == "r2 sent nothing for 3.002 s, by its own record and timers"


def test_a_peer_that_has_sent_what_did_not_arrive_in_time_means_starvation():
    """It was in a buffer, or its process was held up between two instructions."""
    found = classify("r1", EXPIRED, SILENT._replace(last_sent=102.5))
    assert found.kind == STARVATION
    assert found.evidence == "what r2 sent 0.501 s before the expiry had not been read"
    after = classify("r1", EXPIRED, SILENT._replace(last_sent=103.5))
    assert after.kind == STARVATION
    assert after.evidence == "r2 was still sending 0.499 s after the expiry"


def test_a_constant_delay_of_the_link_explains_no_silence():
    under_way = SILENT._replace(last_sent=102.9)
    assert kind(record=under_way, delay=2.5) == STARVATION


def test_a_link_whose_jitter_exceeds_the_timers_explains_silence_of_a_punctual_peer():
    under_way = SILENT._replace(last_sent=102.9)
    assert kind(record=under_way, spread=2.5) == GENUINE
    assert kind(record=under_way._replace(late=1.5), spread=2.5) == STARVATION


def test_a_delay_is_allowed_for_before_a_timer_counts_as_overdue():
    """Sent at 97.5, heard at 100: the next one could not be here before 101."""
    record = SendRecord(97.5, 1.0, 0.0)
    assert kind(record=record, delay=2.5) == STARVATION
    assert kind(record=record, delay=4.5) == GENUINE


def test_octets_that_make_no_message_are_no_silence_but_no_sign_of_life_either():
    """RFC 4271 section 8.2.2: KEEPALIVE and UPDATE restart HoldTimer."""
    babble = EXPIRED._replace(heard=102.7)
    punctual = SILENT._replace(last_sent=102.7)
    found = classify("r1", babble, punctual)
    assert (found.kind, found.evidence) == (
        GENUINE,
        "octets came from r2, but neither KEEPALIVE nor UPDATE",
    )
    assert kind(babble, punctual._replace(last_sent=102.9)) == GENUINE  # under way now
    assert kind(babble, punctual._replace(late=2.0, last_sent=102.9)) == STARVATION


def test_octets_long_before_the_expiry_do_not_excuse_the_silence_after_them():
    assert kind(EXPIRED._replace(heard=100.5), SILENT._replace(last_sent=100.4)) == STARVATION


def test_an_expiry_tells_how_long_it_waited_and_is_plain_data():
    found = classify("r1", EXPIRED, SILENT)
    assert found.waited == pytest.approx(3.001)
    assert not found.valid
    assert dataclasses.replace(found, kind=GENUINE).valid
    data = found.to_dict()
    assert data["router"] == "r1"
    assert data["late"] == 0.001
    assert set(data) == {field.name for field in dataclasses.fields(found)}


# Silences


def explains(*spans, router="r1", what="r2", keepalive=1.0, open_since=None):
    silences = Silences()
    for begin, end in spans:
        silences.begin(what, begin)
        silences.end(what, end)
    if open_since is not None:
        silences.begin(what, open_since)
    return silences.explain(router, EXPIRED, keepalive)


def test_a_router_that_was_silent_all_the_time_explains_the_expiry():
    assert explains(open_since=99.0)
    assert explains((99.0, 103.0))


def test_a_silence_may_begin_any_time_before_the_next_keepalive_was_due():
    """One that began later than that found a peer that was late already."""
    assert explains(open_since=100.9)
    assert explains(open_since=101.04)
    assert not explains(open_since=101.1)


def test_a_silence_that_ended_in_time_for_a_keepalive_explains_nothing():
    assert not explains((100.0, 101.5))
    assert explains((100.0, 102.1))


def test_silences_add_up_and_are_not_counted_twice():
    assert not explains((100.0, 101.0))
    assert explains((100.0, 101.0), (101.5, 103.0))
    silences = Silences()
    silences.begin("r2", 100.0)
    silences.end("r2", 101.0)
    silences.begin(("r1", "r2"), 100.0)
    silences.end(("r2", "r1"), 101.0)
    assert not silences.explain("r1", EXPIRED, 1.0)


def test_a_link_is_silent_for_its_two_ends_only():
    assert explains(open_since=99.0, what=("r2", "r1"))
    assert explains(open_since=99.0, what=("r1", "r2"))
    assert not explains(open_since=99.0, what=("r2", "r3"))
    assert not explains(open_since=99.0, what="r1")


def test_where_keepalives_are_rarer_than_the_hold_time_a_silence_must_still_be_one():
    assert not explains(keepalive=10.0)
    assert explains((102.0, 102.5), keepalive=10.0)


def test_begin_and_end_may_come_twice():
    silences = Silences()
    silences.end("r2", 1.0)
    assert not silences.lasts("r2")
    silences.begin("r2", 99.0)
    silences.begin("r2", 102.9)
    assert silences.lasts("r2")
    assert silences.explain("r1", EXPIRED, 1.0)
    silences.end("r2", 103.0)
    silences.end("r2", 100.0)
    assert not silences.lasts("r2")
    assert silences.explain("r1", EXPIRED, 1.0)
