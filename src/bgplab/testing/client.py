"""A lab in a test written in Python: steps of a scenario as functions, answered at once.

    with LabClient() as lab:
        lab.run("failover.yaml", engine="virtual")
        lab.wait("converged")
        lab.link_down(link="r1-r2")
        lab.wait.converged(within="5s")
        lab.expect.route(at="r3", prefix="10.1.0.0/16", via="r4")

The lab runs in a process of its own (`bgplab script`), on either engine, so that the test's
process never has a reactor; the lab ends when its standard input does, whatever ends the test.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple, Self

from bgplab.errors import LabError, UsageError
from bgplab.testing.child import GRACE, Child, bgplab
from bgplab.testing.lines import LineReader

LIMIT = 600.0  # seconds of real time for one answer: more than any wait of the lab's own
NO_LAB = "no lab runs: start one with run()"
_NOTHING: Any = object()


class StepFailed(AssertionError):
    """A step did not go well; says what was expected and what was found."""


class Route(NamedTuple):
    """The route that a router uses for a prefix; `peer` is "" for a route of its own."""

    prefix: str
    as_path: str
    next_hop: str
    peer: str
    reason: str  # why it is the best


class Words:
    """The words that lead to what a step says: `lab.expect.route(at=..., prefix=...)`.

    A rule makes them the keys of the scenario language: `_` stands for `-`, and one at the end
    is dropped (`for_`).
    """

    def __init__(self, lab: LabClient, words: tuple[str, ...]) -> None:
        self._lab = lab
        self._words = words

    def __getattr__(self, name: str) -> Words:
        """Go one key deeper."""
        if name.startswith("_"):
            raise AttributeError(name)
        return Words(self._lab, (*self._words, _key(name)))

    def __call__(self, value: Any = _NOTHING, /, **keys: Any) -> list[dict[str, Any]]:
        """Take the step: with a value, or with keys. Raises as LabClient.do does."""
        if value is not _NOTHING and keys:
            raise TypeError("give a value or keys, not both")
        step = {_key(name): item for name, item in keys.items()} if keys else value
        if step is _NOTHING:
            step = {}
        for word in reversed(self._words):
            step = {word: step}
        return self._lab.do(step)


class LabClient:
    """A lab that is taken through its steps one by one.

    `report` is that of the run, as `bgplab run --json` has it, once the lab is closed.
    """

    def __init__(self) -> None:
        self.report: dict[str, Any] | None = None
        self._child: Child | None = None
        self._reader: LineReader | None = None
        self._asked = False  # and not answered yet

    def run(
        self,
        topology: str | os.PathLike[str] | Mapping[str, Any],
        engine: str = "virtual",
        **options: object,
    ) -> LabClient:
        """Start a lab; give this client.

        `topology` is a path, the text of a file (more than one line), or a mapping like one.
        Its scenario is left out. `options` are those of `bgplab script`: `timeout=30`,
        `seed=1`, `time_scale=0.1`. Raises UsageError for a topology that is none, with every
        mistake, and LabError if the lab does not start.
        """
        if self._child is not None:
            raise UsageError("the lab runs already: close() it first, or take another one")
        self.report, self._asked = None, False
        text = isinstance(topology, str) and "\n" in topology
        given = text or isinstance(topology, Mapping)
        arguments = ["script", "--engine", engine]
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        file = "-" if given else os.fspath(topology)  # type: ignore[arg-type]  # no mapping
        self._child = Child(bgplab(*arguments, "--", file), subprocess.PIPE, subprocess.PIPE)
        self._reader = LineReader(_pipe(self._child.process.stdout).fileno())
        try:
            if given:
                self._say(topology)
            self._hear()
        except BaseException:
            self.close()
            raise
        return self

    def do(self, *steps: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take steps of the scenario language, written as a file has them; give their results.

        Several follow each other at once, so that a mark is no earlier than what it marks.
        Raises StepFailed (an AssertionError) if one did not go well, UsageError for a step that
        makes no sense (nothing is done then), and LabError if the lab has broken.
        """
        answer = self._ask(list(steps))
        results: list[dict[str, Any]] = answer["steps"]
        if not answer["ok"]:
            raise StepFailed("\n".join(_told(each) for each in results if each["ok"] is False))
        return results

    def routes(self, router: str) -> dict[str, Route]:
        """Give the routes that a router uses, by prefix."""
        answer = self._ask({"routes": {"at": router}})
        return {row["prefix"]: Route(**row) for row in answer["routes"]}

    def close(self) -> dict[str, Any] | None:
        """End the lab, and give the report; None if it came to none. Safe at any stage."""
        child, self._child = self._child, None
        if child is None or self._reader is None:
            return self.report
        last = None
        if self._asked:  # a step is under way that nobody waits for any more
            child.terminate()
        try:
            with suppress(BrokenPipeError):  # it has ended, and something was left unread
                _pipe(child.process.stdin).close()
            while (line := self._reader.read(GRACE)) is not None:
                last = line
            self.report = _object(last)
        except TimeoutError:
            child.terminate()
        finally:
            child.reap(GRACE)
            _pipe(child.process.stdout).close()
            child.close()
        return self.report

    def __enter__(self) -> Self:
        """Give this client, for a lab that ends with the block."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the lab."""
        self.close()

    def __getattr__(self, name: str) -> Words:
        """Give a step of the scenario language as a function."""
        if name.startswith("_"):
            raise AttributeError(name)
        return Words(self, (_key(name),))

    def _ask(self, question: Any) -> dict[str, Any]:
        """Ask, and give the answer. Raises UsageError for what makes no sense."""
        self._say(question)
        answer = self._hear()
        if "problems" in answer:
            raise UsageError("\n".join(answer["problems"]))
        return answer

    def _say(self, value: Any) -> None:
        if self._child is None:
            raise UsageError(NO_LAB)
        stdin = _pipe(self._child.process.stdin)
        self._asked = True
        with suppress(BrokenPipeError):  # it has ended: the answer that does not come says why
            stdin.write(json.dumps(value, default=str).encode() + b"\n")
            stdin.flush()

    def _hear(self) -> dict[str, Any]:
        """Wait for an answer. Raises LabError if none comes, UsageError for bad input."""
        child, reader = self._child, self._reader
        if child is None or reader is None:
            raise UsageError(NO_LAB)
        try:
            answer = _object(reader.read(LIMIT))
        except TimeoutError:
            raise LabError(f"the lab has not answered within {LIMIT:g} s") from None
        self._asked = False
        if answer is not None:
            return answer
        child.reap(GRACE)
        errors, code = child.errors().strip(), child.process.returncode
        self.close()
        kind = UsageError if code == UsageError.exit_code else LabError
        raise kind(errors or f"the lab has ended: exit code {code}")


def _key(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _told(step: dict[str, Any]) -> str:
    """Write what a failed step expected and found."""
    lines = [step["step"]]
    if step["expected"]:
        lines.append(f"    expected  {step['expected']}")
    lines.append(f"    actual    {step['actual']}")
    return "\n".join([*lines, *(f"              {line}" for line in step.get("details", ()))])


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Give a stream of a child that was started with pipes."""
    if stream is None:
        raise TypeError("the child has no pipe")
    return stream


def _object(line: str | None) -> dict[str, Any] | None:
    """Read an answer; None for what is no object of JSON."""
    try:
        value = json.loads(line or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
