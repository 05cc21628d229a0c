"""Scenarios on real processes, by the command line."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

DIAMOND = """
name: diamond
topology:
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4, originate: [10.4.0.0/16]}
  links: [left-top, top-right, left-bottom, bottom-right]
scenario:
  - wait: converged
  - mark: first
  - announce: {at: left, prefix: [10.7.0.0/16], med: 3}
  - withdraw: {at: right, prefix: 10.4.0.0/16}
  - wait: {converged: {within: 10s}}
  - expect:
      - route: {at: right, prefix: 10.7.0.0/16, via: top, as-path: [65002, 65001]}
      - no-route: {at: [left, top, bottom, right], prefix: 10.4.0.0/16}
      - convergence: {since: first, below: 2s}
      - updates: {since: first, at-least: 8, at-most: 40}
  - mark: second
  - session-reset: {link: left-top, end: top}
  - wait: {converged: {within: 20s}}
  - expect: {route: {at: left, prefix: 10.7.0.0/16, via: left}}
"""


@pytest.fixture
def run(command, tmp_path):
    """Give `run(text, *options)`: exit code and report of `bgplab run --json`."""

    def run_file(text, *options):
        file = tmp_path / "lab.yaml"
        file.write_text(text)
        store = tmp_path / "run.sqlite"
        started = command("run", file, "--json", "--store", store, *options)
        code, out, err = started.end(60)
        return code, json.loads(out) if out else err

    return run_file


def test_a_scenario_holds_on_processes(run):
    code, report = run(DIAMOND)
    assert [step for step in report["scenario"] if not step["ok"]] == []
    assert len(report["scenario"]) == 13
    assert (code, report["verdict"]) == (0, "converged")
    times = [step["at"] for step in report["scenario"]]
    assert times == sorted(times)
    assert report["routes"] == 8  # two prefixes in four routers


def test_an_expectation_that_fails_makes_the_run_fail_and_the_rest_is_told(run):
    text = DIAMOND.replace("via: top, as-path: [65002, 65001]", "via: bottom")
    code, report = run(text)
    (failed,) = [step for step in report["scenario"] if not step["ok"]]
    assert (code, report["exit_code"], report["verdict"]) == (1, 1, "converged")
    assert failed["expected"] == "right: 10.7.0.0/16 via bottom"
    assert failed["actual"].startswith("right: via top, AS_PATH 65002 65001, NEXT_HOP 10.255.0")


def test_a_wait_that_is_too_short_ends_the_scenario(run):
    code, report = run(DIAMOND.replace("within: 20s", "within: 1ms"))
    last = report["scenario"][-2:]
    assert (code, report["verdict"]) == (1, "timeout")
    assert [step["ok"] for step in last] == [False, None]
    assert last[0]["actual"].startswith("timeout after 0.00")


def test_a_scenario_may_be_left_out(run):
    code, report = run(DIAMOND, "--no-scenario")
    assert (code, report["scenario"]) == (0, [])
