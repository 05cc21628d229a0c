"""A network for experiments from Python; it keeps all that routers tell and ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bgplab.config import Level, PeerConfig, RouterConfig, RouterFlags, SessionFlags, Timers
from bgplab.engines.virtual.network import Network
from bgplab.engines.virtual.wires import End, Node
from bgplab.facts import Fact
from bgplab.session.effects import Effect
from bgplab.speaker.inputs import Congested, Drained
from bgplab.speaker.speaker import Speaker
from bgplab.wire.nlri import format_prefix

if TYPE_CHECKING:
    import random

Kind = TypeVar("Kind")  # of Fact


class Told(NamedTuple):
    """A fact, with the router that told it."""

    router: str
    fact: Fact


class Bench(Network):
    """A network that keeps in `facts` what routers told, in `effects` all they asked for."""

    def __init__(
        self,
        configs: Iterable[RouterConfig],
        rng: Callable[[int], random.Random],
        seed: int = 0,
        speaker: Callable[[RouterConfig, random.Random], Speaker] = Speaker,
    ) -> None:
        super().__init__(configs, rng, seed, speaker=speaker)
        self.facts: list[Told] = []
        self.effects: list[tuple[str, Effect]] = []
        self.tell = lambda router, fact: self.facts.append(Told(router, fact))

    def congest(self, name: str, peer: str) -> None:
        """Let a router's connection to a peer be slow: written octets count as not taken."""
        end = self.end(name, peer)
        end.blocked = end.unsent = end.congested = True
        self.feed(name, Congested(end.connection))

    def drain(self, name: str, peer: str) -> None:
        """End what `congest` began."""
        end = self.end(name, peer)
        end.blocked = end.unsent = end.congested = False
        self.feed(name, Drained(end.connection))

    def end(self, name: str, peer: str) -> End:
        """Find the end of the one connection between two routers. Raises ValueError."""
        (found,) = (end for end in self.ends(name) if end.peer == peer)
        return found

    def settle(self, limit: float = 3600.0) -> None:
        """Let time pass until the network is quiet.

        Raises TimeoutError if that takes more than `limit` seconds from now.
        """
        limit += self.now
        while not self.quiet:
            if self.next > limit:
                raise TimeoutError(f"not settled at {limit} s")
            self.step()

    def _perform(self, node: Node, effects: list[Effect]) -> None:
        self.effects.extend((node.name, effect) for effect in effects)
        super()._perform(node, effects)

    def best(self, name: str) -> dict[str, tuple[int, ...]]:
        """Give a router's best paths: the AS_PATH of each prefix, segments run together."""
        found = self.speakers[name].routing.loc_rib.best
        return {
            format_prefix(prefix): tuple(
                asn for segment in path.attributes.as_path for asn in segment.asns
            )
            for prefix, path in sorted(found.items())
        }

    def of(self, name: str, kind: type[Kind]) -> Iterator[Kind]:
        """Go through the facts of one kind that a router told."""
        return (
            fact for router, fact in self.facts if router == name and isinstance(fact, kind)
        )


def routers(
    asns: Mapping[str, int],
    links: Iterable[tuple[str, str]],
    *,
    timers: Timers | None = None,
    flags: RouterFlags | None = None,
    session_flags: SessionFlags | None = None,
    delay: float = 0.001,
    delay_jitter: float = 0.0,
    igp: Mapping[str, float] | None = None,
    crowd: float = 0.0,
    prefixes: int = 1,
) -> list[RouterConfig]:
    """Configure routers by name and AS number, numbered from 1 in their order, and their links.

    Router i has identifier and NEXT_HOP 10.0.0.i and originates 10.i.0.0/24, 10.i.1.0/24, and
    so on. The first router of a link listens, the second dials.
    """
    numbers = {name: number for number, name in enumerate(asns, 1)}
    peers: dict[str, list[PeerConfig]] = {name: [] for name in asns}
    for first, second in links:
        for name, peer in ((first, second), (second, first)):
            config = PeerConfig(
                name=peer,
                address=f"127.0.0.{numbers[peer]}",
                port=1790,
                asn=asns[peer],
                passive=name == first,
                timers=timers or Timers(),
                flags=session_flags or SessionFlags(),
                delay=delay,
                delay_jitter=delay_jitter,
            )
            peers[name].append(config)
    plain = RouterConfig("", 0, "", "", 1790, "", level=Level.UPDATES)
    return [
        replace(
            plain,
            name=name,
            asn=asns[name],
            identifier=f"10.0.0.{number}",
            address=f"127.0.0.{number}",
            next_hop=f"10.0.0.{number}",
            originate=tuple(f"10.{number}.{index}.0/24" for index in range(prefixes)),
            peers=tuple(peers[name]),
            flags=flags or RouterFlags(coalesce="off"),
            igp=dict(igp or {}),
            crowd=crowd,
            seed=number,
        )
        for name, number in numbers.items()
    ]
