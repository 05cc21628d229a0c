"""What holds throughout: judged at every moment, when the scenario is over.

Facts of several routers may come out of order; so the journal is gone through in the order of
time, and after each fact that concerns an invariant it is held against the scene of then. Only
peer and AS_PATH of routes in use are seen that way. What else is asked of a route is judged
when the invariant is stated, and at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from bgplab.facts import BestChanged, StateChanged
from bgplab.scenario import network, routes, sessions, why
from bgplab.scenario.expect import expect
from bgplab.scenario.journal import Entry, Scene, prefix_text
from bgplab.scenario.network import Focus, Loops, Valleys
from bgplab.scenario.stage import Finding, Moment, Stage
from bgplab.topology.assertions import (
    Always,
    Ends,
    ExpectLoopFree,
    ExpectNoRoute,
    ExpectRoute,
    ExpectState,
    ExpectValleyFree,
    Invariant,
)

# Describes the first violation in a scene, "" for none; with a focus, of what has changed.
Judge = Callable[[Scene, Focus | None], str]


async def begin(what: Always, stage: Stage) -> tuple[Moment, Finding]:
    """State an invariant: it has to hold already. Gives the moment from which it is watched."""
    await stage.lab.caught_up()
    moment = Moment(stage.lab.now(), heard=stage.journal.heard)
    found = await expect(what.invariant, stage)
    return moment, replace(found, expected=_wanted(what.invariant))


async def judge(what: Always, since: Moment, stage: Stage) -> Finding:
    """Find the first moment since the invariant was stated at which it did not hold."""
    await stage.lab.caught_up()
    violated = _first_violation(what.invariant, since, stage)
    wanted = _wanted(what.invariant)
    if violated is not None:
        at, found = violated
        actual = f"{stage.time(at)}: {found}"
        details = tuple(why.moves(stage, _concerned(what.invariant, stage), at))
        return Finding(False, wanted, actual, details, at)
    if isinstance(what.invariant, ExpectRoute) and routes.unseen(what.invariant):
        return replace(await expect(what.invariant, stage), expected=wanted)
    return Finding(True, wanted)


def _first_violation(
    invariant: Invariant, since: Moment, stage: Stage
) -> tuple[float, str] | None:
    """Go through the journal; give time and description of the first violation."""
    violation = _judge(invariant, stage)
    scene, watching = Scene(stage.journal.ends), False
    for entry in stage.journal.replay():
        began = entry.at >= since.at and entry.number >= since.heard
        if began and not watching:
            watching = True
            found = violation(scene, None)
            if found:
                return since.at, found
        scene.take(entry.router, entry.what)
        if began and _concerns(invariant, entry):
            found = violation(scene, _focus(entry))
            if found:
                return entry.at, found
    return None


def _concerns(invariant: Invariant, entry: Entry) -> bool:
    """Tell whether a fact can violate an invariant at all."""
    what = entry.what
    if isinstance(invariant, ExpectState):
        return not isinstance(what, BestChanged)
    if isinstance(what, BestChanged):
        if isinstance(invariant, ExpectRoute | ExpectNoRoute):
            return prefix_text(what.prefix) == invariant.prefix
        return True
    return not isinstance(what, StateChanged)


def _focus(entry: Entry) -> Focus | None:
    """Name the route that a fact is about, if it is about one."""
    if isinstance(entry.what, BestChanged):
        return entry.router, prefix_text(entry.what.prefix)
    return None


def _judge(invariant: Invariant, stage: Stage) -> Judge:
    """Make what judges the scenes of an invariant."""
    match invariant:
        case ExpectRoute() | ExpectNoRoute():
            return lambda scene, _: routes.wrong_in(invariant, scene)
        case ExpectState():
            return lambda scene, _: sessions.wrong_in(invariant, scene)
        case ExpectValleyFree():
            valleys = Valleys(stage.plan)
            return lambda scene, focus: valleys.first(scene.routes, focus)
        case ExpectLoopFree():
            loops = Loops(stage.topology)
            return lambda scene, focus: loops.first(scene.routes, focus)
        case _:
            assert_never(invariant)


def _wanted(invariant: Invariant) -> str:
    """Write what has to hold at every moment."""
    match invariant:
        case ExpectRoute() | ExpectNoRoute():
            text = routes.wanted(invariant)
        case ExpectState():
            text = sessions.wanted_state(invariant)
        case ExpectValleyFree():
            text = network.VALLEY_FREE
        case ExpectLoopFree():
            text = network.LOOP_FREE
        case _:
            assert_never(invariant)
    return f"at every moment: {text}"


def _concerned(invariant: Invariant, stage: Stage) -> list[Ends]:
    """List the sessions whose history may explain a violation."""
    match invariant:
        case ExpectState(ends):
            return list(ends)
        case ExpectRoute(at) | ExpectNoRoute(at):
            return [end for end in stage.journal.ends if end[0] in at]
        case _:
            return []
