"""`bgplab capacity` with real labs, one after the other in one process."""

import json
import signal
import time

import pytest

RING = """
name: ring
fidelity: {lateness: 20s}
topology:
  defaults: {timers: {hold: 3s}}
  generate: {model: ring, n: 6}
"""


@pytest.fixture
def ring(tmp_path):
    path = tmp_path / "ring.yaml"
    path.write_text(RING)
    return path


@pytest.mark.slow
def test_labs_of_several_sizes_come_up_stay_and_are_judged(command, ring):
    status, out, err = command("capacity", ring, "--from", 3, "--for", "1s", "--json").end(60)
    assert status == 0, err
    data = json.loads(out)
    assert data["largest"] == 6
    assert [probe["size"] for probe in data["probes"]] == [3, 6]
    for probe in data["probes"]:
        assert probe["valid"], probe
        assert probe["lateness"]["count"] >= 2 * probe["size"]  # a keepalive or more each
        assert probe["seconds"] > 1.0
        assert 0.0 < probe["cpu_share"] <= 1.0


@pytest.mark.slow
def test_a_limit_that_no_machine_keeps_leaves_no_size(command, ring):
    status, out, _ = command(
        "capacity", ring, "--from", 3, "--for", "2s", "--lateness-limit", "1us"
    ).end(60)
    assert status == 3
    assert "none valid: not even n = 3" in out


@pytest.mark.slow
def test_ctrl_c_ends_the_search_and_leaves_nothing(command, ring, gone_within):
    search = command("capacity", ring, "--for", "60s")
    deadline = time.monotonic() + 20
    while len(search.below()) < 4:  # the fork server, and three routers or more
        assert time.monotonic() < deadline
    below = search.below()
    search.signal(signal.SIGINT)
    status, out, err = search.end()
    assert status == 130
    assert out == ""
    assert "interrupted: the lab is stopped" in err
    gone_within(below, 5)
