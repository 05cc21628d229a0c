"""Durations as options of commands."""

from __future__ import annotations

from typing import Any

import click


class DurationType(click.ParamType):  # type: ignore[type-arg]  # generic in stubs only
    """A duration as topology files have it: 10ms, 9s, 1m, 24h; `positive` refuses 0."""

    name = "duration"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read a duration; give seconds."""
        from bgplab.topology.units import parse_duration

        try:
            seconds = parse_duration(float(value) if _is_number(value) else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if self._positive and not seconds:
            self.fail("more than 0s expected", param, ctx)
        return seconds


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdigit()
