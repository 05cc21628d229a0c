"""One generated topology at several sizes."""

import pytest

from bgplab.errors import TopologyError
from bgplab.topology.sizing import Sizes


def sizes(generate, rest=""):
    return Sizes(f"name: lab\ntopology:\n  generate: {generate}\n{rest}", "lab.yaml")


@pytest.mark.parametrize(
    "generate,parameter,given,value,routers",
    [
        ("{model: ring, n: 8}", "n", 8, 5, 5),
        ("[{model: barabasi-albert, n: 30, m: 2}]", "n", 30, 10, 10),
        ("{model: fat-tree, k: 8}", "k", 8, 4, 20),
        ("{model: grid, rows: 9, columns: 3}", "rows", 9, 4, 12),
    ],
)
def test_the_parameter_of_each_model_sets_the_size(generate, parameter, given, value, routers):
    found = sizes(generate)
    assert (found.parameter, found.given) == (parameter, given)
    assert len(found.at(value).nodes) == routers
    assert len(found.at(given).nodes) == len(found.topology.nodes)


def test_routers_by_hand_stay_and_a_scenario_does_not():
    text = """
  nodes: {hub: {asn: 65000}}
  links: [hub-r1]
scenario: [{withdraw: {at: r8, prefix: 10.0.7.0/24}}]
"""
    found = sizes("{model: ring, n: 8}", text)
    assert found.topology.scenario
    small = found.at(3)
    assert [node.name for node in small.nodes] == ["hub", "r1", "r2", "r3"]
    assert small.scenario == ()
    assert small.name == "lab"


@pytest.mark.parametrize(
    "text,message",
    [
        (
            "topology: {nodes: {r1: , r2: }}",
            "lab.yaml:1:11: topology.generate: no generator: only a generated topology",
        ),
        (
            "topology:\n generate:\n - {model: ring, n: 4}\n - {model: ring, n: 4, names: c}",
            "lab.yaml:4:4: topology.generate[1]: a second generator",
        ),
        ("topology: {generate: {model: ring, n: 2}}", "expected at least 3"),
    ],
)
def test_a_file_without_one_generator_is_refused_in_its_place(text, message):
    with pytest.raises(TopologyError) as caught:
        Sizes(text, "lab.yaml")
    assert message in str(caught.value)


def test_a_size_that_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="less than n"):
        sizes("{model: barabasi-albert, n: 30, m: 5}").at(5)
    with pytest.raises(TopologyError, match="at least 3"):
        sizes("{model: ring, n: 30}").at(2)


@pytest.mark.parametrize(
    "generate,most,expected",
    [
        ("{model: ring, n: 8}", 8, 4),
        ("{model: ring, n: 8}", 160, 10),
        ("{model: fat-tree, k: 8}", 8, 2),
        ("{model: fat-tree, k: 8}", 64, 4),
        ("{model: barabasi-albert, n: 30, m: 9}", 32, 16),
        ("{model: ring, n: 3}", 3, 3),
    ],
)
def test_a_search_starts_small_but_with_what_can_be(generate, most, expected):
    assert sizes(generate).start(most) == expected
