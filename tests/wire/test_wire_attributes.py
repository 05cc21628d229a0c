"""The table of attributes and the form of a block."""

from __future__ import annotations

import pytest

from bgplab.wire.attributes import (
    AS_SEQUENCE,
    ATTRIBUTES,
    PathAttributes,
    Segment,
    decode_attributes,
    encode_attributes,
)
from bgplab.wire.attributes.communities import NO_EXPORT, format_community
from bgplab.wire.attributes.unknown import split_attributes

FULL = PathAttributes(
    as_path=(Segment(AS_SEQUENCE, (65001, 4200000000)),),
    next_hop="10.0.0.1",
    med=0,
    local_pref=100,
    atomic_aggregate=True,
    aggregator=(4200000000, "10.0.0.9"),
    communities=(NO_EXPORT,),
)


def test_every_field_has_a_row():
    held = {row.field for row in ATTRIBUTES.values() if row.field}
    named = set(PathAttributes._fields)
    assert held == named - {"unknown", "partial"}


def test_rows_are_in_the_order_of_their_codes():
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES)


@pytest.mark.parametrize("four_octet", [True, False])
def test_block_is_written_in_the_order_of_codes(four_octet):
    """RFC 4271 section 5: the sender SHOULD order by type."""
    raws, error = split_attributes(encode_attributes(FULL, four_octet=four_octet))
    codes = [raw.code for raw in raws]
    assert error is None
    assert codes == [1, 2, 3, 4, 5, 6, 7, 8] + ([] if four_octet else [17, 18])


def test_new_attributes_only_where_an_old_peer_needs_them():
    """RFC 6793 section 4.2.2: not if all AS numbers are mappable."""
    plain = PathAttributes(
        as_path=(Segment(AS_SEQUENCE, (65001, 23456)),), aggregator=(1, "10.0.0.9")
    )
    raws, _ = split_attributes(encode_attributes(plain, four_octet=False))
    assert [raw.code for raw in raws] == [1, 2, 3, 7]


def test_all_attributes_survive_a_session_without_four_octet_as_numbers():
    """RFC 6793 section 4.2.3."""
    block = encode_attributes(FULL, four_octet=False)
    assert decode_attributes(block, four_octet=False, internal=True).attributes == FULL


def test_attributes_can_be_a_dictionary_key():
    """A router groups routes by their attributes."""
    block = encode_attributes(FULL, four_octet=True)
    decoded = decode_attributes(block, four_octet=True, internal=True)
    assert decoded.attributes in {FULL: 1}


def test_community_text():
    """RFC 1997: the AS number, then a value of its own."""
    assert format_community(65001 << 16 | 10) == "65001:10"
    assert format_community(0xFFFFFF00) == "65535:65280"
