"""The JSON Schema (draft-07) of topology files, for editors: completion, hover texts, checks.

`bgplab schema` prints it; the committed copy beside this file is checked for drift.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bgplab.topology.model import File
from bgplab.topology.scenario import ScenarioStep

_REFERENCE = "#/definitions/{model}"
_NO_DEFAULT = {"asn", "id", "group", "passive", "name", "originate", "cost", "keepalive"}


@cache
def schema() -> dict[str, Any]:
    """Generate the schema from the models."""
    raw = File.model_json_schema(ref_template=_REFERENCE)
    steps = TypeAdapter(list[ScenarioStep]).json_schema(ref_template=_REFERENCE)
    raw["$defs"] |= steps.pop("$defs")
    raw["properties"]["scenario"] |= steps
    definitions = {name: _mend(item) for name, item in raw.pop("$defs").items()}
    link = definitions["Link"]
    definitions["Link"] = {
        "description": link["description"],
        "anyOf": [
            link["properties"]["endpoints"]["anyOf"][0],
            link["properties"]["endpoints"]["anyOf"][1],
            link,
        ],
    }
    rule = definitions["Rule"]
    definitions["Rule"] = {
        "description": rule["description"],
        "anyOf": [{"enum": ["accept", "reject"]}, rule],
    }
    lab = definitions["Lab"]["properties"]
    for pattern, node in lab["nodes"]["patternProperties"].items():
        lab["nodes"]["patternProperties"][pattern] = {"anyOf": [node, {"type": "null"}]}
    one = lab["generate"]["items"]
    lab["generate"] = {
        "description": lab["generate"]["description"],
        "anyOf": [one, {"type": "array", "items": one}],
    }
    topology = raw["properties"]["topology"]
    raw["properties"]["topology"] = {
        "description": topology.pop("description"),
        "anyOf": [topology, {"type": "string", "minLength": 1}],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_mend(raw),
        "title": "bgplab topology",
        "definitions": definitions,
    }


def schema_text() -> str:
    """Write the schema as the committed file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _mend(item: Any, key: str = "") -> Any:
    """Bring what pydantic writes to draft-07, and leave out what only its models mean."""
    if isinstance(item, list):
        return [_mend(part) for part in item]
    if not isinstance(item, dict):
        return item
    if item.get("type") == "object" and item.get("additionalProperties") is False:
        item = {**item, "patternProperties": {"^x-": {}}}
    elif item.get("type") == "object" and "patternProperties" in item:
        item = {**item, "additionalProperties": False}
    # Names of a mapping are not keywords: only their values are schemas.
    if key in ("properties", "definitions", "patternProperties"):
        return {name: _mend(_property(name, part)) for name, part in item.items()}
    mended = {
        name: part if name in ("default", "const", "enum") else _mend(part, name)
        for name, part in item.items()
        if name not in ("discriminator", "title", "propertyNames")
    }
    # In draft-07 whatever stands beside $ref is ignored.
    if "$ref" in mended and len(mended) > 1:
        mended["allOf"] = [{"$ref": mended.pop("$ref")}]
    return mended


def _property(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """Drop a default that stands for "not given", and defaults that are whole mappings."""
    default = part.get("default")
    if name in _NO_DEFAULT or isinstance(default, dict | list):
        return {key: value for key, value in part.items() if key != "default"}
    return part
