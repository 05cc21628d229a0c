"""All 174 cells of RFC 4271 section 8.2.2 on the pure machine.

fsm_cells.json is a committed copy of the specification: per cell the RFC's text (`rfc`), and
the cases that it splits into (`given` names the guards that hold, `deviation` says why ours is
another).

CRT ConnectRetryTimer, HT HoldTimer, KT KeepaliveTimer, DOT DelayOpenTimer, SHT SendHoldTimer:
`>` (re)start, `=0` stop. C ConnectRetryCounter. N(code/subcode) NOTIFICATION, OPEN, KA sent.
DEL delete routes, REL release resources, CLOSE drop TCP, DIAL and LISTEN, DAMP damping.
"""

import json
import random
import re
from pathlib import Path

import pytest

from bgplab.config import SessionFlags, Timers
from bgplab.session.effects import Close, Dial, Send
from bgplab.session.events import Event, State
from bgplab.session.machine import Machine
from bgplab.session.memory import LEFT, End, back_to_back
from bgplab.session.negotiate import Negotiated, send_hold_time
from bgplab.session.timers import STOPPED, TIMER_EVENTS
from bgplab.wire.notification import Notification, decode_notification

CELLS = json.loads((Path(__file__).parent / "fsm_cells.json").read_text())
STATES = {state.label: state for state in State}
CASES = [
    pytest.param(
        cell, case, id=f"{cell['state']}-{cell['event']}-{'+'.join(case['given']) or 'always'}"
    )
    for cell in CELLS
    for case in cell["cases"]
]

NOW = 1000.0
OURS, OFFERED = -7, -8  # the machine's connection, and one that has just come up
COUNTER = 4
RUNNING = NOW + 0.5  # the deadline of a timer that the event should leave alone
HOLD, KEEPALIVE, DELAY, RETRY, OPEN_HOLD, SEND_HOLD = 90.0, 30.0, 3.0, 5.0, 240.0, 480.0

TIMER_NAMES = {
    "CRT": ("connect_retry", RETRY),
    "HT": ("hold", HOLD),
    "KT": ("keepalive", KEEPALIVE),
    "DOT": ("delay_open", DELAY),
    "SHT": ("send_hold", SEND_HOLD),
}
NATURAL = {
    State.OPEN_SENT: ("hold",),
    State.OPEN_CONFIRM: ("hold", "keepalive"),
    State.ESTABLISHED: ("hold", "keepalive", "send_hold"),
}
MESSAGE_TYPE = {19: 1, 20: 1, 22: 1, 25: 3, 26: 4, 27: 2, 28: 2}
REASONS = {
    2: Notification(6, 2),
    8: Notification(6, 4),
    21: Notification(1, 2, b"\0\x10"),
    22: Notification(2, 2),
    28: Notification(3, 1),
}
RELEASED = ("hold", "keepalive", "delay_open", "send_hold")


def end_for(given: list[str], *, damping: bool) -> End:
    """Make an end whose flags are what the case gives."""
    flags = SessionFlags(
        jitter="off",
        damp_peer_oscillations=damping or "damping" in given,
        send_notification_without_open="may_notify" in given,
        collision_detect_established_state="collides_established" in given,
        connect_fail_next="active" if "retries_in_active" in given else "idle",
        opensent_notification="literal" if "answers_notification" in given else "silent",
    )
    timers = Timers(
        delay_open=DELAY if {"delay_open", "delay_runs"} & set(given) else 0.0,
        send_hold=0.0 if "send_hold_zero" in given else None,
    )
    side = LEFT._replace(flags=flags, timers=timers, passive="passive" in given)
    return back_to_back(random.Random(1), side).ends[0]


def machine_in(end: End, state: State, event: Event, given: list[str]) -> Machine:
    """Put the end's machine into a state, with the timers and the TCP that belong to it."""
    session = end.session
    machine = session._primary
    machine.state = state
    machine.connect_retry_counter = COUNTER
    session._stopped = False
    hold = 0 if "hold_zero" in given else int(HOLD)
    if state >= State.OPEN_SENT or {"delay_runs", "tcp_up"} & set(given):
        machine.attach(OURS, 9)
    send_hold = send_hold_time(session.config.timers.send_hold, hold)
    machine.negotiated = Negotiated(hold, hold / 3, True, True, send_hold=send_hold)
    running = NATURAL.get(state, ("connect_retry",) if state else ())
    if "delay_runs" in given:
        running = ("delay_open",)
    if "held_back" in given:
        running = ("idle_hold",)
    if hold == 0 and state >= State.OPEN_CONFIRM:
        running = ()
    for name in running:
        setattr(machine.timers, name, RUNNING)
    for name in [name for name in running if TIMER_EVENTS[name] is event]:
        setattr(machine.timers, name, STOPPED)
    machine.kind = MESSAGE_TYPE.get(event, 0)
    machine.bodies = [b"\0\0\0\0"]
    machine.reason = REASONS.get(event, machine.reason)
    session._offer = (OFFERED, 10)
    return machine


def deadlines(machine: Machine) -> dict[str, float]:
    """Return the deadlines of the timers that run."""
    return {name: getattr(machine.timers, name) for name in machine.timers.running}


def expected_deadlines(before: dict[str, float], actions: str) -> dict[str, float]:
    """Apply the timer actions of a case."""
    after = dict(before)
    for token in actions.split():
        if token == "REL":
            for name in RELEASED:
                after.pop(name, None)
        elif token == "INIT":
            after.pop("idle_hold", None)
        elif match := re.fullmatch(r"(CRT|HT|KT|DOT|SHT)(>|=0|=240|=neg)", token):
            name, seconds = TIMER_NAMES[match[1]]
            after.pop(name, None)
            if match[2] != "=0":
                after[name] = NOW + (OPEN_HOLD if match[2] == "=240" else seconds)
    return after


def expected_messages(actions: str, event: Event) -> list[object]:
    """List what a case sends: message types, and NOTIFICATIONs as values."""
    sent: list[object] = []
    for match in re.finditer(r"\bOPEN\b|\bKA\b|N\((\d)/(\w+)(?: data (\w+))?\)", actions):
        if match[0] == "OPEN":
            sent.append(1)
        elif match[0] == "KA":
            sent.append(4)
        elif match[2] in "xr":
            assert REASONS[event].code == int(match[1])
            sent.append(REASONS[event])
        else:
            data = bytes.fromhex(match[3] or "")
            sent.append(Notification(int(match[1]), int(match[2]), data))
    return sent


def sent_messages(end: End) -> list[object]:
    """List what was sent, in the form of `expected_messages`."""
    sends = [effect.octets for effect in end.effects if isinstance(effect, Send)]
    return [
        decode_notification(octets[19:]) if octets[18] == 3 else octets[18] for octets in sends
    ]


@pytest.mark.parametrize("damping", [True, False], ids=["damped", "undamped"])
@pytest.mark.parametrize("cell, case", CASES)
def test_each_cell_does_what_the_specification_says(cell, case, damping):
    """RFC 4271 section 8.2.2, RFC 4486, 6608, 9687."""
    state, event = STATES[cell["state"]], Event(cell["event"])
    given, actions = case["given"], case["actions"]
    if state is State.IDLE:
        damping = False  # there it is one of the guards given
    end = end_for(given, damping=damping)
    machine = machine_in(end, state, event, given)
    if event is Event.TCP_CONNECTION_FAILS:
        machine.connection = 0
    had_tcp = bool(machine.connection)
    before = deadlines(machine)
    machine.fire(event, NOW)

    following = STATES[case["next"]]
    assert machine.state is following
    assert end.session.state is following

    expected = expected_deadlines(before, actions)
    if following is State.IDLE and state is not State.IDLE:
        assert expected == {}, "no timer but IdleHoldTimer runs in Idle"
        expected = {"idle_hold": NOW + end.session.damping.pause}
    assert deadlines(machine) == expected
    closes = [effect.connection for effect in end.effects if isinstance(effect, Close)]
    if "TRACK" in actions:
        assert end.session._second is not None
        assert end.session._second.connection == OFFERED
        assert closes == []
    else:
        assert end.session._second is None
        assert sent_messages(end) == expected_messages(actions, event)
        wanted = [OURS] if "CLOSE" in actions and had_tcp else []
        assert closes == wanted + ([OFFERED] if "REFUSE" in actions else [])
    sends = [index for index, effect in enumerate(end.effects) if isinstance(effect, Send)]
    last = [index for index, effect in enumerate(end.effects) if isinstance(effect, Close)]
    assert not sends or not last or max(sends) < min(last), "sent before the close"

    dials = [effect for effect in end.effects if isinstance(effect, Dial)]
    assert len(dials) == ("DIAL" in actions)
    assert [what for _, what in end.told if what == "down"] == ["down"] * ("DEL" in actions)
    counter = 0 if "C=0" in actions else COUNTER + ("C+1" in actions)
    assert machine.connect_retry_counter == counter
    assert end.session.damping._failures == (damping and "DAMP" in actions)
    assert end.bodies == machine.bodies * ("PROCESS" in actions)


def test_the_specification_has_a_cell_for_each_state_and_event():
    cells = {(cell["state"], cell["event"]) for cell in CELLS}
    assert len(CELLS) == 174
    assert cells == {(state.label, int(event)) for state in State for event in Event}


def test_names_are_those_of_the_specification():
    for cell in CELLS:
        assert cell["name"].startswith(Event(cell["event"]).label)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if not cell["cases"]], ids=str)
def test_cells_that_cannot_occur_change_nothing(cell):
    """RFC 9687: SendHoldTimer runs in Established only."""
    end = end_for([], damping=True)
    machine = machine_in(end, STATES[cell["state"]], Event(cell["event"]), ["tcp_up"])
    before = deadlines(machine)
    machine.fire(Event(cell["event"]), NOW)
    assert machine.state is STATES[cell["state"]]
    assert (deadlines(machine), end.effects) == (before, [])
