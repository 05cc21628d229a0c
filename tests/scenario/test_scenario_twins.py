"""Each kind of wait, act and expectation: a scenario that passes, and its twin that must fail.

The scenarios are in twins/*.yaml, their labs in twins/labs.yaml. A twin is the scenario with
one text replaced; `expected`, `actual` and `details` say in which words it fails, `...`
standing for anything. One step of it fails: the last, or that at the index `step`.
"""

import re
from pathlib import Path

import pytest
import yaml

from bgplab.topology.expectation_routes import RouteOf
from bgplab.topology.expectations import EXPECTATIONS, INVARIANTS
from bgplab.topology.scenario import STEPS
from bgplab.topology.scenario_waits import WAITS

FOLDER = Path(__file__).parent / "twins"
KINDS = {
    "waits": WAITS,
    "acts": tuple(key for key in STEPS if key not in ("wait", "expect", "always")),
    "expectations": EXPECTATIONS,
    "always": INVARIANTS,
}


def rows_of(name):
    """Read a table: rows by title, which begins with the kind that the row is about."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


LABS = rows_of("labs")
TABLES = {name: rows_of(name) for name in KINDS}
TITLES = [(name, title) for name, table in TABLES.items() for title in table]
ROWS = [pytest.param(TABLES[name][title], id=f"{name}: {title}") for name, title in TITLES]


def file_of(row, scenario):
    """Write a topology file: the scenario, from line 2 on, and its lab."""
    lab = yaml.safe_dump({"topology": LABS[row["lab"]]}, sort_keys=False)
    return f"scenario:\n{scenario}{lab}"


def twin_of(row):
    """Give the scenario that must fail."""
    ((text, other),) = row["twin"].items()
    assert row["scenario"].count(text) == 1
    return row["scenario"].replace(text, other)


def fits(text, pattern):
    """Compare a text with a pattern in which `...` stands for anything."""
    parts = (re.escape(part) for part in pattern.split("..."))
    return re.fullmatch(".+".join(parts), text) is not None


@pytest.mark.parametrize("row", ROWS)
def test_a_scenario_passes(play, row):
    outcome = play(file_of(row, row["scenario"]))
    assert [step for step in outcome.steps if not step.ok] == []


@pytest.mark.parametrize("row", ROWS)
def test_its_twin_fails_where_it_should_and_for_that_reason(play, row):
    scenario = twin_of(row)
    lines = range(2, 2 + len(scenario.splitlines()))
    outcome = play(file_of(row, scenario))
    (failed,) = [step for step in outcome.steps if not step.ok]
    assert (failed.ok, failed.line) == (False, lines[row.get("step", -1)])
    assert fits(failed.expected, row["expected"]), failed.expected
    assert fits(failed.actual, row["actual"]), failed.actual
    for line in row.get("details", ()):
        assert any(fits(detail, line) for detail in failed.details), failed.details


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_scenario_and_a_twin(name):
    assert {title.split(",")[0] for title in TABLES[name]} == set(KINDS[name])


def test_every_key_of_a_route_has_a_scenario_and_a_twin():
    keys = {field.alias or key.replace("_", "-") for key, field in RouteOf.model_fields.items()}
    titles = [title.split(", ") for title in TABLES["expectations"]]
    assert {title[1].split()[0] for title in titles if title[0] == "route"} == keys


@pytest.mark.parametrize("name, title", TITLES)
def test_a_row_is_about_what_its_title_says(name, title):
    kind = title.split(",")[0]
    steps = yaml.safe_load(TABLES[name][title]["scenario"])
    under = {"waits": "wait", "expectations": "expect", "always": "always"}.get(name)
    told = steps if under is None else [step[under] for step in steps if under in step]
    assert any(kind in each for each in told)
