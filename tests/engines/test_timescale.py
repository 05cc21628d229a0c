"""The rule for compressed timers, by its figures."""

import pytest

from bgplab.config import PeerConfig, RouterConfig, Timers
from bgplab.engines.timescale import WELL_ABOVE, TimeScale, time_scale


def router(name, *mrais):
    peers = tuple(
        PeerConfig(f"p{i}", f"127.1.0.{i + 2}", 1790, 65000 + i, timers=Timers(mrai=mrai))
        for i, mrai in enumerate(mrais)
    )
    return RouterConfig(name, 65100, "10.0.0.1", "127.1.0.1", 1790, "10.0.0.1", peers=peers)


def test_the_figures_are_the_shortest_mrai_the_highest_degree_and_the_cost_of_an_update():
    found = time_scale(0.1, [router("a", 30.0, 5.0, 0.0), router("b", 30.0)], 2.0, 1000)
    assert found.to_dict() == {
        "factor": 0.1,
        "mrai": 5.0,
        "degree": 3,
        "processing": 0.002,
        "holds": True,
    }


@pytest.mark.parametrize("factor, holds", [(1.0, True), (0.101, True), (0.099, False)])
def test_mrai_must_be_well_above_degree_times_processing_in_the_machines_seconds(factor, holds):
    least = WELL_ABOVE * 10 * 0.02
    assert TimeScale(factor, 10 * least, 10, 0.02).holds is holds


def test_without_mrai_or_without_updates_the_rule_says_nothing():
    assert time_scale(0.1, [router("a", 0.0)], 1.0, 10).to_dict()["mrai"] is None
    assert time_scale(0.1, [router("a", 0.0)], 1.0, 10).holds is None
    assert time_scale(0.1, [router("a", 5.0)], 1.0, 0).holds is None
    assert time_scale(0.1, [], 0.0, 0).degree == 0
