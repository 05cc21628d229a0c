"""An exception in a callback of a router process: recorded, contained, survived.

The spawning starter imports the child's class by name, so that a test can bring its own.
"""

import sqlite3
from typing import Any

from twisted.internet import reactor

from bgplab.engines.processes import commands
from bgplab.engines.processes.controller import SPAWN, Options, prepare
from bgplab.engines.processes.router import RouterChild
from bgplab.speaker.inputs import Octets
from bgplab.topology.load import loads

LINE = """
name: line
topology:
  defaults: {timers: {idle-hold: 100ms, connect-retry: 300ms}}
  nodes:
    r1: {asn: 65001, originate: [10.1.0.0/16]}
    r2: {asn: 65002, originate: [10.2.0.0/16]}
    r3: {asn: 65003, originate: [10.3.0.0/16]}
  links: [r1-r2, r2-r3]
"""
PREFIX = "10.66.0.0/16"
NLRI = bytes([16, 10, 66])


class FailingChild(RouterChild):
    """A router whose Speaker raises at the first UPDATE from r3 that carries PREFIX."""

    def configure(self, part, last):
        answer = super().configure(part, last)
        if last and self._router.config.name == "r2":
            speaker: Any = self._router.speaker
            handle = speaker.handle

            def failing(given, now):
                if isinstance(given, Octets) and NLRI in given.data:
                    speaker.handle = handle
                    raise ZeroDivisionError("made to fail")
                return handle(given, now)

            speaker.handle = failing
        return answer

    commands.Configure.responder(configure)


def test_an_exception_in_a_router_costs_one_session_and_is_recorded_with_its_peer(
    under_reactor, tmp_path
):
    run = prepare(loads(LINE), LINE, Options(start=SPAWN, store=tmp_path / "run.sqlite"))

    async def work():
        lab = run.open(reactor)
        lab._child = FailingChild
        try:
            await run.converge(20)
            await lab.announce("r3", PREFIX)
            verdict = await lab.until_converged(20)
            assert verdict.name == "converged", verdict.reasons
            assert PREFIX in [row.prefix for row in await lab.routes("r1")]
            return await run.report(verdict)
        finally:
            await run.close()

    report = under_reactor(work)
    assert (report.failures, report.exit_code, report.deaths) == (1, 4, ())
    connection = sqlite3.connect(run.database)
    errors = connection.execute("SELECT router, peer, text FROM errors").fetchall()
    sessions = connection.execute("SELECT router, peer, established FROM sessions").fetchall()
    connection.close()
    assert [(router, peer) for router, peer, _ in errors] == [("r2", "r3")]
    assert "ZeroDivisionError: made to fail" in errors[0][2]
    assert sorted(sessions) == [
        ("r1", "r2", 1),
        ("r2", "r1", 1),
        ("r2", "r3", 2),
        ("r3", "r2", 2),
    ]
