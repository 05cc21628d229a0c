"""Loc-RIB: the best path of each prefix, chosen anew when a prefix was touched."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bgplab.rib.adj_in import AdjRibIn
from bgplab.rib.loc_rib import LocRib
from bgplab.rib.path import Local, Path, Source
from bgplab.wire.attributes import AS_SEQUENCE, PathAttributes, Segment

LOCAL = Local(65000, "10.0.0.1", {"10.9.0.1": 1.0, "10.9.0.2": 2.0, "10.9.0.3": 3.0})
P = b"\x08\x0a"


def path(number, asns=(1,), **attributes):
    source = Source(f"r{number}" if number else "", 65001, False, number, number)
    as_path = (Segment(AS_SEQUENCE, asns),) if asns else ()
    return Path(PathAttributes(as_path=as_path, **attributes), source, LOCAL)


def watched(count):
    rib, sources = LocRib(), [AdjRibIn() for _ in range(count)]
    rib.watch(sources)
    return rib, sources


def test_deciding_tells_whether_the_best_path_changed():
    rib, (first, second) = watched(2)
    assert not rib.decide(P)
    second.routes[P] = path(2)
    assert rib.decide(P)
    assert not rib.decide(P)
    first.routes[P] = path(1, (1, 2))
    assert not rib.decide(P)
    del second.routes[P]
    assert rib.decide(P)
    assert rib.best == first.routes
    first.clear()
    assert rib.decide(P)
    assert rib.best == {}


def test_a_route_of_our_own_comes_first():
    rib, (first,) = watched(1)
    first.routes[P] = path(1)
    rib.own[P] = path(0, ())
    assert rib.candidates(P) == [rib.own[P], first.routes[P]]
    assert rib.decide(P)
    assert rib.best[P] is rib.own[P]
    assert rib.explain(P) == [(rib.own[P], ""), (first.routes[P], "own route")]


def test_an_unusable_path_is_no_best_path():
    rib, (first,) = watched(1)
    first.routes[P] = path(1, (65000,))
    assert not rib.decide(P)
    assert rib.explain(P) == [(first.routes[P], "own AS in AS_PATH")]


def test_all_orders_of_arrival_end_with_one_winner():
    """RFC 3345 section 2: three paths that have no order in pairs."""
    paths = [
        path(1, (1,), med=0, next_hop="10.9.0.3"),
        path(2, (1,), med=1, next_hop="10.9.0.1"),
        path(3, (2,), med=0, next_hop="10.9.0.2"),
    ]
    for order in itertools.permutations(range(3)):
        rib, sources = watched(3)
        for index in order:
            sources[index].routes[P] = paths[index]
            rib.decide(P)
        assert rib.best[P] is paths[2]


PATHS = st.none() | st.builds(
    path,
    st.integers(1, 3),
    st.sampled_from([(1,), (2,), (1, 2), (2, 1), (65000,), (1, 65000)]),
    med=st.none() | st.integers(0, 2),
    origin=st.integers(0, 1),
    next_hop=st.sampled_from(["10.9.0.1", "10.9.0.2", "10.0.0.1"]),
)


@given(st.lists(st.tuples(st.integers(0, 2), PATHS), max_size=12), st.booleans())
def test_what_does_not_concern_the_best_path_leaves_it_alone(changes, own):
    """A decision that is left out must not have changed anything, MEDs and loops included."""
    rib, sources = watched(3)
    if own:
        rib.own[P] = path(0, ())
    rib.decide(P)
    for number, new in changes:
        old = sources[number].routes.pop(P, None)
        if new is not None:
            sources[number].routes[P] = new
        concerned = rib.concerned(P, old, new)
        assert rib.decide(P) <= concerned
