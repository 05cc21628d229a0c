"""Import of GraphML: a small graph with each oddity, and the Topology Zoo where at hand."""

import os
from pathlib import Path

import pytest

from bgplab.errors import TopologyError
from bgplab.topology.import_graphml import import_graphml
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

SHARED = Path(os.environ.get("BGPLAB_SHARED", Path(__file__).parents[3] / "shared"))
ZOO = {  # nodes, links, pieces
    "Aarnet": (19, 24, 1),
    "Abilene": (11, 14, 1),
    "Bellcanada": (48, 64, 1),
    "Cogentco": (197, 243, 1),
    "Colt": (153, 177, 1),
    "DialtelecomCz": (193, 151, 56),
    "Geant2012": (40, 61, 1),
    "Kdl": (754, 895, 1),
    "Nsfnet": (13, 15, 1),
}
ODD = """\
<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="label" attr.type="string" for="node" id="d1" />
  <key attr.name="Internal" attr.type="int" for="node" id="d2" />
  <key attr.name="Latitude" attr.type="double" for="node" id="d3" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d4" />
  <key attr.name="Network" attr.type="string" for="graph" id="d5" />
  <graph edgedefault="undirected">
    <data key="d5">Odd: a "net"</data>
    <node id="0"><data key="d1">S\u00e3o Paulo</data><data key="d3">-23.5</data>
      <data key="d4">-46.6</data></node>
    <node id="1"><data key="d1">Athens</data></node>
    <node id="2"><data key="d1">Athens</data></node>
    <node id="3"><data key="d1">Athens1</data></node>
    <node id="4"><data key="d1">None</data></node>
    <node id="5" />
    <node id="6"><data key="d1">Elsewhere</data><data key="d2">0</data></node>
    <node id="7"><data key="d1">no</data></node>
    <edge source="0" target="1" />
    <edge source="1" target="0" />
    <edge source="1" target="1" />
    <edge source="1" target="2" />
    <edge source="2" target="3" />
    <edge source="3" target="4" />
    <edge source="4" target="5" />
    <edge source="5" target="6" />
  </graph>
</graphml>
"""


def odd(tmp_path: Path, **options):
    path = tmp_path / "odd.graphml"
    path.write_text(ODD, encoding="utf-8")
    imported = import_graphml(path, **options)
    return imported, loads(imported.text, "odd.yaml")


def test_oddities_are_mended_and_told(tmp_path):
    imported, topology = odd(tmp_path)
    assert imported.notes == (
        "1 external node left out (Internal = 0)",
        "1 link from a node to itself left out",
        "1 parallel link merged with the first of its pair",
        "2 nodes without a label named after the id: n0, n1 ...",
        "2 nodes with a label used twice numbered: a1, a2 ...",
        "2 labels turned into a name (x-label keeps it)",
        "the graph has 2 separate pieces (1 of a single node), all kept",
    )
    names = [node.name for node in topology.nodes]
    assert names == ["SaoPaulo", "Athens2", "Athens3", "Athens1", "n4", "n5", "No"]
    assert len(topology.links) == 5
    assert topology.description == 'Odd: a "net": 7 nodes and 5 links, one AS per node.'
    assert 'SaoPaulo: {x-label: "S\u00e3o Paulo", x-position: [-23.5, -46.6]}' in imported.text
    assert "# - 1 parallel link merged" in imported.text
    assert len({node.asn for node in topology.nodes}) == 7
    assert all(len(node.originate) == 1 for node in topology.nodes)


def test_external_nodes_are_kept_on_request(tmp_path):
    _, topology = odd(tmp_path, external=True)
    assert "Elsewhere" in [node.name for node in topology.nodes]
    assert len(topology.links) == 6


def test_only_the_largest_piece_is_kept_on_request(tmp_path):
    imported, topology = odd(tmp_path, largest=True)
    assert "1 node outside the largest of 2 pieces left out" in imported.notes
    assert len(topology.nodes) == 6
    assert topology.warnings == ()


def test_one_as_makes_an_ibgp_mesh(tmp_path):
    _, topology = odd(tmp_path, one_as=True, largest=True)
    assert {node.asn for node in topology.nodes} == {65000}
    assert len(plan(topology).sessions) == 6 * 5 // 2


@pytest.mark.parametrize(
    "octets, expected",
    [
        (b"", "1:1: not XML: no element found"),
        (b"<graphml>\n  <graph>\n</graphml>", "3:3: not XML: mismatched tag"),
        (b"<html></html>", "1:1: not a GraphML graph: "),
        (b"graph [ node [ id 0 ] ]", "1:1: not XML: syntax error"),
        (b"\x00\x01\x02", "1:1: not XML: not well-formed"),
    ],
    ids=["empty", "broken", "html", "gml", "binary"],
)
def test_file_that_is_no_graphml_is_refused(tmp_path, octets, expected):
    path = tmp_path / "x.graphml"
    path.write_bytes(octets)
    with pytest.raises(TopologyError) as caught:
        import_graphml(path)
    assert str(caught.value).startswith(f"{path}:{expected}")


def test_graph_without_nodes_is_refused(tmp_path):
    path = tmp_path / "x.graphml"
    path.write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<graph edgedefault="undirected"/></graphml>'
    )
    with pytest.raises(TopologyError, match="0 nodes to import"):
        import_graphml(path)


def test_file_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(TopologyError, match="cannot read the file: no such file"):
        import_graphml(tmp_path / "x.graphml")


@pytest.mark.parametrize("name", ZOO)
def test_topology_zoo_imports(name):
    path = SHARED / "data" / "zoo" / f"{name}.graphml"
    if not path.exists():
        pytest.skip("the Topology Zoo is not at hand (BGPLAB_SHARED)")
    nodes, links, pieces = ZOO[name]
    imported = import_graphml(path)
    topology = loads(imported.text, f"{name}.yaml")
    assert (len(topology.nodes), len(topology.links)) == (nodes, links)
    assert bool(topology.warnings) == (pieces > 1)
    assert len(plan(topology).sessions) == links
    inside = loads(import_graphml(path, one_as=True, largest=True).text)
    assert inside.warnings == ()


def test_abilene_of_the_gallery_is_that_of_the_zoo():
    path = SHARED / "data" / "zoo" / "Abilene.graphml"
    if not path.exists():
        pytest.skip("the Topology Zoo is not at hand (BGPLAB_SHARED)")
    zoo = loads(import_graphml(path).text)
    ours = loads((Path(__file__).parents[2] / "topologies" / "abilene.yaml").read_text())
    alike = [{frozenset((link.a, link.b)) for link in lab.links} for lab in (zoo, ours)]
    assert alike[0] == alike[1]
