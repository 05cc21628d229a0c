"""The conditions of the state machine (RFC 4271 section 8.1.1, 8.2.2).

Each looks at a machine and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgplab.session.timers import STOPPED

if TYPE_CHECKING:
    from bgplab.session.machine import Machine


def always(machine: Machine) -> bool:
    """Hold: the row applies if none above it did."""
    return True


def passive(machine: Machine) -> bool:
    """Tell whether PassiveTcpEstablishment is TRUE."""
    return machine.config.passive


def damping(machine: Machine) -> bool:
    """Tell whether DampPeerOscillations is TRUE."""
    return machine.config.flags.damp_peer_oscillations


def held_back(machine: Machine) -> bool:
    """Tell whether damping still holds an automatic start back: IdleHoldTimer runs."""
    return damping(machine) and machine.timers.idle_hold < STOPPED


def delay_open(machine: Machine) -> bool:
    """Tell whether DelayOpen is TRUE."""
    return machine.config.timers.delay_open > 0


def delay_runs(machine: Machine) -> bool:
    """Tell whether DelayOpenTimer runs."""
    return machine.timers.delay_open < STOPPED


def may_notify(machine: Machine) -> bool:
    """Tell whether SendNOTIFICATIONwithoutOPEN is TRUE."""
    return machine.config.flags.send_notification_without_open


def may_notify_delayed(machine: Machine) -> bool:
    """Tell whether DelayOpenTimer runs and SendNOTIFICATIONwithoutOPEN is TRUE."""
    return delay_runs(machine) and may_notify(machine)


def retries_in_active(machine: Machine) -> bool:
    """Tell whether a failed attempt leads to Active, as in most stacks, not to Idle."""
    return machine.config.flags.connect_fail_next == "active"


def answers_notification(machine: Machine) -> bool:
    """Tell whether a NOTIFICATION in OpenSent is answered, as RFC 4271 says to the letter."""
    return machine.config.flags.opensent_notification == "literal"


def collides_established(machine: Machine) -> bool:
    """Tell whether CollisionDetectEstablishedState is TRUE."""
    return machine.config.flags.collision_detect_established_state
