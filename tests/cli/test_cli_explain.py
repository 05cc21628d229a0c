"""`bgplab explain`: what it prints of a run in virtual time, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from bgplab.cli.main import cli, main

DIAMOND = """
name: diamond
topology:
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4, originate: [10.4.0.0/16]}
  defaults: {links: {delay: 10ms}}
  links: [left-top, top-right, left-bottom, bottom-right]
scenario:
  - wait: converged
  - link-down: {link: top-right}
  - wait: converged
"""


@pytest.fixture
def diamond(tmp_path, monkeypatch):
    """Give `diamond(level, text)`: run the lab in virtual time; its database is the latest."""
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))

    def run(level="updates", text=DIAMOND):
        file = tmp_path / "diamond.yaml"
        file.write_text(text)
        arguments = ["run", str(file), "--engine", "virtual", "--record", level]
        assert CliRunner().invoke(cli, arguments).exit_code == 0

    return run


def bgplab(*arguments):
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def said(*arguments):
    """Run a command that ends well, and give its lines with runs of spaces made one."""
    done = bgplab(*arguments)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_paths_come_with_the_step_at_which_each_lost(diamond):
    diamond(text=DIAMOND.partition("scenario")[0])
    lines = said("explain", "--at", "left", "10.4.0.0/16")
    assert lines[:5] == [
        "left 10.4.0.0/16",
        "best f lower BGP Identifier",
        "from as_path next_hop pref origin lost at",
        "top 65002 65004 10.255.0.2 100 IGP (best)",
        "bottom 65003 65004 10.255.0.3 100 IGP f lower BGP Identifier",
    ]


def test_the_chain_leads_from_the_act_to_the_router(diamond):
    diamond()
    lines = said("explain", "diamond", "--at", "left", "10.4.0.0/16")
    first = next(i for i, line in enumerate(lines) if line.startswith("led here"))
    assert lines[first].startswith("led here from link-down top-right (")
    told = [line.partition(" ")[2] for line in lines[first + 1 :]]
    assert told == ["top -> left: withdraw", "left: best via bottom, AS_PATH 65003 65004"]
    (changed,) = (line for line in lines if "UPDATE from top (its message 3)" in line)
    assert "best via bottom" in changed


def test_the_tree_tells_who_told_whom_and_what_it_changed_there(diamond):
    diamond()
    lines = said("explain", "--tree", "10.4.0.0/16")
    assert lines[0].startswith("link-down top-right (")
    assert lines[1].startswith("10.4.0.0/16: 3 UPDATEs, 3 changes of best routes, the last 0.0")
    lost = "(the session with right was lost)"
    assert lines[2:] == [
        f"+0.000000 top: no route is left {lost}",
        f"+0.000000 top -> left: withdraw {lost}",
        "+0.010000 left: best via bottom, AS_PATH 65003 65004",
        "+0.010000 left -> top: announce, AS_PATH 65001 65003 65004",
        "+0.020000 top: best via left, AS_PATH 65001 65003 65004",
        "+0.010000 left -> bottom: withdraw",
    ]
    done = bgplab("explain", "--tree", "10.4.0.0/16")
    indented = [len(line[11:]) - len(line[11:].lstrip()) for line in done.stdout.splitlines()]
    assert indented[2:] == [0, 0, 2, 2, 4, 2]


def test_json_has_all_of_it(diamond):
    diamond()
    found = json.loads(bgplab("explain", "--at", "left", "10.4.0.0/16", "--json").stdout)
    assert (found["router"], found["prefix"], found["missing"]) == ("left", "10.4.0.0/16", None)
    assert [path["peer"] for path in found["candidates"]] == ["bottom"]
    assert [change["peer"] for change in found["history"]] == ["top", "bottom"]
    assert found["act"]["text"] == "link-down"
    assert [step["told"] for step in found["chain"]] == ["left", None]
    tree = json.loads(bgplab("explain", "--tree", "10.4.0.0/16", "--json").stdout)
    kinds = {step["cause"]["kind"] for step in tree["steps"]}
    assert kinds == {"session down", "update"}
    assert [step["depth"] for step in tree["steps"]] == [0, 0, 1, 1, 2, 1]


def test_a_run_of_a_lower_level_tells_what_it_has_and_what_to_do(diamond):
    diamond("transitions")
    lines = said("explain", "--at", "left", "10.4.0.0/16")
    missing = "recorded at level transitions, without causes: run again with --record updates"
    assert lines[1] == f"note {missing}"
    assert lines[2] == "best the only path"


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--at", "lefft", "10.4.0.0/16"], "no router 'lefft' in this run; did you mean left?"),
        (["--at", "left", "10.4.0.0/15"], "no route to 10.4.0.0/15 in this run; did you mean"),
        (["--at", "left", "10.4.0.1/16"], "is not a prefix"),
        (["10.4.0.0/16"], "--at ROUTER is missing, or --tree"),
        (["--at", "left", "--act", "link", "10.4.0.0/16"], "--act goes with --tree"),
        (["a", "b", "10.4.0.0/16", "--at", "left"], "expected a run and a prefix"),
        (["--tree", "--act", "link-dwon top-right", "10.4.0.0/16"], "did you mean link-down"),
        (["nosuch", "--at", "left", "10.4.0.0/16"], "no run 'nosuch'"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_exit_code_2(
    diamond, capsys, arguments, message
):
    diamond()
    assert main(["explain", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
