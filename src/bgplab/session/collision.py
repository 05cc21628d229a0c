"""Which of two connections with one peer is given up (RFC 4271 section 6.8, RFC 6286 2.3).

The connection that the speaker with the higher BGP Identifier initiated stays; of equal
identifiers, the higher AS number decides. Both ends must come to the same answer although
neither knows what the other has seen, hence one rule beyond the text, for a connection that is
still in OpenSent: who initiated it and is the higher one gives the other up for it, because
having sent an OPEN on it is the promise to keep it. The lower one waits for that OPEN.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bgplab.session.events import State


class Verdict(Enum):
    """Which connection gets OpenCollisionDump (event 23)."""

    NEITHER = 0
    THIS = 1  # the one on which an OPEN has just arrived
    OTHER = 2


class Connection(NamedTuple):
    """What collision detection needs to know of a connection."""

    number: int  # positive if we initiated it, negative if the peer did; its size tells the age
    state: State


def is_higher(local: tuple[int, int], remote: tuple[int, int]) -> bool:
    """Tell whether the local speaker decides; both are (BGP Identifier, AS number).

    Source: RFC 4271 section 6.8 (unsigned comparison), RFC 6286 section 2.3.
    """
    return local > remote


def resolve(this: Connection, other: Connection, *, higher: bool, established: bool) -> Verdict:
    """Decide between the connection on which an OPEN has arrived and the other one.

    `higher` tells whether we are the higher speaker, `established` is the session attribute
    CollisionDetectEstablishedState. Source: RFC 4271 section 6.8.
    """
    if other.state < State.OPEN_SENT:
        return Verdict.NEITHER
    if other.state is State.ESTABLISHED and not established:
        return Verdict.THIS
    ours, other_ours = this.number > 0, other.number > 0
    if ours == other_ours:
        # One speaker initiated both, so it has left the older one already.
        return Verdict.OTHER if abs(this.number) > abs(other.number) else Verdict.THIS
    if other.state is State.OPEN_SENT:
        return Verdict.THIS if other_ours and higher else Verdict.NEITHER
    return Verdict.OTHER if ours == higher else Verdict.THIS
