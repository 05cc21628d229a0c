"""The read side of a run's database: what `bgplab show` asks, also while the lab runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from bgplab.errors import StoreError, UsageError
from bgplab.observe import schema
from bgplab.observe.runs import did_you_mean, every_run, find_run, new_run_folder, runs_folder

__all__ = [
    "TABLES",
    "Result",
    "find_run",
    "list_runs",
    "new_run_folder",
    "open_run",
    "run_info",
    "runs_folder",
    "show",
]

# View: its columns, and the order of its rows.
TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "routers": (
        ("name", "asn", "identifier", "address", "pid", "state", "exit_status", "died_at"),
        "id",
    ),
    "sessions": (("router", "peer", "state", "since", "established"), ""),
    "transitions": (("at", "router", "peer", "old", "new", "event", "event_name"), "at"),
    "notifications": (("at", "router", "peer", "direction", "code", "subcode", "text"), "at"),
    "timers": (("at", "router", "peer", "timer", "late"), "at"),
    "keepalives": (
        (
            *("router", "peer", "direction", "count", "outside"),
            *("least", "greatest", "p99_late", "late"),
        ),
        "",
    ),
    "intervals": (
        (
            *("router", "peer", "timer", "count", "outside"),
            *("least", "greatest", "mean_late", "late"),
        ),
        "",
    ),
    "expiries": (
        ("at", "router", "peer", "kind", "hold", "waited", "late", "evidence"),
        "at",
    ),
    "routes": (("router", "prefix", "as_path", "next_hop", "from_peer", "reason"), ""),
    "candidates": (
        ("router", "prefix", "from_peer", "as_path", "local_pref", "med", "best", "lost"),
        "",
    ),
    "route_changes": (("at", "router", "prefix", "from_peer", "as_path"), "at"),
    "acts": (("at", "router", "peer", "text"), "at"),
    "causes": (
        (
            *("at", "router", "prefix", "told", "epoch", "number"),
            *("since", "kind", "source", "source_epoch", "source_number"),
        ),
        "at",
    ),
    "updates": (("at", "router", "peer", "direction", "octets"), "at"),
    "octets": (("at", "router", "peer", "direction", "octets"), "at"),
    "errors": (("at", "router", "peer", "text"), "at"),
    "malformed": (("at", "router", "peer", "action", "reason"), "at"),
}

RUNS = ("name", "engine", "level", "seed", "verdict", "started", "folder")


class Result(NamedTuple):
    """The answer to a query; times in seconds since the start of the run."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@contextmanager
def open_run(path: str | PathLike[str]) -> Iterator[sqlite3.Connection]:
    """Open a run's database for reading.

    Raises StoreError if it cannot be read or is not ours.
    """
    uri = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    try:
        _check(connection, path)
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    finally:
        connection.close()


def show(
    path: str | PathLike[str],
    table: str,
    *,
    router: str | None = None,
    peer: str | None = None,
    prefix: str | None = None,
    limit: int | None = None,
) -> Result:
    """Read a table of a run, one of TABLES, kept to a router, a peer, a prefix, `limit` rows.

    Raises UsageError for an unknown table, router or peer, for what is no prefix, and for a
    filter that the table has no column for; StoreError for a file that is not a run.
    """
    if table not in TABLES:
        raise UsageError(f"no table {table!r}{did_you_mean(table, TABLES)}")
    columns, order = TABLES[table]
    prefix = None if prefix is None else read_prefix(prefix)
    filters = {"router": router, "peer": peer, "prefix": prefix}
    chosen = {key: value for key, value in filters.items() if value is not None}
    where = {_column(table, columns, key): value for key, value in chosen.items()}
    query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 -- names from TABLES only
    if where:
        query += " WHERE " + " AND ".join(f"{column} = ?" for column in where)
    query += f" ORDER BY {order}" if order else ""
    query += f" LIMIT {int(limit)}" if limit is not None else ""
    with open_run(path) as connection:
        for key in ("router", "peer"):
            if key in chosen:
                check_router(connection, chosen[key])
        return Result(columns, connection.execute(query, tuple(where.values())).fetchall())


def list_runs(name: str | None = None, limit: int | None = None) -> Result:
    """List the runs in the folder of runs, oldest first: those of a topology, the last `limit`.

    `verdict` is "running" while a run lasts, and after a crash; "unreadable" for a database
    that is not whole.
    """
    paths = every_run(name)
    if limit is not None:
        paths = paths[max(0, len(paths) - limit) :]
    return Result(RUNS, [_run_row(path) for path in paths])


def _run_row(path: Path) -> tuple[Any, ...]:
    columns = "name, engine, level, seed, ifnull(verdict, 'running'), started"
    try:
        with open_run(path) as connection:
            found = connection.execute(f"SELECT {columns} FROM run").fetchone()  # noqa: S608 -- names from above
    except StoreError:
        found = (path.parent.name, None, None, None, "unreadable", None)
    return (*found, str(path.parent))


def run_info(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the key facts of a run; `report` and `lost` as data, None while the lab runs."""
    with open_run(path) as connection:
        connection.row_factory = sqlite3.Row
        info = dict(connection.execute("SELECT * FROM run").fetchone())
        info["topology"] = connection.execute("SELECT yaml FROM topology").fetchone()[0]
    for key in ("report", "lost"):
        info[key] = None if info[key] is None else json.loads(info[key])
    return info


def _check(connection: sqlite3.Connection, path: str | PathLike[str]) -> None:
    """Raise StoreError if the file was not written by this version of the store."""
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    if found != schema.APPLICATION_ID:
        raise StoreError(f"{path}: not the database of a run")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.FORMAT:
        raise StoreError(
            f"{path}: written by a newer bgplab (format {version}, this one reads"
            f" {schema.FORMAT})"
        )
    if not version:
        raise StoreError(f"{path}: not a complete run (format 0)")
    if version < schema.FORMAT:
        raise StoreError(
            f"{path}: written by an older bgplab (format {version}, this one reads"
            f" {schema.FORMAT}): run the topology again, or read it with that version"
        )


def _column(table: str, columns: tuple[str, ...], key: str) -> str:
    """Name the column that a filter is for."""
    if table == "routers" and key == "router":
        return "name"
    if key == "peer" and "from_peer" in columns:
        return "from_peer"
    if key not in columns:
        raise UsageError(f"{table} cannot be chosen by {key}")
    return key


def check_router(connection: sqlite3.Connection, name: str) -> None:
    """Raise UsageError for a router that is not of the run, with the nearest name."""
    known = {row[0]: None for row in connection.execute("SELECT name FROM router ORDER BY id")}
    if name not in known:
        raise UsageError(f"no router {name!r} in this run{did_you_mean(name, known)}")


def read_prefix(text: str) -> str:
    """Write a prefix as the store does. Raises UsageError for what is none."""
    try:
        return str(IPv4Network(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is not a prefix: {error}") from None
