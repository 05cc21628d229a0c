"""A scenario in a file of its own, which names the topology."""

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from bgplab.errors import TopologyError
from bgplab.topology import steps
from bgplab.topology.document import Document
from bgplab.topology.graph import Topology
from bgplab.topology.load import load, loads
from bgplab.topology.schema import schema

NETWORK = """# a lab
name: base
description: two of them
topology:
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: {x-note: "\\u007f: 'odd' \\u2028"}}
  links: [r1-r2]
scenario:
  - mark: not mine
"""
SCENARIO = """name: cut
topology: base.yaml               # beside this one
scenario:
  - wait: converged
  - link-down: {link: r1-r2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(NETWORK)
    return tmp_path


def load_text(folder: Path, text: str, name: str = "cut.yaml") -> Topology:
    (folder / name).write_text(text)
    return load(folder / name)


def told_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        load_text(folder, text)
    return [
        str(problem).removeprefix(f"{folder}/").replace(f"{folder}/", "")
        for problem in caught.value.problems
    ]


def test_a_scenario_takes_the_topology_of_the_file_that_it_names_and_nothing_else(folder):
    topology = load_text(folder, SCENARIO)
    assert (topology.name, topology.description) == ("cut", "")
    assert [node.name for node in topology.nodes] == ["r1", "r2"]
    assert [(step.line, step.what) for step in topology.scenario] == [
        (4, steps.WaitConverged()),
        (5, steps.LinkDown("r1", "r2")),
    ]


def test_a_file_without_a_name_is_named_after_itself(folder):
    assert load_text(folder, "topology: base.yaml\n").name == "cut"
    assert load_text(folder, "topology: base.yaml\n").scenario == ()


def test_a_scenario_file_is_valid_by_the_schema():
    jsonschema.Draft7Validator(schema()).validate(Document(SCENARIO, "cut").data)


@pytest.mark.parametrize(
    "text",
    [
        SCENARIO,
        SCENARIO.replace("base.yaml ", "'base.yaml'"),
        SCENARIO.replace("topology: base.yaml", "topology:\n  base.yaml"),
        SCENARIO.replace("base.yaml", "&file base.yaml"),
        "{name: cut, topology: base.yaml, scenario: [wait: converged]}",
    ],
)
def test_what_is_kept_of_it_loads_anywhere_and_means_the_same(folder, text):
    topology = load_text(folder, text)
    again = loads(topology.source)
    assert replace(again, source="", scenario=()) == replace(topology, source="", scenario=())
    assert [step.what for step in again.scenario] == [step.what for step in topology.scenario]


def test_what_is_kept_of_it_has_its_lines_and_comments(folder):
    topology = load_text(folder, SCENARIO)
    assert loads(topology.source).scenario == topology.scenario
    assert topology.source.endswith(SCENARIO[SCENARIO.index("      # beside") :].lstrip())


def test_the_file_is_looked_for_beside_the_one_that_names_it(folder, monkeypatch):
    below = folder / "below"
    below.mkdir()
    assert load_text(below, "topology: ../base.yaml\n").nodes
    assert load_text(below, f"topology: {folder}/base.yaml\n").nodes
    monkeypatch.chdir(folder)
    assert loads("topology: base.yaml\n", "stdin").nodes


def test_mistakes_are_told_in_the_file_that_has_them_all_at_once(folder):
    (folder / "base.yaml").write_text(NETWORK.replace("links: [r1-r2]", "links: [r1-r3]"))
    assert told_of(folder, SCENARIO.replace("wait: converged", "wait: convergd")) == [
        "base.yaml:6:11: topology.links[0]: unknown router 'r3'",
        "cut.yaml:4:11: scenario[0].wait: unknown wait 'convergd'; did you mean 'converged'?",
    ]


@pytest.mark.parametrize(
    "named, messages",
    [
        ("bass.yaml", ["cannot read 'bass.yaml': no such file or directory"]),
        (".", ["cannot read '.': is a directory"]),
        ('"a\\0b"', ["cannot read 'a\\x00b': embedded null byte"]),
        ("cut.yaml", ["'cut.yaml' has no 'topology:' with routers of its own"]),
        ("list.yaml", ["'list.yaml' has no 'topology:' with routers of its own"]),
        ("", ["expected a mapping, not nothing"]),
    ],
)
def test_a_file_that_cannot_be_had_is_told_once(folder, named, messages):
    (folder / "list.yaml").write_text("- r1\n")
    expected = [f"cut.yaml:2:{'10' if not named else '11'}: topology: {m}" for m in messages]
    assert told_of(folder, SCENARIO.replace("base.yaml", named)) == expected


def test_a_file_that_is_no_yaml_is_told_with_its_own_place(folder):
    (folder / "base.yaml").write_text("topology: [\n")
    first, second = told_of(folder, SCENARIO)
    assert first.startswith("base.yaml:2:1: not YAML")
    assert second == "cut.yaml:2:11: topology: cannot read 'base.yaml'"


def test_steps_are_read_also_where_the_topology_cannot(folder):
    text = (
        SCENARIO.replace("base.yaml", "bass.yaml") + "  - mark: a\n  - mark: a\n  - kil: r9\n"
    )
    assert told_of(folder, text)[1:] == [
        "cut.yaml:7:11: scenario[3].mark: mark 'a' is set twice (first in line 6)",
        "cut.yaml:8:5: scenario[4]: unknown step 'kil'; did you mean 'kill'?",
    ]
