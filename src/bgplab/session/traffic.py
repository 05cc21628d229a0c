"""The routing messages of one session, UPDATE and ROUTE-REFRESH: how many went either way.

A connection's messages are numbered from 1 in each direction; both ends number them alike, as
TCP keeps order. From level updates on each UPDATE is a fact with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bgplab.config import Level, RouterConfig
from bgplab.facts import UpdateReceived, UpdateSent
from bgplab.session.effects import Effect
from bgplab.wire.header import HEADER_LENGTH, UPDATE


class Traffic:
    """Counts the messages of a session with the peer `name`.

    `sent` and `received` are those of the present epoch, the other counters those of the
    session's life.
    """

    def __init__(self, name: str, local: RouterConfig, emit: Callable[[Effect], None]) -> None:
        self.name = name
        self.emit = emit
        self.sent = self.received = self.updates_sent = self.updates_received = 0
        self._records_updates = local.level >= Level.UPDATES

    def count_sent(self, messages: Sequence[bytes], epoch: int, now: float) -> None:
        """Count whole messages that were sent."""
        self.sent += len(messages)
        updates = [each for each in messages if each[HEADER_LENGTH - 1] == UPDATE]
        self.updates_sent += len(updates)
        if self._records_updates:
            for number, message in enumerate(messages, self.sent - len(messages) + 1):
                if message[HEADER_LENGTH - 1] == UPDATE:
                    body = message[HEADER_LENGTH:]
                    self.emit(UpdateSent(now, self.name, body, epoch, number))

    def count_received(self, bodies: Sequence[bytes], epoch: int, now: float) -> None:
        """Count UPDATEs that arrived; a body is a message without its header."""
        self.received += len(bodies)
        self.updates_received += len(bodies)
        if self._records_updates:
            for number, body in enumerate(bodies, self.received - len(bodies) + 1):
                self.emit(UpdateReceived(now, self.name, body, epoch, number))
