"""What one router is handed: identity, peers, timers, flags. Plain frozen values.

The topology turns into one RouterConfig per router (topology/plan.py); an engine hands it to a
Speaker, as JSON if a process boundary lies between. Durations are seconds.

Defaults of the lab stand in the fields; where RFC 4271 section 10 suggests another value, the
comment names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How much of a run is recorded; each level holds all that the lower ones do."""

    SUMMARY = 0
    TRANSITIONS = 1
    UPDATES = 2
    OCTETS = 3
    INPUTS = 4  # all that happens to a router, to be replayed (observe/inputs.py)


@dataclass(frozen=True, slots=True)
class Timers:
    """The timers of one session (RFC 4271 section 8 and 10); 0 switches a timer off."""

    hold: int = 90  # whole seconds on the wire; 0, or 3 to 65535
    keepalive: float | None = None  # None: a third of the negotiated hold time
    connect_retry: float = 5.0  # RFC 4271: 120
    delay_open: float = 0.0  # DelayOpenTime; above 0 sets the attribute DelayOpen
    idle_hold: float = 1.0  # the time in Idle before an automatic restart
    idle_hold_max: float = 60.0  # bound of the back-off under DampPeerOscillations
    mrai: float = 0.0  # RFC 4271: 30 (eBGP), 5 (iBGP)
    min_as_origination: float = 0.0  # RFC 4271: 15
    open_hold: float = 240.0  # the "large value" of section 8.2.2
    send_hold: float | None = None  # RFC 9687; None: max(480 s, twice the hold time)


@dataclass(frozen=True, slots=True)
class SessionFlags:
    """Optional session attributes (RFC 4271 section 8.1), and choices where it leaves gaps."""

    allow_automatic_start: bool = True
    allow_automatic_stop: bool = True
    damp_peer_oscillations: bool = True
    send_notification_without_open: bool = False
    collision_detect_established_state: bool = False
    # Where a connection attempt fails and DelayOpen is off: RFC 4271 says Idle, most stacks say
    # Active.
    connect_fail_next: str = "idle"  # "idle" | "active"
    # NOTIFICATION received in OpenSent: RFC 4271 answers with an FSM error, most stacks do not.
    opensent_notification: str = "silent"  # "silent" | "literal"
    jitter: str = "per-set"  # "per-set" (RFC 4271 section 10) | "per-session" | "off"


@dataclass(frozen=True, slots=True)
class RouterFlags:
    """Choices of one router that change how routes travel."""

    split_horizon: bool = True  # never send a route back to the peer it is used from
    sender_side_loop_detection: bool = False  # never send a route to an AS that is in its path
    rate_limit_withdrawals: bool = False  # hold withdrawals back by MRAI too (RFC 4271 9.2.1.1)
    coalesce: str | float = "auto"  # "auto" | "off" | seconds


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of an import or export policy: the paths it is for, and what becomes of them.

    Conditions that are left out hold for every path; those that are given must all hold. The
    first rule that holds decides, unless it says "next"; a path that none decides is accepted.
    Communities are numbers of 32 bits.
    """

    as_path: tuple[int, ...] | None = None  # the whole AS_PATH, nearest AS first
    neighbors: tuple[str, ...] = ()  # routers: one of them is the other end of the session
    communities: tuple[int, ...] = ()  # the path carries one of them
    local_pref: int | None = None
    med: int | None = None
    set_communities: tuple[int, ...] | None = None  # in place of those that the path carries
    add_communities: tuple[int, ...] = ()
    remove_communities: tuple[int, ...] = ()
    prepend: int = 0  # how often the own AS number comes before the path, once more each
    then: str = "accept"  # "accept" | "reject" | "next"


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """One configured peering, as seen by one router."""

    name: str  # the peer's router name
    address: str  # where it listens, an address of 127/8
    port: int
    asn: int
    passive: bool = False  # PassiveTcpEstablishment: listen, never dial
    timers: Timers = field(default_factory=Timers)
    flags: SessionFlags = field(default_factory=SessionFlags)
    delay: float = 0.0  # seconds that octets towards the peer spend on the link
    max_prefixes: int = 4_000_000  # more than that: Cease/Maximum Number of Prefixes (RFC 4486)
    delay_jitter: float = 0.0  # up to this much more, drawn anew for each write; order is kept
    # What the peer's AS is to ours: "customer", "peer", "provider"; "" if nothing is said.
    relationship: str = ""
    imports: tuple[Rule, ...] = ()  # for what the peer announces
    exports: tuple[Rule, ...] = ()  # for what it is told


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """One router: all that a Speaker needs."""

    name: str
    asn: int
    identifier: str  # BGP Identifier, dotted quad
    address: str  # where this router listens and dials from, an address of 127/8
    port: int
    next_hop: str  # the NEXT_HOP that it announces over eBGP and for its own routes
    originate: tuple[str, ...] = ()  # prefixes, such as "10.1.0.0/16"
    peers: tuple[PeerConfig, ...] = ()
    flags: RouterFlags = field(default_factory=RouterFlags)
    igp: dict[str, float] = field(default_factory=dict)  # NEXT_HOP address -> IGP cost
    # Seconds that an UPDATE costs the router, least and most; None: what the machine takes.
    processing: tuple[float, float] | None = None  # the engine in virtual time only
    crowd: float = 0.0  # session ends that share a processor; paces output (speaker/pacer.py)
    seed: int = 0
    level: Level = Level.TRANSITIONS

    def to_json(self) -> str:
        """Write the configuration as one line of JSON."""
        return json.dumps(self, default=plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RouterConfig:
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError for other."""
        data: dict[str, Any] = json.loads(text)
        data["peers"] = tuple(
            PeerConfig(
                **{
                    **peer,
                    "timers": Timers(**peer["timers"]),
                    "flags": SessionFlags(**peer["flags"]),
                    "imports": tuple(map(rule_of, peer["imports"])),
                    "exports": tuple(map(rule_of, peer["exports"])),
                }
            )
            for peer in data["peers"]
        )
        data["flags"] = RouterFlags(**data["flags"])
        data["originate"] = tuple(data["originate"])
        data["processing"] = data["processing"] and tuple(data["processing"])
        data["level"] = Level(data["level"])
        return cls(**{item.name: data[item.name] for item in fields(cls)})


def rule_of(data: dict[str, Any]) -> Rule:
    """Build a rule from JSON, which knows lists only. Raises TypeError for no rule."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    return Rule(**values)


def plain(value: Any) -> dict[str, Any]:
    """Give the fields of a class above; dataclasses.asdict, which copies, is far slower."""
    return {name: getattr(value, name) for name in value.__slots__}
