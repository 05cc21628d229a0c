"""The key `scenario:`: each form that a step may take, and what it comes to."""

import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import bgplab
from bgplab.errors import TopologyError
from bgplab.topology import assertions, steps
from bgplab.topology.document import Document
from bgplab.topology.load import loads
from bgplab.topology.schema import schema

NETWORK = """
topology:
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65002}
    r4: {asn: 65002}
    r-5: {asn: 65005}
  links: [r1-r2, r2-r3, r3-r4, [r1, r-5]]
scenario:
  - mark: m
  - wait: converged
"""
BEFORE = 2  # steps that stand there already


def load_with(*more):
    return loads(NETWORK + "".join(f"  - {step}\n" for step in more)).scenario[BEFORE:]


def problems_of(text):
    with pytest.raises(TopologyError) as caught:
        loads(text)
    return [problem.message for problem in caught.value.problems]


ROUTE = assertions.ExpectRoute(("r2",), "10.1.0.0/16")
FORMS = [
    ("wait: converged", steps.WaitConverged()),
    ("wait: diverges", steps.WaitDiverges()),
    ("wait: {converged: {}}", steps.WaitConverged()),
    ("wait: {converged: {within: 5s}}", steps.WaitConverged(5.0)),
    ("wait: {diverges: {within: 1m}}", steps.WaitDiverges(60.0)),
    ("wait: {for: 100ms}", steps.WaitFor(0.1)),
    ("mark: cut", steps.Mark("cut")),
    (
        "announce: {at: r1, prefix: 10.9.0.0/16}",
        steps.Announce(("r1",), ("10.9.0.0/16",)),
    ),
    (
        (
            "announce: {at: [r1, r2], prefix: [10.8.0.0/16, 10.9.0.0/16], med: 0, "
            "communities: [65000:10, no-export]}"
        ),
        steps.Announce(
            ("r1", "r2"), ("10.8.0.0/16", "10.9.0.0/16"), 0, (65000 << 16 | 10, 0xFFFFFF01)
        ),
    ),
    (
        "withdraw: {at: r1, prefix: 10.1.0.0/16}",
        steps.Withdraw(("r1",), ("10.1.0.0/16",)),
    ),
    ("link-down: {link: r1-r-5}", steps.LinkDown("r1", "r-5")),
    ("link-up: {link: [r3, r2]}", steps.LinkUp("r3", "r2")),
    ("session-reset: {link: r1-r2}", steps.SessionReset("r1", "r2")),
    ("session-reset: {link: r1-r2, end: r2}", steps.SessionReset("r2", "r1")),
    ("session-reset: {session: r2-r4}", steps.SessionReset("r2", "r4")),
    ("expect: {route: {at: r2, prefix: 10.1.0.0/16}}", ROUTE),
    ("expect: [{route: {at: [r2], prefix: 10.1.0.0/16}}]", ROUTE),
    (
        (
            "expect: {route: {at: r4, prefix: 10.1.0.0/16, via: r2, as-path: [65001], "
            "next-hop: 10.255.0.1}}"
        ),
        assertions.ExpectRoute(("r4",), "10.1.0.0/16", "r2", (65001,), "10.255.0.1"),
    ),
    (
        "expect: {route: {at: r1, prefix: 10.1.0.0/16, via: r1, as-path: []}}",
        assertions.ExpectRoute(("r1",), "10.1.0.0/16", "r1", ()),
    ),
    (
        "expect: {no-route: {at: [r1, r4], prefix: 10.1.0.0/16}}",
        assertions.ExpectNoRoute(("r1", "r4"), "10.1.0.0/16"),
    ),
    (
        "expect: {convergence: {since: m, above: 10ms, below: 2s}}",
        assertions.ExpectConvergence("m", 2.0, 0.01),
    ),
    (
        "expect: {updates: {since: m, at-least: 4, at-most: 40}}",
        assertions.ExpectUpdates("m", 40, 4),
    ),
    ("expect: {updates: {since: m, exactly: 0}}", assertions.ExpectUpdates("m", exactly=0)),
]


@pytest.mark.parametrize("text, value", FORMS, ids=[text for text, _ in FORMS])
def test_each_form_of_a_step_is_read_and_valid_by_the_schema(text, value):
    (step,) = load_with(text)
    assert step.what == value
    assert step.line == len((NETWORK).splitlines()) + 1
    data = Document(f"{NETWORK}  - {text}\n", "form").data
    jsonschema.Draft7Validator(schema()).validate(data)


@pytest.mark.parametrize("text", [text for text, _ in FORMS if "[{" not in text])
def test_the_text_of_a_step_is_yaml_that_means_the_same(text):
    (step,) = load_with(text)
    assert load_with(step.text)[0].what == step.what


def test_each_expectation_of_a_list_is_a_step_with_a_line_of_its_own():
    text = """  - expect:
      - updates: {since: m, exactly: 3}
      - x-why: a note
        no-route: {at: r1,
                   prefix: 10.2.0.0/16}
"""
    first, second = loads(NETWORK + text).scenario[BEFORE:]
    assert first.text == "expect: {updates: {since: m, exactly: 3}}"
    assert second.text == "expect: {no-route: {at: r1, prefix: 10.2.0.0/16}}"
    begin = len(NETWORK.splitlines())
    assert (first.line, second.line) == (begin + 2, begin + 3)


def test_a_file_without_a_scenario_has_no_steps():
    assert loads("topology: {nodes: {r1: }}").scenario == ()
    assert loads("topology: {nodes: {r1: }}\nscenario: []").scenario == ()


def test_steps_are_looked_at_also_where_the_file_has_other_mistakes():
    text = NETWORK.replace("asn: 65001", "asn: x") + (
        "  - link-down: {link: r1-r4}\n  - link-dwn: {link: r1-r2}\n  - wait: {for: 0s}\n"
    )
    messages = problems_of(text)
    assert messages == [
        "expected an AS number from 1 to 4294967294, not 'x'",
        "no link of r1 and r4: r1 is linked with r2, r-5",
        "unknown step 'link-dwn'; did you mean 'link-down'?",
        "expected a duration above 0s, not '0s'",
    ]


def test_a_step_that_cannot_be_read_does_not_make_later_ones_look_wrong():
    text = NETWORK + (
        "  - announce: {at: r1, prefix: 10.7.0.0/16, mde: 3}\n"
        "  - mark: [cut]\n"
        "  - expect: {updates: {since: cut, at-most: 4}}\n"
        "  - expect: {route: {at: r2, prefix: 10.7.0.0/16}}\n"
        "  - withdraw: {at: r1, prefix: 10.7.0.0/16}\n"
    )
    assert len(problems_of(text)) == 2


def test_routers_that_may_be_missing_are_not_told_as_unknown():
    text = NETWORK.replace("topology:\n", "topology:\n  generate: {model: rign, n: 3}\n")
    text += "  - withdraw: {at: c1, prefix: 10.3.0.0/16}\n  - link-up: {link: c1-c2}\n"
    (message,) = problems_of(text)
    assert message.startswith("unknown model 'rign'")


@pytest.mark.parametrize(
    "ibgp, step, message",
    [
        ("none", "link-down: {link: r2-r3}", "no BGP session runs over the link of r2 and r3"),
        ("links", "session-reset: {session: r2-r4}", "no BGP session of r2 and r4"),
    ],
)
def test_a_session_that_the_plan_does_not_have_cannot_be_touched(ibgp, step, message):
    text = NETWORK.replace("topology:\n", f"topology:\n  ibgp: {ibgp}\n") + f"  - {step}\n"
    assert problems_of(text) == [message]


def test_a_router_without_links_is_told_so():
    text = "topology: {nodes: {r1: , r2: }}\nscenario: [{link-up: {link: r1-r2}}]"
    assert problems_of(text) == ["no link of r1 and r2: r1 has no links"]


def test_what_was_withdrawn_cannot_be_withdrawn_again_but_announced():
    withdraw = "withdraw: {at: r1, prefix: 10.1.0.0/16}"
    announce = "announce: {at: r1, prefix: 10.1.0.0/16}"
    assert len(load_with(withdraw, announce, withdraw)) == 3
    text = f"{NETWORK}  - {withdraw}\n  - {withdraw}\n"
    assert problems_of(text) == ["r1 does not announce 10.1.0.0/16 by then"]


@pytest.mark.parametrize("first", ["wait: {for: 1s}", "link-down: {link: r1-r2}"])
def test_convergence_is_measured_only_after_a_wait_for_it(first):
    convergence = "expect: {convergence: {since: m, below: 1s}}"
    assert load_with(first, "wait: converged", convergence)
    text = f"{NETWORK}  - {first}\n  - {convergence}\n"
    line = len(NETWORK.splitlines()) + 1
    assert problems_of(text) == [
        f"needs a 'wait: converged' between the step in line {line} and this"
    ]
    bare = "topology: {nodes: {r1: }}\nscenario: [{mark: m}, {" + convergence + "}]"
    assert problems_of(bare) == ["needs a 'wait: converged' before this"]


def test_a_file_without_a_scenario_does_not_pay_for_the_models_of_steps():
    code = (
        "import sys; from bgplab.topology.load import loads;"
        "loads('topology: {nodes: {r1: }}');"
        "print([name for name in sys.modules if 'scenario' in name or 'steps' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(bgplab.__file__).parent.parent)},
    )  # fmt: skip
    assert done.stdout == "[]\n"
