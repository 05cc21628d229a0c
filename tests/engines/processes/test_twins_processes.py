"""Scenarios on real processes that pass, and their twins that fail for the right reason.

tests/scenario/test_scenario_twins.py has one for each kind of step, in virtual time. Here many
acts share a lab, and each twin states one thing after each that is not so.
"""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LAB = """
fidelity: {share: 1}
topology:
  defaults:
    timers: {hold: 3s, connect-retry: 1s}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002}
    r3: {asn: 65003}
    r4: {asn: 65004, originate: [10.4.0.0/16]}
  links: [r1-r2, r1-r3, r2-r4, r3-r4]
scenario:
  - wait: converged
"""

# Each row: steps, a text of their last step, what stands there in the twin, and what it finds.
LINKS = (
    (
        """
  - mark: cut
  - link-down: {link: r1-r2}
  - wait: converged
  - expect: {route: {at: r4, prefix: 10.1.0.0/16, via: r3, as-path: [65003, 65001]}}
""",
        ("via: r3, as-path: [65003, 65001]", "via: r2"),
        "r4: via r3, AS_PATH 65003 65001",
    ),
    (
        """
  - expect: {state: {link: r1-r2, end: r1, is: Idle}}
""",
        ("is: Idle", "is: Established"),
        "r1 with r2: Idle",
    ),
    (
        """
  - expect: {detection: {link: r1-r2, since: cut, below: 1s}}
""",
        ("below: 1s", "above: 1s"),
        "r1 with r2: 0.",
    ),
    (
        """
  - link-up: {link: r1-r2}
  - wait: converged
  - mark: silent
  - blackhole: {link: r1-r3}
  - wait: {state: {link: r1-r3, end: r1, is: Idle}}
  - wait: {state: {link: r1-r3, end: r3, is: Active}}
  - expect: {expiry: {link: r1-r3, end: r1, since: silent, is: genuine}}
""",
        ("is: genuine", "is: starvation"),
        "r1 with r3: genuine at ",
    ),
    (
        """
  - expect: {notification: {link: r1-r3, end: r1, since: silent, sent: hold-timer-expired}}
""",
        ("sent: hold-timer-expired", "sent: cease"),
        "sent Hold Timer Expired at ",
    ),
    (
        """
  - heal: {link: r1-r3}
  - wait: converged
  - delay: {link: r1-r2, delay: 300ms}
  - mark: change
  - announce: {at: r1, prefix: 10.9.0.0/16, med: 10}
  - wait: converged
  - expect: {convergence: {since: change, above: 290ms}}
""",
        ("above: 290ms", "below: 290ms"),
        "0.",
    ),
    (
        """
  - expect: {route: {at: r2, prefix: 10.9.0.0/16, via: r1, med: 10}}
""",
        ("med: 10", "med: 20"),
        "r2: via r1, AS_PATH 65001, NEXT_HOP 10.255.0.1 (best: the only path), LOCAL_PREF ",
    ),
    (
        """
  - withdraw: {at: r1, prefix: 10.9.0.0/16}
  - wait: converged
  - expect: {no-route: {at: [r1, r2, r3, r4], prefix: 10.9.0.0/16}}
""",
        ("no-route: {at: [r1, r2, r3, r4]", "route: {at: r2"),
        "r2: no route",
    ),
)
ROUTERS = (
    (
        """
  - kill: r2
  - wait: converged
  - expect: {reachable: {at: r4, prefixes: all}}
""",
        ("prefixes: all", "prefixes: [10.4.0.0/16]"),
        "r4: also 10.1.0.0/16",
    ),
    (
        """
  - expect: {state: {link: r2-r4, end: r4, is: Idle}}
""",
        ("is: Idle", "is: Established"),
        "r4 with r2: Idle",
    ),
    (
        """
  - restart: r2
  - wait: converged
  - expect: {route: {at: r2, prefix: 10.1.0.0/16, via: r1}}
""",
        ("via: r1", "via: r4"),
        "r2: via r1, AS_PATH 65001",
    ),
    (
        """
  - mark: frozen
  - pause: r3
  - wait: {state: {link: r1-r3, end: r1, is: Idle}}
  - wait: converged
  - expect: {detection: {link: r1-r3, end: r1, since: frozen, above: 2s, below: 6s}}
""",
        ("above: 2s, below: 6s", "below: 2s"),
        "r1 with r3: ",
    ),
    (
        """
  - resume: r3
  - wait: {sessions: up}
  - wait: converged
  - mark: closed
  - admin-shutdown: {link: r1-r2, message: back at 9}
  - wait: converged
  - expect: {notification: {link: r1-r2, end: r2, since: closed, received: 6/2}}
""",
        ("received: 6/2", "received: 6/4"),
        'received Cease/Administrative Shutdown "back at 9" at ',
    ),
    (
        """
  - admin-up: {link: r1-r2}
  - wait: converged
  - mark: reset
  - session-reset: {link: r1-r2, end: r2}
  - wait: converged
  - expect: {notification: {link: r1-r2, end: r2, since: reset, sent: 6/4}}
""",
        ("sent: 6/4", "received: 6/4"),
        "sent Cease/Administrative Reset at ",
    ),
    (
        """
  - mark: garbage
  - send-octets: {link: r1-r2, from: r1, hex: 'ffffffffffffffff ffffffffffffffff 0013 09'}
  - wait: {for: 500ms}
  - wait: converged
  - expect: {notification: {link: r1-r2, end: r2, since: garbage, sent: 1/3}}
""",
        ("sent: 1/3", "sent: 1/2"),
        "sent Message Header Error/Bad Message Type at ",
    ),
    (
        """
  - policy: {at: r4, neighbor: r2, import: [reject]}
  - wait: converged
  - expect: {route: {at: r4, prefix: 10.1.0.0/16, via: r2, lost-at: rejected by import policy}}
""",
        ("lost-at: rejected by import policy", "best: true"),
        "r4: via r3, AS_PATH 65003 65001",
    ),
    (
        """
  - mark: flap
  - flap: {at: r4, prefix: 10.4.0.0/16, times: 2, period: 1s}
  - wait: converged
  - expect: {updates: {since: flap, at-least: 8}}
""",
        ("at-least: 8", "at-most: 7"),
        "",
    ),
    (
        """
  - expect: {not: {keepalive: {p99-lateness-below: 1us}}}
""",
        ("not: {keepalive: {p99-lateness-below: 1us}}", "keepalive: {p99-lateness-below: 1us}"),
        "p99 lateness 0.",
    ),
    (
        """
  - hog-cpu: {processes: 1, for: 500ms}
  - wait: converged
  - expect: same-routes
""",
        ("same-routes", "{not: same-routes}"),
        "it is so",
    ),
)


@pytest.fixture
def run(command, tmp_path):
    """Give `run(scenario)`: exit code and report of `bgplab run --json`."""

    def run_file(scenario):
        file = tmp_path / "lab.yaml"
        file.write_text(LAB + scenario)
        store = tmp_path / "run.sqlite"
        started = command("run", file, "--json", "--timeout", "30", "--store", store)
        code, out, err = started.end(80)
        assert out, err
        return code, json.loads(out)

    return run_file


@pytest.mark.parametrize("rows", [LINKS, ROUTERS], ids=["links", "routers"])
def test_acts_on_processes_do_what_is_expected_of_them(run, rows):
    code, report = run("".join(steps.strip("\n") + "\n" for steps, _, _ in rows))
    assert [step for step in report["scenario"] if not step["ok"]] == []
    assert code == 0


@pytest.mark.parametrize("rows", [LINKS, ROUTERS], ids=["links", "routers"])
def test_what_is_not_so_after_acts_on_processes_fails_and_nothing_else(run, rows):
    scenario, lines = "", []
    for steps, (text, other), _ in rows:
        assert steps.count(text) == 1
        scenario += steps.strip("\n").replace(text, other) + "\n"
        lines.append((LAB + scenario).count("\n"))
    code, report = run(scenario)
    failed = {step["line"]: step for step in report["scenario"] if not step["ok"]}
    assert (code, list(failed)) == (1, lines)
    for line, (_, _, actual) in zip(lines, rows, strict=True):
        assert failed[line]["actual"].startswith(actual)
        assert failed[line]["expected"]


def test_a_wait_in_vain_on_processes_ends_the_scenario(run):
    """The link stays cut, so the session never comes back."""
    code, report = run(
        "  - link-down: {link: r1-r2}\n"
        "  - wait: {state: {link: r1-r2, end: r1, is: Established, within: 2s}}\n"
        "  - mark: never\n"
    )
    waited, after = report["scenario"][-2:]
    assert (code, waited["ok"], after["ok"]) == (1, False, None)
    assert waited["expected"] == "r1 with r2: Established within 2 s"
    assert "session r1-r2 is kept down: its link is cut" in waited["details"]
