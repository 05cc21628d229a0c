"""Why a router has the route that it has, from the database of a run: `bgplab explain`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

from bgplab.config import Level
from bgplab.errors import UsageError
from bgplab.observe.candidates import Candidate
from bgplab.observe.causes import Act, Causes, Change, Step, read_changes
from bgplab.observe.query import check_router, open_run, read_prefix
from bgplab.observe.runs import did_you_mean

_PATHS = """
SELECT prefix, CASE from_peer WHEN 'own' THEN '' ELSE from_peer END, as_path, next_hop, origin,
    local_pref, med, communities, best, lost, reason
FROM candidates WHERE router = ? AND prefix = ?"""
_KNOWN = ("route", "candidate", "route_change", "cause")  # tables that name prefixes


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of the route of a router to a prefix; the best candidate comes first.

    `chain` leads from where the news began to the last change of the best route; `act` is what
    it began with, if that was an act. Empty where the run's level records no such thing:
    `missing` says so.
    """

    router: str
    prefix: str
    level: Level
    written: bool  # whether the run has come to write its candidates
    candidates: list[Candidate]
    best: str  # in the lack of candidates, why the route is the best; "" if there is none
    history: list[Change]
    whys: list[str]  # what led to each change of the history
    chain: list[Step]
    act: Act | None

    @property
    def missing(self) -> str:
        """Say what the level of the run leaves out, or ""."""
        if self.level >= Level.UPDATES:
            return "" if self.written else "no candidates yet: they are written with the report"
        level = self.level.name.lower()
        return f"recorded at level {level}, without causes: run again with --record updates"


def explain(path: str | PathLike[str], router: str, prefix: str) -> Explanation:
    """Read why a router has the route to a prefix that it has.

    Raises UsageError for a router or a prefix that is not of the run, StoreError for what is
    no run.
    """
    text = read_prefix(prefix)
    with open_run(path) as connection:
        check_router(connection, router)
        check_prefix(connection, text)
        (level,) = connection.execute("SELECT level FROM run").fetchone()
        written = connection.execute("SELECT EXISTS (SELECT 1 FROM candidate)").fetchone()
        causes = Causes(connection, text)
        steps = causes.history(router)
        chain = causes.chain(steps[-1]) if steps else []
        history = read_changes(connection, router, text)
        found = connection.execute(
            "SELECT reason FROM routes WHERE router = ? AND prefix = ?", (router, text)
        ).fetchone()
        return Explanation(
            router,
            text,
            Level[level.upper()],
            written[0] > 0,
            _candidates(connection, router, text),
            found[0] if found else "",
            history,
            [step.why for step in steps] if len(steps) == len(history) else [],
            chain,
            causes.act_of(chain[0]) if chain else None,
        )


def read_causes(path: str | PathLike[str], prefix: str) -> Causes:
    """Read all that went through a run about a prefix.

    Raises UsageError for a prefix that is not of the run, or a run without causes.
    """
    text = read_prefix(prefix)
    with open_run(path) as connection:
        check_prefix(connection, text)
        (level,) = connection.execute("SELECT level FROM run").fetchone()
        if Level[level.upper()] < Level.UPDATES:
            raise UsageError(
                f"{path} was recorded at level {level}, without causes: run again with"
                " --record updates"
            )
        return Causes(connection, text)


def check_prefix(connection: sqlite3.Connection, prefix: str) -> None:
    """Raise UsageError for a prefix that no router of a run ever had a path to."""
    known: Mapping[str, None] = {}
    for table in _KNOWN:
        query = f"SELECT DISTINCT prefix FROM {table}"  # noqa: S608 -- names from above
        known = {**known, **dict.fromkeys(row[0] for row in connection.execute(query))}
        if prefix in known:
            return
    raise UsageError(f"no route to {prefix} in this run{did_you_mean(prefix, known)}")


def _candidates(connection: sqlite3.Connection, router: str, prefix: str) -> list[Candidate]:
    """Read the candidates of a router, the best one first."""
    rows = connection.execute(_PATHS, (router, prefix)).fetchall()
    found = []
    for *about, med, communities, best, lost, reason in rows:
        prefix, peer, as_path, next_hop, origin, local_pref = about
        attributes = as_path, next_hop, origin, local_pref, med, tuple(communities.split())
        found.append(Candidate(prefix, peer, *attributes, bool(best), lost, reason))
    return sorted(found, key=lambda candidate: not candidate.best)
