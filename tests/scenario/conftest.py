"""A lab in virtual time, for scenarios in tests."""

from typing import Any

import pytest

from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.scenario.runner import run
from bgplab.topology.load import loads
from bgplab.topology.plan import plan


@pytest.fixture
def play():
    """Give `play(text)`: start the lab of a file, play its scenario, give the outcome."""

    def run_file(text, timeout=120.0):
        topology = loads(text)
        lab: Any = VirtualLab(plan(topology), 0)
        run_at_once(lab.start())
        return run_at_once(run(lab, topology.scenario, timeout))

    return run_file
