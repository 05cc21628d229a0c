"""Run an Internet-like graph, relationships as policy, and hold its routes against theory.

Every route of every router is held against a solution in three phases that exchanges no
messages (topology/valley.py), and looked at for valleys. Source: L. Gao and J. Rexford, Stable
Internet routing without global coordination, IEEE/ACM ToN 9(6), 2001.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import (  # noqa: E402 -- lies beside the folder of this script
    Options,
    Row,
    main,
    run_processes,
    with_values,
)

from bgplab.engines.verdict import CONVERGED  # noqa: E402
from bgplab.engines.virtual.lab import VirtualLab, run_at_once  # noqa: E402
from bgplab.topology.graph import Topology  # noqa: E402
from bgplab.topology.load import loads  # noqa: E402
from bgplab.topology.plan import plan  # noqa: E402
from bgplab.topology.valley import ValleyFree  # noqa: E402

UP, ACROSS, DOWN = "up", "across", "down"
LIMIT = 3600.0  # virtual seconds
SMALL, LARGE = 50, 500  # routers: more than these for processes, for a quick run

Paths = dict[tuple[str, str], str]  # by router and prefix: the AS_PATH


class Case(NamedTuple):
    """One run: how many routers, delays of the links, and the seed."""

    n: int
    delay: str
    jitter: str
    seed: int


CASES = (
    Case(50, "10ms", "5ms", 0),
    Case(50, "1ms", "2s", 1),
    Case(200, "10ms", "0ms", 0),
    Case(200, "10ms", "5ms", 1),
    Case(200, "1ms", "200ms", 2),
    Case(1000, "10ms", "0ms", 0),
    Case(1000, "1ms", "200ms", 1),
)


def measure(options: Options) -> list[Row]:
    """Run all cases that the options leave; one row each."""
    cases = [
        case._replace(seed=seed)
        for case in CASES
        for seed in (range(options.seeds) if options.seeds else [case.seed])
        if case.n <= LARGE or not options.quick
        if case.n <= SMALL or options.engine == "virtual"
    ]
    return [_row(case, options.engine) for case in cases]


def _row(case: Case, engine: str) -> Row:
    text = (HERE / "valley-free.yaml").read_text(encoding="utf-8")
    text = with_values(text, n=case.n, delay=case.delay, jitter=case.jitter)
    topology = loads(text)
    if engine == "processes":
        verdict, paths = _on_processes(text, case.seed)
    else:
        verdict, paths = _in_virtual_time(topology, case.seed)
    theory = _solution(topology)
    return {
        "routers": case.n,
        "sessions": len(topology.links),
        "delay": case.delay,
        "jitter": case.jitter,
        "seed": case.seed,
        "verdict": verdict,
        "routes": len(paths),
        "with a valley": _valleys(topology, paths),
        "other than theory": sum(theory.get(key) != path for key, path in paths.items()),
        "missing": sum(key not in paths for key in theory),
        "digest of all routes": hashlib.sha256(
            repr(sorted(paths.items())).encode()
        ).hexdigest()[:12],
    }


def _in_virtual_time(topology: Topology, seed: int) -> tuple[str, Paths]:
    """Run a case in virtual time: its verdict, and its routes."""
    lab = VirtualLab(plan(topology, seed=seed), seed)
    verdict = run_at_once(lab.converge(LIMIT))
    return verdict.name, {
        (node.name, row.prefix): row.as_path
        for node in topology.nodes
        for row in run_at_once(lab.routes(node.name))
    }


def _on_processes(text: str, seed: int) -> tuple[str, Paths]:
    """Run a case on processes: its verdict, and its routes."""
    result = run_processes(text, seed)
    return result.verdict, {
        (router, prefix): row.as_path
        for router, rows in result.routes.items()
        for prefix, row in rows.items()
    }


def _solution(topology: Topology) -> Paths:
    """Work out all routes in three phases, without messages."""
    solver = ValleyFree(topology)
    asn = {node.name: str(node.asn) for node in topology.nodes}
    return {
        (router, prefix): " ".join(asn[hop] for hop in way[1:])
        for node in topology.nodes
        for prefix in node.originate
        for router, way in solver.routes(node.name).items()
    }


def _valleys(topology: Topology, paths: Paths) -> int:
    """Count routes on which an AS carries traffic between two that do not pay it.

    A way from the origin, against the traffic, goes up any number of links from customer to
    provider, then across at most one between peers, then only down.
    """
    asn = {node.name: node.asn for node in topology.nodes}
    turns: dict[tuple[int, int], str] = {}
    for link in topology.links:
        there, back = {
            "customer-provider": (UP, DOWN),
            "provider-customer": (DOWN, UP),
            "peer-peer": (ACROSS, ACROSS),
        }[link.relationship]
        turns[asn[link.a], asn[link.b]] = there
        turns[asn[link.b], asn[link.a]] = back
    bad = 0
    for (router, _), as_path in paths.items():
        way = [*map(int, reversed(as_path.split())), asn[router]]
        climbing = True
        for hop in pairwise(way):
            if turns[hop] != DOWN and not climbing:
                bad += 1
                break
            climbing = climbing and turns[hop] == UP
    return bad


def judge(rows: Sequence[Row], expected: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Say where routes have valleys, differ from theory, or depend on seed and delays."""
    digests: dict[int, str] = {}
    for row in rows:
        case = f"{row['routers']} routers, jitter {row['jitter']}, seed {row['seed']}"
        n = row["routers"]
        if row["verdict"] != CONVERGED:
            yield f"{case}: {row['verdict']}"
        for column, number in expected["always"].items():
            if row[column] != number:
                yield f"{case}: {column}: {row[column]}, expected {number}"
        if row["routes"] != n * n:
            yield f"{case}: {row['routes']} routes, expected {n * n}"
        sessions = expected["sessions"].get(str(n))
        if sessions is not None and row["sessions"] != sessions:
            yield f"{case}: {row['sessions']} sessions, expected {sessions}"
        if digests.setdefault(n, row["digest of all routes"]) != row["digest of all routes"]:
            yield f"{case}: other routes than with another seed and other delays"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
