"""One set of path attributes as one peer announced it, with all that the decision asks of it.

A Path is made once per peer and attribute block and shared by every prefix that arrived with
that block: what can be computed from attributes alone is computed here, not once per prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bgplab.wire.attributes import (
    AS_SET,
    PathAttributes,
    as_path_length,
    decode_attributes,
    encode_attributes,
    pass_on_plain,
    prepend,
)
from bgplab.wire.nlri import encode_address, format_address

NO_EXPORT = 0xFFFFFF01
NO_ADVERTISE = 0xFFFFFF02
NO_EXPORT_SUBCONFED = 0xFFFFFF03

DEFAULT_LOCAL_PREF = 100

LOOPED = "own AS in AS_PATH"
OWN_NEXT_HOP = "own address as NEXT_HOP"


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


class Path:
    """A path that may be chosen. Compared by identity: one Path per peer and block."""

    __slots__ = (
        "_attributes",
        "_exports",
        "_plain",
        "block",
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
        self._exports: dict[tuple[bool, bool], bytes | None] | None = None  # by kind of peer

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
        path.local_pref = DEFAULT_LOCAL_PREF
        path.cost = local.cost(format_address(next_hop), source) or 0.0 if local.igp else 0.0
        if local.asn in asns:
            path.fault = LOOPED
        else:
            path.fault = OWN_NEXT_HOP if next_hop == local.octets else ""
        path.rank = (True, -DEFAULT_LOCAL_PREF, len(asns), origin)
        path.tail = (False, path.cost, source.identifier, source.address)
        path._plain = True  # noqa: SLF001
        path._exports = None  # noqa: SLF001
        return path

    @property
    def attributes(self) -> PathAttributes:
        """The path attributes as they were announced."""
        if self._attributes is None:
            decoded = decode_attributes(self.block, four_octet=True, internal=False)
            self._attributes = decoded.attributes or PathAttributes()
        return self._attributes

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

    def export(self, local: Local, internal: bool, four_octet: bool) -> bytes | None:
        """Give the attribute block that announces this path to a peer of the given kind.

        None if the path may not go there. Made once per kind of peer and kept.
        Source: RFC 4271 section 5.1.
        """
        key = (internal, four_octet)
        if self._exports is None:
            self._exports = {}
        elif key in self._exports:
            return self._exports[key]
        block = self._encode(local, internal, four_octet) if self.may_go_to(internal) else None
        self._exports[key] = block
        return block

    def _encode(self, local: Local, internal: bool, four_octet: bool) -> bytes:
        if self._plain and four_octet and not internal:
            block = pass_on_plain(self.block, local.asn, local.octets)
            if block is not None:
                return block
        exported = self._internal(local) if internal else self._external(local)
        return encode_attributes(exported, four_octet=four_octet)

    def may_go_to(self, internal: bool) -> bool:
        """Tell whether iBGP rules and well-known communities let this path out to such a peer.

        Source: RFC 4271 section 9.2 (no iBGP to iBGP), RFC 1997.
        """
        if self._plain:
            return True
        if internal and self.source.internal:
            return False
        communities = self.attributes.communities
        if not communities or self.own:
            return True
        if NO_ADVERTISE in communities:
            return False
        return internal or not (NO_EXPORT in communities or NO_EXPORT_SUBCONFED in communities)

    def _external(self, local: Local) -> PathAttributes:
        """Change attributes for an external peer: own AS in front, own NEXT_HOP, no LOCAL_PREF.

        A MED that came from a neighbouring AS is not passed on (RFC 4271 section 5.1.4).
        """
        old = self.attributes
        return PathAttributes(
            origin=old.origin,
            as_path=prepend(old.as_path, local.asn),
            next_hop=local.next_hop,
            med=old.med if self.own else None,
            local_pref=None,
            atomic_aggregate=old.atomic_aggregate,
            aggregator=old.aggregator,
            communities=old.communities,
            unknown=old.unknown,
            partial=old.partial,
        )

    def _internal(self, local: Local) -> PathAttributes:
        """Change attributes for an internal peer: all as they are, LOCAL_PREF stated."""
        old = self.attributes
        return PathAttributes(
            origin=old.origin,
            as_path=old.as_path,
            next_hop=local.next_hop if self.own else old.next_hop,
            med=old.med,
            local_pref=self.local_pref,
            atomic_aggregate=old.atomic_aggregate,
            aggregator=old.aggregator,
            communities=old.communities,
            unknown=old.unknown,
            partial=old.partial,
        )


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
