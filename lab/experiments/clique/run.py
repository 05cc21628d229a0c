"""Measure announcement and withdrawal in cliques, and write the table of Labovitz et al.

Withdrawal (Tdown) under three rules: none, split horizon, and split horizon with sender-side
loop detection; besides it the announcement (Tup), and Tdown with jittered intervals. Times are
in intervals (M, the MRAI): 30 s in virtual time, 1 s on processes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import Options, Result, Row, main, run, with_values

TOPOLOGY = Path(__file__).with_name("clique.yaml").read_text(encoding="utf-8")
RULES: dict[str, dict[str, object]] = {
    "plain": {},
    "split horizon": {"split_horizon": "true"},
    "SSLD": {"split_horizon": "true", "sender_side_loop_detection": "true"},
}
MRAI = {"virtual": 30, "processes": 1}  # seconds
SIZES = {"virtual": range(3, 13), "processes": range(4, 9)}
JITTERED = {"virtual": range(7, 13), "processes": range(0)}  # sizes
SEEDS = 20  # of jittered runs
SPREAD = 24  # milliseconds between the shortest and the longest link delay, on processes
ATTEMPTS = 8  # runs on a machine that has other things to do


def tdown(n: int, engine: str, seed: int = 0, **values: object) -> Result:
    """Run a clique of n routers with keys of the topology set. Raises RuntimeError."""
    mrai = MRAI[engine]
    timing = {"mrai": f"{mrai}s", "for": f"{mrai + 1}s"}
    text = with_values(TOPOLOGY, n=n, **timing, **values)
    for _ in range(ATTEMPTS):
        result = run(text if engine == "virtual" else in_order(text, n), engine, seed)
        if result.lateness < SPREAD / n / 1000:  # later than that it may not keep the order
            break
    else:
        raise RuntimeError(
            f"clique of {n}: timers late by {result.lateness:.3f} s, {ATTEMPTS} times"
        )
    if not result.ok:
        raise RuntimeError(f"clique of {n}, {values}: {result.verdict}, {result.failures()}")
    return result


def in_order(text: str, n: int) -> str:
    """Write the clique out, with links on which the octets of router k take 2 + 24k/n ms.

    What the model, and virtual time, let happen at one moment happens in the order of the
    senders; on processes it is delays that keep it.
    """
    names = [f"r{k}" for k in range(1, n + 1)]
    delay = {name: f"{2 + SPREAD * k / n:.2f}ms" for k, name in enumerate(names, 1)}
    lines = [f"  nodes: {{{', '.join(f'{name}: {{}}' for name in names)}}}", "  links:"]
    for a, b in combinations(names, 2):
        ends = f"{a}: {delay[a]}, {b}: {delay[b]}"
        lines.append(f"    - {{endpoints: [{a}, {b}], delay: {{{ends}}}}}")
    return re.sub(r"(?m)^  generate: .*$", "\n".join(lines), text)


def measure(options: Options) -> list[Row]:
    """Run all sizes under all rules: one row for each size."""
    engine = options.engine
    return [_row(n, options) for n in SIZES[engine] if not (options.quick and n > 8)]


def _row(n: int, options: Options) -> Row:
    """Measure one size; UPDATEs of Tup are those without any rule."""
    engine = options.engine
    row: Row = {"n": n}
    for name, values in RULES.items():
        result = tdown(n, engine, 0, **values)
        row[f"{name}: T/M"] = result.convergence("down") / MRAI[engine]
        row[f"{name}: UPDATEs"] = result.updates("down")
        if name == "plain":
            row["Tup: UPDATEs"] = result.updates("up")
    row["jitter: T/((n-3)M)"] = _jittered(n, options)
    return row


def _jittered(n: int, options: Options) -> float | str:
    """Give the median time with jittered intervals as a share of the bound, "" if not asked."""
    if n not in JITTERED[options.engine] or options.quick:
        return ""
    seeds = options.seeds or SEEDS
    bound = (n - 3) * MRAI[options.engine]
    return median(
        tdown(n, options.engine, seed, jitter="per-set").convergence("down") / bound
        for seed in range(seeds)
    )


def judge(rows: Sequence[Row], expected: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Hold the measures against the closed forms; yield what differs."""
    slack = expected["tolerance"]
    for row in rows:
        n = row["n"]
        for name, values in expected["columns"].items():
            wanted = values[str(n)]
            near = slack["T/M"] if name.endswith("T/M") else wanted * slack[options.engine]
            if abs(row[name] - wanted) > near:
                yield f"n = {n}: {name}: {row[name]:g}, expected {wanted}"
        least, most = expected["jitter: T/((n-3)M)"]
        share = row["jitter: T/((n-3)M)"]
        about = slack["jitter"]
        if share != "" and not least - about <= share <= most + about:
            yield f"n = {n}: with jitter {share:.3f} of the bound, expected {least} to {most}"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
