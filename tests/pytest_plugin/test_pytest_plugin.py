"""The pytest plugin, as its users have it: a pytest of their own, in a folder of their own."""

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

PAIR = """topology:
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: }
  links: [r1-r2]
"""
PASSES = f"""{PAIR}scenario:
  - wait: converged
  - expect: {{route: {{at: r2, prefix: 10.1.0.0/16, via: r1}}}}
"""
FAILS = f"""{PAIR}scenario:
  - wait: converged
  - expect: {{no-route: {{at: r2, prefix: 10.1.0.0/16}}}}
"""
PLUGIN = ("-p", "bgplab.pytest_plugin")
STRICT = "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n"


def heed_ctrl_c():
    """Heed SIGINT, which a shell lets its background jobs, and all that they start, ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Users:
    """A folder with tests, and the pytest that runs there."""

    def __init__(self, folder):
        self.folder = folder
        self.write("pytest.ini", STRICT)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *arguments, plugin=PLUGIN, **environ):
        path = os.pathsep.join(filter(None, [environ.pop("before", ""), *sys.path]))
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509 -- no threads here
            env={
                **os.environ,
                "PYTHONPATH": path,
                "BGPLAB_HOME": str(self.folder / ".home"),
                **environ,
            },
        )

    def pytest(self, *arguments, **more):
        """Run pytest; give its exit code, and what it wrote."""
        process = self.start(*arguments, **more)
        out, _ = process.communicate(timeout=100)
        return process.returncode, out


@pytest.fixture
def users(tmp_path):
    return Users(tmp_path)


def outcomes(folder):
    """Read name and outcome of each test from out.xml."""
    found = {}
    for case in ET.parse(folder / "out.xml").getroot().iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[f"{case.get('classname')}::{case.get('name')}"] = kinds or ["passed"]
    return found


def test_importing_the_plugin_costs_nothing():
    code = "import bgplab.pytest_plugin, sys; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    loaded = set(re.findall(r"'([\w.]+)'", done.stdout))
    assert "bgplab.testing.files" in loaded
    heavy = {"twisted", "pydantic", "yaml", "networkx", "click", "rich", "sqlite3", "asyncio"}
    assert {name.split(".")[0] for name in loaded} & heavy == set()
    assert {name for name in loaded if name.startswith("bgplab.")} == {
        "bgplab.pytest_plugin",
        "bgplab.testing",
        "bgplab.testing.files",
    }


def test_files_with_a_scenario_are_tests_once_for_each_engine(users):
    users.write("labs/good.yaml", PASSES)
    users.write("labs/one.yml", f"{PASSES}test: {{engines: [virtual], slow: true}}\n")
    users.write("labs/none.yaml", PAIR)
    users.write("labs/compose.yaml", "services:\n  topology: [\n")
    users.write("labs/other.txt", PASSES)
    code, out = users.pytest("--collect-only", "-q", "labs")
    assert code == 0, out
    assert out.splitlines()[:3] == [
        "labs/good.yaml::virtual",
        "labs/good.yaml::processes",
        "labs/one.yml::virtual",
    ]
    assert "3 tests collected" in out
    code, out = users.pytest("--collect-only", "-q", "-m", "not bgplab_realtime", "labs")
    assert "2/3 tests collected" in out
    code, out = users.pytest("--collect-only", "-q", "-m", "not bgplab_slow", "labs")
    assert "2/3 tests collected" in out
    code, out = users.pytest("--collect-only", "-q", "--bgplab-engine", "virtual", "labs")
    assert "2 tests collected" in out


def test_what_passes_passes_and_what_fails_is_told_by_line_without_a_traceback(users):
    users.write("labs/good.yaml", PASSES)
    users.write("labs/fails.yaml", FAILS)
    users.write("labs/bad.yaml", PASSES.replace("r1-r2", "r1-r9"))
    code, out = users.pytest("labs", "--bgplab-engine", "virtual", "--junitxml", "out.xml")
    assert code == 1
    assert outcomes(users.folder) == {
        "labs.good.yaml::virtual": ["passed"],
        "labs.fails.yaml::virtual": ["failure"],
        "labs.bad.yaml::virtual": ["failure"],
    }
    assert "labs/fails.yaml:6: expect: {no-route: {at: r2, prefix: 10.1.0.0/16}}" in out
    assert "    expected  r2: no route to 10.1.0.0/16" in out
    assert "    actual    r2: via r1, AS_PATH 65001" in out
    assert "labs/bad.yaml:3:11: topology.links[0]: unknown router 'r9'" in out
    assert "Traceback" not in out


def test_a_file_that_is_named_is_a_test_also_without_a_scenario(users):
    users.write("pair.yaml", PAIR)
    code, out = users.pytest("pair.yaml", "--junitxml", "out.xml")
    assert code == 0, out
    assert set(outcomes(users.folder)) == {
        "pair.yaml::virtual",
        "pair.yaml::processes",
    }


@pytest.mark.parametrize("names, found", [("*.lab", 1), ("*.lab *.yaml", 2)])
def test_the_user_says_which_files_are_looked_at(users, names, found):
    users.write("pytest.ini", f"{STRICT}bgplab_files = {names}\n")
    users.write("a.lab", f"{PASSES}test: {{engines: [virtual]}}\n")
    users.write("b.yaml", f"{PASSES}test: {{engines: [virtual]}}\n")
    _, out = users.pytest("--collect-only", "-q")
    assert len([line for line in out.splitlines() if "::virtual" in line]) == found


# Read by each Python that starts there: its runs report that the machine was late.
LATE = """
from bgplab.engines import verdict
plain = verdict.Report.to_dict
def late(report):
    told = plain(report)
    told["fidelity"] |= {"valid": False, "reasons": ["timers were late"]}
    return told
verdict.Report.to_dict = late
verdict.Report.exit_code = property(lambda report: 3)
"""


@pytest.mark.slow
def test_a_run_that_is_invalid_fails_or_is_skipped_as_the_user_wants(users):
    users.write("sitecustomize.py", LATE)
    users.write("late.yaml", f"{PASSES}test: {{engines: [virtual]}}\n")
    users.write("test_late.py", f"def test_late(lab):\n    lab.run('''{PAIR}''')\n")
    before = str(users.folder)
    # sitecustomize has imported bgplab before pytest could rewrite its asserts: no matter here.
    early = ("-W", "ignore:Module already imported", "--junitxml", "out.xml")
    code, out = users.pytest(*early, before=before)
    assert code == 1, out
    assert outcomes(users.folder) == {
        "late.yaml::virtual": ["failure"],
        "test_late::test_late": ["error"],
    }
    assert "late.yaml:1: INVALID: the machine could not keep time" in out
    assert "    timers were late" in out
    code, out = users.pytest(*early, "--bgplab-invalid", "skip", before=before)
    assert code == 0, out
    assert outcomes(users.folder) == {
        "late.yaml::virtual": ["skipped"],
        "test_late::test_late": ["skipped"],
    }


TEST_LAB = f'''
import sys
import pytest

TEXT = """{PAIR}"""

@pytest.mark.parametrize("engine", ["virtual", "processes"])
def test_passes(lab, engine):
    lab.run(TEXT, engine)
    lab.wait("converged")
    lab.do({{"mark": "cut"}}, {{"link-down": {{"link": "r1-r2"}}}})
    lab.wait.converged(within="5s")
    lab.expect.no_route(at="r2", prefix="10.1.0.0/16")
    lab.expect.updates(since="cut", exactly=0)

def test_fails(lab):
    lab.run(TEXT, "processes")
    lab.wait("converged")
    lab.expect.no_route(at="r2", prefix="10.1.0.0/16")

def test_breaks_a_promise(lab):
    lab.run(TEXT)
    lab.wait("converged")
    lab.always.state(link="r1-r2", **{{"is": "Established"}})
    lab.session_reset(link="r1-r2")
    lab.wait("converged")

def test_dies(lab):
    lab.run(TEXT, "processes")
    lab.wait("converged")
    sys.exit("at once")

def test_the_process_of_the_test_has_no_reactor():
    assert not any(name.startswith("twisted") for name in sys.modules)
'''


@pytest.mark.slow
def test_the_fixture_gives_a_lab_and_ends_it_whatever_comes_of_the_test(users):
    users.write("test_lab.py", TEST_LAB)
    code, out = users.pytest("--junitxml", "out.xml")
    assert code == 1, out
    assert outcomes(users.folder) == {
        "test_lab::test_passes[virtual]": ["passed"],
        "test_lab::test_passes[processes]": ["passed"],
        "test_lab::test_fails": ["failure"],
        "test_lab::test_breaks_a_promise": ["error"],
        "test_lab::test_dies": ["failure"],
        "test_lab::test_the_process_of_the_test_has_no_reactor": ["passed"],
    }
    assert "expected  r2: no route to 10.1.0.0/16" in out
    assert "expected  at every moment: " in out


@pytest.mark.slow
def test_several_pytests_at_once_do_not_collide(users):
    """As the workers of pytest-xdist are: each a process with tests of its own."""
    users.write("a.yaml", PASSES)
    running = [users.start("--bgplab-engine", "processes", "-q") for _ in range(3)]
    told = [process.communicate(timeout=100)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told


WAITS = f"""
def test_waits(lab):
    lab.run('''{PAIR}''', "processes")
    print("runs", flush=True)
    lab.wait(for_="100s")
"""


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 2), (signal.SIGKILL, -9)])
def test_the_lab_ends_with_its_pytest(users, number, code):
    users.write("test_waits.py", WAITS)
    process = users.start("-s")
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "runs" in line:
                break
        ends = [os.pidfd_open(pid) for pid in below(process.pid)]
        assert len(ends) == 4  # the lab's process, its fork server, two routers
        process.send_signal(number)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    for end in ends:
        assert select.select([end], [], [], 10.0)[0]
        os.close(end)


def below(pid):
    """List the children of a process, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *below(child)]
    return found


@pytest.mark.slow
def test_the_entry_point_and_the_option_p_are_one_plugin(users):
    """An installed bgplab is found by its entry point; `-p` may name it as well."""
    users.write("site/bgplab_of_a_test-1.dist-info/METADATA", "Name: bgplab-of-a-test\n")
    users.write(
        "site/bgplab_of_a_test-1.dist-info/entry_points.txt",
        f"[pytest11]\n{entry_point()}\n",
    )
    users.write("a.yaml", f"{PASSES}test: {{engines: [virtual]}}\n")
    for plugin in ((), PLUGIN):
        code, out = users.pytest(
            "--collect-only", "-q", plugin=plugin, before=str(users.folder / "site")
        )
        assert code == 0, out
        assert "1 test collected" in out


def entry_point():
    """Read the entry point of pyproject.toml, as an installer writes it."""
    import tomllib

    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    ((name, target),) = tomllib.loads(project.read_text())["project"]["entry-points"][
        "pytest11"
    ].items()
    return f"{name} = {target}"
