"""What one peer tells us: its Adj-RIB-In, and on what terms it is taken."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from bgplab.config import Rule
from bgplab.policy.chain import compile_chain
from bgplab.policy.relationships import import_rules
from bgplab.rib.adj_in import AdjRibIn
from bgplab.rib.path import Source
from bgplab.session.session import Session


class Inbound:
    """What one peer tells us: its Adj-RIB-In, and the Source that its paths carry."""

    __slots__ = ("adj", "four_octet", "policy", "session", "source")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.adj = AdjRibIn()
        self.policy = compile_chain(import_rules(session.config), session.name)
        self.source = Source(session.name, session.config.asn, session.internal, 0, 0)
        self.four_octet = True

    def open(self) -> None:
        """Begin with an empty Adj-RIB-In and what the peer said of itself in its OPEN."""
        session = self.session
        self.adj.clear()
        self.four_octet = session.negotiated.four_octet
        self.source = Source(
            session.name,
            session.config.asn,
            session.internal,
            session.negotiated.identifier,
            int(IPv4Address(session.config.address)),
        )

    def set_rules(self, rules: tuple[Rule, ...]) -> None:
        """Judge by other rules what comes from now on; those of a relationship stay."""
        peer = replace(self.session.config, imports=rules)
        self.policy = compile_chain(import_rules(peer), self.session.name)
        self.adj.renew()
