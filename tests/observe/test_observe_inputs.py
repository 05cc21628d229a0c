"""The log of a router's inputs: every kind there and back, whole lines, failures told."""

import json
from random import Random

import pytest

from bgplab import facts
from bgplab.config import RouterConfig, Rule
from bgplab.observe.inputs import (
    HELD,
    KINDS,
    InputLog,
    PutOff,
    RecordedSpeaker,
    decode,
    encode,
    line,
    to_json,
)
from bgplab.session.effects import Close, Dial, Send
from bgplab.session.events import Event, State
from bgplab.speaker import inputs

CONFIG = RouterConfig("r1", 65001, "10.255.0.1", "127.1.0.1", 1790, "10.255.0.1")


def no_failure(error):
    raise error


RULES = (
    Rule(as_path=(65002,), communities=(1, 2), local_pref=300, set_communities=()),
    Rule(then="reject"),
)
VALUES = [
    inputs.Start(),
    inputs.Start(("r2", "r3")),
    inputs.Stop(("r2",), 4, 'over "there"\n\ud800'),
    inputs.Reset(("r2",)),
    inputs.TcpUp(1, 2**48),
    inputs.TcpAccepted(-1, "127.1.0.2", 7),
    inputs.TcpFailed(3),
    inputs.TcpClosed(-4),
    inputs.Octets(1, bytes(range(256))),
    inputs.Octets(1, b""),
    inputs.Congested(1),
    inputs.Drained(1),
    inputs.Originate(("10.1.0.0/16",)),
    inputs.Originate(("10.1.0.0/16", "10.2.0.0/16"), 5, (65001 << 16 | 1, 0xFFFFFF01)),
    inputs.Withdraw(("10.1.0.0/16",)),
    inputs.Start((), manual=True),
    inputs.SetPolicy(("r2",), RULES),
    inputs.SetPolicy((), None, ()),
    inputs.Inject("r2", b"\xff\x00"),
    PutOff("r2", 0.1 + 0.2),
    Dial(1, "r2"),
    Send(1, b"\xff" * 19),
    Close(-1),
    facts.StateChanged(1.5, "r2", State.IDLE, State.CONNECT, Event.AUTOMATIC_START),
    facts.NotificationSent(1e-9, "r2", 6, 2, b""),
    facts.NotificationReceived(12583.119156709, "r2", 6, 4, b"\x00"),
    facts.TimerFired(1.0, "r2", "HoldTimer", 0),
    facts.BestChanged(1.0, b"\x10\x0a\x01", "r2", "65002 {1 2}"),
    facts.BestChanged(1.0, b"\x10\x0a\x01", None, ""),
    facts.UpdateSent(1.0, "r2", b"\0\0\0\0"),
    facts.UpdateReceived(1.0, "r2", b"\0\0\0\0"),
    facts.UpdateReceived(1.0, "r2", b"\0\0\0\0", 2**63, 7),
    facts.Caused(1.0, b"\x10\x0a\x01", "r2", 2**63, 8, 0.5, 3, "r3", 5, 7),
    facts.OctetsSent(1.0, "r2", b"\x01"),
    facts.OctetsReceived(1.0, "r2", b"\x02"),
    facts.HoldExpired(1.0, "r2", 7, 0.5, 0.25, 3, 0.001, 0),
    facts.SessionEnded(1.0, "r2", 7, 0.5, 1.0, 0.001),
    facts.MalformedUpdate(1.0, "r2", "withdraw", "ORIGIN 7"),
    facts.CallbackFailed(1.0, "", "Traceback\n"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_written_is_read_again_as_it_was(value):
    read = decode(json.loads(to_json(encode(value))))
    assert read == value
    assert type(read) is type(value)


def test_every_kind_of_input_and_effect_is_among_them():
    assert {type(value).__name__ for value in VALUES} == set(KINDS)


def test_a_tick_is_null():
    assert encode(None) is None
    assert json.loads(line(2.0, None, [])) == {"at": 2.0, "input": None, "effects": []}


@pytest.mark.parametrize(
    "data,message",
    [
        (None, "no input or effect: null"),
        ("Start", "no input or effect"),
        ([], "no input or effect"),
        (["Begin"], "no input or effect"),
        ([["Start"]], "no input or effect"),
        (["Octets", 1], "Octets: "),
        (["Octets", 1, "ff", 3], "Octets: 2 fields expected, not 3"),
        (["Octets", 1, "fg"], "non-hexadecimal"),
        (["Octets", 1, None], "Octets: "),
        (["Octets", "1", "ff"], 'Octets: unexpected "1"'),
        (["Start", "r2"], 'Start: unexpected "r2"'),
        (["Start", [2]], r"Start: unexpected \[2\]"),
        (["SetPolicy", [], [{"med-is": 1}]], "SetPolicy: .*med-is"),
        (["SetPolicy", [], 5], "SetPolicy: "),
        (["BestChanged", 1.0, "10", 5, ""], "BestChanged: unexpected 5"),
    ],
)
def test_what_no_router_writes_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        decode(data)


def test_the_first_line_names_the_format_and_holds_the_configuration(tmp_path):
    log = InputLog(tmp_path / "r1.jsonl", CONFIG, no_failure)
    log.flush()
    head = json.loads((tmp_path / "r1.jsonl").read_text())
    assert next(iter(head.items())) == ("bgplab-inputs", 2)
    assert RouterConfig.from_json(json.dumps(head["config"])) == CONFIG


def test_lines_wait_for_company_and_are_written_whole(tmp_path):
    path = tmp_path / "r1.jsonl"
    log = InputLog(path, CONFIG, no_failure)
    log.step(1.0, None, [])
    assert not path.exists()
    log.flush()
    log.step(2.0, inputs.Octets(1, bytes(HELD)), [])
    lines = path.read_text().splitlines()
    assert [json.loads(text).get("at") for text in lines] == [None, 1.0, 2.0]
    log.flush()
    assert path.read_text().splitlines() == lines


def test_a_log_of_an_earlier_run_is_replaced(tmp_path):
    path = tmp_path / "r1.jsonl"
    path.write_text("old\n")
    InputLog(path, CONFIG, no_failure).flush()
    assert "old" not in path.read_text()


def test_a_failure_is_told_once_and_ends_the_log(tmp_path):
    told: list[OSError] = []
    log = InputLog(tmp_path / "none" / "r1.jsonl", CONFIG, told.append)
    for _ in range(2):
        log.step(1.0, None, [])
        log.flush()
    assert [type(error) for error in told] == [FileNotFoundError]


def test_a_step_that_raises_is_recorded_and_raises(tmp_path):
    path = tmp_path / "r1.jsonl"
    log = InputLog(path, CONFIG, no_failure)
    speaker = RecordedSpeaker(CONFIG, Random(0), log)
    with pytest.raises(ValueError, match="not an IPv4 prefix"):
        speaker.handle(inputs.Originate(("10.1",)), 1.0)
    log.flush()
    step = json.loads(path.read_text().splitlines()[1])
    assert step["raised"] == "ValueError: not an IPv4 prefix: '10.1'"
    assert step["input"] == ["Originate", ["10.1"], None, []]
