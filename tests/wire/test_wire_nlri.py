"""Addresses and prefixes: what is refused."""

from __future__ import annotations

import pytest

from bgplab.errors import UpdateError
from bgplab.wire.nlri import encode_address, encode_prefix, format_address, split_prefixes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "10.0.0.0/255.0.0.0",
        "10.0.0/8",
        "10.0.0.256/32",
        "10.0.0.01/32",
        "10.0.0.+1/32",
        "10.0.0.\u0661/32",
        "10.0.0.\u00b2/32",
        "10.0.0.1/24",
        "2001:db8::/32",
        "10.0.0.0/8/8",
        " 10.0.0.0/8",
    ],
)
def test_text_that_is_no_prefix_is_refused(text):
    with pytest.raises(ValueError):
        encode_prefix(text)


def test_address_round_trip():
    assert encode_address("192.0.2.255") == bytes((192, 0, 2, 255))
    assert format_address(bytes((192, 0, 2, 255))) == "192.0.2.255"


def test_host_bits_are_cleared_so_that_equal_prefixes_are_equal_keys():
    """RFC 4271 section 4.3: the value of trailing bits is irrelevant."""
    found = split_prefixes(bytes.fromhex("0cacff 0cac1f"))
    assert [prefix.hex() for prefix in found] == ["0cacf0", "0cac10"]


@pytest.mark.parametrize("length", [33, 64, 255])
def test_length_above_32_is_an_invalid_network_field(length):
    """RFC 4271 section 6.3."""
    with pytest.raises(UpdateError) as caught:
        split_prefixes(bytes((length,)) + bytes(40))
    assert caught.value.subcode == 10


@pytest.mark.parametrize("length", range(1, 33))
def test_prefix_cut_short_is_an_invalid_network_field(length):
    """RFC 7606 section 5.3."""
    whole = bytes((length,)) + bytes((length + 7) // 8)
    assert split_prefixes(whole) == [whole]
    with pytest.raises(UpdateError) as caught:
        split_prefixes(whole[:-1])
    assert caught.value.subcode == 10
