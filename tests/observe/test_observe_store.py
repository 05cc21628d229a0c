"""The store, its recorder and its queries, together on real files."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.errors import StoreError, UsageError
from bgplab.facts import (
    BestChanged,
    CallbackFailed,
    Caused,
    CauseKind,
    MalformedUpdate,
    NotificationReceived,
    NotificationSent,
    OctetsReceived,
    OctetsSent,
    StateChanged,
    TimerFired,
    UpdateReceived,
    UpdateSent,
)
from bgplab.observe import schema, store
from bgplab.observe.query import TABLES, run_info, show
from bgplab.observe.recorder import Recorder
from bgplab.observe.store import RouteRow, RunInfo, Store
from bgplab.session.events import Event, State

START = 1_000_000_000_000  # nanoseconds; second 1000 of the lab's clock
PREFIX = b"\x10\x0a\x01"


def router(number, *peers):
    return RouterConfig(
        f"r{number}",
        65000 + number,
        f"10.255.0.{number}",
        f"127.1.0.{number}",
        1790,
        f"10.255.0.{number}",
        peers=tuple(PeerConfig(name, "127.1.0.9", 1790, 65009) for name in peers),
    )


ROUTERS = (router(1, "r2", "bird"), router(2, "r1"))
FACTS = (
    StateChanged(1001.5, "r2", State.IDLE, State.CONNECT, Event.AUTOMATIC_START),
    StateChanged(1002.0, "r2", State.OPEN_CONFIRM, State.ESTABLISHED, Event.KEEPALIVE_MSG),
    StateChanged(1003.0, "r2", State.ESTABLISHED, State.ESTABLISHED, Event.UPDATE_MSG),
    NotificationSent(1004.0, "r2", 6, 2, b"\x03bye"),
    NotificationReceived(1005.0, "r2", 3, 1, b""),
    TimerFired(1006.0, "r2", "KeepaliveTimer", 0.25),
    BestChanged(1007.0, PREFIX, "r2", "65002"),
    BestChanged(1008.0, PREFIX, "", ""),
    BestChanged(1009.0, PREFIX, None, ""),
    UpdateSent(1010.0, "r2", b"\x00\x01"),
    UpdateReceived(1011.0, "r2", b"\x00\x02", 5, 3),
    Caused(1011.5, PREFIX, "r2", 5, 4, 1011.0, CauseKind.UPDATE, "bird", 6, 7),
    Caused(1011.5, b"", "r2", 5, 5, 1002.0, CauseKind.SESSION_UP, "r2", 5, 0),
    Caused(1011.5, PREFIX, "", 0, 0, 1011.0, CauseKind.ACT, "", 0, 0),
    OctetsSent(1012.0, "r2", b"\xff"),
    OctetsReceived(1013.0, "r2", b"\xfe"),
    MalformedUpdate(1014.0, "r2", "withdraw", "ORIGIN: 1 octet expected"),
    CallbackFailed(1015.0, "", "Traceback \udcff"),
)


@pytest.fixture
def make(tmp_path):
    """Make stores that are closed when the test ends."""
    stores = []

    def create(level=Level.TRANSITIONS, *, routers=ROUTERS, on_failure=pytest.fail, name="a"):
        made = Store.create(
            tmp_path / f"{name}.sqlite",
            RunInfo("triangle", "name: triangle\n", "processes", level, 7),
            routers,
            on_failure,
            clock=lambda: START,
            wall=lambda: 1_700_000_000_000_000_000,
        )
        made.path = tmp_path / f"{name}.sqlite"  # type: ignore[attr-defined]
        stores.append(made)
        return made

    yield create
    for made in stores:
        if made.failure is None:
            made.close()


def counts(path):
    return {table: len(show(path, table).rows) for table in TABLES}


def test_a_new_run_has_all_routers_and_all_sessions_in_idle(make):
    path = make().path
    assert show(path, "sessions").rows == [
        ("r1", "r2", "Idle", 0.0, 0),
        ("r1", "bird", "Idle", 0.0, 0),
        ("r2", "r1", "Idle", 0.0, 0),
    ]
    assert show(path, "routers").rows == [
        ("r1", 65001, "10.255.0.1", "127.1.0.1", None, "configured", None, None),
        ("r2", 65002, "10.255.0.2", "127.1.0.2", None, "configured", None, None),
        ("bird", 65009, None, "127.1.0.9", None, "outside", None, None),
    ]
    info = run_info(path)
    assert (info["name"], info["level"], info["seed"]) == ("triangle", "transitions", 7)
    assert (info["started_ns"], info["started"]) == (START, "2023-11-14T22:13:20.000+00:00")
    assert (info["topology"], info["verdict"], info["report"]) == (
        "name: triangle\n",
        None,
        None,
    )


def test_the_issues_query_answers_with_names_states_and_times(make):
    run = make()
    Recorder(run, ROUTERS).record_all("r1", FACTS[:3])
    run.flush()
    with sqlite3.connect(run.path) as connection:
        rows = connection.execute("SELECT router, peer, state, since FROM sessions").fetchall()
    connection.close()
    # A transition from Established to itself does not renew `since`.
    assert rows[0] == ("r1", "r2", "Established", 2.0)


def test_every_fact_reads_as_text(make):
    run = make(Level.OCTETS)
    recorder = Recorder(run, ROUTERS)
    recorder.record_all("r1", FACTS)
    run.flush()
    read = {table: show(run.path, table).rows for table in TABLES}
    assert read["transitions"][:2] == [
        (1.5, "r1", "r2", "Idle", "Connect", 3, "AutomaticStart"),
        (2.0, "r1", "r2", "OpenConfirm", "Established", 26, Event.KEEPALIVE_MSG.label),
    ]
    assert read["notifications"] == [
        (4.0, "r1", "r2", "sent", 6, 2, "Cease/Administrative Shutdown: bye"),
        (5.0, "r1", "r2", "received", 3, 1, "UPDATE Message Error/Malformed Attribute List"),
    ]
    assert read["timers"] == [(6.0, "r1", "r2", "KeepaliveTimer", 0.25)]
    assert read["route_changes"] == [
        (7.0, "r1", "10.1.0.0/16", "r2", "65002"),
        (8.0, "r1", "10.1.0.0/16", "own", ""),
        (9.0, "r1", "10.1.0.0/16", None, None),
    ]
    assert read["updates"] == [
        (10.0, "r1", "r2", "sent", "0001"),
        (11.0, "r1", "r2", "received", "0002"),
    ]
    assert read["causes"] == [
        *[(11.5, "r1", "10.1.0.0/16", "r2", 5, 4, 11.0, "update", "bird", 6, 7)],
        *[(11.5, "r1", "", "r2", 5, 5, 2.0, "session up", "r2", 5, 0)],
        *[(11.5, "r1", "10.1.0.0/16", None, 0, 0, 11.0, "act", None, 0, 0)],
    ]
    assert read["octets"] == [
        (12.0, "r1", "r2", "sent", "FF"),
        (13.0, "r1", "r2", "received", "FE"),
    ]
    assert read["malformed"] == [(14.0, "r1", "r2", "withdraw", "ORIGIN: 1 octet expected")]
    assert read["errors"] == [(15.0, "r1", "", "Traceback \\udcff")]
    assert (recorder.updates_sent, recorder.updates_received) == (1, 1)
    assert (recorder.route_changes, recorder.last_route_change) == (3, 1009.0)
    assert (recorder.errors, recorder.malformed) == (1, 1)


def test_an_act_is_kept_with_the_router_or_the_link_that_it_concerned(make):
    run = make(Level.SUMMARY)
    recorder = Recorder(run, ROUTERS)
    recorder.act(1001.0, "withdraw 10.1.0.0/16", "r1")
    recorder.act(1002.0, "link-down", "r2", "r1")
    run.flush()
    assert show(run.path, "acts").rows == [
        (1.0, "r1", None, "withdraw 10.1.0.0/16"),
        (2.0, "r2", "r1", "link-down"),
    ]


@pytest.mark.parametrize("level", Level)
def test_each_level_keeps_what_it_promises(make, level):
    run = make(level)
    recorder = Recorder(run, ROUTERS)
    recorder.record_all("r1", FACTS)
    run.flush()
    found = counts(run.path)
    assert found["errors"] == found["malformed"] == 1
    assert found["transitions"] == found["route_changes"] == (3 if level >= 1 else 0)
    assert found["notifications"] == (2 if level >= 1 else 0)
    assert found["timers"] == (1 if level >= 1 else 0)
    assert found["updates"] == (2 if level >= 2 else 0)
    assert found["causes"] == (3 if level >= 2 else 0)
    assert found["octets"] == (2 if level >= 3 else 0)
    assert show(run.path, "sessions").rows[0] == ("r1", "r2", "Established", 2.0, 1)
    assert recorder.route_changes == 3


def test_a_session_and_its_transition_are_stored_in_one_transaction(make, monkeypatch):
    monkeypatch.setattr(store, "BATCH", 1)
    run = make()
    recorder = Recorder(run, ROUTERS)
    check = "SELECT s.since_ns = t.at FROM session s, transition t WHERE s.router = t.router"
    recorder.record("r1", FACTS[0])
    with sqlite3.connect(run.path) as connection:
        while not (rows := connection.execute(check + " AND s.peer = t.peer").fetchall()):
            pass  # until the writer's first transaction is seen
    connection.close()
    assert rows == [(1,)]


def test_a_dead_router_is_named_with_its_status_and_its_sessions_end(make):
    run = make()
    recorder = Recorder(run, ROUTERS)
    run.router_running("r1", 4711)
    recorder.record_all("r1", FACTS[:2])
    recorder.router_died("r1", "killed by SIGKILL", 1020.0)
    run.flush()
    assert show(run.path, "routers", router="r1").rows == [
        ("r1", 65001, "10.255.0.1", "127.1.0.1", 4711, "died", "killed by SIGKILL", 20.0)
    ]
    assert show(run.path, "sessions", router="r1").rows == [
        ("r1", "r2", "Dead", 20.0, 1),
        ("r1", "bird", "Dead", 20.0, 0),
    ]


def test_the_recorder_names_the_sessions_that_are_not_established(make):
    recorder = Recorder(make(), ROUTERS)
    recorder.record_all("r1", FACTS[:2])
    assert [(router, peer) for router, peer, _ in recorder.unsettled()] == [
        ("r1", "bird"),
        ("r2", "r1"),
    ]
    assert recorder.sessions["r1", "r2"] == (State.ESTABLISHED, 1002.0, 1)


def test_routes_are_replaced_as_a_whole(make):
    run = make()
    run.put_routes("r1", [RouteRow("10.9.0.0/16", "65002", "10.255.0.2", "r2", "old")])
    run.put_routes(
        "r1",
        [
            RouteRow("10.2.0.0/16", "65002", "10.255.0.2", "r2", "a shorter AS_PATH"),
            RouteRow("10.1.0.0/16", "", "10.255.0.1", "", "own"),
        ],
    )
    run.flush()
    assert show(run.path, "routes").rows == [
        ("r1", "10.1.0.0/16", "", "10.255.0.1", "own", "own"),
        ("r1", "10.2.0.0/16", "65002", "10.255.0.2", "r2", "a shorter AS_PATH"),
    ]


def test_a_reader_sees_the_run_grow_while_it_is_written(make):
    run = make()
    recorder = Recorder(run, ROUTERS)
    reader = sqlite3.connect(f"file:{run.path}?mode=ro", uri=True)
    seen = []
    for _ in range(3):
        recorder.record_all("r1", [FACTS[0]] * 1500)
        run.flush()
        seen += reader.execute("SELECT count(*) FROM transitions").fetchone()
    reader.close()
    assert seen == [1500, 3000, 4500]


def test_closing_leaves_one_single_file_with_everything_in_it(make):
    run = make()
    Recorder(run, ROUTERS).record_all("r1", FACTS)
    run.router_stopped("r2", "exit status 0")
    run.finish("converged", 0, {"routes": 3})
    run.close()
    run.close()
    assert list(run.path.parent.iterdir()) == [run.path]
    info = run_info(run.path)
    assert (info["verdict"], info["exit_code"], info["ended_ns"]) == ("converged", 0, START)
    assert info["report"] == {"routes": 3}
    assert info["lost"] is None
    assert len(show(run.path, "transitions").rows) == 3
    assert show(run.path, "routers", router="r2").rows[0][5:7] == ("stopped", "exit status 0")


def test_closing_while_a_reader_is_busy_still_keeps_everything(make):
    run = make()
    Recorder(run, ROUTERS).record_all("r1", FACTS)
    run.flush()
    reader = sqlite3.connect(run.path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM transition").fetchone()
    run.close()
    reader.close()
    assert len(show(run.path, "transitions").rows) == 3


KILLED = """
import os, signal, sys
from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.observe.store import RouteRow, RunInfo, Store

router = RouterConfig("r1", 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1")
info = RunInfo("lab", "", "processes", Level.SUMMARY, 0)
run = Store.create(sys.argv[1], info, [router], print)
run.put_routes("r1", [RouteRow("10.1.0.0/16", "", "10.255.0.1", "", "own")])
run.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_written_survives_a_controller_that_is_killed(tmp_path):
    path = tmp_path / "a.sqlite"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert show(path, "routes").rows == [("r1", "10.1.0.0/16", "", "10.255.0.1", "own", "own")]
    assert run_info(path)["verdict"] is None


def test_a_closed_store_refuses_more(make):
    run = make()
    run.close()
    run.router_running("r1", 1)
    with pytest.raises(StoreError, match="closed"):
        run.submit()


def test_a_slow_disk_costs_bulky_rows_which_are_counted_and_never_the_rest(make, monkeypatch):
    run = make(Level.OCTETS)
    monkeypatch.setattr(store, "BACKLOG", 0)
    recorder = Recorder(run, ROUTERS)
    recorder.record_all(
        "r1", FACTS
    )  # the first fact makes the backlog, none of it is submitted
    assert run.backlog > 0
    run.close()
    found = counts(run.path)
    assert run_info(run.path)["lost"] == {
        "timers": 1,
        "route_changes": 3,
        "updates": 2,
        "causes": 3,
        "octets": 2,
    }
    assert found["timers"] == found["route_changes"] == found["updates"] == found["octets"] == 0
    assert (found["transitions"], found["notifications"], found["errors"]) == (3, 2, 1)


def test_the_backlog_is_empty_again_once_all_is_written(make):
    run = make()
    Recorder(run, ROUTERS).record_all("r1", FACTS * 200)
    run.flush()
    # The barrier is answered after the batches before it were counted off.
    assert run.backlog == 0


def test_a_full_disk_is_told_once_and_raised_by_flush_and_close(make):
    told = []
    run = make(on_failure=lambda error: told.append((error, threading.current_thread().name)))
    pages = run._connection.execute("PRAGMA page_count").fetchone()[0]
    run._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    run.put_routes(
        "r1", [RouteRow(f"10.{i}.0.0/16", "x" * 500, "", "r2", "") for i in range(99)]
    )
    with pytest.raises(StoreError, match="database or disk is full"):
        run.flush()
    Recorder(run, ROUTERS).record_all("r1", FACTS)
    with pytest.raises(StoreError, match="disk is full"):
        run.flush()
    with pytest.raises(StoreError, match="disk is full"):
        run.close()
    assert [(type(error), name) for error, name in told] == [(StoreError, "bgplab-store")]
    assert counts(run.path)["routes"] == 0


def test_any_failure_of_the_writer_reaches_the_owner(make):
    told: list[StoreError] = []
    run = make(on_failure=told.append)
    run.add(schema.ADD_TIMER, (2**70, 1, 1, "", 0))
    with pytest.raises(StoreError, match="too large"):
        run.flush()
    assert told == [run.failure]


def test_a_file_that_exists_is_not_written_over(make, tmp_path):
    (tmp_path / "a.sqlite").write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        make()
    assert (tmp_path / "a.sqlite").read_text() == "mine"


def unexpected(error):
    raise AssertionError(error)


def test_a_place_that_cannot_be_written_is_a_store_error(tmp_path):
    info = RunInfo("t", "", "processes", Level.SUMMARY, 0)
    with pytest.raises(StoreError, match="cannot be written"):
        Store.create(tmp_path / "missing" / "a.sqlite", info, ROUTERS, unexpected)
    with pytest.raises(StoreError, match="cannot be written"):
        Store.create(tmp_path / "a.sqlite", info._replace(seed=2**70), ROUTERS, unexpected)


def test_files_that_are_no_run_are_refused_with_the_reason(make, tmp_path):
    other = tmp_path / "other"
    with pytest.raises(StoreError, match="cannot be read: unable to open"):
        show(other, "sessions")
    other.write_text("not a database, and long enough to have no valid header at all" * 20)
    with pytest.raises(StoreError, match="file is not a database"):
        show(other, "sessions")
    other.unlink()
    sqlite3.connect(other).execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(StoreError, match="not the database of a run"):
        show(other, "sessions")
    run = make()
    for version, reason in (
        (99, "written by a newer bgplab"),
        (1, "written by an older bgplab"),
        (0, "not a complete run"),
    ):
        connection = sqlite3.connect(run.path)
        connection.execute(f"PRAGMA user_version = {version}").connection.close()
        with pytest.raises(StoreError, match=reason):
            show(run.path, "sessions")


def test_queries_are_kept_to_router_peer_prefix_and_number(make):
    run = make()
    recorder = Recorder(run, ROUTERS)
    for name in ("r1", "r2"):
        peer = {"r1": "r2", "r2": "r1"}[name]
        recorder.record_all(name, [fact._replace(peer=peer) for fact in FACTS[:8]])
    run.put_routes("r2", [RouteRow("10.1.0.0/16", "65001", "10.255.0.1", "r1", "only")])
    run.flush()
    assert {row[1] for row in show(run.path, "transitions", router="r2").rows} == {"r2"}
    assert len(show(run.path, "sessions", peer="r2").rows) == 1
    assert len(show(run.path, "routes", prefix="10.1.0.0/16", peer="r1").rows) == 1
    assert show(run.path, "routes", prefix="10.7.0.0/16").rows == []
    assert len(show(run.path, "timers", limit=1).rows) == 1


def test_mistakes_in_a_query_are_usage_errors_that_help(make):
    path = make().path
    with pytest.raises(UsageError, match="no router 'brid' in this run; did you mean bird"):
        show(path, "sessions", router="brid")
    with pytest.raises(UsageError, match="no table 'session'; did you mean sessions"):
        show(path, "session")
    with pytest.raises(UsageError, match="sessions cannot be chosen by prefix"):
        show(path, "sessions", prefix="10.0.0.0/8")
    with pytest.raises(UsageError, match="not a prefix"):
        show(path, "routes", prefix="10.0.0.1/8")


def test_every_column_that_a_query_names_exists(make):
    path = make().path
    for table, (columns, _) in TABLES.items():
        assert show(path, table).columns == columns


@pytest.mark.slow
def test_half_a_million_routes_take_a_few_seconds(make):
    names = [f"r{number}" for number in range(1, 101)]
    run = make(routers=tuple(router(number, "r1") for number in range(1, 101)))
    rows = [
        RouteRow(f"10.{i >> 8}.{i & 255}.0/24", "65002 65003", "10.255.0.1", "r1", "only")
        for i in range(5000)
    ]
    begin = time.perf_counter()
    for name in names:
        run.put_routes(name, rows)
    run.flush()
    elapsed = time.perf_counter() - begin
    print(f"500,000 routes in {elapsed:.2f} s; limit 10 s")
    assert len(show(run.path, "routes", router="r100").rows) == 5000
    assert elapsed < 10
