"""NOTIFICATION: limits, names, and the text of a shutdown."""

from __future__ import annotations

import pytest

from bgplab.errors import HeaderError
from bgplab.wire.header import MAX_LENGTH
from bgplab.wire.notification import (
    Notification,
    decode_notification,
    describe,
    encode_notification,
    read_shutdown,
    shutdown_message,
)


def test_data_beyond_the_message_is_cut():
    assert len(encode_notification(Notification(7, 1, bytes(MAX_LENGTH)))) == MAX_LENGTH


@pytest.mark.parametrize("body", [b"", b"\x06"])
def test_short_notification_is_a_bad_length(body):
    """RFC 4271 section 6.1."""
    with pytest.raises(HeaderError):
        decode_notification(body)


@pytest.mark.parametrize(
    "code,subcode,text",
    [
        (4, 0, "Hold Timer Expired"),
        (5, 0, "Finite State Machine Error/Unspecified Error"),
        (6, 9, "Cease/Hard Reset"),
        (6, 77, "Cease/Subcode 77"),
        (99, 0, "Error Code 99"),
    ],
)
def test_every_code_has_a_name(code, subcode, text):
    assert describe(code, subcode) == text


@pytest.mark.parametrize("text", ["", "maintenance", "entretien prévu à 5 h", "☃" * 85])
def test_shutdown_text_survives(text):
    """RFC 9003 section 2."""
    assert read_shutdown(shutdown_message(text)) == text


def test_long_shutdown_text_is_cut_between_characters():
    """RFC 9003 section 2: 255 octets at most."""
    data = shutdown_message("☃" * 84 + "abcé")
    assert data[0] == len(data) - 1 == 84 * 3 + 3
    assert read_shutdown(data) == "☃" * 84 + "abc"


def test_lone_surrogate_is_replaced():
    assert read_shutdown(shutdown_message("a\udc80")) == "a?"


@pytest.mark.parametrize(
    "data,text",
    [(b"", ""), (b"\x05ab", "ab"), (b"\x02abcd", "ab"), (b"\x02\xffa", "\ufffda")],
)
def test_garbage_instead_of_shutdown_text_is_read_as_far_as_it_goes(data, text):
    assert read_shutdown(data) == text
