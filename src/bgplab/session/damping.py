"""When and how a session starts and restarts (RFC 4271 section 8.1.1, 8.1.2; RFC 4486).

The method of damping peer oscillations is a local matter. Ours: the first failure costs
`idle_hold`, each further one twice as much, up to `idle_hold_max`; reaching Established forgets
them. Without damping it is always `idle_hold`.
"""

from __future__ import annotations

from bgplab.config import PeerConfig
from bgplab.session.events import Event
from bgplab.wire.notification import Notification

CEASE = 6

# RFC 4486 section 4: after these, damp as if DampPeerOscillations were TRUE.
DAMPED_CEASES = (2, 3, 5, 8)

MAX_FAILURES = 32  # far beyond any idle_hold_max; keeps the power of two finite


def start_event(config: PeerConfig, *, manual: bool) -> Event:
    """Choose the event that starts a session, by its optional attributes.

    Where AllowAutomaticStart is FALSE, only an operator starts it. Source: RFC 4271 section
    8.1.2, events 1 and 3 to 7.
    """
    flags = config.flags
    if manual or not flags.allow_automatic_start:
        return Event.MANUAL_START_PASSIVE if config.passive else Event.MANUAL_START
    if not flags.damp_peer_oscillations:
        return Event.AUTOMATIC_START_PASSIVE if config.passive else Event.AUTOMATIC_START
    if config.passive:
        return Event.AUTOMATIC_START_DAMPED_PASSIVE
    return Event.AUTOMATIC_START_DAMPED


class Damping:
    """The failures of one session since it was last Established."""

    __slots__ = ("_always", "_failures", "_least", "_most", "_told_to")

    def __init__(self, config: PeerConfig) -> None:
        self._least = config.timers.idle_hold
        self._most = max(self._least, config.timers.idle_hold_max)
        self._always = config.flags.damp_peer_oscillations
        self._told_to = False
        self._failures = 0

    @property
    def pause(self) -> float:
        """Return the present IdleHoldTime in seconds, before jitter."""
        doublings = max(self._failures - 1, 0)
        return min(self._least * float(1 << doublings), self._most)

    def fail(self) -> None:
        """Count a failure, if damping is on."""
        if self._always or self._told_to:
            self._failures = min(self._failures + 1, MAX_FAILURES)

    def heed(self, notification: Notification) -> None:
        """Switch damping on after a Cease for which RFC 4486 section 4 recommends it."""
        if notification.code == CEASE and notification.subcode in DAMPED_CEASES:
            self._told_to = True

    def forget(self) -> None:
        """Forget all failures: the session is Established."""
        self._told_to = False
        self._failures = 0
