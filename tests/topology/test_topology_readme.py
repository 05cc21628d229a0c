"""The reference in topologies/README.md names every key, and its example loads."""

import re
from pathlib import Path

from bgplab.topology import (
    expectation_routes,
    expectations,
    fidelity,
    model,
    policy,
    scenario,
    scenario_acts,
    scenario_waits,
    testing,
)
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
        fidelity.Fidelity,
        policy.Rule,
        policy.Match,
        policy.Set,
        scenario_acts.Announced,
        scenario_acts.Flapped,
        scenario_acts.Delayed,
        scenario_acts.Reset,
        scenario_acts.Shutdown,
        scenario_acts.PolicyOf,
        scenario_acts.SentOctets,
        scenario_acts.Hog,
        expectation_routes.RouteOf,
        expectation_routes.ReachableOf,
        expectation_routes.ExplorationBounds,
        expectations.StateOf,
        expectations.TransitionsOf,
        expectations.NotificationOf,
        expectations.DetectionBounds,
        expectations.ExpiryOf,
        expectations.UpdateBounds,
        expectations.KeepaliveBounds,
        testing.TestSettings,
    ]
    keys = {field.alias or "" for item in models for field in item.model_fields.values()}
    keys |= {"scenario", "fidelity", "test"}
    keys |= {*scenario.STEPS, *scenario_waits.WAITS, *expectations.EXPECTATIONS}
    for definition in schema()["definitions"].values():
        properties = definition.get("properties", {})
        if "model" in properties:
            keys |= {*properties, properties["model"]["const"]}
    missing = [key for key in sorted(keys) if not re.search(rf"\b{re.escape(key)}\b", README)]
    assert missing == []


def test_example_of_the_readme_loads():
    text = README.split("```yaml\n")[1].split("```")[0]
    assert len(loads(text).nodes) == 23


TABLES = README.split("## A scenario")[1]
ROWS = [
    example
    for line in TABLES.splitlines()
    if line.startswith("| ") and line.count("|") == 4
    for example in re.findall(r"`((?:wait|[a-z-]+): .*?|[a-z]+-[a-z]+)`", line.split("|")[3])
]
LAB = """
topology:
  nodes:
    r1: {originate: [10.1.0.0/16, 10.9.0.0/16]}
    r2: {originate: [10.9.0.0/16]}
    r3:
    r4:
    r5:
    r6:
  links: [{endpoints: r1-r2, relationship: peer-peer}, r2-r3, r3-r4, r4-r1, r5-r1, r6-r1]
scenario:
  - mark: cut
  - admin-shutdown: {at: r1}
  - wait: converged
"""


def test_the_examples_of_the_tables_are_steps_that_load():
    assert len(ROWS) > 30
    for example in ROWS:
        key = example.split(":")[0]
        step = f"expect: [{example}]" if key in expectations.EXPECTATIONS else example
        first = "" if key == "admin-up" else "  - admin-up: {at: r1}\n  - wait: converged\n"
        assert loads(f"{LAB}{first}  - {step}\n").scenario
