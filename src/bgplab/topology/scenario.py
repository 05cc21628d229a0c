"""The language of `scenario:`, step by step: what it does to a running lab, what must hold.

Each step is a mapping with one key, and so is each expectation. The descriptions go into the
JSON Schema (schema.py); scenario_resolve.py gives the steps their meaning.

    scenario_waits.py                           wait
    scenario_acts.py                            link-down, announce, kill ...
    expectations.py, expectation_routes.py      expect, always
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from bgplab.topology.expectations import Expectation, Expectations, Invariant, Invariants
from bgplab.topology.fields import Model, Name
from bgplab.topology.scenario_acts import (
    ACTS,
    Act,
    AdminShutdownStep,
    AdminUpStep,
    AnnounceStep,
    BlackholeStep,
    DelayStep,
    FlapStep,
    HealStep,
    HogCpuStep,
    KillStep,
    LinkDownStep,
    LinkUpStep,
    PauseStep,
    PolicyStep,
    RestartStep,
    ResumeStep,
    SendOctetsStep,
    SessionResetStep,
    WithdrawStep,
)
from bgplab.topology.scenario_fields import is_list, one_key, one_of
from bgplab.topology.scenario_waits import WaitStep


class MarkStep(Model):
    """Name a moment."""

    mark: Name = Field(
        description="Names this moment: times and messages are counted from it on."
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


class AlwaysStep(Model):
    """State what must be true from now on."""

    always: Annotated[
        Annotated[Invariant, Tag("<one>")] | Annotated[Invariants, Tag("<list>")],
        Discriminator(is_list),
    ] = Field(
        description="What must be true at every moment from here to the end of the scenario: "
        "one invariant or a list."
    )


MODELS: dict[str, type[Model]] = {
    "wait": WaitStep,
    "mark": MarkStep,
    **ACTS,
    "expect": ExpectStep,
    "always": AlwaysStep,
}
STEPS = tuple(MODELS)
StepModel = WaitStep | MarkStep | Act | ExpectStep | AlwaysStep
_check = one_of("step", STEPS)
ScenarioStep = Annotated[
    Annotated[WaitStep, Tag("<wait>")]
    | Annotated[MarkStep, Tag("<mark>")]
    | Annotated[AnnounceStep, Tag("<announce>")]
    | Annotated[WithdrawStep, Tag("<withdraw>")]
    | Annotated[FlapStep, Tag("<flap>")]
    | Annotated[LinkDownStep, Tag("<link-down>")]
    | Annotated[LinkUpStep, Tag("<link-up>")]
    | Annotated[BlackholeStep, Tag("<blackhole>")]
    | Annotated[HealStep, Tag("<heal>")]
    | Annotated[DelayStep, Tag("<delay>")]
    | Annotated[SessionResetStep, Tag("<session-reset>")]
    | Annotated[AdminShutdownStep, Tag("<admin-shutdown>")]
    | Annotated[AdminUpStep, Tag("<admin-up>")]
    | Annotated[PolicyStep, Tag("<policy>")]
    | Annotated[SendOctetsStep, Tag("<send-octets>")]
    | Annotated[KillStep, Tag("<kill>")]
    | Annotated[RestartStep, Tag("<restart>")]
    | Annotated[PauseStep, Tag("<pause>")]
    | Annotated[ResumeStep, Tag("<resume>")]
    | Annotated[HogCpuStep, Tag("<hog-cpu>")]
    | Annotated[ExpectStep, Tag("<expect>")]
    | Annotated[AlwaysStep, Tag("<always>")],
    Discriminator(one_key),
    BeforeValidator(_check),
]


def read_step(data: object) -> Any:
    """Validate one step; only the models that it needs are built, which takes time.

    Raises ValueError, of which pydantic's ValidationError is a kind.
    """
    _check(data)
    return MODELS[one_key(data)[1:-1]].model_validate(data)
