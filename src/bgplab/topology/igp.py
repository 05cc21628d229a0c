"""The IGP inside each AS: shortest paths by link cost, so that NEXT_HOPs resolve.

RFC 4271 section 9.1.2.1 asks the IGP for the cost to each NEXT_HOP; the lab works it out
beforehand from the costs in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from bgplab.topology.graph import Topology

# Cost, then the delay and the jitter that octets meet on the way; compared in this order.
Way = tuple[float, float, float]

_HERE: Way = (0.0, 0.0, 0.0)


class Igp:
    """Shortest ways between the routers of each AS of a topology."""

    def __init__(self, topology: Topology) -> None:
        self._order = {node.name: index for index, node in enumerate(topology.nodes)}
        self._next_hop = {node.name: node.identifier for node in topology.nodes}
        self._inside: dict[str, list[tuple[str, Way]]] = {name: [] for name in self._order}
        self._outside: dict[str, list[tuple[str, float]]] = {name: [] for name in self._order}
        asn = {node.name: node.asn for node in topology.nodes}
        for link in topology.links:
            for i, (a, b) in enumerate(((link.a, link.b), (link.b, link.a))):
                if asn[a] == asn[b]:
                    cost = 1.0 if link.cost is None else float(link.cost)
                    self._inside[a].append((b, (cost, link.delay[i], link.jitter[i])))
                else:
                    self._outside[a].append((b, float(link.cost or 0)))
        self._ways: dict[str, dict[str, Way]] = {}
        self._first: dict[str, dict[str, str]] = {}

    def ways(self, start: str) -> dict[str, Way]:
        """Return the best way from `start` to each router of its AS that it reaches.

        Dijkstra's algorithm; of equal costs the least delay wins.
        """
        if start in self._ways:
            return self._ways[start]
        best: dict[str, Way] = {}
        first: dict[str, str] = {}
        heap: list[tuple[Way, int, str, str]] = [(_HERE, 0, start, "")]
        while heap:
            way, _, name, hop = heappop(heap)
            if name in best:
                continue
            best[name] = way
            if hop:
                first[name] = hop
            for other, (cost, delay, jitter) in self._inside[name]:
                if other not in best:
                    onward = (way[0] + cost, way[1] + delay, way[2] + jitter)
                    heappush(heap, (onward, self._order[other], other, hop or other))
        self._ways[start], self._first[start] = best, first
        return best

    def first_hops(self, start: str) -> dict[str, str]:
        """Map each router that `start` reaches in its AS to the next router on the way there.

        Of ways that are equally good the one whose next router has the least name.
        """
        self.ways(start)
        return self._first[start]

    def pairs(self) -> Iterator[tuple[str, str, Way, Way]]:
        """Yield each pair of routers that an IGP joins, in file order, with both directions."""
        for a in self._order:
            if not self._inside[a]:
                continue
            ways = self.ways(a)
            for b in sorted(ways, key=self._order.__getitem__):
                if self._order[b] > self._order[a]:
                    yield a, b, ways[b], self.ways(b)[a]

    def costs(self, start: str) -> dict[str, float]:
        """Return the cost from `start` to each NEXT_HOP that it can resolve.

        Those are the routers of its AS, and the neighbours of these in other ASes.
        """
        costs: dict[str, float] = {}
        ways = self.ways(start)
        for name, (cost, _, _) in ways.items():
            if name != start:
                costs[self._next_hop[name]] = cost
        for name, (cost, _, _) in ways.items():
            for other, extra in self._outside[name]:
                hop = self._next_hop[other]
                costs[hop] = min(costs.get(hop, cost + extra), cost + extra)
        return costs
