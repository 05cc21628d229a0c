"""The gadgets of Griffin, Shepherd and Wilfong (ToN 10(2), 2002), over seeds."""

import json
from pathlib import Path

import pytest


def test_a_few_seeds_of_each_gadget_end_where_they_must(experiment, checked):
    rows, found = checked(experiment("gadgets"), quick=True)
    assert [row["gadget"] for row in rows] == ["GOOD", "BAD", "DISAGREE"]
    assert found == []


@pytest.mark.slow
def test_good_and_disagree_converge_over_100_seeds_and_bad_never_over_50(experiment, checked):
    rows, found = checked(experiment("gadgets"))
    assert [row["runs"] for row in rows] == [100, 50, 100]
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_gadgets_end_where_they_must_on_processes(experiment, checked):
    rows, found = checked(experiment("gadgets"), engine="processes")
    assert len(rows) == 3
    assert found == []


def test_another_state_verdict_or_pace_is_told(experiment, checked):
    run = experiment("gadgets")
    rows, _ = checked(run, quick=True, seeds=4)
    expected = json.loads(Path(run.__file__).with_name("expected.json").read_text())
    good, bad, _ = rows
    good["states"] = "130, 20, 30, 420: 4"
    good["most route changes"] = 11
    bad["verdicts"] = "converged: 1; diverges: 3"
    bad["shortest silence of a session, s"] = 0.4
    told = "\n".join(run.judge(rows[:2], expected, run.Options()))
    assert "GOOD: ends in 130, 20, 30, 420" in told
    assert "GOOD: 11 route changes" in told
    assert "BAD: verdicts converged: 1; diverges: 3" in told
    assert "before MRAI" in told
