"""Adj-RIB-Out: what one peer has been told and is still to be told (RFC 4271 section 9.2).

A change is staged and leaves with the next `take`. What is staged twice before it leaves is
sent once, with the last content; what returns to what the peer already knows is not sent.
"""

from __future__ import annotations

STALE = b""  # in place of a block: the peer knows the prefix, and is to be told again


class AdjRibOut:
    """Announcements to one peer, as attribute blocks by prefix."""

    __slots__ = ("pending", "sent")

    def __init__(self) -> None:
        self.sent: dict[bytes, bytes] = {}
        self.pending: dict[bytes, bytes | None] = {}

    def stage(self, prefix: bytes, block: bytes | None) -> None:
        """Want the peer to know this block for the prefix, or none at all."""
        if self.sent.get(prefix) == block:
            self.pending.pop(prefix, None)
        else:
            self.pending[prefix] = block

    def resend(self) -> None:
        """Stage again all that the peer has been told (RFC 2918).

        What was sent counts as stale, so that nothing staged meanwhile equals it and is lost.
        """
        told = {prefix: block for prefix, block in self.sent.items() if block != STALE}
        self.pending = {**told, **self.pending}
        self.sent = dict.fromkeys(self.sent, STALE)

    def take(
        self, announce: bool = True, withdraw: bool = True
    ) -> tuple[list[bytes], dict[bytes, list[bytes]]]:
        """Take what may leave now: prefixes to withdraw, and prefixes by attribute block.

        What is held back (announcements or withdrawals) stays staged.
        """
        withdrawn: list[bytes] = []
        groups: dict[bytes, list[bytes]] = {}
        held: dict[bytes, bytes | None] = {}
        sent = self.sent
        for prefix, block in self.pending.items():
            if block is None:
                if withdraw:
                    withdrawn.append(prefix)
                    sent.pop(prefix, None)
                else:
                    held[prefix] = None
            elif announce:
                group = groups.get(block)
                if group is None:
                    groups[block] = [prefix]
                else:
                    group.append(prefix)
                sent[prefix] = block
            else:
                held[prefix] = block
        self.pending = held
        return withdrawn, groups

    def clear(self) -> None:
        """Forget everything: the session is gone, and the peer with it forgets our routes."""
        self.sent = {}
        self.pending = {}
