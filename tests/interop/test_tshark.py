"""What a lab puts on the wire, read by tshark: every message decodes, and as what we meant.

Captures are pcapng with link type 252: a packet is one message, with its dissector's name.
"""

import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from ipaddress import IPv4Address
from pathlib import Path

import pytest

import bgplab
from bgplab.wire.header import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    Framer,
    frame,
)
from bgplab.wire.nlri import encode_prefix

pytestmark = pytest.mark.interop

SOURCE = Path(bgplab.__file__).parent.parent
GOLDEN = Path(__file__).parent.parent / "golden"
TOPOLOGY = """
name: capture
topology:
  defaults:
    timers: {hold: 3s, keepalive: 1s, connect-retry: 1s}
  nodes:
    a: {asn: 65001, originate: [10.1.0.0/16, 10.2.3.128/25, 10.2.4.5/32]}
    b: {asn: 65001, originate: 3}
    c: {asn: 4200000001, originate: 600}
    d: {asn: 65004, originate: 1}
  links: [a-b, b-c, c-d, {endpoints: [d, a], delay: 20ms}, d-g1]
  generate: {model: ring, n: 5, names: g}
"""
CODE_99 = bytes((0xE0, 99))
FOUR_OCTETS = ["-o", "bgp.asn_len:4 octet"]  # by itself tshark guesses, path by path
WARNING = 0x600000  # Wireshark's expert severities: chat, comment, note are below, error above


def pcapng(packets):
    """Write messages given as (source, destination, octets)."""
    blocks = [
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack("<HHI", 252, 0, 0)),
    ]
    for number, (source, destination, octets) in enumerate(packets):
        tags = (
            tag(12, b"bgp\0")
            + tag(20, IPv4Address(source).packed)
            + tag(21, IPv4Address(destination).packed)
            + tag(0, b"")
        )
        data = tags + octets
        head = struct.pack("<IIIII", 0, 0, number, len(data), len(data))
        blocks.append(block(6, head + data))
    return b"".join(blocks)


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def tag(code, value):
    value += bytes(-len(value) % 4)
    return struct.pack(">HH", code, len(value)) + value


@pytest.fixture
def decode(require_tool, tmp_path):
    """Return `decode(packets, *fields)`: a row of texts per packet, first its types.

    Fails if tshark finds anything malformed, or warns.
    """

    def decode(packets, *fields, options=()):
        path = tmp_path / "capture.pcapng"
        path.write_bytes(pcapng(packets))
        names = [
            "bgp.type",
            "_ws.malformed",
            "_ws.expert.severity",
            "_ws.expert.message",
            *fields,
        ]
        chosen = [part for name in names for part in ("-e", name)]
        command = [require_tool("tshark"), "-n", "-r", path, "-T", "fields", *chosen, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert len(rows) == len(packets)
        for (_, _, octets), row in zip(packets, rows, strict=True):
            assert row[1] == "", octets.hex()
            assert all(int(level) < WARNING for level in listed(row[2])), (row, octets.hex())
        return [[row[0], *row[4:]] for row in rows]

    return decode


def listed(field):
    """Split a field of tshark with any number of values."""
    return [value for value in field.split(",") if value]


def cut(octets):
    """Cut octets into whole messages."""
    framer = Framer()
    framer.feed(octets)
    found = []
    while (message := framer.next()) is not None:
        found.append(frame(*message))
    assert framer.pending == 0
    return found


def run_lab(folder):
    """Run the topology with every octet recorded; give the report and the open database."""
    path = folder / "capture.yaml"
    path.write_text(TOPOLOGY)
    store = folder / "capture.sqlite"
    code = "import sys; from bgplab.cli.main import main; sys.exit(main())"
    arguments = ["run", str(path), "--record", "octets", "--store", str(store), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "converged", report
    return report, sqlite3.connect(store)


def streams(database, received):
    """Give what went over each session, end by end: (from, to) addresses -> octets."""
    rows = database.execute(
        "SELECT r.address, p.address, s.octets FROM stream s"
        " JOIN router r ON r.id = s.router JOIN router p ON p.id = s.peer"
        " WHERE s.received = ? ORDER BY s.router, s.peer, s.at, s.rowid",
        (received,),
    )
    found: dict[tuple[str, str], bytes] = defaultdict(bytes)
    for router, peer, octets in rows:
        found[(peer, router) if received else (router, peer)] += octets
    return dict(found)


def test_tshark_decodes_every_message_of_a_lab(decode, tmp_path):
    report, database = run_lab(tmp_path)
    with database:
        sent, received = streams(database, 0), streams(database, 1)
        originated = {
            prefix
            for (prefix,) in database.execute("SELECT DISTINCT prefix FROM route").fetchall()
        }
    database.close()
    assert len(sent) == 2 * report["sessions"]
    for ends, octets in received.items():
        assert sent[ends].startswith(octets)  # the last of them may be on their way
    packets = [(*ends, message) for ends, octets in sent.items() for message in cut(octets)]
    fields = ("bgp.withdrawn_prefix", "bgp.nlri_prefix", "bgp.prefix_length")
    rows = decode(packets, *fields, options=FOUR_OCTETS)
    counts = Counter(kind for kind, *_ in rows)
    ours = Counter(str(octets[18]) for _, _, octets in packets)
    print(f"{len(rows)} messages by type: {dict(counts)}")
    assert counts == ours
    assert counts[str(OPEN)] == 2 * report["sessions"]
    assert counts[str(UPDATE)] == report["updates"]["sent"]
    assert counts[str(KEEPALIVE)] >= 2 * report["sessions"]
    announced = set()
    for _, withdrawn, announcements, lengths in rows:
        # The length of every prefix is there, and the withdrawn ones stand first.
        gone, prefixes = listed(withdrawn), listed(announcements)
        for prefix, length in zip([*gone, *prefixes], listed(lengths), strict=True):
            if prefix not in gone:
                announced.add(f"{prefix}/{length}")
    assert announced == originated
    assert len(originated) == 3 + 3 + 600 + 1 + 5


@pytest.mark.parametrize(
    "block",
    ["40010100 40020602010000fde9 4003030a0000", "40010100 40020602010000fde9 4003200a000001"],
    ids=["NEXT_HOP of three octets", "an attribute that is longer than the message"],
)
def test_a_malformed_message_would_not_go_unnoticed(decode, block):
    octets = bytes.fromhex(block)
    message = frame(UPDATE, bytes(2) + len(octets).to_bytes(2) + octets + b"\x08\x0a")
    with pytest.raises(AssertionError, match=message.hex()):
        decode([("127.0.0.1", "127.0.0.2", message)])


def golden(name, *lists):
    cases = json.loads((GOLDEN / f"wire_{name}.json").read_text())
    return [(case, bytes.fromhex(case["hex"])) for kind in lists for case in cases[kind]]


@pytest.mark.parametrize(
    "name, kind",
    [
        ("open", OPEN),
        ("update", UPDATE),
        ("notification", NOTIFICATION),
        ("refresh", ROUTE_REFRESH),
    ],
)
def test_tshark_takes_our_golden_messages_for_what_they_are(decode, name, kind):
    packets = [("127.0.0.1", "127.0.0.2", octets) for _, octets in golden(name, "cases")]
    rows = decode(packets)
    assert {row[0] for row in rows} == {str(kind)}


def test_tshark_reads_in_golden_opens_what_we_read(decode):
    """RFC 4271 section 4.2."""
    cases = golden("open", "cases")
    packets = [("127.0.0.1", "127.0.0.2", octets) for _, octets in cases]
    fields = ("myas", "holdtime", "identifier", "version")
    rows = decode(packets, *(f"bgp.open.{field}" for field in fields))
    for (case, _), (_, asn, hold, identifier, version) in zip(cases, rows, strict=True):
        value = case["value"]
        assert int(version) == value["version"], case["name"]
        assert int(asn) == (value["asn"] if value["asn"] < 65536 else 23456), case["name"]
        assert int(hold) == value["hold_time"], case["name"]
        assert identifier == value["identifier"], case["name"]


@pytest.mark.parametrize("four_octet", [True, False])
def test_tshark_reads_in_golden_attributes_what_we_read(decode, four_octet):
    """RFC 4271 section 4.3, RFC 1997, RFC 6793."""
    cases = [
        (case, block)
        for case, block in golden("attributes", "cases")
        if case.get("four_octet", True) is four_octet
        and CODE_99 not in block  # to tshark it is an early form of BGP-LS
    ]
    nlri = encode_prefix("10.7.0.0/16")
    packets = [
        (
            "127.0.0.1",
            "127.0.0.2",
            frame(UPDATE, bytes(2) + len(block).to_bytes(2) + block + nlri),
        )
        for _, block in cases
    ]
    names = ("origin", "next_hop", "multi_exit_disc", "local_pref", "as_path_segment.as4")
    fields = [f"bgp.update.path_attribute.{name}" for name in names]
    options = FOUR_OCTETS if four_octet else ["-o", "bgp.asn_len:2 octet"]
    rows = decode(packets, *fields, "bgp.nlri_prefix", options=options)
    for (case, _), row in zip(cases, rows, strict=True):
        _, origin, next_hop, med, local_pref, asns, prefix = row
        value = case["value"]
        assert int(origin) == value.get("origin", 0), case["name"]
        assert next_hop == value["next_hop"], case["name"]
        assert med == str(value.get("med", "")), case["name"]
        assert local_pref == str(value.get("local_pref", "")), case["name"]
        if four_octet:
            path = [str(asn) for _, segment in value.get("as_path", []) for asn in segment]
            assert re.findall(r"\d+", asns) == path, case["name"]
        assert prefix == "10.7.0.0", case["name"]


def test_tshark_decodes_what_a_lab_router_and_bird_say_to_each_other(bench, decode):
    router, bird = bench.pair("route 172.16.0.0/24 blackhole { bgp_med = 5; };")
    bench.connect(router, bird)
    bench.until(lambda: len(router.routes()) == 1)
    packets = [("127.9.0.1", "127.9.0.2", message) for message in cut(router.octets(True))]
    packets += [("127.9.0.2", "127.9.0.1", message) for message in cut(router.octets(False))]
    rows = decode(packets, "bgp.nlri_prefix", options=FOUR_OCTETS)
    ours = router.sent(OPEN, UPDATE, KEEPALIVE) + router.received(OPEN, UPDATE, KEEPALIVE)
    assert len(rows) == ours
    assert "172.16.0.0" in {prefix for _, prefix in rows}
