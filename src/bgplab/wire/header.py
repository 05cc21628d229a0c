"""Message header and framing (RFC 4271 section 4.1, 6.1).

A Framer turns the octets of one TCP connection into messages. It looks only at headers.
"""

from __future__ import annotations

import struct

from bgplab.errors import HeaderError

HEADER_LENGTH = 19
MAX_LENGTH = 4096

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5

MARKER = b"\xff" * 16

# Type: least and greatest message length. RFC 4271 section 6.1; a ROUTE-REFRESH of a wrong
# length has its own error code (RFC 7313 section 5), so that the header lets it pass.
LENGTHS = {
    OPEN: (29, MAX_LENGTH),
    UPDATE: (23, MAX_LENGTH),
    NOTIFICATION: (21, MAX_LENGTH),
    KEEPALIVE: (HEADER_LENGTH, HEADER_LENGTH),
    ROUTE_REFRESH: (HEADER_LENGTH, MAX_LENGTH),
}

_HEADER = struct.Struct(">16sHB")


def frame(kind: int, body: bytes) -> bytes:
    """Put the header before a message body.

    Raises ValueError if the message would exceed 4096 octets. Source: RFC 4271 section 4.1.
    """
    length = HEADER_LENGTH + len(body)
    if length > MAX_LENGTH:
        raise ValueError(f"a message holds {MAX_LENGTH} octets at most, not {length}")
    return MARKER + length.to_bytes(2) + bytes((kind,)) + body


def bad_length(body: bytes) -> HeaderError:
    """Build the Bad Message Length error for a body that is too short or too long for its type.

    Source: RFC 4271 section 6.1 (the data is the erroneous Length field).
    """
    length = HEADER_LENGTH + len(body)
    return HeaderError(2, f"message length {length}", (length & 0xFFFF).to_bytes(2))


class Framer:
    """Cuts a stream of octets into messages.

    Holds the octets that were fed and not yet returned: one incomplete message at most, if the
    caller takes messages until there is none after each feed.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0

    @property
    def pending(self) -> int:
        """Count the octets held."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add octets in the order in which they arrived, in pieces of any size."""
        held = self._buffer[self._start :]
        self._buffer = held + data if held else data
        self._start = 0

    def next(self) -> tuple[int, bytes] | None:
        """Take the next message as (type, body), or None while it is incomplete.

        Raises HeaderError; the stream is lost from there, so each further call raises it again.
        Source: RFC 4271 section 6.1.
        """
        start = self._start
        buffer = self._buffer
        if len(buffer) - start < HEADER_LENGTH:
            return None
        length = buffer[start + 16] << 8 | buffer[start + 17]
        kind = buffer[start + 18]
        least, greatest = LENGTHS.get(kind, (HEADER_LENGTH, MAX_LENGTH))
        if not buffer.startswith(MARKER, start):
            raise HeaderError(1, "the marker is not all ones")
        if not least <= length <= greatest:
            raise HeaderError(2, f"message length {length}, type {kind}", length.to_bytes(2))
        if kind not in LENGTHS:
            raise HeaderError(3, f"message type {kind}", bytes((kind,)))
        end = start + length
        if end > len(buffer):
            return None
        self._start = end
        return kind, buffer[start + HEADER_LENGTH : end]

    def updates(self) -> list[bytes]:
        """Take the bodies of all whole UPDATE messages that come next, in a row.

        The first message that is of another type, incomplete or malformed is left to `next`.
        """
        start, buffer = self._start, self._buffer
        last = len(buffer) - HEADER_LENGTH
        least, greatest = LENGTHS[UPDATE]
        bodies = []
        while start <= last:
            marker, length, kind = _HEADER.unpack_from(buffer, start)
            end = start + length
            if (
                kind != UPDATE
                or marker != MARKER
                or not least <= length <= greatest
                or end > last + HEADER_LENGTH
            ):
                break
            bodies.append(buffer[start + HEADER_LENGTH : end])
            start = end
        self._start = start
        return bodies
