"""Laws of the codec: what is written is read back, and octets raise WireError at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bgplab.errors import HeaderError, RefreshError, UpdateError, WireError
from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    ATTRIBUTES,
    PathAttributes,
    Segment,
    UnknownAttribute,
    as_path_length,
    decode_attributes,
    encode_attributes,
    prepend,
)
from bgplab.wire.capabilities import Capability, four_octet_as
from bgplab.wire.header import HEADER_LENGTH, MAX_LENGTH, Framer, frame
from bgplab.wire.nlri import encode_prefix, format_address, format_prefix, split_prefixes
from bgplab.wire.notification import (
    Notification,
    decode_notification,
    describe,
    encode_notification,
    read_shutdown,
    shutdown_message,
)
from bgplab.wire.open import Open, decode_open, encode_open
from bgplab.wire.refresh import decode_refresh, encode_refresh
from bgplab.wire.update import END_OF_RIB, encode_updates, split_update

octet = st.integers(0, 255)
short = st.integers(0, 0xFFFF)
word = st.integers(0, 0xFFFFFFFF)
asn = st.one_of(st.integers(1, 0xFFFF), st.just(23456), st.integers(1, 0xFFFFFFFF))
address = st.binary(min_size=4, max_size=4).map(format_address)
host = st.builds(
    lambda first, rest: format_address(bytes((first,)) + rest),
    st.integers(1, 223),
    st.binary(min_size=3, max_size=3),
)


@st.composite
def prefixes(draw):
    length = draw(st.integers(0, 32))
    bits = draw(word) >> (32 - length) << (32 - length)
    return encode_prefix(f"{format_address(bits.to_bytes(4))}/{length}")


# messages


messages = st.one_of(
    st.just(frame(4, b"")),
    st.just(END_OF_RIB),
    st.builds(frame, st.just(2), st.binary(min_size=4, max_size=300)),
    st.builds(frame, st.just(3), st.binary(min_size=2, max_size=30)),
    st.builds(frame, st.just(5), st.binary(max_size=8)),
)


Message = tuple[int, bytes] | tuple[str, int, bytes]


def drain(framer: Framer) -> list[Message]:
    """Take all messages, and the error where there is one."""
    found: list[Message] = []
    try:
        while (message := framer.next()) is not None:
            found.append(message)
    except HeaderError as error:
        found.append(("error", error.subcode, error.data))
    return found


@given(st.lists(messages, max_size=8), st.binary(max_size=40), st.data())
def test_chunks_of_any_size_give_the_same_messages(whole, rest, data):
    stream = b"".join(whole) + rest
    at_once = Framer()
    at_once.feed(stream)
    expected = drain(at_once)
    pieces = Framer()
    found: list[Message] = []
    start = 0
    while start < len(stream) and (not found or found[-1][0] != "error"):
        size = data.draw(st.integers(1, 200))
        pieces.feed(stream[start : start + size])
        found += drain(pieces)
        start += size
        assert pieces.pending < MAX_LENGTH or found[-1][0] == "error"
    assert found == expected
    assert expected[: len(whole)] == [
        (message[HEADER_LENGTH - 1], message[HEADER_LENGTH:]) for message in whole
    ]


@given(st.binary(max_size=100))
def test_random_streams_raise_header_errors_only(stream):
    framer = Framer()
    framer.feed(stream)
    drain(framer)
    marked = Framer()
    marked.feed(b"\xff" * 16 + stream)
    drain(marked)


@st.composite
def opens(draw):
    number = draw(asn)
    capabilities = draw(
        st.lists(
            st.builds(Capability, st.integers(100, 255), st.binary(max_size=255)), max_size=9
        )
    )
    if number > 0xFFFF or draw(st.booleans()):
        capabilities.insert(draw(st.integers(0, len(capabilities))), four_octet_as(number))
    hold = draw(st.one_of(st.just(0), st.integers(3, 0xFFFF)))
    return Open(4, number, hold, draw(st.integers(1, 0xFFFFFFFF)), tuple(capabilities))


@given(opens())
def test_open_is_read_back(message):
    assert decode_open(encode_open(message)[HEADER_LENGTH:]) == message


@given(st.binary(max_size=80), st.booleans())
def test_random_opens_raise_wire_errors_only(octets, plausible):
    if plausible:
        octets = bytes.fromhex("04fde9005a0a000001") + octets
    try:
        decode_open(octets)
    except WireError:
        return


@given(octet, octet, st.binary(max_size=MAX_LENGTH - 21))
def test_notification_is_read_back(code, subcode, data):
    notification = Notification(code, subcode, data)
    body = encode_notification(notification)[HEADER_LENGTH:]
    assert decode_notification(body) == notification
    assert describe(code, subcode)


@given(st.binary(max_size=20))
def test_random_notifications_raise_wire_errors_only(octets):
    try:
        decode_notification(octets)
    except WireError:
        assert len(octets) < 2


@given(st.text(max_size=100).filter(lambda text: len(text.encode("utf-8", "replace")) < 256))
def test_shutdown_text_is_read_back(text):
    plain = text.encode("utf-8", "replace").decode()
    assert read_shutdown(shutdown_message(text)) == plain


@given(st.binary(max_size=300))
def test_any_data_can_be_read_as_shutdown_text(data):
    assert isinstance(read_shutdown(data), str)


@given(short, octet)
def test_refresh_is_read_back(afi, safi):
    assert decode_refresh(encode_refresh(afi, safi)[HEADER_LENGTH:]) == (afi, 0, safi)


@given(st.binary(max_size=10))
def test_random_refreshes_raise_wire_errors_only(octets):
    try:
        decode_refresh(octets)
    except RefreshError:
        assert len(octets) != 4


# prefixes and UPDATE


@given(prefixes())
def test_prefix_text_is_read_back(prefix):
    assert encode_prefix(format_prefix(prefix)) == prefix


@given(st.lists(prefixes(), max_size=50))
def test_prefixes_are_cut_where_they_were_joined(held):
    assert split_prefixes(b"".join(held)) == held


@given(st.binary(max_size=60))
def test_random_fields_give_clean_prefixes_or_an_update_error(field):
    try:
        found = split_prefixes(field)
    except UpdateError:
        return
    assert [encode_prefix(format_prefix(prefix)) for prefix in found] == found


@given(
    st.lists(prefixes(), max_size=60),
    st.dictionaries(
        st.binary(min_size=1, max_size=120), st.lists(prefixes(), max_size=60), max_size=4
    ),
    st.integers(64, 400),
)
def test_routes_survive_packing(withdrawn, groups, limit):
    gone = []
    seen: dict[bytes, list[bytes]] = {block: [] for block in groups}
    for message in encode_updates(withdrawn, groups, limit):
        assert len(message) <= limit
        field, block, nlri = split_update(message[HEADER_LENGTH:])
        gone += split_prefixes(field)
        if nlri:
            seen[block] += split_prefixes(nlri)
    unfit = [block for block in groups if len(block) > limit - 28]
    assert gone == withdrawn + [prefix for block in unfit for prefix in groups[block]]
    assert seen == {block: [] if block in unfit else groups[block] for block in groups}


@given(st.binary(max_size=60))
def test_random_updates_raise_wire_errors_only(octets):
    try:
        withdrawn, block, nlri = split_update(octets)
    except UpdateError:
        return
    assert len(withdrawn) + len(block) + len(nlri) + 4 == len(octets)


# path attributes


segments = st.builds(
    Segment,
    st.sampled_from((AS_SET, AS_SEQUENCE)),
    st.lists(asn, min_size=1, max_size=12).map(tuple),
)
paths = st.lists(segments, max_size=4).map(tuple)
unknown = st.builds(
    UnknownAttribute,
    st.just(0xE0),
    octet.filter(lambda code: code not in ATTRIBUTES),
    st.binary(max_size=300),
)


@st.composite
def path_attributes(draw):
    values = PathAttributes(
        origin=draw(st.integers(0, 2)),
        as_path=draw(paths),
        next_hop=draw(host),
        med=draw(st.none() | word),
        local_pref=draw(word),
        atomic_aggregate=draw(st.booleans()),
        aggregator=draw(st.none() | st.tuples(asn, address)),
        communities=draw(st.lists(word, max_size=80).map(tuple)),
        unknown=tuple(
            draw(
                st.lists(unknown, max_size=4, unique_by=lambda item: item.code).map(
                    lambda held: sorted(held, key=lambda item: item.code)
                )
            )
        ),
    )
    present = [7] * (values.aggregator is not None) + [8] * bool(values.communities)
    return values._replace(partial=tuple(code for code in present if draw(st.booleans())))


@given(path_attributes())
def test_attributes_are_read_back(attributes):
    block = encode_attributes(attributes, four_octet=True)
    decoded = decode_attributes(block, four_octet=True, internal=True)
    assert decoded.attributes == attributes
    assert not decoded.discarded


@given(path_attributes())
def test_attributes_are_read_back_from_an_old_speaker(attributes):
    """RFC 6793 section 4.2: AS4_PATH and AS4_AGGREGATOR carry what AS_TRANS hides."""
    block = encode_attributes(attributes, four_octet=False)
    decoded = decode_attributes(block, four_octet=False, internal=True)
    assert decoded.attributes == attributes
    assert not decoded.discarded


@given(path_attributes())
def test_local_pref_does_not_cross_an_as_border(attributes):
    """RFC 4271 section 5.1.5."""
    block = encode_attributes(attributes, four_octet=True)
    decoded = decode_attributes(block, four_octet=True, internal=False)
    assert decoded.attributes == attributes._replace(local_pref=None)
    assert len(decoded.discarded) == 1


@given(paths, asn)
def test_prepending_makes_a_path_one_longer(path, number):
    longer = prepend(path, number)
    assert as_path_length(longer) == as_path_length(path) + 1
    assert longer[0].asns[0] == number


@st.composite
def damaged_blocks(draw):
    """Write a block and change some octets of it, or invent attributes with plausible heads."""
    if draw(st.booleans()):
        block = bytearray(encode_attributes(draw(path_attributes()), four_octet=True))
        for _ in range(draw(st.integers(1, 4))):
            block[draw(st.integers(0, len(block) - 1))] = draw(octet)
        return bytes(block)
    parts = draw(
        st.lists(
            st.tuples(st.sampled_from((0x40, 0x80, 0xC0, 0xE0)), st.integers(0, 20)), max_size=8
        )
    )
    values = [draw(st.binary(max_size=12)) for _ in parts]
    return b"".join(
        bytes((*part, len(value))) + value for part, value in zip(parts, values, strict=True)
    )


@given(st.one_of(st.binary(max_size=80), damaged_blocks()), st.booleans(), st.booleans())
def test_damaged_attributes_raise_update_errors_only(block, wide, internal):
    """RFC 7606: whatever comes, the outcome is one of reset, withdraw, discard."""
    try:
        decoded = decode_attributes(block, four_octet=wide, internal=internal)
    except UpdateError:
        return
    assert (decoded.attributes is None) == (decoded.withdraw is not None)
    if decoded.attributes is not None:
        again = encode_attributes(decoded.attributes, four_octet=wide)
        assert (
            decode_attributes(again, four_octet=wide, internal=internal).attributes
            == decoded.attributes
        )
