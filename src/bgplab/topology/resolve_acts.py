"""Give the acts of a scenario their meaning, and note what they cannot be done to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bgplab.topology import steps
from bgplab.topology.check import suggest
from bgplab.topology.document import Path
from bgplab.topology.rules import check_rules, rules
from bgplab.topology.scenario_acts import (
    Act,
    Announced,
    AtOf,
    Delayed,
    Flapped,
    Hog,
    LinkOf,
    Originated,
    PolicyOf,
    Reset,
    SentOctets,
    SessionsOf,
    Shutdown,
)
from bgplab.topology.scenario_scene import (
    LINKS,
    ROUTERS,
    ROUTES,
    SESSIONS,
    Ends,
    Finder,
    Pair,
    Scene,
    Terms,
    some,
)

Doing = Iterator[steps.Act]


class ActResolver:
    """Turns acts into values of steps.py, and changes the scene by what they do."""

    def __init__(self, scene: Scene, finder: Finder) -> None:
        self._scene = scene
        self._find = finder
        self._meanings: dict[str, Callable[[Path, Any], Doing]] = {
            "announce": self._announce,
            "withdraw": self._withdraw,
            "flap": self._flap,
            "link-down": self._cut,
            "link-up": self._mend,
            "blackhole": self._swallow,
            "heal": self._heal,
            "delay": self._delay,
            "session-reset": self._reset,
            "admin-shutdown": self._shut_down,
            "admin-up": self._bring_up,
            "policy": self._policy,
            "send-octets": self._send,
            "kill": self._kill,
            "restart": self._restart,
            "pause": self._pause,
            "resume": self._resume,
            "hog-cpu": self._hog,
        }

    def resolve(self, path: Path, model: Act) -> list[steps.Act]:
        """Return what a step does: one act, or one for each router that it names."""
        ((field, of),) = model.settings().items()
        key = field.replace("_", "-")
        values = list(self._meanings[key]((*path, key), of))
        self._scene.disturbed(path)
        return values

    # Routes

    def _announce(self, path: Path, of: Announced) -> Doing:
        at, prefixes = self._find.routers((*path, "at"), of.at), _prefixes(of)
        terms = Terms(of.med, tuple(of.communities))
        for name in at:
            self._scene.own.get(name, {}).update(dict.fromkeys(prefixes, terms))
        self._scene.announced |= dict.fromkeys(prefixes)
        yield steps.Announce(at, prefixes, of.med, tuple(of.communities))

    def _withdraw(self, path: Path, of: Originated) -> Doing:
        at, prefixes = self._find.routers((*path, "at"), of.at), _prefixes(of)
        for name in at:
            for prefix in self._own(path, name, of):
                self._scene.own[name].pop(prefix, None)
        yield steps.Withdraw(at, prefixes)

    def _flap(self, path: Path, of: Flapped) -> Doing:
        at, prefixes = self._find.routers((*path, "at"), of.at), _prefixes(of)
        terms = {
            self._scene.own[name][prefix]: None
            for name in at
            for prefix in self._own(path, name, of)
        }
        if len(terms) > 1 and self._scene.sure_of(ROUTES):
            message = "these prefixes are announced with different 'med' or 'communities': let "
            self._scene.report(path, f"{message}each flap in a step of its own")
        chosen = next(iter(terms), Terms())
        announce = steps.Announce(at, prefixes, chosen.med, chosen.communities)
        yield steps.Flap(announce, of.times, of.period)

    def _own(self, path: Path, name: str, of: Originated) -> Iterator[str]:
        """Yield the prefixes that a router announces by then; others are noted."""
        own = self._scene.own.get(name)
        for i, prefix in enumerate(_prefixes(of)):
            if own is not None and prefix in own:
                yield prefix
            elif own is not None and self._scene.sure_of(ROUTES):
                where = (
                    (*path, "prefix") if isinstance(of.prefix, str) else (*path, "prefix", i)
                )
                hint = suggest(prefix, own)
                self._scene.report(where, f"{name} does not announce {prefix} by then{hint}")

    # Links

    def _cut(self, path: Path, of: LinkOf) -> Doing:
        ends = self._new((*path, "link"), of, self._scene.cut, "is down")
        if ends:
            self._scene.heard_again(*ends)
            yield steps.LinkDown(*ends)

    def _mend(self, path: Path, of: LinkOf) -> Doing:
        ends = self._old((*path, "link"), of, self._scene.cut, "is not down")
        if ends:
            yield steps.LinkUp(*ends)

    def _swallow(self, path: Path, of: LinkOf) -> Doing:
        ends = self._new((*path, "link"), of, self._scene.swallowing, "swallows octets")
        if ends:
            self._silence(path, ends, "")
            yield steps.Blackhole(*ends)

    def _heal(self, path: Path, of: LinkOf) -> Doing:
        ends = self._old((*path, "link"), of, self._scene.swallowing, "swallows nothing")
        if ends:
            self._scene.endless.pop((frozenset(ends), ""), None)
            yield steps.Heal(*ends)

    def _delay(self, path: Path, of: Delayed) -> Doing:
        ends = self._find.link((*path, "link"), of.link)
        if ends:
            yield steps.Delay(*ends, of.delay, of.jitter)

    def _new(self, path: Path, of: LinkOf, state: dict[Pair, Path], is_: str) -> Ends | None:
        """Find a link, and put it into a state that it must not be in yet."""
        ends = self._find.link(path, of.link)
        first = state.setdefault(frozenset(ends), path) if ends else path
        if ends and first != path and self._scene.sure_of(LINKS):
            line = self._scene.line(first)
            message = f"the link of {ends[0]} and {ends[1]} {is_} already (line {line})"
            self._scene.report(path, message)
        return ends

    def _old(self, path: Path, of: LinkOf, state: dict[Pair, Path], not_: str) -> Ends | None:
        """Find a link, and take it out of a state that it must be in."""
        ends = self._find.link(path, of.link)
        if ends and not state.pop(frozenset(ends), None) and self._scene.sure_of(LINKS):
            message = f"the link of {ends[0]} and {ends[1]} {not_} by then"
            self._scene.report(path, message)
        return ends

    def _silence(self, path: Path, ends: Ends, by: str) -> None:
        """Note a session that is up and that only a hold timer could end, if it has none."""
        scene = self._scene
        if scene.at_rest and self._obstacle(ends) is None and scene.holdless(*ends):
            scene.endless[frozenset(ends), by] = path

    # Sessions

    def _reset(self, path: Path, of: Reset) -> Doing:
        ends = self._find.session(path, of.link, of.session)
        if ends:
            router, peer = self._find.from_end((*path, "end"), ends, of.end)
            self._check_up(path, router, peer)
            self._scene.heard_again(router, peer)
            yield steps.SessionReset(router, peer)

    def _send(self, path: Path, of: SentOctets) -> Doing:
        ends = self._find.session(path, of.link, of.session)
        if ends:
            router, peer = self._find.from_end((*path, "from"), ends, of.from_)
            self._check_up(path, router, peer)
            yield steps.SendOctets(router, peer, of.hex_)

    def _check_up(self, path: Path, router: str, peer: str) -> None:
        """Note where there can be no session to do something to."""
        scene = self._scene
        if not scene.check_answers(path, router):
            return
        obstacle = self._obstacle((router, peer))
        if obstacle is not None and scene.sure_of(LINKS) and scene.sure_of(SESSIONS):
            line = scene.line(obstacle)
            message = f"the session of {router} and {peer} is down by then (line {line})"
            scene.report(path, message)

    def _obstacle(self, ends: Ends) -> Path | None:
        """Find what keeps a session down for certain."""
        scene = self._scene
        a, b = ends
        return (
            scene.cut.get(frozenset(ends))
            or scene.shut.get((a, b))
            or scene.shut.get((b, a))
            or scene.killed.get(a)
            or scene.killed.get(b)
        )

    def _of_sessions(self, path: Path, of: SessionsOf) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield routers and the peers that are named; none: all."""
        if of.at is not None:
            for name in self._find.routers((*path, "at"), of.at):
                yield name, ()
            return
        ends = self._find.session(path, of.link, of.session)
        if ends:
            router, peer = self._find.from_end((*path, "end"), ends, of.end)
            self._scene.check_answers(path, router)
            yield router, (peer,)

    def _shut_down(self, path: Path, of: Shutdown) -> Doing:
        scene = self._scene
        for router, peers in self._of_sessions(path, of):
            pairs = self._pairs(router, peers)
            if pairs and all(pair in scene.shut for pair in pairs) and scene.sure_of(SESSIONS):
                line = scene.line(scene.shut[pairs[0]])
                message = f"{router} has shut this down already (line {line})"
                scene.report(path, message)
            for pair in pairs:
                scene.shut.setdefault(pair, path)
                scene.heard_again(*pair)
            yield steps.AdminShutdown(router, peers, of.message)

    def _bring_up(self, path: Path, of: SessionsOf) -> Doing:
        scene = self._scene
        for router, peers in self._of_sessions(path, of):
            pairs = self._pairs(router, peers)
            if not any(pair in scene.shut for pair in pairs) and scene.sure_of(SESSIONS):
                with_ = f" with {peers[0]}" if peers else ""
                scene.report(path, f"{router} has shut down no session{with_} by then")
            for pair in pairs:
                scene.shut.pop(pair, None)
            yield steps.AdminUp(router, peers)

    def _pairs(self, router: str, peers: tuple[str, ...]) -> list[Ends]:
        if not peers and self._scene.linked:
            peers = tuple(self._scene.peers.get(router, ()))
        return [(router, peer) for peer in peers]

    # Policy

    def _policy(self, path: Path, of: PolicyOf) -> Doing:
        scene = self._scene
        for key, chain in (("import", of.imports), ("export", of.exports)):
            if scene.parts.complete:
                incoming = key == "import"
                check_rules(
                    scene.document, (*path, key), chain or (), scene.nodes, incoming=incoming
                )
        imports = None if of.imports is None else rules(of.imports)
        exports = None if of.exports is None else rules(of.exports)
        for router in self._find.routers((*path, "at"), of.at):
            peers = self._neighbors(path, router, of)
            yield steps.Policy(router, peers, imports, exports, of.leak)

    def _neighbors(self, path: Path, router: str, of: PolicyOf) -> tuple[str, ...]:
        """List the peers that a policy is for; what is no peer is noted."""
        scene = self._scene
        if not scene.linked or router not in scene.nodes:
            return tuple(of.neighbor or ())
        peers = scene.peers[router]
        if of.neighbor is None:
            own = scene.nodes[router].asn
            outside = tuple(name for name, peer in peers.items() if peer.asn != own)
            if not outside:
                message = f"{router} has no peers in other ASes: name some under 'neighbor'"
                scene.report(path, message)
            return outside
        for name in of.neighbor:
            if scene.known((*path, "neighbor"), name) and name not in peers:
                message = f"{name!r} is no peer of {router} ({some(peers) or 'it has none'})"
                scene.report((*path, "neighbor"), message)
        return tuple(of.neighbor)

    # Processes

    def _kill(self, path: Path, of: str | list[str] | AtOf) -> Doing:
        scene = self._scene
        for where, name in self._named(path, of):
            scene.check_lives(where, name)
            scene.started(name)  # what it was told ends with it
            scene.own[name] = {}
            scene.killed[name] = where
        yield steps.Kill(_names(of))

    def _restart(self, path: Path, of: str | list[str] | AtOf) -> Doing:
        for _, name in self._named(path, of):
            self._scene.started(name)
        yield steps.Restart(_names(of))

    def _pause(self, path: Path, of: str | list[str] | AtOf) -> Doing:
        scene = self._scene
        for where, name in self._named(path, of):
            scene.check_answers(where, name)
            if scene.linked and scene.at_rest:
                for peer in scene.peers[name]:
                    self._silence(where, (name, peer), name)
            scene.paused[name] = where
        yield steps.Pause(_names(of))

    def _resume(self, path: Path, of: str | list[str] | AtOf) -> Doing:
        scene = self._scene
        for where, name in self._named(path, of):
            alive = scene.check_lives(where, name)
            if alive and name not in scene.paused and scene.sure_of(ROUTERS):
                scene.report(where, f"{name} is not paused by then")
            scene.paused.pop(name, None)
            for key in [key for key in scene.endless if key[1] == name]:
                del scene.endless[key]
        yield steps.Resume(_names(of))

    def _hog(self, _path: Path, of: Hog) -> Doing:
        yield steps.HogCpu(of.processes, of.for_)

    def _named(self, path: Path, of: str | list[str] | AtOf) -> Iterator[tuple[Path, str]]:
        """Yield the routers that an act names and where; the unknown are noted."""
        given = of.at if isinstance(of, AtOf) else of
        path = (*path, "at") if isinstance(of, AtOf) else path
        names = self._find.routers(path, given, answer=False)
        for i, name in enumerate(names):
            if name in self._scene.nodes and name not in names[:i]:
                yield (path if isinstance(given, str) else (*path, i)), name


def _prefixes(of: Originated) -> tuple[str, ...]:
    return (of.prefix,) if isinstance(of.prefix, str) else tuple(of.prefix)


def _names(of: str | list[str] | AtOf) -> tuple[str, ...]:
    given = of.at if isinstance(of, AtOf) else of
    return (given,) if isinstance(given, str) else tuple(given)
