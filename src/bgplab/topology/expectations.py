"""The language of `expect:` in a scenario: what must be true of a lab at a moment.

Routes are in expectation_routes.py; sessions, messages, times and the network are here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from bgplab.topology.expectation_routes import (
    ExplorationExpectation,
    NoRouteExpectation,
    ReachableExpectation,
    RouteExpectation,
    SteadyRoute,
)
from bgplab.topology.fields import Endpoints, Model, Name
from bgplab.topology.scenario_fields import (
    EitherEnd,
    NotificationKind,
    Number,
    OneEnd,
    Span,
    StateName,
    is_list,
    not_empty,
    one_key,
    one_of,
)

_SINCE = "The mark from which they count. Left out: the start of the lab."


class StateOf(EitherEnd):
    """Which session ends, in which state."""

    is_: StateName = Field(
        alias="is",
        description="The state: Idle, Connect, Active, OpenSent, OpenConfirm or Established.",
    )


class TransitionsOf(OneEnd):
    """Which session end, and through which states it went."""

    are: Annotated[list[StateName], AfterValidator(not_empty), Field(min_length=1)] = Field(
        description="All states that it has entered, in order, such as [Idle, Connect, "
        "OpenSent, OpenConfirm, Established]."
    )
    since: Name | None = Field(default=None, description=_SINCE)


class NotificationOf(OneEnd):
    """Which session end, and which NOTIFICATION."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": ["link"]}, {"required": ["session"]}]},
                {"oneOf": [{"required": ["sent"]}, {"required": ["received"]}]},
            ]
        }
    )

    sent: NotificationKind | None = Field(
        default=None,
        description="It has sent one of this kind: hold-timer-expired, "
        "cease/administrative-shutdown, 4, 6/2 ...; without a subcode, any.",
    )
    received: NotificationKind | None = Field(
        default=None, description="It has received one of this kind."
    )
    since: Name | None = Field(default=None, description=_SINCE)

    @model_validator(mode="after")
    def _either_way(self) -> NotificationOf:
        if (self.sent is None) == (self.received is None):
            raise ValueError("expected one of 'sent' and 'received'")
        return self


class TimeBounds(Model):
    """Bounds of a time."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["below"]}, {"required": ["above"]}]}
    )

    since: Name = Field(description="The mark from which the time counts.")
    below: Span | None = Field(default=None, description="The time is less than this.")
    above: Span | None = Field(default=None, description="The time is more than this.")

    @model_validator(mode="after")
    def _bounded(self) -> TimeBounds:
        if self.below is None and self.above is None:
            raise ValueError("expected a bound: 'below' or 'above'")
        if self.below is not None and self.above is not None and self.above >= self.below:
            raise ValueError("no time is both above and below: 'above' must be the lesser")
        return self


class DetectionBounds(TimeBounds, EitherEnd):
    """Which session ends, and bounds of the time until they leave Established."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["below"]}, {"required": ["above"]}],
            "oneOf": [{"required": ["link"]}, {"required": ["session"]}],
        }
    )


class ExpiryOf(EitherEnd):
    """Which session ends, and why their hold timers expired."""

    is_: Literal["genuine", "starvation"] = Field(
        default="genuine",
        alias="is",
        description="genuine (the peer was silent) or starvation (a process was late). Left "
        "out: genuine.",
    )
    since: Name | None = Field(default=None, description=_SINCE)


class UpdateBounds(Model):
    """Bounds of a number of messages."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in ("at-most", "at-least", "exactly")]
        }
    )

    since: Name = Field(description="The mark from which messages count.")
    at_most: Number | None = Field(default=None, description="Not more than this.")
    at_least: Number | None = Field(default=None, description="Not less than this.")
    exactly: Number | None = Field(default=None, description="This number.")

    @model_validator(mode="after")
    def _bounded(self) -> UpdateBounds:
        if self.at_most is self.at_least is self.exactly is None:
            raise ValueError("expected a bound: 'at-most', 'at-least' or 'exactly'")
        if self.exactly is not None and not self.at_most is self.at_least is None:
            raise ValueError("'exactly' leaves nothing to other bounds")
        if None not in (self.at_most, self.at_least) and self.at_least > self.at_most:  # type: ignore[operator]  # neither is None
            raise ValueError("no number fits: 'at-least' is more than 'at-most'")
        return self


class KeepaliveBounds(Model):
    """Which sessions, and bounds of the timing of their KEEPALIVEs."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["interval-within"]}, {"required": ["p99-lateness-below"]}]
        }
    )

    sessions: Annotated[
        Annotated[Literal["all"], Tag("<one>")]
        | Annotated[
            Annotated[list[Endpoints], AfterValidator(not_empty), Field(min_length=1)],
            Tag("<list>"),
        ],
        Discriminator(is_list),
    ] = Field(default="all", description="`all`, or a list such as [r1-r2, r2-r3].")
    interval_within: Literal["jitter-window"] | None = Field(
        default=None,
        description="jitter-window: each interval is 0.75 to 1.0 of the time that was set (RFC "
        "4271 section 10; exact with jitter off), widened by the measured lateness.",
    )
    p99_lateness_below: Span | None = Field(
        default=None, description="Of 100 timers 99 fire less late than this."
    )

    @model_validator(mode="after")
    def _bounded(self) -> KeepaliveBounds:
        if self.interval_within is None and self.p99_lateness_below is None:
            raise ValueError("expected a bound: 'interval-within' or 'p99-lateness-below'")
        return self


class Nothing(Model):
    """Nothing more is said."""


class StateExpectation(Model):
    """A state."""

    state: StateOf = Field(description="Session ends are in a state.")


class TransitionsExpectation(Model):
    """A sequence of states."""

    transitions: TransitionsOf = Field(
        description="A session end has entered these states, in this order, and no others."
    )


class NotificationExpectation(Model):
    """A NOTIFICATION."""

    notification: NotificationOf = Field(
        description="A session end has sent or received a NOTIFICATION."
    )


class ConvergenceExpectation(Model):
    """A convergence time."""

    convergence: TimeBounds = Field(
        description="The time from a mark to the last route change anywhere, 0s if there was "
        "none. A `wait: converged` has to come before."
    )


class UpdatesExpectation(Model):
    """A number of UPDATEs."""

    updates: UpdateBounds = Field(
        description="The number of UPDATE messages that all routers sent since a mark "
        "(End-of-RIB counts as one)."
    )


class DetectionExpectation(Model):
    """A time until a session is seen to be down."""

    detection: DetectionBounds = Field(
        description="The time from a mark until session ends left Established."
    )


class ExpiryExpectation(Model):
    """An expiry of hold timers."""

    expiry: ExpiryOf = Field(
        description="The hold timer of session ends expired, for a reason of this kind."
    )


class ValleyFreeExpectation(Model):
    """No valleys."""

    valley_free: Nothing = Field(
        description="No route in use climbs again after it descended or crossed (Gao and "
        "Rexford). Needs relationships of links."
    )


class LoopFreeExpectation(Model):
    """No loops."""

    loop_free: Nothing = Field(
        description="Packets that follow the routes in use, router by router, never come back "
        "to one."
    )


class SameRoutesExpectation(Model):
    """The same routes as in virtual time."""

    same_routes: Nothing = Field(
        description="A fresh lab in virtual time, taken through the same steps, has the same "
        "routes."
    )


class KeepaliveExpectation(Model):
    """The timing of KEEPALIVEs."""

    keepalive: KeepaliveBounds = Field(
        description="KEEPALIVEs are sent when they are due, since the start of the lab."
    )


STATEMENTS = (
    "route",
    "no-route",
    "reachable",
    "state",
    "transitions",
    "notification",
    "convergence",
    "updates",
    "detection",
    "expiry",
    "exploration",
    "valley-free",
    "loop-free",
    "same-routes",
    "keepalive",
)
EXPECTATIONS = (*STATEMENTS, "not")
WORDS = ("valley-free", "loop-free", "same-routes")
INVARIANTS = ("route", "no-route", "state", "valley-free", "loop-free")
Statement = Annotated[
    Annotated[Literal["valley-free", "loop-free", "same-routes"], Tag("<word>")]
    | Annotated[RouteExpectation, Tag("<route>")]
    | Annotated[NoRouteExpectation, Tag("<no-route>")]
    | Annotated[ReachableExpectation, Tag("<reachable>")]
    | Annotated[StateExpectation, Tag("<state>")]
    | Annotated[TransitionsExpectation, Tag("<transitions>")]
    | Annotated[NotificationExpectation, Tag("<notification>")]
    | Annotated[ConvergenceExpectation, Tag("<convergence>")]
    | Annotated[UpdatesExpectation, Tag("<updates>")]
    | Annotated[DetectionExpectation, Tag("<detection>")]
    | Annotated[ExpiryExpectation, Tag("<expiry>")]
    | Annotated[ExplorationExpectation, Tag("<exploration>")]
    | Annotated[ValleyFreeExpectation, Tag("<valley-free>")]
    | Annotated[LoopFreeExpectation, Tag("<loop-free>")]
    | Annotated[SameRoutesExpectation, Tag("<same-routes>")]
    | Annotated[KeepaliveExpectation, Tag("<keepalive>")],
    Discriminator(one_key),
    BeforeValidator(one_of("expectation", STATEMENTS, words=WORDS)),
]


class NotExpectation(Model):
    """What must not hold."""

    not_: Statement = Field(
        alias="not", description="This expectation does not hold: a leak is there, say."
    )


Expectation = Annotated[
    Annotated[Literal["valley-free", "loop-free", "same-routes"], Tag("<word>")]
    | Annotated[RouteExpectation, Tag("<route>")]
    | Annotated[NoRouteExpectation, Tag("<no-route>")]
    | Annotated[ReachableExpectation, Tag("<reachable>")]
    | Annotated[StateExpectation, Tag("<state>")]
    | Annotated[TransitionsExpectation, Tag("<transitions>")]
    | Annotated[NotificationExpectation, Tag("<notification>")]
    | Annotated[ConvergenceExpectation, Tag("<convergence>")]
    | Annotated[UpdatesExpectation, Tag("<updates>")]
    | Annotated[DetectionExpectation, Tag("<detection>")]
    | Annotated[ExpiryExpectation, Tag("<expiry>")]
    | Annotated[ExplorationExpectation, Tag("<exploration>")]
    | Annotated[ValleyFreeExpectation, Tag("<valley-free>")]
    | Annotated[LoopFreeExpectation, Tag("<loop-free>")]
    | Annotated[SameRoutesExpectation, Tag("<same-routes>")]
    | Annotated[KeepaliveExpectation, Tag("<keepalive>")]
    | Annotated[NotExpectation, Tag("<not>")],
    Discriminator(one_key),
    BeforeValidator(one_of("expectation", EXPECTATIONS, words=WORDS)),
]
Expectations = Annotated[list[Expectation], AfterValidator(not_empty), Field(min_length=1)]
Invariant = Annotated[
    Annotated[Literal["valley-free", "loop-free"], Tag("<word>")]
    | Annotated[SteadyRoute, Tag("<route>")]
    | Annotated[NoRouteExpectation, Tag("<no-route>")]
    | Annotated[StateExpectation, Tag("<state>")]
    | Annotated[ValleyFreeExpectation, Tag("<valley-free>")]
    | Annotated[LoopFreeExpectation, Tag("<loop-free>")],
    Discriminator(one_key),
    BeforeValidator(one_of("invariant", INVARIANTS, words=("valley-free", "loop-free"))),
]
Invariants = Annotated[list[Invariant], AfterValidator(not_empty), Field(min_length=1)]
