"""Any chain of rules does what its rules say, read one by one."""

from hypothesis import given
from hypothesis import strategies as st

from bgplab.config import Rule
from bgplab.policy.chain import compile_chain
from bgplab.rib.path import Local, Path, Source, Terms
from bgplab.wire.attributes import AS_SEQUENCE, PathAttributes, Segment

LOCAL = Local(65001, "10.0.0.1", {})
SOURCE = Source("a", 65002, False, 2, 2)

asns = st.lists(st.sampled_from([1, 2, 3]), max_size=2).map(tuple)
communities = st.lists(st.sampled_from([300, 0x10001, 0x10002]), max_size=2, unique=True).map(
    tuple
)
numbers = st.none() | st.integers(0, 3)
rules = st.builds(
    Rule,
    as_path=st.none() | asns,
    neighbors=st.sampled_from([(), (), ("a",), ("b",), ("a", "b")]),
    communities=st.just(()) | communities,
    local_pref=numbers,
    med=numbers,
    set_communities=st.none() | communities,
    add_communities=communities,
    remove_communities=communities,
    prepend=st.integers(0, 2),
    then=st.sampled_from(["accept", "reject", "next", "next"]),
)


def by_the_book(chain, as_path, terms: Terms) -> Terms | None:
    """Read the rules one after the other, as the reference of the language has them."""
    for rule in chain:
        if rule.neighbors and "a" not in rule.neighbors:
            continue
        if rule.as_path is not None and rule.as_path != as_path:
            continue
        if rule.communities and not set(rule.communities) & set(terms.communities):
            continue
        if rule.then == "reject":
            return None
        carried = list(terms.communities)
        if rule.set_communities is not None:
            carried = [item for item in carried if item >> 16 == 0]
            carried += [item for item in rule.set_communities if item not in carried]
        carried = [item for item in carried if item not in rule.remove_communities]
        carried += [item for item in rule.add_communities if item not in carried]
        terms = Terms(
            terms.local_pref if rule.local_pref is None else rule.local_pref,
            terms.med if rule.med is None else rule.med,
            tuple(carried),
            terms.prepend + rule.prepend,
        )
        if rule.then == "accept":
            break
    return terms


@given(st.lists(rules, max_size=5), asns, communities)
def test_a_compiled_chain_does_what_its_rules_say(chain, as_path, carried):
    segments = (Segment(AS_SEQUENCE, as_path),) if as_path else ()
    attributes = PathAttributes(as_path=segments, next_hop="10.0.0.2", communities=carried)
    path = Path(attributes, SOURCE, LOCAL)
    policy = compile_chain(chain, "a")
    made = path.terms if policy is None else policy(path, path.terms)
    assert made == by_the_book(chain, as_path, path.terms)
