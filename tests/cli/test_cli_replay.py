"""`bgplab replay`: from a run to its recordings, what is printed, and the exit code."""

import json
from dataclasses import replace
from random import Random

import pytest
from click.testing import CliRunner

from bgplab.cli.main import cli, main
from bgplab.config import Level
from bgplab.engines.virtual.bench import routers
from bgplab.facts import CauseKind
from bgplab.observe.inputs import InputLog, RecordedSpeaker
from bgplab.observe.runs import DATABASE, INPUTS, find_inputs, inputs_folder, new_run_folder
from bgplab.observe.store import RunInfo, Store
from bgplab.speaker.inputs import Originate, Start


def no_failure(error):
    raise error


def record(folder, level=Level.INPUTS, names=("r1", "r2", "r10")):
    """Write a run of routers that stand alone, and what they were given."""
    configs = [replace(each, level=level) for each in routers(dict.fromkeys(names, 65001), ())]
    info = RunInfo("lone", "", "processes", level, 1)
    store = Store.create(folder / DATABASE, info, configs, no_failure)
    store.close()
    if level < Level.INPUTS:
        return
    inputs = inputs_folder(folder / "logs")
    inputs.mkdir()
    for config in configs:
        log = InputLog(inputs / f"{config.name}.jsonl", config, no_failure)
        speaker = RecordedSpeaker(config, Random(config.seed), log)
        speaker.handle(Start(), 100.0)
        speaker.tick(100.25)
        speaker.handle(Originate(("10.77.0.0/16",)), 101.0)
        speaker.tick(101.5)
        log.flush()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Record a run below BGPLAB_HOME; return its folder."""
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))
    folder = new_run_folder("lone")
    record(folder)
    return folder


def replay(*arguments):
    return CliRunner().invoke(cli, ["replay", *arguments], catch_exceptions=False)


def falsify(run, router="r2"):
    """Let a recording say that step 2 chose another prefix; returns its file."""
    path = run / INPUTS / f"{router}.jsonl"
    lines = path.read_text().splitlines()
    step = json.loads(lines[2])
    step["effects"][0][2] = "180a6300"
    lines[2] = json.dumps(step)
    path.write_text("\n".join([*lines, ""]))
    return path


def test_all_routers_are_replayed_in_the_order_that_people_expect(run):
    for arguments in ((), ("lone",), (str(run),), (str(run / DATABASE),), (str(run / INPUTS),)):
        done = replay(*arguments)
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "r1: no difference, 4 steps",
            "r2: no difference, 4 steps",
            "r10: no difference, 4 steps",
            "3 routers, 12 steps: no difference",
        ]


def test_one_router_may_be_named_or_its_file(run):
    for arguments in (("lone", "r2"), (str(run / INPUTS / "r2.jsonl"),)):
        done = replay(*arguments)
        assert done.exit_code == 0
        assert done.stdout == "r2: no difference, 4 steps\n"


def test_the_first_difference_is_shown_from_both_sides(run):
    path = falsify(run)
    done = replay("lone")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "r1: no difference, 4 steps",
        "r2: differs at step 2, at 100.25 s",
        f"  file      {path}:3",
        "  input     tick",
        "            null",
        "  recorded  2 effects",
        "  >      1  best 10.99.0.0/24: our own",
        '            ["BestChanged",100.25,"180a6300","",""]',
        "         2  cause 10.2.0.0/24 changed: the configuration originates it",
        "  replayed  2 effects",
        "  >      1  best 10.2.0.0/24: our own",
        '            ["BestChanged",100.25,"180a0200","",""]',
        "         2  cause 10.2.0.0/24 changed: the configuration originates it",
        "r10: no difference, 4 steps",
        "3 routers, 10 steps: 1 router with a difference",
    ]


def test_json_has_the_same_fields(run):
    path = falsify(run)
    done = replay("lone", "r2", "--json")
    assert done.exit_code == 1
    (found,) = json.loads(done.stdout)
    difference = found.pop("difference")
    assert found == {"router": "r2", "file": str(path), "steps": 2, "cut": False}
    cause = ["Caused", 100.25, "180a0200", "", 0, 0, 100.0, CauseKind.START, "", 0, 0]
    assert difference == {
        "step": 2,
        "line": 3,
        "at": 100.25,
        "input": None,
        "effect": 1,
        "recorded": {
            "effects": [["BestChanged", 100.25, "180a6300", "", ""], cause],
            "raised": None,
        },
        "replayed": {
            "effects": [["BestChanged", 100.25, "180a0200", "", ""], cause],
            "raised": None,
        },
    }
    assert json.loads(replay("lone", "r1", "--json").stdout)[0]["difference"] is None


def test_steps_are_shown_with_their_effects(run):
    done = replay("lone", "r1", "--show")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "     1      0.000000 s  start all sessions",
        "     2      0.250000 s  tick",
        "                        best 10.1.0.0/24: our own",
        "                        cause 10.1.0.0/24 changed: the configuration originates it",
        "     3      1.000000 s  originate 10.77.0.0/16",
        "     4      1.500000 s  tick",
        "                        best 10.77.0.0/16: our own",
        "                        cause 10.77.0.0/16 changed: an act",
    ]


def test_chosen_steps_end_with_the_router_as_it_is_then(run):
    done = replay("lone", "r1", "--step", "2-3")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "     2      0.250000 s  tick",
        "                        best 10.1.0.0/24: our own",
        "                        cause 10.1.0.0/24 changed: the configuration originates it",
        "     3      1.000000 s  originate 10.77.0.0/16",
        "r1 after step 3:",
        "  route 10.1.0.0/24: our own",
    ]
    assert "10.77.0.0/16" in replay("lone", "r1", "--step", "4").stdout.splitlines()[-1]


def test_a_difference_ends_what_is_shown(run):
    falsify(run)
    done = replay("lone", "r2", "--show")
    assert done.exit_code == 1
    assert "r2: differs at step 2, at 100.25 s" in done.stdout
    assert "10.77.0.0/16" not in done.stdout


def test_half_a_last_line_is_told_and_no_difference(run):
    path = run / INPUTS / "r2.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    done = replay("lone", "r2")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "r2: no difference, 3 steps",
        f"  {path} ends in half a line, which is left out: the router was killed",
    ]
    assert "half a line" in replay("lone", "r2", "--show").stderr


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["lone", "r3"], "no inputs of router 'r3' in"),
        (["lone", "x"], "one of r1, r2, r10"),
        (["nowhere"], "no run 'nowhere'"),
        (["lone", "--show"], "for one router"),
        (["lone", "r1", "--show", "--json"], "--json"),
        (["lone", "r1", "--step", "9"], "r1 has 4 steps only"),
        (["lone", "r1", "--step", "0"], "expected a step such as 12"),
        (["lone", "r1", "--step", "3-2"], "expected a step such as 12"),
        (["lone", "r1", "--step", "x"], "expected a step such as 12"),
    ],
)
def test_bad_usage_is_answered_with_what_is_expected(run, arguments, message, capsys):
    assert main(["replay", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_recording_is_bad_input(run, capsys):
    path = run / INPUTS / "r1.jsonl"
    path.write_text(path.read_text().replace('"input":null', '"input":nil'))
    assert main(["replay", "lone", "r1"]) == 2
    assert f"Error: {path}:3: damaged: " in capsys.readouterr().err


def test_a_run_without_inputs_says_how_to_record_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))
    record(new_run_folder("lone"), Level.OCTETS)
    assert main(["replay"]) == 2
    said = capsys.readouterr().err
    assert "was recorded at level octets, without inputs; run with --record inputs" in said


def test_inputs_stand_beside_the_logs_of_a_run(tmp_path):
    for database, logs in (("run.sqlite", "logs"), ("mine.sqlite", "mine.logs")):
        folder = inputs_folder(tmp_path / logs)
        assert find_inputs(tmp_path / database) is None
        folder.mkdir()
        assert find_inputs(tmp_path / database) == folder
