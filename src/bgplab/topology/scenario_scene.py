"""What is true at a step of a scenario, as far as the file tells: walked through before a run.

Who announces what, which routers run, which links carry, which sessions are shut down, whether
the network has been waited for. A step that could not be read leaves doubt about some of it;
what is in doubt is not held against later steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from bgplab.config import PeerConfig
from bgplab.topology.check import Parts, UnreadStep, suggest
from bgplab.topology.document import Document, Path
from bgplab.topology.graph import Topology, adjacency

Ends = tuple[str, str]
Pair = frozenset[str]

MARKS, ROUTES, LINKS, SESSIONS, ROUTERS, WAITS = ASPECTS = (
    "marks",
    "routes",
    "links",
    "sessions",
    "routers",
    "waits",
)
# What a step that could not be read leaves in doubt, by its key; left out: nothing.
DOUBTS = {
    "": ASPECTS,
    "wait": (WAITS,),
    "mark": (MARKS,),
    **dict.fromkeys(("announce", "withdraw", "flap"), (ROUTES, WAITS)),
    **dict.fromkeys(("link-down", "link-up", "blackhole", "heal", "delay"), (LINKS, WAITS)),
    **dict.fromkeys(("session-reset", "admin-shutdown", "admin-up"), (SESSIONS, WAITS)),
    **dict.fromkeys(("kill", "restart", "pause", "resume"), ASPECTS[1:]),
    **dict.fromkeys(("policy", "send-octets", "hog-cpu"), (WAITS,)),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """With which attributes a router announces a prefix."""

    med: int | None = None
    communities: tuple[int, ...] = ()


class Scene:
    """The lab as it is at one step. Mistakes are noted in the document.

    What was done is kept with the path of the step that did it.
    """

    def __init__(self, parts: Parts, document: Document, topology: Topology) -> None:
        self.parts = parts
        self.document = document
        self.topology = topology
        self.nodes = {node.name: node for node in topology.nodes}
        # Whether all links are known, and with them the sessions.
        self.linked = parts.complete and not any(
            problem.path.startswith("topology.links") for problem in document.problems
        )
        self.near = adjacency(topology) if self.linked else {}
        self.marks: dict[str, Path] = {}
        self.own = {
            node.name: dict.fromkeys(node.originate, Terms()) for node in topology.nodes
        }
        self.announced = {prefix: None for own in self.own.values() for prefix in own}
        self.killed: dict[str, Path] = {}
        self.paused: dict[str, Path] = {}
        self.cut: dict[Pair, Path] = {}
        self.swallowing: dict[Pair, Path] = {}
        self.shut: dict[Ends, Path] = {}  # by the router that did it, and its peer
        # Sessions without a hold time whose other end has fallen silent, and by what: a router
        # that is paused, or "" for the link.
        self.endless: dict[tuple[Pair, str], Path] = {}
        self.unsettled: Path | None = None  # what was done since the last wait: converged
        self.waited = False
        self._doubtful: dict[str, None] = {}
        if not parts.complete:
            self.doubt(*ASPECTS[1:])
        elif not self.linked:
            self.doubt(LINKS, SESSIONS)

    # Doubt

    def doubt(self, *aspects: str) -> None:
        """Leave it open from here on what is true of these aspects."""
        self._doubtful |= dict.fromkeys(aspects)

    def sure_of(self, aspect: str) -> bool:
        """Tell whether it is known what is true of an aspect by now."""
        return aspect not in self._doubtful

    def pass_over(self, step: UnreadStep) -> None:
        """Take note of a step that could not be read."""
        self.doubt(*DOUBTS.get(step.key, ()))

    # What has happened

    def disturbed(self, path: Path) -> None:
        """Note that the network may move after this step."""
        self.unsettled = path

    def settled(self) -> None:
        """Note that the network has been waited for."""
        self.unsettled, self.waited = None, True

    @property
    def at_rest(self) -> bool:
        """Tell whether the network has converged, and nothing has been done since."""
        return self.waited and self.unsettled is None

    def started(self, name: str) -> None:
        """Note that a router runs as the file has it."""
        self.killed.pop(name, None)
        self.paused.pop(name, None)
        if name in self.nodes:
            self.own[name] = dict.fromkeys(self.nodes[name].originate, Terms())
        for ends in [ends for ends in self.shut if ends[0] == name]:
            del self.shut[ends]
        self.heard_again(name)

    def heard_again(self, *names: str) -> None:
        """Forget sessions of these routers (of both, if two are named) that never ended."""
        for key in [key for key in self.endless if key[0].issuperset(names)]:
            del self.endless[key]

    # What is known of the topology

    @cached_property
    def peers(self) -> dict[str, dict[str, PeerConfig]]:
        """Map each router to its peers by name, in the order of the plan."""
        from bgplab.topology.plan import plan

        return {
            router.name: {peer.name: peer for peer in router.peers}
            for router in plan(self.topology).routers
        }

    def holdless(self, a: str, b: str) -> bool:
        """Tell whether the session of two routers has no hold timer (RFC 4271 section 4.2)."""
        if self.document.problems or b not in self.peers[a]:
            return False
        return 0 in (self.peers[a][b].timers.hold, self.peers[b][a].timers.hold)

    # What is said of it

    def report(self, path: Path, message: str) -> None:
        """Note one mistake."""
        self.document.report(path, message)

    def line(self, path: Path) -> int:
        """Return the line of what stands at `path`."""
        return self.document.locate(path)[0]

    def known(self, path: Path, name: str) -> bool:
        """Tell whether there is such a router; if not, this is noted."""
        if name in self.nodes:
            return True
        if self.parts.complete:
            self.report(path, f"unknown router {name!r}{suggest(name, self.nodes)}")
        return False

    def check_answers(self, path: Path, name: str) -> bool:
        """Note where a router has been killed, or paused: it does nothing and tells nothing."""
        return self.check_lives(path, name) and self._check_not(
            path, name, "paused", self.paused
        )

    def check_lives(self, path: Path, name: str) -> bool:
        """Note where a router has been killed."""
        return self._check_not(path, name, "killed", self.killed)

    def _check_not(self, path: Path, name: str, what: str, done: dict[str, Path]) -> bool:
        if name in done and self.sure_of(ROUTERS):
            self.report(path, f"{name} was {what} in line {self.line(done[name])}")
            return False
        return True

    def check_mark(self, path: Path, name: str | None) -> None:
        """Note a mark that is not set by then; None is the start of the lab."""
        if name is not None and name not in self.marks and self.sure_of(MARKS):
            hint = suggest(name, self.marks)
            self.report((*path, "since"), f"mark {name!r} is not set before this{hint}")

    def check_announced(self, path: Path, prefix: str) -> None:
        """Note a prefix that no router has announced by then."""
        if prefix not in self.announced and self.sure_of(ROUTES):
            hint = suggest(prefix, self.announced)
            self.report(path, f"no router announces {prefix} by then{hint}")


class Finder:
    """Finds what the keys of a step name: routers, links, sessions; notes what is not there.

    `ends` finds the two routers of a link or a session, and notes what is wrong with them.
    """

    def __init__(
        self, scene: Scene, ends: Callable[[Path, str | list[str]], Ends | None]
    ) -> None:
        self._scene = scene
        self._ends = ends

    def routers(
        self, path: Path, given: str | list[str], *, answer: bool = True
    ) -> tuple[str, ...]:
        """List the routers that `given` at `path` names; they have to run if they `answer`."""
        names = [given] if isinstance(given, str) else given
        for i, name in enumerate(names):
            where = path if isinstance(given, str) else (*path, i)
            if not self._scene.known(where, name):
                continue
            if name in names[:i]:
                self._scene.report(where, f"router {name!r} is named twice")
            elif answer:
                self._scene.check_answers(where, name)
        return tuple(names)

    def link(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        """Find a link that carries a session; otherwise links are in doubt from here on."""
        ends = self._link(path, endpoints)
        if ends is None:
            self._scene.doubt(LINKS, SESSIONS)
        return ends

    def _link(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        scene = self._scene
        ends = self._ends(path, endpoints)
        if not ends or not scene.linked:
            return ends
        a, b = ends
        if b not in scene.near[a]:
            which = f"{a} is linked with {some(scene.near[a])}"
            which = which if scene.near[a] else f"{a} has no links"
            scene.report(path, f"no link of {a} and {b}: {which}")
            return None
        if scene.nodes[a].asn == scene.nodes[b].asn and scene.topology.ibgp == "none":
            scene.report(path, f"no BGP session runs over the link of {a} and {b}")
            return None
        return ends

    def session(
        self, path: Path, link: str | list[str] | None, session: str | list[str] | None
    ) -> Ends | None:
        """Find a session by its link or by its two routers, as the file names them."""
        if link is not None:
            return self.link((*path, "link"), link)
        return self.pair((*path, "session"), session or "")

    def pair(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        """Find a session by its two routers."""
        scene = self._scene
        ends = self._ends(path, endpoints)
        if ends and scene.linked and ends[1] not in scene.peers[ends[0]]:
            scene.report(path, f"no BGP session of {ends[0]} and {ends[1]}")
            ends = None
        if ends is None:
            scene.doubt(SESSIONS)
        return ends

    def from_end(self, path: Path, ends: Ends, end: str) -> Ends:
        """Turn a session so that `end`, which stands at `path`, is first; "" leaves it."""
        a, b = ends
        if end and end not in ends:
            message = f"{end!r} is no end of this session; expected {a} or {b}"
            self._scene.report(path, message)
        return (b, a) if end == b else (a, b)


def some(names: Iterable[str], most: int = 4) -> str:
    """List names, not too many."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")
