"""What each wait, mark and act does to a lab."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import assert_never

from bgplab.engines.obstacles import BLACKHOLE, CUT, paused, shut_down_by
from bgplab.engines.verdict import CONVERGED, DIVERGES, Verdict
from bgplab.errors import ProcessError
from bgplab.scenario import routes, sessions
from bgplab.scenario.stage import DONE, Finding, Moment, Stage, seconds
from bgplab.topology.assertions import ExpectState
from bgplab.topology.steps import (
    Act,
    AdminShutdown,
    AdminUp,
    Announce,
    Blackhole,
    Delay,
    Flap,
    Heal,
    HogCpu,
    Kill,
    LinkDown,
    LinkUp,
    Mark,
    Pause,
    Policy,
    Restart,
    Resume,
    SendOctets,
    SessionReset,
    Wait,
    WaitConverged,
    WaitDiverges,
    WaitFor,
    WaitRoute,
    WaitSessions,
    WaitState,
    Withdraw,
)

REASONS = 20  # of what is not settled; the rest is counted

# Waits


async def wait(what: Wait, stage: Stage) -> Finding:
    """Let time pass, as long as the step says.

    After any wait but one for a verdict none holds any more: the network may have moved.
    """
    if isinstance(what, WaitConverged):
        return await _verdict(CONVERGED, what.within, stage)
    if isinstance(what, WaitDiverges):
        return await _verdict(DIVERGES, what.within, stage)
    stage.verdict = None
    match what:
        case WaitFor(span):
            await stage.lab.wait(span)
            return DONE
        case WaitSessions(within):
            return await _sessions(within, stage)
        case WaitState(ends, state, within):
            wanted = ExpectState(ends, state)
            return await _until(
                lambda: sessions.in_state(wanted, stage),
                lambda: sessions.state(wanted, stage),
                within,
                stage,
            )
        case WaitRoute(route, within):
            return await _until(
                lambda: routes.is_there(route, stage),
                lambda: routes.find(route, stage),
                within,
                stage,
            )
        case _:
            assert_never(what)


async def _verdict(wanted: str, within: float | None, stage: Stage) -> Finding:
    """Wait for a verdict; another one than the wanted is a failure."""
    limit = stage.limit(within)
    began = stage.lab.now()
    verdict = stage.verdict = await stage.lab.until_converged(limit)
    took = verdict.detected - began
    return Finding(
        verdict.name == wanted,
        f"{wanted} within {limit:g} s",
        f"{verdict.name} after {seconds(took)}{_why(verdict)}",
    )


def _why(verdict: Verdict) -> str:
    """Say what a verdict rests on: the cycle, or what is not settled."""
    cycle = verdict.cycle
    if cycle is not None:
        return (
            f": {len(cycle.changes)} route changes come back every {seconds(cycle.period)} "
            f"with {cycle.updates:g} UPDATEs, seen {cycle.turns} times"
        )
    return f": {_some(verdict.reasons)}" if verdict.reasons else ""


def _some(reasons: tuple[str, ...]) -> str:
    """Name the first reasons, and count the rest."""
    more = [f"and {len(reasons) - REASONS} more"] if len(reasons) > REASONS else []
    return "; ".join((*reasons[:REASONS], *more))


async def _sessions(within: float | None, stage: Stage) -> Finding:
    """Wait until all sessions are up that nothing keeps down."""

    async def up() -> bool:
        return stage.lab.sessions_up()

    limit, began = stage.limit(within), stage.lab.now()
    wanted = f"every session that nothing keeps down is Established within {limit:g} s"
    if await stage.lab.until(up, limit):
        return Finding(True, wanted, f"after {seconds(stage.lab.now() - began)}")
    await stage.lab.caught_up()
    missing, details = sessions.not_up(stage)
    return Finding(False, wanted, _some(missing), details)


async def _until(
    holds: Callable[[], Awaitable[bool]],
    find: Callable[[], Awaitable[Finding]],
    within: float | None,
    stage: Stage,
) -> Finding:
    """Wait until something holds; if it never does, tell what there is instead."""
    limit, began = stage.limit(within), stage.lab.now()
    if await stage.lab.until(holds, limit):
        return Finding(True, "", f"after {seconds(stage.lab.now() - began)}")
    found = await find()
    return Finding(False, f"{found.expected} within {limit:g} s", found.actual, found.details)


# Marks


async def mark(what: Mark, stage: Stage) -> Finding:
    """Note the UPDATEs sent so far, and then the time, since counting takes some itself."""
    updates = await stage.updates_sent()
    await stage.lab.caught_up()
    heard = stage.journal.heard
    stage.marks[what.name] = Moment(stage.lab.now(), updates, heard)
    return DONE


# Acts


async def act(what: Act, stage: Stage) -> Finding:
    """Do something to the lab. Raises what the lab raises, such as for a router that died."""
    stage.verdict = None
    match what:
        case Announce() | Withdraw() | Flap() | Policy():
            await _routing(what, stage)
        case LinkDown() | LinkUp() | Blackhole() | Heal() | Delay():
            await _link(what, stage)
        case SessionReset() | AdminShutdown() | AdminUp() | SendOctets():
            await _session(what, stage)
        case Kill() | Restart() | Pause() | Resume():
            await _router(what, stage)
        case HogCpu(processes, span):
            await stage.lab.hog_cpu(processes, span)
        case _:
            assert_never(what)
    return DONE


async def _routing(what: Announce | Withdraw | Flap | Policy, stage: Stage) -> None:
    """Change what a router announces, or on what terms it hands routes on."""
    lab = stage.lab
    match what:
        case Announce(at, prefixes, med, communities):
            for router in at:
                await lab.announce(router, *prefixes, med=med, communities=communities)
        case Withdraw(at, prefixes):
            for router in at:
                await lab.withdraw(router, *prefixes)
        case Flap(announce, times, period):
            for _ in range(times):
                await _routing(Withdraw(announce.at, announce.prefixes), stage)
                await lab.wait(period / 2)
                await _routing(announce, stage)
                await lab.wait(period / 2)
        case Policy(router, peers, imports, exports, leak):
            await lab.set_policy(router, *peers, imports=imports, exports=exports, leak=leak)
        case _:
            assert_never(what)


async def _link(what: LinkDown | LinkUp | Blackhole | Heal | Delay, stage: Stage) -> None:
    """Change what a link does to octets."""
    lab, a, b = stage.lab, what.a, what.b
    match what:
        case LinkDown():
            await lab.link_down(a, b)
            stage.obstacles.put(a, b, CUT)
        case LinkUp():
            await lab.link_up(a, b)
            stage.obstacles.take(a, b, CUT)
        case Blackhole():
            await lab.blackhole(a, b)
            stage.obstacles.put(a, b, BLACKHOLE)
        case Heal():
            await lab.heal(a, b)
            stage.obstacles.take(a, b, BLACKHOLE)
        case Delay(_, _, delay, jitter):
            await lab.delay(a, b, delay, jitter)
        case _:
            assert_never(what)


async def _session(
    what: SessionReset | AdminShutdown | AdminUp | SendOctets, stage: Stage
) -> None:
    """Do something at one end of sessions."""
    lab, router = stage.lab, what.router
    match what:
        case SessionReset(_, peer):
            await lab.reset(router, peer)
        case AdminShutdown(_, peers, message):
            await lab.shut_down(router, *peers, message=message)
            for a, b in _pairs(router, peers, stage):
                stage.obstacles.put(a, b, shut_down_by(router))
        case AdminUp(_, peers):
            await lab.bring_up(router, *peers)
            for a, b in _pairs(router, peers, stage):
                stage.obstacles.take(a, b, shut_down_by(router))
        case SendOctets(_, peer, octets):
            await lab.send_octets(router, peer, octets)
        case _:
            assert_never(what)


async def _router(what: Kill | Restart | Pause | Resume, stage: Stage) -> None:
    """Do something to the processes of routers."""
    lab = stage.lab
    for router in what.at:
        match what:
            case Kill():
                await _kill(router, stage)
                _put(router, _killed(router), stage)
            case Restart():
                with suppress(ProcessError):  # it is dead already
                    await _kill(router, stage)
                await lab.restart(router)
                for way in (_killed(router), paused(router), shut_down_by(router)):
                    _take(router, way, stage)
            case Pause():
                await lab.pause(router)
                _put(router, paused(router), stage)
            case Resume():
                await lab.resume(router)
                _take(router, paused(router), stage)
            case _:
                assert_never(what)


async def _kill(router: str, stage: Stage) -> None:
    """Kill a router; the UPDATEs that it has sent still count."""
    before = await stage.updates_sent()
    stage.lab.kill(router)
    stage.journal.gone(router, stage.lab.now())
    stage.lost_updates += before - await stage.updates_sent()


# What stands in the way of sessions.


def _killed(router: str) -> str:
    return f"{router} was killed"


def _pairs(router: str, peers: tuple[str, ...], stage: Stage) -> list[tuple[str, str]]:
    """Give some sessions of a router, all if no peer is named."""
    return [(router, peer) for peer in peers] or stage.obstacles.of(router)


def _put(router: str, way: str, stage: Stage) -> None:
    for a, b in stage.obstacles.of(router):
        stage.obstacles.put(a, b, way)


def _take(router: str, way: str, stage: Stage) -> None:
    for a, b in stage.obstacles.of(router):
        stage.obstacles.take(a, b, way)
