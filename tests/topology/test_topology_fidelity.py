"""The key `fidelity`: how punctual timers must be."""

import pytest

from bgplab.errors import TopologyError
from bgplab.topology.graph import FidelityLimits
from bgplab.topology.load import loads

LAB = "topology: {nodes: {r1: , r2: }, links: [r1-r2]}\n"


@pytest.mark.parametrize(
    "text,expected",
    [
        ("", FidelityLimits(0.05, None)),
        ("fidelity: {}\n", FidelityLimits(0.05, None)),
        ("fidelity: {share: 0.1}\n", FidelityLimits(0.1, None)),
        ("fidelity: {lateness: 20ms}\n", FidelityLimits(0.05, 0.02)),
    ],
)
def test_the_limit_is_a_share_or_a_time(text, expected):
    assert loads(text + LAB).fidelity == expected


@pytest.mark.parametrize(
    "text,message",
    [
        ("{share: 0.1, lateness: 1s}", "1:11: fidelity: 'share' and 'lateness' set the same"),
        ("{lateness: 0}", "1:11: fidelity: a lateness of 0s cannot be kept"),
        ("{share: 0}", "1:19: fidelity.share: expected more than 0.0, not 0"),
        ("{lateness: soon}", "1:22: fidelity.lateness: expected a duration"),
        ("20ms", "1:11: fidelity: expected a mapping"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_in_its_place(text, message):
    with pytest.raises(TopologyError) as caught:
        loads(f"fidelity: {text}\n{LAB}")
    assert message in str(caught.value)
