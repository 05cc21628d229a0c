"""The language of `scenario:`, step by step: what it does to a running lab, what must hold.

Each step is a mapping with one key, and so is each expectation. The descriptions go into the
JSON Schema (schema.py); scenario_resolve.py gives the steps their meaning.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from bgplab.topology.expectations import Expectation, Expectations
from bgplab.topology.fields import Endpoints, Model, Name
from bgplab.topology.scenario_fields import (
    At,
    Community,
    Prefixes,
    Span,
    is_list,
    is_map,
    one_key,
    one_of,
)


class Within(Model):
    """How long to wait at most."""

    within: Span | None = Field(
        default=None,
        description="The wait fails after so long. Left out: the --timeout of the run.",
    )


class _Converged(Model):
    converged: Within = Field(description="Until the network has converged.")


class _Diverges(Model):
    diverges: Within = Field(description="Until it is certain that the network cannot settle.")


class _For(Model):
    for_: Span = Field(alias="for", description="So long: what the scenario wants, no guess.")


WAITS = {"converged": _Converged, "diverges": _Diverges, "for": _For}
WaitKind = Annotated[
    Annotated[_Converged, Tag("converged")]
    | Annotated[_Diverges, Tag("diverges")]
    | Annotated[_For, Tag("for")],
    Discriminator(one_key),
    BeforeValidator(one_of("wait", WAITS)),
]


class WaitStep(Model):
    """Wait."""

    wait: Annotated[
        Annotated[Literal["converged", "diverges"], Tag("<word>")]
        | Annotated[WaitKind, Tag("<map>")],
        Discriminator(is_map),
    ] = Field(
        description="`converged`, `{converged: {within: 5s}}`, `{for: 100s}`, `diverges` or "
        "`{diverges: {within: 60s}}`. A wait that fails ends the scenario."
    )


class MarkStep(Model):
    """Name a moment."""

    mark: Name = Field(
        description="Names this moment: times and messages are counted from it on."
    )


class Originated(Model):
    """Whose prefixes, and which."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefixes = Field(description="The prefix, or a list of them.")


class Announced(Originated):
    """What is announced."""

    med: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = Field(
        default=None, description="MULTI_EXIT_DISC. Left out: none is sent."
    )
    communities: list[Community] = Field(
        default=[], description="COMMUNITIES, such as [65000:10, no-export]. Left out: none."
    )


class AnnounceStep(Model):
    """Announce prefixes."""

    announce: Announced = Field(
        description="Routers originate prefixes, or change how they announce them."
    )


class WithdrawStep(Model):
    """Withdraw prefixes."""

    withdraw: Originated = Field(description="Routers withdraw prefixes of their own.")


class LinkOf(Model):
    """Which link."""

    link: Endpoints = Field(description="The link, as r1-r2 or [r1, r2].")


class LinkDownStep(Model):
    """Cut a link."""

    link_down: LinkOf = Field(
        description="Cuts a link: both ends see it at once, and it stays down."
    )


class LinkUpStep(Model):
    """Mend a link."""

    link_up: LinkOf = Field(description="Mends a link that was cut; its session comes back.")


class Reset(Model):
    """Which session, and who tears it down."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["link"]}, {"required": ["session"]}]}
    )

    link: Endpoints | None = Field(default=None, description="The link whose session it is.")
    session: Endpoints | None = Field(
        default=None, description="The two routers of the session; it needs no link (iBGP)."
    )
    end: Name = Field(
        default="", description="The router that tears it down. Left out: the one named first."
    )

    @model_validator(mode="after")
    def _one(self) -> Reset:
        if (self.link is None) == (self.session is None):
            raise ValueError("expected one of 'link' and 'session'")
        return self


class SessionResetStep(Model):
    """Reset a session."""

    session_reset: Reset = Field(
        description="Tears a session down (Cease, Administrative Reset); it comes back."
    )


class ExpectStep(Model):
    """State what must be true now."""

    expect: Annotated[
        Annotated[Expectation, Tag("<one>")] | Annotated[Expectations, Tag("<list>")],
        Discriminator(is_list),
    ] = Field(
        description="What must be true at this moment: one expectation or a list. One that "
        "fails is told with what was found instead, and the scenario goes on."
    )


STEPS = (
    "wait",
    "mark",
    "announce",
    "withdraw",
    "link-down",
    "link-up",
    "session-reset",
    "expect",
)
StepModel = (
    WaitStep
    | MarkStep
    | AnnounceStep
    | WithdrawStep
    | LinkDownStep
    | LinkUpStep
    | SessionResetStep
    | ExpectStep
)
ScenarioStep = Annotated[
    Annotated[WaitStep, Tag("wait")]
    | Annotated[MarkStep, Tag("mark")]
    | Annotated[AnnounceStep, Tag("announce")]
    | Annotated[WithdrawStep, Tag("withdraw")]
    | Annotated[LinkDownStep, Tag("link-down")]
    | Annotated[LinkUpStep, Tag("link-up")]
    | Annotated[SessionResetStep, Tag("session-reset")]
    | Annotated[ExpectStep, Tag("expect")],
    Discriminator(one_key),
    BeforeValidator(one_of("step", STEPS)),
]
