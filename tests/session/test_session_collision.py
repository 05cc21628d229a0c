"""Connection collision detection (RFC 4271 section 6.8, RFC 6286 section 2.3).

Two sessions back to back, every interleaving of what is under way between them.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from bgplab.config import SessionFlags, Timers
from bgplab.facts import NotificationSent, StateChanged
from bgplab.session.collision import Connection, Verdict, is_higher, resolve
from bgplab.session.effects import Close, Send
from bgplab.session.events import Event, State
from bgplab.session.machine import Machine
from bgplab.session.memory import LEFT, RIGHT, End, Side, Wire, back_to_back

DELAYED = Timers(delay_open=0.5)
EVEN_ESTABLISHED = SessionFlags(collision_detect_established_state=True)

Choice = tuple[str, int, int]


def choices(wire: Wire) -> Iterator[Choice]:
    """List what may happen next: an arrival, a start, the end of a DelayOpenTimer."""
    for side, connection in wire.choices():
        yield ("arrival", side, connection)
    for side, end in enumerate(wire.ends):
        if end.session._stopped:
            yield ("start", side, 0)
        machines = (end.session._primary, end.session._second)
        if any(machine and "delay_open" in machine.timers.running for machine in machines):
            yield ("delay", side, 0)


def happen(wire: Wire, choice: Choice) -> None:
    """Let one thing happen."""
    what, side, connection = choice
    session = wire.ends[side].session
    if what == "arrival":
        wire.deliver((side, connection))
    elif what == "start":
        session.start(wire.now)
        wire.flush()
    else:
        machines = [machine for machine in (session._primary, session._second) if machine]
        due = min(machine.timers.delay_open for machine in machines)
        wire.now = max(wire.now, due)
        session.tick(wire.now)
        wire.flush()


def fingerprint(wire: Wire) -> object:
    """Describe all that the future depends on."""

    def of(machine: Machine | None) -> object:
        return machine and (machine.state, machine.connection, machine.timers.running)

    ends = [
        (of(end.session._primary), of(end.session._second), end.session._attempt)
        for end in wire.ends
    ]
    return repr(
        (ends, sorted(wire.pending.items()), [end.session._stopped for end in wire.ends])
    )


def all_ends(make: Callable[[], Wire]) -> list[Wire]:
    """Follow every interleaving to where nothing is under way any more."""
    seen, ends = set(), []
    stack: list[tuple[Choice, ...]] = [()]
    while stack:
        path = stack.pop()
        wire = make()
        for choice in path:
            happen(wire, choice)
        state = fingerprint(wire)
        if state in seen:
            continue
        seen.add(state)
        following = list(choices(wire))
        if not following:
            ends.append(wire)
        stack.extend((*path, choice) for choice in following)
    return ends


def agree(wire: Wire) -> bool:
    """Tell whether both ends are Established over the same connection."""
    left, right = (end.session for end in wire.ends)
    return left.established and right.established and left.epoch == right.epoch != 0


SAME_IDENTIFIER = RIGHT._replace(identifier=LEFT.identifier)
INTERNAL = RIGHT._replace(asn=LEFT.asn)
PAIRS = {
    "right is higher": (LEFT, RIGHT),
    "left is higher": (LEFT._replace(identifier="200.0.0.1"), RIGHT),
    "AS number decides": (LEFT, SAME_IDENTIFIER),
    "internal": (LEFT, INTERNAL),
    "left passive": (LEFT._replace(passive=True), RIGHT),
    "right passive": (LEFT, RIGHT._replace(passive=True)),
    "left delays": (LEFT._replace(timers=DELAYED), RIGHT),
    "right delays": (LEFT, RIGHT._replace(timers=DELAYED)),
    "both delay": (LEFT._replace(timers=DELAYED), RIGHT._replace(timers=DELAYED)),
    "Established too": (
        LEFT._replace(flags=EVEN_ESTABLISHED), RIGHT._replace(flags=EVEN_ESTABLISHED),
    ),
    "Established too, left only": (LEFT._replace(flags=EVEN_ESTABLISHED), RIGHT),
}  # fmt: skip


@pytest.mark.parametrize("left, right", PAIRS.values(), ids=PAIRS.keys())
def test_no_interleaving_keeps_two_routers_apart(left: Side, right: Side):
    """RFC 4271 section 6.8: both ends keep the same connection, and none ever flaps."""
    ends = all_ends(lambda: back_to_back(random.Random(1), left, right))
    assert ends
    assert any(agree(wire) for wire in ends)
    for wire in ends:
        states = {end.session.state for end in wire.ends}
        assert agree(wire) or State.ESTABLISHED not in states, "both up, or none"
        wire.run(wire.now + 20.0)
        assert agree(wire)
        assert all([what for _, what in end.told] == ["established"] for end in wire.ends)
        assert all(end.session._second is None for end in wire.ends)


def test_without_a_refusal_every_interleaving_ends_established_before_any_timer():
    """Both have started, and a connection is accepted before later octets of another one."""
    ends = all_ends(lambda: Prompt.of(back_to_back(random.Random(1))))
    assert len(ends) >= 2
    assert all(agree(wire) for wire in ends)


class Prompt(Wire):
    """A wire on which a connection is accepted as soon as it is dialled, as by a kernel."""

    @classmethod
    def of(cls, wire: Wire) -> "Prompt":
        """Start both sessions of a wire, the octets and answers to follow in any order."""
        prompt = cls(*wire.ends)
        for end in prompt.ends:
            end.session.start(0.0)
        prompt.flush()
        return prompt

    def choices(self) -> list[tuple[int, int]]:
        """Let accepts go before all else."""
        keys = super().choices()
        return [key for key in keys if self.pending[key][0].what == "accepted"] or keys


def colliding() -> Wire:
    """Bring both connections of a collision up at both ends: OPENs are under way on both."""
    wire = back_to_back(random.Random(1))
    for end in wire.ends:
        end.session.start(0.0)
    wire.flush()
    for key in ((0, -1), (1, -1), (0, 1), (1, 1)):
        wire.deliver(key)
    return wire


def test_the_loser_is_told_of_the_collision():
    """RFC 4486: Cease/Connection Collision Resolution; RFC 4271 6.8: the higher one's stays."""
    wire = colliding()
    wire.settle()
    assert agree(wire)
    right = wire.ends[1]
    assert right.session._primary.connection > 0, "the higher identifier dialled the survivor"
    told = [
        (fact.code, fact.subcode)
        for end in wire.ends
        for fact in end.effects
        if isinstance(fact, NotificationSent)
    ]
    assert set(told) == {(6, 7)}


def test_facts_tell_one_story_when_a_connection_takes_the_place_of_another():
    wire = colliding()
    wire.settle()
    for end in wire.ends:
        facts = [fact for fact in end.effects if isinstance(fact, StateChanged)]
        assert facts[0].old == State.IDLE
        assert facts[-1].new == State.ESTABLISHED
        assert [fact.new for fact in facts[:-1]] == [fact.old for fact in facts[1:]]
        assert State.IDLE not in [fact.new for fact in facts]


def test_a_collision_is_no_failure_of_the_session():
    wire = colliding()
    wire.settle()
    assert [end.session.damping.pause for end in wire.ends] == [1.0, 1.0]


def established() -> Wire:
    """Bring a pair up with the left one dialling."""
    wire = back_to_back(random.Random(1), LEFT, RIGHT._replace(passive=True))
    wire.ends[1].session.start(0.0)
    wire.ends[0].session.start(0.0)
    wire.settle()
    assert agree(wire)
    return wire


def first_sent(end: End) -> bytes:
    """Return the first message that an end has sent: its OPEN."""
    return next(effect.octets for effect in end.effects if isinstance(effect, Send))


def test_a_new_connection_does_not_end_an_established_one():
    """RFC 4271 section 6.8: the new one is closed when its OPEN has come."""
    wire = established()
    right = wire.ends[1]
    opens = first_sent(wire.ends[0])
    assert right.session.accepted(-50, 77, 1.0)
    right.session.receive(-50, opens, 1.0)
    assert Close(-50) in right.effects
    assert (right.session.state, right.session.epoch) == (State.ESTABLISHED, 1)
    assert right.session._second is None


def test_a_new_connection_replaces_an_established_one_where_the_flag_says_so():
    """RFC 4271 section 8.1.1, CollisionDetectEstablishedState: a restarted peer comes back."""
    wire = back_to_back(
        random.Random(1), LEFT, RIGHT._replace(passive=True, flags=EVEN_ESTABLISHED)
    )
    for end in reversed(wire.ends):
        end.session.start(0.0)
    wire.settle()
    right = wire.ends[1]
    opens = first_sent(wire.ends[0])
    assert right.session.accepted(-50, 77, 1.0)
    right.effects.clear()
    right.session.receive(-50, opens, 1.0)
    assert right.told[-1] == (1.0, "down")
    changes = [fact for fact in right.effects if isinstance(fact, StateChanged)]
    assert [(fact.old, fact.new, fact.event) for fact in changes] == [
        (State.ESTABLISHED, State.OPEN_SENT, Event.OPEN_COLLISION_DUMP),
        (State.OPEN_SENT, State.OPEN_CONFIRM, Event.BGP_OPEN),
    ]


def test_a_third_connection_is_refused():
    wire = established()
    right = wire.ends[1].session
    assert right.accepted(-50, 77, 1.0)
    assert not right.accepted(-51, 78, 1.0)
    assert Close(-51) in wire.ends[1].effects


def test_identifiers_compare_as_unsigned_numbers():
    """RFC 4271 section 6.8; RFC 6286 section 2.3 for equal ones."""
    assert is_higher((0xC0000001, 1), (0x0A000001, 2))
    assert not is_higher((5, 1), (5, 2))
    assert is_higher((5, 4_200_000_000), (5, 2))


OPEN_SENT, OPEN_CONFIRM, ESTABLISHED = State.OPEN_SENT, State.OPEN_CONFIRM, State.ESTABLISHED


@pytest.mark.parametrize(
    "this, other, state, higher, verdict",
    [
        (1, -1, OPEN_CONFIRM, True, Verdict.OTHER),
        (1, -1, OPEN_CONFIRM, False, Verdict.THIS),
        (-1, 1, OPEN_CONFIRM, True, Verdict.THIS),
        (-1, 1, OPEN_CONFIRM, False, Verdict.OTHER),
        (-1, 1, OPEN_SENT, True, Verdict.THIS),
        (-1, 1, OPEN_SENT, False, Verdict.NEITHER),
        (1, -1, OPEN_SENT, True, Verdict.NEITHER),
        (1, -1, OPEN_SENT, False, Verdict.NEITHER),
        (1, -1, State.CONNECT, False, Verdict.NEITHER),
        (1, -1, State.ACTIVE, False, Verdict.NEITHER),
        (1, -1, ESTABLISHED, True, Verdict.THIS),
        (-1, -2, OPEN_SENT, True, Verdict.THIS),
        (-2, -1, OPEN_CONFIRM, False, Verdict.OTHER),
    ],
)
def test_the_connection_of_the_higher_one_stays(this, other, state, higher, verdict):
    """RFC 4271 section 6.8; connections in Idle, Connect and Active do not collide."""
    decided = resolve(
        Connection(this, OPEN_SENT), Connection(other, state), higher=higher, established=False
    )
    assert decided is verdict
