"""The conditions of a rule, each a function of a path and its terms.

The neighbour is no condition here: which session it is, is known before any path comes
(chain.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bgplab.config import Rule
from bgplab.rib.path import Path, Terms

Condition: TypeAlias = Callable[[Path, Terms], bool]


def conditions(rule: Rule) -> tuple[Condition, ...]:
    """List what must hold for a path, the cheapest first; nothing for a rule for all paths."""
    found: list[Condition] = []
    if rule.communities:
        found.append(carries_one_of(rule.communities))
    if rule.as_path is not None:
        found.append(has_as_path(rule.as_path))
    return tuple(found)


def carries_one_of(communities: tuple[int, ...]) -> Condition:
    """Hold for paths that carry at least one of the communities (RFC 1997)."""
    wanted = frozenset(communities)
    return lambda path, terms: not wanted.isdisjoint(terms.communities)


def has_as_path(as_path: tuple[int, ...]) -> Condition:
    """Hold for paths of exactly these AS numbers in this order.

    The AS_PATH is the one that was received: without our own AS, empty for our own routes. One
    with an AS_SET, which has no order, is never the same as a list.
    """
    return lambda path, terms: path.sequence == as_path
