"""Golden octets, laid out by hand from the RFCs' diagrams, in both directions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bgplab.errors import WireError
from bgplab.wire.attributes import (
    PathAttributes,
    Segment,
    UnknownAttribute,
    decode_attributes,
    encode_attributes,
)
from bgplab.wire.capabilities import Capability
from bgplab.wire.header import Framer
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.nlri import (
    encode_address,
    encode_prefix,
    format_prefix,
    split_prefixes,
)
from bgplab.wire.notification import (
    Notification,
    decode_notification,
    describe,
    encode_notification,
)
from bgplab.wire.open import Open, decode_open, encode_open
from bgplab.wire.refresh import decode_refresh, encode_refresh
from bgplab.wire.update import encode_updates, split_update

GOLDEN = Path(__file__).parent.parent / "golden"

Case = dict[str, Any]


def golden(stem, *lists):
    """Read the cases of one file as parameters named after them."""
    held = json.loads((GOLDEN / f"wire_{stem}.json").read_text())
    return [pytest.param(case, id=case["name"]) for name in lists for case in held[name]]


def octets(case: Case) -> bytes:
    return bytes.fromhex(case["hex"])


def body(case: Case) -> bytes:
    """Take the one message of a case through the Framer."""
    framer = Framer()
    framer.feed(octets(case))
    message = framer.next()
    assert message is not None
    assert framer.pending == 0
    return message[1]


def fault(error: WireError) -> list[Any]:
    return [error.code, error.subcode, error.data.hex()]


def assert_fails(case: Case, decode) -> None:
    with pytest.raises(WireError) as caught:
        decode(body(case))
    assert fault(caught.value) == case["error"]


# header and KEEPALIVE


@pytest.mark.parametrize("case", golden("header", "errors"))
def test_bad_header_is_answered_as_the_rfc_says(case):
    assert_fails(case, lambda message: message)


def test_keepalive_is_a_header_alone():
    """RFC 4271 section 4.4."""
    assert bytes.fromhex("ff" * 16 + "001304") == KEEPALIVE_MESSAGE


# OPEN


def open_value(value: Case) -> Open:
    return Open(
        value["version"],
        value["asn"],
        value["hold_time"],
        int.from_bytes(encode_address(value["identifier"])),
        tuple(Capability(code, bytes.fromhex(held)) for code, held in value["capabilities"]),
    )


@pytest.mark.parametrize("case", golden("open", "cases"))
def test_open_is_written_as_golden(case):
    assert encode_open(open_value(case["value"])) == octets(case)


@pytest.mark.parametrize("case", golden("open", "cases", "decode"))
def test_open_is_read_as_golden(case):
    assert decode_open(body(case)) == open_value(case["value"])


@pytest.mark.parametrize("case", golden("open", "errors"))
def test_bad_open_is_answered_as_the_rfc_says(case):
    assert_fails(case, decode_open)


# NOTIFICATION


@pytest.mark.parametrize("case", golden("notification", "cases"))
def test_notification_is_golden_in_both_directions(case):
    value = case["value"]
    expected = Notification(value["code"], value["subcode"], bytes.fromhex(value["data"]))
    assert encode_notification(expected) == octets(case)
    assert decode_notification(body(case)) == expected
    assert describe(expected.code, expected.subcode) == value["text"]


# ROUTE-REFRESH


@pytest.mark.parametrize("case", golden("refresh", "cases"))
def test_refresh_is_written_as_golden(case):
    afi, _, safi = case["value"]
    assert encode_refresh(afi, safi) == octets(case)


@pytest.mark.parametrize("case", golden("refresh", "cases", "decode"))
def test_refresh_is_read_as_golden(case):
    assert list(decode_refresh(body(case))) == case["value"]


@pytest.mark.parametrize("case", golden("refresh", "errors"))
def test_bad_refresh_is_answered_as_the_rfc_says(case):
    assert_fails(case, decode_refresh)


# prefixes and UPDATE


@pytest.mark.parametrize("case", golden("prefixes", "cases"))
def test_prefix_is_golden_in_both_directions(case):
    assert encode_prefix(case["value"]) == octets(case)
    assert format_prefix(octets(case)) == case["value"]
    assert split_prefixes(octets(case)) == [octets(case)]


def split_whole(message: bytes) -> tuple[list[str], str, list[str]]:
    withdrawn, block, nlri = split_update(message)
    return (
        [format_prefix(prefix) for prefix in split_prefixes(withdrawn)],
        block.hex(),
        [format_prefix(prefix) for prefix in split_prefixes(nlri)],
    )


@pytest.mark.parametrize("case", golden("update", "cases"))
def test_update_is_written_as_golden(case):
    value = case["value"]
    withdrawn = [encode_prefix(text) for text in value["withdrawn"]]
    prefixes = [encode_prefix(text) for text in value["prefixes"]]
    groups = {bytes.fromhex(value["block"]): prefixes}
    assert encode_updates(withdrawn, groups) == [octets(case)]


@pytest.mark.parametrize("case", golden("update", "cases", "decode"))
def test_update_is_read_as_golden(case):
    value = case["value"]
    expected = (value["withdrawn"], value["block"], value["prefixes"])
    assert split_whole(body(case)) == expected


@pytest.mark.parametrize("case", golden("update", "errors"))
def test_bad_update_is_answered_as_the_rfc_says(case):
    assert_fails(case, split_whole)


# path attributes


def attributes_value(value: Case) -> PathAttributes:
    held: Case = {
        name: tuple(item) if type(item) is list else item for name, item in value.items()
    }
    held["as_path"] = tuple(
        Segment(kind, tuple(asns)) for kind, asns in value.get("as_path", [])
    )
    held["unknown"] = tuple(
        UnknownAttribute(flags, code, bytes.fromhex(octets_))
        for flags, code, octets_ in value.get("unknown", [])
    )
    return PathAttributes(**held)


def read_block(case: Case):
    return decode_attributes(
        octets(case),
        four_octet=case.get("four_octet", True),
        internal=case.get("internal", False),
    )


@pytest.mark.parametrize("case", golden("attributes", "cases"))
def test_attributes_are_written_as_golden(case):
    value = attributes_value(case["value"])
    assert encode_attributes(value, four_octet=case.get("four_octet", True)) == octets(case)


@pytest.mark.parametrize("case", golden("attributes", "cases", "decode"))
def test_attributes_are_read_as_golden(case):
    decoded = read_block(case)
    assert decoded.withdraw is None
    assert decoded.attributes == attributes_value(case["value"])
    assert [error.subcode for error in decoded.discarded] == case.get("discarded", [])


@pytest.mark.parametrize("case", golden("attributes", "withdraw"))
def test_malformed_attributes_withdraw_the_routes(case):
    """RFC 7606 section 2: treat-as-withdraw."""
    decoded = read_block(case)
    assert decoded.attributes is None
    assert decoded.withdraw is not None
    assert fault(decoded.withdraw) == case["error"]


@pytest.mark.parametrize("case", golden("attributes", "reset"))
def test_malformed_attributes_reset_the_session(case):
    """RFC 7606 section 2: session reset."""
    with pytest.raises(WireError) as caught:
        read_block(case)
    assert fault(caught.value) == case["error"]
