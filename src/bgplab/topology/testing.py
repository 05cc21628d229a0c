"""The key `test:` of a topology file: how it is run where files are run as tests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bgplab.topology.fields import Duration, Model
from bgplab.topology.graph import HowTested

Engine = Literal["virtual", "processes"]


def _some(engines: list[Engine]) -> list[Engine]:
    if not engines:
        raise ValueError("expected at least one engine, not an empty list")
    return engines


def _above_zero(seconds: float) -> float:
    if not seconds:
        raise ValueError("expected a duration above 0s")
    return seconds


class TestSettings(Model):
    """How `bgplab test` and pytest run this file."""

    engines: Annotated[list[Engine], AfterValidator(_some)] = Field(
        default=["virtual", "processes"],
        description="The engines that the file is for. Left out: both.",
    )
    slow: bool = Field(
        default=False,
        description="Takes long: `bgplab test --quick` leaves it out, and pytest marks it "
        "`bgplab_slow`.",
    )
    timeout: Annotated[Duration, AfterValidator(_above_zero)] | None = Field(
        default=None,
        description="Real time after which a run is ended and counts as failed. Left out: the "
        "--timeout of the test run.",
    )

    def value(self) -> HowTested:
        """Give this as a plain value, each engine once."""
        return HowTested(tuple(dict.fromkeys(self.engines)), self.slow, self.timeout)
