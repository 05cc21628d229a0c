"""The pytest plugin: topology files with a scenario are tests, and tests in Python have labs.

`pytest topologies/` collects each YAML file that has the keys `topology` and `scenario`, once
for each engine: `failover.yaml::virtual`, `failover.yaml::processes`. The fixture `lab` gives a
test in Python a lab of its own (testing/client.py).

Importing this costs nothing: what a lab needs is imported when there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bgplab.testing.files import look

if TYPE_CHECKING:
    from bgplab.testing.client import LabClient
    from bgplab.testing.result import Result

ENGINES = ("virtual", "processes")
FILES = ["*.yaml", "*.yml"]
MARKS = (
    "bgplab: a topology file that is run as a test",
    "bgplab_realtime: runs a lab of processes, in real time",
    "bgplab_slow: the file says that it takes long (test: {slow: true})",
)
FAIL, SKIP = "fail", "skip"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("bgplab", "topology files of bgplab")
    group.addoption(
        "--bgplab-engine",
        choices=["both", *ENGINES],
        default="both",
        help="the engines to run topology files on, of those that each is for (default: both)",
    )
    group.addoption(
        "--bgplab-invalid",
        choices=[FAIL, SKIP],
        default=FAIL,
        help="what an INVALID run is, one whose machine could not keep time, after it was run "
        "twice: it has neither passed nor failed (default: fail)",
    )
    group.addoption(
        "--bgplab-timeout",
        type=float,
        metavar="SECONDS",
        help="end the run of a topology file after so many seconds (default: 300)",
    )
    parser.addini(
        "bgplab_files",
        "names of files that may be topologies with a scenario; others are not looked at",
        type="args",
        default=FILES,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a topology file that has a scenario, or that the user has named."""
    if not any(file_path.match(pattern) for pattern in parent.config.getini("bgplab_files")):
        return None
    seen = look(file_path)
    if seen.topology and (seen.scenario or parent.session.isinitpath(file_path)):
        collected: pytest.Collector = TopologyFile.from_parent(parent, path=file_path)
        return collected
    return None


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[LabClient]:
    """Give a lab for this test: `lab.run("failover.yaml")`, then steps, one by one.

    It is ended after the test, whatever comes of that. If routers died of themselves or the run
    was INVALID, the test has not passed.
    """
    from bgplab.testing.client import LabClient

    client = LabClient()
    try:
        yield client
    finally:
        report = client.close()
    if report is not None:
        _judge(report, request.config)


def _judge(report: dict[str, Any], config: pytest.Config) -> None:
    """Fail a test whose lab was not sound."""
    deaths = [f"router {each['router']} died: {each['status']}" for each in report["deaths"]]
    if deaths or report["failures"]:
        failures = [f"{report['failures']} callbacks failed"] if report["failures"] else []
        pytest.fail("\n".join([*deaths, *failures, f"store {report['store']}"]), pytrace=False)
    if not report["fidelity"]["valid"]:
        reasons = "\n".join(["INVALID", *report["fidelity"]["reasons"]])
        _invalid(reasons, config)


def _invalid(reasons: str, config: pytest.Config) -> None:
    """Do with an INVALID run what the user has chosen."""
    if config.getoption("--bgplab-invalid") == SKIP:
        pytest.skip(reasons)
    pytest.fail(reasons, pytrace=False)


class NotPassed(Exception):
    """A topology file that did not pass; carries its result."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__("\n".join(result.lines()))


class TopologyFile(pytest.File):
    """A topology file: one test for each engine that it is for."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield its tests; of a file with mistakes one, which fails with all of them."""
        from bgplab.errors import TopologyError
        from bgplab.topology.graph import HowTested
        from bgplab.topology.load import load

        wanted = self.config.getoption("--bgplab-engine")
        try:
            how = load(self.path).test
        except TopologyError:
            how = HowTested(engines=ENGINES if wanted == "both" else (wanted,))
            yield self._item(how.engines[0], how)
            return
        for engine in how.engines:
            if wanted in ("both", engine):
                yield self._item(engine, how)

    def _item(self, engine: str, how: Any) -> TopologyItem:
        item: TopologyItem = TopologyItem.from_parent(self, name=engine, limit=how.timeout)
        item.add_marker("bgplab")
        if engine == "processes":
            item.add_marker("bgplab_realtime")
        if how.slow:
            item.add_marker("bgplab_slow")
        return item


class TopologyItem(pytest.Item):
    """A topology file on one engine."""

    def __init__(self, *, limit: float | None, **given: Any) -> None:
        super().__init__(**given)
        self._limit = limit

    def runtest(self) -> None:
        """Run the lab in a child process. Raises NotPassed."""
        from bgplab.testing.pool import run_all
        from bgplab.testing.result import INVALID, PASSED
        from bgplab.testing.trial import LIMIT, Trial

        limit = self._limit or self.config.getoption("--bgplab-timeout") or LIMIT
        (result,) = run_all([Trial(self._file(), self.name, limit)], cores=1)
        told = list(result.told())
        if told:
            self.add_report_section("call", "scenario", "\n".join(told))
        if result.verdict == INVALID:
            _invalid("\n".join(result.lines()), self.config)
        if result.verdict != PASSED:
            raise NotPassed(result)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Write what failed, by lines of the file; a traceback only for what is our mistake."""
        if isinstance(excinfo.value, NotPassed):
            return "\n".join(excinfo.value.result.lines())
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the test stands, and what it is called."""
        return self.path, None, f"{self.path.name} ({self.name})"

    def _file(self) -> str:
        """Name the file as the user would, so that editors find its lines."""
        try:
            return str(self.path.relative_to(self.config.invocation_params.dir))
        except ValueError:
            return str(self.path)
