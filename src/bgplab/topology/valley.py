"""Valley-free routes in three phases: up to providers, across to peers, down to customers.

What relationships alone must lead to, computed without any exchange of messages (Gao and
Rexford, IEEE/ACM ToN 9(6), 2001; the phases are those of Gill, Schapira and Goldberg, 2012).
Experiments and tests lay a run against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from bgplab.errors import UsageError
from bgplab.topology.graph import Topology

Neighbors = Mapping[str, list[str]]
Routes = dict[str, tuple[str, ...]]  # router -> the routers on its way, itself first


class ValleyFree:
    """The solution for a topology of one router per AS whose links all have a relationship.

    Raises UsageError for another topology. Customers must not be their own providers, however
    indirectly (see graph.provider_cycle).
    """

    def __init__(self, topology: Topology) -> None:
        nodes = topology.nodes
        if len({node.asn for node in nodes}) < len(nodes):
            raise UsageError("valley-free routes are for one router per AS")
        self._identifier = {node.name: int(IPv4Address(node.identifier)) for node in nodes}
        self._providers: dict[str, list[str]] = {node.name: [] for node in nodes}
        self._customers: dict[str, list[str]] = {node.name: [] for node in nodes}
        self._peers: dict[str, list[str]] = {node.name: [] for node in nodes}
        for link in topology.links:
            if not link.relationship:
                raise UsageError(f"the link of {link.a} and {link.b} has no relationship")
            if link.relationship == "peer-peer":
                self._peers[link.a].append(link.b)
                self._peers[link.b].append(link.a)
                continue
            provider, customer = link.a, link.b
            if link.relationship == "customer-provider":
                provider, customer = customer, provider
            self._providers[customer].append(provider)
            self._customers[provider].append(customer)

    def routes(self, origin: str) -> Routes:
        """Give each router's way to `origin`; routers that have none are left out.

        Of equally long ways of one kind the neighbour with the lowest BGP Identifier wins (RFC
        4271 section 9.1.2.2 f).
        """
        up = self._spread({origin: (origin,)}, self._providers)
        across = {
            name: (name, *self._best(up, near))
            for name, peers in self._peers.items()
            if name not in up and (near := [peer for peer in peers if peer in up])
        }
        return self._spread(up | across, self._customers)

    def _best(self, routes: Routes, names: list[str]) -> tuple[str, ...]:
        return min(
            (routes[name] for name in names),
            key=lambda route: (len(route), self._identifier[route[0]]),
        )

    def _spread(self, known: Routes, onward: Neighbors) -> Routes:
        """Hand routes on, the shortest first, to routers that have none yet."""
        found = dict(known)
        by_length: dict[int, list[str]] = {}
        for name, route in known.items():
            by_length.setdefault(len(route), []).append(name)
        length = 1
        while by_length:
            ready = sorted(by_length.pop(length, ()), key=self._identifier.__getitem__)
            for name in ready:
                for other in onward[name]:
                    if other not in found:
                        found[other] = (other, *found[name])
                        by_length.setdefault(length + 1, []).append(other)
            length += 1
        return found
