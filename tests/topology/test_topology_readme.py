"""The reference in topologies/README.md names every key, and its example loads."""

import re
from pathlib import Path

from bgplab.topology import expectations, model, policy, scenario, testing
from bgplab.topology.fields import Model
from bgplab.topology.load import loads
from bgplab.topology.schema import schema

README = (Path(__file__).parents[2] / "topologies" / "README.md").read_text()


def test_readme_names_every_timer_flag_model_and_key_of_the_language():
    models: list[type[Model]] = [
        model.Timers,
        model.Flags,
        model.Lab,
        model.Node,
        model.Link,
        model.LinkDefaults,
        policy.Rule,
        policy.Match,
        policy.Set,
        scenario.Announced,
        scenario.Reset,
        expectations.RouteOf,
        expectations.ConvergenceBounds,
        expectations.UpdateBounds,
        testing.TestSettings,
    ]
    keys = {field.alias or "" for item in models for field in item.model_fields.values()}
    keys |= {"scenario", "test", *scenario.STEPS, *scenario.WAITS, *expectations.EXPECTATIONS}
    for definition in schema()["definitions"].values():
        properties = definition.get("properties", {})
        if "model" in properties:
            keys |= {*properties, properties["model"]["const"]}
    missing = [key for key in sorted(keys) if not re.search(rf"\b{re.escape(key)}\b", README)]
    assert missing == []


def test_example_of_the_readme_loads():
    text = README.split("```yaml\n")[1].split("```")[0]
    assert len(loads(text).nodes) == 23
