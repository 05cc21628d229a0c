"""The short way to read and pass on a plain block agrees with the long one."""

from hypothesis import given
from hypothesis import strategies as st

from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    PathAttributes,
    Segment,
    decode_attributes,
    encode_attributes,
    prepend,
)
from bgplab.wire.attributes.plain import MAX_COUNT, pass_on_plain, read_plain
from bgplab.wire.nlri import format_address

asns = st.integers(1, 2**32 - 1)
paths = st.lists(asns, min_size=1, max_size=MAX_COUNT).map(
    lambda path: (Segment(AS_SEQUENCE, tuple(path)),)
)
plain = st.tuples(
    st.integers(0, 2), paths, st.sampled_from(["10.0.0.1", "127.0.0.9", "192.0.2.200"])
).map(lambda fields: PathAttributes(*fields))


@given(plain)
def test_a_plain_block_is_read_as_it_was_written(attributes):
    block = encode_attributes(attributes, four_octet=True)
    read = read_plain(block)
    assert read is not None
    origin, asns, next_hop = read
    path = (Segment(AS_SEQUENCE, asns),)
    assert PathAttributes(origin, path, format_address(next_hop)) == attributes


@given(plain, st.binary(min_size=1, max_size=4), st.integers(0, 400))
def test_a_damaged_block_never_reads_better_than_with_care(attributes, junk, at):
    """What the short way takes, the long way takes too, with the same result (RFC 7606)."""
    block = bytearray(encode_attributes(attributes, four_octet=True))
    block[at : at + len(junk)] = junk
    short = read_plain(bytes(block))
    if short is not None:
        origin, asns, next_hop = short
        path = (Segment(AS_SEQUENCE, asns),)
        found = decode_attributes(bytes(block), four_octet=True, internal=False)
        assert found == (PathAttributes(origin, path, format_address(next_hop)), None, ())


@given(plain, asns)
def test_passing_a_block_on_equals_decoding_and_encoding_it(attributes, asn):
    block = encode_attributes(attributes, four_octet=True)
    passed = pass_on_plain(block, asn, bytes((10, 0, 0, 77)))
    if len(attributes.as_path[0].asns) == MAX_COUNT:
        assert passed is None
        return
    expected = attributes._replace(
        as_path=prepend(attributes.as_path, asn), next_hop="10.0.0.77"
    )
    assert passed == encode_attributes(expected, four_octet=True)


def test_blocks_with_anything_more_or_less_are_not_plain():
    path = (Segment(AS_SEQUENCE, (65001,)),)
    base = PathAttributes(as_path=path, next_hop="10.0.0.1")
    for other in (
        base._replace(med=5),
        base._replace(communities=(1,)),
        base._replace(as_path=()),
        base._replace(as_path=(Segment(AS_SET, (65001,)),)),
        base._replace(as_path=(*path, Segment(AS_SET, (65002,)))),
    ):
        assert read_plain(encode_attributes(other, four_octet=True)) is None
    block = encode_attributes(base, four_octet=True)
    assert read_plain(block.replace(b"\0\0\xfd\xe9", bytes(4))) is None  # AS 0 (RFC 7607)
    assert read_plain(block[:-4] + bytes((224, 0, 0, 1))) is None
    for cut in range(len(block)):
        assert read_plain(block[:cut]) is None
