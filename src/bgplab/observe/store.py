"""The database of one run: one SQLite file, one writer thread, readable while the lab runs.

The owner's thread only appends rows to a list. A batch (1,000 rows, or whatever has gathered
when the owner calls `submit`, say every 100 ms) goes through a queue to the writer thread,
which stores it in one transaction. The owner never waits: while more than `BACKLOG` octets are
queued, rows of the bulky tables (timers, route changes, updates, causes, octets) are dropped
and counted in `lost`, which is part of the run's record; all others are always kept.

The first failure of the writer is told to the owner by a callback, raised again by `flush` and
`close`, and ends the recording.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from bgplab import __version__
from bgplab.config import Level, RouterConfig
from bgplab.errors import StoreError
from bgplab.facts import CauseKind
from bgplab.observe import schema
from bgplab.observe.candidates import Candidate
from bgplab.session.events import Event, State

BATCH = 1_000  # rows
BACKLOG = 64 << 20  # octets, roughly, that may wait for the disk
ROW_COST = 100  # octets that a queued row takes, besides what it carries

READER_PATIENCE = 200  # milliseconds that `close` waits for a reader, twice at most

Row = Sequence[Any]
Statements = dict[str, list[Row]]


class RunInfo(NamedTuple):
    """What is known of a run before it starts."""

    name: str  # of the topology
    topology: str  # its YAML text
    engine: str
    level: Level
    seed: int


class RouteRow(NamedTuple):
    """One route of a router's Loc-RIB as text; `peer` is "" for a route of its own."""

    prefix: str
    as_path: str
    next_hop: str
    peer: str
    reason: str  # why it is the best


class Store:
    """Writes the database of a run. All methods but `flush` and `close` return at once."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        ids: Mapping[str, int],
        *,
        started_ns: int,
        level: Level,
        on_failure: Callable[[StoreError], None],
        clock: Callable[[], int],
    ) -> None:
        self.ids = ids  # of routers and of peers, by name
        self.started_ns = started_ns
        self.level = level
        self.failure: StoreError | None = None
        self.lost = dict.fromkeys(schema.BULK.values(), 0)
        self._connection = connection
        self._on_failure = on_failure
        self._clock = clock
        self._statements: Statements = {}
        self._sessions: dict[tuple[int, int], tuple[int, int, int, int, int]] = {}
        self._rows = self._cost = 0
        self._closed = False
        self._queued = 0  # octets given to the queue; written by the owner only
        self._written = 0  # octets taken off it; written by the writer only
        self._queue: SimpleQueue[tuple[Statements, int] | threading.Event | None] = (
            SimpleQueue()
        )
        self._writer = threading.Thread(target=self._write, name="bgplab-store", daemon=True)
        self._writer.start()

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        info: RunInfo,
        routers: Sequence[RouterConfig],
        on_failure: Callable[[StoreError], None],
        *,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> Store:
        """Make the file with its tables, the topology, all routers, and all sessions in Idle.

        `clock` and `wall` give nanoseconds. `on_failure` is called once at most, on the writer
        thread: hand over with `reactor.callFromThread`.
        Raises StoreError if the file exists or cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise StoreError(f"{path}: exists already; a run has a file of its own")
        started = clock()
        ids = _number(routers)
        try:
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be written: {error}") from error
        try:
            _lay_out(connection, info, started, wall())
            _enter_routers(connection, routers, ids, started)
            # Last: until now a reader takes the file for an incomplete run.
            connection.execute(f"PRAGMA user_version = {schema.FORMAT}")
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            connection.close()
            raise StoreError(f"{path}: cannot be written: {error}") from error
        return cls(
            connection,
            ids,
            started_ns=started,
            level=info.level,
            on_failure=on_failure,
            clock=clock,
        )

    @property
    def backlog(self) -> int:
        """Octets, roughly, that wait for the writer."""
        return self._queued - self._written + self._cost

    def add(self, statement: str, row: Row, octets: int = 0) -> None:
        """Queue a row for an INSERT or UPDATE of `schema`; `octets` is the size of its data."""
        if statement in schema.BULK and self.backlog > BACKLOG:
            self.lost[schema.BULK[statement]] += 1
            return
        rows = self._statements.get(statement)
        if rows is None:
            self._statements[statement] = [row]
        else:
            rows.append(row)
        self._rows += 1
        self._cost += ROW_COST + octets
        if self._rows >= BATCH:
            self.submit()

    def set_session(
        self,
        session: tuple[int, int],
        now: tuple[int, int, int],
        transition: Row | None = None,
    ) -> None:
        """Set what a session is now, and add in the same transaction the transition to it.

        `session` is the router's and the peer's number; `now` the state, since when (in
        nanoseconds) and how often it became Established.
        """
        self._sessions[session] = (*now, *session)
        if transition is not None:
            self.add(schema.ADD_TRANSITION, transition)

    def router_running(self, name: str, pid: int) -> None:
        """Record that the process of a router runs."""
        self.add(schema.SET_RUNNING, (pid, self.ids[name]))

    def router_stopped(self, name: str, status: str) -> None:
        """Record that a router ended as it was asked to."""
        self.add(schema.SET_STOPPED, (status, self.ids[name]))

    def router_died(self, name: str, status: str, at_ns: int) -> None:
        """Record the death of a router. Its sessions are the Recorder's to end."""
        self.add(schema.SET_DIED, (status, at_ns, self.ids[name]))

    def put_routes(self, router: str, routes: Iterable[RouteRow]) -> None:
        """Replace the recorded Loc-RIB of a router."""
        ids = self.ids
        number = ids[router]
        rows: list[Row] = [
            (number, prefix, as_path, next_hop, ids[peer] if peer else None, reason)
            for prefix, as_path, next_hop, peer, reason in routes
        ]
        self.submit()
        self._put(
            {schema.DROP_ROUTES: [(number,)], schema.ADD_ROUTE: rows}, len(rows) * ROW_COST
        )

    def put_candidates(self, router: str, paths: Iterable[Candidate]) -> None:
        """Replace what is recorded of all paths that a router holds."""
        ids = self.ids
        number = ids[router]
        rows: list[Row] = [
            (
                *(number, path.prefix, ids[path.peer] if path.peer else None, path.as_path),
                *(path.next_hop, path.origin, path.local_pref, path.med),
                *(" ".join(path.communities), path.best, path.lost, path.reason),
            )
            for path in paths
        ]
        self.submit()
        self._put(
            {schema.DROP_CANDIDATES: [(number,)], schema.ADD_CANDIDATE: rows},
            2 * len(rows) * ROW_COST,
        )

    def put(self, statements: Statements) -> None:
        """Run statements of `schema` with their rows in one transaction, after the others."""
        self.submit()
        self._put(statements, sum(map(len, statements.values())) * ROW_COST)

    def finish(self, verdict: str, exit_code: int, report: Mapping[str, object]) -> None:
        """Record how the run ended; `report` is kept as JSON. The last call counts."""
        row = (self._clock(), verdict, exit_code, json.dumps(report))
        self.add(schema.SET_RESULT, row)

    def submit(self) -> None:
        """Hand over what has gathered to the writer."""
        if self._sessions:
            self._statements[schema.SET_SESSION] = list(self._sessions.values())
            self._sessions = {}
        if self._statements:
            statements, cost = self._statements, self._cost
            self._statements, self._rows, self._cost = {}, 0, 0
            self._put(statements, cost)

    def flush(self) -> None:
        """Wait until all that was added can be read. Raises the writer's StoreError."""
        self.submit()
        written = threading.Event()
        self._queue.put(written)
        while not written.wait(1.0) and self._writer.is_alive():
            pass  # a slow disk is waited for, a dead writer is not
        if self.failure:
            raise self.failure

    def close(self) -> None:
        """Write the rest, end the writer and leave one single file. Raises StoreError.

        Waits for the disk: off the reactor's thread, with `deferToThread`. A second call does
        nothing. While another program reads, SQLite's two files beside ours stay until it ends.
        """
        if self._closed:
            return
        if any(self.lost.values()):
            self.add(schema.SET_LOST, (json.dumps(self.lost),))
        self.submit()
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        try:
            if self.failure:
                raise self.failure
            self._connection.execute(f"PRAGMA busy_timeout = {READER_PATIENCE}").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            with suppress(sqlite3.OperationalError):  # a reader holds the file: the WAL stays
                self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the run's database cannot be closed: {error}") from error
        finally:
            self._connection.close()

    def _put(self, statements: Statements, cost: int) -> None:
        if self._closed:
            raise StoreError("the run's database is closed")
        self._queued += cost
        self._queue.put((statements, cost))

    def _write(self) -> None:
        """Serve the queue until None comes; after a failure, only answer those who wait."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            statements, cost = item
            if self.failure is None:
                try:
                    _store(self._connection, statements)
                except Exception as error:  # noqa: BLE001 -- whatever it is, the owner hears of it
                    self._fail(error)
            self._written += cost

    def _fail(self, error: Exception) -> None:
        self.failure = StoreError(f"the run's database cannot be written: {error}")
        self.failure.__cause__ = error
        self._on_failure(self.failure)


def _store(connection: sqlite3.Connection, statements: Statements) -> None:
    """Run one batch as one transaction: all of it or nothing."""
    connection.execute("BEGIN")
    try:
        for statement, rows in statements.items():
            connection.executemany(statement, rows)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _number(routers: Sequence[RouterConfig]) -> dict[str, int]:
    """Give numbers to routers from 1 in their order, then the peers that are not among them."""
    names = [router.name for router in routers]
    names += [peer.name for router in routers for peer in router.peers]
    return {name: number for number, name in enumerate(dict.fromkeys(names), 1)}


def _lay_out(connection: sqlite3.Connection, info: RunInfo, started: int, wall: int) -> None:
    """Make tables and views and enter what holds for the whole run."""
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.executescript(f"BEGIN; {schema.TABLES} {schema.VIEWS} COMMIT;")
    stamp = datetime.fromtimestamp(wall / 1e9, UTC).isoformat(timespec="milliseconds")
    host = f"{platform.system()} {platform.release()} {platform.machine()}"
    connection.execute(
        "INSERT INTO run (id, name, engine, level, seed, version, python, host, pid, started,"
        " started_ns, started_wall_ns) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            info.name,
            info.engine,
            info.level.name.lower(),
            info.seed,
            __version__,
            platform.python_version(),
            host,
            os.getpid(),
            stamp,
            started,
            wall,
        ),
    )
    connection.execute("INSERT INTO topology VALUES (?, ?)", (info.name, info.topology))
    states = [(state.value, state.label) for state in State] + [(schema.DEAD, "Dead")]
    connection.executemany("INSERT INTO state VALUES (?, ?)", states)
    events = [(event.value, event.label) for event in Event]
    connection.executemany("INSERT INTO event VALUES (?, ?)", events)
    kinds = [(kind.value, kind.name.lower().replace("_", " ")) for kind in CauseKind]
    connection.executemany("INSERT INTO cause_kind VALUES (?, ?)", kinds)


def _enter_routers(
    connection: sqlite3.Connection,
    routers: Sequence[RouterConfig],
    ids: Mapping[str, int],
    started: int,
) -> None:
    """Enter every router, every peer outside, and every session in Idle."""
    rows: dict[int, Row] = {
        ids[peer.name]: (
            *(ids[peer.name], peer.name, peer.asn, None, peer.address),
            *(None, "outside", None, None),
        )
        for router in routers
        for peer in router.peers
    }
    for router in routers:
        rows[ids[router.name]] = (
            *(ids[router.name], router.name, router.asn, router.identifier, router.address),
            *(None, "configured", None, None),
        )
    sessions: list[Row] = [
        (ids[router.name], ids[peer.name], State.IDLE.value, started, 0)
        for router in routers
        for peer in router.peers
    ]
    _store(connection, {schema.ADD_ROUTER: list(rows.values()), schema.ADD_SESSION: sessions})
