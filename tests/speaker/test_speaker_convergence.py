"""Where networks end up, and that `quiet` tells the truth about it."""

import itertools
import os
import subprocess
import sys
from random import Random

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import RouterFlags, SessionFlags, Timers
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers
from bgplab.facts import UpdateReceived, UpdateSent
from bgplab.speaker.inputs import Originate, Reset, Withdraw

QUIET_FOR = 600.0  # seconds


def ebgp(size):
    """Give each of so many routers an AS of its own."""
    return {f"r{number}": 65000 + number for number in range(1, size + 1)}


def shortest_paths(size, links, absent=()):
    """Compute what every router must hold: shortest paths, by the lowest of equal neighbours.

    RFC 4271 section 9.1.2.2 a, f: identifiers rise with the number of the router.
    """
    graph: networkx.Graph = networkx.Graph(links)
    graph.add_nodes_from(range(1, size + 1))
    found: dict[str, dict[str, tuple]] = {f"r{number}": {} for number in range(1, size + 1)}
    for origin in sorted(set(graph) - set(absent)):
        distance = networkx.single_source_shortest_path_length(graph, origin)
        paths: dict[int, tuple] = {origin: ()}
        for node in sorted(distance, key=distance.__getitem__)[1:]:
            via = min(other for other in graph[node] if distance[other] < distance[node])
            paths[node] = (65000 + via, *paths[via])
        for node, path in paths.items():
            found[f"r{node}"][f"10.{origin}.0.0/24"] = path
    return found


def best(made):
    """Give the best paths of all routers."""
    return {name: made.best(name) for name in made.speakers}


def built(size, links, seed=0, **options):
    """Make a network from a graph of numbers, and start it."""
    named = [(f"r{first}", f"r{second}") for first, second in links]
    made = Network(routers(ebgp(size), named, **options), Random, seed)
    made.start()
    return made


SHAPES = {
    "pair": networkx.path_graph(2),
    "triangle": networkx.cycle_graph(3),
    "ring": networkx.cycle_graph(6),
    "diamond": networkx.Graph([(0, 1), (0, 2), (1, 3), (2, 3)]),
    "line": networkx.path_graph(5),
    "clique": networkx.complete_graph(5),
    "star": networkx.star_graph(4),
}


@pytest.mark.parametrize("coalesce", ["off", "auto", 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_router_ends_with_the_shortest_paths(shape, coalesce):
    graph = networkx.relabel_nodes(SHAPES[shape], lambda node: node + 1)
    made = built(len(graph), graph.edges, flags=RouterFlags(coalesce=coalesce))
    made.settle()
    assert best(made) == shortest_paths(len(graph), graph.edges)


@st.composite
def graphs(draw):
    """Draw a connected graph as its size and links: a tree, and some links more."""
    size = draw(st.integers(2, 6))
    links = {(draw(st.integers(1, node - 1)), node) for node in range(2, size + 1)}
    pairs = list(itertools.combinations(range(1, size + 1), 2))
    links |= draw(st.sets(st.sampled_from(pairs), max_size=4))
    return size, sorted(links)


OPTIONS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1000),
        "delay_jitter": st.sampled_from([0.0, 0.01, 0.5]),
        "crowd": st.sampled_from([0.0, 100.0, 10_000.0]),
        "timers": st.builds(
            Timers,
            # No session ends by itself: only what is held back can still lead to an UPDATE.
            hold=st.just(0),
            mrai=st.sampled_from([0.0, 0.0, 5.0]),
            min_as_origination=st.sampled_from([0.0, 0.0, 3.0]),
        ),
        "session_flags": st.builds(
            SessionFlags, jitter=st.sampled_from(["per-set", "per-session", "off"])
        ),
        "flags": st.builds(
            RouterFlags,
            split_horizon=st.booleans(),
            sender_side_loop_detection=st.booleans(),
            rate_limit_withdrawals=st.booleans(),
            coalesce=st.sampled_from(["auto", "off", 0.03, 1.0]),
        ),
    }
)
# Seconds to wait, the router (by remainder), and what it does.
ACTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.002, 0.4, 3.0]),
        st.integers(1, 6),
        st.sampled_from(["originate", "withdraw", "reset"]),
    ),
    max_size=5,
)


def carry_out(made, size, acts):
    """Let routers act; give the numbers of those whose prefix is withdrawn in the end."""
    absent = set()
    for wait, number, act in acts:
        made.run(made.now + wait)
        origin = (number - 1) % size + 1
        name, prefixes = f"r{origin}", (f"10.{origin}.0.0/24",)
        if act == "reset":
            made.feed(name, Reset())
        elif act == "withdraw":
            made.feed(name, Withdraw(prefixes))
            absent.add(origin)
        else:
            made.feed(name, Originate(prefixes))
            absent.discard(origin)
    return absent


def updates(made):
    """Count the UPDATEs that were sent and received."""
    kinds = [type(told.fact) for told in made.facts]
    return kinds.count(UpdateSent), kinds.count(UpdateReceived)


@settings(max_examples=60)
@given(graphs(), OPTIONS, ACTS)
def test_a_settled_network_holds_the_shortest_paths_and_stays_silent(graph, options, acts):
    size, links = graph
    made = built(size, links, **options)
    made.settle()
    absent = carry_out(made, size, acts)
    made.settle()
    assert best(made) == shortest_paths(size, links, absent)
    before = updates(made)
    activity = [speaker.routing.activity for speaker in made.speakers.values()]
    made.run(made.now + QUIET_FOR)
    assert updates(made) == before
    assert [speaker.routing.activity for speaker in made.speakers.values()] == activity
    if not any(act == "reset" for _, _, act in acts):
        assert before[0] == before[1]


@settings(max_examples=60)
@given(graphs(), OPTIONS, ACTS, st.floats(0.0, 4.0))
def test_a_quiet_router_sends_no_update_without_input(graph, options, acts, pause):
    size, links = graph
    made = built(size, links, **options)
    carry_out(made, size, acts)
    made.run(made.now + pause)
    for speaker in made.speakers.values():
        if speaker.quiet:
            now, end = made.now, made.now + QUIET_FOR
            while (due := speaker.next_deadline) is not None and due <= end:
                now = max(now, due)
                kinds = [type(effect) for effect in speaker.tick(now)]
                assert UpdateSent not in kinds
                assert speaker.quiet


@settings(max_examples=30)
@given(graphs(), OPTIONS, ACTS)
def test_the_same_seed_gives_the_same_effects(graph, options, acts):
    size, links = graph
    runs = []
    for _ in range(2):
        made = built(size, links, **options)
        carry_out(made, size, acts)
        made.settle()
        runs.append(made.effects)
    assert runs[0] == runs[1]


SCRIPT = """
import hashlib, random
from bgplab.config import RouterFlags, Timers
from bgplab.speaker.inputs import Reset
from bgplab.engines.virtual.bench import Bench as Network
from bgplab.engines.virtual.bench import routers

names = [f"r{number}" for number in range(1, 9)]
links = list(zip(names, names[1:] + names[:1])) + [("r1", "r5"), ("r3", "r7")]
configs = routers(
    {name: 65000 + number for number, name in enumerate(names)},
    links,
    timers=Timers(mrai=2.0, hold=9),
    flags=RouterFlags(coalesce="auto"),
    delay_jitter=0.05,
    crowd=200.0,
    prefixes=5,
)
made = Network(configs, random.Random, 7)
made.start()
made.run(30.0)
made.feed("r4", Reset())
made.run(60.0)
print(len(made.effects), hashlib.sha256(repr(made.effects).encode()).hexdigest())
"""


def test_nothing_depends_on_the_hashes_of_one_process():
    """Octet for octet, with timers and jitter, in processes that hash strings differently."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert int(outputs[0].split()[0]) > 1000
    assert outputs[0] == outputs[1]
