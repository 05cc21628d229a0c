"""Hold what a scenario expects against the lab as it is now."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import assert_never

from bgplab.scenario import network, routes, sessions, timing, totals
from bgplab.scenario.stage import Finding, Stage
from bgplab.topology.assertions import (
    Expectation,
    ExpectConvergence,
    ExpectDetection,
    ExpectExpiry,
    ExpectExploration,
    ExpectKeepalive,
    ExpectLoopFree,
    ExpectNoRoute,
    ExpectNot,
    ExpectNotification,
    ExpectReachable,
    ExpectRoute,
    ExpectSameRoutes,
    ExpectState,
    ExpectTransitions,
    ExpectUpdates,
    ExpectValleyFree,
    Invariant,
    Statement,
)

OfSessions = ExpectTransitions | ExpectNotification | ExpectDetection


async def expect(what: Expectation, stage: Stage) -> Finding:
    """Find out whether an expectation holds at this moment; nothing is waited for."""
    if not isinstance(what, ExpectNot):
        return await _holds(what, stage)
    found = await _holds(what.statement, stage)
    actual, details = found.actual or "it is so", found.details
    if found.ok and isinstance(what.statement, ExpectRoute):
        details = await routes.paths(what.statement, stage)
    return Finding(not found.ok, f"not so: {found.expected}", actual, details)


async def _holds(what: Statement, stage: Stage) -> Finding:
    """Find out whether a statement is true."""
    match what:
        case ExpectRoute() | ExpectNoRoute() | ExpectState():
            return await _at_any_moment(what, stage)
        case ExpectValleyFree() | ExpectLoopFree():
            return await _at_any_moment(what, stage)
        case ExpectReachable():
            return await routes.reachable(what, stage)
        case ExpectSameRoutes():
            return await network.same_routes(stage)
        case ExpectTransitions() | ExpectNotification() | ExpectDetection():
            return await _of_sessions(what, stage)
        case ExpectExpiry():
            return await timing.expiry(what, stage)
        case ExpectKeepalive():
            return await timing.keepalive(what, stage)
        case ExpectConvergence():
            return totals.convergence(what, stage)
        case ExpectUpdates():
            return await totals.updates(what, stage)
        case ExpectExploration():
            return await totals.exploration(what, stage)
        case _:
            assert_never(what)


def _at_any_moment(what: Invariant, stage: Stage) -> Awaitable[Finding]:
    """Judge what can also hold always (see always.py)."""
    match what:
        case ExpectRoute() | ExpectNoRoute():
            return routes.find(what, stage)
        case ExpectState():
            return sessions.state(what, stage)
        case ExpectValleyFree():
            return network.valley_free(stage)
        case ExpectLoopFree():
            return network.loop_free(stage)
        case _:
            assert_never(what)


def _of_sessions(what: OfSessions, stage: Stage) -> Awaitable[Finding]:
    match what:
        case ExpectTransitions():
            return sessions.transitions(what, stage)
        case ExpectNotification():
            return sessions.notification(what, stage)
        case ExpectDetection():
            return sessions.detection(what, stage)
        case _:
            assert_never(what)
