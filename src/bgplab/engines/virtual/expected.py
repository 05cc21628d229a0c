"""Which sessions are expected to be up, and which of their ends are not as expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bgplab.config import RouterConfig
from bgplab.engines.obstacles import Ends, Obstacles
from bgplab.engines.virtual.wires import Node


class Expected:
    """Keeps the ends of sessions that are to come up (`absent`), or to go down (`lingering`).

    A session is to be up if both its routers live and nothing is in its way, else down. No
    router that is dead or paused is asked. `nodes` are those that live.
    """

    def __init__(self, configs: Iterable[RouterConfig], nodes: Mapping[str, Node]) -> None:
        pairs = [(config.name, peer.name) for config in configs for peer in config.peers]
        self.obstacles = Obstacles({frozenset(pair): pair for pair in pairs}.values())
        self.absent: dict[Ends, None] = {}
        self.lingering: dict[Ends, None] = {}
        self._nodes = nodes

    def put(self, a: str, b: str, what: str) -> None:
        """Put something in the way of a session."""
        self.obstacles.put(a, b, what)
        self.judge(a, b)

    def take(self, a: str, b: str, what: str) -> None:
        """Take something out of the way of a session."""
        self.obstacles.take(a, b, what)
        self.judge(a, b)

    def judge(self, a: str, b: str) -> None:
        """Look anew at both ends of a session."""
        self.judge_end(a, b)
        self.judge_end(b, a)

    def judge_end(self, name: str, peer: str) -> None:
        """Look anew at one end of a session."""
        end = name, peer
        self.absent.pop(end, None)
        self.lingering.pop(end, None)
        node = self._nodes.get(name)
        if node is None or node.paused:
            return
        up = node.speaker.sessions[peer].established
        wanted = peer in self._nodes and not self.obstacles.between(name, peer)
        if up and not wanted:
            self.lingering[end] = None
        elif wanted and not up:
            self.absent[end] = None

    def reasons(self) -> list[str]:
        """Say which ends are not where they should be: one line each."""
        found = []
        for name, peer in sorted(self.absent):
            state = self._nodes[name].speaker.sessions[peer].state
            found.append(f"session {name}-{peer}: {state.label} at {name}")
        for name, peer in sorted(self.lingering):
            ways = self.obstacles.between(name, peer) or (f"{peer} is dead",)
            text = f"session {name}-{peer}: still Established at {name} although"
            hold = self._nodes[name].speaker.sessions[peer].negotiated.hold
            forever = "" if hold else ", and its hold time is 0"
            found.append(f"{text} {', '.join(ways)}{forever}")
        return found
