"""What each act does to a lab in virtual time, as its routers see it."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bgplab.config import Rule
from bgplab.engines.verdict import CONVERGED, TIMEOUT
from bgplab.engines.virtual.bench import Bench, routers
from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.errors import NotNowError, ProcessError, UsageError
from bgplab.facts import NotificationReceived, NotificationSent, StateChanged, UpdateReceived
from bgplab.session.events import Event, State
from bgplab.speaker.inputs import Originate, Start
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.wire.header import UPDATE, frame
from bgplab.wire.keepalive import KEEPALIVE_MESSAGE
from bgplab.wire.nlri import encode_prefix
from bgplab.wire.notification import shutdown_message

HOLD = 9.0
RING = """
topology:
  defaults: {timers: {hold: 9s}, links: {delay: 10ms}}
  generate: {model: ring, n: 5, names: r}
"""
PAIR = """
topology:
  defaults: {timers: {hold: 9s}, links: {delay: 10ms}}
  nodes: {r1: {originate: [10.1.0.0/16]}, r2: {originate: [10.2.0.0/16]}}
  links: [r1-r2]
"""
NEW = "192.0.2.0/24"
P, Q = "198.51.100.0/24", "203.0.113.0/24"


class Watch:
    """A lab that has converged, and all facts that its routers have told since."""

    def __init__(self, text=RING, seed=0):
        self.lab = VirtualLab(plan(loads(text), seed=seed), seed)
        assert run_at_once(self.lab.converge(600.0)).name == CONVERGED
        self.facts: list[tuple[str, Any]] = []
        self.lab.observe(lambda router, fact: self.facts.append((router, fact)))

    def act(self, name, *values, **named):
        """Do something to the lab."""
        done = getattr(self.lab, name)(*values, **named)
        return done if done is None else run_at_once(done)

    def wait(self, seconds):
        run_at_once(self.lab.wait(seconds))

    def converge(self, timeout=600.0):
        verdict = run_at_once(self.lab.until_converged(timeout))
        assert verdict.name == CONVERGED, verdict.reasons
        return verdict

    def of(self, kind, router, peer=None):
        return [
            fact
            for name, fact in self.facts
            if name == router and isinstance(fact, kind) and peer in (None, fact.peer)
        ]

    def routes(self, router):
        rows = run_at_once(self.lab.routes(router))
        return {row.prefix: (row.as_path, row.next_hop, row.peer) for row in rows}

    def table(self):
        return {name: self.routes(name) for name in self.lab.network.speakers}

    def state(self, router, peer):
        return self.lab.network.speakers[router].sessions[peer].state


# Links that swallow octets


@pytest.mark.parametrize("seed", range(5))
def test_only_hold_timers_find_a_link_that_swallows_octets(seed):
    """RFC 4271 section 6.5; the last KEEPALIVE is 3 s old at most."""
    watch = Watch(RING, seed)
    watch.wait(20.0)
    watch.facts.clear()
    began = watch.lab.now()
    watch.act("blackhole", "r1", "r2")
    verdict = watch.converge()
    for router, peer in (("r1", "r2"), ("r2", "r1")):
        (sent,) = watch.of(NotificationSent, router)
        assert (sent.code, sent.subcode) == (4, 0)
        assert began + HOLD - 3.0 - 0.02 <= sent.at <= began + HOLD
        (down,) = [fact for fact in watch.of(StateChanged, router) if fact.old == 5]
        assert (down.peer, down.event) == (peer, Event.HOLD_TIMER_EXPIRES)
        assert verdict.detected >= sent.at
        assert watch.of(NotificationReceived, router) == []
    assert watch.routes("r1")["10.0.1.0/24"][2] == "r5"


def test_a_link_healed_in_time_has_lost_nothing():
    watch = Watch(RING)
    watch.act("blackhole", "r1", "r2")
    watch.act("announce", "r1", NEW)
    watch.wait(5.0)
    assert watch.routes("r2")[NEW][2] == "r3"
    assert not watch.lab.network.quiet
    watch.act("heal", "r1", "r2")
    watch.converge()
    assert watch.routes("r2")[NEW][2] == "r1"
    watch.wait(100.0)
    assert watch.lab.network.lost == 0


def test_half_a_message_is_completed_when_the_link_is_healed():
    watch = Watch(PAIR)
    gone = frame(UPDATE, b"\x00\x03" + encode_prefix("10.1.0.0/16") + b"\x00\x00")
    watch.act("send_octets", "r1", "r2", gone[:21])
    watch.wait(0.1)
    watch.act("blackhole", "r1", "r2")
    watch.act("send_octets", "r1", "r2", gone[21:])
    watch.wait(1.0)
    assert "10.1.0.0/16" in watch.routes("r2")
    watch.act("heal", "r1", "r2")
    watch.converge()
    assert "10.1.0.0/16" not in watch.routes("r2")
    assert watch.lab.network.lost == 0


def test_what_is_under_way_when_a_link_begins_to_swallow_waits_too():
    watch = Watch(PAIR)
    watch.act("announce", "r1", NEW)
    watch.wait(0.005)
    watch.act("blackhole", "r1", "r2")
    watch.wait(1.0)
    assert NEW not in watch.routes("r2")
    watch.act("heal", "r1", "r2")
    watch.converge()
    assert NEW in watch.routes("r2")


def test_behind_a_link_that_swallows_routes_stay_replaceable():
    """As where the kernel takes nothing: of ten changes the first is kept, and the last."""
    watch = Watch(PAIR)
    watch.act("blackhole", "r1", "r2")
    session = watch.lab.network.speakers["r2"].sessions["r1"]
    before = session.updates_received
    for med in range(10):
        watch.act("announce", "r1", NEW, med=med)
        watch.wait(0.1)
    watch.act("heal", "r1", "r2")
    watch.converge()
    assert session.updates_received - before <= 3
    best = watch.lab.network.speakers["r2"].routing.loc_rib.best[encode_prefix(NEW)]
    assert best.attributes.med == 9


def test_an_end_that_still_lives_hears_the_others_last_words_when_the_link_is_healed():
    watch = Watch(PAIR)
    watch.wait(20.0)
    watch.facts.clear()
    watch.act("blackhole", "r1", "r2")

    async def one_is_down():
        return any(isinstance(fact, NotificationSent) for _, fact in watch.facts)

    assert run_at_once(watch.lab.until(one_is_down, 60.0))
    first = next(name for name, fact in watch.facts if isinstance(fact, NotificationSent))
    other = "r2" if first == "r1" else "r1"
    watch.wait(0.05)
    assert watch.state(other, first) is State.ESTABLISHED
    watch.act("heal", "r1", "r2")
    watch.wait(0.05)
    (received,) = watch.of(NotificationReceived, other)
    assert (received.code, received.subcode) == (4, 0)
    watch.converge()
    assert watch.lab.progress().established == 1


def test_an_attempt_to_connect_over_a_link_that_swallows_gets_no_answer():
    """It is given up when ConnectRetryTimer expires; the last one gets through in the end."""
    watch = Watch(PAIR)
    watch.act("blackhole", "r1", "r2")
    watch.converge()
    watch.wait(60.0)
    dialler, other = ("r1", "r2") if watch.state("r1", "r2") is State.CONNECT else ("r2", "r1")
    assert watch.state(dialler, other) is State.CONNECT
    events = [fact.event for fact in watch.of(StateChanged, dialler) if fact.old != 5]
    assert Event.TCP_CONNECTION_FAILS not in events
    assert watch.of(NotificationReceived, other) == []
    began = watch.lab.now()
    watch.act("heal", "r1", "r2")
    assert watch.converge().at - began < 1.0


def test_a_link_may_be_cut_while_it_swallows():
    watch = Watch(PAIR)
    watch.act("blackhole", "r1", "r2")
    watch.act("link_down", "r1", "r2")
    assert watch.converge().detected < 1.0 + watch.lab.now()
    assert watch.state("r1", "r2") is not State.ESTABLISHED
    watch.act("link_up", "r1", "r2")
    watch.wait(300.0)
    assert watch.lab.progress().established == 0
    watch.act("heal", "r1", "r2")
    watch.converge()
    assert watch.lab.progress().established == 1


def test_a_session_without_a_hold_time_never_notices_and_that_is_said():
    watch = Watch(PAIR.replace("hold: 9s", "hold: 0"))
    watch.act("blackhole", "r1", "r2")
    verdict = run_at_once(watch.lab.until_converged(1000.0))
    assert (verdict.name, verdict.detected) == (TIMEOUT, watch.lab.now())
    assert (
        "session r1-r2: still Established at r1 although its link swallows octets,"
        " and its hold time is 0"
    ) in verdict.reasons
    watch.act("heal", "r1", "r2")
    watch.converge()


# Delay


def test_a_link_may_become_slow_and_quick_again_without_changing_the_order():
    watch = Watch(PAIR)
    watch.act("delay", "r1", "r2", 2.0)
    watch.act("announce", "r1", NEW)
    watch.wait(1.9)
    assert NEW not in watch.routes("r2")
    watch.act("delay", "r1", "r2", 0.0)
    watch.act("withdraw", "r1", NEW)
    watch.wait(0.05)
    assert NEW not in watch.routes("r2")
    watch.facts.clear()
    watch.converge()
    assert NEW not in watch.routes("r2")
    assert watch.lab.network.quiet


def test_a_new_delay_holds_for_later_connections_and_both_ways():
    watch = Watch(PAIR)
    watch.act("delay", "r2", "r1", 0.5)
    watch.act("reset", "r1", "r2")
    watch.converge()
    for router, peer in (("r1", "r2"), ("r2", "r1")):
        watch.act("announce", router, f"192.0.{router[1]}.0/24")
        watch.wait(0.4)
        assert f"192.0.{router[1]}.0/24" not in watch.routes(peer)
        watch.wait(0.2)
        assert f"192.0.{router[1]}.0/24" in watch.routes(peer)


# Sessions


def test_a_session_that_is_shut_down_says_why_at_once_and_stays_down():
    """RFC 9003; neither a reset nor the peer brings it back."""
    watch = Watch(RING)
    began = watch.lab.now()
    watch.act("shut_down", "r1", "r2", message="spare parts")
    assert watch.converge().at - began < 1.0
    (received,) = watch.of(NotificationReceived, "r2")
    assert (received.code, received.subcode) == (6, 2)
    assert received.data == shutdown_message("spare parts")
    watch.act("reset", "r1", "r2")
    watch.act("reset", "r2")
    watch.wait(1000.0)
    watch.converge()
    assert watch.state("r1", "r2") is State.IDLE
    assert watch.lab.progress().established == 4
    watch.act("bring_up", "r1", "r2")
    watch.converge()
    assert watch.lab.progress().established == 5


def test_a_session_that_both_ends_have_shut_down_needs_both():
    watch = Watch(PAIR)
    watch.act("shut_down", "r1")
    watch.act("shut_down", "r2")
    watch.act("bring_up", "r1")
    watch.wait(300.0)
    watch.converge()
    assert watch.lab.progress().established == 0
    assert watch.lab.sessions_up()
    watch.act("bring_up", "r2")
    assert not watch.lab.sessions_up()
    watch.converge()
    assert watch.lab.progress().established == 1


def test_a_policy_changes_its_routes_and_nothing_else():
    watch = Watch(RING)
    before = watch.table()
    sent = run_at_once(watch.lab.measures()).updates_sent
    watch.act("set_policy", "r1", "r2", exports=(Rule(as_path=(), then="reject"),))
    watch.converge()
    moved = {
        (name, prefix)
        for name, rows in watch.table().items()
        for prefix, row in rows.items()
        if before[name].get(prefix) != row
    }
    assert moved == {("r2", "10.0.0.0/24"), ("r3", "10.0.0.0/24")}
    # r1 withdraws it from r2, that from r3, that from r4; r3 tells r2 of the way round, r2 r1.
    assert run_at_once(watch.lab.measures()).updates_sent - sent == 5
    watch.act("set_policy", "r1", "r2", exports=())
    watch.converge()
    assert watch.table() == before


def test_an_import_policy_takes_effect_with_the_peers_answer():
    watch = Watch(RING)
    before = watch.table()
    watch.act("set_policy", "r2", "r1", imports=(Rule(then="reject"),))
    assert watch.routes("r2") == before["r2"]
    watch.converge()
    assert {row[2] for row in watch.routes("r2").values()} == {"", "r3"}
    watch.act("set_policy", "r2", imports=())
    watch.converge()
    assert watch.table() == before


def test_octets_by_hand_reach_the_peer():
    watch = Watch(PAIR)
    watch.act("send_octets", "r1", "r2", b"\x00" * 19)
    watch.wait(0.5)
    (sent,) = watch.of(NotificationSent, "r2")
    assert (sent.code, sent.subcode) == (1, 1)
    watch.converge()
    watch.act("send_octets", "r1", "r2", KEEPALIVE_MESSAGE * 3)
    watch.act("send_octets", "r1", "r2", b"")
    watch.wait(1.0)
    assert watch.lab.network.quiet
    watch.act("link_down", "r1", "r2")
    with pytest.raises(NotNowError, match="r1 has no connection to r2"):
        watch.act("send_octets", "r1", "r2", KEEPALIVE_MESSAGE)


# Routers


def test_a_router_that_starts_anew_is_as_it_was_planned():
    """Its routes come back; what it was told is forgotten; links are as they were."""
    watch = Watch(RING)
    before = watch.table()
    watch.act("announce", "r3", NEW)
    watch.act("set_policy", "r3", exports=(Rule(then="reject"),))
    watch.act("shut_down", "r3", "r4")
    watch.act("delay", "r2", "r3", 0.2)
    watch.converge()
    measured = run_at_once(watch.lab.measures())
    watch.act("kill", "r3")
    after = run_at_once(watch.lab.measures())
    assert (after.updates_sent, after.updates_received) == (
        measured.updates_sent,
        measured.updates_received,
    )
    watch.converge()
    assert all(NEW not in rows for rows in watch.table().values())
    assert "10.0.2.0/24" not in watch.routes("r1")
    watch.act("restart", "r3")
    watch.converge()
    assert watch.table() == before
    assert list(watch.lab.network.speakers) == ["r1", "r2", "r3", "r4", "r5"]
    began = watch.lab.now()
    watch.act("announce", "r3", P)
    watch.wait(0.1)
    assert watch.routes("r2")[P][2] == "r1"
    assert watch.converge().at - began >= 0.2
    assert watch.routes("r2")[P][2] == "r3"


def test_a_router_that_runs_may_start_anew():
    watch = Watch(RING)
    before = watch.table()
    watch.act("restart", "r3")
    assert not watch.lab.sessions_up()
    watch.converge()
    assert watch.table() == before
    assert watch.lab.deaths == []


def test_a_cut_link_stays_cut_over_a_restart():
    watch = Watch(RING)
    watch.act("link_down", "r2", "r3")
    watch.act("restart", "r3")
    watch.converge()
    watch.wait(100.0)
    assert watch.lab.progress().established == 4
    watch.act("link_up", "r2", "r3")
    watch.converge()
    assert watch.lab.progress().established == 5


def test_only_a_hold_timer_finds_that_a_peer_beyond_a_swallowing_link_is_dead():
    watch = Watch(PAIR)
    watch.act("blackhole", "r1", "r2")
    watch.act("kill", "r1")
    began = watch.lab.now()
    watch.wait(1.0)
    assert not watch.lab.network.quiet
    (reason,) = watch.lab.network.unsettled()
    assert reason.startswith("session r2-r1: still Established at r2 although")
    assert 5.0 < watch.converge().detected - began <= HOLD


def test_a_paused_router_is_silent_and_its_neighbours_find_out():
    watch = Watch(RING)
    watch.wait(20.0)
    watch.facts.clear()
    began = watch.lab.now()
    watch.act("pause", "r3")
    verdict = watch.converge()
    for neighbour in ("r2", "r4"):
        (sent,) = watch.of(NotificationSent, neighbour)
        assert (sent.peer, sent.code, sent.subcode) == ("r3", 4, 0)
        assert began + HOLD - 3.02 <= sent.at <= began + HOLD + 0.01
        assert verdict.detected >= sent.at
    assert [fact for name, fact in watch.facts if name == "r3"] == []
    assert watch.lab.progress().established == 3
    assert watch.lab.sessions_up()
    watch.wait(500.0)
    assert [fact for name, fact in watch.facts if name == "r3"] == []


@pytest.mark.parametrize(
    "act",
    [
        ("announce", "r3", NEW),
        ("withdraw", "r3", NEW),
        ("reset", "r3"),
        ("shut_down", "r3"),
        ("bring_up", "r3"),
        ("set_policy", "r3"),
        ("send_octets", "r3", "r2", b""),
        ("routes", "r3"),
    ],
)
def test_nothing_can_be_asked_of_a_paused_router(act):
    watch = Watch(RING)
    watch.act("pause", "r3")
    watch.act("pause", "r3")
    with pytest.raises(NotNowError, match="r3 is paused"):
        watch.act(*act)
    watch.act("resume", "r3")
    watch.act("resume", "r3")
    watch.act(*act)


def test_a_short_pause_costs_nothing():
    watch = Watch(RING)
    watch.act("pause", "r3")
    watch.act("announce", "r2", NEW)
    watch.wait(5.0)
    watch.act("resume", "r3")
    watch.converge()
    assert watch.routes("r3")[NEW][2] == "r2"
    watch.wait(100.0)
    assert watch.lab.network.lost == 0


def test_a_router_that_goes_on_comes_back():
    watch = Watch(RING)
    before = watch.table()
    watch.act("pause", "r3")
    watch.converge()
    watch.act("resume", "r3")
    assert not watch.lab.network.quiet
    watch.converge()
    assert watch.table() == before
    assert watch.lab.progress().established == 5


def test_a_router_that_goes_on_reads_before_it_looks_at_its_timers():
    """The peer speaks every 8 s of a hold time of 9; the router itself every half second."""
    for seed in range(10):
        configs = []
        for config in routers({"a": 65001, "b": 65002}, [("a", "b")]):
            (peer,) = config.peers
            spoken = 8.0 if config.name == "a" else 0.5
            timers = replace(peer.timers, hold=9, keepalive=spoken)
            configs.append(replace(config, peers=(replace(peer, timers=timers),), seed=seed))
        bench = Bench(configs, Random, seed)
        bench.start()
        bench.run(50.0 + seed)
        bench.pause("b")
        bench.run(bench.now + 8.3)
        bench.resume("b")
        bench.run(bench.now + 50.0)
        assert bench.lost == 0


def test_the_kernel_of_a_paused_router_accepts_connections():
    """The peer waits in OpenSent, and the session is there as soon as the router goes on."""
    bench = Bench(routers({"a": 65001, "b": 65002}, [("a", "b")]), Random)
    bench.feed("a", Start())
    bench.pause("a")
    bench.feed("b", Start())
    bench.run(30.0)
    assert bench.speakers["b"].sessions["a"].state is State.OPEN_SENT
    assert list(bench.of("a", StateChanged))[-1].new == State.ACTIVE
    bench.resume("a")
    bench.run(30.1)
    assert bench.speakers["a"].sessions["b"].established
    assert bench.quiet


def test_a_link_cut_at_a_paused_router_is_news_to_it_when_it_goes_on():
    watch = Watch(PAIR)
    watch.act("pause", "r1")
    watch.act("link_down", "r1", "r2")
    watch.wait(1.0)
    assert watch.state("r2", "r1") is not State.ESTABLISHED
    assert watch.state("r1", "r2") is State.ESTABLISHED
    watch.converge()
    watch.act("resume", "r1")
    assert watch.state("r1", "r2") is not State.ESTABLISHED
    watch.act("link_up", "r1", "r2")
    watch.converge()
    assert watch.lab.progress().established == 1


def test_a_paused_router_may_be_killed_and_start_anew():
    watch = Watch(RING)
    before = watch.table()
    watch.act("pause", "r3")
    watch.wait(1.0)
    watch.act("kill", "r3")
    began = watch.lab.now()
    assert watch.converge().at - began < 1.0  # the kernel closes its connections
    watch.act("restart", "r3")
    watch.converge()
    assert watch.table() == before


def test_a_busy_router_may_be_paused_and_killed():
    """What waits for its turn waits on; what a dead router would have read is no one's."""
    watch = Watch(PAIR.replace("defaults: {", "defaults: {processing: 1s, "))
    watch.act("announce", "r1", NEW)
    watch.act("announce", "r1", P)
    watch.wait(0.5)
    watch.act("pause", "r2")
    watch.wait(3.0)
    watch.act("resume", "r2")
    assert NEW not in watch.routes("r2") or P not in watch.routes("r2")
    watch.converge()
    assert {NEW, P} <= set(watch.routes("r2"))
    watch.act("announce", "r1", Q)
    watch.wait(0.5)
    watch.act("pause", "r2")
    watch.act("kill", "r2")
    watch.converge()
    watch.wait(10.0)
    watch.act("restart", "r2")
    watch.converge()
    assert {NEW, P, Q} <= set(watch.routes("r2"))


def test_hogs_cost_virtual_time_nothing():
    watch = Watch(PAIR)
    watch.act("hog_cpu", 4, 1000.0)
    assert watch.converge().detected == watch.lab.now()
    assert watch.facts == []


# Questions


def test_until_asks_at_once_and_again_whenever_something_is_told():
    watch = Watch(PAIR)
    asked = []

    async def holds():
        asked.append(watch.lab.now())
        return NEW in {row.prefix for row in await watch.lab.routes("r2")}

    began = watch.lab.now()
    run_at_once(watch.lab.tell_changes())
    watch.act("announce", "r1", NEW)
    assert run_at_once(watch.lab.until(holds, 60.0))
    assert asked[0] == began
    assert began < watch.lab.now() < began + 0.1
    asked.clear()
    assert run_at_once(watch.lab.until(holds, 60.0))
    assert len(asked) == 1


def test_until_gives_up_at_its_time():
    watch = Watch(PAIR)
    began = watch.lab.now()

    async def never():
        return False

    assert not run_at_once(watch.lab.until(never, 7.5))
    assert watch.lab.now() == began + 7.5


def test_changes_are_told_by_a_router_that_starts_anew():
    watch = Watch(PAIR)
    run_at_once(watch.lab.tell_changes())
    watch.act("restart", "r1")
    watch.facts.clear()
    watch.converge()
    assert any(
        type(fact).__name__ == "BestChanged" for name, fact in watch.facts if name == "r1"
    )


@pytest.mark.parametrize(
    "act,error,words",
    [
        (("blackhole", "r1", "r3"), UsageError, "no session between 'r1' and 'r3'"),
        (("heal", "r1", "r9"), UsageError, "no router 'r9'"),
        (("delay", "r1", "r3", 1.0), UsageError, "no session"),
        (("shut_down", "r1", "r3"), UsageError, "no session"),
        (("bring_up", "r9"), UsageError, "no router 'r9'"),
        (("set_policy", "r1", "r4"), UsageError, "no session"),
        (("send_octets", "r1", "r3", b""), UsageError, "no session"),
        (("pause", "r7"), UsageError, "no router 'r7'"),
        (("restart", "r7"), UsageError, "no router 'r7'"),
        (("pause", "r5"), ProcessError, "not running"),
        (("resume", "r5"), ProcessError, "not running"),
        (("kill", "r5"), ProcessError, "not running"),
        (("shut_down", "r5"), ProcessError, "not running"),
        (("blackhole", "r4", "r5"), ProcessError, "not running"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(act, error, words):
    watch = Watch(RING)
    watch.act("kill", "r4")
    watch.act("kill", "r5")
    watch.converge()
    trace = watch.lab.network.trace
    with pytest.raises(error, match=words):
        watch.act(*act)
    assert watch.lab.network.trace == trace
    assert watch.lab.network.quiet


def test_updates_arrive_in_order_over_a_link_that_swallows_again_and_again():
    bench = Bench(routers({"a": 65001, "b": 65002}, [("a", "b")], delay_jitter=0.05), Random)
    bench.start()
    bench.settle()
    bench.facts.clear()
    for med in range(40):
        bench.feed("a", Originate((NEW,), med))
        (bench.blackhole if med % 4 == 1 else bench.heal)("a", "b")
        bench.run(bench.now + 0.02)
    bench.settle()
    meds = [int.from_bytes(fact.octets[-8:-4]) for fact in bench.of("b", UpdateReceived)]
    assert meds == sorted(meds)
    best = bench.speakers["b"].routing.loc_rib.best[encode_prefix(NEW)]
    assert best.attributes.med == 39
    assert bench.lost == 0
