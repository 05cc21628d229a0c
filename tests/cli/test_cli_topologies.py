"""`bgplab validate`, `generate`, `import` and `schema`: topology files in and out."""

import json
from typing import get_args

import networkx
import pytest
from click.testing import CliRunner

from bgplab.cli.generate import generate
from bgplab.cli.main import cli, main
from bgplab.topology.generate import Generator
from bgplab.topology.load import load, loads
from bgplab.topology.schema import schema_text

PAIR = "topology:\n  nodes: {r1: {originate: 2}, r2: }\n  links: [r1-r2]\n"
BAD = "topology:\n  nodes: {r1: {asn: x}}\n  linkz: []\n"
PARAMETERS = {
    "ring": "-n 5",
    "line": "-n 5",
    "star": "-n 5",
    "clique": "-n 4",
    "grid": "--rows 2 --columns 3",
    "tree": "-n 7 --branching 3",
    "fat-tree": "-k 2",
    "barabasi-albert": "-n 10 -m 2 --seed 7",
    "erdos-renyi": "-n 10 -p 0.9",
    "watts-strogatz": "-n 10 -k 4 -p 0.1",
    "internet-as": "-n 12 --seed 3",
}


def bgplab(*arguments, **settings):
    return CliRunner().invoke(cli, arguments, catch_exceptions=False, **settings)


@pytest.fixture
def pair(tmp_path):
    file = tmp_path / "pair.yaml"
    file.write_text(PAIR)
    return str(file)


@pytest.fixture
def bad(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return str(file)


# -------------------------------------------------------------------------- validate


def test_a_sound_file_is_told_in_a_line(pair):
    done = bgplab("validate", pair)
    assert (done.exit_code, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    assert words == "ok pair 2 routers 1 session 2 prefixes"


def test_all_files_are_checked_and_all_problems_told(pair, bad):
    done = bgplab("validate", bad, "nowhere.yaml", pair)
    assert done.exit_code == 2
    assert done.stdout.startswith("ok  pair")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"{bad}:2:21: topology.nodes.r1.asn: expected an AS number")
    assert lines[1] == f"{bad}:3:3: topology.linkz: unknown key 'linkz'; did you mean 'links'?"
    assert lines[2] == "2 problems"
    assert lines[3].startswith("nowhere.yaml:1:1: cannot read the file")
    assert lines[4] == "1 problem"


def test_json_tells_of_each_file_what_people_are_told(pair, bad):
    done = bgplab("validate", "--json", pair, bad)
    assert (done.exit_code, done.stderr) == (2, "")
    sound, faulty = json.loads(done.stdout)
    assert sound == {
        "file": pair,
        "ok": True,
        "name": "pair",
        "routers": 2,
        "sessions": 1,
        "prefixes": 2,
        "steps": 0,
        "warnings": [],
    }
    assert (faulty["file"], faulty["ok"]) == (bad, False)
    assert [(item["line"], item["column"]) for item in faulty["problems"]] == [(2, 21), (3, 3)]


def test_warnings_go_to_standard_error_and_leave_the_file_sound(tmp_path):
    file = tmp_path / "apart.yaml"
    file.write_text("topology: {nodes: {r1: , r2: }}\n")
    done = bgplab("validate", str(file))
    assert done.exit_code == 0
    assert done.stdout.startswith("ok  apart")
    assert done.stderr.startswith(f"{file}: warning: the graph has 2 separate pieces")
    (result,) = json.loads(bgplab("validate", "--json", str(file)).stdout)
    assert len(result["warnings"]) == 1


def test_a_dash_is_standard_input():
    assert bgplab("validate", "-", input=PAIR).stdout.startswith("ok  stdin")
    done = bgplab("validate", "-", input=b"\xff\xfe\x00")
    assert done.exit_code == 2
    assert done.stderr.startswith("stdin:1:")


# -------------------------------------------------------------------------- generate


def test_every_model_of_the_language_is_a_command():
    models = [
        model.model_fields["model"].annotation for model in get_args(get_args(Generator)[0])
    ]
    assert list(generate.commands) == [get_args(model)[0] for model in models]
    assert list(PARAMETERS) == list(generate.commands)


@pytest.mark.parametrize("model,parameters", PARAMETERS.items())
def test_a_generated_file_loads_and_expanded_it_means_the_same(model, parameters):
    short = bgplab("generate", model, *parameters.split())
    expanded = bgplab("generate", model, *parameters.split(), "--expand")
    assert (short.exit_code, expanded.exit_code) == (0, 0)
    assert f"generate: {{model: {model}" in short.stdout
    assert "generate:" not in expanded.stdout
    assert loads(short.stdout).links == loads(expanded.stdout).links
    assert loads(short.stdout).nodes == loads(expanded.stdout).nodes


def test_options_reach_the_file():
    done = bgplab(
        "generate", "star", "-n", "4", "--names", "c", "--originate", "3", "--asn", "65000",
        "--name", "hub",
    )  # fmt: skip
    topology = loads(done.stdout)
    assert topology.name == "hub"
    assert [node.name for node in topology.nodes] == ["c1", "c2", "c3", "c4"]
    assert {(node.asn, len(node.originate)) for node in topology.nodes} == {(65000, 3)}


def test_the_help_of_a_model_has_its_parameters_with_defaults():
    text = bgplab("generate", "tree", "--help").stdout
    assert "-n INTEGER           Number of routers.  [required]" in text
    assert "--branching INTEGER  Children of each router.  [default: 2]" in text
    assert text.index("--branching") < text.index("--names")


@pytest.mark.parametrize(
    "arguments,message",
    [
        ("ring -n 2", "-n: expected at least 3, not 2"),
        ("barabasi-albert -n 5 -m 5", "-m: m (5) must be less than n (5)"),
        ("fat-tree -k 3", "-k: expected a multiple of 2, not 3"),
        ("ring -n 3 --names none", "--names: a router cannot be named 'none'"),
        ("ring -n 3 --asn 0", "--asn: AS number 0 cannot be used"),
        ("ring -n x", "'x' is not a valid integer"),
        ("grid --rows 3", "Missing option '--columns'"),
        ("ring -n 3 -m 4", "No such option"),
    ],
)
def test_wrong_parameters_exit_2_and_name_the_option(arguments, message, capsys):
    assert main(["generate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_output_goes_to_a_new_file_only_unless_forced(tmp_path, capsys):
    file = tmp_path / "ring.yaml"
    command = ["generate", "ring", "-o", str(file), "-n"]
    assert main([*command, "3"]) == 0
    assert capsys.readouterr() == ("", f"wrote {file}\n")
    assert main([*command, "4"]) == 2
    assert "exists already; --force overwrites it" in capsys.readouterr().err
    assert len(load(file).nodes) == 3
    assert main([*command, "4", "--force"]) == 0
    assert len(load(file).nodes) == 4


def test_relationships_of_an_internet_like_graph_are_asked_for_by_a_flag(tmp_path):
    file = tmp_path / "internet.yaml"
    command = ["generate", "internet-as", "-n", "12", "-o", str(file), "--force"]
    assert main(command) == 0
    assert {link.relationship for link in load(file).links} == {""}
    assert main([*command, "--relationships", "--expand"]) == 0
    kinds = {link.relationship for link in load(file).links}
    assert kinds == {"peer-peer", "provider-customer"}


def test_a_place_that_cannot_be_written_exits_2(tmp_path, capsys):
    file = tmp_path / "nowhere" / "ring.yaml"
    assert main(["generate", "ring", "-n", "3", "-o", str(file)]) == 2
    assert f"{file}: cannot be written: No such file or directory" in capsys.readouterr().err


# ---------------------------------------------------------------------------- import


@pytest.fixture
def graph(tmp_path):
    """A GraphML file as the Zoo has them: an external node, a parallel link, an odd label."""
    made: networkx.MultiGraph[str] = networkx.MultiGraph()
    made.add_node("0", label="New York", Internal=1)
    made.add_node("1", label="Boston", Internal=1)
    made.add_node("2", label="Elsewhere", Internal=0)
    made.add_edges_from([("0", "1"), ("0", "1"), ("1", "2")])
    file = tmp_path / "small.graphml"
    networkx.write_graphml(made, file)
    return str(file)


def test_a_graph_becomes_a_topology_and_changes_are_told_on_standard_error(graph):
    done = bgplab("import", graph)
    assert done.exit_code == 0
    topology = loads(done.stdout)
    assert [node.name for node in topology.nodes] == ["NewYork", "Boston"]
    assert len({node.asn for node in topology.nodes}) == 2
    notes = done.stderr.splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert "note: 1 external node left out (Internal = 0)" in notes
    assert "note: 1 parallel link merged with the first of its pair" in notes


def test_options_of_import_reach_the_topology(graph, tmp_path):
    file = tmp_path / "small.yaml"
    done = bgplab("import", graph, "--one-as", "--external", "--largest", "-o", str(file))
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"wrote {file}" in done.stderr
    assert {node.asn for node in load(file).nodes} == {65000}
    assert len(load(file).nodes) == 3


def test_what_is_no_graphml_exits_2_with_its_place(pair, capsys):
    assert main(["import", pair]) == 2
    assert f"{pair}:1:1: not XML" in capsys.readouterr().err


# ---------------------------------------------------------------------------- schema


def test_the_schema_is_printed_as_it_is_committed():
    assert bgplab("schema").stdout == schema_text()
