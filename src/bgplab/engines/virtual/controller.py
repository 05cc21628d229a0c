"""A run in virtual time, from a topology to its report.

    run = prepare(topology, text, options)
    lab = run.open()
    verdict = await run.converge(3600.0)
    report = await run.report(verdict)
    await run.close()

The same steps as with processes (engines/processes/controller.py), but no reactor: all of them
complete without suspending (see lab.run_at_once).
"""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bgplab.config import Level, RouterConfig
from bgplab.engines.verdict import (
    CONVERGED,
    Report,
    Seconds,
    StepResult,
    Verdict,
    VirtualFigures,
)
from bgplab.engines.virtual.lab import VirtualLab
from bgplab.errors import EXIT_INTERRUPTED, StoreError
from bgplab.observe.fidelity import Rule, certify_virtual, make_rule
from bgplab.observe.inputs import InputLog, RecordedSpeaker
from bgplab.observe.record_forms import nanoseconds
from bgplab.observe.runs import DATABASE, LOGS, inputs_folder, new_run_folder
from bgplab.observe.store import RunInfo, Store
from bgplab.observe.timing import IntervalFigures, total
from bgplab.observe.timing_rows import put_expiries, put_timings
from bgplab.speaker.speaker import Speaker
from bgplab.topology.graph import Topology
from bgplab.topology.plan import Plan, plan

ENGINE = "virtual"


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a lab in virtual time, apart from what the topology says."""

    level: Level = Level.TRANSITIONS
    seed: int = 0
    store: Path | None = None  # the database; by default in a new folder of the runs folder
    began: float = field(default_factory=time.monotonic)  # when the command was started


def prepare(topology: Topology, text: str, options: Options) -> Run:
    """Plan the lab and make ready; `text` is the topology's file, kept in the database.

    Raises UsageError or StoreError.
    """
    planned = plan(topology, seed=options.seed, level=options.level)
    store = options.store or new_run_folder(planned.name) / DATABASE
    recorded = options.level >= Level.INPUTS
    for folder in (store.parent, *([inputs_folder(_logs(store, options))] if recorded else [])):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error.strerror}") from error
    rule = make_rule(planned.routers, topology.fidelity)
    return Run(planned, text, options, store, rule)


def _logs(database: Path, options: Options) -> Path:
    """Tell where logs would stand beside a database: the place of inputs follows from it."""
    return database.with_name(LOGS) if options.store is None else database.with_suffix(".logs")


class Run:
    """One run: its plan, its database, its lab once it is open, and its report."""

    def __init__(
        self, planned: Plan, text: str, options: Options, database: Path, rule: Rule
    ) -> None:
        self.plan = planned
        self.options = options
        self.database = database
        self._text = text
        self._rule = rule
        self._store: Store | None = None
        self._lab: VirtualLab | None = None
        self._failures: list[StoreError] = []
        self._logs: list[InputLog] = []
        self._lives: Counter[str] = Counter()  # how often each router was started
        self._opened_at = 0.0
        self._reported = False

    def open(self) -> VirtualLab:
        """Make the database and the lab. Raises StoreError."""
        options = self.options
        self._store = Store.create(
            self.database,
            RunInfo(self.plan.name, self._text, ENGINE, options.level, options.seed),
            self.plan.routers,
            self._failures.append,
            clock=self._nanoseconds,
        )
        seed = zlib.crc32(f"{options.seed}/network".encode())
        self._lab = VirtualLab(self.plan, seed, self._store, speaker=self._speaker)
        self._opened_at = time.monotonic()
        return self._lab

    def _speaker(self, config: RouterConfig, rng: Random) -> Speaker:
        """Make the Speaker of a router, one that records itself if it is to."""
        if config.level < Level.INPUTS:
            return Speaker(config, rng)
        folder = inputs_folder(_logs(self.database, self.options))
        self._lives[config.name] += 1
        lives = self._lives[config.name]
        life = f"~{lives}" if lives > 1 else ""  # each is a speaker of its own
        log = InputLog(folder / f"{config.name}{life}.jsonl", config, self._unlogged)
        self._logs.append(log)
        return RecordedSpeaker(config, rng, log)

    def _unlogged(self, error: OSError) -> None:
        self._failures.append(StoreError(f"inputs cannot be written: {error}"))

    def _nanoseconds(self) -> int:
        return 0 if self._lab is None else nanoseconds(self._lab.now())

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and let it converge within `timeout` virtual seconds.

        Raises StoreError if the database could not be written.
        """
        lab, _ = self._opened()
        verdict = await lab.converge(timeout)
        self._check()
        return verdict

    async def during(self, work: Coroutine[Any, Any, Any], limit: float | None = None) -> Any:
        """Do work with the lab. Raises StoreError if the database could not be written.

        `limit` bounds the start of a lab, which takes no virtual time.
        """
        done = await work
        self._check()
        return done

    async def stay(self, until: float) -> None:
        """Keep the lab alive up to a virtual time. Raises StoreError as `converge` does."""
        lab, _ = self._opened()
        await lab.wait(max(0.0, until - lab.now()))
        self._check()

    def _check(self) -> None:
        if self._failures:
            raise self._failures[0]

    async def report(
        self,
        verdict: Verdict,
        scenario: tuple[StepResult, ...] = (),
        down: tuple[str, ...] = (),
    ) -> Report:
        """Enter the routes into the database, and sum the run up."""
        lab, store = self._opened()
        wall = time.monotonic()
        measures = await lab.measures()
        timings = await lab.timings()
        put_timings(store, timings)
        put_expiries(store, await lab.expiries())
        lab.store_routes()
        established = lab.established_at
        settled = max(verdict.at, established or 0.0)
        report = Report(
            name=self.plan.name,
            engine=ENGINE,
            routers=len(self.plan.routers),
            sessions=len(self.plan.sessions),
            verdict=verdict.name,
            seconds=Seconds(
                0.0, established, settled if verdict.name == CONVERGED else None, lab.now()
            ),
            updates_sent=measures.updates_sent,
            updates_received=measures.updates_received,
            routes=measures.routes,
            cpu_seconds=time.process_time(),
            memory_mb_per_router=None,
            fidelity=certify_virtual(self._rule),
            coalesced=measures.coalesced,
            store=str(self.database),
            unsettled=verdict.reasons,
            scenario=scenario,
            down=down,
            cycle=verdict.cycle,
            wall_seconds=time.monotonic() - self.options.began,
            virtual=self._figures(lab, wall - self._opened_at, total(timings)),
        )
        store.finish(report.verdict, report.exit_code, report.to_dict())
        self._reported = True
        return report

    def _figures(
        self, lab: VirtualLab, wall: float, keepalives: IntervalFigures
    ) -> VirtualFigures:
        network = lab.network
        least, greatest = keepalives.least, keepalives.greatest
        return VirtualFigures(
            trace=network.trace,
            events=network.events,
            events_per_second=network.events / wall if wall > 0 else 0.0,
            sessions_lost=network.lost,
            keepalives=keepalives.count,
            keepalive_share=None if least is None or greatest is None else (least, greatest),
        )

    async def close(self) -> None:
        """Close the database; safe at any stage, and twice. Raises StoreError."""
        for log in self._logs:
            log.flush()
        if self._store is not None:
            if not self._reported:
                self._store.finish("interrupted", EXIT_INTERRUPTED, {})
            self._reported = True
            self._store.close()

    def _opened(self) -> tuple[VirtualLab, Store]:
        if self._lab is None or self._store is None:
            raise RuntimeError("the run has not been opened")
        return self._lab, self._store
