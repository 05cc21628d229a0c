"""One set of path attributes as one peer announced it, with all that the decision asks of it.

A Path is made once per peer and attribute block and shared by every prefix that arrived with
that block: what can be computed from attributes alone is computed here, not once per prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from bgplab.wire.attributes import (
    AS_SEQUENCE,
    AS_SET,
    PathAttributes,
    as_path_length,
    decode_attributes,
    encode_attributes,
    format_as_path,
    pass_on_plain,
    prepend,
    read_plain,
)
from bgplab.wire.nlri import encode_address, format_address

NO_EXPORT = 0xFFFFFF01
NO_ADVERTISE = 0xFFFFFF02
NO_EXPORT_SUBCONFED = 0xFFFFFF03

DEFAULT_LOCAL_PREF = 100

LOOPED = "own AS in AS_PATH"
OWN_NEXT_HOP = "own address as NEXT_HOP"
REJECTED = "rejected by import policy"


@dataclass(frozen=True, slots=True)
class Source:
    """The peer that a path came from, as the decision sees it; `peer` is "" for own routes."""

    peer: str
    asn: int
    internal: bool
    identifier: int  # BGP Identifier, unsigned 32 bits
    address: int  # the peer's transport address, unsigned 32 bits


@dataclass(frozen=True, slots=True)
class Local:
    """What a router must know of itself to judge and to announce paths."""

    asn: int
    next_hop: str
    igp: Mapping[str, float]  # NEXT_HOP address -> IGP cost
    octets: bytes = field(init=False)  # the NEXT_HOP as it goes on the wire

    def __post_init__(self) -> None:
        object.__setattr__(self, "octets", encode_address(self.next_hop))

    def cost(self, next_hop: str, source: Source) -> float | None:
        """Give the IGP cost of the NEXT_HOP, or None where it cannot be resolved.

        The NEXT_HOP of an external peer lies on the link to it: cost 0 unless the plan says
        otherwise. Source: RFC 4271 section 9.1.2.1.
        """
        return self.igp.get(next_hop, None if source.internal else 0.0)


class Terms(NamedTuple):
    """What a policy may change of a path; `prepend` counts towards another AS only."""

    local_pref: int
    med: int | None
    communities: tuple[int, ...]
    prepend: int = 0


class Path:
    """A path that may be chosen. Compared by identity: one Path per peer and block."""

    __slots__ = (
        "_attributes",
        "_export",
        "_exports",
        "_kind",
        "_plain",
        "block",
        "communities",
        "cost",
        "fault",
        "local_pref",
        "med",
        "neighbor_as",
        "rank",
        "source",
        "tail",
    )

    def __init__(
        self,
        attributes: PathAttributes,
        source: Source,
        local: Local,
        block: bytes = b"",
    ) -> None:
        self._attributes: PathAttributes | None = attributes
        self.source = source
        self.block = block
        # The neighbouring AS for the comparison of MEDs: our own for routes born inside (RFC
        # 4271 section 9.1.2.2 c). An AS_SET in front names no single neighbour: its lowest
        # stands in.
        as_path = attributes.as_path
        if as_path:
            kind, asns = as_path[0]
            self.neighbor_as = min(asns) if kind == AS_SET else asns[0]
        else:
            self.neighbor_as = local.asn
        self.med = attributes.med or 0
        self.communities = attributes.communities
        known = attributes.local_pref if source.internal else None
        self.local_pref = DEFAULT_LOCAL_PREF if known is None else known
        cost = 0.0 if not source.peer else local.cost(attributes.next_hop, source)
        self.cost = 0.0 if cost is None else cost
        self.fault = _fault(self, local, cost)
        # Steps of the decision that hold between any two paths; MED does not, see decision.py.
        # `tail` holds those after MED.
        self.rank = (
            bool(source.peer),
            -self.local_pref,
            as_path_length(as_path),
            attributes.origin,
        )
        self.tail = (source.internal, self.cost, source.identifier, source.address)
        self._plain = False  # the block may be passed on as octets
        self._kind: Kind | None = None  # the kind of peer that `_export` is for
        self._export: bytes | None = None
        self._exports: dict[Kind, bytes | None] | None = None  # for further kinds

    @classmethod
    def plain(
        cls,
        block: bytes,
        read: tuple[int, tuple[int, ...], bytes],
        source: Source,
        local: Local,
    ) -> Path:
        """Make the Path of a plain block from an external peer (see `read_plain`).

        The same as from its attributes, which are read only when somebody asks for them.
        """
        origin, asns, next_hop = read
        path = cls.__new__(cls)
        path._attributes = None  # noqa: SLF001 -- this is its constructor
        path.block = block
        path.source = source
        path.neighbor_as = asns[0]
        path.med = 0
        path.communities = ()
        path.local_pref = DEFAULT_LOCAL_PREF
        path.cost = local.cost(format_address(next_hop), source) or 0.0 if local.igp else 0.0
        if local.asn in asns:
            path.fault = LOOPED
        else:
            path.fault = OWN_NEXT_HOP if next_hop == local.octets else ""
        path.rank = _plain_rank(len(asns), origin)
        path.tail = _plain_tail(path.cost, source.identifier, source.address)
        path._plain = True  # noqa: SLF001
        path._kind = path._export = path._exports = None  # noqa: SLF001
        return path

    @property
    def attributes(self) -> PathAttributes:
        """The path attributes as they were announced, or as import policy left them."""
        if self._attributes is None:
            decoded = decode_attributes(self.block, four_octet=True, internal=False)
            attributes = decoded.attributes or PathAttributes()
            self._attributes = attributes._replace(communities=self.communities)
        return self._attributes

    def text(self) -> tuple[str, str]:
        """Write AS_PATH and NEXT_HOP as text; what is read for that is not kept."""
        read = read_plain(self.block) if self._attributes is None else None
        if read is None:
            attributes = self.attributes
            return format_as_path(attributes.as_path), attributes.next_hop
        return " ".join(map(str, read[1])), format_address(read[2])

    @property
    def terms(self) -> Terms:
        """What a policy may change, as it is now."""
        med = None if self._plain else self.attributes.med
        return Terms(self.local_pref, med, self.communities)

    @property
    def judgement(self) -> tuple[str, Terms]:
        """What import policy made of the path."""
        return self.fault, self.terms

    @property
    def sequence(self) -> tuple[int, ...] | None:
        """The AS numbers of the AS_PATH, nearest first; None if an AS_SET is among them."""
        read = read_plain(self.block) if self._plain else None
        if read is not None:
            return read[1]
        segments = self.attributes.as_path
        if any(kind != AS_SEQUENCE for kind, _ in segments):
            return None
        return tuple(asn for _, asns in segments for asn in asns)

    def admit(self, policy: Policy) -> None:
        """Let import policy change the path, or make it unusable. Once, before it is used.

        What is rejected is kept: it is part of what the peer announced, and can be explained.
        """
        if self.fault:
            return
        terms = policy(self, self.terms)
        if terms is None:
            self.fault = REJECTED
            return
        self.local_pref = terms.local_pref
        self.rank = (self.rank[0], -terms.local_pref, *self.rank[2:])
        self.communities = terms.communities
        self.med = terms.med or 0
        if not self._plain or terms.med is not None:
            self._attributes = self.attributes._replace(
                med=terms.med, communities=terms.communities
            )
            self._plain = False
        elif self._attributes is not None:  # a condition has looked at them
            self._attributes = self._attributes._replace(communities=terms.communities)

    @property
    def own(self) -> bool:
        """Tell whether this router originates the path."""
        return not self.source.peer

    def visits(self, asn: int) -> bool:
        """Tell whether an AS is anywhere in the AS_PATH."""
        # A plain loop: any() with a generator takes four times as long, for every path.
        for _, asns in self.attributes.as_path:  # noqa: SIM110
            if asn in asns:
                return True
        return False

    def export(
        self, local: Local, internal: bool, four_octet: bool, policy: Policy | None = None
    ) -> bytes | None:
        """Give the attribute block that announces this path to a peer of the given kind.

        None if the path may not go there. Made once per kind of peer and export policy, and
        kept. Source: RFC 4271 section 5.1.
        """
        kind = _kind(internal, four_octet, policy)
        if kind == self._kind:
            return self._export
        if self._exports is not None and kind in self._exports:
            return self._exports[kind]
        block = None
        if self.may_go_to(internal):
            block = self._encode(local, internal, four_octet, policy)
        if self._kind is None:
            self._kind, self._export = kind, block
        elif self._exports is None:
            self._exports = {kind: block}
        else:
            self._exports[kind] = block
        return block

    def _encode(
        self, local: Local, internal: bool, four_octet: bool, policy: Policy | None
    ) -> bytes | None:
        terms = None
        if policy is not None:
            terms = policy(self, self._terms_for(internal))
            if terms is None:
                return None
        changed = self.communities if terms is None else terms[1:] != _UNCHANGED
        if self._plain and four_octet and not internal and not changed:
            block = pass_on_plain(self.block, local.asn, local.octets)
            if block is not None:
                return block
        if terms is None:
            terms = self._terms_for(internal)
        exported = self._internal(local, terms) if internal else self._external(local, terms)
        return encode_attributes(exported, four_octet=four_octet)

    def _terms_for(self, internal: bool) -> Terms:
        """Give the terms for a kind of peer: a neighbour's MED stays in this AS (5.1.4)."""
        terms = self.terms
        if internal or self.own or terms.med is None:
            return terms
        return terms._replace(med=None)

    def may_go_to(self, internal: bool) -> bool:
        """Tell whether iBGP rules and well-known communities let this path out to such a peer.

        Source: RFC 4271 section 9.2 (no iBGP to iBGP), RFC 1997.
        """
        communities = self.communities
        if self._plain and not communities:
            return True
        if internal and self.source.internal:
            return False
        if not communities or self.own:
            return True
        if NO_ADVERTISE in communities:
            return False
        return internal or not (NO_EXPORT in communities or NO_EXPORT_SUBCONFED in communities)

    def _external(self, local: Local, terms: Terms) -> PathAttributes:
        """Change attributes for an external peer: own AS, own NEXT_HOP, no LOCAL_PREF."""
        old = self.attributes
        as_path = old.as_path
        for _ in range(1 + terms.prepend):
            as_path = prepend(as_path, local.asn)
        return PathAttributes(
            origin=old.origin,
            as_path=as_path,
            next_hop=local.next_hop,
            med=terms.med,
            local_pref=None,
            atomic_aggregate=old.atomic_aggregate,
            aggregator=old.aggregator,
            communities=terms.communities,
            unknown=old.unknown,
            partial=old.partial,
        )

    def _internal(self, local: Local, terms: Terms) -> PathAttributes:
        """Change attributes for an internal peer: all as they are, LOCAL_PREF stated."""
        old = self.attributes
        return PathAttributes(
            origin=old.origin,
            as_path=old.as_path,
            next_hop=local.next_hop if self.own else old.next_hop,
            med=terms.med,
            local_pref=terms.local_pref,
            atomic_aggregate=old.atomic_aggregate,
            aggregator=old.aggregator,
            communities=terms.communities,
            unknown=old.unknown,
            partial=old.partial,
        )


# A policy gives the terms on which a path may come in or go out, from those it would have
# without a policy; None: rejected. Peers that share a policy share what is made by it.
Policy: TypeAlias = Callable[[Path, Terms], Terms | None]
Kind: TypeAlias = tuple[bool, bool, Policy | None]  # internal, four-octet AS numbers, policy
_UNCHANGED = (None, (), 0)  # the terms of a plain block, LOCAL_PREF apart


# Tuples that are the same for many paths are made once: a network has millions of paths.


@lru_cache(maxsize=4096)
def _kind(internal: bool, four_octet: bool, policy: Policy | None) -> Kind:
    return internal, four_octet, policy


@lru_cache(maxsize=4096)
def _plain_rank(length: int, origin: int) -> tuple[bool, int, int, int]:
    return True, -DEFAULT_LOCAL_PREF, length, origin


@lru_cache(maxsize=4096)
def _plain_tail(cost: float, identifier: int, address: int) -> tuple[bool, float, int, int]:
    return False, cost, identifier, address


def _fault(path: Path, local: Local, cost: float | None) -> str:
    """Say why a path may not be used, or "" (RFC 4271 sections 5.1.3, 9.1.2, 9.1.2.1)."""
    if path.own:
        return ""
    if path.visits(local.asn):
        return LOOPED
    if path.attributes.next_hop == local.next_hop:
        return OWN_NEXT_HOP
    if cost is None:
        return f"NEXT_HOP {path.attributes.next_hop} cannot be resolved"
    return ""
