"""The JSON Schema: in step with the models, valid draft-07, true to what loading accepts."""

from pathlib import Path

import jsonschema
import pytest
import yaml

import bgplab.topology
from bgplab.config import RouterFlags, SessionFlags, Timers
from bgplab.topology import model
from bgplab.topology.document import Document
from bgplab.topology.schema import schema, schema_text

COMMITTED = Path(bgplab.topology.__file__).parent / "bgplab.schema.json"
VALIDATOR = jsonschema.Draft7Validator(schema())
BAD = Path(__file__).parent / "bad"


def test_committed_schema_is_that_of_the_models():
    assert COMMITTED.read_text() == schema_text(), "run: python3 dev.py schema"


def test_schema_is_valid_draft_07():
    jsonschema.Draft7Validator.check_schema(schema())
    assert "$defs" not in schema_text()


def test_each_key_is_described():
    properties = [
        (name, key, item)
        for name, definition in schema()["definitions"].items()
        for part in (definition, *definition.get("anyOf", ()))
        for key, item in part.get("properties", {}).items()
    ]
    bare = [(name, key) for name, key, item in properties if "description" not in item]
    assert len(properties) > 80
    assert {key for _, key in bare} == {"model"}


@pytest.mark.parametrize(
    "name", ["wrong-type", "unknown-key", "flags", "generate-model", "cost", "policy"]
)
def test_schema_refuses_what_loading_refuses(name):
    data = Document((BAD / f"{name}.yaml").read_text(), name).data
    assert not VALIDATOR.is_valid(data)


def test_schema_accepts_short_forms():
    text = """
topology:
  x-note: 1
  nodes: {r1: , r2: {originate: 3, timers: {mrai: {ebgp: 5}}, flags: {coalesce: 10ms}}, 3: }
  defaults: {import: [{match: {community: 1:1, neighbor: 3}}, reject], export: [accept]}
  links: [r1-r2, [r1, 3], {endpoints: r2-3, delay: {r2: 1ms}, timers: {r2: {hold: 0}},
    relationship: peer-peer, export: {r2: [{set: {communities: [1:1, no-export]}}]}}]
"""
    VALIDATOR.validate(Document(text, "short").data)


def test_defaults_of_the_language_are_those_of_the_configuration():
    timers, session, router = Timers(), SessionFlags(), RouterFlags()
    for name, item in model.Timers.model_fields.items():
        assert item.default == getattr(timers, name)
    for name, item in model.Flags.model_fields.items():
        assert item.default == getattr(session if hasattr(session, name) else router, name)


def test_yaml_library_has_its_fast_loader():
    assert yaml.__with_libyaml__
