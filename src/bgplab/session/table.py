"""The session state machine: RFC 4271 section 8.2.2, row by row.

A row says: in this state, on these events, if this guard holds, do these actions in the RFC's
order and go to the next state. Of the rows of one state and event, the first whose guard holds
applies. `python -m bgplab.session.table` prints them.

Where the text of RFC 4271 is not followed to the letter, the row's comment says why; "erratum"
is one of RFC 4271. Events of the optional session attributes are in; those of TrackTcpState (14
and 15) have rows, but no engine of ours sees a SYN, so none raises them. ROUTE-REFRESH has no
event: in Established it does not touch the machine, elsewhere it counts as UpdateMsg (27).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bgplab.session.actions import (
    count,
    damp,
    delete_routes,
    dial,
    drop_tcp,
    listen,
    long_hold,
    notify,
    notify_collision,
    notify_fsm,
    notify_hold,
    notify_send_hold,
    notify_unexpected,
    prepare,
    process,
    refuse,
    release,
    reset_count,
    restart,
    restart_hold,
    restart_keepalive,
    restart_retry,
    restart_send_hold,
    send_keepalive,
    send_open,
    start_delay,
    stop_delay,
    stop_hold,
    stop_retry,
    track,
)
from bgplab.session.events import Event, State
from bgplab.session.guards import (
    always,
    answers_notification,
    collides_established,
    damping,
    delay_open,
    delay_runs,
    held_back,
    may_notify,
    may_notify_delayed,
    passive,
    retries_in_active,
)

if TYPE_CHECKING:
    from bgplab.session.machine import Machine

    Guard = Callable[[Machine], bool]
    Action = Callable[[Machine, float], None]


class Row(NamedTuple):
    """One line of the state machine."""

    state: State
    events: tuple[Event, ...]
    guard: Guard
    next: State
    actions: tuple[Action, ...]


ROWS: list[Row] = []


def row(
    state: State,
    events: Event | tuple[Event, ...],
    guard: Guard,
    next_state: State,
    *actions: Action,
) -> None:
    """Add a line to the state machine."""
    several = (events,) if isinstance(events, Event) else events
    ROWS.append(Row(state, several, guard, next_state, actions))


IDLE, CONNECT, ACTIVE, OPEN_SENT, OPEN_CONFIRM, ESTABLISHED = State
# fmt: off
(
    E1,  E2,  E3,  E4,  E5,  E6,  E7,  E8,  E9,  E10,
    E11, E12, E13, E14, E15, E16, E17, E18, E19, E20,
    E21, E22, E23, E24, E25, E26, E27, E28, E29,
) = Event

STARTS = (E1, E3, E4, E5, E6, E7)

# Idle
#   state         events        guard               next          actions
row(IDLE,         (E1, E3),     always,             CONNECT,      prepare, reset_count, restart_retry, dial, listen)
row(IDLE,         (E4, E5),     always,             ACTIVE,       prepare, reset_count, restart_retry, listen)
row(IDLE,         (E6, E7),     held_back,          IDLE)
# The method of damping is a local matter. Here the counter goes on, as the measure of it.
row(IDLE,         E6,           damping,            CONNECT,      prepare, restart_retry, dial, listen)
row(IDLE,         E7,           damping,            ACTIVE,       prepare, restart_retry, listen)
row(IDLE,         (E6, E7),     always,             IDLE)
row(IDLE,         E13,          damping,            IDLE,         restart)
row(IDLE,         E13,          always,             IDLE)
row(IDLE,         (E2, E8),     always,             IDLE)
# Event 14 is in no list of the RFC; a connection is refused as with 16 and 17.
row(IDLE,         (E14, E16, E17), always,          IDLE,         refuse)
row(IDLE,         (E9, E10, E11, E12, E15), always, IDLE)
row(IDLE,         (E18, E19, E20, E21, E22, E23), always, IDLE)
row(IDLE,         (E24, E25, E26, E27, E28, E29), always, IDLE)

# Connect
row(CONNECT,      STARTS,       always,             CONNECT)
# The RFC has the NOTIFICATION in Active only; the same reason holds here.
row(CONNECT,      E2,           may_notify_delayed, IDLE,         notify, drop_tcp, release, reset_count, stop_retry)
row(CONNECT,      E2,           always,             IDLE,         drop_tcp, release, reset_count, stop_retry)
row(CONNECT,      E9,           always,             CONNECT,      drop_tcp, restart_retry, stop_delay, dial, listen)
# The RFC says here only to send the OPEN; the rest is its list for Active.
row(CONNECT,      E12,          always,             OPEN_SENT,    stop_retry, stop_delay, prepare, send_open, long_hold)
row(CONNECT,      (E14, E15),   always,             CONNECT)
row(CONNECT,      (E16, E17),   delay_open,         CONNECT,      stop_retry, start_delay)
row(CONNECT,      (E16, E17),   always,             OPEN_SENT,    stop_retry, prepare, send_open, long_hold)
row(CONNECT,      E18,          delay_runs,         ACTIVE,       restart_retry, stop_delay, listen)
# Not the RFC's, but what most stacks do, by the flag connect_fail_next.
row(CONNECT,      E18,          retries_in_active,  ACTIVE,       restart_retry, listen)
row(CONNECT,      E18,          always,             IDLE,         stop_retry, drop_tcp, release)
row(CONNECT,      E20,          always,             OPEN_CONFIRM, stop_retry, prepare, stop_delay, send_open, send_keepalive, restart_keepalive, restart_hold)
row(CONNECT,      (E21, E22),   may_notify,         IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(CONNECT,      (E21, E22),   always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
row(CONNECT,      E24,          delay_runs,         IDLE,         stop_retry, stop_delay, release, drop_tcp)
row(CONNECT,      E24,          always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
row(CONNECT,      (E8, E10, E11, E13, E19, E23, E25, E26, E27, E28), always, IDLE, stop_retry, stop_delay, release, drop_tcp, count, damp)

# Active
row(ACTIVE,       STARTS,       always,             ACTIVE)
row(ACTIVE,       E2,           may_notify_delayed, IDLE,         notify, release, stop_delay, drop_tcp, reset_count, stop_retry)
row(ACTIVE,       E2,           always,             IDLE,         release, stop_delay, drop_tcp, reset_count, stop_retry)
# The RFC lets a passive speaker dial when its patience ends; ours never dials.
row(ACTIVE,       E9,           passive,            ACTIVE,       restart_retry, listen)
row(ACTIVE,       E9,           always,             CONNECT,      restart_retry, dial, listen)
row(ACTIVE,       E12,          always,             OPEN_SENT,    stop_retry, stop_delay, prepare, send_open, long_hold)
row(ACTIVE,       (E14, E15),   always,             ACTIVE)
row(ACTIVE,       (E16, E17),   delay_open,         ACTIVE,       stop_retry, start_delay)
row(ACTIVE,       (E16, E17),   always,             OPEN_SENT,    stop_retry, prepare, send_open, long_hold)
# The RFC restarts ConnectRetryTimer, which Idle ignores; no timer but IdleHoldTimer runs there.
row(ACTIVE,       E18,          always,             IDLE,         stop_retry, stop_delay, release, count, damp)
row(ACTIVE,       E20,          always,             OPEN_CONFIRM, stop_retry, stop_delay, prepare, send_open, send_keepalive, restart_keepalive, restart_hold)
row(ACTIVE,       (E21, E22),   may_notify,         IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(ACTIVE,       (E21, E22),   always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
row(ACTIVE,       E24,          delay_runs,         IDLE,         stop_retry, stop_delay, release, drop_tcp)
row(ACTIVE,       E24,          always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
row(ACTIVE,       (E8, E10, E11, E13, E19, E23, E25, E26, E27, E28), always, IDLE, stop_retry, release, drop_tcp, count, damp)

# OpenSent
row(OPEN_SENT,    STARTS,       always,             OPEN_SENT)
row(OPEN_SENT,    E2,           always,             IDLE,         notify, stop_retry, release, drop_tcp, reset_count)
row(OPEN_SENT,    E8,           always,             IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    E10,          always,             IDLE,         notify_hold, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    (E14, E16, E17), always,          OPEN_SENT,    track)
row(OPEN_SENT,    E15,          always,             OPEN_SENT)
# The RFC leaves HoldTimer running, which would end Active (erratum 3366, rejected): stopped here.
row(OPEN_SENT,    E18,          always,             ACTIVE,       drop_tcp, stop_hold, restart_retry, listen)
row(OPEN_SENT,    E19,          always,             OPEN_CONFIRM, stop_delay, stop_retry, send_keepalive, restart_keepalive, restart_hold)
row(OPEN_SENT,    (E21, E22),   always,             IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    E23,          always,             IDLE,         notify_collision, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    E24,          always,             IDLE,         stop_retry, release, drop_tcp)
# To the letter, a NOTIFICATION is answered with an FSM error; most stacks and section 6.4 do not.
row(OPEN_SENT,    E25,          answers_notification, IDLE,       notify_unexpected, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    E25,          always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    (E26, E27, E28), always,          IDLE,         notify_unexpected, stop_retry, release, drop_tcp, count, damp)
row(OPEN_SENT,    (E9, E11, E12, E13, E20), always, IDLE,         notify_fsm, stop_retry, release, drop_tcp, count, damp)

# OpenConfirm
row(OPEN_CONFIRM, STARTS,       always,             OPEN_CONFIRM)
row(OPEN_CONFIRM, E2,           always,             IDLE,         notify, release, drop_tcp, reset_count, stop_retry)
row(OPEN_CONFIRM, E8,           always,             IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, E10,          always,             IDLE,         notify_hold, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, E11,          always,             OPEN_CONFIRM, send_keepalive, restart_keepalive)
row(OPEN_CONFIRM, (E14, E16, E17), always,          OPEN_CONFIRM, track)
row(OPEN_CONFIRM, E15,          always,             OPEN_CONFIRM)
row(OPEN_CONFIRM, E18,          always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
# A second OPEN on this connection (RFC 6608); one on another connection is collision.py's.
row(OPEN_CONFIRM, E19,          always,             IDLE,         notify_unexpected, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, (E21, E22),   always,             IDLE,         notify, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, E23,          always,             IDLE,         notify_collision, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, E24,          always,             IDLE,         stop_retry, release, drop_tcp)
row(OPEN_CONFIRM, E25,          always,             IDLE,         stop_retry, release, drop_tcp, count, damp)
# SendHoldTimer: RFC 9687 section 4.1.
row(OPEN_CONFIRM, E26,          always,             ESTABLISHED,  restart_hold, restart_send_hold)
row(OPEN_CONFIRM, (E27, E28),   always,             IDLE,         notify_unexpected, stop_retry, release, drop_tcp, count, damp)
row(OPEN_CONFIRM, (E9, E12, E13, E20), always,      IDLE,         notify_fsm, stop_retry, release, drop_tcp, count, damp)

# Established
row(ESTABLISHED,  STARTS,       always,             ESTABLISHED)
row(ESTABLISHED,  E2,           always,             IDLE,         notify, stop_retry, delete_routes, release, drop_tcp, reset_count)
row(ESTABLISHED,  E8,           always,             IDLE,         notify, stop_retry, delete_routes, release, drop_tcp, count, damp)
# Erratum 2838: the routes are deleted here too.
row(ESTABLISHED,  E10,          always,             IDLE,         notify_hold, stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  E11,          always,             ESTABLISHED,  send_keepalive, restart_keepalive)
row(ESTABLISHED,  (E14, E16, E17), always,          ESTABLISHED,  track)
row(ESTABLISHED,  E15,          always,             ESTABLISHED)
# A second OPEN on this connection, well formed or not (RFC 6608).
row(ESTABLISHED,  (E19, E22),   always,             IDLE,         notify_unexpected, stop_retry, delete_routes, release, drop_tcp, count, damp)
# The RFC's list says FSM error; its section 6.1 demands Message Header Error.
row(ESTABLISHED,  E21,          always,             IDLE,         notify, stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  E23,          collides_established, IDLE,       notify_collision, stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  E23,          always,             ESTABLISHED)
# The RFC's lists for 18, 24 and 25 lack the damping; RFC 4486 asks for it.
row(ESTABLISHED,  (E18, E24, E25), always,          IDLE,         stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  E26,          always,             ESTABLISHED,  restart_hold)
row(ESTABLISHED,  E27,          always,             ESTABLISHED,  process, restart_hold)
row(ESTABLISHED,  E28,          always,             IDLE,         notify, stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  E29,          always,             IDLE,         notify_send_hold, stop_retry, delete_routes, release, drop_tcp, count, damp)
row(ESTABLISHED,  (E9, E12, E13, E20), always,      IDLE,         notify_fsm, stop_retry, delete_routes, release, drop_tcp, count, damp)

# Cannot occur: SendHoldTimer runs in Established only.
for state in (CONNECT, ACTIVE, OPEN_SENT, OPEN_CONFIRM):
    row(state,    E29,          always,             state)
# fmt: on

Branch = tuple["Guard | None", State, tuple["Action", ...]]  # None: it always holds


def compile_table(rows: list[Row]) -> tuple[tuple[tuple[Branch, ...], ...], ...]:
    """Arrange rows by state and event number (0 is empty), each cell a tuple of branches.

    Raises ValueError for a cell without rows, or one that does not end in its only `always`.
    """
    cells: dict[tuple[State, Event], list[Branch]] = {}
    for line in rows:
        for event in line.events:
            guard = None if line.guard is always else line.guard
            branch = (guard, line.next, line.actions)
            cells.setdefault((line.state, event), []).append(branch)
    for state in State:
        for event in Event:
            guards = [guard for guard, _, _ in cells.get((state, event), ())]
            if None not in guards or guards.index(None) != len(guards) - 1:
                raise ValueError(f"{state.label}, {event.label}: one `always` ends the cell")
    return tuple(((), *(tuple(cells[state, event]) for event in Event)) for state in State)


DISPATCH = compile_table(ROWS)


def render() -> str:
    """Write the state machine as text: one line per row, in the order of the table."""
    lines = []
    for line in ROWS:
        events = ",".join(str(int(event)) for event in line.events)
        actions = ", ".join(action.__name__ for action in line.actions) or "ignore"
        lines.append(
            f"{line.state.label:<12} {events:<27} {line.guard.__name__:<21} "
            f"{line.next.label:<12} {actions}"
        )
    names = [f"{event:>2} {event.label}" for event in Event]
    return "\n".join([*lines, "", *names])


if __name__ == "__main__":
    print(render())
