"""`bgplab run --engine virtual`: options, report, database, interruption."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bgplab.cli.main import main
from bgplab.cli.virtual import cycle_lines
from bgplab.engines.verdict import Change, Cycle

ROOT = Path(__file__).resolve().parents[2]
TRIANGLE = str(ROOT / "topologies" / "triangle.yaml")
VIRTUAL = ["run", "--engine", "virtual"]


@pytest.fixture(autouse=True)
def runs_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path / "home"))


def report(capsys, *arguments):
    """Run the command line in this process; give the report of the run."""
    code = main([*VIRTUAL, "--json", *arguments])
    out = capsys.readouterr().out
    found = json.loads(out)
    assert found["exit_code"] == code
    return found


def test_a_run_is_reported_for_people(capsys):
    assert main([*VIRTUAL, "--until", "10m", TRIANGLE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "triangle: 3 routers, 3 sessions, in virtual time"
    starts = [line.split()[0] for line in lines]
    assert {"established", "converged", "events", "keepalives", "trace", "store"} <= set(starts)
    assert "total        600.00 s" in lines


def test_virtual_seconds_and_real_ones_stand_apart(capsys):
    found = report(capsys, "--until", "24h", TRIANGLE)
    assert found["seconds"]["total"] == 86_400
    assert 0 < found["wall_seconds"] < 600
    assert found["sessions_lost"] == 0
    least, greatest = found["keepalives"]["interval_share"]
    assert 0.75 <= least < greatest <= 1.0
    assert found["keepalives"]["sent"] > 6 * 86_400 / 30 - 6


def test_the_database_tells_virtual_times(capsys, tmp_path):
    store = tmp_path / "run.sqlite"
    report(capsys, "--until", "1h", "--store", str(store), TRIANGLE)
    with sqlite3.connect(store) as database:
        (row,) = database.execute("SELECT engine, verdict, started_ns, ended_ns FROM run")
        assert row == ("virtual", "converged", 0, 3_600 * 10**9)
        assert database.execute("SELECT count(*) FROM routes").fetchone() == (9,)
        states = database.execute("SELECT DISTINCT state FROM sessions").fetchall()
        assert states == [("Established",)]
        (keepalives,) = database.execute("SELECT count(*) FROM timers").fetchone()
        assert keepalives == 0  # summed up in the report
        figures = "count(*), min(least), max(greatest), sum(outside), max(late)"
        measured = database.execute(f"SELECT {figures} FROM keepalives").fetchone()
        assert measured[0] == 2 * 6
        assert 0.75 <= round(measured[1], 6) < round(measured[2], 6) <= 1.0
        assert measured[3:] == (0, 0.0)
        assert database.execute("SELECT count(*) FROM expiries").fetchone() == (0,)
        at = database.execute("SELECT min(at), max(at) FROM transitions").fetchone()
        assert 0 <= at[0] < at[1] < 1
    database.close()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([*VIRTUAL, "--port", "5000"], "--port: there are no processes"),
        ([*VIRTUAL, "--start", "spawn", "--reactor", "select"], "--start, --reactor: there"),
        (["run", "--until", "1h"], "--until: needs --engine virtual"),
        ([*VIRTUAL, "--until", "soon"], "expected a duration such as 10ms"),
    ],
)
def test_options_that_make_no_sense_are_refused(capsys, arguments, message):
    assert main([*arguments, TRIANGLE]) == 2
    assert message in capsys.readouterr().err


def test_one_seed_gives_one_trace(capsys):
    traces = [report(capsys, "--seed", seed, TRIANGLE)["trace"] for seed in ("1", "1", "2")]
    assert traces[0] == traces[1] != traces[2]


def test_inputs_recorded_in_virtual_time_replay_without_a_difference(capsys, tmp_path):
    store = tmp_path / "run.sqlite"
    report(capsys, "--record", "inputs", "--until", "5m", "--store", str(store), TRIANGLE)
    for router in ("r1", "r2", "r3"):
        assert main(["replay", str(store), router]) == 0


def test_processing_is_said_to_count_in_virtual_time_only(capsys, tmp_path):
    file = tmp_path / "slow.yaml"
    file.write_text(
        "topology: {defaults: {processing: 1s}, nodes: {r1: , r2: }, links: [r1-r2]}"
    )
    assert main(["validate", str(file)]) == 0
    assert "'processing' counts in virtual time only" in capsys.readouterr().err
    file.write_text("topology: {nodes: {r1: {processing: {uniform: [2s, 1s]}}}}")
    assert main(["validate", str(file)]) == 2
    assert "the least (2s) is more than the greatest (1s)" in capsys.readouterr().err


def test_a_cycle_is_written_for_people():
    changes = (
        Change("r1", "10.0.0.0/24", "r3", "3 0"),
        Change("r2", "10.0.0.0/24", None, ""),
    )
    lines = list(cycle_lines(Cycle(changes, 32, 0.5, 7.25)))
    assert "came back 32 times" in lines[0]
    assert "7.2 updates" in lines[0]
    assert lines[1:] == [
        "  r1 10.0.0.0/24: uses 3 0 via r3",
        "  r2 10.0.0.0/24: has no route",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_the_database_says_so(tmp_path, number):
    store = tmp_path / "run.sqlite"
    command = [sys.executable, "-m", "bgplab", *VIRTUAL, "--until", "8000h"]
    process = subprocess.Popen(
        [*command, "--store", str(store), TRIANGLE],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "sessions 3/3" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted: the lab is stopped" in err
    with sqlite3.connect(store) as database:
        assert database.execute("SELECT verdict FROM run").fetchone() == ("interrupted",)
    database.close()
