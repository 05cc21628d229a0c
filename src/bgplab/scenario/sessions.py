"""What a scenario expects of sessions: states, NOTIFICATIONs, and how soon a loss was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from bgplab.facts import NotificationReceived, NotificationSent, StateChanged
from bgplab.scenario import why
from bgplab.scenario.journal import Scene, state_label
from bgplab.scenario.stage import Finding, Moment, Stage, bounds, seconds, within
from bgplab.session.events import State
from bgplab.topology.assertions import (
    Ends,
    ExpectDetection,
    ExpectNotification,
    ExpectState,
    ExpectTransitions,
)
from bgplab.wire.notification import describe, read_shutdown

NAMED = 10  # session ends that one line names
TELLING = ((6, 2), (6, 4))  # Cease/Administrative Shutdown and Reset carry text (RFC 9003)


def end_text(end: Ends) -> str:
    """Name a session end."""
    return f"{end[0]} with {end[1]}"


def _ends_text(ends: Iterable[Ends]) -> str:
    named = [end_text(end) for end in ends]
    more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
    return ", ".join((*named[:NAMED], *more))


# States


def wrong_in(what: ExpectState, scene: Scene) -> str:
    """Say which session ends of a scene are in other states, "" if none is."""
    wrong = (
        f"{end_text(end)}: {label}"
        for end in what.ends
        if (label := state_label(scene.states[end])) != what.state
    )
    return "; ".join(islice(wrong, NAMED))


def wanted_state(what: ExpectState) -> str:
    """Write which session ends are to be in which state."""
    return f"{_ends_text(what.ends)}: {what.state}"


async def in_state(what: ExpectState, stage: Stage) -> bool:
    """Tell whether session ends are in a state; the routers are asked for news only if so."""
    if wrong_in(what, stage.journal.scene):
        return False
    await stage.lab.caught_up()
    return not wrong_in(what, stage.journal.scene)


async def state(what: ExpectState, stage: Stage) -> Finding:
    """Find out whether session ends are in a state."""
    await stage.lab.caught_up()
    wrong = wrong_in(what, stage.journal.scene)
    details = why.moves(stage, what.ends) if wrong else []
    return Finding(not wrong, wanted_state(what), wrong, tuple(details))


def not_up(stage: Stage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the sessions that nothing keeps down but are not Established, and what they did."""
    states = stage.journal.scene.states
    down = [
        (end, state_label(state))
        for end, state in states.items()
        if state != State.ESTABLISHED and not stage.obstacles.between(*end)
    ]
    named = tuple(f"{end_text(end)}: {label}" for end, label in down)
    return named, tuple(why.moves(stage, [end for end, _ in down[:NAMED]]))


def kept_down(stage: Stage) -> tuple[str, ...]:
    """List the sessions that the scenario has left in the way of, and what stands there."""
    return tuple(
        f"{session.a}-{session.b}: {', '.join(ways)}"
        for session in stage.plan.sessions
        if (ways := stage.obstacles.between(session.a, session.b))
    )


# Transitions


async def transitions(what: ExpectTransitions, stage: Stage) -> Finding:
    """Compare the states that a session end has entered with those that it should have.

    From before the lab started, the first is Idle, which every session begins in.
    """
    await stage.lab.caught_up()
    router, peer = what.end
    moment = stage.since(what.since)
    entered = [] if what.since is not None else [State.IDLE.label]
    facts = stage.journal.facts(StateChanged, moment.at, moment.heard)
    mine = [fact for name, fact in facts if (name, fact.peer) == what.end]
    entered += [State(fact.new).label for fact in mine if fact.new != fact.old]
    ok = entered == list(what.states)
    since = "the start" if what.since is None else what.since
    wanted = f"{end_text(what.end)}: {' '.join(what.states)} since {since}"
    details = () if ok else tuple(why.moves(stage, [(router, peer)]))
    return Finding(ok, wanted, " ".join(entered) or "no transition", details)


# NOTIFICATIONs


async def notification(what: ExpectNotification, stage: Stage) -> Finding:
    """Look for a NOTIFICATION that a session end has sent or received."""
    await stage.lab.caught_up()
    moment = stage.since(what.since)
    told = _notifications(what.end, moment, stage)
    kind = NotificationSent if what.sent else NotificationReceived
    ok = any(
        isinstance(fact, kind)
        and fact.code == what.code
        and what.subcode in (None, fact.subcode)
        for fact in told
    )
    verb = "sent" if what.sent else "received"
    name = describe(what.code, what.subcode or 0)
    if what.subcode is None:
        name = f"{name.split('/')[0]} ({what.code})"
    since = "" if what.since is None else f" since {what.since}"
    wanted = f"{end_text(what.end)}: {verb} NOTIFICATION {name}{since}"
    found = "; ".join(_told(fact, stage) for fact in told)
    details = () if ok else tuple(why.moves(stage, [what.end]))
    return Finding(ok, wanted, found or "no NOTIFICATION", details)


def _notifications(
    end: Ends, moment: Moment, stage: Stage
) -> list[NotificationSent | NotificationReceived]:
    """List the NOTIFICATIONs that a session end sent or received, in the order of time."""
    journal, since = stage.journal, (moment.at, moment.heard)
    mine: list[NotificationSent | NotificationReceived] = []
    for name, sent in journal.facts(NotificationSent, *since):
        mine += [sent] if (name, sent.peer) == end else []
    for name, received in journal.facts(NotificationReceived, *since):
        mine += [received] if (name, received.peer) == end else []
    return sorted(mine, key=lambda fact: fact.at)


def _told(fact: NotificationSent | NotificationReceived, stage: Stage) -> str:
    verb = "sent" if isinstance(fact, NotificationSent) else "received"
    name = describe(fact.code, fact.subcode)
    return f"{verb} {name}{_message(fact)} at {stage.time(fact.at)}"


def _message(fact: NotificationSent | NotificationReceived) -> str:
    """Quote the shutdown communication of a NOTIFICATION, if there is one (RFC 9003)."""
    text = read_shutdown(fact.data) if (fact.code, fact.subcode) in TELLING else ""
    return f" {json.dumps(text, ensure_ascii=False)}" if text else ""


# Detection


async def detection(what: ExpectDetection, stage: Stage) -> Finding:
    """Compare the time from a mark until session ends left Established with bounds."""
    await stage.lab.caught_up()
    moment = stage.since(what.since)
    left: dict[Ends, float] = {}
    for router, fact in stage.journal.facts(StateChanged, moment.at, moment.heard):
        if fact.old == State.ESTABLISHED != fact.new:
            left.setdefault((router, fact.peer), fact.at - moment.at)
    took = {end: left.get(end) for end in what.ends}
    wrong = [
        end
        for end, span in took.items()
        if span is None or not within(span, what.below, what.above)
    ]
    wanted = (
        f"{_ends_text(what.ends)}: left Established {bounds(what.below, what.above)} "
        f"after {what.since}"
    )
    found = "; ".join(
        f"{end_text(end)}: {'still Established' if span is None else seconds(span)}"
        if span is not None or stage.journal.scene.states[end] == State.ESTABLISHED
        else f"{end_text(end)}: was not Established"
        for end, span in (took.items() if not wrong else [(end, took[end]) for end in wrong])
    )
    return Finding(not wrong, wanted, found, tuple(why.moves(stage, wrong)))
