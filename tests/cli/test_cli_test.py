"""`bgplab test`: which files it runs, what it tells of them, and its exit code."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bgplab.cli.main import main

PAIR = """topology:
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: }
  links: [r1-r2]
"""
PASSES = f"""{PAIR}scenario:
  - wait: converged
  - expect: {{route: {{at: r2, prefix: 10.1.0.0/16, via: r1}}}}
"""
FAILS = f"""{PAIR}scenario:
  - wait: converged
  - expect:
      - route: {{at: r2, prefix: 10.1.0.0/16, as-path: [1]}}
      - no-route: {{at: r2, prefix: 10.1.0.0/16}}
"""
BAD = "topology: {nodes: {r1: }, links: [r1-r9]}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Let commands run in an empty folder, and keep their runs there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path / ".home"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


@pytest.fixture
def files(folder):
    """Give `files(name=text)`: write topology files."""

    def write(**texts):
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text)

    return write


def run(capsys, *arguments):
    """Run `bgplab test`; give its exit code, standard output and standard error."""
    code = main(["test", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_table_tells_what_came_of_each_and_failures_are_told_by_line(files, capsys):
    files(good=PASSES, bad=FAILS)
    code, out, err = run(capsys, "good.yaml", "bad.yaml", "--engine", "virtual")
    lines = out.splitlines()
    assert code == 1
    assert lines[0].split() == ["file", "engine", "verdict", "steps", "seconds", "runs"]
    assert lines[1].split()[:4] == ["bad.yaml", "virtual", "FAILED", "1/3"]
    assert lines[2].split()[:4] == ["good.yaml", "virtual", "passed", "2/2"]
    told = out.partition("FAILED  bad.yaml virtual\n")[2].splitlines()
    assert told[0].startswith("bad.yaml:7: expect: {route: {at: r2,")
    assert told[1] == "    expected  r2: 10.1.0.0/16 AS_PATH 1"
    assert told[2].startswith("    actual    r2: via r1, AS_PATH 65001")
    assert any(line.startswith("bad.yaml:8: expect: {no-route:") for line in told[3:])
    assert lines[-1] == "1 of 2 tests passed"
    assert "passed    good.yaml virtual" in err


def test_folders_are_searched_and_what_is_no_topology_is_named_and_left_out(
    files, folder, capsys
):
    (folder / "other").mkdir()
    (folder / "other" / "compose.yml").write_text("services: {}\n")
    files(**{"other/a": PAIR, "other/slow": f"{PAIR}test: {{slow: true}}\n"})
    code, out, err = run(capsys, "other", "--engine", "virtual", "--quick")
    assert code == 0
    assert out.splitlines()[-1] == "1 of 1 test passed"
    assert "left out  other/compose.yml: no topology" in err
    assert "left out  other/slow.yaml: slow" in err


def test_a_file_that_does_not_load_is_told_and_the_others_run(files, capsys):
    files(good=PASSES, bad=BAD)
    code, out, _ = run(capsys, "bad.yaml", "absent.yaml", "good.yaml", "--engine", "virtual")
    assert code == 2
    assert "bad.yaml:1:35: topology.links[0]: unknown router 'r9'" in out
    assert "absent.yaml:1:1: cannot read the file" in out
    assert out.splitlines()[-1] == "1 of 3 tests passed"


def test_a_file_runs_on_the_engines_that_it_is_for(files, capsys):
    files(virtual=f"{PAIR}test: {{engines: [virtual]}}\n")
    code, out, err = run(capsys, "virtual.yaml", "--json")
    (only,) = json.loads(out)["results"]
    assert (code, only["engine"], only["verdict"]) == (0, "virtual", "passed")
    code, _, err = run(capsys, "virtual.yaml", "--engine", "processes")
    assert code == 2
    assert "left out  virtual.yaml: for virtual only" in err
    assert "no test in virtual.yaml" in err


def test_both_engines_by_default_with_junit_and_json(files, capsys):
    files(good=PASSES)
    code, out, _ = run(capsys, "good.yaml", "--json", "--junit", "out.xml")
    told = json.loads(out)
    assert (code, told["exit_code"], told["passed"], told["tests"]) == (0, 0, 2, 2)
    assert [each["engine"] for each in told["results"]] == ["virtual", "processes"]
    assert [each["report"]["engine"] for each in told["results"]] == ["virtual", "processes"]
    root = ET.parse("out.xml").getroot()
    assert [case.get("name") for case in root.iter("testcase")] == ["virtual", "processes"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "0", "0")


def test_a_run_that_takes_too_long_is_ended_and_the_lab_counts_as_failed(files, capsys):
    files(long=f"{PAIR}scenario: [{{wait: {{for: 100s}}}}]\ntest: {{timeout: 1s}}\n")
    code, out, _ = run(capsys, "long.yaml", "--engine", "processes", "--json")
    (only,) = json.loads(out)["results"]
    assert (code, only["verdict"]) == (4, "ERROR")
    assert only["reasons"][0]["text"] == "ended after 1 s: the time limit of the test"


def test_in_a_github_workflow_failures_are_annotated(files, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    files(bad=BAD)
    code, _, err = run(capsys, "bad.yaml")
    assert code == 2
    assert "::error file=bad.yaml,line=1,col=35,title=bgplab%3A ERROR::topology.links" in err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--jobs", "0", "x.yaml"], "expected a number above 0 or 'auto', not '0'"),
        (["empty"], "no test in empty"),
        (["good.yaml", "--junit", "no/such/folder.xml"], "cannot be written"),
    ],
)
def test_wrong_usage_is_told(files, folder, capsys, arguments, message):
    files(good=f"{PAIR}test: {{engines: [virtual]}}\n")
    (folder / "empty").mkdir()
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    "number, code, told", [(signal.SIGINT, 130, "Interrupted."), (signal.SIGKILL, -9, "")]
)
def test_all_runs_and_their_labs_end_with_the_command(files, number, code, told):
    files(a=f"{PAIR}scenario: [{{wait: {{for: 100s}}}}]\n", b=PASSES)
    # A run that waits has said on standard error that its sessions are up; not to us. Its
    # database is there as soon as its lab is.
    command = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bgplab",
            "test",
            "a.yaml",
            "b.yaml",
            "--engine",
            "processes",
            "--jobs",
            "2",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert command.stderr is not None
    try:
        assert command.stderr.readline().startswith("passed    b.yaml processes")
        below = descendants(command.pid)
        assert below
        command.send_signal(number)
        _, errors = command.communicate(timeout=20)
    finally:
        command.kill()
        command.communicate()
    assert (command.returncode, errors.strip()) == (code, told)
    assert [pid for pid in below if not gone(pid)] == []


def descendants(root):
    """List the processes below a process."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            below = [int(each) for each in task.read_text().split()]
            found += below
            waiting += below
    return found


def gone(pid):
    """Wait until a process has ended, at most five seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5.0)[0])
    finally:
        os.close(descriptor)
