"""Packing routes into UPDATEs."""

from __future__ import annotations

from bgplab.wire.attributes import PathAttributes, encode_attributes, prepend
from bgplab.wire.header import MAX_LENGTH, Framer
from bgplab.wire.nlri import encode_prefix, split_prefixes
from bgplab.wire.update import END_OF_RIB, encode_updates, is_end_of_rib, split_update

PREFIXES = [encode_prefix(f"10.{i >> 8}.{i & 255}.0/24") for i in range(3000)]


def block(asn: int) -> bytes:
    return encode_attributes(PathAttributes(as_path=prepend((), asn)), four_octet=True)


def read(messages):
    """Read whole messages back as (withdrawn, block, prefixes)."""
    framer = Framer()
    framer.feed(b"".join(messages))
    found = []
    while (message := framer.next()) is not None:
        withdrawn, held, nlri = split_update(message[1])
        found.append((split_prefixes(withdrawn), held, split_prefixes(nlri)))
    return found


def test_nothing_to_say_makes_no_message():
    assert encode_updates([], {}) == []
    assert encode_updates([], {block(1): []}) == []


def test_end_of_rib_is_an_empty_update():
    """RFC 4724 section 2."""
    assert read([END_OF_RIB]) == [([], b"", [])]
    assert is_end_of_rib(END_OF_RIB[19:])
    assert not is_end_of_rib(encode_updates(PREFIXES[:1], {})[0][19:])


def test_withdrawals_come_first_then_each_block():
    messages = encode_updates(PREFIXES[:2], {block(1): PREFIXES[2:4], block(2): PREFIXES[4:5]})
    assert read(messages) == [
        (PREFIXES[:2], b"", []),
        ([], block(1), PREFIXES[2:4]),
        ([], block(2), PREFIXES[4:5]),
    ]


def test_messages_are_as_full_as_the_limit_allows():
    messages = encode_updates(PREFIXES, {block(1): PREFIXES})
    assert max(map(len, messages)) <= MAX_LENGTH
    full = [message for message in messages if len(message) > MAX_LENGTH - 4]
    assert len(full) == len(messages) - 2
    found = read(messages)
    assert [prefix for withdrawn, _, _ in found for prefix in withdrawn] == PREFIXES
    assert [prefix for _, _, prefixes in found for prefix in prefixes] == PREFIXES


def test_smaller_limit_is_kept():
    messages = encode_updates(PREFIXES[:100], {block(1): PREFIXES[:100]}, limit=60)
    assert max(map(len, messages)) <= 60
    assert sum(len(prefixes) for _, _, prefixes in read(messages)) == 100


def test_route_that_fits_into_no_message_is_withdrawn_instead():
    """RFC 4271 section 9.2: it MUST not be advertised."""
    messages = encode_updates([], {bytes(MAX_LENGTH - 23 - 4): PREFIXES[:2]})
    assert read(messages) == [(PREFIXES[:2], b"", [])]


def test_longest_block_leaves_room_for_one_host_route():
    host = encode_prefix("192.0.2.1/32")
    (message,) = encode_updates([], {bytes(MAX_LENGTH - 23 - 5): [host]})
    assert len(message) == MAX_LENGTH
    assert split_update(message[19:])[2] == host


def test_what_was_encoded_for_one_peer_serves_the_next():
    known: dict[tuple[bytes, ...], list[bytes]] = {}
    groups = {block(1): PREFIXES[:1], block(2): PREFIXES[1:2000]}
    plain = encode_updates(PREFIXES[5:7], groups)
    first = encode_updates(PREFIXES[5:7], groups, known=known)
    again = encode_updates([], {block(2): PREFIXES[1:2000]}, known=known)
    other = encode_updates([], {block(2): PREFIXES[1:3]}, known=known)
    assert first == plain
    assert again == plain[2:]
    assert again[0] is first[2]
    assert read(other) == [([], block(2), PREFIXES[1:3])]
