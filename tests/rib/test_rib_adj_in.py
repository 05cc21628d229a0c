"""Adj-RIB-In: blocks parsed once, and no growth without bound."""

import sys

from bgplab.rib.adj_in import SLACK, AdjRibIn
from bgplab.rib.path import Local, Path, Source
from bgplab.wire.attributes import PathAttributes

LOCAL = Local(65000, "10.0.0.1", {})
SOURCE = Source("x", 65001, False, 1, 1)


def parse(block):
    return Path(PathAttributes(), SOURCE, LOCAL, block)


def refuse(block):
    return None


def fail(block):
    raise AssertionError("a known block is not parsed again")


def test_a_block_is_parsed_once():
    adj = AdjRibIn()
    path = adj.path(b"block", parse)
    assert path is not None
    assert path.block == b"block"
    assert adj.path(b"block", fail) is path


def test_a_block_that_makes_no_path_is_not_kept():
    adj = AdjRibIn()
    assert adj.path(b"bad", refuse) is None
    assert adj.path(b"bad", parse) is not None


def test_inventing_attributes_for_one_prefix_does_not_grow_the_table():
    adj = AdjRibIn()
    for number in range(10 * SLACK):
        path = adj.path(number.to_bytes(4), parse)
        assert path is not None
        adj.routes[b"\0"] = path
    assert len(adj._blocks) <= SLACK + 4
    assert sys.getsizeof(adj._blocks) < 200_000


def test_blocks_in_use_survive_the_sweep():
    adj = AdjRibIn()
    used = adj.path(b"used", parse)
    assert used is not None
    adj.routes[b"\0"] = used
    for number in range(3 * SLACK):
        adj.path(number.to_bytes(4), parse)
    assert adj.path(b"used", fail) is used


def test_clearing_gives_the_prefixes_and_forgets_the_blocks():
    adj = AdjRibIn()
    path = adj.path(b"block", parse)
    assert path is not None
    adj.routes = {b"\1": path, b"\0": path}
    assert adj.clear() == [b"\1", b"\0"]
    assert adj.routes == {}
    assert adj.path(b"block", parse) is not path
