"""The report of a run: its keys, its rounding, its exit code."""

import json

import pytest

from bgplab.engines.verdict import Death, Report, Seconds, StepResult
from bgplab.errors import EXIT_FAILED, EXIT_INVALID, EXIT_LAB, EXIT_PASS
from bgplab.observe.fidelity import Certificate, Lateness

VALID = Certificate(True, Lateness(0.001, 0.002, 0.003), 0.5)
INVALID = Certificate(False, Lateness(1.0, 2.0, 3.0), 0.5, ("timers fired too late",))
DEATH = Death("r2", "killed by SIGKILL", 1.23456789)


def report(**changed):
    values = {
        "name": "ring",
        "engine": "processes",
        "routers": 10,
        "sessions": 10,
        "verdict": "converged",
        "seconds": Seconds(0.123456, 0.2, 0.3, 0.4),
        "updates_sent": 7,
        "updates_received": 6,
        "routes": 100,
        "cpu_seconds": 1.23456,
        "memory_mb_per_router": 5.0,
        "fidelity": VALID,
        "coalesced": 0.005,
        "store": "/tmp/run.sqlite",
        **changed,
    }
    return Report(**values)


def test_the_report_has_the_promised_keys_and_is_json():
    data = json.loads(json.dumps(report().to_dict()))
    promised = [
        "name",
        "engine",
        "routers",
        "sessions",
        "verdict",
        "seconds",
        "updates",
        "routes",
        "cpu_seconds",
        "memory_mb_per_router",
        "fidelity",
        "store",
    ]
    assert [key for key in promised if key not in data] == []
    assert list(data["seconds"]) == ["ready", "established", "converged", "total"]
    assert data["updates"] == {"sent": 7, "received": 6}
    assert data["fidelity"]["valid"] is True
    late = data["fidelity"]["lateness"]
    assert (late["p50"], late["p99"], late["max"]) == (0.001, 0.002, 0.003)
    assert data["exit_code"] == 0


def test_seconds_are_rounded_to_a_tenth_of_a_millisecond_and_none_is_never():
    data = report(seconds=Seconds(0.123456, None, None, 9.87654)).to_dict()
    assert data["seconds"] == {
        "ready": 0.1235,
        "established": None,
        "converged": None,
        "total": 9.8765,
    }


def test_deaths_and_what_is_unsettled_are_part_of_the_report():
    data = report(deaths=(DEATH,), unsettled=("router r1: does not answer",)).to_dict()
    assert data["deaths"] == [{"router": "r2", "status": "killed by SIGKILL", "at": 1.2346}]
    assert data["unsettled"] == ["router r1: does not answer"]


@pytest.mark.parametrize(
    "changed, code",
    [
        ({}, EXIT_PASS),
        ({"verdict": "timeout"}, EXIT_FAILED),
        ({"fidelity": INVALID}, EXIT_INVALID),
        ({"verdict": "timeout", "fidelity": INVALID}, EXIT_INVALID),
        ({"verdict": "diverges", "fidelity": INVALID}, EXIT_INVALID),
        ({"deaths": (DEATH,), "fidelity": INVALID}, EXIT_LAB),
        ({"deaths": (DEATH,)}, EXIT_LAB),
        ({"failures": 1}, EXIT_LAB),
        ({"verdict": "timeout", "failures": 1}, EXIT_LAB),
    ],
)
def test_an_invalid_run_has_neither_passed_nor_failed_and_a_lab_that_failed_is_worse(
    changed, code
):
    assert report(**changed).exit_code == code


PASSED = StepResult(3, "wait: converged", True, 1.23456789, "converged within 5 s")
FAILED = StepResult(4, "expect: {}", False, 1.3, "this", "that", ("r1 has it", "r2 has not"))
SKIPPED = StepResult(5, "mark: x", None)


def test_a_scenario_counts_in_place_of_the_verdict():
    assert report(verdict="diverges", scenario=(PASSED,)).exit_code == EXIT_PASS
    assert report(verdict="timeout").exit_code == EXIT_FAILED
    assert report(scenario=(PASSED, FAILED)).exit_code == EXIT_FAILED
    assert report(scenario=(PASSED, SKIPPED)).exit_code == EXIT_FAILED
    assert report(scenario=(PASSED,), fidelity=INVALID).exit_code == EXIT_INVALID
    assert report(scenario=(FAILED,), fidelity=INVALID).exit_code == EXIT_INVALID
    assert report(scenario=(FAILED,), deaths=(DEATH,)).exit_code == EXIT_LAB


def test_the_steps_of_a_scenario_are_part_of_the_report():
    steps = (PASSED, FAILED, SKIPPED)
    data = json.loads(json.dumps(report(scenario=steps).to_dict()))
    assert data["scenario"] == [
        {
            "line": 3,
            "step": "wait: converged",
            "ok": True,
            "at": 1.2346,
            "expected": "converged within 5 s",
            "actual": "",
            "details": [],
        },
        {
            "line": 4,
            "step": "expect: {}",
            "ok": False,
            "at": 1.3,
            "expected": "this",
            "actual": "that",
            "details": ["r1 has it", "r2 has not"],
        },
        {
            "line": 5,
            "step": "mark: x",
            "ok": None,
            "at": None,
            "expected": "",
            "actual": "",
            "details": [],
        },
    ]
    assert report().to_dict()["scenario"] == []
