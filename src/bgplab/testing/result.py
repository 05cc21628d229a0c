"""What came of a topology file that was run as a test, and why it did not pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bgplab.errors import (
    EXIT_FAILED,
    EXIT_INVALID,
    EXIT_LAB,
    EXIT_PASS,
    EXIT_USAGE,
    Problem,
)

PASSED, FAILED, INVALID, ERROR = "passed", "FAILED", "INVALID", "ERROR"
WORDS = {EXIT_PASS: PASSED, EXIT_FAILED: FAILED, EXIT_INVALID: INVALID}

# A failure is certain; INVALID says nothing, so it counts only where nothing worse came.
SEVERITY = (EXIT_PASS, EXIT_INVALID, EXIT_FAILED, EXIT_USAGE, EXIT_LAB)
TOLD = 20  # last lines of standard error that are told


class Reason(NamedTuple):
    """One thing that went wrong: where in the file, in a line what, and the lines of detail."""

    line: int
    column: int
    text: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One file on one engine, which is "" for a file that could not be loaded.

    `code` is the exit code of the run, `report` what it printed (None: nothing), `errors` what
    it said on standard error, `seconds` of real time, `attempts` how often it was run because
    the ones before were INVALID.
    """

    file: str
    engine: str
    code: int
    seconds: float = 0.0
    report: dict[str, Any] | None = None
    errors: str = ""
    attempts: int = 1
    problems: tuple[Problem, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """Give the outcome in one word."""
        return WORDS.get(self.code, ERROR)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """List what became of the steps of the scenario, as the report has it."""
        return list(self.report["scenario"]) if self.report else []

    @property
    def count(self) -> str:
        """Say how many steps of how many passed; "" where there are none."""
        steps = self.steps
        return f"{sum(bool(step['ok']) for step in steps)}/{len(steps)}" if steps else ""

    def reasons(self) -> Iterator[Reason]:
        """Say what went wrong; nothing if the test has passed."""
        if self.code == EXIT_PASS:
            return
        if self.problems:
            for each in self.problems:
                what = f"{each.path}: {each.message}" if each.path else each.message
                yield Reason(each.line, each.column, what)
            return
        found = list(_of_report(self.report)) if self.report else []
        yield from found
        if not found:
            lines = tuple(self.errors.splitlines()[-TOLD:])
            yield Reason(1, 1, lines[-1] if lines else f"exit code {self.code}", lines[:-1])

    def lines(self) -> Iterator[str]:
        """Write the reasons for people, `file:line: what`, with the details below."""
        for reason in self.reasons():
            column = f":{reason.column}" if self.problems else ""
            yield f"{self.file}:{reason.line}{column}: {reason.text}"
            yield from (f"    {line}" for line in reason.detail)
        store = self.report.get("store") if self.report else None
        if store and self.code != EXIT_PASS:
            yield f"    store     {store}"

    def told(self) -> Iterator[str]:
        """Write what became of each step, one a line."""
        words = {True: "ok  ", False: "FAIL", None: "skip"}
        for step in self.steps:
            measured = f"  ({step['actual']})" if step["ok"] and step["actual"] else ""
            yield f"{words[step['ok']]}  line {step['line']}: {step['step']}{measured}"

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain data."""
        return {
            "file": self.file,
            "engine": self.engine or None,
            "verdict": self.verdict,
            "exit_code": self.code,
            "seconds": round(self.seconds, 3),
            "attempts": self.attempts,
            "reasons": [
                {**reason._asdict(), "detail": list(reason.detail)} for reason in self.reasons()
            ],
            "report": self.report,
        }


def worst(codes: Iterator[int]) -> int:
    """Give the exit code of a test run from those of its tests.

    The lab's failure counts most, then bad input, a failed test, and last an INVALID one: 3
    means that nothing failed but something could not be judged.
    """
    return max((code if code in SEVERITY else EXIT_LAB for code in codes), key=SEVERITY.index)


def _of_report(report: dict[str, Any]) -> Iterator[Reason]:
    """List what a report says that is wrong."""
    for death in report["deaths"]:
        yield Reason(1, 1, f"router {death['router']} died: {death['status']}")
    if report["failures"]:
        yield Reason(1, 1, f"{report['failures']} callbacks failed: bgplab show errors")
    for step in report["scenario"]:
        if step["ok"] is False:
            expected = [f"expected  {line}" for line in step["expected"].splitlines()]
            actual = [f"actual    {line}" for line in step["actual"].splitlines()]
            details = [f"          {line}" for line in step.get("details", ())]
            yield Reason(step["line"], 1, step["step"], (*expected, *actual, *details))
    if not report["scenario"] and report["verdict"] != "converged":
        yield Reason(1, 1, f"{report['verdict']}: not converged", tuple(report["unsettled"]))
    if not report["fidelity"]["valid"]:
        text = "INVALID: the machine could not keep time, so this shows nothing"
        fidelity = report["fidelity"]
        helps = [f"would help: {advice}" for advice in fidelity.get("advice", ())]
        yield Reason(1, 1, text, (*fidelity["reasons"], *helps))
