"""A lab in virtual time, for scenarios in tests."""

from collections.abc import Sequence
from typing import Any

import pytest

from bgplab.cli.scenario import twin_of
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.scenario import runner
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.steps import Step


def in_virtual_time(planned):
    """Make the lab of a plan."""
    return VirtualLab(planned, 0)


@pytest.fixture
def play():
    """Give `play(text, *whats)`: start the lab of a file, play its scenario, give the outcome.

    Or play these values in place of the file's steps; their lines count from 1. `lab` makes
    the lab of a plan.
    """

    def run_file(
        text, *whats, timeout=120.0, lab=lambda planned: VirtualLab(planned, 0), **how
    ):
        topology = loads(text)
        steps: Sequence[Step] = topology.scenario
        if whats:
            steps = [
                Step(line, type(what).__name__, what) for line, what in enumerate(whats, 1)
            ]
        planned = plan(topology)
        made: Any = lab(planned)
        changes = runner.needs_changes(steps)
        twin = twin_of(topology, 0)
        prepared = runner.prepare(made, topology, planned, timeout, changes=changes, twin=twin)
        stage = run_at_once(prepared)
        run_at_once(made.start())
        return run_at_once(runner.run(stage, steps, **how))

    return run_file
