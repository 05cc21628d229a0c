"""What may be done to the routers of a lab of processes, and to the links between them.

Each act makes the Detector expect news before it is sent: until the routers concerned have
carried it out and reported, nothing is called converged.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bgplab.config import RouterConfig
from bgplab.engines.processes import commands
from bgplab.engines.processes.remote import RemoteRouter
from bgplab.engines.quiescence import Detector
from bgplab.errors import ProcessError, UsageError
from bgplab.observe.runs import did_you_mean


class Acts:
    """Carries acts out. `disturbed` is called before each, `carried_out` after it.

    `note` is told what is asked for in a scenario's words, the name of the act first, and of
    which routers: one, or the two ends of a link or session.
    """

    def __init__(
        self,
        routers: Mapping[str, RemoteRouter],
        sessions: Iterable[tuple[str, str]],
        detector: Detector,
        disturbed: Callable[[], None],
        carried_out: Callable[[], None],
        note: Callable[..., None] = lambda text, *routers: None,
    ) -> None:
        self._routers = routers
        self._pairs = dict.fromkeys(sessions)  # the planned sessions, by their two ends
        self._detector = detector
        self._disturbed = disturbed
        self._carried_out = carried_out
        self._note_act = note

    async def announce(
        self,
        router: str,
        *prefixes: str,
        med: int | None = None,
        communities: tuple[int, ...] = (),
    ) -> None:
        """Let a router originate prefixes. Raises ValueError for what is no prefix."""
        fields = {"prefixes": prefixes, "med": med, "communities": communities}
        await self._act(router, "Originate", fields, f"announce {' '.join(prefixes)}")

    async def withdraw(self, router: str, *prefixes: str) -> None:
        """Let a router withdraw prefixes of its own. Raises ValueError for no prefix."""
        fields = {"prefixes": prefixes}
        await self._act(router, "Withdraw", fields, f"withdraw {' '.join(prefixes)}")

    async def reset(self, router: str, *peers: str) -> None:
        """Tear down sessions of a router, all if none is named; they come back.

        Raises UsageError for a peer that it has no session with.
        """
        for peer in peers:
            self._session(router, peer)
            self._note_act("session-reset", router, peer)
        await self._act(router, "Reset", {"peers": peers}, "" if peers else "session-reset")

    async def link_down(self, a: str, b: str) -> None:
        """Cut the link between two routers: both see it at once, and it stays down.

        Their session ends as by the loss of its connection (RFC 4271 section 8.2.2, event 18);
        attempts to dial fail at once. Raises UsageError for routers without a session, and
        ProcessError if both are dead.
        """
        await self._link(a, b, up=False)

    async def link_up(self, a: str, b: str) -> None:
        """Mend a link that was cut.

        Its session comes back with the next attempt: that costs no more than IdleHoldTime, as
        the state machine counts no failure while dialling fails, or ConnectRetryTime at worst.
        Raises as `link_down` does.
        """
        await self._link(a, b, up=True)

    async def _link(self, a: str, b: str, *, up: bool) -> None:
        ends = self._ends(a, b)
        self._note_act("link-up" if up else "link-down", a, b)
        self._detector.expect(self._session(a, b), up)
        for router in ends:
            peer = b if router.config.name == a else a
            await self._carry_out(router, commands.Link, peer=peer, up=up)

    def _session(self, a: str, b: str) -> tuple[str, str]:
        """Find the session between two routers. Raises UsageError if there is none."""
        router, other = self._router(a), self._router(b)
        for pair in ((a, b), (b, a)):
            if pair in self._pairs:
                return pair
        known = ", ".join(router.peers) or "none"
        raise UsageError(f"no session {a}-{other.config.name}; peers of {a}: {known}")

    def _ends(self, a: str, b: str) -> list[RemoteRouter]:
        """Give the routers that live at the ends of a link, first one that only listens.

        It is ready then when the other one dials.
        """
        self._session(a, b)
        ends = [self._routers[name] for name in (a, b) if self._routers[name].alive]
        if not ends:
            raise ProcessError(a, "not running")
        peers = (a, b)
        return sorted(ends, key=lambda router: not _only_listens(router.config, peers))

    async def _act(self, name: str, kind: str, fields: dict[str, Any], text: str) -> None:
        """Give a router an input; `text` says what is asked for, unless that is noted."""
        act = json.dumps([kind, fields]).encode()
        router = self._router(name)
        if text:
            self._note_act(text, name)
        await self._carry_out(router, commands.Act, act=act)

    async def _carry_out(self, router: RemoteRouter, command: type[Any], **values: Any) -> None:
        """Let a router carry out an act; the network has not converged until it has."""
        name = router.config.name
        self._disturbed()
        self._detector.disturb(name)
        answer = {"activity": 0}  # an act that is refused changes nothing
        try:
            answer = await router.call(command, **values)
        finally:
            self._detector.disturbed(name, answer["activity"])
            # The router's report may have come first: no other is due, and somebody may wait.
            self._carried_out()

    def kill(self, router: str) -> None:
        """Kill a router as a crash would; no death of the lab. ProcessError if it is dead."""
        found = self._router(router)
        if not found.alive:
            raise ProcessError(router, "not running")
        self._note_act("kill", router)
        found.on_purpose = True
        os.kill(found.pid, signal.SIGKILL)
        self._detector.disturb(router)
        self._disturbed()

    def _router(self, name: str) -> RemoteRouter:
        """Find a router. Raises UsageError for an unknown name."""
        if name not in self._routers:
            raise UsageError(f"no router {name!r}{did_you_mean(name, self._routers)}")
        return self._routers[name]


def _only_listens(config: RouterConfig, peers: Sequence[str]) -> bool:
    """Tell whether a router waits for one of these peers to dial."""
    return any(peer.passive and peer.name in peers for peer in config.peers)
