"""Measure convergence against MRAI in cliques whose routers take a fixed time for an UPDATE.

One row for each MRAI, clique and processing time h. In virtual time only: no process takes
exactly as long twice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import Options, Row, main, run, with_values

TOPOLOGY = Path(__file__).with_name("clique.yaml").read_text(encoding="utf-8")
STEPS = 16  # values of MRAI for each curve
STEP = 5 / 6  # between two of them, in h: 0.25 s for h = 0.3 s
CURVES = ((5, 300), (5, 600), (8, 300), (8, 600), (10, 300))  # n, h in milliseconds
QUICK = CURVES[:3]

Curve = list[Row]


def measure(options: Options) -> list[Row]:
    """Measure all curves. Raises ValueError for processes, RuntimeError if a run fails."""
    if options.engine != "virtual":
        raise ValueError("a fixed processing time is for virtual time only")
    curves = QUICK if options.quick else CURVES
    first = 3 if options.quick else 1
    return [_point(n, h, step) for n, h in curves for step in range(first, STEPS + 1)]


def _point(n: int, h: int, step: int) -> Row:
    """Measure one point: the time and the UPDATEs of a withdrawal; times in seconds."""
    mrai = step * STEP * h / 1000
    text = with_values(TOPOLOGY, n=n, mrai=f"{mrai:g}s", processing=f"{h}ms")
    result = run(text)
    if not result.ok:
        raise RuntimeError(f"clique of {n}, h {h} ms, MRAI {mrai:g} s: {result.failures()}")
    time = result.convergence("down")
    return {"n": n, "h": h / 1000, "MRAI": mrai, "T": time, "UPDATEs": result.updates("down")}


def judge(rows: Sequence[Row], expected: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Hold the curves against the rules of Griffin and Premore; yield what differs."""
    curves: dict[tuple[int, float], Curve] = {}
    for row in rows:
        curves.setdefault((row["n"], row["h"]), []).append(row)
    best = {key: min(curve, key=lambda row: row["T"])["MRAI"] for key, curve in curves.items()}
    for (n, h), curve in curves.items():
        where = f"n = {n}, h = {h:g} s"
        yield from (f"{where}: {it}" for it in _judge(n, h, best[n, h], curve, expected))
        if (n, 2 * h) in best and abs(best[n, 2 * h] - 2 * best[n, h]) > 1e-6:
            yield f"{where}: doubled h moves the optimum to {best[n, 2 * h]:g} s"


def _judge(
    n: int, h: float, best: float, curve: Curve, expected: Mapping[str, Any]
) -> Iterator[str]:
    """Hold one curve: where its minimum lies, what is above it, what is below."""
    near = expected["tolerance"]
    wanted = expected["optimum"][str(n)] * h
    if not (n - 2) * h <= best <= (n - 1) * h or abs(best - wanted) > near["optimum"] * h:
        yield f"optimum at MRAI = {best:g} s, expected {wanted:g} s"
    above = [row for row in curve if row["MRAI"] > best]
    below = [row for row in curve if row["MRAI"] < best]
    if not above or not below:
        yield "no minimum inside the range of MRAI"
    for row in above:
        line = (n - 3) * row["MRAI"] + 2 * h
        if abs(row["T"] - line) > near["T"]:
            yield f"MRAI = {row['MRAI']:g} s: T = {row['T']:g} s, expected {line:g} s"
        if row["UPDATEs"] != expected["UPDATEs"][str(n)]:
            yield f"MRAI = {row['MRAI']:g} s: {row['UPDATEs']} UPDATEs above the optimum"
    for lower, higher in pairwise(below):
        if lower["T"] <= higher["T"] or lower["UPDATEs"] <= higher["UPDATEs"]:
            yield f"MRAI = {lower['MRAI']:g} s: no worse than a higher one below the optimum"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
