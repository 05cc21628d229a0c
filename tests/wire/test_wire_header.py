"""Framing: what a Framer returns, holds and refuses."""

from __future__ import annotations

import pytest

from bgplab.errors import HeaderError
from bgplab.wire.header import KEEPALIVE, MAX_LENGTH, UPDATE, Framer, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE


def test_framer_returns_messages_in_order():
    framer = Framer()
    framer.feed(KEEPALIVE_MESSAGE + frame(UPDATE, bytes(4)) + KEEPALIVE_MESSAGE[:5])
    assert framer.next() == (KEEPALIVE, b"")
    assert framer.next() == (UPDATE, bytes(4))
    assert framer.next() is None
    assert framer.pending == 5


def test_framer_waits_for_the_last_octet():
    message = frame(UPDATE, bytes(4))
    framer = Framer()
    for octet in message[:-1]:
        framer.feed(bytes((octet,)))
        assert framer.next() is None
    framer.feed(message[-1:])
    assert framer.next() == (UPDATE, bytes(4))
    assert framer.pending == 0


def test_longest_message_passes():
    """RFC 4271 section 4.1: 4096 octets."""
    framer = Framer()
    framer.feed(frame(UPDATE, bytes(MAX_LENGTH - 19)))
    assert framer.next() == (UPDATE, bytes(MAX_LENGTH - 19))


def test_longer_message_is_not_written():
    with pytest.raises(ValueError, match="4096"):
        frame(UPDATE, bytes(MAX_LENGTH - 18))


def test_bad_header_is_refused_before_its_body_arrives():
    """RFC 4271 section 6.1."""
    framer = Framer()
    framer.feed(bytes.fromhex("ff" * 16 + "ffff02"))
    with pytest.raises(HeaderError) as caught:
        framer.next()
    assert (caught.value.subcode, caught.value.data) == (2, b"\xff\xff")


def test_bad_header_stays_bad():
    framer = Framer()
    framer.feed(bytes(19))
    for _ in range(2):
        with pytest.raises(HeaderError):
            framer.next()
        framer.feed(KEEPALIVE_MESSAGE)


def test_framer_holds_one_incomplete_message_at_most():
    framer = Framer()
    message = frame(UPDATE, bytes(MAX_LENGTH - 19))
    chunk = message * 3
    for start in range(0, len(chunk), 1000):
        framer.feed(chunk[start : start + 1000])
        while framer.next() is not None:
            pass
        assert framer.pending < MAX_LENGTH


def test_updates_in_a_row_come_at_once_and_the_rest_stays():
    framer = Framer()
    updates = [frame(UPDATE, bytes((0, 0, 0, 0, number))) for number in range(3)]
    framer.feed(b"".join(updates[:2]) + KEEPALIVE_MESSAGE + updates[2] + updates[2][:-1])
    assert framer.updates() == [update[19:] for update in updates[:2]]
    assert framer.updates() == []
    assert framer.next() == (KEEPALIVE, b"")
    assert framer.updates() == [updates[2][19:]]
    assert framer.updates() == []
    framer.feed(updates[2][-1:])
    assert framer.updates() == [updates[2][19:]]


@pytest.mark.parametrize("octet", [0, 16, 17])
def test_an_update_with_a_bad_header_is_left_to_be_refused(octet):
    """RFC 4271 section 6.1: what came before it counts."""
    good = frame(UPDATE, bytes(4))
    bad = bytearray(good)
    bad[octet] = 0x55 if octet < 17 else 22
    framer = Framer()
    framer.feed(good + bytes(bad))
    assert framer.updates() == [bytes(4)]
    assert framer.updates() == []
    with pytest.raises(HeaderError):
        framer.next()
