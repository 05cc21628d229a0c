"""Real routers record what they are given, and each does the same again, without processes."""

import json

import pytest

from bgplab.config import Level
from bgplab.observe.replay import Recording, replay
from bgplab.observe.runs import find_inputs
from bgplab.speaker.inputs import Originate, Reset, TcpClosed, Withdraw

TIMERS = "  defaults: {timers: {idle-hold: 100ms, connect-retry: 500ms, mrai: 50ms}}\n"
LINE = f"""
name: line
topology:
{TIMERS}
  nodes:
    r1: {{asn: 65001, originate: [10.1.0.0/16]}}
    r2: {{asn: 65002, originate: [10.2.0.0/16]}}
    r3: {{asn: 65003, originate: [10.3.0.0/16]}}
  links: [r1-r2, {{endpoints: [r2, r3], delay: 5ms, jitter: 2ms}}]
"""
TWENTY = f"""
name: twenty
topology:
{TIMERS}
  generate: {{model: barabasi-albert, n: 20, m: 2, seed: 3}}
"""


def recordings(run):
    """List the files of a run's routers."""
    folder = find_inputs(run.database)
    assert folder is not None
    return sorted(folder.glob("*.jsonl"))


def inputs_of(path, kind):
    return [step.given for step in Recording(path) if isinstance(step.given, kind)]


async def eventful(lab, run):
    """Announce, reset a session, withdraw, kill, with convergence in between, and report."""
    first, second, *_, last = lab._routers
    await lab.announce(first, "10.77.0.0/16", "10.78.0.0/16", med=5)
    with pytest.raises(ValueError, match="host bits"):
        await lab.announce(first, "10.79.0.0/16", "10.79.0.1/16")
    await lab.until_converged(20)
    await lab.reset(second)
    await lab.until_converged(20)
    await lab.withdraw(first, "10.77.0.0/16")
    await lab.until_converged(20)
    lab.kill(last)
    verdict = await lab.until_converged(20)
    assert verdict.name == "converged"
    report = await run.report(verdict)
    assert report.failures == 0
    return run


def test_what_real_routers_were_given_leads_fresh_ones_to_the_same(play):
    run = play(LINE, eventful, level=Level.INPUTS)
    paths = recordings(run)
    assert [path.name for path in paths] == ["r1.jsonl", "r2.jsonl", "r3.jsonl"]
    results = [replay(path) for path in paths]
    assert [result.difference for result in results] == [None] * 3
    r1, r2, _ = paths
    assert len(inputs_of(r1, Originate)) == 2
    assert [given.prefixes for given in inputs_of(r1, Withdraw)] == [("10.77.0.0/16",)]
    assert inputs_of(r2, Reset) == [Reset()]
    assert inputs_of(r2, TcpClosed)  # of the router that was killed
    refused = [step.raised for step in Recording(r1) if step.raised]
    assert refused == ["ValueError: host bits are set: '10.79.0.1/16'"]


def test_a_run_at_a_lower_level_writes_no_inputs(play):
    async def scenario(lab, run):
        return run

    assert find_inputs(play(LINE, scenario, level=Level.OCTETS).database) is None


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_twenty_recorded_routers_all_do_the_same_again(play, start):
    run = play(TWENTY, eventful, limit=120, level=Level.INPUTS, start=start)
    results = [replay(path) for path in recordings(run)]
    assert len(results) == 20
    assert [result.difference for result in results] == [None] * 20
    print(f"{start}: {sum(result.steps for result in results)} steps replayed")

    path = recordings(run)[0]
    lines = path.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if '["BestChanged",' in line)
    step = json.loads(lines[place])
    (changed, *_) = [each for each in step["effects"] if each[0] == "BestChanged"]
    changed[2] = "20c0000201"
    lines[place] = json.dumps(step)
    path.write_text("\n".join([*lines, ""]))
    difference = replay(path).difference
    assert difference is not None
    assert (difference.recorded.line, difference.recorded.number) == (place + 1, place)
