"""AS4_PATH (RFC 6793 section 4.2.3, 6): the true path beside an AS_PATH with AS_TRANS in it."""

from __future__ import annotations

from bgplab.errors import UpdateError
from bgplab.wire.attributes.as_path import (
    AS_CONFED_SEQUENCE,
    AS_CONFED_SET,
    AS_SEQUENCE,
    AS_SET,
    AsPath,
    Segment,
    as_path_length,
    encode_as_path,
    join_paths,
    read_segments,
)

_CONFEDERATION = (AS_CONFED_SEQUENCE, AS_CONFED_SET)


def decode_as4_path(value: bytes) -> AsPath:
    """Read a path of four-octet AS numbers, without its confederation segments.

    Raises UpdateError 3/9; an empty one is malformed. Source: RFC 6793 section 6.
    """
    if not value:
        raise UpdateError(9, "AS4_PATH: empty")
    try:
        path = read_segments(value, 4, (AS_SET, AS_SEQUENCE, *_CONFEDERATION))
    except UpdateError as error:
        raise UpdateError(9, f"AS4_PATH read as {error}") from error
    return tuple(segment for segment in path if segment.kind not in _CONFEDERATION)


def encode_as4_path(path: AsPath) -> bytes:
    """Write a path of four-octet AS numbers."""
    return encode_as_path(path)


def merge_paths(as_path: AsPath, as4_path: AsPath) -> AsPath:
    """Rebuild the true path: what AS_PATH has in excess, then AS4_PATH.

    AS4_PATH is ignored where it is the longer one. Source: RFC 6793 section 4.2.3.
    """
    excess = as_path_length(as_path) - as_path_length(as4_path)
    return as_path if excess < 0 else join_paths(_first(as_path, excess), as4_path)


def _first(path: AsPath, count: int) -> AsPath:
    """Take the first `count` ASes of a path, where an AS_SET counts one."""
    taken: list[Segment] = []
    for kind, asns in path:
        if count <= 0:
            break
        piece = asns if kind == AS_SET else asns[:count]
        taken.append(Segment(kind, piece))
        count -= 1 if kind == AS_SET else len(piece)
    return tuple(taken)
