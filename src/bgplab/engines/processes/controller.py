"""A run from a topology to its report: what has to be there before, during and after the lab.

`warm_up` starts the fork server, which needs as long as reading the topology and importing
Twisted together. `prepare` does what else needs no reactor: checks the machine and makes the
run's folder. Then

    warm = warm_up(options)
    run = prepare(topology, text, options, warm)
    lab = run.open(reactor)
    verdict = await run.converge(120.0)
    report = await run.report(verdict)
    await run.close()
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bgplab.config import Level
from bgplab.engines.processes import forkserver, preflight, usage
from bgplab.engines.processes.clock import LabClock
from bgplab.errors import EXIT_INTERRUPTED, LabError, StoreError
from bgplab.observe.fidelity import Certificate, Evidence, Rule, certify, make_rule
from bgplab.observe.runs import DATABASE, LOGS, inputs_folder, new_run_folder
from bgplab.observe.store import RunInfo, Store
from bgplab.topology.graph import Topology
from bgplab.topology.plan import DEFAULT_PORT, Plan, plan

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from bgplab.engines.interface import Measures
    from bgplab.engines.processes.lab import ProcessLab
    from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter
    from bgplab.engines.verdict import Report, StepResult, Verdict
    from bgplab.observe.expiry import Expiry

T = TypeVar("T")

FORK = "fork"
SPAWN = "spawn"


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a lab, apart from what the topology says."""

    start: str = FORK
    reactor: str = "epoll"
    level: Level = Level.TRANSITIONS
    port: int = DEFAULT_PORT
    seed: int = 0
    time_scale: float = 1.0  # seconds of the machine that a second of the lab takes
    lateness_limit: float | None = None  # seconds of the machine; None: as the file has it
    store: Path | None = None  # the database; by default in a new folder of the runs folder
    began: float = field(default_factory=time.monotonic)  # when the command was started


def warm_up(options: Options) -> forkserver.Warm | None:
    """Start the fork server, if the options ask for one; give it to `prepare` or dismiss it."""
    return forkserver.Warm() if _forks(options) else None


def prepare(
    topology: Topology, text: str, options: Options, warm: forkserver.Warm | None = None
) -> Run:
    """Check the machine and make ready; nothing is left behind if this fails.

    `text` is the topology's file, kept in the database; `warm` is what `warm_up` gave, if it
    was called before.
    Raises HostError, UsageError or StoreError.
    """
    preflight.check_factor(options.time_scale)
    block, claim = preflight.claim_block(options.port)
    try:
        planned = plan(topology, block, options.port, options.seed, options.level)
        planned = _crowded(planned, options.time_scale)
        _check(planned, options)
        preflight.raise_descriptor_limit()
        if options.store is None:
            folder = new_run_folder(planned.name)
            database, logs = folder / DATABASE, folder / LOGS
        else:
            database, logs = options.store, options.store.with_suffix(".logs")
            _make_folder(logs)
        if options.level >= Level.INPUTS:
            _make_folder(inputs_folder(logs))
        warm = warm or warm_up(options)
        if warm is not None:
            warm.log_to(logs / "fork-server.log")
    except BaseException:
        claim.close()
        if warm is not None:
            warm.dismiss()
        raise
    rule = make_rule(
        planned.routers, topology.fidelity, options.time_scale, options.lateness_limit
    )
    return Run(planned, text, options, database, logs, claim, warm, rule)


def _crowded(planned: Plan, factor: float) -> Plan:
    """Tell every router how many session ends share a processor with it.

    What it waits for is the machine, so in a lab that runs faster the crowd counts for more.
    """
    crowd = 2 * len(planned.sessions) / len(os.sched_getaffinity(0)) / factor
    routers = tuple(replace(router, crowd=crowd) for router in planned.routers)
    return replace(planned, routers=routers)


def _forks(options: Options) -> bool:
    return options.start == FORK


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be made: {error.strerror}") from error


def _check(planned: Plan, options: Options) -> None:
    """Compare the plan with the machine (see preflight.check)."""
    preflight.check_time_scale(planned.routers, options.time_scale)
    preflight.check(
        len(planned.routers),
        max((len(router.peers) for router in planned.routers), default=0),
        sum(len(router.originate) for router in planned.routers),
        not _forks(options),
        options.reactor,
    )


class Run:
    """One run: its plan, its database, its lab once it is open, and its report."""

    def __init__(
        self,
        planned: Plan,
        text: str,
        options: Options,
        database: Path,
        logs: Path,
        claim: socket.socket,
        warm: forkserver.Warm | None,
        rule: Rule,
    ) -> None:
        self.plan = planned
        self.options = options
        self.database = database
        self.clock = LabClock(options.time_scale)
        self._logs = logs
        self._claim = claim
        self._warm = warm
        self._rule = rule
        self._text = text
        self._reactor: Any = None
        self._store: Store | None = None
        self._lab: ProcessLab | None = None
        self._work: Deferred[Any] | None = None
        self._failure: LabError | None = None
        self._reported = False

    def open(self, reactor: Any) -> ProcessLab:
        """Make the database and the lab. Raises StoreError."""
        from bgplab.engines.processes.lab import ProcessLab

        self._reactor = reactor
        self._store = Store.create(
            self.database,
            RunInfo(
                self.plan.name,
                self._text,
                "processes",
                self.options.level,
                self.options.seed,
            ),
            self.plan.routers,
            lambda error: reactor.callFromThread(self._fail, error),
            clock=self.clock.nanoseconds,
        )
        sessions = [(session.a, session.b) for session in self.plan.sessions]
        self._lab = ProcessLab(
            reactor,
            self._starter(reactor),
            self.plan.routers,
            sessions,
            self._store,
            self._logs,
            self.clock,
        )
        self._lab.on_collapse = self._fail
        return self._lab

    async def converge(self, timeout: float) -> Verdict:
        """Start the lab, unless it runs, and wait until it has converged.

        `timeout` seconds of the lab bound both together, and the machine has as many of its own
        in any case. Raises StoreError or ProcessError as soon as the
        database or the lab as a whole has failed.
        """
        lab, _ = self._opened()
        return await self.during(lab.converge(timeout))

    async def during(self, work: Coroutine[Any, Any, T], limit: float | None = None) -> T:
        """Wait for work with the lab, no longer than `limit` seconds.

        Raises what `converge` raises, and LabError after `limit`.
        """
        from twisted.internet.defer import CancelledError, Deferred
        from twisted.internet.defer import TimeoutError as DeferredTimeoutError

        if self._failure is not None:
            work.close()
            raise self._failure
        self._work = Deferred.fromCoroutine(work)
        if limit is not None:
            self._work.addTimeout(limit, self._reactor)
        try:
            result: T = await self._work
            return result
        except DeferredTimeoutError:
            progress = self._opened()[0].progress()
            raise LabError(
                f"only {progress.ready} of {progress.routers} routers run after {limit:g} s"
            ) from None
        except CancelledError:
            if self._failure is not None:
                raise self._failure from None
            raise
        finally:
            self._work = None

    def _fail(self, error: LabError) -> None:
        """Give up what is under way: the database or the lab as a whole has failed."""
        self._failure = self._failure or error
        if self._work is not None:
            self._work.cancel()
        elif self._lab is not None:
            self._lab.give_up(error)

    def _starter(self, reactor: Any) -> ForkServerStarter | SpawnStarter:
        from bgplab.engines.processes.starters import ForkServerStarter, SpawnStarter

        if self._warm is None:
            return SpawnStarter(self.options.reactor)
        warm, self._warm = self._warm, None
        return ForkServerStarter(reactor, warm, self.options.reactor)

    async def report(
        self,
        verdict: Verdict,
        scenario: tuple[StepResult, ...] = (),
        down: tuple[str, ...] = (),
    ) -> Report:
        """Measure, enter the routes into the database, and sum the run up."""
        from bgplab.engines.timescale import time_scale
        from bgplab.engines.verdict import CONVERGED, Report, Seconds
        from bgplab.observe.timing_rows import put_expiries, put_timings

        lab, store = self._opened()
        measures = await lab.measures()
        pids = lab.pids
        cpu = usage.cpu_seconds([*pids, *lab.helper_pids, os.getpid()])
        memory = usage.memory_megabytes(pids)
        put_timings(store, await lab.timings())
        expiries = await lab.expiries()
        put_expiries(store, expiries)
        await lab.store_routes()
        began = self.options.began
        report = Report(
            name=self.plan.name,
            engine="processes",
            routers=len(self.plan.routers),
            sessions=len(self.plan.sessions),
            verdict=verdict.name,
            seconds=Seconds(
                _since(began, lab.ready_at),
                _since(began, lab.established_at),
                _since(began, max(verdict.at, lab.established_at or 0.0))
                if verdict.name == CONVERGED
                else None,
                lab.now() - began,
            ),
            updates_sent=measures.updates_sent,
            updates_received=measures.updates_received,
            routes=measures.routes,
            cpu_seconds=cpu,
            memory_mb_per_router=memory,
            fidelity=self._certify(measures, expiries),
            coalesced=measures.coalesced,
            store=str(self.database),
            unsettled=verdict.reasons,
            scenario=scenario,
            down=down,
            deaths=tuple(lab.deaths),
            failures=measures.failures,
            cycle=verdict.cycle,
            wall_seconds=time.monotonic() - began,
            time_scale=time_scale(
                self.clock.factor,
                self.plan.routers,
                measures.busy,
                measures.updates_received,
            ),
        )
        store.finish(report.verdict, report.exit_code, report.to_dict())
        self._reported = True
        return report

    async def certificate(self) -> Certificate:
        """Judge how the machine has kept time so far."""
        lab, _ = self._opened()
        return self._certify(await lab.measures(), await lab.expiries())

    def _certify(self, measures: Measures, expiries: Sequence[Expiry]) -> Certificate:
        """Judge by what the routers measured, and what the machine did meanwhile."""
        lab, _ = self._opened()
        evidence = Evidence(
            len(self.plan.routers),
            measures.lateness,
            measures.latest,
            measures.links,
            measures.latest_link,
            measures.silent,
            measures.stalls,
            lab.stalls,
            lab.load(),
        )
        return certify(evidence, self._rule, expiries)

    async def close(self) -> None:
        """End the lab and close the database; safe at any stage, and twice.

        Raises StoreError if the database could not be written to its end.
        """
        from twisted.internet.threads import deferToThread

        if self._lab is not None:
            await self._lab.stop()
        self.abandon()
        if self._store is not None:
            if not self._reported:
                self._store.finish("interrupted", EXIT_INTERRUPTED, {})
            await deferToThread(self._store.close)

    def abandon(self) -> None:
        """Give back what `prepare` took; for a run that was never opened, or has ended."""
        self._claim.close()
        if self._warm is not None:
            self._warm.dismiss()
            self._warm = None

    def _opened(self) -> tuple[ProcessLab, Store]:
        if self._lab is None or self._store is None:
            raise RuntimeError("the run has not been opened")
        return self._lab, self._store


def _since(began: float, at: float | None) -> float | None:
    return None if at is None else at - began
