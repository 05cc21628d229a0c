"""A recorded router does the same again; where it does not, the first difference is found."""

import json
import subprocess
import sys

import pytest

from bgplab.config import Level, RouterFlags, Timers
from bgplab.errors import ReplayError
from bgplab.facts import BestChanged, StateChanged
from bgplab.observe.inputs import PutOff
from bgplab.observe.replay import Recording, Replay, replay
from bgplab.session.events import State
from bgplab.speaker.inputs import Octets, Originate, Reset, Stop, Withdraw

RING = ["ab", "bc", "cd", "da"]


def names(folder):
    return sorted(folder.glob("*.jsonl"))


def rewrite(path, number, change):
    """Change the JSON of one line, counted from 1."""
    lines = path.read_text().splitlines()
    data = json.loads(lines[number - 1])
    change(data)
    lines[number - 1] = json.dumps(data)
    path.write_text("\n".join([*lines, ""]))


@pytest.fixture
def eventful(recorded, tmp_path):
    """Record a ring with MRAI, jitter, resets, a kill, acts that are refused; four files."""
    network = recorded(
        "abcd",
        RING,
        prefixes=3,
        timers=Timers(hold=9, mrai=2.0, idle_hold=0.1, connect_retry=0.5),
        flags=RouterFlags(coalesce="auto"),
        delay_jitter=0.02,
        crowd=20.0,
    )
    network.feed("a", Originate(("10.77.0.0/16", "10.78.0.0/16"), 5, (65001 << 16,)))
    with pytest.raises(ValueError, match="host bits"):
        network.feed("a", Originate(("10.79.0.0/16", "10.79.0.1/16")))
    network.settle()
    network.feed("b", Reset(("c",)))
    network.run(network.now + 30)
    network.congest("c", "d")
    network.feed("a", Withdraw(("10.77.0.0/16",)))
    network.run(network.now + 3)
    network.drain("c", "d")
    network.feed("d", Stop(("a",), 2, "over there"))
    network.run(network.now + 5)
    network.kill("b")
    network.run(network.now + 60)
    network.save()
    return tmp_path


def test_every_router_does_the_same_again(eventful):
    results = [replay(path) for path in names(eventful)]
    assert [result.router for result in results] == ["a", "b", "c", "d"]
    assert [result.difference for result in results] == [None] * 4
    assert not any(result.cut for result in results)
    assert all(result.steps > 50 for result in results)


def test_the_recording_holds_what_was_meant_to_happen(eventful):
    steps = [step for path in names(eventful) for step in Recording(path)]
    effects = [effect for step in steps for effect in step.effects]
    assert any(step.raised for step in steps)
    assert any(isinstance(effect, BestChanged) for effect in effects)
    ended = [
        each
        for each in effects
        if isinstance(each, StateChanged) and each.old == State.ESTABLISHED
    ]
    assert len({each.peer for each in ended}) > 2


def test_hash_seeds_change_nothing(eventful):
    code = (
        "import sys; from pathlib import Path; from bgplab.observe.replay import replay;"
        "sys.exit(any(replay(Path(name)).difference for name in sys.argv[1:]))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, names(eventful))],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            check=False,
        )
        assert done.returncode == 0


def test_a_rested_timer_is_part_of_the_recording(recorded, tmp_path):
    network = recorded("ab", ["ab"])
    speaker, now = network.speakers["a"], network.now
    speaker.put_off("b", now, now + 500.0)
    assert speaker.tick(now + 31.0) == []  # the KEEPALIVE that was due has to wait
    network.save()
    assert replay(tmp_path / "a.jsonl").difference is None
    steps = list(Recording(tmp_path / "a.jsonl"))
    rests = [step for step in steps if isinstance(step.given, PutOff)]
    assert len(rests) == 1
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    del lines[rests[0].line - 1]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, ""]))
    difference = replay(tmp_path / "a.jsonl").difference
    assert difference is not None
    assert difference.replayed.effects


def test_the_first_difference_is_found_and_ends_the_replay(recorded, tmp_path):
    network = recorded("ab", ["ab"])
    network.feed("a", Originate(("10.77.0.0/16",)))
    network.settle()
    network.save()
    path = tmp_path / "a.jsonl"
    step = next(
        step
        for step in Recording(path)
        if any(isinstance(each, BestChanged) for each in step.effects)
    )
    place = next(i for i, each in enumerate(step.effects) if isinstance(each, BestChanged))
    rewrite(path, step.line, lambda data: data["effects"][place].__setitem__(2, "180a6300"))
    result = replay(path)
    assert result.steps == step.number
    difference = result.difference
    assert difference is not None
    assert (difference.recorded.number, difference.recorded.line) == (step.number, step.line)
    assert difference.first == place
    other = difference.recorded.effects[place]
    assert isinstance(other, BestChanged)
    assert other.prefix == b"\x18\x0a\x63\x00"
    assert difference.replayed.effects == step.effects


@pytest.mark.parametrize(
    "change", ["lose an effect", "add an effect", "another kind", "raised"]
)
def test_effects_that_are_lost_added_or_others_are_differences(recorded, tmp_path, change):
    recorded("ab", ["ab"]).save()
    path = tmp_path / "a.jsonl"
    step = next(step for step in Recording(path) if len(step.effects) > 1)
    last = len(step.effects) - 1

    def alter(data):
        done = data["effects"]
        if change == "lose an effect":
            done.pop()
        elif change == "add an effect":
            done.append(["Close", 99])
        elif change == "another kind":
            done[last] = ["Close", 99]
        else:
            data["raised"] = "ValueError: no"

    rewrite(path, step.line, alter)
    difference = replay(path).difference
    assert difference is not None
    assert difference.recorded.number == step.number
    firsts = {"add an effect": last + 1, "raised": 0}
    assert difference.first == firsts.get(change, last)


def test_another_seed_is_another_router(recorded, tmp_path):
    recorded("ab", ["ab"], timers=Timers(hold=9)).save()
    path = tmp_path / "a.jsonl"
    rewrite(path, 1, lambda data: data["config"].__setitem__("asn", 65009))
    assert replay(path).difference is not None


def test_half_a_last_line_is_left_out_and_told(recorded, tmp_path):
    recorded("ab", ["ab"]).save()
    path = tmp_path / "a.jsonl"
    whole = replay(path)
    octets = path.read_bytes()
    for lost in (1, 10):
        path.write_bytes(octets[:-lost])
        result = replay(path)
        assert (result.cut, result.steps) == (True, whole.steps - 1)
        assert result.difference is None


def test_the_router_can_be_looked_at_between_two_steps(recorded, tmp_path):
    recorded("ab", ["ab"]).save()
    again = Replay(Recording(tmp_path / "a.jsonl"))
    states = [again.speaker.sessions["b"].state for _ in again]
    assert states[0] < states[-1] == State.ESTABLISHED
    assert len(again.speaker.routing.loc_rib.best) == 2


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "a.jsonl: not the recorded inputs of a router"),
        ("hello\n", "not the recorded inputs"),
        ('{"at": 1.0}\n', "not the recorded inputs"),
        ('{"bgplab-inputs":1,', "a.jsonl:1: cut short"),
        ('{"bgplab-inputs":9,"bgplab":"7.0","config":{}}\n', "newer bgplab .format 9, this"),
        ('{"bgplab-inputs":1,"bgplab":"0.1","config":{}}\n', ":1: no configuration"),
        ('{"bgplab-inputs":1,"bgplab":"0.1"}\n', ":1: no configuration"),
        ('{"bgplab-inputs":1,\n', ":1: no configuration"),
        ('{"bgplab-inputs":"x","bgplab":"0.1","config":{}}\n', ":1: no configuration"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, text, message):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ReplayError, match=message):
        replay(tmp_path / "a.jsonl")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(ReplayError, match=r"none\.jsonl: cannot be read: No such file"):
        replay(tmp_path / "none.jsonl")
    (tmp_path / "a.jsonl").write_bytes(bytes(range(256)))
    with pytest.raises(ReplayError, match="not the recorded inputs"):
        replay(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        b"{\n",
        b"\n",
        b"[]\n",
        b"\xff\xfe\xfd\n",
        b'{"at": 1.0, "input": null}\n',
        b'{"at": null, "input": null, "effects": []}\n',
        b'{"at": 1.0, "input": ["Octets", 1, "zz"], "effects": []}\n',
        b'{"at": 1.0, "input": null, "effects": [["Send"]]}\n',
        b'{"at": 1.0, "input": null, "effects": [null]}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_damaged_line_is_named(recorded, tmp_path, line):
    recorded("ab", ["ab"]).save()
    path = tmp_path / "a.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = line
    path.write_bytes(b"".join(lines))
    with pytest.raises(ReplayError, match=r"a\.jsonl:4: damaged: "):
        replay(path)


def test_the_level_holds_all_lower_ones():
    assert Level.INPUTS > Level.OCTETS
    assert list(Level)[-1] is Level.INPUTS


def test_octets_that_no_router_would_send_are_replayed_alike(recorded, tmp_path):
    network = recorded("ab", ["ab"], timers=Timers(hold=9, idle_hold=0.1, connect_retry=0.5))
    end = network.end("a", "b")
    network.feed("a", Octets(end.connection, b"\xff" * 16 + b"\0\x17\x02\xff\xff\0\0"))
    network.run(network.now + 20)
    network.save()
    assert [replay(path).difference for path in names(tmp_path)] == [None, None]
