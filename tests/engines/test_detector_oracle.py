"""The detector of the processes against an oracle that sees the whole network.

Real speakers in virtual time, on small random graphs with random links; at the end of a control
channel each, as if they were processes. Reports, acts and the second wave travel there with
delays of their own. What reports, carries acts out, judges the reports and sends the second
wave is the code of the processes, on a clock that the test moves on; the oracle is the network,
in which nothing is hidden: no UPDATE, no change of a best route, nothing that is under way.
"""

import itertools
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import networkx
import pytest
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import Clock, deferLater

from bgplab.config import RouterFlags, SessionFlags, Timers
from bgplab.engines.interface import Measures
from bgplab.engines.obstacles import CUT
from bgplab.engines.processes import commands
from bgplab.engines.processes.acts import Acts
from bgplab.engines.processes.clock import LabClock
from bgplab.engines.processes.convergence import WAVE_AGAIN, Convergence
from bgplab.engines.quiescence import Detector
from bgplab.engines.reporter import REPORT_GAP, Reporter
from bgplab.engines.virtual.bench import routers
from bgplab.engines.virtual.network import Network
from bgplab.facts import BestChanged, UpdateReceived, UpdateSent
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.inputs import decode
from bgplab.speaker import inputs
from bgplab.speaker.speaker import Speaker

SEEDS = 500
QUICK_SEEDS = 60
SLOWEST = 0.05  # seconds that anything is under way on a control channel, at most
# The last report, a second wave that it comes too late for, and another one.
BOUND = REPORT_GAP + SLOWEST + 2 * SLOWEST + WAVE_AGAIN + 2 * SLOWEST
AFTER = 6.0  # seconds that the network is watched after the last verdict
TOO_LONG = 300.0  # seconds after which a run has hung
MOVES = (UpdateSent, UpdateReceived, BestChanged)
EXACT = 1e-6


def random_network(rng):
    """Configure a random connected graph of four to eight routers; give it with its links."""
    size = rng.randint(4, 8)
    graph = networkx.gnm_random_graph(size, rng.randint(size, 2 * size), seed=rng)
    pieces = [sorted(piece) for piece in networkx.connected_components(graph)]
    graph.add_edges_from((a[0], b[0]) for a, b in itertools.pairwise(pieces))
    asns = {f"r{i}": 65001 + i for i in range(size)}
    if rng.random() < 0.3:
        asns["r1"] = asns["r0"]  # two routers of one AS, whether linked or not
    timers = Timers(
        connect_retry=1.0,
        idle_hold=rng.choice([0.2, 0.2, 0.02]),
        idle_hold_max=1.0,
        mrai=rng.choice([0, 0, 0.2, 2.0, 5.0]),
        min_as_origination=rng.choice([0, 0, 0, 0.5]),
    )
    flags = RouterFlags(
        coalesce=rng.choice(["off", "auto", 0.03, 0.2]),
        rate_limit_withdrawals=rng.random() < 0.3,
    )
    links = [(f"r{a}", f"r{b}") for a, b in graph.edges]
    slow = {frozenset(link): rng.choice([0, 0.001, 0.02, 0.1, 0.3]) for link in links}
    jitter = rng.choice([0.0, 0.01, 0.2])
    both = rng.random() < 0.3  # ends dial, so that connections collide
    configs = [
        replace(
            config,
            peers=tuple(
                replace(
                    peer,
                    delay=rng.choice([1, 1, 0.1]) * slow[frozenset((config.name, peer.name))],
                    delay_jitter=jitter,
                    passive=peer.passive and not both,
                )
                for peer in config.peers
            ),
        )
        for config in routers(
            asns, links, timers=timers, flags=flags, session_flags=SessionFlags()
        )
    ]
    return configs, links


def slow_chain(rng):
    """Configure a chain of four routers that hold news back; give it with its links."""
    names = [f"r{i}" for i in range(4)]
    links = list(itertools.pairwise(names))
    timers = Timers(connect_retry=1.0, idle_hold=0.02, mrai=rng.choice([1.0, 5.0]))
    flags = RouterFlags(coalesce="off", rate_limit_withdrawals=True)
    asns = {name: 65001 + i for i, name in enumerate(names)}
    return routers(asns, links, timers=timers, flags=flags, delay=rng.choice([0, 0.01])), links


class Links(Network):
    """A network whose links are cut and mended at each end on its own, as by processes."""

    def __init__(self, configs, seed, speaker):
        super().__init__(configs, Random, seed, 100e-6, speaker)
        self._ends_cut: dict[tuple[str, str], None] = {}
        self._depth = 0

    def _perform(self, node, effects):
        """Let the router see to a report once all that it asked for is carried out."""
        self._depth += 1
        super()._perform(node, effects)
        self._depth -= 1
        if self._depth == 0:
            node.speaker.stirred()

    def _arrive(self, end, what):
        super()._arrive(end, what)
        if self._depth == 0:
            end.node.speaker.stirred()  # it may have had no effects

    def cut_end(self, name, peer):
        link = frozenset((name, peer))
        self._ends_cut[name, peer] = None
        self.expected.put(name, peer, CUT)
        for end in [end for end in self.ends(name) if end.link == link]:
            self._close(end)
            if end.known:
                self.feed(name, inputs.TcpClosed(end.connection))
            elif end.connection > 0:
                self.feed(name, inputs.TcpFailed(end.connection))

    def mend_end(self, name, peer):
        self._ends_cut.pop((name, peer), None)
        if (peer, name) not in self._ends_cut:
            self.link_up(name, peer)


class Watched(Speaker):
    """A speaker with a reporter, which is told of everything that it does."""

    stirred = staticmethod(lambda: None)


class Line:
    """One direction of a control channel: late at random, and in order."""

    def __init__(self, clock, rng):
        self._clock, self._rng = clock, rng
        self._last = 0.0
        self._waiting: deque[Any] = deque()

    def put(self, arrive):
        now = self._clock.seconds()
        slowest = SLOWEST * self._rng.choice([0.1, 1.0])
        self._last = max(self._last, now + self._rng.uniform(0, slowest))
        self._waiting.append(arrive)
        self._clock.callLater(self._last - now, self._arrive)

    def _arrive(self):
        self._waiting.popleft()()


class Remote:
    """A router at the end of its control channel: RouterChild and RemoteRouter in one."""

    def __init__(self, config, lab, reporter):
        self.config, self.lab = config, lab
        self.peers = tuple(peer.name for peer in config.peers)
        self.alive = self.ready = True
        self.speaker = lab.network.speakers[config.name]
        self.reporter = reporter(self.speaker)
        self.up, self.down = Line(lab.clock, lab.rng), Line(lab.clock, lab.rng)
        self.speaker.stirred = self.stirred

    def stirred(self):
        wait = self.reporter.stirred(self.lab.clock.seconds())
        if wait == 0:
            self.report()
        elif wait is not None:
            self.lab.clock.callLater(wait, self.report)

    def report(self):
        now = self.lab.clock.seconds()
        quiet = self.reporter.report(now, now)
        if quiet is not None:
            moves = self.lab.moves
            self.up.put(lambda: self.lab.reported(self.config.name, quiet, moves))

    def call(self, command, **values):
        answer: Deferred[Any] = Deferred()
        if command is commands.Wave:
            self.lab.waved()

        def arrive():
            found = self.obey(command, **values)
            self.up.put(lambda: answer.callback(found))

        self.down.put(arrive)
        return answer

    tell = call

    def obey(self, command, **values):
        network, name = self.lab.network, self.config.name
        if command is commands.Dial:
            network.feed(name, inputs.Start())
        elif command is commands.Act:
            assert values["last"]
            network.feed(name, decode(json.loads(values["part"])))
        elif command is commands.Link:
            changes = {"cut": network.cut_end, "mend": network.mend_end}
            changes[values["change"]](name, values["peer"])
        elif command is commands.Wave:
            activity, quiet = self.reporter.answer()
            return {"activity": activity, "quiet": quiet}
        self.stirred()
        return {"activity": self.speaker.routing.activity}


class Lab:
    """One run: a network, its controller, and what the oracle finds wrong in `wrong`."""

    build = staticmethod(random_network)
    kinds: tuple[str, ...] = ("announce", "withdraw", "reset", "reset all", "cut", "mend")

    def __init__(self, seed, detector=Detector, reporter=Reporter, acts=Acts):
        self.rng = Random(seed)
        self.clock = Clock()
        self.moves = 0  # UPDATEs sent and received, and changes of best routes, so far
        self.wrong: list[str] = []
        self.margins: list[float] = []  # seconds from the moment that all was over to a verdict
        self.configs, self.links = self.build(self.rng)
        self.network = Links(self.configs, seed, Watched)
        self.network.tell = self.told
        self.remotes: dict[str, Any] = {
            config.name: Remote(config, self, reporter) for config in self.configs
        }
        self.detector = detector(self.remotes, self.links)
        time = LabClock(machine=self.clock.seconds)
        self.judge = Convergence(self.clock, time, self.detector, self.remotes, self.measure)
        self.acts = acts(
            self.remotes,
            self.links,
            self.detector,
            self.judge.disturbed,
            self.judge.carried_out,
            self.clock.seconds,
        )
        self.verdicts = 0
        self.wave_waiters: list[Deferred[None]] = []
        self.pending = 0  # acts that the controller has not heard of as carried out
        self.waiting = 0  # for a verdict
        self.asked: list[Deferred[Any]] = []
        self.seen: dict[str, int] = {}  # the moves when a router made its last report
        self.frozen: int | None = None  # the moves at a verdict, until the next act
        self.over: float | None = None  # since when the network has been quiet
        self.own = {config.name: list(config.originate) for config in self.configs}
        self.down: list[tuple[str, str]] = []
        self.favourite = self.configs[0].name  # the router of the last act

    async def measure(self):
        return Measures(LatenessHistogram(), 0, 0, 0, 0.0, 0, 0.0)

    # What is noticed on the way.

    def told(self, router, fact):
        self.moves += isinstance(fact, MOVES)
        if self.frozen is not None and isinstance(fact, MOVES):
            self.accuse("false verdict", f"{router} then: {type(fact).__name__}")
            self.frozen = None

    def reported(self, name, quiet, moves):
        self.seen[name] = moves
        self.judge.report(name, quiet)
        if self.detector.settled:
            self.check_cut("false cut")
            if self.pending:
                self.accuse("false cut", "an act is on its way")

    def check_cut(self, kind):
        if self.moves > max(self.seen.values()):
            self.accuse(kind, "the network has moved since the last of the reports was made")

    def accuse(self, kind, what):
        self.wrong.append(f"{kind} at {self.clock.seconds():.6f}: {what}")

    async def converged(self):
        """Wait for a verdict, and check it."""
        self.waiting += 1
        asked = Deferred.fromCoroutine(self.judge.until_converged(TOO_LONG))
        self.asked.append(asked)
        try:
            verdict = await asked
        except CancelledError:
            return  # the run is over before its time
        self.waiting -= 1
        self.waved()  # if one was out already, no other will be
        if verdict.name != "converged":
            self.accuse("missed", f"{verdict.name}: {verdict.reasons}")
            return
        self.check_cut("false verdict")
        if self.pending:
            self.accuse("false verdict", "an act is on its way")
        if self.over is not None:  # else there is a failed attempt to connect under way, say
            self.margins.append(self.clock.seconds() - self.over)
        self.verdicts += 1
        self.frozen = self.moves

    def waved(self):
        """Take note that a second wave goes out."""
        waiters, self.wave_waiters = self.wave_waiters, []
        for waiter in waiters:
            self.clock.callLater(0, waiter.callback, None)

    # What happens.

    async def script(self):
        dialled = [remote.call(commands.Dial) for remote in self.remotes.values()]
        begun = [Deferred.fromCoroutine(self.converged())]
        await DeferredList(dialled)
        for _ in range(self.rng.randint(4, 8)):
            before = self.rng.choice(["nothing", "verdict", "wave"])
            if before == "verdict":
                await self.converged()
            elif before == "wave":  # the act comes while the second wave is out
                waved: Deferred[None] = Deferred()
                self.wave_waiters.append(waved)
                begun.append(Deferred.fromCoroutine(self.converged()))
                await waved
            gap = self.rng.choice([0.0, 0.02, 0.1, 0.4, 2.0])
            await deferLater(self.clock, self.rng.uniform(0, gap))
            begun += [self.act() for _ in range(self.rng.choice([1, 1, 2]))]
            begun.append(Deferred.fromCoroutine(self.converged()))
        for succeeded, result in await DeferredList(begun):
            assert succeeded, result
        await deferLater(self.clock, AFTER)

    def random_act(self):
        acts = self.acts
        if self.rng.random() < 0.7:
            self.favourite = self.rng.choice(list(self.remotes))
        name = self.favourite
        near = self.remotes[name].peers
        kind = self.rng.choice(self.kinds)
        if kind == "withdraw" and self.own[name]:
            return acts.withdraw, name, self.own[name].pop()
        if kind == "reset":
            return acts.reset, name, self.rng.choice(near)
        if kind == "reset all":
            return acts.reset, name
        if kind == "cut" and len(self.down) < 2:
            self.down.append(self.rng.choice(self.links))
            return acts.link_down, *self.down[-1]
        if kind == "mend" and self.down:
            return acts.link_up, *self.down.pop(0)
        self.own[name].append(f"10.{self.rng.randint(100, 109)}.0.0/24")
        return acts.announce, name, self.own[name][-1]

    def act(self):
        return Deferred.fromCoroutine(self.carry_out(*self.random_act()))

    async def carry_out(self, act, *operands):
        self.frozen = None
        self.pending += 1
        await act(*operands)
        self.pending -= 1

    def run(self):
        """Let everything happen, in the order of time; give what went wrong."""
        clock, network = self.clock, self.network
        script = Deferred.fromCoroutine(self.script())
        while not script.called and not self.wrong:
            call = clock.calls[0].getTime()
            if network.next <= call:
                clock.rightNow = network.next
                network.step()
            else:
                network.run(call)
                clock.rightNow = call
                clock.advance(0)
            self.look()
        if self.wrong:
            for asked in self.asked:
                asked.cancel()
            return self.wrong
        assert script.result is None, script.result
        return self.wrong

    def look(self):
        """See whether all is over, and whether the verdict is late."""
        now = self.clock.seconds()
        if self.pending or not self.network.quiet:
            self.over = None
        elif self.over is None:
            self.over = now
        if self.over is not None and self.waiting and now > self.over + BOUND + EXACT:
            self.accuse("missed", f"over since {self.over:.6f}: {self.detector.unsettled()}")


class ResettingLab(Lab):
    """A run in which sessions are reset while routers still hold news about the last reset."""

    build = staticmethod(slow_chain)
    kinds = ("reset",)


def judge_all(seeds, run=Lab):
    """Run the processes' own code; give the number of verdicts."""
    verdicts, margins = 0, []
    for seed in seeds:
        lab = run(seed)
        assert lab.run() == [], f"seed {seed}"
        verdicts += lab.verdicts
        margins += lab.margins
    print(f"{verdicts} verdicts, up to {max(margins):.4f} s after all was over")
    return verdicts


def test_no_verdict_is_false_and_none_is_missed():
    assert judge_all(range(QUICK_SEEDS)) > 5 * QUICK_SEEDS


def test_resets_in_quick_succession_are_told_apart():
    assert judge_all(range(QUICK_SEEDS), ResettingLab) > 5 * QUICK_SEEDS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_verdict_is_false_and_none_is_missed_in_500_runs():
    assert judge_all(range(1000, 1000 + SEEDS)) > 5 * SEEDS


# Detectors, reporters and acts that are wrong in one respect.


class IgnoresEpochs(Detector):
    def report(self, router, quiet):
        sessions = tuple(count._replace(epoch=1) for count in quiet.sessions)
        super().report(router, quiet._replace(sessions=sessions))


class CountsOneDirection(Detector):
    def _end(self, end):
        found, back = super()._end(end), end[::-1]
        return (
            found._replace(received=super()._end(back).sent)
            if back in self._sessions
            else found
        )


class IgnoresStates(Detector):
    def _agrees(self, pair):
        here, there = self._end(pair), self._end(pair[::-1])
        counts = (here.sent, here.received) == (there.received, there.sent)
        return super()._agrees(pair) if self.between(*pair) else counts


class IgnoresActs(Detector):
    def disturb(self, router):
        pass


class TakesTheAnswerForTheReport(Detector):
    def disturbed(self, router, activity):
        super().disturbed(router, 0)


class ForgetsActsThatOverlap(Detector):
    def disturbed(self, router, activity):
        self._acts[router] = min(self._acts.get(router, 0), 1)
        super().disturbed(router, activity)


class ExpectsLinksThatAreCut(Detector):
    def obstruct(self, a, b, what):
        pass


class ReportsWhileItHoldsRoutes(Reporter):
    def __init__(self, speaker):
        super().__init__(speaker)
        self._speaker: Any = Hasty(speaker)


class Hasty:
    """A speaker that is called passive as soon as nothing is left to decide."""

    def __init__(self, speaker):
        self._of = speaker

    def __getattr__(self, name):
        return getattr(self._of, name)

    @property
    def quiet(self):
        return not self._of.routing._dirty


class DropsReportsThatComeSoon(Reporter):
    def stirred(self, now):
        wait = super().stirred(now)
        if wait:
            self._due, self._reported = False, self._speaker.routing.activity
            return None
        return wait


class ReportsHalfOfItsSessions(Reporter):
    def report(self, now, at):
        quiet = super().report(now, at)
        return quiet and quiet._replace(sessions=quiet.sessions[::2])


class NeverLooksAfterActs(Acts):
    def __init__(self, *operands):
        super().__init__(*operands)
        self._carried_out = lambda: None


MUTATIONS: list[tuple[dict[str, type], type[Lab], Sequence[int], str]] = [
    # what is wrong, the kind of run and the seeds that show it, what is said to be wrong
    ({"detector": CountsOneDirection}, Lab, range(10), "false"),
    ({"detector": IgnoresStates}, Lab, range(10), "false"),
    ({"detector": IgnoresEpochs}, ResettingLab, range(10, 50), "false"),
    ({"detector": IgnoresActs}, Lab, range(10), "false"),
    ({"detector": TakesTheAnswerForTheReport}, Lab, range(70, 110), "false"),
    ({"detector": ForgetsActsThatOverlap}, Lab, (831, 984, 2047), "false"),
    ({"detector": ExpectsLinksThatAreCut}, Lab, range(10), "missed"),
    ({"reporter": ReportsWhileItHoldsRoutes}, Lab, range(10), "false"),
    ({"reporter": DropsReportsThatComeSoon}, Lab, range(10), "missed"),
    ({"reporter": ReportsHalfOfItsSessions}, Lab, range(10), "missed"),
    ({"acts": NeverLooksAfterActs}, Lab, range(30, 80), "missed"),
]


@pytest.mark.parametrize(
    "mutation, run, seeds, kind",
    MUTATIONS,
    ids=[next(iter(mutation.values())).__name__ for mutation, *_ in MUTATIONS],
)
def test_the_oracle_catches(mutation, run, seeds, kind):
    found = (wrong for seed in seeds for wrong in run(seed, **mutation).run())
    assert any(wrong.startswith(kind) for wrong in found), f"{mutation} went unnoticed"
