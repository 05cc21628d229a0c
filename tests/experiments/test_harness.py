"""What the experiments share."""

import sys

import pytest


@pytest.fixture
def harness(experiment):
    experiment("clique")
    return sys.modules["harness"]


def test_values_replace_those_of_the_text_and_nothing_else(harness):
    text = "timers: {mrai: 30s}  # mrai\nflags: {split-horizon: false, x-mrai: 1s}\n"
    changed = harness.with_values(text, mrai="1s", split_horizon="true")
    assert changed == "timers: {mrai: 1s}  # mrai\nflags: {split-horizon: true, x-mrai: 1s}\n"


def test_a_value_for_a_key_that_is_not_there_is_refused(harness):
    with pytest.raises(LookupError, match="'hold'"):
        harness.with_values("timers: {mrai: 30s}", hold="9s")


def test_rows_become_a_markdown_table(harness):
    text = harness.table([{"n": 3, "T": 0.02}, {"n": 4, "T": 1.0}])
    assert text == "| n | T |\n| --- | --- |\n| 3 | 0.020 |\n| 4 | 1.000 |\n"
