"""Graphs by rule: ring, line, star, clique, grid, tree, fat-tree and five random models.

A model is its parameters, a check across them (`faults`) and its `edges` over the numbers
0 to size - 1. The same seed always gives the same graph. networkx is imported only where its
own generator is used; the others cost no import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from random import Random  # seeded by the file, never shared: the graph is a function of it
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from bgplab.topology.fields import Asn, Model, Name, Originate, RouterName

if TYPE_CHECKING:
    import networkx

Edge = tuple[int, int]
Size = Annotated[int, Field(ge=1, le=65_000)]
Probability = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Generated(Model):
    """What all generators share; they make routers c1, c2 ... for `names: c`."""

    names: RouterName = Field(
        default="r",
        description="Prefix of the routers' names: c gives c1, c2 and so on. Lab: r.",
    )
    originate: Originate = Field(
        default=1, description="Number of generated /24s of each router. Lab: 1."
    )
    asn: Asn = Field(
        default=0, description="One AS for all routers. Left out: an AS of its own for each."
    )
    group: Name = Field(default="", description="The group whose settings the routers take.")

    @property
    def size(self) -> int:
        """The number of routers."""
        raise NotImplementedError

    def edges(self) -> list[Edge]:
        """Return the links, by number of router."""
        raise NotImplementedError

    def links(self) -> list[tuple[int, int, str]]:
        """Return the links with their relationship, "" where the model knows none."""
        return [(a, b, "") for a, b in self.edges()]

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) where parameters do not fit each other."""
        yield from ()


class Sized(Generated):
    """A generator whose parameter n is the number of routers."""

    n: Size = Field(description="Number of routers.")

    @property
    def size(self) -> int:
        """The number of routers."""
        return self.n


class Ring(Sized):
    """A cycle."""

    model: Literal["ring"]
    n: Annotated[int, Field(ge=3, le=65_000)] = Field(description="Number of routers, from 3.")

    def edges(self) -> list[Edge]:
        """Link each router to the next, the last to the first."""
        return [(i, i + 1) for i in range(self.n - 1)] + [(self.n - 1, 0)]


class Line(Sized):
    """A chain."""

    model: Literal["line"]

    def edges(self) -> list[Edge]:
        """Link each router to the next."""
        return [(i, i + 1) for i in range(self.n - 1)]


class Star(Sized):
    """One router in the middle, the first, and n - 1 around it."""

    model: Literal["star"]

    def edges(self) -> list[Edge]:
        """Link the first router to all others."""
        return [(0, i) for i in range(1, self.n)]


class Clique(Sized):
    """A full mesh."""

    model: Literal["clique"]
    n: Annotated[int, Field(ge=1, le=1_000)] = Field(description="Number of routers.")

    def edges(self) -> list[Edge]:
        """Link all pairs."""
        return list(combinations(range(self.n), 2))


class Grid(Generated):
    """A grid of rows and columns; routers are numbered row by row."""

    model: Literal["grid"]
    rows: Annotated[int, Field(ge=1, le=1_000)] = Field(description="Number of rows.")
    columns: Annotated[int, Field(ge=1, le=1_000)] = Field(description="Number of columns.")

    @property
    def size(self) -> int:
        """The number of routers."""
        return self.rows * self.columns

    def edges(self) -> list[Edge]:
        """Link each router to its right and lower neighbour."""
        wide = self.columns
        right = [(i, i + 1) for i in range(self.size) if (i + 1) % wide]
        return right + [(i, i + wide) for i in range(self.size - wide)]


class Tree(Sized):
    """A tree filled level by level; the first router is the root."""

    model: Literal["tree"]
    branching: Annotated[int, Field(ge=1)] = Field(
        default=2, description="Children of each router. Lab: 2."
    )

    def edges(self) -> list[Edge]:
        """Link each router to its parent."""
        return [((i - 1) // self.branching, i) for i in range(1, self.n)]


class FatTree(Generated):
    """A k-ary fat-tree (Clos): (k/2)^2 core switches, then k pods of k/2 upper, k/2 edge."""

    model: Literal["fat-tree"]
    k: Annotated[int, Field(ge=2, le=64, multiple_of=2)] = Field(
        description="Ports of each switch, an even number; 5k^2/4 routers."
    )

    @property
    def size(self) -> int:
        """The number of routers."""
        return 5 * self.k * self.k // 4

    def edges(self) -> list[Edge]:
        """Link upper switch j of each pod to core group j and to all edges of the pod."""
        half = self.k // 2
        links = []
        for pod in range(self.k):
            upper = half * half + pod * self.k
            for j in range(half):
                links += [(j * half + core, upper + j) for core in range(half)]
                links += [(upper + j, upper + half + edge) for edge in range(half)]
        return links


class BarabasiAlbert(Sized):
    """Growth by preferential attachment: few hubs, many leaves (Barabasi and Albert, 1999)."""

    model: Literal["barabasi-albert"]
    m: Annotated[int, Field(ge=1, le=1_000)] = Field(
        description="Links of each router that joins; less than n."
    )
    seed: Seed = Field(default=0, description="Seed of the graph. Lab: 0.")

    def faults(self) -> Iterator[tuple[str, str]]:
        """Ask for m < n."""
        if self.m >= self.n:
            yield "m", f"m ({self.m}) must be less than n ({self.n})"

    def edges(self) -> list[Edge]:
        """Return the graph of networkx.barabasi_albert_graph, without its import."""
        rng = Random(self.seed)
        links = [(0, i) for i in range(1, self.m + 1)]
        ends = [0] * self.m + list(range(1, self.m + 1))  # each router once per link it has
        for new in range(self.m + 1, self.n):
            chosen: set[int] = set()
            while len(chosen) < self.m:
                chosen.add(rng.choice(ends))
            # The order of a set of small integers is part of networkx's graph; it does not
            # depend on hash randomisation.
            targets = list(chosen)
            links += [(target, new) for target in targets]
            ends += targets + [new] * self.m
        return links


class ErdosRenyi(Sized):
    """Each pair linked with probability p; may fall into pieces."""

    model: Literal["erdos-renyi"]
    n: Annotated[int, Field(ge=1, le=5_000)] = Field(description="Number of routers.")
    p: Probability = Field(description="Probability of each link, from 0 to 1.")
    seed: Seed = Field(default=0, description="Seed of the graph. Lab: 0.")

    def edges(self) -> list[Edge]:
        """Return the graph of networkx.erdos_renyi_graph."""
        import networkx

        return _edges(networkx.erdos_renyi_graph(self.n, self.p, seed=self.seed))


class WattsStrogatz(Sized):
    """A ring lattice with some links rewired: short paths, many triangles."""

    model: Literal["watts-strogatz"]
    k: Annotated[int, Field(ge=2, le=1_000)] = Field(
        description="Nearest neighbours that each router starts with; less than n."
    )
    p: Probability = Field(description="Probability that a link is rewired, from 0 to 1.")
    seed: Seed = Field(default=0, description="Seed of the graph. Lab: 0.")

    def faults(self) -> Iterator[tuple[str, str]]:
        """Ask for k < n."""
        if self.k >= self.n:
            yield "k", f"k ({self.k}) must be less than n ({self.n})"

    def edges(self) -> list[Edge]:
        """Return the graph of networkx.watts_strogatz_graph."""
        import networkx

        return _edges(networkx.watts_strogatz_graph(self.n, self.k, self.p, seed=self.seed))


class InternetAs(Sized):
    """An Internet-like AS graph with transit and peering (Elmokashfi et al., 2010)."""

    model: Literal["internet-as"]
    n: Annotated[int, Field(ge=10, le=10_000)] = Field(description="Number of ASes, from 10.")
    seed: Seed = Field(default=0, description="Seed of the graph. Lab: 0.")
    relationships: bool = Field(
        default=False,
        description="Whether the links are those of providers, customers and peers, with the "
        "policies that follow, or carry all routes. Lab: false.",
    )

    def edges(self) -> list[Edge]:
        """Return the graph of networkx.random_internet_as_graph."""
        return [(a, b) for a, b, _ in self.links()]

    def links(self) -> list[tuple[int, int, str]]:
        """Return the graph of networkx, with the relationships that its edges state."""
        import networkx

        graph = networkx.random_internet_as_graph(self.n, seed=self.seed)
        return [
            (min(a, b), max(a, b), self._relationship(min(a, b), data))
            for a, b, data in graph.edges(data=True)
        ]

    def _relationship(self, first: int, data: Mapping[str, str]) -> str:
        if not self.relationships:
            return ""
        if data["type"] == "peer":
            return "peer-peer"
        return "customer-provider" if data["customer"] == str(first) else "provider-customer"


Generator = Annotated[
    Ring
    | Line
    | Star
    | Clique
    | Grid
    | Tree
    | FatTree
    | BarabasiAlbert
    | ErdosRenyi
    | WattsStrogatz
    | InternetAs,
    Field(discriminator="model"),
]


def _edges(graph: networkx.Graph[int]) -> list[Edge]:
    return [(min(a, b), max(a, b)) for a, b in graph.edges()]
