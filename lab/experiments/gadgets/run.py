"""Run GOOD GADGET, BAD GADGET and DISAGREE with many seeds, and see where they end.

Ranks, links and stable states are those of T. Griffin, F. Shepherd and G. Wilfong, The stable
paths problem and interdomain routing, IEEE/ACM ToN 10(2), 2002.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import (  # noqa: E402 -- lies beside the folder of this script
    Options,
    Result,
    Row,
    main,
    run_processes,
    run_virtual,
)

from bgplab.config import Level  # noqa: E402
from bgplab.facts import Fact, UpdateSent  # noqa: E402
from bgplab.topology.load import loads  # noqa: E402
from bgplab.wire.header import HEADER_LENGTH  # noqa: E402
from bgplab.wire.update import END_OF_RIB  # noqa: E402

SEEDS = {"good": 100, "bad": 50, "disagree": 100}
QUICK = 10  # seeds
FEW = 3  # seeds on processes, where a run takes seconds of real time
ROUNDING = 1e-9  # seconds
PREFIX = "10.0.0.0/16"


class Silences:
    """How long ends of sessions are silent between UPDATEs that they send."""

    def __init__(self) -> None:
        self.shortest = math.inf  # seconds
        self._sent: dict[tuple[str, str], float] = {}

    def watch(self, router: str, fact: Fact) -> None:
        """Take a fact of a router."""
        if isinstance(fact, UpdateSent) and fact.octets != END_OF_RIB[HEADER_LENGTH:]:
            before = self._sent.get((router, fact.peer), -math.inf)
            self.shortest = min(self.shortest, fact.at - before)
            self._sent[router, fact.peer] = fact.at


def measure(options: Options) -> list[Row]:
    """Run the three gadgets with all seeds; one row each."""
    return [_row(name, options) for name in SEEDS]


def _row(name: str, options: Options) -> Row:
    seeds = options.seeds or _seeds(name, options)
    text = (HERE / f"{name}.yaml").read_text(encoding="utf-8")
    topology = loads(text, f"{name}.yaml")
    results: list[Result] = []
    shortest: list[float] = []
    for seed in range(seeds):
        if options.engine == "processes":
            results.append(run_processes(text, seed))
        elif name == "bad":
            silences = Silences()
            watch = silences.watch
            results.append(run_virtual(topology, seed, level=Level.UPDATES, watch=watch))
            shortest.append(silences.shortest)
        else:
            results.append(run_virtual(topology, seed))
    changes = [result.changes for result in results if result.changes is not None]
    diverges = name == "bad"
    return {
        "gadget": name.upper(),
        "runs": seeds,
        "verdicts": _count(result.verdict for result in results),
        "states": "" if diverges else _count(map(state, results)),
        "scenario": _count("ok" if result.ok else "FAIL" for result in results),
        "most route changes": "" if diverges or not changes else max(changes),
        "shortest silence of a session, s": min(shortest, default=""),
        "cycle": _cycles(results),
    }


def _seeds(name: str, options: Options) -> int:
    if options.engine == "processes":
        return FEW
    return QUICK if options.quick else SEEDS[name]


def _count(words: Any) -> str:
    return "; ".join(f"{word}: {number}" for word, number in sorted(Counter(words).items()))


def state(result: Result) -> str:
    """Write the paths of all routers but the origin as the paper does: 130, 20, 30, 430."""
    paths = []
    for router, routes in sorted(result.routes.items()):
        if router != "r0":
            hops = routes[PREFIX].as_path.split() if PREFIX in routes else ["-"]
            paths.append(router[1:] + "".join(hop[-1] for hop in hops))
    return ", ".join(paths)


def _cycles(results: Sequence[Result]) -> str:
    """Sum up the cycles that were reported: how long, and how many changes in one turn."""
    cycles = [result.cycle for result in results if result.cycle is not None]
    if not cycles:
        return ""
    changes = [len(cycle.changes) for cycle in cycles]
    periods = [cycle.period for cycle in cycles]
    return (
        f"{len(cycles)}: {min(changes)} to {max(changes)} changes in {min(periods):.2f} to "
        f"{max(periods):.2f} s"
    )


def judge(rows: Sequence[Row], expected: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Say where the rows differ from what the paper says."""
    for row in rows:
        name, runs = row["gadget"], row["runs"]
        want = expected[name]
        if row["verdicts"] != f"{want['verdict']}: {runs}":
            yield f"{name}: verdicts {row['verdicts']}, expected {want['verdict']} always"
        if row["scenario"] != f"ok: {runs}":
            yield f"{name}: scenario {row['scenario']}, expected ok always"
        if want["verdict"] == "diverges":
            if not row["cycle"].startswith(f"{runs}: "):
                yield f"{name}: cycles {row['cycle']!r}, expected one for each of {runs} runs"
            silence, mrai = row["shortest silence of a session, s"], want["mrai"]
            if silence != "" and silence < mrai - ROUNDING:
                yield f"{name}: UPDATEs of a session after {silence} s, before MRAI ({mrai} s)"
            continue
        yield from _judge_states(row, want, options)


def _judge_states(row: Row, want: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Hold the final states against the stable ones: no other; with many seeds all of them."""
    name = row["gadget"]
    found = [part.rsplit(": ", 1)[0] for part in row["states"].split("; ")]
    other = [it for it in found if it not in want["states"]]
    if other:
        yield f"{name}: ends in {'; '.join(other)}, expected one of {want['states']}"
    missing = [it for it in want["states"] if it not in found]
    if missing and options.engine == "virtual":
        yield f"{name}: never ends in {'; '.join(missing)}"
    changes, most = row["most route changes"], want.get("route changes")
    if most is not None and changes != "" and changes > most:
        yield f"{name}: {changes} route changes, expected at most {most}"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
