"""Bad topology files: each says in its head, line by line, what must be told of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.errors import EXIT_USAGE, Problem, TopologyError
from bgplab.topology.document import MAX_OCTETS
from bgplab.topology.load import load, loads

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def problems_of(path: Path) -> TopologyError:
    with pytest.raises(TopologyError) as caught:
        load(path)
    return caught.value


def expected_of(path: Path) -> list[str]:
    heads = (line for line in path.read_text().splitlines() if line.startswith("# expect "))
    return [f"{path}:{line.removeprefix('# expect ')}" for line in heads]


def test_there_are_at_least_twenty_bad_files():
    assert len(BAD) >= 20


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_file_is_refused_with_every_mistake_in_its_place(path):
    error = problems_of(path)
    assert [str(problem) for problem in error.problems] == expected_of(path)
    assert str(error) == "\n".join(expected_of(path))
    assert error.exit_code == EXIT_USAGE


@pytest.mark.parametrize(
    "octets, expected",
    [
        (b"", "1:1: the file is empty; a topology begins with 'topology:'"),
        (b"# only a comment\n", "1:1: the file is empty; a topology begins with 'topology:'"),
        (b"name: x\ntopo\xff\xfe: 1\n", "2:5: not UTF-8 text (octet 0xff)"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "1:1: not a text file (character U+007F)"),
        (b"name: a\n\x00\x00", "2:1: not a text file (character U+0000)"),
        (b"#" * (MAX_OCTETS + 1), "1:1: the file is larger than 8 MiB"),
    ],
    ids=["empty", "comment", "binary", "program", "nul", "too-large"],
)
def test_file_that_is_no_yaml_text_is_refused(tmp_path, octets, expected):
    path = tmp_path / "lab.yaml"
    path.write_bytes(octets)
    assert str(problems_of(path)) == f"{path}:{expected}"


def test_file_that_does_not_exist_is_named(tmp_path):
    path = tmp_path / "lab.yaml"
    message = "cannot read the file: no such file or directory"
    assert str(problems_of(path)) == f"{path}:1:1: {message}"


def test_directory_is_refused(tmp_path):
    assert str(problems_of(tmp_path)) == f"{tmp_path}:1:1: cannot read the file: is a directory"


WORDS = [
    "topology",
    "nodes",
    "links",
    "generate",
    "groups",
    "defaults",
    "timers",
    "hold",
    "asn",
    "originate",
    "endpoints",
    "delay",
    "passive",
    "model",
    "ring",
    "n",
    "r1",
    "r1-r2",
    "10.0.0.0/8",
    "none",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70000) | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


def as_yaml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_yaml(item) for item in value) + "]"
    return "~" if value is None else str(value)


def test_mistakes_beyond_a_hundred_are_not_told():
    links = "\n".join("    - r1-nobody" for _ in range(500))
    problems = problems_in(f"topology:\n  nodes: {{r1: }}\n  links:\n{links}\n")
    assert len(problems) == 100


def test_link_of_a_million_hyphens_is_refused_at_once():
    (problem,) = problems_in(f"topology: {{nodes: {{r1: }}, links: [{'-' * 1_000_000}a]}}")
    assert problem.message.startswith("expected two routers, as r1-r2 or [r1, r2], not '---")
    assert len(problem.message) < 120


def problems_in(text: str) -> tuple[Problem, ...]:
    try:
        assert loads(text).nodes
    except TopologyError as error:
        return error.problems
    return ()


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4))
def test_whatever_stands_in_a_file_it_loads_or_is_refused_with_positions(lab):
    problems = problems_in(as_yaml({"topology": lab}))
    assert all(problem.line == 1 and problem.column >= 1 for problem in problems)


@given(st.text(max_size=60))
def test_any_text_loads_or_is_refused(text):
    with pytest.raises(TopologyError):
        loads(text)
