"""The decision process (RFC 4271 section 9.1), step by step and as a whole."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.rib.decision import STEPS, explain, reason, select
from bgplab.rib.path import Local, Path, Source
from bgplab.wire.attributes import AS_SEQUENCE, AS_SET, PathAttributes, Segment

IGP = {f"10.9.0.{cost}": float(cost) for cost in range(1, 10)}
LOCAL = Local(65000, "10.0.0.1", IGP)


def path(
    asns=(65001,),
    *,
    kind=AS_SEQUENCE,
    own=False,
    internal=False,
    identifier=1,
    address=1,
    next_hop="10.9.0.1",
    **attributes,
):
    asn = 65000 if internal or own else 65001
    source = Source("" if own else "peer", asn, internal, identifier, address)
    as_path = (Segment(kind, tuple(asns)),) if asns else ()
    return Path(PathAttributes(as_path=as_path, next_hop=next_hop, **attributes), source, LOCAL)


# The step, the path that survives it, and the one that does not; each would win any later step.
PAIRS = [
    ("own route", path((), own=True, origin=2), path((), origin=0)),
    (
        "higher LOCAL_PREF",
        path((1, 2, 3), internal=True, local_pref=101),
        path((1,), internal=True, local_pref=100),
    ),
    ("a shorter AS_PATH", path((1, 2), origin=2), path((1, 2, 3), origin=0)),
    ("b lower ORIGIN", path((1,), origin=0, med=9), path((1,), origin=1, med=0)),
    (
        "c lower MED",
        path((1,), internal=True, med=0),
        path((1,), internal=False, med=1),
    ),
    (
        "d external over internal",
        path((1,), next_hop="10.9.0.9"),
        path((1,), internal=True, next_hop="10.9.0.1"),
    ),
    (
        "e lower IGP cost to the NEXT_HOP",
        path((1,), next_hop="10.9.0.1", identifier=9),
        path((1,), next_hop="10.9.0.2", identifier=1),
    ),
    (
        "f lower BGP Identifier",
        path((1,), identifier=0x7FFFFFFF, address=9),
        path((1,), identifier=0x80000000, address=1),
    ),
    ("g lower peer address", path((1,), address=1), path((1,), address=2)),
]


def test_every_step_has_a_pair_that_reaches_it():
    assert [name for name, _, _ in PAIRS] == [name for name, _ in STEPS]


@pytest.mark.parametrize("step,better,worse", PAIRS, ids=[pair[0] for pair in PAIRS])
def test_the_loser_leaves_at_its_step(step, better, worse):
    """RFC 4271 section 9.1.2.2."""
    assert explain([worse, better]) == [(worse, step), (better, "")]
    assert select([worse, better]) is better


def test_a_missing_med_counts_as_zero():
    """RFC 4271 section 9.1.2.2 c."""
    assert explain([path((1,), med=1), path((1,))])[0][1] == "c lower MED"
    assert explain([path((1,), med=0, address=2), path((1,))])[0][1] == "g lower peer address"


def test_meds_of_different_neighbours_are_not_compared():
    """RFC 4271 section 9.1.2.2 c."""
    high, low = path((1,), med=9, address=1), path((2,), med=0, address=2)
    assert select([low, high]) is high


def test_an_as_set_counts_one_as():
    """RFC 4271 section 9.1.2.2 a."""
    merged = path((1, 2, 3, 4), kind=AS_SET)
    assert select([path((1, 2)), merged]) is merged


def test_local_pref_of_an_external_peer_is_not_looked_at():
    """RFC 4271 section 5.1.5."""
    assert select([path((1, 2), local_pref=900), best := path((1,))]) is best


@pytest.mark.parametrize(
    "unusable,fault",
    [
        (path((1, 65000)), "own AS in AS_PATH"),
        (path((1, 65000), kind=AS_SET), "own AS in AS_PATH"),
        (path((1,), next_hop="10.0.0.1"), "own address as NEXT_HOP"),
        (
            path((1,), internal=True, next_hop="10.1.1.1"),
            "NEXT_HOP 10.1.1.1 cannot be resolved",
        ),
    ],
)
def test_a_path_that_may_not_be_used_carries_its_fault(unusable, fault):
    """RFC 4271 sections 5.1.3, 9.1.2, 9.1.2.1."""
    worst = path((1, 2, 3, 4), origin=2)
    assert select([unusable]) is None
    assert explain([unusable, worst]) == [(unusable, fault), (worst, "")]
    assert select([unusable, worst]) is worst


def test_nothing_is_chosen_from_nothing():
    assert select([]) is None
    assert explain([]) == []


# In pairs, each beats the next: first by MED, then twice by IGP cost. No pairwise order exists.
TRAP = [
    path((1,), med=0, next_hop="10.9.0.3"),
    path((1,), med=1, next_hop="10.9.0.1"),
    path((2,), med=0, next_hop="10.9.0.2"),
]


def test_pairs_of_the_trap_have_no_order():
    """RFC 3345 section 2."""
    first, second, third = TRAP
    pairs = [(first, second), (second, third), (third, first)]
    assert [select(pair) for pair in pairs] == [first, second, third]


@pytest.mark.parametrize("order", list(itertools.permutations(TRAP)))
def test_the_order_of_arrival_does_not_matter_to_med(order):
    """RFC 3345 section 2."""
    assert select(order) is TRAP[2]
    lost = {id(loser): step for loser, step in explain(order)}
    assert [lost[id(item)] for item in TRAP] == [
        "e lower IGP cost to the NEXT_HOP",
        "c lower MED",
        "",
    ]


PATHS = st.lists(
    st.builds(
        path,
        st.lists(st.sampled_from([1, 2, 3, 65000]), max_size=3),
        kind=st.sampled_from([AS_SET, AS_SEQUENCE]),
        internal=st.booleans(),
        identifier=st.integers(1, 2),
        address=st.integers(1, 6),
        next_hop=st.sampled_from(["10.9.0.1", "10.9.0.2", "10.0.0.1", "10.1.1.1"]),
        origin=st.integers(0, 2),
        med=st.sampled_from([None, 0, 1]),
        local_pref=st.sampled_from([None, 100, 101]),
    ),
    max_size=6,
    unique_by=lambda item: item.source.address,  # a peer has one path to a prefix
)


def eliminate(paths):
    """Go through all steps by the letter."""
    left = [item for item in paths if not item.fault]
    for _, step in STEPS:
        left = step(left) if left else []
    return left


@given(PATHS, st.booleans())
def test_select_explain_and_elimination_agree(paths, own):
    if own:
        paths.append(path((), own=True))
    winner = select(paths)
    reasons = explain(paths)
    assert [item for item, reason in reasons if not reason] == ([winner] if winner else [])
    assert eliminate(paths)[:1] == ([winner] if winner else [])
    assert [item for item, _ in reasons] == paths


@given(PATHS.filter(lambda paths: sum(not item.fault for item in paths) > 1))
def test_the_reason_is_the_last_step_at_which_a_usable_path_lost(paths):
    lost = {step for item, step in explain(paths) if not item.fault}
    assert reason(paths) == [name for name, _ in STEPS if name in lost][-1]


@given(PATHS.flatmap(lambda paths: st.tuples(st.just(paths), st.permutations(paths))))
def test_the_order_of_arrival_does_not_matter(orders):
    """RFC 4271 section 9.1.2.2."""
    first, second = orders
    assert select(first) is select(second)


def test_the_module_prints_its_steps():
    done = subprocess.run(
        [sys.executable, "-m", "bgplab.rib.decision"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split("  ")[-1] for line in done.stdout.splitlines()[1:]] == [
        name for name, _ in STEPS
    ]


def test_the_reason_is_the_step_that_removed_the_last_usable_rival():
    """Paths that may not be used at all are no rivals."""
    best, looped = path((65001,)), path((65001, 65000))
    assert reason([best]) == "the only path"
    assert reason([looped, best]) == "the only usable path"
    late = path((65001,), identifier=2)
    early = path((65001, 65002))
    for rivals in itertools.permutations([best, looped, late, early]):
        assert reason(rivals) == "f lower BGP Identifier"
    assert reason([early, best, looped]) == "a shorter AS_PATH"
