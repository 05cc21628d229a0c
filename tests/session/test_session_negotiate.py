"""What two OPENs agree on (RFC 4271 section 6.2; RFC 6286, 6793), and jitter (section 10)."""

import random

import pytest

from bgplab.config import Timers
from bgplab.errors import OpenError
from bgplab.session.memory import LEFT, RIGHT, Side, make_end
from bgplab.session.negotiate import (
    Negotiated,
    keepalive_interval,
    negotiate,
    negotiate_hold,
    our_open,
)
from bgplab.session.timers import STOPPED, Deadlines, Jitter
from bgplab.wire.capabilities import Capability, four_octet_as
from bgplab.wire.open import AS_TRANS, Open


def agreed(theirs: Open, left: Side = LEFT, right: Side = RIGHT) -> Negotiated:
    """Let the left end answer an OPEN of the right one."""
    session = make_end("left", left, "right", right, random.Random(1)).session
    return negotiate(session.config, session.local, theirs)


def open_of(side: Side, *capabilities: Capability, asn: int | None = None) -> Open:
    """Make an OPEN of a side with these capabilities."""
    number = side.asn if asn is None else asn
    return Open(4, number, side.timers.hold, int(side.identifier[-1]), capabilities)


def test_two_of_ours_agree_on_everything():
    session = make_end("right", RIGHT, "left", LEFT, random.Random(1)).session
    terms = agreed(our_open(session.config, session.local))
    assert terms == Negotiated(90, 30.0, True, True, 0x0A000002, 480.0)


def test_a_peer_without_capabilities_gets_the_plain_protocol():
    """RFC 4271 alone; RFC 5492 section 3: unknown or absent capabilities are no error."""
    terms = agreed(open_of(RIGHT))
    assert not terms.four_octet
    assert not terms.refresh
    assert agreed(open_of(RIGHT, Capability(200, b"x"))) == terms


@pytest.mark.parametrize(
    "ours, theirs, hold", [(90, 90, 90), (90, 9, 9), (9, 90, 9), (0, 9, 0)]
)
def test_the_smaller_hold_time_is_used(ours, theirs, hold):
    """RFC 4271 section 4.2."""
    assert negotiate_hold(ours, theirs) == hold


@pytest.mark.parametrize("theirs", [1, 2])
def test_a_hold_time_of_one_or_two_seconds_is_refused(theirs):
    """RFC 4271 section 6.2."""
    with pytest.raises(OpenError) as caught:
        negotiate_hold(90, theirs)
    assert caught.value.subcode == 6


@pytest.mark.parametrize(
    "configured, hold, interval",
    [(None, 90, 30.0), (None, 0, 0.0), (200.0, 90, 200.0), (5.0, 0, 0.0), (0.0, 90, 0.0)],
)
def test_the_keepalive_interval_is_a_third_of_the_hold_time_or_as_configured(
    configured, hold, interval
):
    """RFC 4271 section 4.4, 10."""
    assert keepalive_interval(configured, hold) == interval


@pytest.mark.parametrize(
    "theirs",
    [
        open_of(RIGHT, four_octet_as(64999), asn=64999),
        open_of(RIGHT, asn=AS_TRANS),
        open_of(RIGHT, asn=64999),
    ],
    ids=["another AS", "AS_TRANS without its capability", "another AS, two octets"],
)
def test_an_as_that_is_not_configured_is_refused(theirs):
    """RFC 4271 section 6.2, RFC 6793 section 4.2.1."""
    with pytest.raises(OpenError) as caught:
        agreed(theirs)
    assert caught.value.subcode == 2


def test_as_trans_does_not_stand_for_a_configured_one():
    """RFC 6793: 23456 in the field without the capability names no AS."""
    with pytest.raises(OpenError):
        agreed(open_of(RIGHT, asn=AS_TRANS), right=RIGHT._replace(asn=AS_TRANS))


def test_our_own_identifier_is_refused_from_an_internal_peer_only():
    """RFC 6286 section 2.2."""
    twin = LEFT._replace(timers=Timers())
    theirs = Open(4, LEFT.asn, 90, 0x0A000001, (four_octet_as(LEFT.asn),))
    with pytest.raises(OpenError) as caught:
        agreed(theirs, right=twin)
    assert caught.value.subcode == 3
    external = Open(4, RIGHT.asn, 90, 0x0A000001, (four_octet_as(RIGHT.asn),))
    assert agreed(external).identifier == 0x0A000001


def test_jitter_takes_up_to_a_quarter_anew_each_time():
    """RFC 4271 section 10."""
    jitter = Jitter("per-set", random.Random(3))
    drawn = [jitter(100.0) for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert 75.0 <= min(drawn) < 76.0
    assert 99.0 < max(drawn) <= 100.0


def test_jitter_per_session_is_drawn_once_and_off_is_none():
    jitter = Jitter("per-session", random.Random(3))
    assert len({jitter(100.0) for _ in range(10)}) == 1
    assert 75.0 <= jitter(100.0) <= 100.0
    assert Jitter("off", random.Random(3))(100.0) == 100.0


def test_a_seed_gives_the_same_jitter():
    one, other = (Jitter("per-set", random.Random(7)) for _ in range(2))
    assert [one(5.0) for _ in range(9)] == [other(5.0) for _ in range(9)]


def test_deadlines_tell_what_runs_and_what_is_due():
    timers = Deadlines()
    assert (timers.earliest, timers.running, timers.due(1e9)) == (STOPPED, (), [])
    timers.hold, timers.connect_retry = 90.0, 5.0
    assert timers.earliest == 5.0
    assert timers.running == ("connect_retry", "hold")
    assert timers.due(5.0) == [(5.0, "connect_retry")]
