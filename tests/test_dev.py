"""dev.py sets itself up: once, whole or not at all, and two at a time do not collide.

It runs in a copy of its own, by a Python whose pip only writes down what it was asked for.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIP = """
import os, pathlib, sys
if os.environ.get("PIP_SAYS"):
    sys.exit(os.environ["PIP_SAYS"])
if "install" in sys.argv:
    with pathlib.Path(os.environ["PIP_LOG"]).open("a") as log:
        print(*sys.argv[1:], file=log)
    if os.environ.get("INSTALL_SAYS"):
        sys.exit(os.environ["INSTALL_SAYS"])
"""


class Copy:
    """A checkout with nothing but dev.py and what it reads."""

    def __init__(self, folder: Path, python: Path) -> None:
        self._python = python
        self.root = folder / "checkout"
        self.venv = self.root / ".venv"
        self.root.mkdir()
        for name in ("dev.py", "requirements-dev.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root)
        self._log = folder / "pip.log"
        self._environment = os.environ | {"PIP_LOG": str(self._log)}

    def start(self, verb: str = "bench", **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._python, str(self.root / "dev.py"), verb],
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, verb: str = "bench", **environment: str) -> tuple[int, str]:
        with self.start(verb, **environment) as process:
            output, _ = process.communicate()
            return process.returncode, output

    @property
    def installs(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = next(folder.glob("lib/python*/site-packages")) / "pip"
    pip.mkdir()
    (pip / "__main__.py").write_text(PIP)
    return folder / "bin" / "python"


@pytest.fixture
def copy(tmp_path: Path, python: Path) -> Copy:
    return Copy(tmp_path, python)


def test_first_use_makes_the_environment_and_then_runs_the_verb(copy: Copy):
    code, output = copy.run()
    assert code == 0
    assert "no benchmarks" in output
    assert (copy.venv / "bin" / "python").exists()
    packages, project = copy.installs
    assert "--require-hashes" in packages
    assert "--no-build-isolation" in project


def test_second_use_installs_nothing(copy: Copy):
    copy.run()
    code, output = copy.run()
    assert code == 0
    assert "install" not in output
    assert len(copy.installs) == 2


def test_a_changed_lock_updates_the_environment_in_place(copy: Copy):
    copy.run()
    (copy.venv / "witness").touch()
    with (copy.root / "requirements-dev.lock").open("a") as lock:
        lock.write("# changed\n")
    assert copy.run()[0] == 0
    assert len(copy.installs) == 4
    assert (copy.venv / "witness").exists()


def test_a_set_up_that_did_not_end_starts_over(copy: Copy):
    assert copy.run(INSTALL_SAYS="killed half-way")[0] == 1
    (copy.venv / "witness").touch()
    assert copy.run()[0] == 0
    assert not (copy.venv / "witness").exists()


def test_an_environment_of_another_place_is_made_anew(copy: Copy, tmp_path: Path):
    """Scripts in .venv name their interpreter by its path, so a moved one is broken."""
    copy.run()
    (copy.venv / "witness").touch()
    copy.root = copy.root.rename(tmp_path / "moved")
    copy.venv = copy.root / ".venv"
    assert copy.run()[0] == 0
    assert not (copy.venv / "witness").exists()


def test_two_at_once_make_one_environment(copy: Copy):
    processes = [copy.start(), copy.start(), copy.start()]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len(copy.installs) == 2


def test_without_pip_the_message_names_the_debian_package(copy: Copy):
    code, output = copy.run(PIP_SAYS="No module named pip")
    assert code == 1
    assert "apt-get install python3-pip" in output
    assert "Traceback" not in output
    assert not copy.venv.exists()


def test_without_a_network_the_message_says_so(copy: Copy):
    code, output = copy.run(INSTALL_SAYS="NewConnectionError: Network is unreachable")
    assert code == 1
    assert "the package index cannot be reached" in output
    assert "Traceback" not in output


def test_an_unknown_verb_is_refused_before_anything_is_made(copy: Copy):
    code, output = copy.run("tset")
    assert code == 2
    assert "tset" in output
    assert not copy.venv.exists()


def test_help_tells_every_verb_without_an_environment(copy: Copy):
    code, output = copy.run("--help")
    assert code == 0
    verbs = re.findall(r"^  (\w+) {2,}[A-Z]", output, re.MULTILINE)
    assert verbs[:4] == ["demo", "test", "lint", "types"]
    assert not copy.venv.exists()


def test_the_lock_pins_every_dependency_with_hashes():
    lock = (ROOT / "requirements-dev.lock").read_text()
    entry = r"^([a-z0-9.-]+)==\S+((?: \\\n +--hash=sha256:\w{64})+)$"
    pinned = re.findall(entry, lock, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted = {re.split(r"[^\w-]", name)[0] for name in named}
    assert wanted - {name for name, _ in pinned} == set()
    assert len(pinned) == len(re.findall(r"^[a-z].*==", lock, re.MULTILINE))
    assert "://" not in lock


def test_the_core_depends_on_seven_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^\w-]", name)[0] for name in project["dependencies"]}
    assert names == {"ampoule", "click", "networkx", "pydantic", "pyyaml", "rich", "twisted"}
