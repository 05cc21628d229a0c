"""The BGP wedgie of RFC 4264, figure 1, through its script."""

import pytest


def test_every_run_visits_the_four_states_of_the_rfc(experiment, checked):
    rows, found = checked(experiment("wedgie"), quick=True)
    assert [row["so in"] for row in rows] == [10, 10, 10, 10]
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wedgie_is_the_same_on_processes(experiment, checked):
    _, found = checked(experiment("wedgie"), engine="processes")
    assert found == []


def test_a_file_that_expects_something_else_is_told(experiment, checked):
    run = experiment("wedgie")
    rows, _ = checked(run, quick=True, seeds=1)
    expected = {row["after"]: "as2: 1" for row in rows}
    told = list(run.judge(rows, expected, run.Options()))
    assert len(told) == len(rows)
    assert told[0].endswith("the RFC as2: 1")
