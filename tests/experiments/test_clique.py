"""The clique table of Labovitz et al. (SIGCOMM 2000), in virtual time and on processes."""

import json
from pathlib import Path

import pytest


def test_every_column_of_the_clique_table_is_exact_in_virtual_time(experiment, checked):
    rows, found = checked(experiment("clique"), quick=True)
    assert [row["n"] for row in rows] == [3, 4, 5, 6, 7, 8]
    assert found == []


@pytest.mark.slow
def test_the_whole_clique_table_is_as_published_with_jitter_too(experiment, checked):
    rows, found = checked(experiment("clique"))
    assert [row["n"] for row in rows] == list(range(3, 13))
    assert found == []


@pytest.mark.scale  # a message that is 3 ms late changes the counts: alone on the machine
@pytest.mark.timeout(600)
def test_the_clique_table_holds_on_processes(experiment, checked):
    rows, found = checked(experiment("clique"), engine="processes")
    assert [row["n"] for row in rows] == [4, 5, 6, 7, 8]
    assert found == []


def test_a_count_that_is_off_by_one_is_told(experiment, checked):
    run = experiment("clique")
    rows, _ = checked(run, quick=True)
    expected = json.loads(Path(run.__file__).with_name("expected.json").read_text())
    rows[2]["plain: UPDATEs"] += 1
    (line,) = run.judge(rows, expected, run.Options())
    assert line == "n = 5: plain: UPDATEs: 57, expected 56"


@pytest.mark.parametrize("seed", range(5))
def test_without_jitter_no_seed_changes_the_counts(experiment, seed):
    result = experiment("clique").tdown(6, "virtual", seed, split_horizon="true")
    assert result.updates("down") == 60
