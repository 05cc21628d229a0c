"""Rules and relationships of a file, as routers are handed them."""

import pytest

from bgplab.config import PeerConfig, RouterConfig, Rule
from bgplab.topology.graph import provider_cycle
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.topology.units import WELL_KNOWN, parse_community
from bgplab.topology.write import write_generated
from bgplab.wire.attributes.communities import format_community


def peers(text: str) -> dict[tuple[str, str], PeerConfig]:
    """Load and plan a file; give each router's view of each of its peers."""
    return {
        (router.name, peer.name): peer
        for router in plan(loads(text)).routers
        for peer in router.peers
    }


def test_a_rule_of_a_file_is_that_of_the_router():
    made = peers(
        """
topology:
  nodes:
    r1:
      import:
        - match: {as-path: [65002, 65009], neighbor: [r2, r3], community: [65000:10, no-export]}
          set: {local-pref: 200, med: 5, communities: 1:1, add-communities: [1:2],
            remove-communities: [1:3]}
          then: next
        - reject
      export: [{set: {prepend: 3}}, {match: {as-path: []}}, accept]
    r2:
    r3:
  links: [r1-r2, r1-r3]
"""
    )
    assert made["r1", "r2"].imports == (
        Rule(
            as_path=(65002, 65009),
            neighbors=("r2", "r3"),
            communities=(65000 << 16 | 10, 0xFFFFFF01),
            local_pref=200,
            med=5,
            set_communities=(1 << 16 | 1,),
            add_communities=(1 << 16 | 2,),
            remove_communities=(1 << 16 | 3,),
            then="next",
        ),
        Rule(then="reject"),
    )
    assert made["r1", "r2"].exports == (Rule(prepend=3), Rule(as_path=()), Rule())
    assert made["r2", "r1"].imports == made["r2", "r1"].exports == ()


def test_rules_of_a_link_count_over_node_over_group_over_defaults():
    made = peers(
        """
topology:
  defaults: {import: [{set: {med: 1}}], export: [{set: {med: 10}}]}
  groups: {g: {import: [{set: {med: 2}}]}}
  nodes:
    a: {group: g, import: [{set: {med: 3}}]}
    b: {group: g}
    c:
    d: {import: []}
  links:
    - a-b
    - b-c
    - {endpoints: [c, d], export: []}
    - {endpoints: [d, a], import: {a: [{set: {med: 4}}]}}
"""
    )
    meds = {pair: [rule.med for rule in peer.imports] for pair, peer in made.items()}
    assert meds == {
        ("a", "b"): [3],
        ("a", "d"): [4],
        ("b", "a"): [2],
        ("b", "c"): [2],
        ("c", "b"): [1],
        ("c", "d"): [1],
        ("d", "c"): [],
        ("d", "a"): [],
    }
    assert {pair for pair, peer in made.items() if not peer.exports} == {("c", "d"), ("d", "c")}


@pytest.mark.parametrize("ibgp", ["mesh", "links"])
def test_inside_an_as_only_the_rules_of_links_hold(ibgp):
    made = peers(
        f"""
topology:
  ibgp: {ibgp}
  defaults: {{asn: 65000, import: [reject], export: [reject]}}
  nodes: {{a: , b: , c: }}
  links: [a-b, {{endpoints: [c, b], import: {{c: [{{set: {{local-pref: 7}}}}]}}}}]
"""
    )
    assert made["a", "b"].imports == made["b", "c"].imports == ()
    assert made["c", "b"].imports == (Rule(local_pref=7),)
    assert {peer.exports for peer in made.values()} == {()}


@pytest.mark.parametrize(
    "relationship, of_a, of_b",
    [
        ("provider-customer", "customer", "provider"),
        ("customer-provider", "provider", "customer"),
        ("peer-peer", "peer", "peer"),
    ],
)
def test_a_relationship_reads_along_the_endpoints(relationship, of_a, of_b):
    made = peers(
        "topology: {nodes: {a: , b: }, links: "
        f"[{{endpoints: [a, b], relationship: {relationship}}}]}}"
    )
    assert made["a", "b"].relationship == of_a
    assert made["b", "a"].relationship == of_b


def test_policy_crosses_a_process_boundary_as_json():
    routers = plan(
        loads(
            """
topology:
  nodes: {a: {import: [{match: {as-path: [1], community: 1:1}, set: {med: 0}}, reject]}, b: }
  links: [{endpoints: a-b, relationship: peer-peer, export: [{set: {communities: 1:1}}]}]
"""
        )
    ).routers
    assert [RouterConfig.from_json(router.to_json()) for router in routers] == list(routers)


def test_generated_relationships_are_those_of_networkx():
    import networkx

    graph = networkx.random_internet_as_graph(60, seed=3)
    model = "topology: {generate: {model: internet-as, n: 60, seed: 3%s}}"
    topology = loads(model % ", relationships: true")
    found = {}
    for link in topology.links:
        ends = int(link.a[1:]) - 1, int(link.b[1:]) - 1
        kinds = link.relationship.split("-")
        customer = ends[kinds.index("customer")] if "customer" in kinds else None
        found[frozenset(ends)] = "none" if customer is None else str(customer)
    assert found == {
        frozenset((a, b)): data["customer"] for a, b, data in graph.edges(data=True)
    }
    silent = loads(model % "").links
    assert {link.relationship for link in silent} == {""}
    assert [(link.a, link.b) for link in silent] == [(ln.a, ln.b) for ln in topology.links]


def test_an_expanded_file_keeps_its_relationships():
    parameters = {"model": "internet-as", "n": 20, "seed": 1, "relationships": True}
    short, long = (
        loads(write_generated(parameters, expand=expand)) for expand in (False, True)
    )
    assert short.links == long.links
    assert {link.relationship for link in long.links} == {"provider-customer", "peer-peer"}


def links_of(*pairs: str) -> str:
    """Write links as `customer>provider` or `peer=peer`."""
    written = []
    for pair in pairs:
        a, sign, b = tuple(pair)
        kind = "customer-provider" if sign == ">" else "peer-peer"
        written.append(f"{{endpoints: [{a}, {b}], relationship: {kind}}}")
    names = sorted({name for pair in pairs for name in pair[::2]})
    nodes = ", ".join(f"{name}: " for name in names)
    return f"topology: {{nodes: {{{nodes}}}, links: [{', '.join(written)}]}}"


@pytest.mark.parametrize(
    "pairs, cycle",
    [
        (("a>b", "b>c", "c>a"), (65001, 65002, 65003)),
        (("e>a", "a>d", "a>b", "b>c", "c>a", "d>c"), (65001, 65004, 65003)),
        (("a>b", "b>c", "a>c", "c=d", "d=a"), ()),
        (("a=b", "b=c", "c=a"), ()),
        (("a>c", "b>c", "a>d", "b>d", "c>e", "d>e"), ()),
    ],
)
def test_customers_that_are_their_own_providers_are_warned_of(pairs, cycle):
    topology = loads(links_of(*pairs))
    assert provider_cycle(topology) == cycle
    found = [text for text in topology.warnings if text.startswith("a cycle of customer")]
    assert bool(found) == bool(cycle)


@pytest.mark.parametrize(
    "text, number",
    [("1:0", 0x10000), ("65535:65535", 0xFFFFFFFF), ("no-export", 0xFFFFFF01)],
)
def test_communities_are_read(text, number):
    assert parse_community(text) == number


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_well_known_communities_are_written_by_the_names_that_are_read(name):
    assert format_community(parse_community(name)) == name


@pytest.mark.parametrize("value", ["0:1", "65536:1", "1:65536", "1", 65536, "1:2:3", None, ""])
def test_what_is_no_community_is_refused(value):
    with pytest.raises(ValueError, match="community"):
        parse_community(value)
