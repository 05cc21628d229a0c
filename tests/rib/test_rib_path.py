"""What a path is to the decision, and how it is announced (RFC 4271 section 5)."""

import pytest

from bgplab.rib.path import (
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Local,
    Path,
    Source,
)
from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    PathAttributes,
    Segment,
    UnknownAttribute,
    decode_attributes,
)

LOCAL = Local(65000, "10.0.0.1", {"10.0.0.7": 7.0})
OWN = Source("", 65000, False, 1, 0)
EXTERNAL = Source("x", 65001, False, 2, 2)
INTERNAL = Source("i", 65000, True, 3, 3)

SEQUENCE = (Segment(AS_SEQUENCE, (65001, 65002)),)


def path(source=EXTERNAL, **attributes):
    attributes = {"as_path": SEQUENCE, "next_hop": "10.0.0.7", **attributes}
    return Path(PathAttributes(**attributes), source, LOCAL)


def exported(item, *, internal, four_octet=True):
    """Export a path and read the block as the peer does."""
    block = item.export(LOCAL, internal, four_octet)
    decoded = decode_attributes(block, four_octet=four_octet, internal=internal)
    assert decoded.discarded == ()
    return decoded.attributes


def test_an_external_peer_gets_our_as_in_front_and_our_next_hop():
    """RFC 4271 sections 5.1.2, 5.1.3."""
    sent = exported(path(), internal=False)
    assert sent.as_path == (Segment(AS_SEQUENCE, (65000, 65001, 65002)),)
    assert sent.next_hop == "10.0.0.1"
    assert sent.local_pref is None


def test_an_as_set_in_front_gets_a_sequence_before_it():
    """RFC 4271 section 5.1.2 b 2."""
    merged = Segment(AS_SET, (1, 2))
    sent = exported(path(as_path=(merged,)), internal=False)
    assert sent.as_path == (Segment(AS_SEQUENCE, (65000,)), merged)


def test_an_internal_peer_gets_path_and_next_hop_as_they_are():
    """RFC 4271 sections 5.1.2 a, 5.1.3 1."""
    sent = exported(path(), internal=True)
    assert sent.as_path == SEQUENCE
    assert sent.next_hop == "10.0.0.7"
    assert sent.local_pref == 100


def test_a_route_of_our_own_has_an_empty_path_inside_and_our_next_hop():
    """RFC 4271 sections 5.1.2, 5.1.3."""
    own = path(OWN, as_path=(), next_hop="10.0.0.1")
    assert own.own
    assert exported(own, internal=True).as_path == ()
    assert exported(own, internal=False).as_path == (Segment(AS_SEQUENCE, (65000,)),)
    assert exported(own, internal=True).next_hop == "10.0.0.1"


def test_the_med_of_a_neighbour_is_not_passed_on_to_another():
    """RFC 4271 section 5.1.4."""
    assert exported(path(med=5), internal=False).med is None
    assert exported(path(INTERNAL, med=5), internal=False).med is None
    assert exported(path(med=5), internal=True).med == 5
    assert exported(path(OWN, as_path=(), med=5), internal=False).med == 5


def test_local_pref_goes_inside_and_never_out():
    """RFC 4271 section 5.1.5."""
    assert path(INTERNAL, local_pref=200).local_pref == 200
    assert path(EXTERNAL, local_pref=200).local_pref == 100
    assert exported(path(INTERNAL, local_pref=200), internal=False).local_pref is None


def test_a_route_from_an_internal_peer_does_not_go_to_an_internal_peer():
    """RFC 4271 section 9.2."""
    assert not path(INTERNAL).may_go_to(internal=True)
    assert path(INTERNAL).may_go_to(internal=False)
    assert path(EXTERNAL).may_go_to(internal=True)
    assert path(OWN).may_go_to(internal=True)


@pytest.mark.parametrize(
    "community,inside,outside",
    [
        (NO_EXPORT, True, False),
        (NO_EXPORT_SUBCONFED, True, False),
        (NO_ADVERTISE, False, False),
        (65000 << 16 | 10, True, True),
    ],
)
def test_well_known_communities_keep_a_received_route_back(community, inside, outside):
    """RFC 1997."""
    item = path(communities=(1, community))
    assert item.may_go_to(internal=True) is inside
    assert item.may_go_to(internal=False) is outside


def test_our_own_route_goes_out_with_the_community_that_binds_its_receiver():
    """RFC 1997: the rule is for routes that were received."""
    own = path(OWN, as_path=(), communities=(NO_EXPORT,))
    assert own.may_go_to(internal=False)
    assert exported(own, internal=False).communities == (NO_EXPORT,)


@pytest.mark.parametrize("internal", [False, True])
def test_what_is_only_carried_arrives_unchanged(internal):
    """RFC 4271 section 5: the Partial bit is not cleared by those who pass an attribute on."""
    carried = {
        "atomic_aggregate": True,
        "aggregator": (70000, "10.2.0.1"),
        "communities": (5, 6),
        "unknown": (UnknownAttribute(0xE0, 99, b"\1\2"),),
        "partial": (7, 8),
    }
    sent = exported(path(**carried), internal=internal)
    assert {name: getattr(sent, name) for name in carried} == carried


def test_a_peer_with_two_octets_gets_as4_path():
    """RFC 6793 section 4.2.2."""
    item = path(as_path=(Segment(AS_SEQUENCE, (70000,)),))
    wide = item.export(LOCAL, False, True)
    narrow = item.export(LOCAL, False, False)
    assert wide != narrow
    assert exported(item, internal=False, four_octet=False) == exported(item, internal=False)


def test_a_block_is_encoded_once_per_kind_of_peer():
    item = path()
    kinds = [(False, True), (False, False), (True, True)]
    blocks = [item.export(LOCAL, *kind) for kind in kinds]
    assert len(set(blocks)) == len(kinds)
    for kind, block in zip(kinds, blocks, strict=True):
        assert item.export(LOCAL, *kind) is block


def test_the_next_hop_of_an_external_peer_costs_nothing_unless_the_plan_says_so():
    """RFC 4271 section 9.1.2.1."""
    assert path(next_hop="10.0.0.8").cost == 0.0
    assert path(next_hop="10.0.0.7").cost == 7.0
    assert path(INTERNAL).cost == 7.0
    assert path(INTERNAL, next_hop="10.0.0.8").fault == "NEXT_HOP 10.0.0.8 cannot be resolved"


def test_the_neighbouring_as_is_the_first_of_the_path():
    """RFC 4271 section 9.1.2.2 c."""
    assert path().neighbor_as == 65001
    assert path(INTERNAL, as_path=()).neighbor_as == 65000
    assert path(as_path=(Segment(AS_SET, (9, 4, 7)),)).neighbor_as == 4
