"""The key `test:`, which says how a file is run as a test."""

from bgplab.topology.graph import HowTested
from bgplab.topology.load import loads

ONE = "topology: {nodes: {r1: }}\n"


def test_a_file_that_says_nothing_is_for_both_engines():
    assert loads(ONE).test == HowTested(("virtual", "processes"), slow=False, timeout=None)


def test_a_file_says_its_engines_once_each_its_slowness_and_its_limit():
    text = ONE + "test: {engines: [virtual, virtual], slow: true, timeout: 1m}\n"
    assert loads(text).test == HowTested(("virtual",), slow=True, timeout=60.0)
