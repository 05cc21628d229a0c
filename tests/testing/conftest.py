"""Results to write and to tell, without a lab."""

import pytest

from bgplab.testing.result import Result


@pytest.fixture
def steps():
    """Give what a report says of three steps: one passed, one failed, one was skipped."""
    common = {"at": 1.0, "expected": "", "actual": ""}
    return [
        {**common, "line": 4, "step": "wait: converged", "ok": True, "actual": "x"},
        {**common, "line": 6, "step": "expect: a", "ok": False, "expected": "b", "actual": "c"},
        {**common, "line": 7, "step": "mark: d", "ok": None, "at": None},
    ]


@pytest.fixture
def report():
    """Give `report(**changes)`: a report of a run that passed, with the keys that count."""
    plain = {
        "verdict": "converged",
        "scenario": [],
        "deaths": [],
        "failures": 0,
        "unsettled": [],
        "fidelity": {"valid": True, "reasons": []},
        "store": "run.sqlite",
    }
    return lambda **changes: {**plain, **changes}


@pytest.fixture
def result(report):
    """Give `result(code)`: a result, with a report unless something else is said."""

    def make(code=0, file="labs/a.yaml", engine="virtual", **rest):
        return Result(file, engine, code, **{"seconds": 1.5, "report": report(), **rest})

    return make
