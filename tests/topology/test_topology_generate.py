"""Generators: the graphs are those of their models, and the same for the same seed."""

import networkx
import pytest

from bgplab.topology.graph import adjacency, components, degrees
from bgplab.topology.load import loads


def made(parameters: str):
    return loads(f"topology: {{generate: {{{parameters}}}}}")


def graph_of(parameters: str) -> "networkx.Graph[str]":
    topology = made(parameters)
    graph: networkx.Graph[str] = networkx.Graph()
    graph.add_nodes_from(node.name for node in topology.nodes)
    graph.add_edges_from((link.a, link.b) for link in topology.links)
    assert graph.number_of_edges() == len(topology.links)
    return graph


def pairs(parameters: str) -> set[frozenset[int]]:
    links = made(parameters).links
    return {frozenset((int(link.a[1:]) - 1, int(link.b[1:]) - 1)) for link in links}


@pytest.mark.parametrize(
    "parameters, reference",
    [
        ("model: ring, n: 10", networkx.cycle_graph(10)),
        ("model: line, n: 7", networkx.path_graph(7)),
        ("model: line, n: 1", networkx.path_graph(1)),
        ("model: star, n: 6", networkx.star_graph(5)),
        ("model: clique, n: 8", networkx.complete_graph(8)),
        ("model: grid, rows: 3, columns: 4", networkx.grid_2d_graph(3, 4)),
        ("model: tree, n: 12", networkx.full_rary_tree(2, 12)),
        ("model: tree, n: 12, branching: 3", networkx.full_rary_tree(3, 12)),
    ],
)
def test_regular_graph_is_the_one_of_its_name(parameters, reference):
    assert networkx.is_isomorphic(graph_of(parameters), reference)


@pytest.mark.parametrize(
    "n, m, seed", [(2, 1, 0), (20, 2, 1), (100, 2, 1), (60, 5, 42), (9, 8, 3)]
)
def test_barabasi_albert_is_the_graph_of_networkx(n, m, seed):
    reference = networkx.barabasi_albert_graph(n, m, seed=seed)
    expected = {frozenset(edge) for edge in reference.edges()}
    assert pairs(f"model: barabasi-albert, n: {n}, m: {m}, seed: {seed}") == expected


@pytest.mark.parametrize(
    "parameters, reference",
    [
        ("erdos-renyi, n: 30, p: 0.2, seed: 7", networkx.erdos_renyi_graph(30, 0.2, seed=7)),
        (
            "watts-strogatz, n: 30, k: 4, p: 0.3, seed: 7",
            networkx.watts_strogatz_graph(30, 4, 0.3, seed=7),
        ),
        ("internet-as, n: 60, seed: 7", networkx.random_internet_as_graph(60, seed=7)),
    ],
)
def test_random_graph_is_that_of_networkx(parameters, reference):
    assert pairs(f"model: {parameters}") == {frozenset(edge) for edge in reference.edges()}


def test_another_seed_is_another_graph():
    first = pairs("model: barabasi-albert, n: 50, m: 2, seed: 1")
    assert first == pairs("model: barabasi-albert, n: 50, m: 2, seed: 1")
    assert first != pairs("model: barabasi-albert, n: 50, m: 2, seed: 2")


@pytest.mark.parametrize("k", [2, 4, 6, 8])
def test_fat_tree_has_the_shape_of_a_folded_clos_network(k):
    topology = made(f"model: fat-tree, k: {k}")
    count = degrees(topology)
    names = list(count)
    half = k // 2
    core, pods = names[: half * half], names[half * half :]
    upper = [name for i, name in enumerate(pods) if i % k < half]
    edge = [name for i, name in enumerate(pods) if i % k >= half]
    assert len(names) == 5 * k * k // 4
    assert all(count[name] == k for name in core + upper)
    assert all(count[name] == half for name in edge)
    near = adjacency(topology)
    assert all(len({pods.index(name) // k for name in near[switch]}) == k for switch in core)
    assert len(components(near)) == 1


def test_routers_are_named_by_number_from_one():
    nodes = made("model: star, n: 3, names: leaf").nodes
    assert [node.name for node in nodes] == ["leaf1", "leaf2", "leaf3"]


def test_several_generators_and_links_by_hand_go_together():
    topology = loads(
        """
topology:
  nodes: {hub: }
  links: [[hub, a1], [hub, b2]]
  generate: [{model: ring, n: 3, names: a}, {model: clique, n: 4, names: b}]
"""
    )
    assert len(topology.nodes) == 8
    assert len(topology.links) == 2 + 3 + 6
    assert topology.warnings == ()
