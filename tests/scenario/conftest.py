"""A lab over speaker/memory.py: whole routers in virtual time, for scenarios in tests."""

import random
from typing import Any

import pytest

from bgplab.engines.interface import Measures
from bgplab.engines.verdict import CONVERGED, TIMEOUT, Verdict
from bgplab.errors import UsageError
from bgplab.observe.histogram import LatenessHistogram
from bgplab.observe.store import RouteRow
from bgplab.rib.decision import reason
from bgplab.scenario.runner import run
from bgplab.speaker.inputs import Octets, Originate, Reset, TcpClosed, Withdraw
from bgplab.speaker.memory import Network
from bgplab.topology.load import loads
from bgplab.topology.plan import plan
from bgplab.wire.attributes.as_path import format_as_path
from bgplab.wire.nlri import format_prefix


class MemoryLab:
    """The part of engines/interface.py's Lab that scenarios use; nothing here suspends."""

    def __init__(self, text):
        self.topology = loads(text)
        self._network = Network(plan(self.topology).routers, random.Random)

    def now(self):
        return self._network.now

    async def start(self):
        self._network.start()

    async def wait(self, seconds):
        self._network.run(self.now() + seconds)

    async def until_converged(self, timeout):
        limit = self.now() + timeout
        while self._unsettled():
            due = self._network._next()
            if due > limit:
                self._network.run(limit)
                return Verdict(TIMEOUT, self._last_change(), limit, self._unsettled())
            self._network._step(due)
        return Verdict(CONVERGED, self._last_change(), self.now())

    def _unsettled(self):
        network = self._network
        down = tuple(
            f"session {name}-{session.name}: not up"
            for name, speaker in network.speakers.items()
            for session in speaker.sessions.values()
            if not session.established and frozenset((name, session.name)) not in network.cut
        )
        moving = tuple(
            f"router {name}: not quiet"
            for name, speaker in network.speakers.items()
            if not speaker.quiet
        )
        under_way = any(isinstance(given, Octets) for *_, given in network._heap)
        return (*down, *moving, *(("octets under way",) if under_way else ()))

    def _last_change(self):
        return max(
            speaker.routing.last_change or 0.0 for speaker in self._network.speakers.values()
        )

    async def announce(self, router, *prefixes, med=None, communities=()):
        self._network.feed(router, Originate(prefixes, med, communities))

    async def withdraw(self, router, *prefixes):
        self._network.feed(router, Withdraw(prefixes))

    async def reset(self, router, *peers):
        if any(peer not in self._network.speakers[router].sessions for peer in peers):
            raise UsageError(f"router {router} has no such peer")
        self._network.feed(router, Reset(peers))

    async def link_down(self, a, b):
        network = self._network
        network.cut.add(frozenset((a, b)))
        pairs = ((a, b), (b, a))
        ends = [end for end, far in network._link.items() if (end.router, far) in pairs]
        for end in ends:
            network._forget(end)
        for end in ends:
            network.feed(end.router, TcpClosed(end.connection))

    async def link_up(self, a, b):
        self._network.cut.discard(frozenset((a, b)))

    async def routes(self, router):
        loc_rib = self._network.speakers[router].routing.loc_rib
        return [
            RouteRow(
                format_prefix(prefix),
                format_as_path(path.attributes.as_path),
                path.attributes.next_hop,
                path.source.peer,
                reason(loc_rib.candidates(prefix)),
            )
            for prefix, path in loc_rib.best.items()
        ]

    async def measures(self):
        sessions = [
            session
            for speaker in self._network.speakers.values()
            for session in speaker.sessions.values()
        ]
        sent = sum(session.updates_sent for session in sessions)
        return Measures(LatenessHistogram(), sent, sent, 0, 0.0, 0)


def at_once(coroutine):
    """Give what a coroutine returns that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    pytest.fail("the coroutine waits for something")


@pytest.fixture
def play():
    """Give `play(text)`: start the lab of a file, play its scenario, give the outcome."""

    def run_file(text, timeout=120.0):
        lab: Any = MemoryLab(text)
        at_once(lab.start())
        return at_once(run(lab, lab.topology.scenario, timeout))

    return run_file
