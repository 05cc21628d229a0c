"""All paths to a prefix: which is the best, and at which step each other lost."""

import json
from dataclasses import replace
from random import Random

import pytest

from bgplab.config import Level, Rule
from bgplab.engines.virtual.bench import Bench, routers
from bgplab.engines.virtual.controller import Options, prepare
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.errors import UsageError
from bgplab.observe.candidates import (
    Candidate,
    all_candidates,
    candidates,
    from_lines,
    to_lines,
)
from bgplab.observe.query import show
from bgplab.rib.decision import STEPS
from bgplab.rib.loc_rib import LocRib
from bgplab.rib.path import LOOPED, REJECTED, Local, Path, Source
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.wire.attributes import AS_SEQUENCE, PathAttributes, Segment
from bgplab.wire.nlri import encode_prefix

PREFIX = "10.1.0.0/24"
LOCAL = Local(65000, "10.0.0.1", {f"10.9.0.{cost}": float(cost) for cost in range(1, 10)})
DIAMOND = """
name: diamond
topology:
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4}
  links: [left-top, top-right, left-bottom, bottom-right]
"""


class Table:
    """The part of an Adj-RIB-In that the Loc-RIB looks at."""

    def __init__(self, path):
        self.routes = {encode_prefix(PREFIX): path}


def path(peer, asns=(65001,), *, internal=False, identifier=1, address=1, **attributes):
    asn = 65000 if internal or not peer else 65001
    source = Source(peer, asn, internal, identifier, address)
    as_path = (Segment(AS_SEQUENCE, tuple(asns)),) if asns else ()
    attributes.setdefault("next_hop", "10.9.0.1")
    return Path(PathAttributes(as_path=as_path, **attributes), source, LOCAL)


def described(*paths, own=None):
    """Describe the paths of peers, and our own if there is one, by peer."""
    loc_rib = LocRib()
    loc_rib.watch([Table(each) for each in paths])  # type: ignore[misc]
    if own is not None:
        loc_rib.own[encode_prefix(PREFIX)] = own
    loc_rib.decide(encode_prefix(PREFIX))
    return {row.peer: row for row in candidates(loc_rib, encode_prefix(PREFIX))}


@pytest.mark.parametrize(
    "step,best,other,why",
    [
        (
            "higher LOCAL_PREF",
            path("a", internal=True, local_pref=200),
            path("b", internal=True, local_pref=100),
            "lower LOCAL_PREF than via a",
        ),
        (
            "a shorter AS_PATH",
            path("a", (1, 2)),
            path("b", (1, 2, 3)),
            "longer AS_PATH than via a",
        ),
        ("b lower ORIGIN", path("a"), path("b", origin=2), "higher ORIGIN than via a"),
        ("c lower MED", path("a"), path("b", med=5), "higher MED than via a"),
        (
            "d external over internal",
            path("a"),
            path("b", internal=True),
            "internal, unlike via a",
        ),
        (
            "e lower IGP cost to the NEXT_HOP",
            path("a"),
            path("b", next_hop="10.9.0.2"),
            "higher IGP cost to the NEXT_HOP than via a",
        ),
        (
            "f lower BGP Identifier",
            path("a"),
            path("b", identifier=2),
            "higher BGP Identifier than via a",
        ),
        (
            "g lower peer address",
            path("a"),
            path("b", address=2),
            "higher peer address than via a",
        ),
    ],
    ids=[name for name, _ in STEPS[1:]],
)
def test_a_path_that_lost_says_at_which_step_and_to_whom(step, best, other, why):
    found = described(other, best)
    assert (found["b"].best, found["b"].lost, found["b"].reason) == (False, step, why)
    assert (found["a"].best, found["a"].lost, found["a"].reason) == (True, "", step)


def test_a_path_that_the_own_route_displaces_says_so():
    found = described(path("a"), own=path("", ()))
    assert (found[""].best, found[""].as_path) == (True, "")
    assert found["a"].lost == "own route"
    assert found["a"].reason == "learned, unlike the own route"


def test_a_path_that_lost_by_its_med_names_the_one_of_its_own_as():
    """RFC 4271 section 9.1.2.2 c: the best path may be of another AS, with a higher MED."""
    worse = path("worse", (1,), med=5, identifier=1)
    better = path("better", (1,), med=3, identifier=3)
    best = path("best", (2,), med=9, identifier=2)
    found = described(worse, better, best)
    assert found["best"].best
    assert found["worse"].reason == "higher MED than via better"
    assert found["better"].lost == "f lower BGP Identifier"


def test_attributes_are_those_that_the_decision_saw():
    terms = {"local_pref": 70, "med": 9, "origin": 1, "communities": (65000 << 16,)}
    found = described(path("a", (1, 2), internal=True, **terms))
    assert found == {
        "a": Candidate(
            *(PREFIX, "a", "1 2", "10.9.0.1", "EGP", 70, 9, ("65000:0",)),
            *(True, "", "the only path"),
        )
    }


def bench(asns, links, imports=()):
    """Let a network settle in which `a` alone originates; `imports` are the rules of `b`."""
    configs = [
        replace(
            config,
            originate=config.originate if config.name == "a" else (),
            peers=tuple(
                replace(peer, imports=imports if config.name == "b" else ())
                for peer in config.peers
            ),
        )
        for config in routers(asns, links)
    ]
    made = Bench(configs, Random)
    made.start()
    made.settle()
    return made


def test_what_import_policy_rejects_is_a_candidate():
    network = bench({"a": 65001, "b": 65002}, [("a", "b")], (Rule(then="reject"),))
    loc_rib = network.speakers["b"].routing.loc_rib
    assert not loc_rib.best
    (found,) = all_candidates(loc_rib)
    assert (found.peer, found.best) == ("a", False)
    assert found.lost == found.reason == REJECTED


def test_what_has_the_own_as_in_its_path_is_a_candidate():
    """a and c share an AS number: c may not use what comes from a by b."""
    network = bench({"a": 65001, "b": 65002, "c": 65001}, [("a", "b"), ("b", "c")])
    (found,) = all_candidates(network.speakers["c"].routing.loc_rib)
    assert (found.as_path, found.lost) == ("65002 65001", LOOPED)


def test_lines_of_json_give_back_what_was_written():
    network = bench({"a": 65001, "b": 65002, "c": 65003}, [("a", "b"), ("b", "c"), ("a", "c")])
    rows = list(all_candidates(network.speakers["c"].routing.loc_rib))
    assert len(rows) == 2
    assert from_lines(to_lines(rows)) == rows
    assert from_lines(to_lines([])) == []
    assert all(json.loads(line) for line in to_lines(rows).splitlines())


def test_a_lab_in_virtual_time_gives_the_candidates_of_a_router():
    lab = VirtualLab(plan(loads(DIAMOND)), 0)
    run_at_once(lab.converge(600.0))
    found = run_at_once(lab.candidates("right", "10.1.0.0/16"))
    assert [(row.peer, row.lost) for row in found] == [
        ("top", ""),
        ("bottom", "f lower BGP Identifier"),
    ]
    assert run_at_once(lab.candidates("right", "10.99.0.0/16")) == []
    with pytest.raises(UsageError, match="did you mean right"):
        run_at_once(lab.candidates("rigth", "10.1.0.0/16"))
    with pytest.raises(ValueError, match="not an IPv4 prefix"):
        run_at_once(lab.candidates("right", "10.1.0.0"))


@pytest.mark.parametrize("level", [Level.TRANSITIONS, Level.UPDATES])
def test_the_database_keeps_all_candidates_from_level_updates_on(tmp_path, level):
    store = tmp_path / "run.sqlite"
    run = prepare(loads(DIAMOND), DIAMOND, Options(level=level, store=store))
    run.open()
    verdict = run_at_once(run.converge(600.0))
    run_at_once(run.report(verdict))
    run_at_once(run.close())
    found = show(store, "candidates", router="right")
    told = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    if level < Level.UPDATES:
        assert told == []
        return
    assert [(row["from_peer"], row["best"], row["lost"]) for row in told] == [
        ("top", 1, ""),
        ("bottom", 0, "f lower BGP Identifier"),
    ]
