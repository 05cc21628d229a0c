"""Adj-RIB-In: blocks parsed once, and no growth without bound."""

import sys

from bgplab.rib.adj_in import SLACK, AdjRibIn
from bgplab.rib.path import Local, Path, Source
from bgplab.wire.attributes import PathAttributes

LOCAL = Local(65000, "10.0.0.1", {})
SOURCE = Source("x", 65001, False, 1, 1)


def kept(adj, block):
    path = Path(PathAttributes(), SOURCE, LOCAL, block)
    adj.keep(path)
    return path


def test_a_block_that_has_come_before_is_known():
    adj = AdjRibIn()
    assert adj.known(b"block") is None
    path = kept(adj, b"block")
    assert adj.known(b"block") is path


def test_inventing_attributes_for_one_prefix_does_not_grow_the_table():
    adj = AdjRibIn()
    for number in range(10 * SLACK):
        adj.routes[b"\0"] = kept(adj, number.to_bytes(4))
    assert len(adj._blocks) <= SLACK + 4
    assert sys.getsizeof(adj._blocks) < 200_000


def test_blocks_in_use_survive_the_sweep():
    adj = AdjRibIn()
    used = kept(adj, b"used")
    adj.routes[b"\0"] = used
    for number in range(3 * SLACK):
        kept(adj, number.to_bytes(4))
    assert adj.known(b"used") is used


def test_clearing_gives_the_prefixes_and_forgets_the_blocks():
    adj = AdjRibIn()
    path = kept(adj, b"block")
    adj.routes = {b"\1": path, b"\0": path}
    assert adj.clear() == [b"\1", b"\0"]
    assert adj.routes == {}
    assert adj.known(b"block") is None
