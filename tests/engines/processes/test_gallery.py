"""Files of the gallery, and real networks, as labs of processes and in virtual time.

Those with a scenario say themselves what must be true: `dev.py gallery` runs them all.
"""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bgplab.topology.graph import adjacency, components
from bgplab.topology.import_graphml import import_graphml
from bgplab.topology.load import load, loads
from bgplab.topology.plan import plan
from bgplab.topology.reach import expected_routes

ROOT = Path(__file__).resolve().parents[3]
GALLERY = [
    file
    for file in sorted((ROOT / "topologies").glob("*.yaml"))
    if "\nscenario:" not in file.read_text()
]
SHARED = Path(os.environ.get("BGPLAB_SHARED", ROOT.parent / "shared"))
ZOO = sorted((SHARED / "data" / "zoo").glob("*.graphml"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


COMPARED = {"abilene", "diamond", "ibgp", "valley-free"}  # with processes


def bgplab(*arguments):
    """Run a command to its end, which must be exit code 0; give what it printed."""
    command = [sys.executable, "-m", "bgplab", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(file, store, *options):
    """Run a lab with the command line; give its report and its database."""
    report = json.loads(bgplab("run", file, "--json", "--store", store, *options))
    return report, sqlite3.connect(store)


def must_hold(planned):
    """Map each router to its prefixes in the end; in labs with rules everyone holds all."""
    if any(peer.imports or peer.exports for router in planned.routers for peer in router.peers):
        every = [prefix for router in planned.routers for prefix in router.originate]
        return {router.name: every for router in planned.routers}
    return expected_routes(planned)


def assert_complete(topology, report, database):
    """Hold a lab's database against what its plan must lead to."""
    planned = plan(topology)
    assert report["verdict"] == "converged"
    assert report["routers"] == len(planned.routers)
    states = database.execute("SELECT router, peer, state, since FROM sessions").fetchall()
    assert len(states) == 2 * len(planned.sessions)
    assert {state for _, _, state, _ in states} <= {"Established"}
    held: dict[str, set[str]] = {router.name: set() for router in planned.routers}
    for router, prefix in database.execute("SELECT router, prefix FROM routes"):
        held[router].add(prefix)
    expected = {name: set(prefixes) for name, prefixes in must_hold(planned).items()}
    assert held == expected
    assert report["routes"] == sum(map(len, expected.values()))


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: file.stem)
def test_every_router_of_a_gallery_file_holds_what_it_must(file, tmp_path):
    """In virtual time; for some, processes end with the same routes."""
    virtual = tmp_path / "virtual.sqlite"
    report, database = run(file, virtual, "--engine", "virtual")
    with database:
        assert_complete(load(file), report, database)
    database.close()
    if file.stem in COMPARED:
        store = tmp_path / "run.sqlite"
        run(file, store)[1].close()
        bgplab("diff", store, virtual)


@pytest.mark.skipif(not ZOO, reason="the Topology Zoo samples are not here")
@pytest.mark.parametrize("file", ZOO, ids=lambda file: file.stem)
def test_a_real_network_imports_and_converges(file, tmp_path):
    """Connected networks of up to 200 nodes run; the others import and load."""
    text = import_graphml(file).text
    topology = loads(text, file.stem)
    if len(topology.nodes) > 200 or len(components(adjacency(topology))) > 1:
        return
    (tmp_path / "zoo.yaml").write_text(text, encoding="utf-8")
    report, database = run(tmp_path / "zoo.yaml", tmp_path / "run.sqlite")
    with database:
        assert_complete(topology, report, database)
    database.close()
