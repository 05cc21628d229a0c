"""The language of `expect:` about routes: which route, and what must be true of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from bgplab.topology.fields import Asn, Identifier, Model, Name, Prefix
from bgplab.topology.scenario_fields import At, Community, Loss, Number, Number32, is_list


class SteadyRouteOf(Model):
    """Which route, and what must be true of it all the time."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefix = Field(description="The prefix.")
    via: Name | None = Field(
        default=None,
        description="The peer that it came from; the router itself for a route of its own.",
    )
    as_path: list[Asn] | None = Field(
        default=None, description="The AS_PATH, such as [65004, 65001]; [] is the empty one."
    )


class RouteOf(SteadyRouteOf):
    """Which route, and what must be true of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependencies": {"lost-at": {"properties": {"best": {"const": False}}}}
        }
    )

    next_hop: Identifier | None = Field(default=None, description="The NEXT_HOP.")
    local_pref: Number32 | None = Field(default=None, description="The LOCAL_PREF.")
    med: Number32 | None = Field(
        default=None,
        description="The MULTI_EXIT_DISC; a route that carries none does not match.",
    )
    origin: Literal["igp", "egp", "incomplete"] | None = Field(
        default=None, description="The ORIGIN."
    )
    communities: list[Community] | None = Field(
        default=None, description="Exactly these COMMUNITIES, in any order; [] is none."
    )
    best: bool = Field(
        default=True,
        description="The route is the one in use. False: there is such a route, and another "
        "one is in use.",
    )
    lost_at: Loss | None = Field(
        default=None,
        description="The step of the decision at which it lost (`python -m bgplab.rib.decision`"
        " lists them), or why it cannot be used at all. Implies `best: false`.",
    )

    @model_validator(mode="after")
    def _lost_or_best(self) -> RouteOf:
        if self.lost_at and self.best and "best" in self.model_fields_set:
            raise ValueError("the best route has lost nowhere: 'lost-at' needs 'best: false'")
        return self


class NoRouteOf(Model):
    """Which route must not be there."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefix = Field(description="The prefix.")


class ReachableOf(Model):
    """Who has routes, and to what."""

    at: At = Field(description="The router, or a list of them.")
    prefixes: Annotated[
        Annotated[Literal["all"], Tag("<one>")] | Annotated[list[Prefix], Tag("<list>")],
        Discriminator(is_list),
    ] = Field(
        description="These prefixes and no others; `all` is what the routers that run announce "
        "by then."
    )


class ExplorationBounds(Model):
    """Bounds of a number of changes."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["at-most"]}, {"required": ["at-least"]}]}
    )

    prefix: Prefix = Field(description="The prefix.")
    at: At | None = Field(
        default=None, description="The router, or a list of them. Left out: all."
    )
    since: Name = Field(description="The mark from which changes count.")
    at_most: Number | None = Field(default=None, description="Not more than this.")
    at_least: Number | None = Field(default=None, description="Not less than this.")

    @model_validator(mode="after")
    def _bounded(self) -> ExplorationBounds:
        if self.at_most is self.at_least is None:
            raise ValueError("expected a bound: 'at-most' or 'at-least'")
        if None not in (self.at_most, self.at_least) and self.at_least > self.at_most:  # type: ignore[operator]  # neither is None
            raise ValueError("no number fits: 'at-least' is more than 'at-most'")
        return self


class RouteExpectation(Model):
    """A route."""

    route: RouteOf = Field(description="Each router has this route, as its best one.")


class NoRouteExpectation(Model):
    """No route."""

    no_route: NoRouteOf = Field(description="None of the routers has a route to the prefix.")


class ReachableExpectation(Model):
    """All routes of a router."""

    reachable: ReachableOf = Field(
        description="Each router has routes to exactly these prefixes, its own included."
    )


class ExplorationExpectation(Model):
    """How far a path exploration goes."""

    exploration: ExplorationBounds = Field(
        description="So often has the best route to a prefix changed since a mark, at the "
        "router where it did most often."
    )


class SteadyRoute(Model):
    """A route, all the time."""

    route: SteadyRouteOf = Field(description="Each router has this route as its best one.")
