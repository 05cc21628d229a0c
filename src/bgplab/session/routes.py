"""What a session tells the router above it: the interface that the speaker implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bgplab.session.session import Session


class Routes(Protocol):
    """The routes of a router, as its sessions see them.

    What it raises passes through the session, which is consistent then.
    """

    def established(self, session: Session, now: float) -> None:
        """Send the table: the session is Established now."""

    def down(self, session: Session, now: float) -> None:
        """Delete all routes of the session: it has left Established."""

    def update(self, session: Session, bodies: Sequence[bytes], now: float) -> None:
        """Process the bodies of UPDATEs. Raises UpdateError for a session reset (RFC 7606)."""

    def refresh(self, session: Session, body: bytes, now: float) -> None:
        """Send the table again: a ROUTE-REFRESH for IPv4 unicast has come, with this body."""
