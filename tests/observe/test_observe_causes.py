"""What led to what: every UPDATE has one parent, and what follows from an act is a tree."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.config import Level
from bgplab.engines.virtual.controller import Options, prepare
from bgplab.engines.virtual.lab import run_at_once
from bgplab.errors import UsageError
from bgplab.facts import Cause, CauseKind
from bgplab.observe.causes import Act, Causes, Step, find_act
from bgplab.observe.explain import explain, read_causes
from bgplab.speaker.traced import prefixes_of
from bgplab.topology.load import loads
from bgplab.wire.nlri import format_prefix

DIAMOND = """
name: diamond
topology:
  nodes:
    left: {asn: 65001, id: 10.255.0.1, originate: [10.1.0.0/16]}
    top: {asn: 65002, id: 10.255.0.2}
    bottom: {asn: 65003, id: 10.255.0.3}
    right: {asn: 65004, id: 10.255.0.4, originate: [10.4.0.0/16]}
  links:
    - left-top
    - top-right
    - {endpoints: [left, bottom], delay: 20ms}
    - {endpoints: [bottom, right], delay: 20ms}
"""
CLIQUE = """
name: clique
topology:
  generate: {model: clique, n: 5, names: r}
"""


async def settle(lab):
    verdict = await lab.until_converged(3600.0)
    assert verdict.name == "converged", verdict.reasons


def played(store, text, scenario, level=Level.UPDATES, seed=0):
    """Take a lab through a scenario; it has converged before. Gives what the latter gives."""
    run = prepare(loads(text), text, Options(level=level, store=store, seed=seed))
    lab = run.open()

    async def work():
        await lab.start()
        await settle(lab)
        result = await scenario(lab)
        await run.report(await lab.until_converged(3600.0))
        return result

    try:
        return run_at_once(work())
    finally:
        run_at_once(run.close())


async def sent(lab):
    return (await lab.measures()).updates_sent


@pytest.mark.parametrize(
    "text,router,prefix",
    [(DIAMOND, "right", "10.4.0.0/16"), (CLIQUE, "r1", "10.0.0.0/24")],
    ids=["diamond", "clique"],
)
def test_the_tree_of_a_withdrawal_holds_every_update_that_was_sent_after_it(
    tmp_path, text, router, prefix
):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        before = await sent(lab)
        await lab.withdraw(router, prefix)
        await settle(lab)
        return await sent(lab) - before

    number = played(store, text, scenario)
    assert number > 4
    causes = read_causes(store, prefix)
    (act,) = causes.concerning()
    assert str(act) == f"withdraw {prefix} at {router}"
    nodes = list(causes.tree(act))
    assert len({node.step.key for node in nodes if node.step.told}) == number
    roots = [node.step for node in nodes if node.depth == 0]
    assert {(step.router, step.cause.kind) for step in roots} == {(router, CauseKind.ACT)}
    after = [step for step in causes.steps if step.at >= act.at]
    assert sorted(after, key=repr) == sorted((node.step for node in nodes), key=repr)
    assert {step.said for step in roots} == {"no route is left", "withdraw"}


def test_a_chain_leads_from_the_act_to_the_last_change(tmp_path):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        await lab.link_down("top", "right")
        await settle(lab)

    played(store, DIAMOND, scenario)
    found = explain(store, "left", "10.4.0.0/16")
    assert str(found.act) == "link-down top-right"
    assert [(step.router, step.told, step.said) for step in found.chain] == [
        ("top", "left", "withdraw"),
        ("left", "", "best via bottom, AS_PATH 65003 65004"),
    ]
    assert found.chain[0].why == "the session with right was lost"
    assert [change.peer for change in found.history] == ["top", "bottom"]
    assert [(path.peer, path.best) for path in found.candidates] == [("bottom", True)]
    (route,) = (row for row in found.candidates if row.best)
    assert route.reason == "the only path"


def test_a_session_that_comes_back_by_itself_is_laid_at_the_act_that_reset_it(tmp_path):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        await lab.reset("top", "right")
        await settle(lab)

    played(store, DIAMOND, scenario)
    causes = read_causes(store, "10.4.0.0/16")
    (act,) = causes.concerning()
    assert (act.text, act.router, act.peer) == ("session-reset", "top", "right")
    kinds = {node.step.cause.kind for node in causes.tree(act) if node.depth == 0}
    assert kinds == {CauseKind.SESSION_DOWN, CauseKind.SESSION_UP}


def test_an_act_is_found_by_its_beginning_and_by_a_time(tmp_path):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        await lab.withdraw("right", "10.4.0.0/16")
        await lab.wait(5.0)
        await lab.announce("right", "10.4.0.0/16")
        await lab.announce("left", "10.9.0.0/16")  # of no concern
        await settle(lab)

    played(store, DIAMOND, scenario)
    acts = read_causes(store, "10.4.0.0/16").concerning()
    assert [act.text.split()[0] for act in acts] == ["withdraw", "announce"]
    assert find_act(acts, None) is acts[1]
    assert find_act(acts, "withdraw") is acts[0]
    assert find_act(acts, "4.5s") is acts[0]
    with pytest.raises(UsageError, match="did you mean withdraw"):
        find_act(acts, "withdrew 10.4.0.0/16 at right")
    with pytest.raises(UsageError, match="the first was at"):
        find_act(acts, "0")
    with pytest.raises(UsageError, match="no act concerned"):
        find_act([], None)


def test_an_act_that_is_repeated_at_once_is_not_taken_for_two(tmp_path):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        await lab.withdraw("right", "10.4.0.0/16")
        await lab.announce("right", "10.4.0.0/16")
        await lab.withdraw("right", "10.4.0.0/16")
        await settle(lab)

    played(store, DIAMOND, scenario)
    causes = read_causes(store, "10.4.0.0/16")
    assert [act.number for act in causes.acts] == [1, 2, 3]
    told = [node.step for act in causes.concerning() for node in causes.tree(act)]
    after = [step for step in causes.steps if step.at >= causes.acts[0].at]
    assert sorted(told, key=repr) == sorted(after, key=repr)
    assert len({step.key for step in told if step.told}) > 6


def test_a_run_of_a_lower_level_says_what_it_lacks(tmp_path):
    store = tmp_path / "run.sqlite"

    async def scenario(lab):
        await lab.link_down("top", "right")
        await settle(lab)

    played(store, DIAMOND, scenario, Level.TRANSITIONS)
    found = explain(store, "left", "10.4.0.0/16")
    assert "run again with --record updates" in found.missing
    assert (found.candidates, found.chain, found.act) == ([], [], None)
    assert found.best == "the only path"
    with pytest.raises(UsageError, match="run again with --record updates"):
        read_causes(store, "10.4.0.0/16")


@pytest.mark.parametrize(
    "router,prefix,hint",
    [
        ("lefft", "10.4.0.0/16", "did you mean left"),
        ("left", "10.5.0.0/16", "did you mean 10.4.0.0/16"),
        ("left", "10.4.0.0", None),
        ("left", "10.4.0.1/16", "not a prefix"),
    ],
)
def test_what_is_not_of_the_run_is_refused_with_the_nearest_name(
    tmp_path, router, prefix, hint
):
    store = tmp_path / "run.sqlite"
    played(store, DIAMOND, settle)
    with pytest.raises(UsageError, match=hint):
        explain(store, router, prefix)


@pytest.mark.parametrize(
    "kind,act,fits",
    [
        (CauseKind.START, "restart", True),
        (CauseKind.START, "announce 10.4.0.0/16", False),
        (CauseKind.ACT, "withdraw 10.4.0.0/16", True),
        (CauseKind.ACT, "withdraw 10.4.0.0/24", False),
        (CauseKind.ACT, "policy", True),
        (CauseKind.ACT, "kill", False),
        (CauseKind.SESSION_DOWN, "pause", True),
        (CauseKind.SESSION_DOWN, "resume", False),
        (CauseKind.SESSION_DOWN, "policy", False),
        (CauseKind.SESSION_UP, "resume", True),
        (CauseKind.SESSION_UP, "announce 10.4.0.0/16", False),
        (CauseKind.REFRESH, "policy", False),  # its own; the peer's would do
        (CauseKind.UPDATE, "withdraw 10.4.0.0/16", False),
    ],
)
def test_what_began_is_laid_only_at_an_act_that_could_have_done_it(tmp_path, kind, act, fits):
    store = tmp_path / "run.sqlite"
    played(store, DIAMOND, settle)
    causes = read_causes(store, "10.4.0.0/16")
    causes.acts = [Act(1, 0.5, "top", "", act)]
    step = Step(2.0, "top", "", 0, 0, "no route is left", Cause(1.0, kind, "right"))
    assert (causes.act_of(step) is not None) == fits
    assert causes.act_of(replace(step, cause=Cause(0.1, kind, "right"))) is None


# Any network, any acts.


@st.composite
def networks(draw):
    """Draw a connected graph of routers that originate a prefix each, and a seed."""
    size = draw(st.integers(2, 6))
    links = {(draw(st.integers(0, i - 1)), i) for i in range(1, size)}
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    links |= {(a, b) for a, b in draw(st.sets(pairs, max_size=5)) if a < b}
    mrai = draw(st.sampled_from(["0s", "1s"]))
    nodes = "".join(
        f"    r{i}: {{asn: {65001 + i}, originate: [10.{i}.0.0/16]}}\n" for i in range(size)
    )
    names = ", ".join(f"r{a}-r{b}" for a, b in sorted(links))
    timers = f"{{mrai: {mrai}, connect-retry: 1s, idle-hold: 1s}}"
    text = (
        f"name: any\ntopology:\n  defaults: {{timers: {timers}}}\n"
        f"  nodes:\n{nodes}  links: [{names}]\n"
    )
    router = st.integers(0, size - 1)
    act = st.one_of(
        st.tuples(st.just("flip"), router),
        st.tuples(st.just("reset"), router),
        st.tuples(st.just("link"), st.sampled_from(sorted(links))),
    )
    acts = draw(st.lists(st.tuples(act, st.sampled_from([0.0, 0.01, 5.0])), max_size=8))
    return text, acts, draw(st.integers(0, 99))


async def act_upon(lab, acts):
    """Carry acts out one after the other, some while others have not settled yet."""
    silent: set[str] = set()
    down: set[object] = set()
    for (kind, what), pause in acts:
        if kind == "flip":
            work = lab.announce if what in silent else lab.withdraw
            await work(f"r{what}", f"10.{what}.0.0/16")
            silent ^= {what}
        elif kind == "reset":
            await lab.reset(f"r{what}")
        else:
            work = lab.link_up if what in down else lab.link_down
            await work(*(f"r{end}" for end in what))
            down ^= {what}
        await lab.wait(pause)
    await settle(lab)


def updates(connection):
    """List what every UPDATE was sent about: router, peer, epoch, number, prefix ("": none)."""
    rows = connection.execute(
        "SELECT r.name, p.name, t.epoch, t.number, t.octets FROM message t"
        " JOIN router r ON r.id = t.router JOIN router p ON p.id = t.peer"
        " WHERE t.received = 0"
    )
    return [
        (*key, format_prefix(prefix) if prefix else "")
        for *key, octets in rows
        for prefix in prefixes_of(octets) or [b""]
    ]


@settings(max_examples=40, deadline=None)
@given(networks())
def test_every_update_has_one_parent_that_came_before_it_whatever_happens(network):
    text, acts, seed = network
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.sqlite"
        played(store, text, lambda lab: act_upon(lab, acts), seed=seed)
        with closing(sqlite3.connect(store)) as connection:
            query = "SELECT router, told, epoch, number, prefix FROM causes WHERE told NOTNULL"
            assert sorted(connection.execute(query)) == sorted(updates(connection))
            prefixes = [row[0] for row in connection.execute("SELECT prefix FROM route_change")]
            for prefix in dict.fromkeys(prefixes):
                check(Causes(connection, prefix), prefixes.count(prefix))


def check(causes, changes):
    """Hold the steps of one prefix to what a forest is; so many were changes of best routes."""
    assert sum(not step.told for step in causes.steps) == changes
    visited = []
    for step in causes.steps:
        parent, act = causes.parent(step), None
        if step.cause.kind == CauseKind.UPDATE:
            assert parent is not None
            assert parent.told == step.router
            assert parent.at <= step.cause.at <= step.at
        else:
            assert parent is None
            visited.append(step)
            act = causes.act_of(step)
        if step.cause.kind == CauseKind.ACT:
            assert act is not None
            assert (act.at, act.router) == (step.cause.at, step.router)
            assert act.name in {"announce", "withdraw"}
        if step.cause.kind == CauseKind.SESSION_DOWN:
            assert act is not None  # nothing else ends a session here
        assert step.said not in {"UPDATE", "changed", "announce"}  # all of it is recorded
    acts = causes.concerning()
    begun = [step for step in visited if causes.act_of(step) is None]
    trees = [node.step for act in acts for node in causes.tree(act)]
    for step in begun:
        left = [step]
        while left:
            trees.append(left.pop())
            left += causes.below(trees[-1])
    assert len(trees) == len(causes.steps)
    assert set(trees) == set(causes.steps)
