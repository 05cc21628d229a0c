"""The trace of a run: one hash over all that any router was given, and when."""

from __future__ import annotations

import hashlib
import struct

EVERY = 1 << 16  # octets that gather before they are hashed

_stamp = struct.Struct("<dII").pack


class Trace:
    """SHA-256 over (time, router, length, octets) of inputs, in the order in which they come.

    Times are IEEE 754 doubles, numbers 32 bits, all little-endian: the same in every process.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting = bytearray()

    def add(self, at: float, router: int, what: bytes) -> None:
        """Enter an input of a router, by its number, at a time in seconds."""
        waiting = self._waiting
        waiting += _stamp(at, router, len(what))
        waiting += what
        if len(waiting) > EVERY:
            self._hash.update(waiting)
            waiting.clear()

    def digest(self) -> str:
        """Give the hash of all that was added so far, in hex."""
        self._hash.update(self._waiting)
        self._waiting.clear()
        return self._hash.hexdigest()
