"""A scenario in `bgplab run`: who is asked for the verdict, and what people read."""

import json
from itertools import count

import pytest

from bgplab.cli.main import main
from bgplab.cli.scenario import Play, play, scenario_lines
from bgplab.engines.verdict import CONVERGED, StepResult, Verdict
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.steps import LinkDown, Step, WaitConverged

AFTER = Verdict("converged after the scenario", 0.0, 0.0)
WAIT = Step(4, "wait: converged", WaitConverged())


class StubLab:
    """Converges at once."""

    def __init__(self):
        self.started = 0

    def now(self):
        return 5.0

    def observe(self, listener):
        self.observed_at = self.started

    async def start(self):
        self.started += 1

    async def until_converged(self, timeout):
        return Verdict(CONVERGED, 4.0, 5.0)

    async def link_down(self, a, b):
        return None


PAIR = loads("topology: {nodes: {a: , b: }, links: [a-b]}")


class StubRun:
    """What `play` asks of a run of processes."""

    def __init__(self):
        self.limits = []
        self.plan = plan(PAIR)

    async def during(self, work, limit=None):
        self.limits.append(limit)
        return await work

    async def converge(self, timeout):
        return AFTER


def played(steps):
    run, lab = StubRun(), StubLab()
    with pytest.raises(StopIteration) as done:
        play(run, lab, Play(PAIR, steps, 30.0)).send(None)
    return done.value.value, run, lab


def test_without_a_scenario_the_run_converges_as_ever():
    outcome, run, lab = played(())
    assert outcome == (AFTER, (), ())
    assert (run.limits, lab.started) == ([], 0)


def test_a_scenario_that_ends_with_a_wait_gives_the_verdict():
    (verdict, results, down), run, lab = played((WAIT,))
    assert verdict == Verdict(CONVERGED, 4.0, 5.0)
    assert [result.ok for result in results] == [True]
    assert (run.limits, lab.started, down) == ([30.0, None], 1, ())


def test_the_lab_is_listened_to_before_it_starts():
    *_, lab = played((WAIT,))
    assert lab.observed_at == 0


def test_after_a_scenario_without_a_wait_the_run_waits_once_more():
    (verdict, results, down), *_ = played((WAIT, Step(5, "cut", LinkDown("a", "b"))))
    assert down == ("a-b: its link is cut",)
    assert verdict is AFTER
    assert [result.ok for result in results] == [True, True]


def test_people_read_what_failed_and_why():
    results = [
        StepResult(4, "wait: converged", True, 1.5, "converged within 9 s", "converged"),
        StepResult(5, "mark: cut", True, 1.5),
        StepResult(6, "expect: {...}", False, 1.501, "r1: this", "r1: that"),
        StepResult(7, "link-up: {...}", False, 2.0, "", "r1 died: not running"),
        StepResult(8, "mark: end", None),
    ]
    assert list(scenario_lines(results)) == [
        "scenario     2 of 5 steps passed; times from its begin",
        "  ok       1.500 s  line 4: wait: converged  (converged)",
        "  ok       1.500 s  line 5: mark: cut",
        "  FAIL     1.501 s  line 6: expect: {...}",
        "          expected  r1: this",
        "          actual    r1: that",
        "  FAIL     2.000 s  line 7: link-up: {...}",
        "          actual    r1 died: not running",
        "  skip           -  line 8: mark: end",
    ]
    assert list(scenario_lines(())) == []


def test_validate_counts_the_steps(tmp_path, capsys):
    file = tmp_path / "pair.yaml"
    file.write_text(
        "topology: {nodes: {r1: , r2: }, links: [r1-r2]}\n"
        "scenario: [{wait: converged}, {mark: a}]\n"
    )
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["2", "steps"]


# ---------------------------------------------------------------------- in virtual time

LINE = """
name: line
topology: {nodes: {r1: , r2: {originate: [10.2.0.0/16]}, r3: }, links: [r1-r2, r2-r3]}
scenario:
  - wait: converged
  - expect: {route: {at: r1, prefix: 10.2.0.0/16, via: r2}}
  - link-down: {link: r2-r3}
  - wait: converged
"""
WRONG = LINE.replace("via: r2", "as-path: [65009]")


@pytest.fixture
def run(tmp_path, capsys):
    """Give `run(text, *options)`: exit code and standard output of a run in virtual time."""
    stores = count()

    def run_file(text, *options):
        file = tmp_path / "lab.yaml"
        file.write_text(text)
        store = ["--engine", "virtual", "--store", str(tmp_path / f"{next(stores)}.sqlite")]
        code = main(["run", str(file), *store, *options])
        return code, capsys.readouterr().out

    return run_file


def test_a_link_that_the_scenario_leaves_cut_is_down_on_purpose(run):
    code, out = run(LINE)
    head, _, rest = out.partition("that the scenario keeps down\n")
    assert head.endswith("every session is up but 1 session ")
    assert rest.startswith("  r2-r3: its link is cut\n")
    assert code == 0


def test_virtual_times_below_a_tenth_of_a_second_are_in_milliseconds(run):
    _, out = run("topology: {nodes: {r1: , r2: }, links: [r1-r2]}")
    (line,) = [line for line in out.splitlines() if line.startswith("converged")]
    assert 0 < float(line.split()[1]) < 100
    assert line.split()[2] == "ms"


def test_a_failed_step_is_told_with_what_explains_it(run):
    code, out = run(WRONG)
    assert code == 1
    assert "expected  r1: 10.2.0.0/16 AS_PATH 65009" in out
    assert "r1, 10.2.0.0/16: via r2, AS_PATH 65002, is the best: the only path" in out
    _, report = run(WRONG, "--json")
    details = json.loads(report)["scenario"][1]["details"]
    assert details[0].endswith("via r2, AS_PATH 65002, is the best: the only path")


def test_a_failed_expectation_ends_the_scenario_only_if_asked_to(run):
    _, out = run(WRONG)
    assert (out.count("skip "), out.count("  ok ")) == (0, 3)
    code, out = run(WRONG, "--stop-at-first")
    assert (code, out.count("skip "), out.count("  ok ")) == (1, 2, 1)
