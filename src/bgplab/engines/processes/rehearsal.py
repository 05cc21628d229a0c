"""The fork server plays a small lab through, once, before it forks.

A fresh Python process is slow at first: the interpreter specialises code as it runs (PEP 659),
zope.interface and Twisted fill their caches, and every object touched for the first time after
a fork costs a copied page. What has run here before the fork is warm in every child. Three
routers in a line come up over loopback in a private reactor, exchange routes, and are thrown
away.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory
from twisted.protocols.amp import AMP
from twisted.python.failure import Failure

from bgplab.config import PeerConfig, RouterConfig
from bgplab.engines.processes import commands
from bgplab.engines.processes.remote import ControllerAMP
from bgplab.observe.inputs import encode, to_json
from bgplab.speaker.inputs import Originate

PREFIXES = 40  # of each router, each with attributes of its own; enough to specialise all loops
LIMIT = 0.3  # seconds; warm or not, the lab that waits comes first
REACTOR = "twisted.internet.reactor"


def rehearse() -> None:
    """Run three routers until they have heard of each other; leaves no descriptor behind.

    The private reactor stands in for the process's reactor meanwhile.
    """
    reactor = EPollReactor()
    before = sys.modules.get(REACTOR)
    sys.modules[REACTOR] = reactor  # type: ignore[assignment]
    try:
        _play(reactor)
    finally:
        reactor.disconnectAll()
        reactor.waker.connectionLost(Failure(ConnectionAborted()))
        reactor._poller.close()  # noqa: SLF001 -- no public call ends what never ran
        del sys.modules[REACTOR]
        if before is not None:
            sys.modules[REACTOR] = before


class ConnectionAborted(Exception):
    """The rehearsal is over."""


def _play(reactor: Any) -> None:
    from bgplab.engines.processes.router import RouterChild

    class Actor(RouterChild):
        """A router that does not take the process with it when it goes."""

        def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
            AMP.connectionLost(self, reason)

    configs = _line(_free_port())
    controllers = [_connect(reactor, Actor) for _ in configs]
    deadline = time.monotonic() + LIMIT
    for command in ("configure", commands.Listen, commands.Dial):
        waiting: list[Deferred[Any]] = []
        for controller, config in zip(controllers, configs, strict=True):
            if command == "configure":
                text = config.to_json().encode()
                waiting.append(_ask(controller, commands.Configure, part=text, last=True))
            else:
                waiting.append(_ask(controller, command))
        _iterate(reactor, partial(_answered, waiting), deadline)
    for index, controller in enumerate(controllers):
        for number in range(PREFIXES):
            given = Originate((f"10.{index}.{number}.0/24",), number)
            act = to_json(encode(given)).encode()
            _ask(controller, commands.Act, part=act, last=True)
    heard: list[int] = []
    _iterate(reactor, lambda: _heard(controllers, heard) >= len(configs), deadline)


def _answered(waiting: list[Deferred[Any]]) -> bool:
    return all(answer.called for answer in waiting)


def _ask(controller: AMP, command: Any, **values: Any) -> Deferred[dict[str, Any]]:
    """Send a command; one that fails is answered with nothing: a rehearsal may go wrong."""
    answer: Deferred[dict[str, Any]] = controller.callRemote(command, **values)
    return answer.addErrback(lambda failure: {})


def _heard(controllers: list[AMP], heard: list[int]) -> int:
    """Ask the routers how many routes they hold; count those that hold all."""
    for controller in controllers:
        _ask(controller, commands.Measure).addCallback(
            lambda answer: heard.append(answer.get("routes", 0))
        )
    return sum(routes == len(controllers) * PREFIXES for routes in heard)


def _connect(reactor: Any, actor: Callable[[], AMP]) -> AMP:
    """Start an actor at one end of a socket pair; give the controller at the other."""
    controller = ControllerAMP(lambda frame: None)
    for end, protocol in zip(socket.socketpair(), (lambda: controller, actor), strict=True):
        with end:
            end.setblocking(False)
            factory = Factory.forProtocol(protocol)
            factory.noisy = False
            reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
    return controller


def _iterate(reactor: Any, done: Callable[[], bool], deadline: float) -> None:
    """Turn the reactor until something is done, or the deadline has passed."""
    while not done() and time.monotonic() < deadline:
        reactor.iterate(0.002)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _line(port: int) -> list[RouterConfig]:
    """Configure three routers in a line."""
    routers = [("127.0.0.1", 65001), ("127.0.0.2", 65002), ("127.0.0.3", 65003)]

    def peer(index: int, passive: bool) -> PeerConfig:
        address, asn = routers[index]
        return PeerConfig(f"r{index}", address, port, asn, passive=passive)

    peers = [(peer(1, True),), (peer(0, False), peer(2, True)), (peer(1, False),)]
    return [
        RouterConfig(
            name=f"r{index}",
            asn=asn,
            identifier=f"10.255.0.{index + 1}",
            address=address,
            port=port,
            next_hop=f"10.255.0.{index + 1}",
            peers=peers[index],
        )
        for index, (address, asn) in enumerate(routers)
    ]
