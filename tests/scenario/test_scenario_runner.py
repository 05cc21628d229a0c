"""Scenarios on whole routers in virtual time: what each step does, and what it tells."""

from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "topologies"

# left reaches right over top or over bottom; top has the lower BGP Identifier.
DIAMOND = """
name: diamond
topology:
  defaults:
    timers: {connect-retry: 1s}
    links: {delay: 10ms}
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4, originate: [10.4.0.0/16]}
  links: [left-top, top-right, left-bottom, bottom-right]
scenario:
"""
SETTLED = "  - wait: converged\n  - mark: start\n"


@pytest.fixture
def diamond(play):
    """Give `diamond(*steps)`: play them after convergence, give the results of the steps."""

    def play_steps(*steps, timeout=60.0):
        text = DIAMOND + SETTLED + "".join(f"  - {step}\n" for step in steps)
        outcome = play(text, timeout=timeout)
        assert [step.ok for step in outcome.steps[:2]] == [True, True]
        assert outcome.ok == all(step.ok for step in outcome.steps)
        return outcome.steps[2:]

    return play_steps


# ---------------------------------------------------------------------------- gallery


@pytest.mark.parametrize("name", ["failover", "tdown"])
def test_a_scenario_of_the_gallery_holds_in_virtual_time(play, name):
    outcome = play((GALLERY / f"{name}.yaml").read_text())
    assert [step for step in outcome.steps if not step.ok] == []
    assert outcome.verdict.name == "converged"


def test_the_withdrawal_in_a_clique_takes_what_the_literature_says(play):
    """Labovitz et al., SIGCOMM 2000: (n - 3) M, and (n - 1)^2 (n + 2) / 2 UPDATEs."""
    outcome = play((GALLERY / "tdown.yaml").read_text())
    measured = {step.text.split(",")[0]: step.actual for step in outcome.steps if step.actual}
    assert float(measured["expect: {convergence: {since: down"].split()[0]) < 2.1
    assert measured["expect: {updates: {since: down"] == "56"
    assert measured["expect: {updates: {since: up"] == "20"


# ----------------------------------------------------------------------- expectations


@pytest.mark.parametrize(
    "expectation",
    [
        "route: {at: left, prefix: 10.4.0.0/16}",
        "route: {at: left, prefix: 10.4.0.0/16, via: top}",
        "route: {at: [right, top, bottom], prefix: 10.4.0.0/16, next-hop: 10.255.0.4}",
        "route: {at: left, prefix: 10.4.0.0/16, as-path: [65002, 65004]}",
        "route: {at: right, prefix: 10.4.0.0/16, via: right, as-path: []}",
        "no-route: {at: left, prefix: 10.9.0.0/16}",
        "convergence: {since: start, below: 1ms}",
        "updates: {since: start, exactly: 0}",
        "updates: {since: start, at-least: 0, at-most: 1}",
    ],
)
def test_an_expectation_that_holds_passes(diamond, expectation):
    # The later announcement makes 10.9.0.0/16 a prefix that the file knows.
    later = "announce: {at: right, prefix: 10.9.0.0/16}"
    result, _ = diamond(f"expect: {{{expectation}}}", later)
    assert result.ok is True


@pytest.mark.parametrize(
    "expectation, expected, actual",
    [
        (
            "route: {at: left, prefix: 10.4.0.0/16, via: bottom}",
            "left: 10.4.0.0/16 via bottom",
            (
                "left: via top, AS_PATH 65002 65004, NEXT_HOP 10.255.0.2 "
                "(best: f lower BGP Identifier)"
            ),
        ),
        (
            "route: {at: [right, left], prefix: 10.4.0.0/16, as-path: []}",
            "right, left: 10.4.0.0/16 AS_PATH empty",
            (
                "left: via top, AS_PATH 65002 65004, NEXT_HOP 10.255.0.2 "
                "(best: f lower BGP Identifier)"
            ),
        ),
        (
            "route: {at: right, prefix: 10.4.0.0/16, next-hop: 10.255.0.9}",
            "right: 10.4.0.0/16 NEXT_HOP 10.255.0.9",
            (
                "right: a route of its own, AS_PATH empty, NEXT_HOP 10.255.0.4 "
                "(best: the only path)"
            ),
        ),
        (
            "no-route: {at: [left, right], prefix: 10.1.0.0/16}",
            "left, right: no route to 10.1.0.0/16",
            (
                "left: a route of its own, AS_PATH empty, NEXT_HOP 10.255.0.1 "
                ""
                "(best: the only path); right: via top, AS_PATH 65002 65001, "
                "NEXT_HOP 10.255.0.2 (best: f lower BGP Identifier)"
            ),
        ),
        (
            "convergence: {since: start, above: 1ms}",
            "convergence above 0.001 s since start",
            "0.000 s",
        ),
        (
            "updates: {since: start, at-least: 1, at-most: 3}",
            "at least 1 and at most 3 UPDATEs since start",
            "0",
        ),
        ("updates: {since: start, exactly: 2}", "exactly 2 UPDATEs since start", "0"),
    ],
)
def test_an_expectation_that_fails_says_what_there_is_instead(
    diamond, expectation, expected, actual
):
    (result,) = diamond(f"expect: {{{expectation}}}")
    assert result.ok is False
    assert (result.expected, result.actual) == (expected, actual)


def test_a_route_that_is_missing_is_told_with_the_router(diamond):
    result = diamond(
        "withdraw: {at: right, prefix: 10.4.0.0/16}",
        "wait: converged",
        "expect: {route: {at: [left, right], prefix: 10.4.0.0/16}}",
    )[-1]
    assert result.expected == "left, right: 10.4.0.0/16 from anyone"
    assert result.actual == "left: no route; right: no route"


def test_a_failed_expectation_does_not_keep_the_others_from_being_told(diamond):
    results = diamond(
        "expect: [{updates: {since: start, exactly: 1}}, "
        "{updates: {since: start, exactly: 0}}]",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: bottom}}",
        "wait: converged",
    )
    assert [result.ok for result in results] == [False, True, False, True]


# ------------------------------------------------------------------------- waits, acts


def test_a_wait_that_fails_gives_its_reasons_and_ends_the_scenario(diamond):
    results = diamond(
        "session-reset: {link: left-top}",
        "wait: {converged: {within: 500ms}}",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: bottom}}",
        "wait: converged",
    )
    assert [result.ok for result in results] == [True, False, None, None]
    assert results[1].expected == "converged within 0.5 s"
    assert results[1].actual.startswith("timeout after 0.500 s: session left-top: ")
    assert results[1].at == pytest.approx(0.5, abs=0.1)
    assert results[2].at is None


def test_a_wait_without_a_limit_takes_that_of_the_run(diamond):
    result = diamond("session-reset: {link: left-top}", "wait: converged", timeout=0.25)[-1]
    assert (result.ok, result.expected) == (False, "converged within 0.25 s")


def test_waiting_for_divergence_fails_where_the_network_converges(diamond):
    result, after = diamond("wait: {diverges: {within: 3s}}", "wait: {for: 1s}")
    assert (result.ok, after.ok) == (False, None)
    assert (result.expected, result.actual) == (
        "diverges within 3 s",
        "converged after 0.000 s",
    )


def test_waiting_for_a_time_lets_exactly_that_pass(diamond):
    before, after = diamond("mark: here", "wait: {for: 100s}")
    assert after.at - before.at == pytest.approx(100)


def test_announced_prefixes_arrive_and_withdrawn_ones_go(diamond):
    results = diamond(
        "announce: {at: [left, right], prefix: [10.7.0.0/16, 10.8.0.0/16], med: 5, "
        "communities: [65000:10, no-export]}",
        "wait: converged",
        "expect: {route: {at: left, prefix: 10.7.0.0/16, via: left}}",
        "expect: {route: {at: right, prefix: 10.8.0.0/16, via: right}}",
        "expect: {no-route: {at: [top, bottom], prefix: 10.99.0.0/16}}",
        "withdraw: {at: left, prefix: 10.7.0.0/16}",
        "wait: converged",
        "expect: {no-route: {at: left, prefix: 10.7.0.0/16}}",
        "announce: {at: left, prefix: 10.99.0.0/16}",
    )
    assert [result.text for result in results if not result.ok] == []


def test_a_cut_link_moves_routes_and_a_mended_one_takes_them_back(diamond):
    results = diamond(
        "link-down: {link: left-top}",
        "wait: {converged: {within: 1s}}",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: bottom}}",
        "expect: {convergence: {since: start, above: 1ms, below: 100ms}}",
        "link-up: {link: [top, left]}",
        "wait: converged",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: top}}",
    )
    assert [result.text for result in results if not result.ok] == []


def test_a_session_comes_back_after_a_reset(diamond):
    results = diamond(
        "session-reset: {session: left-top, end: top}",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: top}}",
        "wait: {for: 100ms}",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: bottom}}",
        "wait: converged",
        "expect: {route: {at: left, prefix: 10.4.0.0/16, via: top}}",
        "expect: {updates: {since: start, at-least: 4}}",
    )
    assert [result.text for result in results if not result.ok] == []


# ---------------------------------------------------------------------------- verdict


def test_the_verdict_of_the_last_wait_stands_until_something_is_done(play):
    text = DIAMOND + SETTLED
    assert play(text).verdict.name == "converged"
    assert play(text + "  - expect: {updates: {since: start, exactly: 0}}\n").verdict
    assert play(text + "  - withdraw: {at: left, prefix: 10.1.0.0/16}\n").verdict is None
    assert play(text + "  - wait: {for: 1s}\n").verdict is None
    failed = play(
        text + "  - session-reset: {link: left-top}\n  - wait: converged\n", timeout=0.1
    )
    assert failed.verdict.name == "timeout"


def test_acts_may_come_before_the_first_wait(play):
    text = DIAMOND + (
        "  - mark: begin\n"
        "  - withdraw: {at: left, prefix: 10.1.0.0/16}\n"
        "  - wait: converged\n"
        "  - expect: {no-route: {at: [left, top, bottom, right], prefix: 10.1.0.0/16}}\n"
    )
    assert play(text).ok
