"""What session ends measured, as values, between processes and in the database."""

import json
import sqlite3

import pytest

from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.observe.expiry import GENUINE, UNCLEAR, Expiry
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.query import show
from bgplab.observe.store import RunInfo, Store
from bgplab.observe.timing import (
    CONNECT_RETRY,
    MRAI,
    SENT,
    IntervalFigures,
    SessionTiming,
    total,
)
from bgplab.observe.timing_rows import put_expiries, put_timings
from bgplab.session.intervals import Intervals

GOOD = IntervalFigures(4, 0.76, 0.99, 0, 0.01, 0.004)
BAD = IntervalFigures(2, 0.5, 1.5, 1, 0.02, 0.01)
NONE = IntervalFigures()


def timing(router="r1", peer="r2", **figures: IntervalFigures) -> SessionTiming:
    lateness = LatenessHistogram()
    for late in (0.001, 0.002, 0.02):
        lateness.add(late)
    return SessionTiming(
        *(router, peer, 7, 3, 1.0, 12.5, None),
        figures.get("sent", GOOD),
        figures.get("received", GOOD),
        figures.get("connect_retry", NONE),
        figures.get("mrai", NONE),
        lateness,
    )


def test_figures_are_taken_of_what_a_session_keeps():
    kept = Intervals()
    assert IntervalFigures.of(kept) == NONE
    kept.add(0.8, 1.0, 0.75, 1.0, 0.1)
    kept.add(1.2, 1.0, 0.75, 1.0, 0.3)
    assert IntervalFigures.of(kept) == IntervalFigures(2, 0.8, 1.2, 1, 0.3, 0.2)


def test_a_timing_is_within_its_window_if_no_interval_of_the_kinds_in_question_is_outside():
    assert timing().within_window()
    assert not timing(received=BAD).within_window()
    assert timing(received=BAD).within_window(SENT)
    assert timing(mrai=BAD).within_window()
    assert not timing(mrai=BAD).within_window(SENT, MRAI)


def test_kinds_without_intervals_are_left_out():
    assert [name for name, _ in timing(connect_retry=BAD).figures()] == [
        "sent",
        "received",
        CONNECT_RETRY,
    ]


def test_a_timing_is_plain_data():
    data = timing().to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["intervals"]["sent"]["greatest"] == 0.99
    assert set(data["intervals"]) == {"sent", "received"}
    assert data["lateness"]["max"] == 0.02


def test_what_one_process_writes_another_reads():
    written = timing(mrai=BAD)
    read = SessionTiming.from_json(written.to_json())
    assert read.to_dict() == written.to_dict()
    assert read.mrai == BAD
    assert read.lateness.to_bytes() == written.lateness.to_bytes()
    assert len(written.to_json()) < 600  # a router may have a thousand of them


@pytest.mark.parametrize("line", ["{}", "[]", "[1,2,3]", "no JSON"])
def test_another_text_is_no_timing(line):
    with pytest.raises((ValueError, TypeError)):
        SessionTiming.from_json(line)


def test_timings_are_summed_up_by_kind():
    found = total([timing(), timing(sent=BAD), timing(sent=NONE)])
    assert (found.count, found.least, found.greatest, found.outside) == (6, 0.5, 1.5, 1)
    assert found.late == 0.02
    assert found.mean_late == pytest.approx(0.036 / 6)
    assert total([timing()], MRAI) == NONE


# The database


def router(name, peer):
    return RouterConfig(
        *(name, 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1"),
        peers=(PeerConfig(peer, "127.1.0.2", 1790, 65002),),
    )


def fail(error):
    raise error


@pytest.fixture
def store(tmp_path):
    """A run's database, and where it is."""
    info = RunInfo("pair", "", "processes", Level.TRANSITIONS, 1)
    routers = (router("r1", "r2"), router("r2", "r1"))
    path = tmp_path / "run.sqlite"
    return Store.create(path, info, routers, fail, clock=lambda: 10**12), path


def expiry(kind, at=1004.0):
    return Expiry("r1", "r2", at, kind, "why", at - 3.5, 3.5, 3, 0.5)


def test_keepalives_and_other_intervals_have_a_view_each(store):
    database, path = store
    put_timings(database, [timing(mrai=GOOD, connect_retry=BAD)])
    put_timings(database, [timing(sent=BAD, mrai=GOOD, connect_retry=BAD), timing("r2", "r1")])
    database.close()
    rows = show(path, "keepalives").rows
    assert [row[:5] for row in rows] == [
        ("r1", "r2", "sent", 2, 1),
        ("r1", "r2", "received", 4, 0),
        ("r2", "r1", "sent", 4, 0),
        ("r2", "r1", "received", 4, 0),
    ]
    assert rows[0][5:7] == (0.5, 1.5)
    assert rows[0][7] == pytest.approx(0.02, rel=0.05)  # the 99th percentile
    assert rows[1][7] is None
    assert [row[2:5] for row in show(path, "intervals", router="r1").rows] == [
        ("connect-retry", 2, 1),
        ("mrai", 4, 0),
    ]


def test_what_is_known_of_an_expiry_later_takes_the_place_of_what_was(store):
    database, path = store
    put_expiries(database, [expiry(UNCLEAR), expiry(GENUINE, 1005.0)])
    put_expiries(database, [expiry(GENUINE)])
    database.close()
    assert show(path, "expiries").rows == [
        (4.0, "r1", "r2", "genuine", 3, 3.5, 0.5, "why"),
        (5.0, "r1", "r2", "genuine", 3, 3.5, 0.5, "why"),
    ]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM expiry").fetchone() == (2,)
