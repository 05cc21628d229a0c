"""The actions of the state machine, each a phrase of RFC 4271 section 8.2.2.

An action may send, set and stop timers, and ask the peering for the rest. None changes the
state: that is the table's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgplab.session.damping import start_event
from bgplab.session.events import State
from bgplab.session.negotiate import our_open
from bgplab.session.timers import STOPPED
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.notification import Notification
from bgplab.wire.open import encode_open

if TYPE_CHECKING:
    from bgplab.session.machine import Machine

# RFC 6608: the subcodes of an unexpected message, by state.
UNEXPECTED_IN = {State.OPEN_SENT: 1, State.OPEN_CONFIRM: 2, State.ESTABLISHED: 3}


# Resources


def prepare(machine: Machine, now: float) -> None:
    """Complete BGP initialization: leave the back-off behind; the rest came with TCP."""
    machine.timers.idle_hold = STOPPED


def release(machine: Machine, now: float) -> None:
    """Release all BGP resources: the session's timers, and an attempt that is still pending."""
    timers = machine.timers
    timers.hold = timers.keepalive = timers.delay_open = timers.send_hold = STOPPED
    machine.session.give_up_attempt(machine)


def listen(machine: Machine, now: float) -> None:
    """Continue to listen for a connection that the peer may initiate.

    Nothing to do: a router's port is open from its start, the state decides what is accepted.
    """


def delete_routes(machine: Machine, now: float) -> None:
    """Delete all routes of this connection, once the machine has left Established."""
    machine.deletes_routes = True


def reset_count(machine: Machine, now: float) -> None:
    """Set ConnectRetryCounter to zero."""
    machine.connect_retry_counter = 0


def count(machine: Machine, now: float) -> None:
    """Increment ConnectRetryCounter by 1."""
    machine.connect_retry_counter += 1


def damp(machine: Machine, now: float) -> None:
    """Perform peer oscillation damping, if DampPeerOscillations is TRUE."""
    machine.session.damp()


def restart(machine: Machine, now: float) -> None:
    """Start automatically: the back-off is over, event 6 or 7 follows."""
    machine.fire(start_event(machine.config, manual=False), now)


# TCP


def dial(machine: Machine, now: float) -> None:
    """Initiate a TCP connection to the peer; an attempt that is still pending is given up."""
    machine.session.dial(now)


def drop_tcp(machine: Machine, now: float) -> None:
    """Drop the TCP connection, if there is one."""
    machine.close()


def refuse(machine: Machine, now: float) -> None:
    """Refuse the connection that has just come up."""
    machine.session.refuse_offer()


def track(machine: Machine, now: float) -> None:
    """Track the connection that has just come up with a machine of its own (section 6.8)."""
    machine.session.track_offer(now)


# Timers


def restart_retry(machine: Machine, now: float) -> None:
    """Restart ConnectRetryTimer with its configured value, with jitter."""
    base = machine.config.timers.connect_retry
    machine.timers.connect_retry = now + machine.session.jitter(base) if base else STOPPED
    machine.retry_since = now


def stop_retry(machine: Machine, now: float) -> None:
    """Stop ConnectRetryTimer and set it to zero."""
    machine.timers.connect_retry = STOPPED


def start_delay(machine: Machine, now: float) -> None:
    """Set DelayOpenTimer to its configured value."""
    machine.timers.delay_open = now + machine.config.timers.delay_open


def stop_delay(machine: Machine, now: float) -> None:
    """Stop DelayOpenTimer and set it to zero."""
    machine.timers.delay_open = STOPPED


def long_hold(machine: Machine, now: float) -> None:
    """Set HoldTimer to a large value (RFC 4271 suggests 4 minutes)."""
    base = machine.config.timers.open_hold
    machine.timers.hold = now + base if base else STOPPED


def restart_hold(machine: Machine, now: float) -> None:
    """Restart HoldTimer with the negotiated value, which may be none."""
    hold = machine.negotiated.hold
    machine.timers.hold = now + hold if hold else STOPPED


def stop_hold(machine: Machine, now: float) -> None:
    """Stop HoldTimer."""
    machine.timers.hold = STOPPED


def restart_keepalive(machine: Machine, now: float) -> None:
    """Restart KeepaliveTimer with jitter, unless the negotiated hold time is zero."""
    base = machine.negotiated.keepalive
    machine.timers.keepalive = now + machine.session.jitter(base) if base else STOPPED


def put_off_keepalive(machine: Machine, now: float) -> None:
    """Restart KeepaliveTimer, as an UPDATE has just been sent.

    Jitter could draw an earlier time than that at which the engine is going to call, which is
    no later than what the timer was set to before, hence in the window too (section 10).
    """
    restart_keepalive(machine, now)
    timers, call = machine.timers, machine.session.next_deadline
    if timers.keepalive < call:  # noqa: PLR1730 -- max() takes thrice as long
        timers.keepalive = call


def restart_send_hold(machine: Machine, now: float) -> None:
    """Restart SendHoldTimer, unless it is off (RFC 9687)."""
    base = machine.negotiated.send_hold
    machine.timers.send_hold = now + base if base else STOPPED


# Messages


def send_open(machine: Machine, now: float) -> None:
    """Send an OPEN message."""
    machine.transmit(encode_open(our_open(machine.config, machine.session.local)), now)


def send_keepalive(machine: Machine, now: float) -> None:
    """Send a KEEPALIVE message."""
    machine.transmit(KEEPALIVE_MESSAGE, now)


def process(machine: Machine, now: float) -> None:
    """Process the UPDATE messages. Raises UpdateError, from which event 28 follows."""
    machine.session.deliver(machine.bodies, now)


def notify(machine: Machine, now: float) -> None:
    """Send the NOTIFICATION that the cause of the event calls for."""
    machine.notify(machine.reason, now)


def notify_collision(machine: Machine, now: float) -> None:
    """Send Cease/Connection Collision Resolution (RFC 4486)."""
    machine.notify(Notification(6, 7), now)


def notify_hold(machine: Machine, now: float) -> None:
    """Send Hold Timer Expired."""
    machine.notify(Notification(4, 0), now)


def notify_send_hold(machine: Machine, now: float) -> None:
    """Send Send Hold Timer Expired (RFC 9687); it leaves only if the peer reads again."""
    machine.notify(Notification(8, 0), now)


def notify_fsm(machine: Machine, now: float) -> None:
    """Send Finite State Machine Error for an event that is not a message (RFC 6608)."""
    machine.notify(Notification(5, 0), now)


def notify_unexpected(machine: Machine, now: float) -> None:
    """Send Finite State Machine Error for a message, whose type is the data (RFC 6608)."""
    subcode = UNEXPECTED_IN[machine.state]
    machine.notify(Notification(5, subcode, bytes((machine.kind,))), now)
