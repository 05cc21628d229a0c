"""How punctual timers must be, as a topology file says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from bgplab.topology.fields import Duration, Model


class Fidelity(Model):
    """When a run of processes is INVALID because the machine could not keep its timers."""

    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05,
        description="The limit of lateness that 99 of 100 timers must keep, as a share of the "
        "shortest keepalive interval or MRAI of the file. Lab: 0.05.",
    )
    lateness: Duration | None = Field(
        default=None,
        description="The same limit as a time, such as 20ms, in place of share. Left out: it "
        "follows from share.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Fidelity:
        if {"share", "lateness"} <= self.model_fields_set:
            raise ValueError("'share' and 'lateness' set the same limit: give one of them")
        if self.lateness == 0:
            raise ValueError("a lateness of 0s cannot be kept")
        return self
