"""What the experiments share: run a topology on either engine, read measures, write tables.

    text = with_values(read("clique.yaml"), n=7, mrai="30s")
    result = run(text, engine="virtual", seed=3)
    result.verdict, result.convergence("down"), result.updates("down"), result.routes["r2"]

An experiment's script calls `main` with two functions: one that measures, one that holds the
measures against `expected.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bgplab.config import Level
from bgplab.engines.verdict import CONVERGED, Change, Cycle, StepResult
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.facts import BestChanged, Fact
from bgplab.observe.query import open_run
from bgplab.observe.store import RouteRow
from bgplab.scenario import runner
from bgplab.topology.graph import Topology
from bgplab.topology.load import loads
from bgplab.topology.plan import Plan, plan

LIMIT = 86_400.0  # virtual seconds that a wait may take
PATIENCE = 600.0  # seconds of real time that a run on processes may take

Row = dict[str, Any]  # of a table: cells by the names of their columns
Routes = dict[str, dict[str, RouteRow]]  # by router and prefix
Watch = Callable[[str, Fact], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run; seconds are the lab's, since its start."""

    verdict: str  # "converged", "diverges" or "timeout"
    cycle: Cycle | None  # what repeats, if it diverges
    steps: tuple[StepResult, ...]  # of the scenario
    routes: Routes
    updates_sent: int
    seconds: float  # the time at the end
    changes: int | None  # of best routes, all together; not counted on processes
    lateness: float = 0.0  # seconds of the machine that any timer was late at most

    @property
    def ok(self) -> bool:
        """Tell whether all steps of the scenario went well, or without one: it converged."""
        if not self.steps:
            return self.verdict == CONVERGED
        return all(step.ok for step in self.steps)

    def failures(self) -> list[str]:
        """Say which steps of the scenario did not go well: one line each."""
        return [
            f"line {step.line}: {step.text}: expected {step.expected}, found {step.actual}"
            for step in self.steps
            if step.ok is False
        ]

    def convergence(self, since: str) -> float:
        """Give the seconds from a mark to the last route change, as a step measured them.

        Raises LookupError if the scenario has no `expect: {convergence: ...}` for that mark,
        ValueError if it found no convergence.
        """
        return float(self._measured(rf"convergence .* since {since}").removesuffix(" s"))

    def updates(self, since: str) -> int:
        """Give the UPDATEs sent since a mark, as a step counted them. Raises LookupError."""
        return int(self._measured(rf".* UPDATEs since {since}"))

    def _measured(self, expected: str) -> str:
        for step in self.steps:
            if re.fullmatch(expected, step.expected):
                return step.actual
        raise LookupError(f"no step has measured {expected!r}; {self.failures()}")


def with_values(text: str, **values: object) -> str:
    """Set keys of a topology's text: every `key: old` becomes `key: new`.

    An underscore in a name stands for a hyphen. Raises LookupError for a key that is not there.
    """
    for name, value in values.items():
        key = name.replace("_", "-")
        old = rf"(?<![\w-]){key}: [^,}}\n#]*[^,}}\n# ]"
        text, found = re.subn(old, f"{key}: {value}", text)
        if not found:
            raise LookupError(f"the topology does not set {key!r}")
    return text


def run(text: str, engine: str = "virtual", seed: int = 0) -> Result:
    """Run the lab of a topology's text, with its scenario if it has one, on an engine."""
    return run_virtual(loads(text), seed) if engine == "virtual" else run_processes(text, seed)


def run_virtual(
    topology: Topology,
    seed: int = 0,
    *,
    timeout: float = LIMIT,
    level: Level = Level.TRANSITIONS,
    watch: Watch | None = None,
) -> Result:
    """Run a lab in virtual time, without a database; the course is that of the command line.

    `timeout` limits each wait, in virtual seconds; `watch` is told all facts of all routers,
    which `level` decides on.
    """
    network_seed = zlib.crc32(f"{seed}/network".encode())
    planned = plan(topology, seed=seed, level=level)
    lab = VirtualLab(planned, network_seed)
    changes = _watch(lab, watch)
    return run_at_once(_play(lab, topology, planned, timeout, changes))


def _watch(lab: VirtualLab, watch: Watch | None) -> list[Change]:
    """Collect the best-route changes of a lab from now on, and let `watch` see all facts."""
    changes: list[Change] = []
    tell = lab.network.tell

    def told(router: str, fact: Fact) -> None:
        if isinstance(fact, BestChanged):
            changes.append(Change(router, str(fact.prefix), fact.peer, fact.as_path))
        if watch is not None:
            watch(router, fact)
        tell(router, fact)

    lab.network.tell = told
    return changes


async def _play(
    lab: VirtualLab,
    topology: Topology,
    planned: Plan,
    timeout: float,
    changes: Sequence[Change],
) -> Result:
    """Take a lab through its scenario, and to a verdict."""
    stage = await runner.prepare(lab, topology, planned, timeout)
    await lab.start()
    outcome = await runner.run(stage, topology.scenario)
    verdict = outcome.verdict or await lab.until_converged(timeout)
    measures = await lab.measures()
    routes = {
        node.name: {row.prefix: row for row in await lab.routes(node.name)}
        for node in topology.nodes
    }
    return Result(
        verdict.name,
        verdict.cycle,
        outcome.steps,
        routes,
        measures.updates_sent,
        lab.now(),
        len(changes),
    )


def run_processes(text: str, seed: int = 0) -> Result:
    """Run a lab of processes with `bgplab run --json`, and read its report and its database.

    Raises RuntimeError if the command ends without a report.
    """
    with tempfile.TemporaryDirectory(prefix="bgplab-experiment-") as folder:
        file, store = Path(folder, "topology.yaml"), Path(folder, "run.sqlite")
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "bgplab", "run", str(file), "--json"]
        done = subprocess.run(
            [*command, "--seed", str(seed), "--store", str(store)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if not done.stdout.startswith("{"):
            reason = done.stderr.strip().rpartition("\n")[2]
            raise RuntimeError(f"no report, exit code {done.returncode}: {reason}")
        return _reported(json.loads(done.stdout), _routes(store))


def _routes(store: Path) -> Routes:
    """Read the routes of all routers at the end of a run."""
    routes: Routes = {}
    with open_run(store) as run:
        for router, *columns in run.execute(
            "SELECT router, prefix, as_path, next_hop, from_peer, reason FROM routes"
        ):
            row = RouteRow(*columns)
            routes.setdefault(router, {})[row.prefix] = row
    return routes


def _reported(report: Mapping[str, Any], routes: Routes) -> Result:
    """Read what `bgplab run --json` wrote."""
    cycle = report.get("cycle")
    if cycle is not None:
        cycle = Cycle(**{**cycle, "changes": tuple(Change(**it) for it in cycle["changes"])})
    steps = tuple(
        StepResult(
            step["line"],
            step["step"],
            step["ok"],
            step["at"],
            step["expected"],
            step["actual"],
            tuple(step["details"]),
        )
        for step in report["scenario"]
    )
    return Result(
        report["verdict"],
        cycle,
        steps,
        routes,
        report["updates"]["sent"],
        report["seconds"]["total"],
        None,
        report["fidelity"]["lateness"]["max"],
    )


# ------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line of an experiment asks for."""

    engine: str = "virtual"
    seeds: int | None = None  # how many; None: as many as the experiment thinks fit
    quick: bool = False  # a part that takes seconds, for the tests


Measure = Callable[[Options], list[Row]]
Judge = Callable[[Sequence[Row], Mapping[str, Any], Options], Iterator[str]]


def table(rows: Sequence[Row]) -> str:
    """Write rows as a table in Markdown; the first row names the columns."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def check(
    folder: Path, measure: Measure, judge: Judge, options: Options
) -> tuple[list[Row], list[str]]:
    """Measure, and hold the measures against `expected.json`: the rows, and differences."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    rows = measure(options)
    return rows, list(judge(rows, expected, options))


def main(
    script: str,
    description: str | None,
    measure: Measure,
    judge: Judge,
    arguments: Sequence[str] | None = None,
) -> int:
    """Do an experiment as its command line says; `script` is its file. Give the exit code.

    Writes the table, if it is whole, beside the script: `results.md`, or
    `results-processes.md`.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--engine", choices=["virtual", "processes"], default="virtual")
    parser.add_argument("--seeds", type=int, metavar="N", help="runs with seeds 0 to N - 1")
    parser.add_argument("--quick", action="store_true", help="only a part that takes seconds")
    parser.add_argument("--check", action="store_true", help="compare with expected.json")
    given = parser.parse_args(arguments)
    options = Options(given.engine, given.seeds, given.quick)
    folder = Path(script).resolve().parent
    rows, differences = check(folder, measure, judge, options)
    text = table(rows)
    name = "results.md" if options.engine == "virtual" else f"results-{options.engine}.md"
    if not options.quick:
        (folder / name).write_text(text, encoding="utf-8")
    print(text, end="")
    if not given.check:
        return 0
    print("\n".join(differences) or "all as expected")
    return 1 if differences else 0
