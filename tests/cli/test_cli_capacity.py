"""`bgplab capacity`: what it refuses, how it reports, and one real search."""

import json

import pytest

from bgplab.cli import capacity
from bgplab.cli.main import main
from bgplab.engines.processes.probe import Probe
from bgplab.observe.fidelity import Certificate, Lateness, Rule
from bgplab.observe.load import Load

RING = (
    "name: ring\ntopology:\n  defaults: {timers: {hold: 3s}}\n  generate: {model: ring, n: 6}\n"
)


@pytest.fixture
def ring(tmp_path):
    path = tmp_path / "ring.yaml"
    path.write_text(RING)
    return str(path)


def judged(size, limit=0.05, others=1.0):
    """Make up a probe: 5 ms of lateness for each router."""
    late = Lateness(0.001, size * 0.005, size * 0.01, size * 0.01, 100)
    valid = late.p99 <= limit
    reasons = () if valid else ("timers fired too late",)
    load = Load(10.0, 2, 4.0, others, 0.0, {"r1": 0.5})
    certificate = Certificate(valid, late, limit, reasons, rule=Rule(1.0, limit), load=load)
    return Probe(size, size, valid, 12.3, certificate, reasons)


@pytest.fixture
def made_up(monkeypatch):
    """Let no lab run: each size is judged by a rule."""

    def driven(_reactor, work):
        try:
            work(None).send(None)
        except StopIteration as done:
            return done.value
        pytest.fail("the search waits for something")

    async def probe(_reactor, topology, size, _options, _stay):
        assert len(topology.nodes) == size
        return judged(size)

    monkeypatch.setattr(capacity, "drive", driven)
    monkeypatch.setattr("bgplab.engines.processes.probe.probe", probe)


def test_the_table_is_the_curve_and_the_result_stands_below(ring, made_up, capsys):
    assert main(["capacity", ring, "--to", "40"]) == 0
    out, err = capsys.readouterr()
    head, *rows, limit, result = out.splitlines()
    assert head.split()[:5] == ["n", "routers", "valid", "p50", "p99"]
    assert [row.split()[0] for row in rows] == [
        "4",
        "8",
        "10",
        "11",
        "11",
        "12",
        "12",
        "16",
        "16",
    ]
    assert rows[0].endswith("0.40  ####")
    assert rows[-1].split()[2] == "no"
    assert limit.startswith("limit at p99: 50 ms; each lab stayed for 10.00 s")
    assert result == "largest valid: 10 (10 routers); 11 is INVALID"
    assert "n = 16 INVALID after 12.3 s: timers fired too late" in err


def test_as_json_it_has_every_probe_in_the_order_of_the_tries(ring, made_up, capsys):
    assert main(["capacity", ring, "--from", "3", "--to", "40", "--for", "2s", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["parameter"], data["largest"], data["invalid"]) == ("n", 10, 11)
    assert (data["limit"], data["stay"]) == (0.05, 2.0)
    sizes = [probe["size"] for probe in data["probes"]]
    assert sizes == [3, 6, 12, 12, 9, 10, 11, 11]
    first = data["probes"][0]
    assert first["valid"] is True
    assert first["lateness"]["p99"] == 0.015
    assert (first["run_queue_share"], first["cpu_share"], first["others_share"]) == (
        0.05,
        0.2,
        0.05,
    )


def test_if_not_even_the_smallest_is_valid_the_machine_cannot_keep_time(ring, made_up, capsys):
    assert main(["capacity", ring, "--from", "20", "--to", "40"]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == "none valid: not even n = 20"


def test_if_all_are_valid_the_greatest_is_said_to_be_the_end_of_the_search(
    ring, made_up, capsys
):
    assert main(["capacity", ring]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "largest valid: 6 (6 routers), the greatest that was tried; --to goes further"
    )


@pytest.mark.parametrize(
    "text,arguments,message",
    [
        (
            "topology: {nodes: {r1: , r2: }}",
            [],
            ":1:11: topology.generate: no generator: only a generated topology has other sizes",
        ),
        (RING, ["--to", "2"], "Error: n = 2: expected at least 3, not 2"),
        (RING, ["--from", "9"], "Error: --from 9: more than the greatest size, 6"),
        (RING, ["--for", "0s"], "more than 0s expected"),
        (RING, ["--time-scale", "0"], "--time-scale is a number from 0.001"),
        (RING.replace("3s", "0s"), [], "no timer of this topology runs: --lateness-limit"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_starts(
    tmp_path, made_up, capsys, text, arguments, message
):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    assert main(["capacity", str(path), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_a_size_that_the_machine_has_no_room_for_is_a_row_too(
    ring, monkeypatch, made_up, capsys
):
    async def probe(_reactor, _topology, size, _options, _stay):
        if size < 5:
            return judged(size)
        return Probe(size, size, False, 0.0, None, ("memory: about 9 MB needed",))

    monkeypatch.setattr("bgplab.engines.processes.probe.probe", probe)
    assert main(["capacity", ring]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[3].endswith("no room")
    assert "n = 6 INVALID after 0.0 s: memory: about 9 MB needed" in err
    assert out.splitlines()[-1] == "largest valid: 4 (4 routers); 5 is INVALID"


def test_foreign_load_is_named_because_it_costs_size(ring, monkeypatch, made_up, capsys):
    async def probe(_reactor, _topology, size, _options, _stay):
        return judged(size, others=15.0 if size == 4 else 0.0)

    monkeypatch.setattr("bgplab.engines.processes.probe.probe", probe)
    assert main(["capacity", ring]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "what else ran took up to 75% of the processors: without it, more"
    )
