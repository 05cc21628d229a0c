"""A lab in Python: steps as functions, failures as assertions, nothing left behind."""

import os
import select
import signal
from pathlib import Path

import pytest

from bgplab.errors import LabError, UsageError
from bgplab.testing.client import LabClient, Route, StepFailed

TRIANGLE = """topology:
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: , r3: }
  links: [r1-r2, r2-r3, r1-r3]
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path / "home"))


@pytest.fixture
def lab():
    with LabClient() as client:
        yield client


def below(pid):
    """List the children of a process, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *below(child)]
    return found


@pytest.mark.parametrize("engine", ["virtual", "processes"])
def test_steps_are_functions_on_either_engine(lab, engine):
    lab.run(TRIANGLE, engine, seed=3)
    lab.wait("converged")
    lab.expect.route(at="r3", prefix="10.1.0.0/16", via="r1", as_path=[65001])
    marked, cut = lab.do({"mark": "cut"}, {"link-down": {"link": "r1-r3"}})
    assert (marked["step"], cut["step"]) == ("mark: cut", "link-down: {link: r1-r3}")
    lab.wait.converged(within="10s")
    lab.expect(convergence={"since": "cut", "below": "5s"})
    assert lab.routes("r3") == {
        "10.1.0.0/16": Route("10.1.0.0/16", "65002 65001", "10.255.0.2", "r2", "the only path")
    }
    report = lab.close()
    assert (report["engine"], report["verdict"], report["exit_code"]) == (
        engine,
        "converged",
        0,
    )
    assert lab.report is report
    assert lab.close() is report


def test_a_step_that_fails_is_an_assertion_with_what_was_found_and_the_lab_goes_on(lab):
    lab.run(TRIANGLE).wait("converged")
    with pytest.raises(AssertionError) as caught:
        lab.expect.route(at=["r2", "r3"], prefix="10.1.0.0/16", via="r1", next_hop="1.2.3.4")
    lines = str(caught.value).splitlines()
    assert isinstance(caught.value, StepFailed)
    assert lines[0].startswith("expect: {route: {at: [r2, r3],")
    assert lines[1].startswith("    expected  r2, r3: 10.1.0.0/16 via r1")
    assert lines[2].startswith("    actual    r2: via r1, AS_PATH 65001, NEXT_HOP 10.255.0.1")
    lab.expect.route(at="r2", prefix="10.1.0.0/16")
    assert lab.close()["exit_code"] == 1


def test_a_step_that_makes_no_sense_is_a_usage_error(lab):
    lab.run(TRIANGLE)
    with pytest.raises(UsageError, match=r"^unknown step 'link-dwon'; did you mean 'link-do"):
        lab.link_dwon(link="r1-r2")
    with pytest.raises(UsageError, match=r"^link-down.link: unknown router 'r9'"):
        lab.link_down(link="r1-r9")
    with pytest.raises(TypeError, match="a value or keys"):
        lab.wait("converged", within="5s")
    lab.wait(for_="1ms")
    lab.wait.converged()


def test_a_topology_is_a_path_or_text_or_a_mapping(lab, tmp_path):
    (tmp_path / "triangle.yaml").write_text(TRIANGLE)
    mapping = {"name": "one", "topology": {"nodes": {"r1": {}}}}
    for given, name in ((tmp_path / "triangle.yaml", "triangle"), (mapping, "one")):
        lab.run(given)
        assert lab.close()["name"] == name


@pytest.mark.parametrize(
    "given, message",
    [
        ("nowhere.yaml", "nowhere.yaml:1:1: cannot read the file"),
        ("topology: {nodes: {r1: }, links: [r1-r9]}\n", "unknown router 'r9'"),
        ({"nodes": {}}, "it belongs under 'topology'"),
    ],
)
def test_a_topology_that_is_none_is_a_usage_error_with_its_mistakes(lab, given, message):
    with pytest.raises(UsageError) as caught:
        lab.run(given)
    assert message in str(caught.value)


def test_options_that_there_are_not_are_told(lab):
    with pytest.raises(UsageError, match="No such option"):
        lab.run(TRIANGLE, nonsense=1)


def test_one_lab_at_a_time_and_none_before_it_runs(lab):
    with pytest.raises(UsageError, match="no lab runs"):
        lab.wait("converged")
    lab.run(TRIANGLE)
    with pytest.raises(UsageError, match="runs already"):
        lab.run(TRIANGLE)
    lab.close()
    with pytest.raises(UsageError, match="no lab runs"):
        lab.routes("r1")
    assert not hasattr(lab, "__wrapped__")


def test_several_labs_of_processes_at_once_do_not_collide():
    with LabClient() as one, LabClient() as two:
        for each in (one, two):
            each.run(TRIANGLE, "processes")
        for each in (one, two):
            each.wait("converged")
        one.link_down(link="r1-r3")
        one.wait("converged")
        one.expect.route(at="r3", prefix="10.1.0.0/16", via="r2")
        two.expect.route(at="r3", prefix="10.1.0.0/16", via="r1")


def test_a_lab_whose_process_is_killed_is_an_error_and_nothing_is_left(lab):
    lab.run(TRIANGLE, "processes")
    pid = lab._child.process.pid
    routers = below(pid)
    assert len(routers) == 4  # and the fork server
    ends = [os.pidfd_open(each) for each in routers]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(LabError, match="exit code -9"):
        lab.wait("converged")
    assert lab.close() is None
    for end in ends:
        assert select.select([end], [], [], 5.0)[0]
        os.close(end)
