"""Facts as fixed struct records: how a router's observations travel to the controller.

A router packs what happens into one buffer and sends it in frames of at most 60 KB; a frame
holds whole records. What a record is made of: record_forms.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import error

from bgplab.observe.record_forms import (
    DECODERS,
    ENCODERS,
    HEAD,
    HEAD_SIZE,
    NO_PEER,
    OWN_PEER,
    Record,
    names_of,
)

FRAME_LIMIT = 60_000  # an AMP value holds at most 65,535 octets


class RecordWriter:
    """Packs facts into frames; `peers` are the peers of the router, in the reader's order."""

    def __init__(self, peers: Sequence[str]) -> None:
        if len(peers) >= OWN_PEER:
            raise ValueError(f"at most {OWN_PEER - 1} peers, got {len(peers)}")
        self._index: dict[str | None, int] = {name: i for i, name in enumerate(peers)}
        self._index[""] = OWN_PEER
        self._index[None] = NO_PEER
        self._buffer = bytearray()

    @property
    def size(self) -> int:
        """Octets that wait to be taken."""
        return len(self._buffer)

    def add(self, record: Record) -> None:
        """Append one fact, in about a microsecond. Raises KeyError for an unknown peer."""
        self._buffer += ENCODERS[type(record)](record, self._index)

    def take(self, limit: int = FRAME_LIMIT) -> list[bytes]:
        """Empty the buffer into frames of whole records, each at most `limit` octets.

        A frame holds at least one record, so a limit below the longest record is exceeded.
        """
        if not self._buffer:
            return []
        buffer, self._buffer = bytes(self._buffer), bytearray()
        if len(buffer) <= limit:
            return [buffer]
        frames, start, end = [], 0, 0
        while end < len(buffer):
            following = end + buffer[end] + (buffer[end + 1] << 8)
            if following - start > limit and end > start:
                frames.append(buffer[start:end])
                start = end
            end = following
        frames.append(buffer[start:])
        return frames


def decode(frame: bytes, peers: Sequence[str]) -> Iterator[Record]:
    """Read the records of one frame, in order. Raises ValueError for a damaged frame."""
    names = names_of(peers)
    offset, size = 0, len(frame)
    while offset < size:
        if size - offset < HEAD_SIZE:
            raise ValueError(f"record cut short at octet {offset} of {size}")
        length, kind, _, _ = HEAD.unpack_from(frame, offset)
        end = offset + length
        if length < HEAD_SIZE or end > size or kind not in DECODERS:
            raise ValueError(f"no record of kind {kind}, length {length} at octet {offset}")
        try:
            decoded = DECODERS[kind](frame[offset:end], names)
        except error as damage:
            raise ValueError(f"record of kind {kind} at octet {offset}: {damage}") from damage
        yield decoded
        offset = end
