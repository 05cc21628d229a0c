"""`bgplab diff`: what it prints, and what its exit code says."""

import json

import pytest
from click.testing import CliRunner

from bgplab.cli.main import cli, main
from bgplab.config import Level, RouterConfig
from bgplab.observe.store import RouteRow, RunInfo, Store

ROUTE = RouteRow("10.0.0.0/24", "", "10.255.0.1", "", "only")


def no_failure(error):
    raise error


@pytest.fixture
def run(tmp_path):
    """Give `run(name, routes, updates)`, which writes a run of one router."""

    def make(name, routes=(ROUTE,), updates=1, level=Level.TRANSITIONS):
        path = tmp_path / f"{name}.sqlite"
        routers = [RouterConfig("r1", 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1")]
        info = RunInfo("lone", "", "processes", level, 1)
        store = Store.create(path, info, routers, no_failure)
        store.put_routes("r1", routes)
        store.finish("converged", 0, {"updates": {"sent": updates, "received": updates}})
        store.close()
        return str(path)

    return make


def diff(*arguments):
    return CliRunner().invoke(cli, ["diff", *arguments], catch_exceptions=False)


def test_equal_runs_are_called_the_same(run):
    left, right = run("left"), run("right")
    done = diff(left, right, "--strict")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"left         lone: processes, seed 1, converged  {left}",
        f"right        lone: processes, seed 1, converged  {right}",
        "topology     same: 1 router or session end",
        "routes       same: 1 route",
        "transitions  same: 0 session ends",
        "messages     same: 4 counts",
    ]


def test_a_difference_in_routes_is_shown_and_fails(run):
    other = ROUTE._replace(prefix="10.9.0.0/24")
    done = diff(run("left"), run("right", [ROUTE, other]))
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    place = lines.index("  r1 10.9.0.0/24")
    assert lines[place - 1 : place + 3] == [
        "routes       different: 1 of 2 routes",
        "  r1 10.9.0.0/24",
        "    left   -",
        "    right  own, empty AS path, next hop 10.255.0.1",
    ]


def test_messages_decide_only_if_strict(run):
    left, right = run("left"), run("right", updates=2)
    assert diff(left, right).exit_code == 0
    done = diff(left, right, "--strict", "--limit", "1")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-5:] == [
        "messages     different: 2 of 4 counts",
        "  UPDATEs sent",
        "    left   1",
        "    right  2",
        "  and 1 more",
    ]


def test_what_was_not_recorded_fails_only_if_strict(run):
    left, right = run("left"), run("right", level=Level.SUMMARY)
    assert diff(left, right).exit_code == 0
    done = diff(left, right, "--strict")
    assert done.exit_code == 1
    assert "not compared" in done.stdout


def test_json_has_the_same_fields(run):
    done = diff(run("left"), run("right", []), "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["same_routes"], found["same"], found["same_file"]) == (False, False, True)
    assert found["routes"] == {
        "compared": 1,
        "different": 1,
        "missing": None,
        "parts": [
            {
                "where": "r1 10.0.0.0/24",
                "left": "own, empty AS path, next hop 10.255.0.1",
                "right": "-",
            }
        ],
    }


def test_a_run_that_is_not_there_is_bad_input(run, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path / "home"))
    assert main(["diff", run("left"), "nowhere"]) == 2
    assert "no run 'nowhere'" in capsys.readouterr().err
    assert main(["diff", "one"]) == 2
