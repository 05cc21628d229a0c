"""A lab of real processes at a time scale: its timers, its figures, and what is refused."""

import itertools
import json
import sqlite3
import time

import pytest

from bgplab.engines.processes import preflight
from bgplab.engines.processes.controller import Options, prepare
from bgplab.errors import UsageError
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

LAB = """
name: scaled
topology:
  defaults:
    timers: {hold: HOLD, keepalive: KEEPALIVE, mrai: MRAI, idle-hold: 1s, connect-retry: 2s}
    flags: {jitter: off}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
  links: [{endpoints: [r1, r2], delay: DELAY}, r2-r3, r3-r1]
"""


def lab_file(hold="90s", keepalive="30s", mrai="0s", delay="0s"):
    text = LAB
    for key, value in zip(
        ("HOLD", "KEEPALIVE", "MRAI", "DELAY"), (hold, keepalive, mrai, delay), strict=True
    ):
        text = text.replace(key, value)
    return text


def keepalives(database):
    """Give the seconds of the lab between two firings of the keepalive timer, all sessions."""
    connection = sqlite3.connect(database)
    rows = connection.execute(
        "SELECT router, peer, at FROM timer WHERE timer = 'keepalive' ORDER BY 1, 2, 3"
    ).fetchall()
    connection.close()
    return [
        (later[2] - earlier[2]) / 1e9
        for earlier, later in itertools.pairwise(rows)
        if earlier[:2] == later[:2]
    ]


@pytest.mark.parametrize(
    "factor, hold, keepalive, lab_seconds",
    [(0.02, 90, 30.0, 130.0), (0.1, 9, 3.0, 13.0), (4.0, 3, 0.2, 0.9)],
)
def test_keepalives_keep_their_interval_on_the_labs_clock(
    play, factor, hold, keepalive, lab_seconds
):
    async def scenario(lab, run):
        began, real = lab.now(), time.monotonic()
        await lab.wait(lab_seconds)
        assert lab.now() - began == pytest.approx(lab_seconds, rel=0.2)
        assert time.monotonic() - real == pytest.approx(lab_seconds * factor, rel=0.2)
        verdict = await lab.until_converged(10)
        assert verdict.name == "converged"
        assert lab.progress().established == 3
        report = await run.report(verdict)
        return report.to_dict(), run.database

    text = lab_file(hold=f"{hold}s", keepalive=f"{keepalive}s")
    report, database = play(text, scenario, time_scale=factor)
    gaps = keepalives(database)
    assert len(gaps) >= 12
    late = report["fidelity"]["lateness"]["max"] / factor  # in seconds of the lab
    assert min(gaps) > keepalive - late - 1e-6
    assert max(gaps) < keepalive + 2 * late + 1e-6
    assert report["time_scale"]["factor"] == factor
    assert report["fidelity"]["limit"] == pytest.approx(
        0.05 * min(keepalive, hold / 3) * factor
    )


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_mrai_and_delays_are_scaled_together_and_the_report_says_what_that_means(play, factor):
    """MRAI 2 s: the second of two announcements waits for it, on the lab's clock."""

    async def scenario(lab, run):
        await lab.wait(2.0)  # MRAI of the start
        real, since = time.monotonic(), lab.now()
        await lab.announce("r1", "10.7.0.0/16")
        await lab.wait(0.5)
        await lab.announce("r1", "10.8.0.0/16")
        verdict = await lab.until_converged(30)
        took = time.monotonic() - real
        assert verdict.name == "converged"
        assert verdict.at - since == pytest.approx(2.0, abs=0.3 + 0.1 / factor)
        assert took == pytest.approx(2.0 * factor, abs=0.4 + 0.3 * factor)
        return (await run.report(verdict)).to_dict()

    report = play(lab_file(mrai="2s", delay="200ms"), scenario, time_scale=factor)
    scale = report["time_scale"]
    assert (scale["factor"], scale["mrai"], scale["degree"]) == (factor, 2.0, 2)
    assert 1e-5 < scale["processing"] < 0.1
    assert scale["holds"] is (2.0 * factor >= 5 * 2 * scale["processing"])
    seconds = report["seconds"]
    assert seconds["ready"] < seconds["established"] < seconds["converged"] < seconds["total"]
    assert (seconds["total"] < report["wall_seconds"]) is (factor > 1)


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.0005, 1001.0, float("nan"), float("inf")])
def test_a_factor_out_of_bounds_is_refused_before_anything_starts(factor, tmp_path):
    with pytest.raises(UsageError, match=r"--time-scale is a number from 0\.001 to 1000"):
        prepare(
            loads(lab_file()),
            "",
            Options(time_scale=factor, store=tmp_path / "run.sqlite"),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_timer_too_fine_for_a_machine_is_refused_by_name_with_the_least_factor():
    routers = plan(loads(lab_file(mrai="1s"))).routers
    preflight.check_time_scale(routers, 0.01)
    with pytest.raises(UsageError, match=r"MRAI of r1 towards r2, 1 s, would last 9 ms.*0\.01"):
        preflight.check_time_scale(routers, 0.009)
    preflight.check_time_scale(plan(loads(lab_file(hold="0s"))).routers, 0.001)


def test_the_command_line_takes_a_time_scale_and_prints_what_it_means(command, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(lab_file(mrai="10s"))
    options = ("--time-scale", "0.05", "--store", tmp_path / "run.sqlite")
    status, out, err = command("run", file, *options).end(30)
    assert status in (0, 3), err
    assert "time scale   0.05" in out
    assert "MRAI (0.50 s real) is" in out
    again = ("--time-scale", "0.05", "--store", tmp_path / "run2.sqlite", "--json")
    status, out, _ = command("run", file, *again).end(30)
    assert json.loads(out)["time_scale"]["holds"] in (True, False)
    status, _, err = command("run", file, "--time-scale", "0").end(30)
    assert status == 2
    assert "--time-scale" in err
