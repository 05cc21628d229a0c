from datetime import UTC, datetime
from pathlib import Path

import pytest

from bgplab.errors import StoreError, UsageError
from bgplab.observe.query import find_run, new_run_folder, runs_folder
from bgplab.observe.runs import DATABASE

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))
    return tmp_path


def make_run(name, now=NOON):
    database = new_run_folder(name, now) / DATABASE
    database.touch()
    return database


@pytest.mark.parametrize(
    "environ,expected",
    [
        ({"BGPLAB_HOME": "/lab", "XDG_STATE_HOME": "/state"}, "/lab/runs"),
        ({"XDG_STATE_HOME": "/state"}, "/state/bgplab/runs"),
        ({"XDG_STATE_HOME": "relative"}, "~/.local/state/bgplab/runs"),
        ({}, "~/.local/state/bgplab/runs"),
    ],
)
def test_runs_live_where_the_environment_says(environ, expected):
    assert runs_folder(environ) == Path(expected).expanduser()


def test_a_new_run_has_a_folder_named_by_time_and_topology_with_logs(home):
    folder = new_run_folder("my lab/ü", NOON)
    assert folder.parent == home / "runs"
    assert folder.name.startswith("20261123T120000.000000Z-my_lab_-")
    assert (folder / "logs").is_dir()


def test_two_runs_at_the_same_moment_get_two_folders_in_order():
    first, second = make_run("ring"), make_run("ring")
    assert first != second
    assert find_run("ring") == second


def test_a_name_of_dots_stays_inside_the_runs_folder(home):
    assert new_run_folder("..", NOON).parent == home / "runs"


def test_without_a_reference_the_latest_run_is_found():
    make_run("aaa", NOON.replace(hour=13))
    latest = make_run("ring", NOON.replace(hour=14))
    make_run("zzz", NOON)
    new_run_folder("no-database", NOON.replace(hour=15))
    assert find_run() == latest


def test_a_run_is_found_by_file_folder_folder_name_topology_and_file_of_the_topology():
    database = make_run("ring-10")
    make_run("ring", NOON.replace(hour=13))
    for reference in (database, database.parent, database.parent.name, "ring-10"):
        assert find_run(str(reference)) == database
    assert find_run("topologies/ring-10.yaml") == database


def test_an_unknown_run_is_a_usage_error_with_the_nearest_name():
    make_run("ring-10")
    with pytest.raises(UsageError, match=r"no run 'rnig-10'.*did you mean ring-10\?"):
        find_run("rnig-10")


def test_no_run_at_all_says_how_to_start_one():
    with pytest.raises(UsageError, match="bgplab run FILE"):
        find_run()


def test_an_unwritable_place_is_a_store_error(home):
    (home / "runs").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="cannot be made"):
        new_run_folder("ring", NOON)
