"""Lines beside a failed expectation: the paths there were, and what sessions did last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf

from bgplab.errors import ProcessError
from bgplab.facts import StateChanged
from bgplab.observe.candidates import Candidate
from bgplab.scenario.stage import Stage
from bgplab.session.events import Event, State
from bgplab.topology.assertions import Ends

PATHS = 8  # of one router to one prefix


async def paths(stage: Stage, router: str, prefix: str) -> list[str]:
    """Say which paths a router has to a prefix, and why it does or does not use each."""
    try:
        found = await stage.lab.candidates(router, prefix)
    except ProcessError:
        return []
    lines = [f"{router}, {prefix}: {_path(each)}" for each in found[:PATHS]]
    if len(found) > PATHS:
        lines.append(f"{router}, {prefix}: and {len(found) - PATHS} more paths")
    return lines or [f"{router} has no path to {prefix}"]


def _path(path: Candidate) -> str:
    """Say where a path came from, and why it is the best or at which step it lost."""
    via = f"via {path.peer}" if path.peer else "its own"
    if path.best:
        fate = f"is the best: {path.reason}"
    elif path.reason == path.lost:
        fate = path.lost
    else:
        fate = f'lost at "{path.lost}": {path.reason}'
    return f"{via}, AS_PATH {path.as_path or 'empty'}, {fate}"


def moves(stage: Stage, pairs: Iterable[Ends], until: float = inf) -> list[str]:
    """Say what sessions did last, at both ends, up to a moment of the lab's clock.

    Of each end the last transition into or out of Established, and the last of all. Up to now,
    also what the scenario has left in the way of each session.
    """
    pairs = list(pairs)
    ends = dict.fromkeys(end for a, b in pairs for end in ((a, b), (b, a)))
    mattered: dict[Ends, StateChanged] = {}
    last: dict[Ends, StateChanged] = {}
    for router, fact in stage.journal.facts(StateChanged):
        end = router, fact.peer
        if end in ends and fact.at <= until and fact.old != fact.new:
            last[end] = fact
            if State.ESTABLISHED in (fact.old, fact.new):
                mattered[end] = fact
    lines = [
        _move(stage, end[0], fact)
        for end in ends
        for fact in dict.fromkeys(told[end] for told in (mattered, last) if end in told)
    ]
    return lines if until < inf else [*lines, *_obstacles(stage, pairs)]


def _obstacles(stage: Stage, pairs: Iterable[Ends]) -> Iterator[str]:
    """Say what the scenario has left in the way of sessions, each named once."""
    sessions = dict.fromkeys(stage.obstacles.session(*pair) for pair in pairs)
    for session in sessions:
        ways = stage.obstacles.between(*session) if session else ()
        if session and ways:
            yield f"session {session[0]}-{session[1]} is kept down: {', '.join(ways)}"


def _move(stage: Stage, router: str, fact: StateChanged) -> str:
    states = f"{State(fact.old).label} -> {State(fact.new).label}"
    event = Event(fact.event).label
    return f"{router}, session with {fact.peer}: {states} by {event} at {stage.time(fact.at)}"


def troubled(stage: Stage, routers: Sequence[str]) -> list[Ends]:
    """List the sessions of routers that are not Established, as far as was heard."""
    return [
        end
        for end, state in stage.journal.scene.states.items()
        if end[0] in routers and state != State.ESTABLISHED
    ]
