"""Customer, peer and provider as rules (Gao and Rexford, 2001)."""

import pytest

from bgplab.config import PeerConfig, RouterConfig, Rule
from bgplab.policy.chain import compile_chain
from bgplab.policy.relationships import ALL_MARKS, export_rules, import_rules
from bgplab.rib.path import Local, Path, Source
from bgplab.wire.attributes import AS_SEQUENCE, PathAttributes, Segment, decode_attributes

KINDS = ("customer", "peer", "provider")
LOCAL = Local(65000, "10.0.0.1", {})
USER = 65000 << 16 | 1


def peer(name: str, relationship: str = "", asn: int = 65001, **more) -> PeerConfig:
    return PeerConfig(name, "127.0.0.2", 1790, asn, relationship=relationship, **more)


ROUTER = RouterConfig(
    "r", 65000, "10.0.0.1", "127.0.0.1", 1790, "10.0.0.1", peers=tuple(map(peer, KINDS, KINDS))
)


def admitted(source: PeerConfig, *communities: int) -> Path:
    """Make a path from a peer as its import rules leave it."""
    attributes = PathAttributes(
        as_path=(Segment(AS_SEQUENCE, (65001,)),), next_hop="10.0.0.2", communities=communities
    )
    path = Path(attributes, Source(source.name, source.asn, False, 2, 2), LOCAL)
    policy = compile_chain(import_rules(source), source.name)
    if policy is not None:
        path.admit(policy)
    return path


def told(path: Path, to: PeerConfig, router: RouterConfig = ROUTER) -> PathAttributes | None:
    policy = compile_chain(export_rules(router, to), to.name)
    internal = to.asn == router.asn
    block = path.export(LOCAL, internal, four_octet=True, policy=policy)
    if block is None:
        return None
    return decode_attributes(block, four_octet=True, internal=internal).attributes


@pytest.mark.parametrize(
    "kind, preference", [("customer", 300), ("peer", 200), ("provider", 100)]
)
def test_customers_are_preferred_to_peers_and_these_to_providers(kind, preference):
    assert admitted(peer("x", kind)).local_pref == preference


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_peers_and_providers_are_told_routes_of_customers_only(source, to):
    attributes = told(admitted(peer("x", source)), peer("y", to))
    assert (attributes is not None) == (to == "customer" or source == "customer")


@pytest.mark.parametrize("to", KINDS)
def test_everyone_is_told_own_routes(to):
    own = Path(PathAttributes(next_hop="10.0.0.1"), Source("", 65000, False, 1, 0), LOCAL)
    attributes = told(own, peer("y", to))
    assert attributes is not None
    assert attributes.communities == ()


@pytest.mark.parametrize("to", ["customer", ""])
@pytest.mark.parametrize("source", ["customer", "peer", "provider", ""])
def test_marks_never_leave_the_as_and_other_communities_do(source, to):
    attributes = told(admitted(peer("x", source), USER), peer("y", to))
    assert attributes is not None
    assert attributes.communities == (USER,)


@pytest.mark.parametrize("mark", ALL_MARKS)
def test_marks_of_another_as_mean_nothing(mark):
    path = admitted(peer("x", "provider"), mark)
    assert told(path, peer("y", "peer")) is None
    assert told(path, peer("y", "customer")) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_internal_peers_are_told_the_mark_and_the_preference(kind):
    path = admitted(peer("x", kind))
    attributes = told(path, peer("inside", asn=65000))
    assert attributes is not None
    assert attributes.communities == path.communities
    assert attributes.local_pref == path.local_pref


def test_a_router_that_has_marks_from_internal_peers_only_keeps_them_inside():
    inside, outside = peer("inside", asn=65000), peer("outside")
    router = RouterConfig(
        "r", 65000, "10.0.0.1", "127.0.0.1", 1790, "10.0.0.1", peers=(inside, outside)
    )
    attributes = told(admitted(peer("x", "customer")), outside, router)
    assert attributes is not None
    assert attributes.communities == ()


def test_own_rules_come_after_the_relationship_and_may_prefer_otherwise():
    """RFC 4264: a community that makes a customer's route the least preferred one."""
    backup = Rule(communities=(USER,), local_pref=50)
    customer = peer("x", "customer", imports=(backup,))
    assert admitted(customer, USER).local_pref == 50
    assert admitted(customer).local_pref == 300


def test_own_rules_cannot_wash_a_mark_off():
    """Setting communities anew leaves those that RFC 1997 reserves."""
    provider = peer("x", "provider", imports=(Rule(set_communities=(USER,)),))
    assert told(admitted(provider), peer("y", "peer")) is None


def test_without_relationships_there_are_no_rules():
    plain = RouterConfig(
        "r", 65000, "10.0.0.1", "127.0.0.1", 1790, "10.0.0.1", peers=(peer("x"),)
    )
    assert import_rules(plain.peers[0]) == export_rules(plain, plain.peers[0]) == ()
