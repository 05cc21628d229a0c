"""Labs of real processes for tests: started, driven, and gone without a trace."""

import os
import select
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import pytest

from bgplab.engines.processes import reactors

if "twisted.internet.reactor" not in sys.modules:
    reactors.install("epoll")  # before ampoule installs the default one

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bgplab.engines.processes.controller import Options, prepare
from bgplab.topology.load import loads

TIME_LIMIT = 30.0  # seconds for one lab of the quick tests


class Outcome(unittest.TestResult):
    """Keeps what went wrong first, with its traceback, to be raised once all is over.

    Raised at once it could get lost in the reactor.
    """

    wrong: Exception | None = None

    def addError(self, test, err):
        self.wrong = self.wrong or err[1].with_traceback(err[2])

    def addFailure(self, test, err):
        self.addError(test, err)


class Scenario(TestCase):
    """A coroutine under the reactor; trial sees to it that nothing is left in there."""

    def __init__(self, work, limit):
        super().__init__("runTest")
        self.timeout = limit
        self._work = work

    def runTest(self):
        return Deferred.fromCoroutine(self._work())


@pytest.fixture
def under_reactor():
    """Give `under_reactor(work, limit)`, which runs a coroutine function under the reactor."""

    def run(work, limit=TIME_LIMIT):
        kept = []

        async def keep():
            kept.append(await work())

        outcome = Outcome()
        Scenario(keep, limit).run(outcome)
        if outcome.wrong is not None:
            raise outcome.wrong
        return kept[0]

    return run


@pytest.fixture
def play(under_reactor, tmp_path):
    """Give `play(text, scenario)`: a lab comes up, `await scenario(lab, run)`, and down again.

    Checks that no process of the lab is left, and returns what the scenario returned.
    """
    number = iter(range(100))

    def run_lab(text, scenario, limit=TIME_LIMIT, **options):
        store = tmp_path / f"run{next(number)}.sqlite"
        run = prepare(loads(text), text, Options(store=store, **options))
        pids = []

        async def work():
            lab = run.open(reactor)
            try:
                verdict = await run.converge(limit - 5)
                assert verdict.name == "converged", verdict.reasons
                pids.extend([*lab.pids, *lab.helper_pids])
                return await scenario(lab, run)
            finally:
                await run.close()

        try:
            return under_reactor(work, limit)
        finally:
            run.abandon()
            assert [pid for pid in pids if lives(pid)] == []

    return run_lab


def lives(pid):
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def descendants(root):
    """List the processes below a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(
                int(entry.name)
            )
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


class Command:
    """`bgplab ...` as a process of its own, the way that a user starts it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bgplab", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.pid = self.process.pid
        self.out: Any = self.process.stdout
        self.err: Any = self.process.stderr

    def read_until(self, text):
        """Read standard output up to a line that holds `text`; fail if it ends before."""
        lines = []
        for line in self.out:
            lines.append(line)
            if text in line:
                return lines
        pytest.fail(f"{text!r} did not come: {lines} {self.err.read()}")

    def below(self):
        """List all processes of its lab."""
        return descendants(self.pid)

    def processes(self):
        """List the processes of its lab, and the one of the routers' parent."""
        below = self.below()
        helpers = [pid for pid in below if descendants(pid)]
        assert len(helpers) == 1
        return [pid for pid in below if pid not in helpers], helpers[0]

    def signal(self, number):
        os.kill(self.pid, number)

    def end(self, limit=20):
        """Wait for the end; give exit status, standard output and standard error."""
        out, err = self.process.communicate(timeout=limit)
        return self.process.returncode, out, err


@pytest.fixture
def command():
    """Give `command(*arguments)`: start the command line; killed after the test if need be."""
    started = []

    def start(*arguments):
        started.append(Command(*arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.signal(signal.SIGKILL)
        each.process.communicate()


@pytest.fixture
def gone_within():
    """Give `gone_within(pids, seconds)`: wait until all have ended, fail if one has not."""

    def wait(pids, seconds):
        deadline = time.monotonic() + seconds
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                left = max(0.0, deadline - time.monotonic())
                ended, _, _ = select.select([descriptor], [], [], left)
            finally:
                os.close(descriptor)
            assert ended or not lives(pid), f"process {pid} still runs after {seconds} s"

    return wait
