import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab import facts
from bgplab.observe.record_forms import (
    MAX_OCTETS,
    MAX_SESSIONS,
    MAX_TEXT,
    Quiet,
    SessionCount,
)
from bgplab.observe.records import RecordWriter, decode

PEERS = ("r1", "r2", "Zürich")

at = st.integers(0, 10**15).map(lambda nanoseconds: nanoseconds / 1e9)
peer = st.sampled_from(PEERS)
octet = st.integers(0, 255)
u64 = st.integers(0, 2**64 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
octets = st.binary(max_size=300)
prefix = st.binary(min_size=1, max_size=5)

records = st.one_of(
    st.builds(facts.StateChanged, at, peer, octet, octet, octet),
    st.builds(facts.NotificationSent, at, peer, octet, octet, octets),
    st.builds(facts.NotificationReceived, at, peer, octet, octet, octets),
    st.builds(facts.TimerFired, at, peer, st.text("abcXYZ ", max_size=40), at),
    st.builds(facts.HoldExpired, at, peer, u64, at, at, st.integers(0, 65_535), at, octet),
    st.builds(facts.SessionEnded, at, peer, u64, at, at, at),
    st.builds(facts.BestChanged, at, prefix, st.sampled_from((*PEERS, "", None)), text),
    st.builds(facts.UpdateSent, at, peer, octets, u64, u64),
    st.builds(facts.UpdateReceived, at, peer, octets, u64, u64),
    st.builds(
        facts.Caused,
        *(at, st.one_of(st.just(b""), prefix), st.sampled_from((*PEERS, "")), u64, u64),
        *(at, octet, st.sampled_from((*PEERS, "")), u64, u64),
    ),
    st.builds(facts.OctetsSent, at, peer, octets),
    st.builds(facts.OctetsReceived, at, peer, octets),
    st.builds(facts.MalformedUpdate, at, peer, st.sampled_from(("withdraw", "discard")), text),
    st.builds(facts.CallbackFailed, at, st.sampled_from((*PEERS, "")), text),
    st.builds(
        Quiet,
        at,
        u64,
        at,
        st.lists(st.builds(SessionCount, peer, octet, u64, u64, u64), max_size=4).map(tuple),
    ),
)


def written(*given_records, limit=60_000):
    writer = RecordWriter(PEERS)
    for record in given_records:
        writer.add(record)
    return writer.take(limit)


def read(frames):
    return [record for frame in frames for record in decode(frame, PEERS)]


@given(st.lists(records, max_size=30), st.integers(1, 2000))
def test_what_is_written_is_read_again_whatever_the_frames(given_records, limit):
    frames = written(*given_records, limit=limit)
    found = read(frames)
    assert found == given_records
    assert [type(record) for record in found] == [type(record) for record in given_records]
    for frame in frames:
        assert len(frame) <= limit or len(list(decode(frame, PEERS))) == 1


@given(st.floats(0, 10**6))
def test_times_are_kept_to_the_nanosecond(seconds):
    (found,) = read(written(facts.TimerFired(seconds, "r1", "Keepalive", seconds)))
    assert found.at == round(seconds * 1e9) / 1e9
    assert math.isclose(found.late, seconds, abs_tol=1e-9)


@given(st.binary(max_size=400))
def test_a_damaged_frame_raises_value_error_and_nothing_else(frame):
    with suppress(ValueError):
        list(decode(frame, PEERS))


@given(records, records, st.data())
def test_a_wrong_length_raises_value_error_and_nothing_else(first, second, data):
    (frame,) = written(first, second)
    length = data.draw(st.integers(0, len(frame) + 1))
    with suppress(ValueError):
        list(decode(length.to_bytes(2, "little") + frame[2:], PEERS))


@given(st.lists(records, min_size=1, max_size=3), st.data())
def test_a_frame_cut_short_never_yields_a_record_that_was_not_written(given_records, data):
    (frame,) = written(*given_records)
    cut = data.draw(st.integers(0, len(frame) - 1))
    found: list[object] = []
    with suppress(ValueError):
        found.extend(decode(frame[:cut], PEERS))
    assert found == given_records[: len(found)]


def test_taking_empties_the_writer():
    writer = RecordWriter(PEERS)
    assert writer.take() == []
    writer.add(facts.UpdateSent(1.0, "r1", b"abc"))
    assert writer.size == sum(len(frame) for frame in writer.take())
    assert writer.size == 0
    assert writer.take() == []


def test_frames_stay_below_what_an_amp_value_holds():
    updates = [facts.UpdateSent(1.0, "r1", bytes(4077)) for _ in range(100)]
    frames = written(*updates, facts.OctetsSent(1.0, "r2", bytes(200_000)))
    assert len(frames) > 10
    assert max(len(frame) for frame in frames) <= 60_000


def test_a_long_stream_of_octets_becomes_several_records_with_the_same_octets():
    stream = bytes(range(256)) * 512
    found = read(written(facts.OctetsSent(1.0, "r1", stream)))
    assert [len(fact.octets) for fact in found] == [MAX_OCTETS] * 4
    assert b"".join(fact.octets for fact in found) == stream


def test_long_text_is_cut_between_characters():
    (found,) = read(written(facts.CallbackFailed(1.0, "", "x" + "ü" * MAX_TEXT)))
    assert found.text == "x" + "ü" * ((MAX_TEXT - 1) // 2)


def test_text_that_utf8_cannot_hold_is_escaped():
    (found,) = read(written(facts.CallbackFailed(1.0, "r1", "file \udcff")))
    assert found.text == "file \\udcff"


def test_the_largest_quiet_record_fits_into_one_frame():
    sessions = (SessionCount("r1", 5, 2**64 - 1, 10**9, 10**9),) * MAX_SESSIONS
    (frame,) = written(Quiet(1.0, 1, 0.0, sessions))
    assert len(frame) <= 60_000
    with pytest.raises(ValueError, match="at most"):
        written(Quiet(1.0, 1, 0.0, (*sessions, sessions[0])))


def test_a_peer_that_is_not_known_is_refused_on_both_sides():
    with pytest.raises(KeyError):
        written(facts.UpdateSent(1.0, "nobody", b""))
    (frame,) = written(facts.UpdateSent(1.0, "Zürich", b""))
    with pytest.raises(ValueError, match="peer 2"):
        list(decode(frame, PEERS[:2]))
