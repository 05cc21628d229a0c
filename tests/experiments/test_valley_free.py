"""Valley-free routing on Internet-like graphs, against a solution without messages."""

import pytest


def test_graphs_of_up_to_200_routers_have_the_routes_of_theory(experiment, checked):
    rows, found = checked(experiment("valley-free"), quick=True)
    assert {row["routers"] for row in rows} == {50, 200}
    assert found == []


@pytest.mark.slow
@pytest.mark.scale
@pytest.mark.timeout(900)
def test_1000_routers_have_the_routes_of_theory(experiment, checked):
    rows, found = checked(experiment("valley-free"))
    assert {row["routers"] for row in rows} == {50, 200, 1000}
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_50_processes_have_the_routes_of_theory(experiment, checked):
    rows, found = checked(experiment("valley-free"), engine="processes")
    assert {row["routers"] for row in rows} == {50}
    assert found == []


def test_a_valley_is_seen(experiment):
    """r2 is a customer of r1 and r3: what it hears of one it must not tell the other."""
    run = experiment("valley-free")
    topology = run.loads(
        "topology:\n  nodes: {r1: {asn: 1}, r2: {asn: 2}, r3: {asn: 3}}\n  links:\n"
        "    - {endpoints: [r1, r2], relationship: provider-customer}\n"
        "    - {endpoints: [r3, r2], relationship: provider-customer}\n"
    )
    assert run._valleys(topology, {("r3", "10.0.0.0/24"): "2"}) == 0
    assert run._valleys(topology, {("r3", "10.0.0.0/24"): "2 1"}) == 1
