"""Policy in a topology file: rules with `match`, `set` and `then`, and relationships of links.

The models are the language; rules.py turns them into what routers are handed (config.Rule).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bgplab.topology.fields import NAME_PATTERN, Asn, Model, Name
from bgplab.topology.units import WELL_KNOWN, brief, parse_community

_NAME_SCHEMA: dict[str, Any] = {"type": ["string", "integer"], "pattern": NAME_PATTERN}
_COMMUNITY_SCHEMA: dict[str, Any] = {
    "anyOf": [{"enum": list(WELL_KNOWN)}, {"type": "string", "pattern": r"^\d+:\d+$"}]
}


def _one_or_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _schema(one: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})


Community = Annotated[int, PlainValidator(parse_community)]
Communities = Annotated[
    list[Community],
    Field(min_length=1),
    BeforeValidator(_one_or_list),
    _schema(_COMMUNITY_SCHEMA),
]
Neighbors = Annotated[
    list[Name], Field(min_length=1), BeforeValidator(_one_or_list), _schema(_NAME_SCHEMA)
]
Number = Annotated[int, Field(ge=0, le=4_294_967_295)]
Relationship = Literal["provider-customer", "customer-provider", "peer-peer"]


class Match(Model):
    """Which routes a rule is for; every condition that is given must hold."""

    as_path: list[Asn] | None = Field(
        default=None,
        description="The whole AS_PATH as it was received, nearest AS first, such as [65002, "
        "65001]; [] is a route of the router's own.",
    )
    neighbor: Neighbors | None = Field(
        default=None,
        description="The router at the other end of the session: one, or a list to pick from.",
    )
    community: Communities | None = Field(
        default=None,
        description="A community that the route carries, such as 65000:10, no-export, "
        "no-advertise or no-export-subconfed: one, or a list to pick from.",
    )


class Set(Model):
    """What a rule changes in the routes that it is for."""

    local_pref: Number | None = Field(
        default=None, description="LOCAL_PREF; higher is better. Lab: 100 if no rule sets it."
    )
    med: Number | None = Field(default=None, description="MULTI_EXIT_DISC; lower is better.")
    communities: Communities | None = Field(
        default=None, description="Communities in place of all that the route carries."
    )
    add_communities: Communities | None = Field(
        default=None, description="Communities besides those that the route carries."
    )
    remove_communities: Communities | None = Field(
        default=None, description="Communities that the route loses."
    )
    prepend: Annotated[int, Field(ge=1, le=50)] | None = Field(
        default=None,
        description="How many times more the router's AS number stands in the AS_PATH; in "
        "export, and towards other ASes only.",
    )


class Rule(Model):
    """One rule of an import or export policy; `accept` or `reject` for all that is left."""

    match: Match = Field(
        default=Match.model_construct(),
        description="Which routes the rule is for. Left out: all.",
    )
    set: Set = Field(
        default=Set.model_construct(), description="What the rule changes. Left out: nothing."
    )
    then: Literal["accept", "reject", "next"] = Field(
        default="accept",
        description="accept or reject the route, or go on to the next rule. Lab: accept.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in ("accept", "reject"):
                raise ValueError(
                    "expected accept, reject or a rule such as {match: {as-path: [65001]}, "
                    f"set: {{local-pref: 200}}}}, not {brief(value)}"
                )
            return {"then": value}
        return value

    @model_validator(mode="after")
    def _rejects_or_sets(self) -> Rule:
        if self.then == "reject" and self.set.settings():
            raise ValueError("a rule that rejects routes has nothing to set in them")
        return self


Rules = list[Rule]
RulesPerEnd = Annotated[
    Annotated[Rules, Tag("<one>")] | Annotated[dict[str, Rules], Tag("<map>")],
    Discriminator(lambda value: "<map>" if isinstance(value, dict) else "<one>"),
]
