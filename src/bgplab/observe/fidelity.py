"""The certificate of a run: whether its timers were punctual enough to trust what it shows.

A timer of a busy process fires late. What is allowed follows from the shortest protocol
interval of the plan, I, and is three bounds, for many timers, few, and a single one:

    the 99th percentile of lateness      5 % of I, or what the file or the user sets
    the 99.9th percentile                a quarter of I: what jitter may take (RFC 4271 10)
    the greatest lateness                I: a message has missed its turn

A run that breaks one, has lost a hold timer's peer to a process that starved, or whose routers
do not tell what they measured, is invalid: neither passed nor failed. The load of the machine
only explains (lab/decisions/0013).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bgplab.config import RouterConfig, Timers
from bgplab.observe.advice import advice
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.load import NO_STALLS, Load, Stalls
from bgplab.topology.graph import FidelityLimits

FEW = 0.25  # of the shortest interval: the bound of the 99.9th percentile
SHOWN = 3  # routers that a reason names; the rest is counted
GENUINE, STARVATION, UNCLEAR = "genuine", "starvation", "unclear"


class Expiry(Protocol):
    """A hold timer that expired: whose, about whom, and why ("genuine", "starvation" ...)."""

    @property
    def router(self) -> str:
        """The router whose timer it was."""

    @property
    def peer(self) -> str:
        """The peer that it had not heard from."""

    @property
    def kind(self) -> str:
        """One of "genuine", "starvation" and "unclear"."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Percentiles of how late timers fired, in seconds; `count` is the number of timers."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    p999: float = 0.0
    count: int = 0

    def to_dict(self) -> dict[str, float | int]:
        """Give the percentiles as plain data."""
        return {
            "p50": self.p50,
            "p99": self.p99,
            "p99.9": self.p999,
            "max": self.max,
            "count": self.count,
        }


def percentiles(histogram: LatenessHistogram) -> Lateness:
    """Sum a histogram up."""
    return Lateness(
        histogram.percentile(50),
        histogram.percentile(99),
        histogram.maximum,
        histogram.percentile(99.9),
        histogram.count,
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """What a run is held to, in seconds of the machine; None: there is no timer to keep.

    `limit` is that of the 99th percentile, `share` of which part of the interval it is, None if
    it was set as a time. `factor` is that of the lab's clock, for advice.
    """

    interval: float | None
    limit: float | None
    share: float | None = None
    factor: float = 1.0

    def bounds(self) -> Iterator[tuple[str, float, str]]:
        """Yield each bound: a field of Lateness, the most it may be, and where that is from.

        None is less than the limit that was set.
        """
        if self.limit is None:
            return
        said = "as set"
        if self.share is not None and self.interval is not None:
            said = f"{self.share * 100:.3g} % of the shortest interval, {self.interval:.3g} s"
        yield "p99", self.limit, said
        if self.interval is not None:
            of_it = f"of the shortest interval, {self.interval:.3g} s"
            yield "p999", max(self.limit, FEW * self.interval), f"a quarter {of_it}"
            yield "max", max(self.limit, self.interval), f"all {of_it}"

    def to_dict(self) -> dict[str, float | None]:
        """Give the bounds as plain data."""
        most = {name: bound for name, bound, _ in self.bounds()}
        return {
            "interval": self.interval,
            "p99": most.get("p99"),
            "p99.9": most.get("p999"),
            "max": most.get("max"),
        }


def make_rule(
    routers: Iterable[RouterConfig],
    limits: FidelityLimits,
    factor: float = 1.0,
    limit: float | None = None,
) -> Rule:
    """Derive the rule of a run from its plan and what its file says of fidelity.

    `factor` is how many seconds of the machine one of the lab takes; `limit`, in seconds of the
    machine, counts over the file.
    """
    interval = shortest_interval(routers)
    real = None if interval is None else interval * factor
    if limit is None and limits.lateness is not None:
        limit = limits.lateness * factor
    if limit is not None:
        return Rule(real, limit, None, factor)
    return Rule(real, None if real is None else limits.share * real, limits.share, factor)


def shortest_interval(routers: Iterable[RouterConfig]) -> float | None:
    """Find the shortest protocol interval of a plan in seconds; None if every timer is off.

    Counts keepalive intervals, a third of each hold time, and MRAI.
    """
    return min(
        (
            interval
            for router in routers
            for peer in router.peers
            for interval in _intervals(peer.timers)
        ),
        default=None,
    )


def _intervals(timers: Timers) -> list[float]:
    """List the intervals of one session that are in use. Hold time 0: no keepalives either."""
    keepalive = timers.keepalive or 0.0 if timers.hold else 0.0
    return [interval for interval in (timers.hold / 3, keepalive, timers.mrai) if interval > 0]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured over a run. Lateness and stalls are in seconds of the machine."""

    routers: int = 0
    lateness: LatenessHistogram = field(default_factory=LatenessHistogram)
    latest: str = ""  # the router whose timer was the latest of all
    links: LatenessHistogram = field(default_factory=LatenessHistogram)  # leaving delayed links
    latest_link: str = ""  # the router that sent what left its link latest of all
    silent: Sequence[str] = ()  # live routers that did not tell what they measured
    stalls: Stalls = NO_STALLS  # of the routers' reactors
    controller: Stalls = NO_STALLS  # of the controller's own
    load: Load | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whether a run is valid; if not, `reasons` say why, and `advice` what would help.

    `limit` is that of the 99th percentile, in seconds; None: no timer. `links` is the lateness
    of octets leaving links with a delay, None if there is none.
    """

    valid: bool
    lateness: Lateness
    limit: float | None
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    rule: Rule = Rule(None, None)
    links: Lateness | None = None
    expiries: tuple[int, int, int] = (0, 0, 0)  # genuine, starvation, unclear
    stalls: Stalls = NO_STALLS
    controller: Stalls = NO_STALLS
    load: Load | None = None
    virtual: bool = False  # time is virtual: nothing can be late

    @property
    def excess(self) -> float:
        """How many times its bound the worst figure of lateness is; 0 without a bound."""
        return max(_excess(late, self.rule) for late in (self.lateness, self.links) if late)

    def to_dict(self) -> dict[str, Any]:
        """Give the certificate as plain data for a report."""
        return {
            "valid": self.valid,
            "virtual": self.virtual,
            "lateness": self.lateness.to_dict(),
            "limit": self.limit,
            "bounds": self.rule.to_dict(),
            "links": None if self.links is None else self.links.to_dict(),
            "expiries": dict(zip((GENUINE, STARVATION, UNCLEAR), self.expiries, strict=True)),
            "stalls": {
                "routers": self.stalls.to_dict(),
                "controller": self.controller.to_dict(),
            },
            "load": None if self.load is None else self.load.to_dict(),
            "reasons": list(self.reasons),
            "advice": list(self.advice),
        }


def certify(evidence: Evidence, rule: Rule, expiries: Iterable[Expiry] = ()) -> Certificate:
    """Judge a run of processes by what was measured, and say what would help if it is invalid.

    An expiry counts as unclear unless its class is known.
    """
    late, links = percentiles(evidence.lateness), percentiles(evidence.links)
    expired = list(expiries)
    kinds = Counter(it.kind if it.kind in (GENUINE, STARVATION) else UNCLEAR for it in expired)
    reasons = (
        *_too_late(late, rule, "timers fired", "a timer of", evidence.latest),
        *_too_late(links, rule, "octets left links", "octets of", evidence.latest_link),
        *_starved(expired),
        *_untold(evidence.silent),
    )
    factor = max(_excess(late, rule), _excess(links, rule))
    return Certificate(
        valid=not reasons,
        lateness=late,
        limit=rule.limit,
        reasons=reasons,
        advice=advice(evidence.load, evidence.routers, factor, rule.factor) if reasons else (),
        rule=rule,
        links=links if links.count else None,
        expiries=(kinds[GENUINE], kinds[STARVATION], kinds[UNCLEAR]),
        stalls=evidence.stalls,
        controller=evidence.controller,
        load=evidence.load,
    )


def certify_virtual(rule: Rule, expiries: Iterable[Expiry] = ()) -> Certificate:
    """Certify a run in virtual time: no timer is late there, and every expiry is genuine."""
    return Certificate(
        True,
        Lateness(),
        rule.limit,
        rule=rule,
        expiries=(len(list(expiries)), 0, 0),
        virtual=True,
    )


def _too_late(late: Lateness, rule: Rule, what: str, single: str, router: str) -> Iterator[str]:
    """Yield a reason for each bound that a lateness breaks."""
    for name, bound, said in rule.bounds():
        found: float = getattr(late, name)
        if found <= bound:
            continue
        if name == "max":
            whose = f"{single} {router or 'a router'}"
            yield f"{whose}: {found:.3g} s late, the limit {bound:.3g} s ({said})"
            continue
        percentile = "99th" if name == "p99" else "99.9th"
        yield (
            f"{what} too late: the {percentile} percentile is {found:.3g} s, the limit"
            f" {bound:.3g} s ({said})"
        )


def _excess(late: Lateness, rule: Rule) -> float:
    """Tell how many times its bound the worst figure of a lateness is."""
    return max(
        (getattr(late, name) / bound for name, bound, _ in rule.bounds() if bound > 0),
        default=0.0,
    )


def _starved(expiries: Sequence[Expiry]) -> Iterator[str]:
    """Yield a reason for hold timers that expired through a starved process, or unexplained."""
    starved = [it for it in expiries if it.kind == STARVATION]
    unclear = [it for it in expiries if it.kind not in (GENUINE, STARVATION)]
    for several, why in (
        (starved, "because a process was late, not its peer silent"),
        (unclear, "and nothing tells whether the peer was silent or a process late"),
    ):
        if several:
            noun = "hold timer" if len(several) == 1 else "hold timers"
            pairs = _some([f"{it.router} about {it.peer}" for it in several])
            yield f"{len(several)} {noun} expired {why}: {pairs}"


def _untold(silent: Sequence[str]) -> Iterator[str]:
    """Yield a reason if routers live that did not tell what they measured."""
    if silent:
        noun = "router" if len(silent) == 1 else "routers"
        yield f"{len(silent)} {noun} did not answer in time what was measured: {_some(silent)}"


def _some(names: Sequence[str]) -> str:
    """List the first few names, and count the rest."""
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
