"""However a lab ends, it says how, and leaves no process behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import bgplab
from bgplab.engines.processes.reactors import REACTORS

GALLERY = Path(bgplab.__file__).parents[2] / "topologies"
RING = GALLERY / "ring-10.yaml"
TRIANGLE = GALLERY / "triangle.yaml"


@pytest.fixture
def ring(command, tmp_path):
    """A ring of 10 that `bgplab up` keeps; converged, with the processes of its routers."""
    started = command("up", RING, "--store", tmp_path / "up.sqlite")
    started.read_until("converged")
    started.routers, started.fork_server = started.processes()
    assert len(started.routers) == 10
    return started


def test_when_the_controller_is_killed_nothing_is_left_within_two_seconds(ring, gone_within):
    ring.signal(signal.SIGKILL)
    gone_within([*ring.routers, ring.fork_server], 2.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_lab_exits_with_130_and_leaves_nothing(
    ring, gone_within, number, tmp_path
):
    ring.signal(number)
    status, _, err = ring.end()
    assert status == 130
    assert "interrupted: the lab is stopped" in err
    assert "Traceback" not in err
    gone_within([*ring.routers, ring.fork_server], 0.0)
    with sqlite3.connect(tmp_path / "up.sqlite") as connection:
        assert connection.execute("SELECT verdict FROM run").fetchone() == ("interrupted",)
    connection.close()


def test_an_interrupted_lab_of_spawned_routers_leaves_nothing(command, gone_within, tmp_path):
    running = command("up", TRIANGLE, "--start", "spawn", "--store", tmp_path / "up.sqlite")
    running.read_until("converged")
    below = running.below()
    assert len(below) == 3
    running.signal(signal.SIGINT)
    status, _, err = running.end()
    assert status == 130
    assert "interrupted" in err
    gone_within(below, 0.0)


def test_when_the_fork_server_is_killed_the_lab_says_so_and_exits_with_4(ring, gone_within):
    os.kill(ring.fork_server, signal.SIGKILL)
    status, _, err = ring.end()
    assert status == 4
    assert "fork server died" in err
    assert "Traceback" not in err
    gone_within([*ring.routers, ring.fork_server], 2.0)


def test_a_killed_router_is_told_by_name_and_the_lab_goes_on(ring):
    os.kill(ring.routers[0], signal.SIGKILL)
    lines = ring.read_until("converged again")
    assert any("died" in line and "SIGKILL" in line for line in lines)
    ring.signal(signal.SIGTERM)
    assert ring.end()[0] == 130


def run_json(tmp_path, file, *options):
    """Run a lab to its end; give its exit status and its report."""
    store = tmp_path / f"{file.stem}-{len(list(tmp_path.iterdir()))}.sqlite"
    done = subprocess.run(
        [sys.executable, "-m", "bgplab", "run", file, "--json", "--store", store, *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", REACTORS)
def test_every_reactor_takes_a_lab_to_convergence(name, tmp_path):
    status, report = run_json(tmp_path, TRIANGLE, "--reactor", name)
    assert (status, report["verdict"], report["routes"]) == (0, "converged", 9)


def test_a_run_out_of_time_exits_with_1_and_names_what_is_not_settled(tmp_path):
    status, report = run_json(tmp_path, RING, "--timeout", "0.001")
    assert (status, report["verdict"]) == (1, "timeout")
    assert report["unsettled"] != []
    assert report["seconds"]["converged"] is None


def final_routes(store):
    connection = sqlite3.connect(store)
    query = "SELECT router, prefix, as_path, next_hop, from_peer FROM routes ORDER BY 1, 2"
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("name", ["diamond", pytest.param("ring-10", marks=pytest.mark.slow)])
def test_spawned_routers_come_to_the_same_routes_as_forked_ones(name, tmp_path):
    stores = []
    for start in ("fork", "spawn"):
        status, report = run_json(tmp_path, GALLERY / f"{name}.yaml", "--start", start)
        assert (status, report["verdict"]) == (0, "converged")
        stores.append(report["store"])
    forked, spawned = map(final_routes, stores)
    assert forked == spawned
    assert len(forked) == report["routes"] > 0
