"""What is told of a test that did not pass, and which exit code counts."""

import pytest

from bgplab.errors import Problem
from bgplab.testing.result import Reason, worst


def test_a_passed_test_has_no_reasons(steps, report, result):
    passed = result(report=report(scenario=steps[:1]))
    assert (passed.verdict, passed.count, list(passed.lines())) == ("passed", "1/1", [])


def test_a_failed_step_is_told_with_its_line_and_what_was_found(steps, report, result):
    failed = result(1, report=report(scenario=steps))
    assert (failed.verdict, failed.count) == ("FAILED", "1/3")
    assert list(failed.lines()) == [
        "labs/a.yaml:6: expect: a",
        "    expected  b",
        "    actual    c",
        "    store     run.sqlite",
    ]
    assert list(failed.told()) == [
        "ok    line 4: wait: converged  (x)",
        "FAIL  line 6: expect: a",
        "skip  line 7: mark: d",
    ]


def test_what_explains_a_failure_stands_below_what_was_found(report, result, steps):
    steps[1]["details"] = ["r1, b: via r2"]
    (reason,) = result(1, report=report(scenario=steps)).reasons()
    assert reason.detail == ("expected  b", "actual    c", "          r1, b: via r2")


def test_a_network_that_did_not_converge_names_what_is_not_settled(report, result):
    failed = result(1, report=report(verdict="timeout", unsettled=["r1: MRAI runs"]))
    assert list(failed.reasons()) == [
        Reason(1, 1, "timeout: not converged", ("r1: MRAI runs",))
    ]


def test_an_invalid_run_names_the_reasons_of_its_certificate(report, result):
    fidelity = {"valid": False, "reasons": ["late"], "advice": ["fewer routers"]}
    invalid = result(3, report=report(fidelity=fidelity))
    (reason,) = invalid.reasons()
    assert invalid.verdict == "INVALID"
    assert reason.text.startswith("INVALID")
    assert reason.detail == ("late", "would help: fewer routers")


def test_dead_routers_and_failed_callbacks_are_told(report, result):
    deaths = [{"router": "r2", "status": "signal 9", "at": 1.0}]
    broken = result(4, report=report(deaths=deaths, failures=2))
    assert broken.verdict == "ERROR"
    assert [reason.text for reason in broken.reasons()] == [
        "router r2 died: signal 9",
        "2 callbacks failed: bgplab show errors",
    ]


def test_without_a_report_standard_error_is_told_its_last_line_first(result):
    broken = result(4, report=None, errors="one\ntwo\nError: three")
    assert list(broken.reasons()) == [Reason(1, 1, "Error: three", ("one", "two"))]
    silent = result(-9, report=None)
    assert [reason.text for reason in silent.reasons()] == ["exit code -9"]
    assert silent.verdict == "ERROR"


def test_mistakes_of_a_file_have_their_columns(result):
    problem = Problem("labs/a.yaml", 3, 9, "topology.nodes", "unknown")
    bad = result(2, engine="", report=None, problems=(problem,))
    assert list(bad.lines()) == ["labs/a.yaml:3:9: topology.nodes: unknown"]


@pytest.mark.parametrize(
    "codes, code",
    [([0], 0), ([0, 3], 3), ([3, 1], 1), ([1, 2, 0], 2), ([2, 4], 4), ([0, -9], 4)],
)
def test_the_worst_exit_code_counts_and_invalid_only_if_nothing_failed(codes, code):
    assert worst(iter(codes)) == code
