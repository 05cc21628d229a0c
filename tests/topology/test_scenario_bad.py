"""Steps with mistakes: each says what must be told of it, with line and column.

The cases are in steps/*.txt, apart by empty lines; positions count from the case's first line.
bad-forms.txt has what the JSON Schema refuses too, bad-meanings.txt what only loading can tell.
"""

from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.errors import TopologyError
from bgplab.topology import expectations, scenario, scenario_fields, scenario_waits
from bgplab.topology.document import Document
from bgplab.topology.flow import flow
from bgplab.topology.load import loads
from bgplab.topology.schema import schema

NETWORK = """topology:
  nodes:
    r1: {originate: [10.1.0.0/16]}
    r2: {originate: [10.2.0.0/16]}
    r3: {asn: 65003, timers: {hold: 0}}
    r4: {asn: 65003}
    alone:
  links: [r1-r2, r2-r3, r3-r4]
scenario:
- mark: m
- wait: converged
"""
FIRST = len(NETWORK.splitlines())
VALIDATOR = jsonschema.Draft7Validator(schema())


def cases(name: str) -> list[str]:
    return (Path(__file__).parent / "steps" / f"{name}.txt").read_text().strip().split("\n\n")


FORMS, MEANINGS = cases("bad-forms"), cases("bad-meanings")


def split(case: str) -> tuple[str, list[str]]:
    lines = case.splitlines()
    text = "".join(f"{line}\n" for line in lines if not line.startswith("# "))
    return NETWORK + text, [line[2:] for line in lines if line.startswith("# ")]


def told_of(text: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        loads(text)
    return [
        f"{problem.line - FIRST}:{problem.column}: {problem.path}: {problem.message}"
        for problem in caught.value.problems
    ]


def test_there_are_at_least_thirty_bad_scenarios():
    assert len({*FORMS, *MEANINGS}) >= 30


@pytest.mark.parametrize("case", FORMS + MEANINGS, ids=lambda case: case.splitlines()[0][2:60])
def test_bad_steps_are_refused_with_every_mistake_in_its_place(case):
    text, expected = split(case)
    assert expected
    assert told_of(text) == expected


def test_the_schema_refuses_bad_forms_and_knows_nothing_of_meaning():
    def valid(case: str) -> bool:
        return VALIDATOR.is_valid(Document(split(case)[0], "steps").data)

    assert [case for case in FORMS if valid(case)] == []
    assert [case for case in MEANINGS if not valid(case)] == []


@pytest.mark.parametrize(
    "unread, later, hidden",
    [
        ("wait: convergd", "link-up: {link: r1-r2}", False),
        ("announce: {at: r1}", "link-up: {link: r1-r2}", False),
        ("announce: {at: r1}", "expect: {updates: {since: n, exactly: 1}}", False),
        ("announce: {at: r1}", "withdraw: {at: r1, prefix: 10.9.0.0/16}", True),
        ("announce: {at: r1}", "expect: {no-route: {at: r1, prefix: 10.9.0.0/16}}", True),
        ("link-dwn: {link: r1-r2}", "link-up: {link: r1-r2}", True),
        ("link-dwn: {link: r1-r2}", "resume: r1", False),
        ("pause: {who: r1}", "resume: r1", True),
        ("admin-shutdown: {}", "admin-up: {link: r1-r2}", True),
        ("admin-shutdown: {}", "heal: {link: r1-r2}", False),
        ("expect: {rout: {}}", "expect: {route: {at: r1, prefix: 10.9.0.0/16}}", False),
        ("do: something", "expect: {route: {at: r1, prefix: 10.9.0.0/16}}", True),
        ("do: something", "expect: {route: {at: r9, prefix: 10.1.0.0/16}}", False),
        ("link-down: {link: r1-r22}", "link-up: {link: r1-r2}", True),
    ],
)
def test_a_mistake_hides_those_after_it_only_where_it_leaves_doubt(unread, later, hidden):
    (alone,) = told_of(f"{NETWORK}- {later}\n")
    _, _, message = alone.split(": ", 2)
    told = told_of(f"{NETWORK}- {unread}\n- {later}\n")
    assert any(line.startswith("1:") for line in told)
    assert any(line.endswith(message) for line in told) is not hidden


def test_a_wait_that_cannot_be_read_may_be_the_one_that_convergence_needs():
    after = "- expect: {convergence: {since: m, below: 1s}}\n"
    assert len(told_of(f"{NETWORK}- wait: {{for: 1s}}\n{after}")) == 1
    assert len(told_of(f"{NETWORK}- wait: {{for: 1s}}\n- wait: convergd\n{after}")) == 1


def test_a_route_may_be_announced_by_a_later_step_that_cannot_be_read():
    text = f"{NETWORK}- expect: {{no-route: {{at: r1, prefix: 10.9.0.0/16}}}}\n"
    assert len(told_of(text)) == 1
    assert told_of(f"{text}- announce: {{at: r1, prefix: 10.9.0.0/16, mde: 1}}\n") == [
        "2:43: scenario[3].announce.mde: unknown key 'mde'; did you mean 'med'?"
    ]


def keys() -> list[str]:
    found = {
        key
        for definition in schema()["definitions"].values()
        for key in definition.get("properties", ())
    }
    return sorted(found | {*scenario.STEPS, *expectations.EXPECTATIONS, *scenario_waits.WAITS})


WORDS = [*keys(), *scenario_fields.STATES, "r1", "r2", "r9", "r1-r2", "r2-r3", "m", "n", "5s"]
WORDS += ["0s", "all", "up", "10.1.0.0/16", "10.9.0.0/16", "c lower MED", "6/2", "cease", "ff"]
SCALARS = st.none() | st.booleans() | st.integers(-3, 70000) | st.sampled_from(WORDS)
ANYTHING = st.recursive(
    SCALARS | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)
# Something near to what is right: the keys of one definition, each with a likely value.
LIKELY = st.sampled_from(sorted(schema()["definitions"])).flatmap(
    lambda name: st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            schema()["definitions"][name].get("properties", {}),
            SCALARS | st.lists(SCALARS, max_size=2),
        ),
    )
)
STEPS = st.dictionaries(
    st.sampled_from([*scenario.STEPS, "x-note"]),
    ANYTHING
    | LIKELY
    | st.dictionaries(
        st.sampled_from([*expectations.EXPECTATIONS, *scenario_waits.WAITS]), LIKELY, max_size=1
    ),
    max_size=2,
)


@given(st.lists(STEPS, max_size=4) | ANYTHING)
def test_whatever_a_scenario_holds_it_loads_or_is_refused_and_the_schema_knows_it(steps):
    text = NETWORK[: NETWORK.index("scenario:")] + f"scenario: {flow(steps)}\n"
    lines = {FIRST - 2}
    try:
        loads(text)
        VALIDATOR.validate(Document(text, "steps").data)
    except TopologyError as error:
        lines = {problem.line for problem in error.problems}
    assert lines == {FIRST - 2}
