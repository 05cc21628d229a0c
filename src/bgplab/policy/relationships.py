"""Customer, peer and provider as rules (Gao and Rexford, IEEE/ACM ToN 9(6), 2001).

A route from a customer is preferred to one from a peer, and that to one from a provider. All
routes go to customers; to peers and providers go only those that came from customers, and the
AS's own. So nobody carries traffic that nobody pays for: every path is valley-free.

Where a route came from is marked by a community at the border of the AS, which iBGP carries and
which never leaves the AS. A route without a mark is the AS's own, or came over a link whose
relationship is not stated; it goes to everyone.
"""

from __future__ import annotations

from bgplab.config import PeerConfig, RouterConfig, Rule

# LOCAL_PREF by what the neighbour is to us.
PREFERENCE = {"customer": 300, "peer": 200, "provider": 100}
# Communities 0:300, 0:200 and 0:100: a range that RFC 1997 reserves, so no file uses them.
MARKS = PREFERENCE
ALL_MARKS = tuple(MARKS.values())

_UNMARK = Rule(remove_communities=ALL_MARKS, then="next")
_IMPORTS = {
    kind: Rule(
        local_pref=PREFERENCE[kind],
        remove_communities=ALL_MARKS,
        add_communities=(MARKS[kind],),
        then="next",
    )
    for kind in PREFERENCE
}
_OWN_AND_CUSTOMERS = Rule(communities=(MARKS["peer"], MARKS["provider"]), then="reject")


def import_rules(peer: PeerConfig) -> tuple[Rule, ...]:
    """Give the rules for what a peer announces: those of its relationship, then its own."""
    if not peer.relationship:
        return peer.imports
    return (_IMPORTS[peer.relationship], *peer.imports)


def export_rules(router: RouterConfig, peer: PeerConfig) -> tuple[Rule, ...]:
    """Give the rules for what a peer is told: those of its relationship, then its own.

    Marks stay inside the AS, whatever the peer is; a router may hold some if it, or another of
    its AS, has neighbours with a relationship.
    """
    marked = any(other.relationship or other.asn == router.asn for other in router.peers)
    if peer.asn == router.asn or not marked:
        return peer.exports
    if peer.relationship in ("peer", "provider"):
        return (_OWN_AND_CUSTOMERS, _UNMARK, *peer.exports)
    return (_UNMARK, *peer.exports)
