"""The key `scenario:`: each form that a step may take, and what it comes to."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import bgplab
from bgplab.config import Rule
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
  links: [{endpoints: r1-r2, relationship: peer-peer}, r2-r3, r3-r4, [r1, r-5]]
scenario:
  - mark: m
  - wait: converged
"""
VALIDATOR = jsonschema.Draft7Validator(schema())
BEFORE = 2  # steps that stand there already


def load_with(*more):
    return loads(NETWORK + "".join(f"  - {step}\n" for step in more)).scenario[BEFORE:]


def problems_of(text):
    with pytest.raises(TopologyError) as caught:
        loads(text)
    return [problem.message for problem in caught.value.problems]


ROUTE = assertions.ExpectRoute(("r2",), "10.1.0.0/16")
NO_ROUTE = assertions.ExpectNoRoute(("r4",), "10.1.0.0/16")
BOTH = (("r1", "r2"), ("r2", "r1"))
ORIGINATED = ("10.1.0.0/16",)
FORMS = [
    ("wait: converged", steps.WaitConverged()),
    ("wait: diverges", steps.WaitDiverges()),
    ("wait: {converged: {}}", steps.WaitConverged()),
    ("wait: {converged: {within: 5s}}", steps.WaitConverged(5.0)),
    ("wait: {converged: {}, within: 5s}", steps.WaitConverged(5.0)),
    ("wait: {diverges: {within: 1m}}", steps.WaitDiverges(60.0)),
    ("wait: {for: 100ms}", steps.WaitFor(0.1)),
    ("wait: {sessions: up}", steps.WaitSessions()),
    ("wait: {sessions: {within: 5s}}", steps.WaitSessions(5.0)),
    ("wait: {sessions: up, within: 5s}", steps.WaitSessions(5.0)),
    ("wait: {state: {link: r1-r2, is: Idle}}", steps.WaitState(BOTH, "Idle")),
    (
        "wait: {state: {session: r2-r4, end: r4, is: opensent, within: 9}}",
        steps.WaitState((("r4", "r2"),), "OpenSent", 9.0),
    ),
    (
        "wait: {route: {at: r2, prefix: 10.1.0.0/16, within: 5s}}",
        steps.WaitRoute(ROUTE, 5.0),
    ),
    (
        "wait: {no-route: {at: r4, prefix: 10.1.0.0/16}, within: 5s}",
        steps.WaitRoute(NO_ROUTE, 5.0),
    ),
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
        steps.Withdraw(("r1",), ORIGINATED),
    ),
    (
        "flap: {at: r1, prefix: 10.1.0.0/16, times: 3, period: 2s}",
        steps.Flap(steps.Announce(("r1",), ORIGINATED), 3, 2.0),
    ),
    ("link-down: {link: r1-r-5}", steps.LinkDown("r1", "r-5")),
    ("link-up: {link: [r3, r2]}", steps.LinkUp("r3", "r2")),
    ("blackhole: {link: r1-r2}", steps.Blackhole("r1", "r2")),
    ("heal: {link: r3-r2}", steps.Heal("r3", "r2")),
    ("delay: {link: r1-r2, delay: 0}", steps.Delay("r1", "r2", 0.0)),
    (
        "delay: {link: r1-r2, delay: 10ms, jitter: 5ms}",
        steps.Delay("r1", "r2", 0.01, 0.005),
    ),
    ("session-reset: {link: r1-r2}", steps.SessionReset("r1", "r2")),
    ("session-reset: {link: r1-r2, end: r2}", steps.SessionReset("r2", "r1")),
    ("session-reset: {session: r2-r4}", steps.SessionReset("r2", "r4")),
    ("admin-shutdown: {link: r1-r2}", steps.AdminShutdown("r1", ("r2",))),
    (
        "admin-shutdown: {session: r2-r4, end: r4, message: back at 9}",
        steps.AdminShutdown("r4", ("r2",), "back at 9"),
    ),
    ("admin-shutdown: {at: r2}", steps.AdminShutdown("r2")),
    ("admin-up: {link: r2-r3}", steps.AdminUp("r2", ("r3",))),
    ("admin-up: {at: [r2]}", steps.AdminUp("r2")),
    (
        "policy: {at: r2, import: [{match: {as-path: [65001]}, set: {local-pref: 200}}]}",
        steps.Policy("r2", ("r1",), (Rule(as_path=(65001,), local_pref=200),)),
    ),
    (
        "policy: {at: r2, neighbor: [r3, r1], import: [], export: [reject]}",
        steps.Policy("r2", ("r3", "r1"), (), (Rule(then="reject"),)),
    ),
    (
        "send-octets: {link: r1-r2, from: r2, hex: ff FF 0013}",
        steps.SendOctets("r2", "r1", b"\xff\xff\0\x13"),
    ),
    ("kill: r1", steps.Kill(("r1",))),
    ("kill: [r1, r2]", steps.Kill(("r1", "r2"))),
    ("kill: {at: [r1, r2]}", steps.Kill(("r1", "r2"))),
    ("restart: r1", steps.Restart(("r1",))),
    ("pause: r1", steps.Pause(("r1",))),
    ("resume: r4", steps.Resume(("r4",))),
    ("hog-cpu: {processes: 2, for: 5s}", steps.HogCpu(2, 5.0)),
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
        (
            "expect: {route: {at: r2, prefix: 10.1.0.0/16, local-pref: 100, med: 0, "
            "origin: igp, communities: [no-export]}}"
        ),
        replace(ROUTE, local_pref=100, med=0, origin="igp", communities=(0xFFFFFF01,)),
    ),
    (
        "expect: {route: {at: r2, prefix: 10.1.0.0/16, best: false}}",
        replace(ROUTE, best=False),
    ),
    (
        "expect: {route: {at: r2, prefix: 10.1.0.0/16, lost-at: a Shorter as_path}}",
        replace(ROUTE, best=False, lost_at="a shorter AS_PATH"),
    ),
    (
        "expect: {no-route: {at: [r1, r4], prefix: 10.1.0.0/16}}",
        assertions.ExpectNoRoute(("r1", "r4"), "10.1.0.0/16"),
    ),
    (
        "expect: {reachable: {at: r1, prefixes: [10.2.0.0/16]}}",
        assertions.ExpectReachable(("r1",), ("10.2.0.0/16",)),
    ),
    (
        "expect: {reachable: {at: r1, prefixes: all}}",
        assertions.ExpectReachable(("r1",), ("10.1.0.0/16", "10.2.0.0/16")),
    ),
    (
        "expect: {state: {link: r1-r2, is: ESTABLISHED}}",
        assertions.ExpectState(BOTH, "Established"),
    ),
    (
        "expect: {transitions: {link: r1-r2, end: r2, are: [Idle, Connect], since: m}}",
        assertions.ExpectTransitions(("r2", "r1"), ("Idle", "Connect"), "m"),
    ),
    (
        "expect: {notification: {link: r1-r2, end: r1, sent: hold-timer-expired}}",
        assertions.ExpectNotification(("r1", "r2"), True, 4),
    ),
    (
        "expect: {notification: {session: r2-r4, end: r4, received: 6/2, since: m}}",
        assertions.ExpectNotification(("r4", "r2"), False, 6, 2, "m"),
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
    (
        "expect: {detection: {link: r1-r2, since: m, above: 3s, below: 4s}}",
        assertions.ExpectDetection(BOTH, "m", 4.0, 3.0),
    ),
    ("expect: {expiry: {link: r1-r2}}", assertions.ExpectExpiry(BOTH)),
    (
        "expect: {expiry: {link: r1-r2, end: r1, is: starvation, since: m}}",
        assertions.ExpectExpiry(BOTH[:1], "starvation", "m"),
    ),
    (
        "expect: {exploration: {prefix: 10.1.0.0/16, since: m, at-most: 3}}",
        assertions.ExpectExploration("10.1.0.0/16", "m", (), 3),
    ),
    (
        "expect: {exploration: {prefix: 10.1.0.0/16, at: r2, since: m, at-least: 1}}",
        assertions.ExpectExploration("10.1.0.0/16", "m", ("r2",), None, 1),
    ),
    ("expect: valley-free", assertions.ExpectValleyFree()),
    ("expect: {valley-free: {}}", assertions.ExpectValleyFree()),
    ("expect: [loop-free]", assertions.ExpectLoopFree()),
    ("expect: same-routes", assertions.ExpectSameRoutes()),
    (
        "expect: {keepalive: {interval-within: jitter-window, p99-lateness-below: 20ms}}",
        assertions.ExpectKeepalive((), True, 0.02),
    ),
    (
        "expect: {keepalive: {sessions: [r1-r2], p99-lateness-below: 20ms}}",
        assertions.ExpectKeepalive(BOTH, False, 0.02),
    ),
    (
        "always: {route: {at: r2, prefix: 10.1.0.0/16, via: r1}}",
        assertions.Always(replace(ROUTE, via="r1")),
    ),
    ("always: {no-route: {at: r4, prefix: 10.1.0.0/16}}", assertions.Always(NO_ROUTE)),
    (
        "always: {state: {link: r1-r2, is: Established}}",
        assertions.Always(assertions.ExpectState(BOTH, "Established")),
    ),
    ("always: loop-free", assertions.Always(assertions.ExpectLoopFree())),
    ("always: [valley-free]", assertions.Always(assertions.ExpectValleyFree())),
]
TEXTS = [text for text, _ in FORMS]
# What has to be done before, for the step to make sense.
FIRST = {
    "link-up: {link: [r3, r2]}": ["link-down: {link: r2-r3}"],
    "heal: {link: r3-r2}": ["blackhole: {link: r2-r3}"],
    "admin-up: {link: r2-r3}": ["admin-shutdown: {link: r2-r3}"],
    "admin-up: {at: [r2]}": ["admin-shutdown: {at: r2}"],
    "resume: r4": ["pause: r4"],
}


@pytest.mark.parametrize("text, value", FORMS, ids=TEXTS)
def test_each_form_of_a_step_is_read_and_valid_by_the_schema(text, value):
    first = FIRST.get(text, [])
    *_, step = load_with(*first, text)
    assert step.what == value
    assert step.line == len(NETWORK.splitlines()) + len(first) + 1
    data = Document(f"{NETWORK}  - {text}\n", "form").data
    VALIDATOR.validate(data)


@pytest.mark.parametrize("text", [text for text in TEXTS if ": [" not in text[:10]])
def test_the_text_of_a_step_is_yaml_that_means_the_same(text):
    first = FIRST.get(text, [])
    *_, step = load_with(*first, text)
    assert load_with(*first, step.text)[-1].what == step.what


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


def values_of(*texts):
    return [step.what for step in load_with(*texts)]


@pytest.mark.parametrize(
    "text, values",
    [
        (
            "admin-shutdown: {at: [r1, r2]}",
            [steps.AdminShutdown(name) for name in ("r1", "r2")],
        ),
        (
            "policy: {at: [r2, r1], export: []}",
            [
                steps.Policy("r2", ("r1",), None, ()),
                steps.Policy("r1", ("r2", "r-5"), None, ()),
            ],
        ),
    ],
)
def test_an_act_of_several_routers_may_be_a_step_for_each(text, values):
    assert values_of(text) == values
    assert len({(step.line, step.text) for step in load_with(text)}) == 1


def test_what_flaps_comes_back_on_the_terms_it_was_announced_with():
    announce = "announce: {at: r1, prefix: 10.1.0.0/16, med: 7, communities: [no-export]}"
    flap = "flap: {at: r1, prefix: 10.1.0.0/16, times: 1, period: 1s}"
    plain = steps.Announce(("r1",), ("10.1.0.0/16",))
    *_, what = values_of(announce, flap)
    assert what.announce == replace(plain, med=7, communities=(0xFFFFFF01,))
    *_, what = values_of(announce, "restart: r1", flap)
    assert what.announce == plain


@pytest.mark.parametrize(
    "before, prefixes",
    [
        ([], ("10.1.0.0/16", "10.2.0.0/16")),
        (["kill: r1"], ("10.2.0.0/16",)),
        (["pause: r1"], ("10.2.0.0/16",)),
        (["kill: r1", "restart: r1"], ("10.1.0.0/16", "10.2.0.0/16")),
        (["pause: r1", "restart: r1"], ("10.1.0.0/16", "10.2.0.0/16")),
        (
            ["announce: {at: r1, prefix: 10.9.0.0/16}", "restart: r1"],
            ("10.1.0.0/16", "10.2.0.0/16"),
        ),
        (["withdraw: {at: r1, prefix: 10.1.0.0/16}"], ("10.2.0.0/16",)),
        (
            ["announce: {at: r4, prefix: 10.1.0.0/16}", "kill: r1"],
            ("10.2.0.0/16", "10.1.0.0/16"),
        ),
    ],
)
def test_all_prefixes_are_those_that_routers_which_run_announce_by_then(before, prefixes):
    *_, what = values_of(*before, "expect: {reachable: {at: r2, prefixes: all}}")
    assert what == assertions.ExpectReachable(("r2",), prefixes)


@pytest.mark.parametrize("before", ["kill: r1", "pause: r1"])
def test_of_a_session_the_end_that_runs_is_meant(before):
    *_, what = values_of(before, "wait: {state: {link: r1-r2, is: Idle}}")
    assert what.ends == (("r2", "r1"),)
    *_, what = values_of(before, "expect: {expiry: {link: r1-r2}}")
    assert what.ends == (("r2", "r1"),)


HOLDLESS = NETWORK.replace("{asn: 65001,", "{asn: 65001, timers: {hold: 0},")


@pytest.mark.parametrize(
    "text",
    [
        "blackhole: {link: r1-r2}\n  - heal: {link: r1-r2}",
        "blackhole: {link: r1-r2}\n  - link-down: {link: r1-r2}",
        "blackhole: {link: r1-r2}\n  - restart: r2",
        "link-down: {link: r1-r2}\n  - blackhole: {link: r1-r2}",
        "wait: {for: 1s}\n  - blackhole: {link: r1-r2}",
        "pause: r1\n  - resume: r1",
        "pause: r1\n  - kill: r1",
        "pause: r3",
    ],
)
def test_a_session_without_a_hold_time_can_be_waited_for_if_its_end_is_sure(text):
    assert loads(f"{HOLDLESS}  - {text}\n  - wait: converged\n").scenario
    for silent in ("blackhole: {link: r1-r2}", "pause: r2"):
        assert len(problems_of(f"{HOLDLESS}  - {silent}\n  - wait: converged\n")) == 1


def test_with_all_routers_killed_only_a_restart_makes_sense():
    kill = "kill: [r1, r2, r3, r4, r-5]"
    assert values_of(kill, "mark: dead", "restart: r1", "wait: converged")
    assert problems_of(
        f"{NETWORK}  - {kill}\n  - wait: converged\n  - expect: loop-free\n"
    ) == ["the lab has stopped: line 13 killed the last router"]


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
