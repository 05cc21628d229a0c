"""Measure when a session is lost whose peer sends KEEPALIVEs more rarely than the hold time.

One row for each keepalive interval: how often r2 lost the session within an hour, how long
after the last message from r1 (least and most), and by which NOTIFICATIONs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import Options, Row, main, run_virtual, with_values

from bgplab.config import Level
from bgplab.facts import Fact, NotificationSent, OctetsReceived, StateChanged
from bgplab.session.events import State
from bgplab.topology.load import loads

TOPOLOGY = Path(__file__).with_name("two-routers.yaml").read_text(encoding="utf-8")
INTERVALS = (30, 200)  # seconds
SEEDS = 10


class Silence:
    """Watches r2: the silence of r1 before each loss of the session, and what r2 said then."""

    def __init__(self) -> None:
        self.before_loss: list[float] = []  # seconds
        self.codes: set[str] = set()  # of NOTIFICATIONs sent
        self._heard = 0.0

    def watch(self, router: str, fact: Fact) -> None:
        """Take a fact of any router."""
        if router != "r2":
            return
        if isinstance(fact, OctetsReceived):
            self._heard = fact.at
        elif isinstance(fact, NotificationSent):
            self.codes.add(f"{fact.code}/{fact.subcode}")
        elif isinstance(fact, StateChanged) and fact.old == State.ESTABLISHED:
            self.before_loss.append(fact.at - self._heard)


def measure(options: Options) -> list[Row]:
    """Run both intervals with all seeds. Raises ValueError for processes: an hour each."""
    if options.engine != "virtual":
        raise ValueError("an hour of keepalives is for virtual time only")
    return [_row(interval, options.seeds or SEEDS) for interval in INTERVALS]


def _row(interval: int, seeds: int) -> Row:
    """Measure one keepalive interval, in seconds."""
    topology = loads(with_values(TOPOLOGY, keepalive=f"{interval}s"))
    silence = Silence()
    for seed in range(seeds):
        run_virtual(topology, seed, level=Level.OCTETS, watch=silence.watch)
    found = silence.before_loss
    return {
        "keepalive": interval,
        "runs": seeds,
        "sessions lost": len(found),
        "least silence before": min(found, default=""),
        "most silence before": max(found, default=""),
        "NOTIFICATION": " ".join(sorted(silence.codes)),
    }


def judge(rows: Sequence[Row], expected: Mapping[str, Any], options: Options) -> Iterator[str]:
    """Hold the losses against the hold time; yield what differs."""
    hold, near = expected["hold"], expected["tolerance"]
    for row in rows:
        where = f"keepalive {row['keepalive']} s"
        lost = row["sessions lost"]
        if row["keepalive"] < hold:
            if lost:
                yield f"{where}: {lost} sessions lost, expected none"
            continue
        # At least once in each run: the silence is longer than the hold time.
        if lost < row["runs"]:
            yield f"{where}: {lost} sessions lost in {row['runs']} runs"
            continue
        for column in ("least silence before", "most silence before"):
            if abs(row[column] - hold) > near:
                yield f"{where}: {column} the loss {row[column]:g} s, expected {hold} s"
        if row["NOTIFICATION"] != expected["NOTIFICATION"]:
            yield f"{where}: NOTIFICATION {row['NOTIFICATION']}"


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, measure, judge))
