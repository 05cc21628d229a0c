"""Chains of rules: what they are for, what they change, which rule decides."""

from typing import Any

import pytest

from bgplab.config import Rule
from bgplab.policy.chain import compile_chain
from bgplab.rib.path import REJECTED, Local, Path, Source, Terms
from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    PathAttributes,
    Segment,
    decode_attributes,
    encode_attributes,
    read_plain,
)

LOCAL = Local(65001, "10.0.0.1", {})
SOURCE = Source("r2", 65002, False, 2, 2)
A, B, C = 65000 << 16 | 1, 65000 << 16 | 2, 65000 << 16 | 3


def attributes(*asns: int, **more: Any) -> PathAttributes:
    path = (Segment(AS_SEQUENCE, asns),) if asns else ()
    return PathAttributes(as_path=path, next_hop="10.0.0.2")._replace(**more)


def path(*asns: int, **more: Any) -> Path:
    return Path(attributes(*asns, **more), SOURCE, LOCAL)


def plain(*asns: int) -> Path:
    block = encode_attributes(attributes(*asns), four_octet=True)
    read = read_plain(block)
    assert read is not None
    return Path.plain(block, read, SOURCE, LOCAL)


def judged(made: Path, *rules: Rule, neighbor: str = "r2") -> Terms | None:
    """Give what a chain makes of a path."""
    chain = compile_chain(rules, neighbor)
    return made.terms if chain is None else chain(made, made.terms)


def told(made: Path, *rules: Rule, internal: bool = False) -> PathAttributes:
    """Give what a peer of the kind is told of a path under export rules."""
    block = made.export(LOCAL, internal, four_octet=True, policy=compile_chain(rules, "r3"))
    assert block is not None
    decoded = decode_attributes(block, four_octet=True, internal=internal).attributes
    assert decoded is not None
    return decoded


def test_no_rule_is_no_policy():
    assert compile_chain((), "r2") is None


def test_what_no_rule_decides_is_accepted_as_it_is():
    made = path(65002, med=7, communities=(A,))
    assert judged(made, Rule(as_path=(1,), then="reject")) == Terms(100, 7, (A,))


def test_the_first_rule_that_holds_decides():
    rules = (
        Rule(as_path=(65002, 65009), local_pref=300),
        Rule(as_path=(65002,), local_pref=200),
        Rule(local_pref=50),
    )
    assert judged(path(65002), *rules) == Terms(200, None, ())
    assert judged(path(65002, 65009), *rules) == Terms(300, None, ())
    assert judged(path(65009), *rules) == Terms(50, None, ())


def test_next_changes_the_terms_and_goes_on():
    rules = (
        Rule(local_pref=300, add_communities=(A,), then="next"),
        Rule(communities=(A,), med=5),
    )
    assert judged(path(65002), *rules) == Terms(300, 5, (A,))


def test_a_chain_that_ends_in_reject_lets_only_the_listed_paths_in():
    rules = (Rule(as_path=(65002, 65000)), Rule(then="reject"))
    assert judged(path(65002, 65000), *rules) is not None
    assert judged(path(65002, 65000, 65000), *rules) is None
    assert judged(path(65000, 65002), *rules) is None


@pytest.mark.parametrize(
    "segments",
    [
        (Segment(AS_SET, (65002,)),),
        (Segment(AS_SEQUENCE, (65002,)), Segment(AS_SET, (65003, 65004))),
    ],
)
def test_a_path_with_an_as_set_is_never_a_list(segments):
    made = path(as_path=segments)
    for as_path in ((65002,), (65002, 65003, 65004)):
        assert judged(made, Rule(as_path=as_path, then="reject")) is not None


def test_segments_that_follow_each_other_are_one_list():
    made = path(as_path=(Segment(AS_SEQUENCE, (1, 2)), Segment(AS_SEQUENCE, (3,))))
    assert judged(made, Rule(as_path=(1, 2, 3), then="reject")) is None


def test_an_empty_as_path_is_that_of_an_own_route():
    own = Path(PathAttributes(), Source("", 65001, False, 1, 0), LOCAL)
    assert judged(own, Rule(as_path=(), then="reject")) is None
    assert judged(path(65002), Rule(as_path=(), then="reject")) is not None


def test_rules_of_other_neighbors_are_not_part_of_the_chain():
    rules = (Rule(neighbors=("r3", "r4"), then="reject"), Rule(neighbors=("r2",), med=1))
    assert judged(path(65002), *rules) == Terms(100, 1, ())
    assert judged(path(65002), *rules, neighbor="r4") is None
    assert compile_chain(rules[:1], "r2") is None


def test_one_of_the_communities_is_enough():
    rule = Rule(communities=(A, B), then="reject")
    assert judged(path(65002, communities=(C, B)), rule) is None
    assert judged(path(65002, communities=(C,)), rule) is not None


@pytest.mark.parametrize(
    "rule, communities",
    [
        (Rule(set_communities=(C,)), (C,)),
        (Rule(add_communities=(C, A)), (A, B, C)),
        (Rule(remove_communities=(A, C)), (B,)),
        (Rule(set_communities=(C,), remove_communities=(C,), add_communities=(A,)), (A,)),
    ],
)
def test_communities_are_set_then_removed_then_added(rule, communities):
    assert judged(path(65002, communities=(A, B)), rule) == Terms(100, None, communities)


def test_peers_with_equal_rules_share_one_function():
    """So one encoding serves all of them."""
    first = (Rule(neighbors=("r2",), med=1), Rule(neighbors=("r3",), med=1))
    assert compile_chain(first, "r2") is compile_chain(first, "r3")
    assert compile_chain((Rule(med=2),), "r2") is not compile_chain((Rule(med=1),), "r2")


@pytest.mark.parametrize("make", [path, plain])
def test_an_admitted_path_has_the_terms_of_its_policy(make):
    """RFC 4271 section 9.1.1: the local policy sets the preference of external routes."""
    made = make(65002, 65003)
    policy = compile_chain(
        [Rule(as_path=(65002, 65003), local_pref=250, med=9, add_communities=(A,))], "r2"
    )
    assert policy is not None
    made.admit(policy)
    assert (made.local_pref, made.med, made.communities) == (250, 9, (A,))
    assert made.rank == (True, -250, 2, 0)
    assert made.attributes.communities == (A,)
    assert told(made, internal=True) == attributes(
        65002, 65003, local_pref=250, med=9, communities=(A,)
    )
    outside = told(made)
    assert (outside.med, outside.communities) == (None, (A,))


@pytest.mark.parametrize("make", [path, plain])
def test_a_rejected_path_is_kept_and_says_why_it_is_not_used(make):
    made = make(65002)
    policy = compile_chain([Rule(then="reject")], "r2")
    assert policy is not None
    made.admit(policy)
    assert made.fault == REJECTED == "rejected by import policy"


def test_policy_does_not_make_a_loop_usable():
    """RFC 4271 section 9.1.2."""
    made = path(65002, 65001)
    policy = compile_chain([Rule(local_pref=900)], "r2")
    assert policy is not None
    made.admit(policy)
    assert made.fault == "own AS in AS_PATH"


def test_a_plain_path_whose_preference_alone_changed_is_passed_on_as_octets():
    made, same = plain(65002, 65003), plain(65002, 65003)
    policy = compile_chain([Rule(local_pref=300, add_communities=(A,))], "r2")
    unmark = compile_chain([Rule(remove_communities=(A,))], "r3")
    assert policy is not None
    made.admit(policy)
    expected = same.export(LOCAL, False, True)
    assert made.export(LOCAL, False, True, unmark) == expected
    assert made.export(LOCAL, False, True) != expected
    assert told(made).communities == (A,)


def test_no_export_that_import_policy_adds_keeps_a_path_inside():
    """RFC 1997."""
    made = plain(65002)
    policy = compile_chain([Rule(add_communities=(0xFFFFFF01,))], "r2")
    assert policy is not None
    made.admit(policy)
    assert made.export(LOCAL, False, True) is None
    assert told(made, internal=True).communities == (0xFFFFFF01,)


@pytest.mark.parametrize("make", [path, plain])
def test_export_policy_sets_what_the_peer_sees_and_nothing_else(make):
    made = make(65002)
    exported = told(made, Rule(med=30, prepend=2, add_communities=(B,), local_pref=7))
    assert exported.as_path == (Segment(AS_SEQUENCE, (65001, 65001, 65001, 65002)),)
    assert (exported.med, exported.communities, exported.local_pref) == (30, (B,), None)
    assert (made.local_pref, made.med, made.communities) == (100, 0, ())
    assert told(made).as_path == (Segment(AS_SEQUENCE, (65001, 65002)),)


def test_export_policy_may_set_the_med_that_came_in():
    """RFC 4271 section 5.1.4: what came in is not passed on, what policy sets is."""
    assert told(path(65002, med=30)).med is None
    assert told(path(65002, med=30), Rule(med=30)).med == 30


def test_prepending_is_for_other_ases_only():
    """The own AS number in a path would be a loop for internal peers."""
    assert told(path(65002), Rule(prepend=3), internal=True).as_path == (
        Segment(AS_SEQUENCE, (65002,)),
    )


def test_a_path_that_export_policy_rejects_is_not_told():
    made = plain(65002)
    assert made.export(LOCAL, False, True, compile_chain([Rule(then="reject")], "r3")) is None
    assert made.export(LOCAL, False, True) is not None
