"""The language of `expect:` in a scenario: what must be true of a lab at a moment."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from bgplab.topology.fields import Asn, Identifier, Model, Name, Prefix
from bgplab.topology.scenario_fields import At, Number, Span, not_empty, one_key, one_of


class RouteOf(Model):
    """Which route, and what must be true of it."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefix = Field(description="The prefix.")
    via: Name | None = Field(
        default=None,
        description="The peer that it came from; the router itself for a route of its own.",
    )
    as_path: list[Asn] | None = Field(
        default=None, description="The AS_PATH, such as [65004, 65001]; [] is the empty one."
    )
    next_hop: Identifier | None = Field(default=None, description="The NEXT_HOP.")


class RouteExpectation(Model):
    """A route."""

    route: RouteOf = Field(description="Each router has this route as its best one.")


class NoRouteOf(Model):
    """Which route must not be there."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefix = Field(description="The prefix.")


class NoRouteExpectation(Model):
    """No route."""

    no_route: NoRouteOf = Field(description="None of the routers has a route to the prefix.")


class ConvergenceBounds(Model):
    """Bounds of a convergence time."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2})

    since: Name = Field(description="The mark from which the time counts.")
    below: Span | None = Field(default=None, description="The time is less than this.")
    above: Span | None = Field(default=None, description="The time is more than this.")

    @model_validator(mode="after")
    def _bounded(self) -> ConvergenceBounds:
        if self.below is None and self.above is None:
            raise ValueError("expected a bound: 'below' or 'above'")
        if self.below is not None and self.above is not None and self.above >= self.below:
            raise ValueError("no time is both above and below: 'above' must be the lesser")
        return self


class ConvergenceExpectation(Model):
    """A convergence time."""

    convergence: ConvergenceBounds = Field(
        description="The time from a mark to the last route change anywhere, 0s if there was "
        "none. A `wait: converged` has to come before."
    )


class UpdateBounds(Model):
    """Bounds of a number of messages."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2})

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


class UpdatesExpectation(Model):
    """A number of UPDATEs."""

    updates: UpdateBounds = Field(
        description="The number of UPDATE messages that all routers sent since a mark "
        "(End-of-RIB counts as one)."
    )


EXPECTATIONS = ("route", "no-route", "convergence", "updates")
Expectation = Annotated[
    Annotated[RouteExpectation, Tag("route")]
    | Annotated[NoRouteExpectation, Tag("no-route")]
    | Annotated[ConvergenceExpectation, Tag("convergence")]
    | Annotated[UpdatesExpectation, Tag("updates")],
    Discriminator(one_key),
    BeforeValidator(one_of("expectation", EXPECTATIONS)),
]
Expectations = Annotated[list[Expectation], AfterValidator(not_empty), Field(min_length=1)]
