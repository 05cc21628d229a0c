"""`bgplab script`: a lab that takes its steps from standard input."""

import json
import os
import subprocess
import sys

import pytest

PAIR = {
    "topology": {
        "nodes": {"r1": {"originate": ["10.1.0.0/16"]}, "r2": None},
        "links": ["r1-r2"],
    },
    "scenario": [{"mark": "left-out"}],
}


@pytest.fixture
def script(tmp_path):
    """Give `script(*lines)`: the exit code, the answers, and standard error."""

    def run(*lines, engine="virtual", file="-"):
        done = subprocess.run(
            [sys.executable, "-m", "bgplab", "script", "--engine", engine, file],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "BGPLAB_HOME": str(tmp_path),
            },
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done

    return run


def told(answer):
    """Give the number of each step, and whether it went well."""
    return [(step["line"], step["ok"]) for step in answer["steps"]]


@pytest.mark.parametrize("engine", ["virtual", "processes"])
def test_steps_are_taken_one_by_one_and_a_report_comes_last(script, engine):
    code, answers, _ = script(
        json.dumps(PAIR),
        '{"wait": "converged"}',
        '[{"mark": "m"}, {"withdraw": {"at": "r1", "prefix": "10.1.0.0/16"}}]',
        "",
        '{"wait": {"converged": {}}}',
        '{"expect": [{"no-route": {"at": "r2", "prefix": "10.1.0.0/16"}},'
        ' {"updates": {"since": "m", "exactly": 1}}]}',
        '{"routes": {"at": "r2"}}',
        engine=engine,
    )
    ready, first, both, waited, expected, routes, report = answers
    assert (ready["ok"], ready["name"], ready["routers"]) == (True, "lab", 2)
    assert [told(each) for each in (first, both, waited, expected)] == [
        [(1, True)],
        [(2, True), (3, True)],
        [(4, True)],
        [(5, True), (5, True)],
    ]
    assert routes == {"ok": True, "routes": []}
    assert (code, report["exit_code"], report["verdict"]) == (0, 0, "converged")
    assert report["engine"] == engine
    assert len(report["scenario"]) == 6


def test_what_makes_no_sense_is_refused_and_nothing_is_done(script):
    code, answers, _ = script(
        json.dumps(PAIR),
        '{"wait": "converged"}',
        '{"wiat": "converged"}',
        '[{"mark": "m"}, {"link-down": {"link": "r1-r9"}}]',
        '{"mark": "m"}',
        "nonsense",
        '{"routes": {"at": "r9"}}',
        '{"routes": ["r1"]}',
    )
    problems = [answer["problems"] for answer in answers if "problems" in answer]
    assert problems == [
        ["unknown step 'wiat'; did you mean 'wait'?"],
        ["step 2: link-down.link: unknown router 'r9'"],
        ["not JSON: Expecting value: line 1 column 1 (char 0)"],
        ["routes.at: no router 'r9'"],
        ["routes: expected {at: ROUTER}"],
    ]
    assert told(answers[4]) == [(2, True)]  # the mark was not set before
    assert code == 0


def test_what_is_skipped_after_a_failure_has_not_happened(script):
    code, answers, _ = script(
        json.dumps(PAIR),
        '[{"wait": {"diverges": {"within": "1s"}}}, {"mark": "m"}]',
        '{"expect": {"updates": {"since": "m", "at-least": 0}}}',
        '{"mark": "m"}',
    )
    assert told(answers[1]) == [(1, False), (2, None)]
    assert answers[2]["problems"] == ["expect.updates.since: mark 'm' is not set before this"]
    assert told(answers[3]) == [(2, True)]
    assert code == 1


@pytest.mark.parametrize(
    "line, message",
    [
        ("nonsense", "Error: the first line is no topology as JSON: Expecting value"),
        ('"topology: {nodes: {r1: }, links: [r1-r9]}"', "unknown router 'r9'"),
        ("", "Error: the first line is no topology as JSON"),
    ],
)
def test_a_topology_that_is_none_is_bad_input(script, line, message):
    code, answers, done = script(line)
    assert (code, answers) == (2, [])
    assert message in done.stderr


def test_a_file_may_be_named_and_its_scenario_is_left_out(script, tmp_path):
    (tmp_path / "pair.yaml").write_text(json.dumps(PAIR))
    code, answers, _ = script(
        '{"wait": "converged"}', '{"mark": "left-out"}', file=str(tmp_path / "pair.yaml")
    )
    assert (code, answers[0]["name"], told(answers[2])) == (0, "pair", [(2, True)])
