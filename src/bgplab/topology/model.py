"""The language of a topology file, key by key: what editors show and what loading checks.

The JSON Schema is generated from these models (schema.py), so each description is written for
the author of a file: first the meaning, then the lab's default beside that of the RFC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from bgplab.topology.fidelity import Fidelity
from bgplab.topology.fields import (
    Asn,
    Duration,
    Endpoints,
    HoldTime,
    Identifier,
    Model,
    Name,
    Originate,
    PerEnd,
    RouterName,
)
from bgplab.topology.generate import Generator
from bgplab.topology.policy import Relationship, Rules, RulesPerEnd
from bgplab.topology.testing import TestSettings

Coalesce = Annotated[
    Annotated[Literal["auto", "off"], Tag("<word>")] | Annotated[Duration, Tag("<time>")],
    Discriminator(
        lambda value: "<word>" if isinstance(value, str) and value.isalpha() else "<time>"
    ),
]


class Mrai(Model):
    """MinRouteAdvertisementInterval, apart for the two kinds of session."""

    ebgp: Duration = Field(
        default=0.0, description="Towards other ASes. Lab: 0s (RFC 4271 section 10: 30s)."
    )
    ibgp: Duration = Field(
        default=0.0, description="Inside the AS. Lab: 0s (RFC 4271 section 10: 5s)."
    )


class Timers(Model):
    """The timers of a session. Durations: 10ms, 9s, 1m, 2h; a plain number is seconds."""

    hold: HoldTime = Field(
        default=90,
        description="Hold Time offered in the OPEN: whole seconds, 0 (off) or at least 3; the "
        "lower of the two ends counts. Lab: 90s (RFC 4271: 90s).",
    )
    keepalive: Duration | None = Field(
        default=None,
        description="Interval of KEEPALIVE messages, less than hold. Lab and RFC 4271: a third "
        "of the negotiated hold time.",
    )
    connect_retry: Duration = Field(
        default=5.0, description="ConnectRetryTime. Lab: 5s (RFC 4271: 120s)."
    )
    delay_open: Duration = Field(
        default=0.0,
        description="DelayOpenTime: how long to wait for the peer's OPEN before sending one's "
        "own; above 0s sets the attribute DelayOpen. Lab: 0s (RFC 4271: optional, no value).",
    )
    idle_hold: Duration = Field(
        default=1.0,
        description="Time in Idle before a session starts again by itself. Lab: 1s (RFC 4271: "
        "optional, no value).",
    )
    idle_hold_max: Duration = Field(
        default=60.0,
        description="Upper bound of idle-hold, which doubles with each failure in a row under "
        "damp-peer-oscillations. Lab: 1m (RFC 4271: no value).",
    )
    mrai: Annotated[
        Annotated[Duration, Tag("<one>")] | Annotated[Mrai, Tag("<map>")],
        Discriminator(lambda value: "<map>" if isinstance(value, dict | Mrai) else "<one>"),
    ] = Field(
        default=0.0,
        description="MinRouteAdvertisementIntervalTimer: one value, or {ebgp: ..., ibgp: ...}. "
        "Lab: 0s (RFC 4271: 30s on eBGP, 5s on iBGP).",
    )
    min_as_origination: Duration = Field(
        default=0.0,
        description="MinASOriginationIntervalTimer, between changes of a router's own routes. "
        "Lab: 0s (RFC 4271: 15s).",
    )
    open_hold: Duration = Field(
        default=240.0,
        description="Hold time while waiting for the peer's OPEN. Lab: 4m (RFC 4271: 'a large "
        "value', 4m suggested).",
    )
    send_hold: Duration | None = Field(
        default=None,
        description="SendHoldTimer: how long nothing may leave towards the peer. Lab and RFC "
        "9687: the greater of 8m and twice the hold time; 0s is off.",
    )


class Flags(Model):
    """Optional attributes of RFC 4271 section 8.1, and choices where the RFC leaves gaps."""

    jitter: Literal["per-set", "per-session", "off"] = Field(
        default="per-set",
        description="Jitter of keepalive, connect-retry, mrai and min-as-origination, a factor "
        "from 0.75 to 1: drawn anew each time a timer is set (RFC 4271 section 10), once for a "
        "session, or off. Lab: per-set.",
    )
    split_horizon: bool = Field(
        default=True,
        description="Never send a route back to the peer it is used from. Lab: true (RFC 4271: "
        "not asked for; most routers do).",
    )
    sender_side_loop_detection: bool = Field(
        default=False,
        description="Never send a route to an AS that is in its AS_PATH. Lab: false (RFC 4271: "
        "the receiver drops it).",
    )
    rate_limit_withdrawals: bool = Field(
        default=False,
        description="Hold withdrawals back by mrai too. Lab: false (RFC 4271 section 9.2.1.1: "
        "withdrawals are not limited).",
    )
    coalesce: Coalesce = Field(
        default="auto",
        description="Gather output before it is sent: auto (at once in a calm router, up to a "
        "bound under load), off, or a fixed interval. Lab: auto (RFC 4271: nothing said).",
    )
    allow_automatic_start: bool = Field(
        default=True,
        description="AllowAutomaticStart: a session that fell starts again. Lab: true "
        "(optional in RFC 4271).",
    )
    allow_automatic_stop: bool = Field(
        default=True,
        description="AllowAutomaticStop: the router may stop a session by itself. Lab: true "
        "(optional in RFC 4271).",
    )
    damp_peer_oscillations: bool = Field(
        default=True,
        description="DampPeerOscillations: wait longer in Idle after each failure in a row. "
        "Lab: true (optional in RFC 4271).",
    )
    send_notification_without_open: bool = Field(
        default=False,
        description="SendNOTIFICATIONwithoutOPEN: send a NOTIFICATION even before an OPEN. "
        "Lab: false (optional in RFC 4271).",
    )
    collision_detect_established_state: bool = Field(
        default=False,
        description="CollisionDetectEstablishedState: compare identifiers also when a session "
        "is Established. Lab: false (optional in RFC 4271).",
    )
    connect_fail_next: Literal["idle", "active"] = Field(
        default="idle",
        description="State after a TCP connection failed in Connect with no DelayOpenTimer "
        "running. Lab and RFC 4271: idle; most routers: active.",
    )
    opensent_notification: Literal["silent", "literal"] = Field(
        default="silent",
        description="NOTIFICATION received in OpenSent: silent closes; literal answers with an "
        "FSM error, as RFC 4271 section 8.2.2 has it. Lab: silent, as most routers do.",
    )


class Uniform(Model):
    """A time that is drawn anew each time, evenly between two bounds."""

    uniform: Annotated[list[Duration], Field(min_length=2, max_length=2)] = Field(
        description="The least and the greatest, such as [10ms, 50ms]."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Uniform:
        least, most = self.uniform
        if least > most:
            raise ValueError(f"the least ({least:g}s) is more than the greatest ({most:g}s)")
        return self


Processing = Annotated[
    Annotated[Duration, Tag("<one>")] | Annotated[Uniform, Tag("<map>")],
    Discriminator(lambda value: "<map>" if isinstance(value, dict | Uniform) else "<one>"),
]


class Settings(Model):
    """What defaults, groups and nodes may all say, in rising order of precedence."""

    asn: Asn = Field(
        default=0,
        description="AS number. Left out, each router gets an AS of its own: 65001 on, then "
        "the private 4-octet ones from 4200000000.",
    )
    originate: Originate = Field(
        default=0,
        description="Prefixes that the router announces, as a list, or a number of generated "
        "/24s (10.0.0.0/24 on). Routers by hand: none; generated ones: 1.",
    )
    timers: Timers = Field(
        default=Timers.model_construct(), description="Timers of all sessions of the router."
    )
    flags: Flags = Field(
        default=Flags.model_construct(), description="Switches of the router's behaviour."
    )
    imports: Rules = Field(
        default=[],
        alias="import",
        description="Rules for routes from other ASes, before the best is chosen; the first "
        "that holds decides. Left out: all are accepted.",
    )
    exports: Rules = Field(
        default=[],
        alias="export",
        description="Rules for routes to other ASes; the first that holds decides. Left out: "
        "all are announced.",
    )
    processing: Processing = Field(
        default=0.0,
        description="Time that the router spends on each UPDATE while others wait: one value, "
        "or {uniform: [10ms, 50ms]}. In virtual time only; real processes take the time they "
        "take. Lab: 0s.",
    )


class LinkDefaults(Model):
    """What links have that do not say otherwise."""

    delay: Duration = Field(
        default=0.0, description="One-way delay of each link. Lab: 0s (loopback as it is)."
    )
    jitter: Duration = Field(
        default=0.0, description="Up to this much more delay, drawn for each write. Lab: 0s."
    )


class Defaults(Settings):
    """What holds for every router and link that does not say otherwise."""

    links: LinkDefaults = Field(
        default=LinkDefaults.model_construct(),
        description="What holds for every link, generated ones too.",
    )


class Group(Settings):
    """What the routers of one group share."""


class Node(Settings):
    """One router."""

    id: Identifier = Field(
        default="",
        description="BGP Identifier, which is the NEXT_HOP too, as an IPv4 address. Left out, "
        "10.255.0.1 on, in the order of the file.",
    )
    group: Name = Field(default="", description="The group whose settings the router takes.")


def _timers_kind(value: object) -> str:
    if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        known = {key.replace("_", "-") for key in Timers.model_fields}
        return "<one>" if known & set(value) else "<map>"
    return "<one>"


class Link(Model):
    """One link; `r1-r2` or `[r1, r2]` for short."""

    endpoints: Endpoints = Field(
        description="The two routers, as [r1, r2] or r1-r2. The first dials, the second "
        "listens."
    )
    delay: PerEnd = Field(
        default=0.0,
        description="One-way delay: one value, or one for each sending end, such as {r1: 10ms, "
        "r2: 30ms}. Lab: 0s.",
    )
    jitter: PerEnd = Field(
        default=0.0,
        description="Up to this much more delay, drawn for each write (order is kept): one "
        "value, or one for each sending end. Lab: 0s.",
    )
    timers: Annotated[
        Annotated[Timers, Tag("<one>")] | Annotated[dict[str, Timers], Tag("<map>")],
        Discriminator(_timers_kind),
    ] = Field(
        default=Timers.model_construct(),
        description="Timers of this session, over those of the routers: for both ends, or for "
        "each, such as {r1: {hold: 9s}}.",
    )
    passive: Name = Field(
        default="",
        description="The end that only listens (PassiveTcpEstablishment), or none: both dial, "
        "and connections may collide (RFC 4271 section 6.8). Lab: the second endpoint.",
    )
    cost: Annotated[float, Field(ge=0, le=4_294_967_295, allow_inf_nan=False)] = Field(
        default=1,
        description="IGP cost of the link. Lab: 1 inside an AS, 0 towards another AS.",
    )
    relationship: Relationship | None = Field(
        default=None,
        description="Who pays whom, read along the endpoints: provider-customer, "
        "customer-provider or peer-peer. Routes of customers are preferred to those of peers, "
        "these to those of providers; peers and providers are told routes of customers and own "
        "ones only (Gao and Rexford, 2001). Left out: no relationship.",
    )
    imports: RulesPerEnd = Field(
        default=[],
        alias="import",
        description="Rules for what comes in over this link, in place of those of the router: "
        "for both ends, or for each, such as {r1: [...]}.",
    )
    exports: RulesPerEnd = Field(
        default=[],
        alias="export",
        description="Rules for what goes out over this link, in place of those of the router: "
        "for both ends, or for each, such as {r1: [...]}.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Link) else {"endpoints": value}


class Lab(Model):
    """The routers and how they are linked."""

    defaults: Defaults = Field(
        default=Defaults.model_construct(), description="What holds for every router."
    )
    groups: dict[Name, Group] = Field(
        default={}, description="Settings by group name; a node takes them with `group: NAME`."
    )
    nodes: dict[
        RouterName,
        Annotated[Node, BeforeValidator(lambda value: {} if value is None else value)],
    ] = Field(default={}, description="The routers, by name.")
    links: list[Link] = Field(
        default=[],
        description="The links. Between two ASes a link is an eBGP session; inside an AS it "
        "carries the IGP.",
    )
    generate: Annotated[
        list[Generator],
        BeforeValidator(lambda value: [value] if isinstance(value, dict) else value),
    ] = Field(
        default=[], description="Routers and links made by a model: one, or a list of them."
    )
    ibgp: Literal["mesh", "links", "none"] = Field(
        default="mesh",
        description="iBGP sessions inside each AS: mesh (among all routers that its links "
        "connect; of two without a link the later in the file listens), links (one on each "
        "link) or none.",
    )


class File(Model):
    """A topology file of bgplab."""

    name: Name = Field(default="", description="Name of the lab. Left out: that of the file.")
    description: str = Field(
        default="", description="What the lab shows, in a sentence or two."
    )
    topology: Lab = Field(
        description="Routers, links, groups and defaults; or the name of another topology file "
        "that has them, relative to this one."
    )
    # Of Any: the models of steps are imported only for a file that has some (check.py).
    scenario: list[Any] = Field(
        default=[],
        description="What `bgplab run` does to the lab, step by step, and what must be true. "
        "Left out: it waits until the lab has converged.",
    )
    test: TestSettings = Field(
        default=TestSettings.model_construct(),
        description="How `bgplab test` and pytest run this file.",
    )
    fidelity: Fidelity = Field(
        default=Fidelity.model_construct(),
        description="How punctual timers must be. What is later makes the run INVALID, neither "
        "passed nor failed. The engine in virtual time is never late.",
    )
