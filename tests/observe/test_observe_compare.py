"""Two runs laid side by side, written with the real store."""

from dataclasses import replace

import pytest

from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.errors import StoreError, UsageError
from bgplab.facts import NotificationSent, StateChanged, UpdateReceived, UpdateSent
from bgplab.observe.compare import Part, compare
from bgplab.observe.recorder import Recorder
from bgplab.observe.store import RouteRow, RunInfo, Store
from bgplab.session.events import Event, State

ROUTE = RouteRow("10.0.0.0/24", "65002", "10.255.0.2", "r2", "only")
UP = (
    StateChanged(1001.0, "r2", State.IDLE, State.CONNECT, Event.AUTOMATIC_START),
    StateChanged(1002.0, "r2", State.CONNECT, State.OPEN_SENT, Event.TCP_CR_ACKED),
)
SENT = UpdateSent(1003.0, "r2", b"\0\0\0\0")


def no_failure(error):
    raise error


def router(name, number, peer, block):
    return RouterConfig(
        name,
        65000 + number,
        f"10.255.0.{number}",
        f"127.{block}.0.{number}",
        1790,
        f"10.255.0.{number}",
        peers=(PeerConfig(peer, f"127.{block}.0.{3 - number}", 1790, 65003 - number),),
    )


@pytest.fixture
def run(tmp_path):
    """Give `run(...)`, which writes a run of two routers and returns its database."""
    numbers = iter(range(9))

    def make(
        routes=(ROUTE,),
        facts=UP,
        *,
        updates=(4, 4),
        level=Level.TRANSITIONS,
        block=1,
        engine="processes",
        change=None,
        finish=True,
        text="name: pair",
    ):
        path = tmp_path / f"run{next(numbers)}.sqlite"
        routers = [router("r1", 1, "r2", block), router("r2", 2, "r1", block)]
        routers = change(routers) if change else routers
        info = RunInfo("pair", text, engine, level, block)
        store = Store.create(path, info, routers, no_failure, clock=lambda: 10**12)
        Recorder(store, routers).record_all("r1", facts)
        store.put_routes("r1", routes)
        if finish:
            report = {"updates": {"sent": updates[0], "received": updates[1]}}
            store.finish("converged", 0, report)
        store.close()
        return path

    return make


def sections(found):
    return {section.name: section for section in found.sections}


def test_runs_of_two_engines_in_two_address_blocks_are_the_same(run):
    found = compare(run(block=1), run(block=9, engine="virtual"))
    assert found.same
    assert found.same_routes
    assert (found.left["engine"], found.right["engine"]) == ("processes", "virtual")
    assert [(each.name, each.total) for each in found.sections] == [
        ("topology", 4),
        ("routes", 1),
        ("transitions", 2),
        ("messages", 4),
    ]


@pytest.mark.parametrize(
    "other,left,right",
    [
        (
            ROUTE._replace(as_path="65002 65003"),
            "from r2, AS path 65002, next hop 10.255.0.2",
            "from r2, AS path 65002 65003, next hop 10.255.0.2",
        ),
        (
            ROUTE._replace(peer="", as_path=""),
            "from r2, AS path 65002, next hop 10.255.0.2",
            "own, empty AS path, next hop 10.255.0.2",
        ),
        (
            ROUTE._replace(next_hop="10.255.0.9"),
            "from r2, AS path 65002, next hop 10.255.0.2",
            "from r2, AS path 65002, next hop 10.255.0.9",
        ),
    ],
)
def test_a_route_that_differs_is_shown_from_both_sides(run, other, left, right):
    found = compare(run(), run([other]))
    assert not found.same_routes
    assert sections(found)["routes"].parts == [Part("r1 10.0.0.0/24", left, right)]


def test_why_a_route_is_best_does_not_count(run):
    assert compare(run(), run([ROUTE._replace(reason="other")])).same


def test_a_route_on_one_side_only_differs(run):
    more = ROUTE._replace(prefix="10.0.1.0/24")
    for found in (compare(run(), run([ROUTE, more])), compare(run([more]), run([]))):
        (part,) = sections(found)["routes"].parts
        assert part.where == "r1 10.0.1.0/24"
        assert "-" in (part.left, part.right)


def test_a_transport_address_as_next_hop_stands_for_its_router(run):
    here = ROUTE._replace(next_hop="127.1.0.2")
    there = ROUTE._replace(next_hop="127.9.0.2")
    assert compare(run([here], block=1), run([there], block=9)).same_routes


def test_transitions_part_at_the_first_that_differs(run):
    failed = StateChanged(1001.1, "r2", State.CONNECT, State.IDLE, Event.TCP_CONNECTION_FAILS)
    again = UP[0]._replace(at=1001.2)
    found = compare(run(), run(facts=(UP[0], failed, again, UP[1])))
    assert found.same_routes
    assert not found.same
    assert sections(found)["transitions"].parts == [
        Part(
            "r1 to r2, transition 2",
            "Connect -> OpenSent (Tcp_CR_Acked), 2 in all",
            "Connect -> Idle (TcpConnectionFails), 4 in all",
        )
    ]
    (part,) = sections(compare(run(), run(facts=UP[:1])))["transitions"].parts
    assert part.right == "-, 1 in all"


def test_the_time_of_a_transition_does_not_count(run):
    later = tuple(fact._replace(at=fact.at + 5) for fact in UP)
    assert compare(run(), run(facts=later)).same


def test_message_counts_are_of_the_run_and_by_router_where_recorded(run):
    found = compare(run(), run(updates=(5, 4), facts=(*UP, SENT)))
    assert sections(found)["messages"].parts == [Part("UPDATEs sent", "4", "5")]
    received = UpdateReceived(1004.0, "r2", b"\0\0\0\0")
    found = compare(
        run(level=Level.UPDATES, facts=(*UP, SENT, received)),
        run(level=Level.INPUTS, facts=(*UP, SENT, SENT, received)),
    )
    assert sections(found)["messages"].parts == [Part("r1 UPDATEs sent", "1", "2")]
    found = compare(run(facts=(*UP, NotificationSent(1009.0, "r2", 6, 2, b""))), run())
    assert sections(found)["messages"].parts == [Part("NOTIFICATIONs sent", "1", "0")]


def test_what_was_not_recorded_is_not_called_the_same(run):
    found = compare(run(), run(level=Level.SUMMARY))
    assert found.same_routes
    assert not found.same
    assert "recorded at level summary" in sections(found)["transitions"].missing


def test_topologies_that_differ_are_told(run):
    found = compare(
        run(),
        run(change=lambda pair: [replace(pair[0], asn=65009), *pair[1:]], text="name: other"),
    )
    assert not found.same_file
    assert sections(found)["topology"].parts == [
        Part("r1", "AS 65001, identifier 10.255.0.1", "AS 65009, identifier 10.255.0.1")
    ]
    found = compare(
        run(), run(change=lambda pair: [pair[0], replace(pair[1], name="r3", peers=())])
    )
    wheres = [part.where for part in sections(found)["topology"].parts]
    assert wheres == ["r2", "r3", "r2 to r1"]


def test_all_are_counted_and_the_first_are_kept(run):
    many = [ROUTE._replace(prefix=f"10.0.{number}.0/24") for number in range(20)]
    routes = sections(compare(run(many), run([]), kept=3))["routes"]
    assert (routes.total, routes.differing, len(routes.parts)) == (20, 20, 3)


def test_a_run_without_a_result_is_refused(run, tmp_path):
    whole = run()
    with pytest.raises(UsageError, match="has no final routes: it still lasts"):
        compare(whole, run(finish=False))
    (tmp_path / "text").write_text("no database")
    with pytest.raises(StoreError):
        compare(tmp_path / "text", whole)
