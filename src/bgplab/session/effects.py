"""What a session asks of its surroundings: the closed union of effects.

A connection is an int that names one TCP connection of one router: the core numbers those it
dials (1, 2, ...), the engine those it accepts (-1, -2, ...). Facts are effects as well; they
change nothing outside.
"""

from __future__ import annotations

from typing import NamedTuple

from bgplab.facts import Fact


class Dial(NamedTuple):
    """Open a TCP connection to a peer; the answer is TcpUp or TcpFailed with this number."""

    connection: int
    peer: str


class Send(NamedTuple):
    """Write octets (whole messages) to a connection."""

    connection: int
    octets: bytes


class Close(NamedTuple):
    """Close a connection once what was sent has left, or give up dialling it.

    The core knows nothing of it from here on: the engine sends no further input for it.
    """

    connection: int


Effect = Dial | Send | Close | Fact
