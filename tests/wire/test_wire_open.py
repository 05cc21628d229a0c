"""OPEN and its capabilities, beyond the golden octets."""

from __future__ import annotations

import pytest

from bgplab.errors import HeaderError
from bgplab.wire.capabilities import (
    CAPABILITIES,
    Capability,
    families,
    four_octet,
    four_octet_as,
    multiprotocol,
    route_refresh,
    supports_refresh,
)
from bgplab.wire.header import HEADER_LENGTH
from bgplab.wire.open import Open, decode_open, encode_open


def test_constructors_and_readers_agree():
    """RFC 4760 section 8, RFC 2918 section 2, RFC 6793 section 3."""
    capabilities = (
        multiprotocol(1, 1),
        multiprotocol(2, 1),
        route_refresh(),
        four_octet_as(4200000000),
    )
    assert families(capabilities) == ((1, 1), (2, 1))
    assert supports_refresh(capabilities)
    assert four_octet(capabilities) == 4200000000


def test_readers_of_no_capabilities():
    assert families(()) == ()
    assert not supports_refresh(())
    assert four_octet(()) is None


def test_own_capabilities_are_in_the_table():
    for capability in (multiprotocol(1, 1), route_refresh(), four_octet_as(1)):
        assert CAPABILITIES[capability.code].length == len(capability.value)


def test_many_capabilities_make_extended_parameters():
    """RFC 9072 section 2: above 255 octets, lengths take two."""
    capabilities = tuple(Capability(200 + number, bytes(100)) for number in range(3))
    message = Open(4, 65001, 90, 1, capabilities)
    body = encode_open(message)[HEADER_LENGTH:]
    assert body[9:11] == b"\xff\xff"
    assert int.from_bytes(body[11:13]) == len(body) - 13
    assert decode_open(body) == message


def test_longest_plain_parameters_stay_plain():
    """RFC 4271 section 4.2: a value of 252 octets is the last that is not extended."""
    message = Open(4, 65001, 90, 1, (Capability(200, bytes(250)),))
    body = encode_open(message)[HEADER_LENGTH:]
    assert body[9:11] == bytes((254, 2))
    assert decode_open(body) == message


@pytest.mark.parametrize("size", range(10))
def test_short_open_is_a_bad_length(size):
    """RFC 4271 section 6.1."""
    with pytest.raises(HeaderError) as caught:
        decode_open(bytes(size))
    assert (caught.value.subcode, caught.value.data) == (2, bytes((0, 19 + size)))
