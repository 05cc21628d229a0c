"""How the news of one prefix went through a network: each step with the step that led to it.

A step is a change of a router's best route, or an UPDATE that tells a peer of the prefix. Its
parent is the UPDATE that was received and led to it, as the sender recorded it; a step without
a parent began the news: an act, a session that came up or was lost, the start. So the steps of
a prefix are trees, whatever MRAI, slow peers and common decisions have put together. Needs a
run that was recorded at level updates or above.

What an act on sessions led to is found by time and by the routers that it concerned: a session
that is lost is laid at the last act before which could have ended it.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bgplab.errors import UpdateError, UsageError
from bgplab.facts import Cause, CauseKind
from bgplab.observe.describe import describe_cause
from bgplab.observe.runs import did_you_mean
from bgplab.wire.attributes import decode_attributes, format_as_path
from bgplab.wire.nlri import encode_prefix, split_prefixes
from bgplab.wire.update import split_update

ON_PREFIXES = ("announce", "withdraw")  # acts that name prefixes
ON_ROUTES = (*ON_PREFIXES, "policy")  # acts that leave sessions alone
MENDING = ("link-up", "heal", "admin-up", "restart", "resume")  # they end no session

_STEPS = """
SELECT (t.at - s.started_ns) / 1e9, r.name, ifnull(o.name, ''), t.epoch, t.number,
    (t.since - s.started_ns) / 1e9, t.kind, ifnull(p.name, ''), t.source_epoch,
    t.source_number, m.octets
FROM run s, cause t JOIN router r ON r.id = t.router
    LEFT JOIN router o ON o.id = t.told LEFT JOIN router p ON p.id = t.source
    LEFT JOIN message m ON m.router = t.router AND m.peer = t.told AND m.received = 0
        AND m.epoch = t.epoch AND m.number = t.number AND m.at = t.at
WHERE t.prefix = ? ORDER BY t.at, t.rowid"""


@dataclass(frozen=True, slots=True)
class Change:
    """The best route of a router became another; `peer` is None if none is left, "" if own."""

    at: float  # seconds since the start of the run, as everywhere here
    peer: str | None
    as_path: str

    @property
    def said(self) -> str:
        """What the best route is from then on."""
        if self.peer is None:
            return "no route is left"
        if not self.peer:
            return "best is its own"
        return f"best via {self.peer}, AS_PATH {self.as_path}"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to a router, or to a link or session between two (`peer`)."""

    number: int  # of the acts of the run, from 1
    at: float
    router: str
    peer: str
    text: str  # in a scenario's words, the name of the act first

    @property
    def name(self) -> str:
        """What kind of act it was, such as link-down."""
        return self.text.partition(" ")[0]

    def __str__(self) -> str:
        """Say what was done, and where."""
        where = f"{self.router}-{self.peer}" if self.peer else f"at {self.router}"
        return f"{self.text} {where}"


@dataclass(frozen=True, slots=True)
class Step:
    """A router changed its best route (`told` is ""), or told a peer by UPDATE `number`."""

    at: float
    router: str
    told: str
    epoch: int
    number: int
    said: str
    cause: Cause

    @property
    def key(self) -> tuple[str, str, int, int]:
        """By what the UPDATE is known at both ends."""
        return self.router, self.told, self.epoch, self.number

    @property
    def why(self) -> str:
        """Say what led to it."""
        return describe_cause(self.cause.kind, self.cause.source, self.cause.number)


class Node(NamedTuple):
    """A step of a tree, and how deep below the act it stands; the next deeper ones follow."""

    step: Step
    depth: int


class Causes:
    """All steps of one prefix in a run, by time, and the acts of the run."""

    def __init__(self, connection: sqlite3.Connection, prefix: str) -> None:
        self.prefix = prefix
        self.acts = read_acts(connection)
        self.steps = _read_steps(connection, prefix)
        self._sent: dict[tuple[str, str, int, int], list[Step]] = defaultdict(list)
        self._below: dict[Step, list[Step]] = defaultdict(list)
        for step in self.steps:
            if step.told:
                self._sent[step.key].append(step)
        for step in self.steps:
            if (parent := self.parent(step)) is not None:
                self._below[parent].append(step)

    def parent(self, step: Step) -> Step | None:
        """Give the UPDATE that led to a step; None where the news began, or rows are lost."""
        at, kind, source, epoch, number = step.cause
        if kind != CauseKind.UPDATE:
            return None
        # The number of a connection may come again, long after: the last one before counts.
        sent = self._sent.get((source, step.router, epoch, number), ())
        return next((before for before in reversed(sent) if before.at <= at), None)

    def below(self, step: Step) -> list[Step]:
        """List what an UPDATE led to at the router that received it."""
        return self._below.get(step, [])

    def chain(self, step: Step) -> list[Step]:
        """List the steps that led to one, from where the news began up to itself."""
        found: list[Step] = []
        at: Step | None = step
        while at is not None:
            found.append(at)
            at = self.parent(at)
        return found[::-1]

    def act_of(self, step: Step) -> Act | None:
        """Give the act that a step which has no parent goes back to, if there is one."""
        cause = step.cause
        fits = {
            CauseKind.START: _starts,
            CauseKind.ACT: self._is_on_route,
            CauseKind.SESSION_UP: _is_on_session,
            CauseKind.SESSION_DOWN: _ends_session,
            CauseKind.REFRESH: _asks_again,
        }.get(cause.kind)
        if fits is None:
            return None
        before = (act for act in reversed(self.acts) if act.at <= cause.at)
        return next((act for act in before if fits(act, step)), None)

    def _is_on_route(self, act: Act, step: Step) -> bool:
        named = act.name not in ON_PREFIXES or self.prefix in act.text.split()
        return act.router == step.router and act.name in ON_ROUTES and named

    def concerning(self) -> list[Act]:
        """List the acts that led to any step, in their order."""
        roots = {self.act_of(step) for step in self.steps if self.parent(step) is None}
        return [act for act in self.acts if act in roots]

    def tree(self, act: Act) -> Iterator[Node]:
        """Go through all that an act led to: each step before those which it led to."""
        begun = [step for step in self.steps if self.parent(step) is None]
        left = [Node(step, 0) for step in begun if self.act_of(step) == act][::-1]
        while left:
            node = left.pop()
            yield node
            left += [Node(step, node.depth + 1) for step in self.below(node.step)[::-1]]

    def history(self, router: str) -> list[Step]:
        """List the changes of a router's best route."""
        return [step for step in self.steps if step.router == router and not step.told]


def read_acts(connection: sqlite3.Connection) -> list[Act]:
    """List the acts of a run by time."""
    rows = connection.execute(
        "SELECT t.rowid, (t.at - s.started_ns) / 1e9, ifnull(r.name, ''),"
        " ifnull(p.name, ''), t.text FROM run s, act t LEFT JOIN router r ON r.id = t.router"
        " LEFT JOIN router p ON p.id = t.peer ORDER BY t.at, t.rowid"
    )
    return [Act(*row) for row in rows]


def read_changes(connection: sqlite3.Connection, router: str, prefix: str) -> list[Change]:
    """List how a router's best route changed; recorded from level transitions on."""
    rows = connection.execute(
        "SELECT at, from_peer, as_path FROM route_changes WHERE router = ? AND prefix = ?"
        " ORDER BY at",
        (router, prefix),
    )
    return [_change(*row) for row in rows]


def find_act(acts: list[Act], wanted: str | None) -> Act:
    """Find an act: by how its text begins, by a time (the last until then), or the last one.

    Raises UsageError if there is none.
    """
    if not acts:
        raise UsageError("no act concerned this prefix: there is no tree to show")
    if wanted is None:
        return acts[-1]
    try:
        until = float(wanted.removesuffix("s"))
    except ValueError:
        found = [act for act in acts if str(act).startswith(wanted)]
        hint = did_you_mean(wanted, {str(act): None for act in acts})
    else:
        found = [act for act in acts if act.at <= until]
        hint = f"; the first was at {acts[0].at:.6f}"
    if not found:
        raise UsageError(f"no act {wanted!r} that concerned this prefix{hint}")
    return found[-1]


def _change(at: float, peer: str | None, as_path: str | None) -> Change:
    return Change(at, "" if peer == "own" and not as_path else peer, as_path or "")


def _is_on_session(act: Act, step: Step) -> bool:
    """Tell whether an act concerned the session that a step began with."""
    ends = (step.router, step.cause.source)
    if act.name in ON_ROUTES:
        return False
    return act.router in ends and (not act.peer or act.peer in ends)


def _ends_session(act: Act, step: Step) -> bool:
    return act.name not in MENDING and _is_on_session(act, step)


def _starts(act: Act, step: Step) -> bool:
    return act.name == "restart" and act.router == step.router


def _asks_again(act: Act, step: Step) -> bool:
    """Tell whether an act made a peer ask for a refresh: it has other rules since then."""
    return act.name == "policy" and act.router == step.cause.source


def _read_steps(connection: sqlite3.Connection, prefix: str) -> list[Step]:
    """Read all steps of a prefix by time; what each change came to is told with the change."""
    changes: dict[tuple[str, float], list[Change]] = defaultdict(list)
    query = "SELECT router, at, from_peer, as_path FROM route_changes WHERE prefix = ?"
    for router, *row in connection.execute(query, (prefix,)):
        changes[router, row[0]].append(_change(*row))
    come = {key: iter(found) for key, found in changes.items()}
    octets = encode_prefix(prefix)
    found = []
    for at, router, told, epoch, number, since, *cause, message in connection.execute(
        _STEPS, (prefix,)
    ):
        if told:
            said = _said(message, octets)
        else:
            change = next(come.get((router, at), iter(())), None)
            said = "changed" if change is None else change.said
        why = Cause(since, CauseKind(cause[0]), *cause[1:])
        found.append(Step(at, router, told, epoch, number, said, why))
    return found


def _said(message: bytes | None, prefix: bytes) -> str:
    """Say what an UPDATE tells of a prefix."""
    if message is None:
        return "UPDATE"  # the database lost it, or keeps none
    try:
        _, block, nlri = split_update(message)
        if prefix not in split_prefixes(nlri):
            return "withdraw"
    except UpdateError:
        return "UPDATE"
    for wide in (True, False):  # AS numbers of four octets, or else of two
        attributes = decode_attributes(block, four_octet=wide, internal=False).attributes
        if attributes is not None:
            return f"announce, AS_PATH {format_as_path(attributes.as_path) or 'empty'}"
    return "announce"
