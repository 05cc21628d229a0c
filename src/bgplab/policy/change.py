"""What a rule sets, as a function from terms to terms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

from bgplab.config import Rule
from bgplab.rib.path import Terms

Change: TypeAlias = Callable[[Terms], Terms]

# RFC 1997 reserves communities 0:0 to 0:65535. The lab marks routes with them inside an AS
# (relationships.py), so a rule that sets communities anew leaves these alone.
FIRST_FREE = 0x10000


def change(rule: Rule) -> Change | None:
    """Make the function that applies what a rule sets, or None if it sets nothing."""
    if rule == Rule(rule.as_path, rule.neighbors, rule.communities, then=rule.then):
        return None
    # Few sets of communities, many paths that carry them.
    recolour = lru_cache(maxsize=256)(partial(new_communities, rule))
    return lambda terms: Terms(
        terms.local_pref if rule.local_pref is None else rule.local_pref,
        terms.med if rule.med is None else rule.med,
        recolour(terms.communities),
        terms.prepend + rule.prepend,
    )


def new_communities(rule: Rule, old: tuple[int, ...]) -> tuple[int, ...]:
    """Set, then remove, then add communities as a rule says; none comes twice."""
    if rule.set_communities is not None:
        old = (*(item for item in old if item < FIRST_FREE), *rule.set_communities)
    kept = [item for item in old if item not in rule.remove_communities]
    return tuple(dict.fromkeys((*kept, *rule.add_communities)))
