"""AS paths: length, text, prepending, and what the codec does at the limits."""

from __future__ import annotations

import pytest

from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    PathAttributes,
    Segment,
    as_path_length,
    decode_attributes,
    encode_attributes,
    format_as_path,
    prepend,
)


def sequence(*asns: int) -> Segment:
    return Segment(AS_SEQUENCE, asns)


def as_set(*asns: int) -> Segment:
    return Segment(AS_SET, asns)


@pytest.mark.parametrize(
    "path,length,text",
    [
        ((), 0, ""),
        ((sequence(65001, 65002),), 2, "65001 65002"),
        ((sequence(65001), as_set(65002, 65003)), 2, "65001 {65002,65003}"),
        ((as_set(1, 2, 3),), 1, "{1,2,3}"),
    ],
)
def test_as_set_counts_one_and_is_written_in_braces(path, length, text):
    """RFC 4271 section 9.1.2.2 a."""
    assert as_path_length(path) == length
    assert format_as_path(path) == text


@pytest.mark.parametrize(
    "path,expected",
    [
        ((), (sequence(9),)),
        ((sequence(1, 2),), (sequence(9, 1, 2),)),
        ((as_set(1, 2),), (sequence(9), as_set(1, 2))),
        ((sequence(*range(1, 256)),), (sequence(9), sequence(*range(1, 256)))),
    ],
)
def test_prepend_joins_a_leading_sequence_with_room(path, expected):
    """RFC 4271 section 5.1.2 b."""
    assert prepend(path, 9) == expected


@pytest.mark.parametrize("four_octet", [True, False])
def test_segment_of_more_than_255_ases_is_split(four_octet):
    """RFC 4271 section 4.3: the count is one octet."""
    asns = tuple(range(65000, 65600))
    path = (sequence(*asns),)
    block = encode_attributes(
        PathAttributes(as_path=path, next_hop="10.0.0.1"), four_octet=four_octet
    )
    decoded = decode_attributes(block, four_octet=four_octet, internal=False)
    assert decoded.attributes is not None
    found = decoded.attributes.as_path
    assert [len(segment.asns) for segment in found] == [255, 255, 90]
    assert tuple(asn for segment in found for asn in segment.asns) == asns


def test_empty_segment_is_not_written():
    """RFC 7606 section 7.2: a peer would take it as malformed."""
    attributes = PathAttributes(as_path=(sequence(),))
    assert encode_attributes(attributes, four_octet=True)[4:7] == bytes((0x40, 2, 0))
