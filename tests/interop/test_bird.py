"""A lab router and a real BIRD: what each sends, the other takes as it was meant."""

import signal
import time

import pytest

from bgplab.facts import NotificationReceived, NotificationSent, OctetsReceived
from bgplab.session.events import State
from bgplab.speaker.inputs import Originate, Start, Stop, Withdraw
from bgplab.wire.attributes import format_as_path
from bgplab.wire.header import KEEPALIVE, ROUTE_REFRESH, UPDATE
from bgplab.wire.notification import read_shutdown
from bgplab.wire.refresh import encode_refresh

pytestmark = pytest.mark.interop

PREFIXES = 1000
GROUPS = 10  # sets of attributes
SIZE = PREFIXES // GROUPS
LAB_DIALS: dict[str, object] = {}
BIRD_DIALS = {"lab_passive": True, "options": ""}
BOTH_DIAL = {"options": ""}
FOUR_OCTETS = {"lab_asn": 4_200_000_001, "bird_asn": 4_200_000_002}
ORIGINS = ("IGP", "EGP", "INCOMPLETE")

each_initiator = pytest.mark.parametrize(
    "roles", [LAB_DIALS, BIRD_DIALS, BOTH_DIAL], ids=["lab-dials", "bird-dials", "both-dial"]
)


def lab_prefix(number):
    return f"10.{number >> 8}.{number & 255}.0/24"


def bird_prefix(number):
    return f"172.{16 + (number >> 8)}.{number & 255}.0/24"


def lab_group(group):
    """The input that originates one group: its own MED and communities."""
    prefixes = tuple(lab_prefix(group * SIZE + i) for i in range(SIZE))
    return Originate(prefixes, med=100 + group, communities=(65001 << 16 | group, 65001 << 16))


def bird_route(number):
    """One static route of BIRD; its group decides the attributes."""
    group = number // SIZE
    return (
        f"route {bird_prefix(number)} blackhole {{ bgp_med = {200 + group};"
        f" bgp_path.prepend({65200 + group}); bgp_path.prepend(65100);"
        f" bgp_community.add((65100, {group}));"
        f" bgp_origin = ORIGIN_{ORIGINS[group % 3]}; }};"
    )


BIRD_ROUTES = "\n  ".join(bird_route(number) for number in range(PREFIXES))


def exchange(bench, roles):
    """Bring a session up over which 1,000 prefixes went in each direction."""
    router, bird = bench.pair(BIRD_ROUTES, **roles)
    for group in range(GROUPS):
        router.shell.feed(lab_group(group))
    bench.connect(router, bird)
    bench.until(lambda: len(router.routes()) == PREFIXES)
    bench.until(lambda: bird.count() == PREFIXES)
    return router, bird


def check_in_lab(router, asn):
    routes = router.routes()
    assert set(routes) == {bird_prefix(number) for number in range(PREFIXES)}
    for number in range(PREFIXES):
        group = number // SIZE
        attributes = routes[bird_prefix(number)].attributes
        assert format_as_path(attributes.as_path) == f"{asn} 65100 {65200 + group}"
        assert attributes.med == 200 + group
        assert attributes.communities == (65100 << 16 | group,)
        assert attributes.origin == group % 3
        assert attributes.next_hop == "10.255.0.2"


def check_in_bird(bird, asn):
    routes = bird.routes()
    assert set(routes) == {lab_prefix(number) for number in range(PREFIXES)}
    for number in range(PREFIXES):
        group = number // SIZE
        assert routes[lab_prefix(number)] == {
            "origin": "IGP",
            "as_path": str(asn),
            "next_hop": "10.255.0.1",
            "med": str(100 + group),
            "local_pref": "100",
            "community": f"(65001,{group}) (65001,0)",
        }


@each_initiator
def test_a_thousand_prefixes_go_both_ways_with_their_attributes(bench, roles):
    router, bird = exchange(bench, roles)
    check_in_lab(router, 65002)
    check_in_bird(bird, 65001)
    if roles is not BOTH_DIAL:
        (connection,) = router.shell._connections
        assert (connection > 0) is (roles is LAB_DIALS)
    assert router.sent(UPDATE) == GROUPS + 1  # as full as they may be, and End-of-RIB
    assert not router.notifications(NotificationReceived)


def test_four_octet_as_numbers_go_both_ways(bench):
    """RFC 6793 section 4.1."""
    router, bird = exchange(bench, FOUR_OCTETS)
    check_in_lab(router, 4_200_000_002)
    check_in_bird(bird, 4_200_000_001)


def test_a_bird_with_two_octet_as_numbers_gets_and_gives_the_same_paths(bench):
    """RFC 6793 section 4.2: AS_TRANS, AS4_PATH."""
    options = "passive on; enable as4 off;"
    routes = (
        f"route {bird_prefix(0)} blackhole {{ bgp_path.prepend(65100);"
        f" bgp_path.prepend(4200000009); }};"
    )
    router, bird = bench.pair(
        routes, lab_asn=4_200_000_001, expected="external", options=options
    )
    router.shell.feed(lab_group(0))
    bench.connect(router, bird)
    bench.until(lambda: len(router.routes()) == 1 and bird.count() == SIZE)
    assert not router.shell.speaker.sessions["bird"].negotiated.four_octet
    path = router.routes()[bird_prefix(0)].attributes.as_path
    assert format_as_path(path) == "65002 4200000009 65100"
    assert bird.routes()[lab_prefix(0)]["as_path"] == "4200000001"


def test_inside_an_as_local_pref_and_next_hop_go_as_they_are(bench):
    """RFC 4271 sections 5.1.3 and 5.1.5."""
    routes = f"route {bird_prefix(0)} blackhole {{ bgp_local_pref = 300; }};"
    router, bird = bench.pair(routes, lab_asn=65001, bird_asn=65001)
    router.shell.feed(lab_group(0))
    bench.connect(router, bird)
    bench.until(lambda: len(router.routes()) == 1 and bird.count() == SIZE)
    path = router.routes()[bird_prefix(0)]
    assert (path.local_pref, path.attributes.as_path, path.cost) == (300, (), 5.0)
    there = bird.routes()[lab_prefix(0)]
    assert (there["local_pref"], there["as_path"]) == ("100", "")
    assert there["next_hop"] == "10.255.0.1"


@each_initiator
def test_a_session_survives_ten_keepalive_intervals_of_a_second(bench, roles):
    """RFC 4271 section 4.4; hold time 3 s."""
    router, bird = exchange(bench, roles)
    before = router.transitions()
    sent, received = router.sent(KEEPALIVE), router.received(KEEPALIVE)
    began = time.monotonic()
    bench.run(10.5)
    seconds = time.monotonic() - began
    assert router.transitions() == before
    assert router.established()
    assert bird.established()
    assert router.sent(KEEPALIVE) - sent >= 10
    assert router.received(KEEPALIVE) - received >= 10
    # Jitter shortens an interval to three quarters at most (RFC 4271 section 10).
    assert router.sent(KEEPALIVE) - sent <= seconds / 0.75 + 1
    assert len(router.routes()) == bird.count() == PREFIXES


def test_birds_protocol_lists_what_the_lab_router_announces(bench):
    """RFC 4760 section 8, RFC 2918 section 2, RFC 6793 section 3."""
    router, bird = bench.pair()
    bench.connect(router, bird)
    shown = bird.ask("show protocols all lab")
    theirs = shown.partition("Neighbor capabilities")[2].partition("    Session:")[0]
    assert [line.strip() for line in theirs.splitlines() if line.strip()] == [
        "Multiprotocol",
        "AF announced: ipv4",
        "Route refresh",
        "4-octet AS numbers",
    ]
    assert "Session:          external multihop AS4" in shown
    assert "Neighbor ID:      10.255.0.1" in shown


def test_what_one_side_withdraws_the_other_forgets(bench):
    """RFC 4271 section 4.3, Withdrawn Routes."""
    router, bird = exchange(bench, LAB_DIALS)
    router.shell.feed(Withdraw(tuple(lab_prefix(number) for number in range(400))))
    bench.until(lambda: bird.count() == 600)
    assert set(bird.routes()) == {lab_prefix(number) for number in range(400, PREFIXES)}
    bird.ask("disable own")
    bench.until(lambda: not router.routes())
    bird.ask("enable own")
    bench.until(lambda: len(router.routes()) == PREFIXES)
    check_in_lab(router, 65002)
    assert router.established()


def test_each_side_sends_its_routes_again_on_route_refresh(bench):
    """RFC 2918 section 4."""
    router, bird = exchange(bench, LAB_DIALS)
    before = router.transitions()
    sent, received = router.sent(UPDATE), router.received(UPDATE)
    bird.ask("reload in lab")
    bench.until(lambda: router.received(ROUTE_REFRESH) == 1)
    bench.until(lambda: router.sent(UPDATE) >= sent + GROUPS)
    session = router.shell.speaker.sessions["bird"]
    session.send_updates([encode_refresh(1, 1)], time.monotonic())
    router.shell.feed(Start())  # a started session takes no notice; what was sent leaves
    bench.until(lambda: router.received(UPDATE) >= received + GROUPS)
    check_in_lab(router, 65002)
    check_in_bird(bird, 65001)
    assert router.transitions() == before


def test_a_stopped_bird_loses_its_session_when_the_hold_time_is_over(bench):
    """RFC 4271 section 6.5; BIRD learns of it when it goes on."""
    router, bird = exchange(bench, LAB_DIALS)
    bird.process.send_signal(signal.SIGSTOP)
    bench.until(lambda: not router.established())
    fell = router.transitions()[-1].at
    last = max(fact.at for fact in router.facts if isinstance(fact, OctetsReceived))
    print(f"the session fell {fell - last:.3f} s after the last octets")
    assert 3.0 <= fell - last < 3.5
    assert router.notifications(NotificationSent) == [(4, 0, b"")]
    bench.until(lambda: not router.routes())
    bird.process.send_signal(signal.SIGCONT)
    bench.until(lambda: len(router.routes()) == PREFIXES and bird.count() == PREFIXES)
    assert "Hold timer expired" in bird.log.read_text()


def test_bird_hears_why_the_lab_router_shuts_down(bench):
    """RFC 4486 section 4, RFC 9003 section 2."""
    router, bird = bench.pair()
    bench.connect(router, bird)
    router.shell.feed(Stop(message="Wartung bis 18:00, Müller"))
    bench.until(lambda: not bird.established())
    assert bird.last_error() == "Received: Administrative shutdown"
    assert "Wartung bis 18:00, Müller" in bird.ask("show protocols all lab")
    assert router.transitions()[-1].new is State.IDLE


def test_the_lab_router_hears_why_bird_shuts_down(bench):
    """RFC 4486 section 4, RFC 9003 section 2."""
    router, bird = bench.pair()
    router.shell.act(Originate((lab_prefix(0),)))
    bench.connect(router, bird)
    # Whoever closes over octets that it has not read resets the connection, and what it sent
    # last may be lost: BIRD must have read our table before.
    bench.until(lambda: bird.count() == 1)
    bird.ask('disable lab "moving to rack 7"')
    bench.until(lambda: bool(router.notifications(NotificationReceived)))
    ((code, subcode, data),) = router.notifications(NotificationReceived)
    assert (code, subcode, read_shutdown(data)) == (6, 2, "moving to rack 7")
    bird.ask("enable lab")
    bench.until(router.established)


def test_bird_refuses_an_as_that_it_does_not_expect(bench):
    """RFC 4271 section 6.2, Bad Peer AS."""
    router, bird = bench.pair(expected="as 65077")
    router.shell.dial()
    bench.until(lambda: bool(router.notifications(NotificationReceived)))
    code, subcode, _ = router.notifications(NotificationReceived)[0]
    assert (code, subcode) == (2, 2)
    assert bird.last_error() == "BGP Error: Bad peer AS"


def test_a_route_passes_through_the_lab_router_from_one_bird_to_another(bench):
    """RFC 4271 section 5: MED stays behind, communities and unknown transitive ones go on."""
    routes = (
        "route 172.16.0.0/24 blackhole { bgp_med = 50; bgp_community.add((65100, 7));"
        " bgp_large_community.add((65100, 1, 2)); bgp_path.prepend(65100); };"
    )
    near, far = bench.peer("near", 2, 65002), bench.peer("far", 3, 65003)
    router = bench.router(65001, near, far)
    one = bench.bird(2, 65002, "as 65001", routes=routes)
    two = bench.bird(3, 65003, "as 65001")
    bench.connect(router, one, two)
    bench.until(lambda: two.count() == 1)
    assert two.routes() == {
        "172.16.0.0/24": {
            "origin": "IGP",
            "as_path": "65001 65002 65100",
            "next_hop": "10.255.0.1",
            "local_pref": "100",
            "community": "(65100,7)",
            "large_community": "(65100, 1, 2)",
        }
    }
    one.process.kill()
    bench.until(lambda: two.count() == 0)
