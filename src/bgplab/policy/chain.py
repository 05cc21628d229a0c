"""A chain of rules as one function: the first rule that holds decides.

Rules go through in order. One that holds and says "accept" or "reject" ends the chain, one that
says "next" changes the terms and lets the chain go on; what no rule decides is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from bgplab.config import Rule
from bgplab.policy.change import change
from bgplab.policy.match import conditions
from bgplab.rib.path import Path, Policy, Terms


def compile_chain(rules: Sequence[Rule], neighbor: str) -> Policy | None:
    """Make the policy of the session with a neighbour; None if no rule is for that session.

    Equal rules give the same function, so that peers can share what it leads to.
    """
    own = tuple(
        replace(rule, neighbors=())
        for rule in rules
        if not rule.neighbors or neighbor in rule.neighbors
    )
    return _compile(own) if own else None


@lru_cache(maxsize=1024)
def _compile(rules: tuple[Rule, ...]) -> Policy:
    steps = [(conditions(rule), change(rule), rule.then) for rule in rules]

    def chain(path: Path, terms: Terms) -> Terms | None:
        for wanted, apply, then in steps:
            for holds in wanted:
                if not holds(path, terms):
                    break
            else:
                if then == "reject":
                    return None
                if apply is not None:
                    terms = apply(terms)
                if then == "accept":
                    return terms
        return terms

    return chain
