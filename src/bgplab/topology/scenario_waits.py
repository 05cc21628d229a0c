"""The language of a scenario's waits: what must have come before it goes on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from bgplab.topology.expectation_routes import NoRouteOf, RouteOf
from bgplab.topology.expectations import StateOf
from bgplab.topology.fields import Model
from bgplab.topology.scenario_fields import Span, is_map, one_key, one_of

_LIMIT = "The wait fails after so long. Left out: the --timeout of the run."


class Within(Model):
    """How long to wait at most."""

    within: Span | None = Field(default=None, description=_LIMIT)


class AwaitedState(StateOf, Within):
    """Which session ends, in which state."""


class AwaitedRoute(RouteOf, Within):
    """Which route, and what must be true of it."""


class AwaitedNoRoute(NoRouteOf, Within):
    """Which route must be gone."""


class WaitKind(Model):
    """What all waits for something share; `within` may stand here too, beside the kind."""

    within: Span | None = Field(default=None, description=_LIMIT)

    @property
    def limit(self) -> float | None:
        """Return how long to wait at most, in seconds; None is left to the run."""
        return self.within if self.within is not None else self._inner()

    def _inner(self) -> float | None:
        """Return `within` as it stands inside of what is waited for."""
        values = (value for key, value in self.settings().items() if key != "within")
        limits = (value.within for value in values if isinstance(value, Within))
        return next(limits, None)

    @model_validator(mode="after")
    def _once(self) -> WaitKind:
        if self.within is not None and self._inner() is not None:
            raise ValueError("'within' is given twice")
        return self


class UntilConverged(WaitKind):
    """Until the network has converged."""

    converged: Within = Field(description="Until the network has converged.")


class UntilDiverges(WaitKind):
    """Until it is certain that the network cannot settle."""

    diverges: Within = Field(description="Until it is certain that the network cannot settle.")


class UntilSessions(WaitKind):
    """Until sessions are up."""

    sessions: Annotated[
        Annotated[Literal["up"], Tag("<word>")] | Annotated[Within, Tag("<map>")],
        Discriminator(is_map),
    ] = Field(
        description="Until every session that nothing keeps down is Established: `up`, or "
        "`{within: 5s}`."
    )


class UntilState(WaitKind):
    """Until a session is in a state."""

    state: AwaitedState = Field(description="Until session ends are in a state.")


class UntilRoute(WaitKind):
    """Until there is a route."""

    route: AwaitedRoute = Field(description="Until each router has this route.")


class UntilNoRoute(WaitKind):
    """Until a route is gone."""

    no_route: AwaitedNoRoute = Field(description="Until none of the routers has a route.")


class ForSpan(Model):
    """For some time."""

    for_: Span = Field(alias="for", description="So long: what the scenario wants, no guess.")

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        if isinstance(value, dict) and "within" in value:
            raise ValueError("'within' has no meaning beside 'for', which waits just so long")
        return value


WAITS = ("converged", "diverges", "sessions", "state", "route", "no-route", "for")
AnyWait = (
    UntilConverged
    | UntilDiverges
    | UntilSessions
    | UntilState
    | UntilRoute
    | UntilNoRoute
    | ForSpan
)
_Wait = Annotated[
    Annotated[Literal["converged", "diverges"], Tag("<word>")]
    | Annotated[UntilConverged, Tag("<converged>")]
    | Annotated[UntilDiverges, Tag("<diverges>")]
    | Annotated[UntilSessions, Tag("<sessions>")]
    | Annotated[UntilState, Tag("<state>")]
    | Annotated[UntilRoute, Tag("<route>")]
    | Annotated[UntilNoRoute, Tag("<no-route>")]
    | Annotated[ForSpan, Tag("<for>")],
    Discriminator(one_key),
    BeforeValidator(one_of("wait", WAITS, words=("converged", "diverges"), beside=("within",))),
]


class WaitStep(Model):
    """Wait."""

    wait: _Wait = Field(
        description="`converged`, `{converged: {within: 5s}}`, `{sessions: up}`, `{state: "
        "{link: r1-r2, is: Idle}}`, `{route: {at: r1, prefix: 10.1.0.0/16}}`, `{for: 5s}` ... "
        "A wait that fails ends the scenario."
    )
