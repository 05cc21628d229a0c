"""Rows of a Loc-RIB say what its paths' attributes say."""

from pathlib import Path

from bgplab.engines.outcome import route_rows
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.topology.load import load
from bgplab.topology.plan import plan
from bgplab.wire.attributes import format_as_path
from bgplab.wire.nlri import encode_prefix

GALLERY = Path(__file__).resolve().parents[2] / "topologies"


def test_rows_tell_as_path_and_next_hop_of_external_internal_and_own_routes():
    for file in ("triangle.yaml", "ibgp.yaml"):
        lab = VirtualLab(plan(load(GALLERY / file)), 0)
        run_at_once(lab.converge(60.0))
        for speaker in lab.network.speakers.values():
            rib = speaker.routing.loc_rib
            rows = list(route_rows(rib))
            assert len(rows) == len(rib.best) > 0
            for row in rows:
                path = rib.best[encode_prefix(row.prefix)]
                assert row.as_path == format_as_path(path.attributes.as_path)
                assert row.next_hop == path.attributes.next_hop
                assert row.peer == path.source.peer
