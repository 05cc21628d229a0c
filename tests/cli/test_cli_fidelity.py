"""The certificate as people read it."""

from bgplab.cli.fidelity import fidelity_lines
from bgplab.observe.fidelity import Certificate, Lateness, Rule, certify_virtual
from bgplab.observe.load import Load, Stalls

LATE = Lateness(0.001, 0.02, 0.3, 0.1, 1000)
FIGURES = "1 ms (median), 20 ms (p99), 0.10 s (p99.9), 0.30 s (max)"
RULE = Rule(1.0, 0.05, 0.05)


def lines(certificate, *, failed=False):
    return [line.strip() for line in fidelity_lines(certificate, failed=failed)]


def test_a_valid_run_tells_lateness_limit_and_who_had_the_processors():
    load = Load(10.0, 2, 4.0, 1.0, 0.0, {"r1": 0.1, "r2": 0.3})
    assert lines(Certificate(True, LATE, 0.05, rule=RULE, load=load)) == [
        f"fidelity     VALID: timers late by {FIGURES}; p99 limit 50 ms",
        "2 processors: lab 20%, all else 5%; routers waited for one 2.0% of the time, r2 3.0%",
    ]


def test_stalls_links_and_expiries_are_told_if_there_were_any():
    certificate = Certificate(
        True,
        LATE,
        0.05,
        links=Lateness(0.0001, 0.002, 0.003, 0.003, 5),
        expiries=(2, 0, 0),
        stalls=Stalls(3, 0.2, "r7"),
        controller=Stalls(1, 0.06),
        load=Load(10.0, 1, 4.0, None, 2.0),
    )
    assert lines(certificate)[1:] == [
        "links: octets left late by 100 us (median), 2 ms (p99), 3 ms (p99.9), 3 ms (max)",
        "1 processor: lab 40%, stolen 20%",
        "stalls: 3 turns of routers, the longest 0.20 s (r7)",
        "stalls: 1 turn of the controller, the longest 60 ms",
        "hold timers expired: 2 by silence of the peer, 0 by starvation, 0 unclear",
    ]


def test_an_invalid_run_tells_why_and_what_would_help_and_excuses_a_failure():
    certificate = Certificate(
        False, LATE, 0.01, ("timers fired too late",), ("fewer routers", "--engine virtual")
    )
    assert lines(certificate, failed=True)[1:] == [
        "timers fired too late",
        "what failed may be the machine's fault: neither passed nor failed",
        "would help: fewer routers; --engine virtual",
    ]
    assert lines(certificate)[1:] == [
        "timers fired too late",
        "would help: fewer routers; --engine virtual",
    ]


def test_a_run_in_which_no_timer_fired_says_so():
    assert lines(Certificate(True, Lateness(), 1.0)) == [
        "fidelity     VALID: no timer has expired"
    ]


def test_virtual_time_is_valid_by_its_nature():
    assert lines(certify_virtual(RULE)) == [
        "fidelity     VALID: in virtual time nothing is ever late"
    ]
