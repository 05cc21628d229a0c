"""The gallery: each file loads, is valid by the schema, and shows one idea."""

from pathlib import Path

import jsonschema
import pytest

from bgplab.errors import UsageError
from bgplab.topology.document import Document
from bgplab.topology.graph import Topology
from bgplab.topology.load import load
from bgplab.topology.plan import plan
from bgplab.topology.reach import expected_routes
from bgplab.topology.schema import schema

FOLDER = Path(__file__).parents[2] / "topologies"
GALLERY = sorted(FOLDER.glob("*.yaml"))
SCHEMA_LINE = "# yaml-language-server: $schema=../src/bgplab/topology/bgplab.schema.json"


def gallery(name: str) -> Topology:
    return load(FOLDER / f"{name}.yaml")


def test_the_gallery_has_at_least_ten_files_and_fifteen_scenarios():
    assert len(GALLERY) >= 10
    assert sum(bool(load(path).scenario) for path in GALLERY) >= 15


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_gallery_file_loads_and_says_what_to_look_at(path):
    lines = path.read_text().splitlines()
    assert lines[0] == SCHEMA_LINE
    assert lines[1].startswith("# ")
    assert "look at" in path.read_text().lower()
    topology = load(path)
    assert topology.name == path.stem
    assert topology.description
    assert topology.warnings == ()


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_gallery_file_is_valid_by_the_schema(path):
    document = Document(path.read_text(), str(path))
    jsonschema.Draft7Validator(schema()).validate(document.data)


# Their rules decide who holds what; tests/speaker/test_speaker_policy.py runs them.
WITH_RULES = ("disagree", "drain", "good-gadget", "wedgie", "why-not")
WITHOUT_RULES = [path for path in GALLERY if path.stem not in WITH_RULES]


@pytest.mark.parametrize("name", WITH_RULES)
def test_gallery_file_with_rules_is_not_worked_out_beforehand(name):
    with pytest.raises(UsageError, match="has rules of its own"):
        expected_routes(plan(gallery(name)))


@pytest.mark.parametrize("path", WITHOUT_RULES, ids=lambda path: path.stem)
def test_every_router_of_the_gallery_holds_every_prefix(path):
    topology = load(path)
    every = tuple(sorted({prefix for node in topology.nodes for prefix in node.originate}))
    assert every or topology.scenario  # which may announce the first one
    assert set(expected_routes(plan(topology)).values()) == {every}


@pytest.mark.parametrize(
    "name, routers, sessions",
    [
        ("two-routers", 2, 1),
        ("triangle", 3, 3),
        ("diamond", 4, 4),
        ("ring-10", 10, 10),
        ("clique-8", 8, 28),
        ("line-20", 20, 19),
        ("ibgp", 6, 8),
        ("fat-tree", 20, 32),
        ("abilene", 11, 14),
        ("barabasi-albert-100", 100, 196),
        ("internet-200", 200, 281),
        ("valley-free", 200, 281),
        ("good-gadget", 5, 7),
        ("disagree", 3, 3),
        ("wedgie", 4, 4),
        ("failover", 5, 5),
        ("blackhole", 5, 5),
        ("silent-death", 4, 4),
        ("frozen-router", 6, 6),
        ("crash-and-restart", 8, 7),
        ("partition", 6, 8),
        ("slow-link", 4, 3),
        ("tdown", 5, 10),
        ("flapping-origin", 5, 4),
        ("absent", 20, 40),
        ("reset-storm", 11, 20),
        ("drain", 4, 4),
        ("route-leak", 5, 5),
        ("why-not", 6, 7),
        ("collision", 2, 1),
        ("garbage", 3, 2),
        ("keepalive-100", 100, 196),
    ],
)
def test_gallery_file_has_the_size_that_it_promises(name, routers, sessions):
    made = plan(gallery(name))
    assert (len(made.routers), len(made.sessions)) == (routers, sessions)


def test_next_hop_costs_of_the_ibgp_file_send_north_west_and_south_east():
    made = {router.name: router for router in plan(gallery("ibgp")).routers}
    west, east = made["customer1"].next_hop, made["customer2"].next_hop
    assert made["north"].igp[west] < made["north"].igp[east]
    assert made["south"].igp[east] < made["south"].igp[west]
