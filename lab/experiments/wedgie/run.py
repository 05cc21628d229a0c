"""Take the BGP wedgie of RFC 4264, figure 1, through its script.

The script is the scenario of wedgie.yaml: announce on the primary, fail it, restore it, reset
the backup session. What each router must use after each of these stands there as `expect`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import Options, Row, main, run  # noqa: E402 -- lies beside this script's folder

from bgplab.engines.verdict import StepResult  # noqa: E402

SEEDS = 50
QUICK = 10
FEW = 3  # on processes, where a run takes seconds of real time
STATES = (  # after which step of the script the states of `expect` are
    "primary announced first",
    "primary failed",
    "primary restored",
    "backup session reset",
)
EACH = 3  # routes that the file expects after each of them


def measure(options: Options) -> list[Row]:
    """Run the script with all seeds; a row for each state that it visits."""
    text = (HERE / "wedgie.yaml").read_text(encoding="utf-8")
    usual = FEW if options.engine == "processes" else QUICK if options.quick else SEEDS
    seeds = options.seeds or usual
    held = [0] * len(STATES)
    wanted = [""] * len(STATES)
    for seed in range(seeds):
        result = run(text, options.engine, seed)
        found = [step for step in result.steps if step.text.startswith("expect:")]
        for i in range(len(STATES)):
            steps = found[i * EACH : (i + 1) * EACH]
            held[i] += len(steps) == EACH and all(step.ok for step in steps)
            wanted[i] = "; ".join(map(_route, steps))
    return [
        {
            "after": STATES[i],
            "AS_PATHs that must be": wanted[i],
            "runs": seeds,
            "so in": held[i],
        }
        for i in range(len(STATES))
    ]


def _route(step: StepResult) -> str:
    """Write the router and the AS_PATH that a step expects: "as2: 3 4 1"."""
    router, rest = step.expected.split(": ", 1) if step.expected else ("not reached", "")
    return f"{router}: {rest.rpartition('AS_PATH ')[2]}"


def judge(rows: Sequence[Row], expected: Mapping[str, str], options: Options) -> Iterator[str]:
    """Say which states were not those of the RFC."""
    for row in rows:
        after, must_be = row["after"], row["AS_PATHs that must be"]
        if must_be != expected[after]:
            yield f"{after}: the file expects {must_be}, the RFC {expected[after]}"
        if row["so in"] != row["runs"]:
            yield f"{after}: {expected[after]} in {row['so in']} of {row['runs']} runs"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
