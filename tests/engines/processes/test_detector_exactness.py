"""The verdict against the records: never early, and at most 100 ms late.

Each run is a lab of ten router processes on another random graph. A prefix is announced by one
router and withdrawn again; every UPDATE is recorded by both of its ends. All processes share
one clock.
"""

import itertools
import random
import sqlite3

import networkx
import pytest
from twisted.internet.defer import Deferred, gatherResults

from bgplab.config import Level

BEFORE_THE_LAST = "SELECT max(at) FROM message WHERE at < ?"
AFTER_THE_VERDICT = "SELECT count(*) FROM message WHERE at > ? AND at < ?"
RUNS = 100
QUICK_RUNS = 5
LIMIT = 0.1  # seconds from the last UPDATE to the verdict
STALL = 1.0  # seconds that a machine may stand still
PREFIX = "10.200.0.0/16"
LABS = 4  # that live long
ACTS = 30  # in each of them


def random_graph(seed):
    """Write a connected random graph of ten routers, some links slow, as a topology."""
    rng = random.Random(seed)
    graph = networkx.gnm_random_graph(10, rng.randrange(12, 22), seed=seed)
    pieces = [sorted(piece) for piece in networkx.connected_components(graph)]
    links = [*graph.edges, *((a[0], b[0]) for a, b in itertools.pairwise(pieces))]
    lines = [
        f"    - {{endpoints: [r{a}, r{b}], delay: {rng.choice([0, 0, 0, 1, 5])}ms}}"
        for a, b in links
    ]
    nodes = [f"    r{i}: {{asn: {65001 + i}, originate: [10.{i}.0.0/16]}}" for i in range(10)]
    return "\n".join(["name: random", "topology:", "  nodes:", *nodes, "  links:", *lines])


def observe(play, seed):
    """Run one graph; give (when the act was sent, when the verdict came) of each act, in ns."""

    async def scenario(lab, run):
        router = f"r{random.Random(seed).randrange(10)}"
        moments = []
        for act in (lab.announce, lab.withdraw):
            sent = lab.now()
            await act(router, PREFIX)
            verdict = await lab.until_converged(20)
            assert verdict.name == "converged", verdict.reasons
            moments.append((round(sent * 1e9), round(verdict.detected * 1e9), verdict.at))
        holding = sum([row.prefix == PREFIX for i in range(10) for row in await routes(lab, i)])
        assert holding == 0
        await run.report(verdict)
        return moments, run.database

    async def routes(lab, i):
        return await lab.routes(f"r{i}")

    return play(random_graph(seed), scenario, level=Level.UPDATES)


def margins(moments, database):
    """Check the verdicts against the records; give how long after the last UPDATE each came."""
    connection = sqlite3.connect(database)
    try:
        found = []
        ends = [sent for sent, _, _ in moments[1:]] + [2**63 - 1]
        for (_, detected, changed), following in zip(moments, ends, strict=True):
            early = connection.execute(AFTER_THE_VERDICT, (detected, following)).fetchone()[0]
            assert early == 0, f"{early} UPDATEs between the verdict and the next act"
            last = connection.execute(BEFORE_THE_LAST, (detected,)).fetchone()[0]
            assert changed <= detected / 1e9
            found.append((detected - last) / 1e9)
        sides = connection.execute(
            "SELECT received, count(*) FROM message GROUP BY received ORDER BY received"
        ).fetchall()
        assert sides[0][1] == sides[1][1] > 0, "every UPDATE is recorded at both ends"
        return found
    finally:
        connection.close()


def assert_soon(found):
    """Hold margins against the limit; a machine that stalls may delay one verdict in fifty."""
    late = [margin for margin in found if margin >= LIMIT]
    told = f"{len(found)} verdicts, up to {max(found):.4f} s after the last UPDATE"
    print(told)
    assert len(late) <= max(1, len(found) // 50), told
    assert max(found) < STALL, told


def all_margins(play, seeds):
    return [margin for seed in seeds for margin in margins(*observe(play, seed))]


def test_the_verdict_never_precedes_the_last_update_and_follows_it_soon(play):
    assert_soon(all_margins(play, range(QUICK_RUNS)))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_verdicts_are_exact(play):
    assert_soon(all_margins(play, range(1000, 1000 + RUNS)))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_verdicts_about_links_that_are_cut_and_mended_are_exact(play):
    """No UPDATE between a verdict and the next act, and all routes are there once mended."""
    for seed in range(2000, 2010):
        moments, database = cut_and_mend(play, seed)
        connection = sqlite3.connect(database)
        for (_, detected), (following, _) in itertools.pairwise(moments):
            early = connection.execute(AFTER_THE_VERDICT, (detected, following)).fetchone()[0]
            assert early == 0, f"seed {seed}: {early} UPDATEs after a verdict"
        connection.close()


def cut_and_mend(play, seed):
    """Cut links one after the other, mend them; give (act, verdict) in ns, and the database."""
    text = random_graph(seed).replace(
        "topology:", "topology:\n  defaults: {timers: {idle-hold: 100ms, connect-retry: 500ms}}"
    )

    async def scenario(lab, run):
        links = [(session.a, session.b) for session in run.plan.sessions]
        random.Random(seed).shuffle(links)
        acts = [(lab.link_down, link) for link in links[:5]]
        acts += [(lab.link_up, link) for link in links[:5]]
        moments = []
        for act, link in acts:
            sent = lab.now()
            await act(*link)
            verdict = await lab.until_converged(20)
            assert verdict.name == "converged", verdict.reasons
            moments.append((round(sent * 1e9), round(verdict.detected * 1e9)))
        assert lab.progress().established == len(run.plan.sessions)
        for router in run.plan.routers:
            assert len(await lab.routes(router.name)) == 10
        await run.report(verdict)
        return moments, run.database

    return play(text, scenario, limit=60, level=Level.UPDATES)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_verdicts_about_resets_and_cuts_on_labs_that_live_long_are_exact(play):
    """No UPDATE between a verdict and the next act, and no verdict comes late."""
    margins = [
        margin
        for seed in range(3000, 3000 + LABS)
        for margin in margins_of_silence(*meddle(play, seed))
    ]
    assert len(margins) == LABS * ACTS
    assert_soon(margins)


def meddle(play, seed):
    """Act again and again, now and then twice at once; give (act, verdict) and the database."""
    text = random_graph(seed).replace(
        "topology:", "topology:\n  defaults: {timers: {idle-hold: 50ms, connect-retry: 300ms}}"
    )

    async def scenario(lab, run):
        rng = random.Random(seed)
        links = [(session.a, session.b) for session in run.plan.sessions]
        down: list[tuple[str, str]] = []
        moments = []
        for number in range(ACTS):
            sent = lab.now()
            await gatherResults([act(lab, rng, links, down) for _ in range(1 + number % 2)])
            verdict = await lab.until_converged(20)
            assert verdict.name == "converged", verdict.reasons
            moments.append((round(sent * 1e9), round(verdict.detected * 1e9)))
            assert lab.progress().established == len(links) - len(down)
        await run.report(verdict)
        return moments, run.database

    return play(text, scenario, limit=120, level=Level.UPDATES)


def act(lab, rng, links, down):
    """Begin one act at random; a link that was cut is mended before the third is."""
    kind = rng.choice(["announce", "withdraw", "reset", "reset all", "link"])
    router = f"r{rng.randrange(10)}"
    if kind == "link" and len(down) == 2:
        work = lab.link_up(*down.pop(0))
    elif kind == "link":
        down.append(rng.choice([link for link in links if link not in down]))
        work = lab.link_down(*down[-1])
    elif kind == "reset":
        router, peer = rng.choice(links)
        work = lab.reset(router, peer)
    elif kind == "reset all":
        work = lab.reset(router)
    else:
        work = getattr(lab, kind)(router, PREFIX)
    return Deferred.fromCoroutine(work)


def margins_of_silence(moments, database):
    """Check that no UPDATE came after a verdict; give how long before it the last one came."""
    connection = sqlite3.connect(database)
    try:
        found = []
        ends = [sent for sent, _ in moments[1:]] + [2**63 - 1]
        for (sent, detected), following in zip(moments, ends, strict=True):
            early = connection.execute(AFTER_THE_VERDICT, (detected, following)).fetchone()[0]
            assert early == 0, f"{early} UPDATEs between the verdict and the next act"
            last = connection.execute(BEFORE_THE_LAST, (detected,)).fetchone()[0]
            found.append((detected - max(last, sent)) / 1e9)
        return found
    finally:
        connection.close()
