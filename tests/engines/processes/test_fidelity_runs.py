"""The certificate of real runs: what it holds, and that INVALID comes before pass and fail."""

import json
import os
import signal

import pytest

LAB = """
name: pair
topology:
  defaults: {timers: {hold: 3s}, links: {delay: 5ms}}
  nodes:
    r1: {originate: [10.1.0.0/16]}
    r2:
    r3:
  links: [r1-r2, r2-r3]
scenario:
  - wait: converged
  - wait: {for: 1500ms}
  - expect: {EXPECTED: {at: r3, prefix: 10.1.0.0/16}}
"""


@pytest.fixture
def lab(tmp_path):
    """Give `lab(expected)`: its scenario expects `route`, which holds, or `no-route`."""

    def write(expected):
        path = tmp_path / "lab.yaml"
        path.write_text(LAB.replace("EXPECTED", expected))
        return path

    return write


@pytest.mark.parametrize("expected", ["route", "no-route"])
def test_a_run_that_kept_no_time_is_invalid_whether_its_expectations_held_or_not(
    command, lab, tmp_path, expected
):
    run = command("run", lab(expected), "--lateness-limit", "1us", "--store", tmp_path / "a.db")
    status, out, err = run.end()
    assert status == 3, err
    assert "fidelity     INVALID" in out
    assert "(as set)" in out
    assert "would help: " in out
    failed = expected == "no-route"
    assert ("FAIL" in out) is failed  # what failed is still to be seen
    assert ("what failed may be the machine's fault" in out) is failed


def test_the_report_holds_the_whole_certificate(command, lab, tmp_path):
    run = command(
        "run", lab("route"), "--json", "--lateness-limit", "9s", "--store", tmp_path / "a"
    )
    status, out, err = run.end()
    assert status == 0, err
    fidelity = json.loads(out)["fidelity"]
    assert fidelity["valid"] is True
    assert fidelity["limit"] == fidelity["bounds"]["p99"] == fidelity["bounds"]["max"] == 9.0
    assert fidelity["lateness"]["count"] >= 4  # each end of two sessions sent a keepalive
    assert fidelity["links"]["count"] > 8
    load = fidelity["load"]
    assert 1.5 < load["span"] < 15
    assert 0 < load["cpu"]["lab"]["seconds"] < load["span"] * load["cores"]
    assert set(load["run_queue"]["routers"]) == {"r1", "r2", "r3"}
    assert load["run_queue"]["worst"]["router"] in load["run_queue"]["routers"]


def test_a_router_that_was_stopped_and_goes_on_was_not_late(play):
    async def scenario(lab, run):
        await lab.wait(0.2)
        os.kill(lab.pid("r1"), signal.SIGSTOP)
        await lab.wait(1.6)  # more than one keepalive of its own is due meanwhile
        os.kill(lab.pid("r1"), signal.SIGCONT)
        await lab.wait(0.2)
        return await run.certificate()

    certificate = play(LAB.partition("scenario")[0], scenario)
    assert certificate.lateness.count >= 4
    assert certificate.lateness.max < 1.0


def test_a_router_that_is_stopped_at_the_end_does_not_make_the_run_invalid(play, monkeypatch):
    monkeypatch.setattr("bgplab.engines.processes.lab.PATIENCE", 0.5)

    async def scenario(lab, run):
        os.kill(lab.pid("r1"), signal.SIGSTOP)
        try:
            measures = await lab.measures()
        finally:
            os.kill(lab.pid("r1"), signal.SIGCONT)
        return measures.silent, measures.routes

    silent, routes = play(LAB.partition("scenario")[0], scenario)
    assert silent == ()
    assert routes == 2
