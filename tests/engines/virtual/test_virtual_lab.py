"""A lab in virtual time: where it ends, what may be done to it, and its trace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bgplab.engines.verdict import CONVERGED, TIMEOUT
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.errors import ProcessError, UsageError
from bgplab.observe.timing import total
from bgplab.topology.load import load, loads
from bgplab.topology.plan import plan
from bgplab.topology.reach import expected_routes

ROOT = Path(__file__).resolve().parents[3]
GALLERY = sorted((ROOT / "topologies").glob("*.yaml"))

RING = """
topology:
  defaults: {timers: {hold: 9s}}
  generate: {model: ring, n: 5, names: r}
"""


def started(text=RING, seed=0):
    """Plan a lab, start it, and let it converge."""
    lab = VirtualLab(plan(loads(text), seed=seed), seed)
    verdict = run_at_once(lab.converge(600.0))
    assert verdict.name == CONVERGED
    return lab


def held(lab):
    """List the prefixes that each router holds."""
    return {
        state.name: tuple(sorted(row.prefix for row in run_at_once(lab.routes(state.name))))
        for state in lab.states()
        if state.alive
    }


def must_hold(planned):
    """Map each router to its prefixes in the end; in labs with rules everyone holds all."""
    if any(peer.imports or peer.exports for router in planned.routers for peer in router.peers):
        every = sorted(prefix for router in planned.routers for prefix in router.originate)
        return {router.name: tuple(every) for router in planned.routers}
    return expected_routes(planned)


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: file.stem)
def test_a_gallery_file_ends_with_the_routes_that_its_plan_must_lead_to(file):
    planned = plan(load(file))
    lab = VirtualLab(planned, 0)
    verdict = run_at_once(lab.converge(600.0))
    assert verdict.name == CONVERGED
    assert held(lab) == must_hold(planned)
    progress = lab.progress()
    assert progress.established == progress.sessions == len(planned.sessions)


@pytest.mark.parametrize("seed", range(3))
def test_after_the_verdict_no_update_is_ever_sent(seed):
    """Quiescence is exact: what remains are KEEPALIVEs and their timers."""
    lab = started(seed=seed)
    measures = run_at_once(lab.measures())
    sent, routes = measures.updates_sent, held(lab)
    assert sent == measures.updates_received == lab.network.updates
    run_at_once(lab.wait(3600.0))
    measures = run_at_once(lab.measures())
    assert sent == measures.updates_sent == measures.updates_received == lab.network.updates
    assert held(lab) == routes
    assert lab.network.quiet


def test_the_verdict_comes_with_the_event_that_made_the_network_quiet():
    """One event earlier it was not: nothing is missed, nothing is waited for."""
    lab = VirtualLab(plan(loads(RING)), 0)
    run_at_once(lab.start())
    quiet: list[bool] = []
    while not quiet or not quiet[-1]:
        lab.network.step()
        quiet.append(lab.network.quiet)
    assert quiet.count(True) == 1
    verdict = run_at_once(lab.until_converged(0.0))
    assert (verdict.name, verdict.detected) == (CONVERGED, lab.now())
    assert verdict.at <= lab.now()


def test_announcing_and_withdrawing_reach_every_router():
    lab = started()
    run_at_once(lab.announce("r1", "192.0.2.0/24"))
    assert not lab.network.quiet
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED
    assert all("192.0.2.0/24" in prefixes for prefixes in held(lab).values())
    run_at_once(lab.withdraw("r1", "192.0.2.0/24"))
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED
    assert not any("192.0.2.0/24" in prefixes for prefixes in held(lab).values())


def test_a_link_that_is_cut_is_seen_at_once_and_stays_down_until_it_is_mended():
    lab = started()
    cut_at = lab.now()
    want = held(lab)
    run_at_once(lab.link_down("r1", "r2"))
    assert lab.progress().established == 4
    verdict = run_at_once(lab.until_converged(60.0))
    assert verdict.name == CONVERGED
    assert verdict.at - cut_at < 0.1  # no hold timer was waited for
    run_at_once(lab.wait(300.0))
    assert lab.progress().established == 4
    assert held(lab) == want  # the long way round
    (row,) = (row for row in run_at_once(lab.routes("r1")) if row.as_path.endswith("65002"))
    assert row.peer == "r5"
    run_at_once(lab.link_up("r1", "r2"))
    assert run_at_once(lab.until_converged(120.0)).name == CONVERGED
    assert lab.progress().established == 5
    (row,) = (row for row in run_at_once(lab.routes("r1")) if row.as_path.endswith("65002"))
    assert row.peer == "r2"


def test_a_link_may_be_cut_while_its_session_comes_up():
    lab = VirtualLab(plan(loads(RING)), 0)
    run_at_once(lab.start())
    for _ in range(6):
        lab.network.step()
    run_at_once(lab.link_down("r2", "r1"))
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED
    assert lab.progress().established == 4
    run_at_once(lab.link_up("r1", "r2"))
    assert run_at_once(lab.until_converged(120.0)).name == CONVERGED
    assert lab.progress().established == 5


def test_a_reset_session_comes_back():
    lab = started()
    want = held(lab)
    run_at_once(lab.reset("r1", "r2"))
    assert lab.progress().established < 5
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED
    assert held(lab) == want
    assert lab.network.lost == 2


def test_a_killed_router_takes_its_prefix_along():
    lab = started()
    lab.kill("r3")
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED
    assert {len(prefixes) for prefixes in held(lab).values()} == {4}
    assert [state.name for state in lab.states() if not state.alive] == ["r3"]
    with pytest.raises(ProcessError):
        lab.kill("r3")


def test_what_does_not_exist_is_named():
    lab = started()
    with pytest.raises(UsageError, match="no router 'r9'"):
        run_at_once(lab.announce("r9", "192.0.2.0/24"))
    with pytest.raises(UsageError, match="no session between 'r1' and 'r3'"):
        run_at_once(lab.link_down("r1", "r3"))
    with pytest.raises(UsageError, match="no session between 'r1' and 'r3'"):
        run_at_once(lab.reset("r1", "r3"))
    with pytest.raises(ValueError, match="prefix"):
        run_at_once(lab.announce("r1", "nonsense"))
    assert lab.network.quiet


def test_what_is_not_settled_in_time_is_named():
    slow = RING.replace("defaults: {", "defaults: {links: {delay: 2s}, ")
    lab = VirtualLab(plan(loads(slow)), 0)
    verdict = run_at_once(lab.converge(5.0))
    assert (verdict.name, verdict.detected) == (TIMEOUT, 5.0)
    assert any(reason.startswith("session r1-r2: ") for reason in verdict.reasons)
    assert run_at_once(lab.until_converged(60.0)).name == CONVERGED


PROCESSING = """
topology:
  defaults: {processing: %s, flags: {coalesce: off, jitter: off}, timers: {hold: 0}}
  nodes: {r1: {originate: [192.0.2.0/24]}, r2: {}, r3: {}, r4: {}}
  links: [r1-r2, r2-r3, r3-r4]
"""


def test_each_update_costs_a_router_its_processing_time():
    """A prefix crosses three routers behind their End-of-RIBs, one UPDATE after the other."""
    lab = started(PROCESSING % "300ms")
    before, began = lab.now(), lab.network.updates
    run_at_once(lab.announce("r1", "198.51.100.0/24"))
    verdict = run_at_once(lab.until_converged(60.0))
    assert lab.network.updates - began == 3
    assert verdict.at - before == pytest.approx(3 * 0.3, abs=0.01)


def test_a_busy_router_lets_its_inputs_wait():
    """Two UPDATEs of different origins at one moment: the second is read after the first."""
    text = PROCESSING.replace("r1-r2, r2-r3, r3-r4", "r1-r4, r2-r4, r3-r4") % "1s"
    lab = started(text)
    before = lab.now()
    for number, router in enumerate(("r1", "r2", "r3")):
        run_at_once(lab.announce(router, f"198.51.{number}.0/24"))
    run_at_once(lab.wait(1.5))
    assert sum(row.prefix.startswith("198") for row in run_at_once(lab.routes("r4"))) == 1
    run_at_once(lab.wait(1.0))
    assert sum(row.prefix.startswith("198") for row in run_at_once(lab.routes("r4"))) == 2
    verdict = run_at_once(lab.until_converged(60.0))
    assert verdict.at - before == pytest.approx(4.0, abs=0.01)  # r4, then the last at r1 to r3


def test_processing_times_are_drawn_between_their_bounds():
    times = set()
    for seed in range(10):
        lab = started(PROCESSING % "{uniform: [100ms, 500ms]}", seed)
        before = lab.now()
        run_at_once(lab.announce("r1", "198.51.100.0/24"))
        times.add(run_at_once(lab.until_converged(60.0)).at - before)
    assert len(times) == 10
    assert 3 * 0.1 < min(times) < max(times) < 3 * 0.5 + 0.01


SCRIPT = """
import sys
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

text, seed = sys.argv[1], int(sys.argv[2])
lab = VirtualLab(plan(loads(text), seed=seed), seed)
run_at_once(lab.converge(600.0))
run_at_once(lab.reset("r1", "r2"))
run_at_once(lab.wait(100.0))
names = list(lab.network.speakers)
routes = [tuple(row[:4]) for name in names for row in run_at_once(lab.routes(name))]
print(lab.network.trace, lab.network.events, sorted(routes))
"""


def test_one_seed_gives_one_trace_in_any_process_and_another_seed_another():
    """PYTHONHASHSEED does not matter; final routes are the same for every seed."""
    outputs = {}
    for seed, hashes in (("1", "1"), ("1", "2"), ("2", "1")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, RING, seed],
            env={
                **os.environ,
                "PYTHONHASHSEED": hashes,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        outputs[seed, hashes] = done.stdout.split(" ", 2)
    assert outputs["1", "1"] == outputs["1", "2"]
    assert len(outputs["1", "1"][0]) == 64
    assert outputs["1", "1"][0] != outputs["2", "1"][0]
    assert outputs["1", "1"][2] == outputs["2", "1"][2]


def test_a_day_of_keepalives_passes_in_a_moment_and_each_is_in_time():
    """RFC 4271 sections 4.4, 10: a third of the hold time, times 0.75 to 1."""
    lab = started(RING.replace("9s", "90s"))
    run_at_once(lab.wait(86_400.0))
    timings = run_at_once(lab.timings())
    found = total(timings)
    assert len(timings) == 10
    assert all(each.within_window() for each in timings)
    assert found.least is not None
    assert found.greatest is not None
    assert 0.75 - 1e-9 <= found.least < 0.76
    assert 0.99 < found.greatest <= 1.0 + 1e-9
    assert 10 * 86_400 / 30 < found.count < 10 * 86_400 / 22.5
    assert found.outside == 0
    assert found.late == 0.0
    assert lab.network.lost == 0
    assert lab.progress().established == 5


def test_nothing_of_the_reactor_is_imported(tmp_path):
    """The command runs without Twisted, and writes the database that all engines write."""
    store = tmp_path / "run.sqlite"
    script = (
        "import sys; from bgplab.cli.main import main; code = main(sys.argv[1:]);"
        "sys.exit(code or 10 * ('twisted' in sys.modules))"
    )
    command = [sys.executable, "-c", script, "run", "--engine", "virtual", "--json"]
    command += ["--store", str(store), str(ROOT / "topologies" / "triangle.yaml")]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["engine"], report["verdict"]) == ("virtual", CONVERGED)
    assert report["fidelity"]["valid"] is True
    assert len(report["trace"]) == 64
    assert report["events"] > 0
    assert report["store"] == str(store)
    assert store.exists()
