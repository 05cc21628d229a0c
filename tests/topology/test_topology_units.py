"""Durations, prefixes and identifiers as people write them."""

import pytest

from bgplab.topology.units import (
    parse_duration,
    parse_hold,
    parse_identifier,
    parse_prefix,
)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("10ms", 0.01),
        ("250us", 0.00025),
        ("9s", 9),
        ("1m", 60),
        ("2h", 7200),
        ("1.5s", 1.5),
        ("5 s", 5),
        ("30", 30),
        (0, 0),
        (0.25, 0.25),
    ],
)
def test_duration_is_read_in_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "s", "-1s", "1d", "1e3", "9S", None, True, -1, float("nan"), 10**400, "9" * 33],
)
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(value)


def test_hold_time_is_whole_seconds_off_or_from_three():
    """RFC 4271 section 4.2."""
    assert [parse_hold(value) for value in (0, 3, "9s", "1m", 65535)] == [0, 3, 9, 60, 65535]
    for value in (1, "2s", 65536, 3.5):
        with pytest.raises(ValueError, match="hold time"):
            parse_hold(value)


def test_prefix_has_one_form():
    assert parse_prefix("10.0.0.0/08") == "10.0.0.0/8"
    assert parse_prefix("0.0.0.0/0") == "0.0.0.0/0"


@pytest.mark.parametrize(
    "value",
    ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/255.0.0.0", "010.0.0.0/8", "10.0.0.0/-1", 5, "::/0"],
)
def test_what_is_no_prefix_is_refused(value):
    with pytest.raises(ValueError, match="prefix"):
        parse_prefix(value)


@pytest.mark.parametrize(
    "value", ["0.0.0.1", "127.0.0.1", "224.0.0.5", "255.255.255.255", 1, "x"]
)
def test_identifier_is_a_unicast_address(value):
    with pytest.raises(ValueError):
        parse_identifier(value)
