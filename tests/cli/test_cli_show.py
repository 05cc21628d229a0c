"""`bgplab show` and what Tab offers, on a small run that was written with the real store."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bgplab.cli.main import cli, main
from bgplab.cli.show import RECORDED_FROM
from bgplab.config import Level, PeerConfig, RouterConfig
from bgplab.facts import NotificationReceived, StateChanged, TimerFired
from bgplab.observe.query import TABLES
from bgplab.observe.recorder import Recorder
from bgplab.observe.runs import DATABASE, new_run_folder
from bgplab.observe.store import RouteRow, RunInfo, Store
from bgplab.session.events import Event, State

START = 1_000_000_000_000  # nanoseconds; second 1000 of the lab's clock


def no_failure(error):
    raise error


def router(name, peer):
    return RouterConfig(
        name,
        65001,
        "10.255.0.1",
        "127.1.0.1",
        1790,
        "10.255.0.1",
        peers=(PeerConfig(peer, "127.1.0.2", 1790, 65002),),
    )


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Write a run of two routers below BGPLAB_HOME; return its database."""
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))

    def make(name="pair", level=Level.TRANSITIONS, *, facts=True):
        database = new_run_folder(name) / DATABASE
        routers = (router("r1", "r2"), router("r2", "r1"))
        info = RunInfo(name, "", "processes", level, 1)
        store = Store.create(
            database, info, routers, no_failure, clock=lambda: START, wall=lambda: START
        )
        if facts:
            recorder = Recorder(store, routers)
            recorder.record(
                "r1",
                StateChanged(1001.5, "r2", State.IDLE, State.CONNECT, Event.AUTOMATIC_START),
            )
            recorder.record("r1", NotificationReceived(1002.0, "r2", 6, 2, b"\x04\x1b[2J"))
            recorder.record("r2", TimerFired(1003.0, "r1", "KeepaliveTimer", 0.000_25))
            store.put_routes(
                "r1", [RouteRow("10.0.0.0/24", "65002", "10.255.0.2", "r2", "only")]
            )
            store.put_routes("r2", [RouteRow("10.0.0.0/24", "", "10.255.0.2", "", "only")])
        store.close()
        return database

    return make


def bgplab(*arguments):
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_sessions_are_a_plain_table_with_the_time_of_entry(make_run):
    make_run()
    done = bgplab("show", "sessions")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "router  peer  state       since  established",
        "r1      r2    Connect  1.500000            0",
        "r2      r1    Idle     0.000000            0",
    ]


def test_a_run_is_named_by_topology_folder_or_database(make_run):
    old, latest = make_run("old"), make_run("new", facts=False)
    for name in ("old", str(old), str(old.parent), old.parent.name):
        assert "Connect" in bgplab("show", "sessions", name).stdout
    assert "Connect" not in bgplab("show", "sessions").stdout
    assert str(latest) in bgplab("show", "transitions").stderr


def test_filters_choose_rows(make_run):
    make_run()
    rows = bgplab("show", "routes", "--prefix", "10.0.0.0/24", "--router", "r2", "--csv")
    assert list(csv.reader(io.StringIO(rows.stdout)))[1:] == [
        ["r2", "10.0.0.0/24", "", "10.255.0.2", "own", "only"]
    ]
    assert "r2" not in bgplab("show", "timers", "--peer", "r1", "--limit", "0").stdout
    assert len(json.loads(bgplab("show", "routes", "--limit", "1", "--json").stdout)) == 1


def test_json_has_the_columns_as_keys(make_run):
    make_run()
    done = bgplab("show", "timers", "--json")
    assert json.loads(done.stdout) == [
        {"at": 3.0, "router": "r2", "peer": "r1", "timer": "KeepaliveTimer", "late": 0.00025}
    ]


def test_a_peers_text_is_escaped_in_tables_and_whole_in_json(make_run):
    make_run()
    assert "\x1b" not in bgplab("show", "notifications").stdout
    (row,) = json.loads(bgplab("show", "notifications", "--json").stdout)
    assert "\x1b[2J" in row["text"] or "\\x1b" in row["text"]


@pytest.mark.parametrize("arguments,out", [([], ""), (["--json"], "[]\n")])
def test_an_empty_result_says_so_on_standard_error(make_run, arguments, out):
    path = make_run(facts=False)
    done = bgplab("show", "transitions", *arguments)
    assert (done.exit_code, done.stdout) == (0, out)
    assert done.stderr == f"no transitions in {path}\n"
    done = bgplab("show", "transitions", "--router", "r1")
    assert done.stderr == f"no transitions in {path} for this choice\n"


def test_an_empty_result_says_which_level_would_have_recorded_it(make_run):
    path = make_run(level=Level.SUMMARY)
    assert bgplab("show", "route_changes").stderr == (
        f"no route changes: {path} was recorded at level summary;"
        " run with --record transitions\n"
    )
    assert "--record updates" in bgplab("show", "updates").stderr
    assert bgplab("show", "errors").stderr == f"no errors in {path}\n"


@pytest.mark.parametrize("table", TABLES)
def test_every_table_of_the_store_can_be_shown_and_is_explained(make_run, table):
    make_run()
    name = table.replace("_", "-")
    assert bgplab("show", name).exit_code == 0
    assert f"\n    {name} " in bgplab("show", "--help").stdout


def test_the_levels_are_of_tables_that_exist():
    assert {name.replace("-", "_") for name in RECORDED_FROM} <= set(TABLES)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["sesions"], "no table 'sesions'; did you mean sessions?"),
        (["qqq"], "'routers', 'sessions'"),
        (["sessions", "--router", "r11"], "no router 'r11' in this run; did you mean r1"),
        (["routes", "--prefix", "10.0.0.0"], None),
        (["routes", "--prefix", "10.0.0.1/24"], "is not a prefix"),
        (["sessions", "--prefix", "10.0.0.0/24"], "sessions cannot be chosen by prefix"),
        (["sessions", "par"], "no run 'par'"),
        (["sessions", "--json", "--csv"], "--json and --csv exclude each other"),
        (["sessions", "--limit", "-1"], "'--limit'"),
    ],
)
def test_a_wrong_question_exits_2_and_helps(make_run, capsys, arguments, message):
    make_run()
    code = main(["show", *arguments])
    if message is None:  # a prefix without a length is that of a host
        assert code == 0
    else:
        assert code == 2
        assert message in capsys.readouterr().err


def test_no_run_at_all_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BGPLAB_HOME", str(tmp_path))
    assert main(["show", "sessions"]) == 2
    assert "start one with `bgplab run FILE`" in capsys.readouterr().err


def test_a_file_that_is_no_run_exits_4(make_run, tmp_path, capsys):
    path = tmp_path / "text.sqlite"
    path.write_text("no database at all, but long enough to be taken for one" * 20)
    assert main(["show", "sessions", str(path)]) == 4
    assert f"Error: {path}: " in capsys.readouterr().err


# ------------------------------------------------------------------------ completion


def tab(words, monkeypatch, shell="bash"):
    """Return what Tab offers at the end of `words`."""
    monkeypatch.setenv("_BGPLAB_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, write_through=True)
    with monkeypatch.context() as context:
        context.setattr("sys.stdout", stream)
        with pytest.raises(SystemExit) as leaving:
            main([])
    assert leaving.value.code == 0
    return [line.partition(",")[2] for line in octets.getvalue().decode().split()]


@pytest.mark.parametrize(
    "words,offered",
    [
        ("bgplab s", ["script", "show", "schema"]),
        ("bgplab show tr", ["transitions"]),
        ("bgplab show sessions p", ["pair"]),
        ("bgplab show sessions --router ", ["r1", "r2"]),
        ("bgplab show sessions pair --peer r2", ["r2"]),
        ("bgplab show sessions nowhere --router ", []),
        ("bgplab generate b", ["barabasi-albert"]),
        ("bgplab validate --j", ["--json"]),
        ("bgplab completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_tab_completes_commands_tables_runs_and_routers(make_run, monkeypatch, words, offered):
    make_run()
    assert tab(words, monkeypatch) == offered


def test_tab_offers_topologies_first_and_then_folders_latest_first(make_run, monkeypatch):
    old, new = make_run("old-one"), make_run("new")
    again = make_run("old-one")
    assert tab("bgplab show sessions ", monkeypatch) == [
        "old-one",
        "new",
        *(path.parent.name for path in (again, new, old)),
    ]


@pytest.mark.parametrize(
    "shell,word", [("bash", "complete "), ("zsh", "compdef"), ("fish", "--command")]
)
def test_the_completion_script_calls_us(shell, word):
    done = bgplab("completion", shell)
    assert done.exit_code == 0
    assert word in done.stdout
    assert f"_BGPLAB_COMPLETE={shell}_complete" in done.stdout


def test_the_folder_of_runs_need_not_exist_for_tab(tmp_path, monkeypatch):
    monkeypatch.setenv("BGPLAB_HOME", str(Path(tmp_path) / "nowhere"))
    assert tab("bgplab show sessions ", monkeypatch) == []


def test_runs_are_listed_by_name_with_their_verdict_and_folder(make_run):
    first, second = make_run("one"), make_run("two")
    broken = new_run_folder("three") / DATABASE
    broken.write_text("no database")
    rows = json.loads(bgplab("show", "runs", "--json").stdout)
    assert [(row["name"], row["verdict"], row["folder"]) for row in rows] == [
        ("one", "running", str(first.parent)),
        ("two", "running", str(second.parent)),
        (broken.parent.name, "unreadable", str(broken.parent)),
    ]
    assert (rows[0]["engine"], rows[0]["level"], rows[0]["seed"]) == (
        "processes",
        "transitions",
        1,
    )
    (row,) = json.loads(bgplab("show", "runs", "two.yaml", "--json").stdout)
    assert row["name"] == "two"
    assert len(json.loads(bgplab("show", "runs", "--limit", "2", "--json").stdout)) == 2
    assert bgplab("show", "runs", "--limit", "0").stdout == ""
    assert "no runs of 'four' in" in bgplab("show", "runs", "four").stderr


def test_runs_are_not_chosen_by_router(make_run, capsys):
    make_run()
    assert main(["show", "runs", "--router", "r1"]) == 2
    assert "runs cannot be chosen" in capsys.readouterr().err
