"""Give the expectations of a scenario their meaning, and note what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bgplab.session.events import State
from bgplab.session.table import DISPATCH
from bgplab.topology import assertions
from bgplab.topology.check import UnreadStep, suggest
from bgplab.topology.document import Path
from bgplab.topology.expectation_routes import (
    ExplorationBounds,
    NoRouteOf,
    ReachableOf,
    RouteOf,
    SteadyRouteOf,
)
from bgplab.topology.expectations import (
    DetectionBounds,
    ExpiryOf,
    KeepaliveBounds,
    NotificationOf,
    StateOf,
    TimeBounds,
    TransitionsOf,
    UpdateBounds,
)
from bgplab.topology.scenario_acts import AnnounceStep
from bgplab.topology.scenario_fields import EitherEnd, OneEnd
from bgplab.topology.scenario_scene import (
    DOUBTS,
    ROUTERS,
    ROUTES,
    WAITS,
    Ends,
    Finder,
    Scene,
)

# From which state a session enters which. Where two connections collide (RFC 4271 section 6.8)
# the one that stays may be a step behind the one that is given up.
_BEHIND = {
    (State.OPEN_CONFIRM, State.OPEN_SENT),
    (State.ESTABLISHED, State.OPEN_SENT),
    (State.ESTABLISHED, State.OPEN_CONFIRM),
}
MOVES = {
    (old.label, new.label)
    for old, new in _BEHIND
    | {(state, new) for state in State for cell in DISPATCH[state] for _, new, _ in cell}
    if old is not new
}


class ExpectationResolver:
    """Turns expectations into values of assertions.py, held against the scene."""

    def __init__(self, scene: Scene, finder: Finder) -> None:
        self._scene = scene
        self._find = finder
        self._meanings: dict[str, Callable[[Path, Any], assertions.Expectation | None]] = {
            "route": self.route,
            "no-route": self.no_route,
            "reachable": self._reachable,
            "exploration": self._exploration,
            "state": self.state,
            "transitions": self._transitions,
            "notification": self._notification,
            "convergence": self._convergence,
            "updates": self._updates,
            "detection": self._detection,
            "expiry": self._expiry,
            "keepalive": self._keepalive,
            "valley-free": self._valley_free,
            "loop-free": lambda _path, _of: assertions.ExpectLoopFree(),
            "same-routes": lambda _path, _of: assertions.ExpectSameRoutes(),
            "not": self._not,
        }

    def resolve(self, path: Path, model: Any) -> assertions.Expectation | None:
        """Return what an expectation or an invariant at `path` states; None if it cannot be."""
        if isinstance(model, str):
            return self._meanings[model](path, None)
        ((field, of),) = model.settings().items()
        key = field.rstrip("_").replace("_", "-")
        return self._meanings[key]((*path, key), of)

    def _not(self, path: Path, of: Any) -> assertions.ExpectNot | None:
        """State that what stands under `not` does not hold."""
        statement: Any = self.resolve(path, of)
        return None if statement is None else assertions.ExpectNot(statement)

    # Routes

    def route(self, path: Path, of: SteadyRouteOf) -> assertions.ExpectRoute:
        """Hold an expected route against who announces what and who is whose peer."""
        at = self._find.routers((*path, "at"), of.at)
        self._scene.check_announced((*path, "prefix"), of.prefix)
        if of.via is not None:
            self._check_via((*path, "via"), of.via, at)
        as_path = None if of.as_path is None else tuple(of.as_path)
        if not isinstance(of, RouteOf):
            return assertions.ExpectRoute(at, of.prefix, of.via, as_path)
        return assertions.ExpectRoute(
            at,
            of.prefix,
            of.via,
            as_path,
            of.next_hop,
            local_pref=of.local_pref,
            med=of.med,
            origin=of.origin,
            communities=None if of.communities is None else tuple(of.communities),
            best=of.best and of.lost_at is None,
            lost_at=of.lost_at,
        )

    def no_route(self, path: Path, of: NoRouteOf) -> assertions.ExpectNoRoute:
        """Hold the absence of a route against who announces what, at any time."""
        scene = self._scene
        if of.prefix not in scene.announced and not self._comes(of.prefix):
            hint = suggest(of.prefix, scene.announced)
            message = f"no router announces {of.prefix} at any time, so nothing is shown{hint}"
            scene.report((*path, "prefix"), message)
        return assertions.ExpectNoRoute(self._find.routers((*path, "at"), of.at), of.prefix)

    def _comes(self, prefix: str) -> bool:
        """Tell whether a later step announces a prefix, or might."""
        if not self._scene.sure_of(ROUTES):
            return True
        for _, model in self._scene.parts.scenario:
            if isinstance(model, UnreadStep) and ROUTES in DOUBTS.get(model.key, ()):
                return True
            if isinstance(model, AnnounceStep):
                given = model.announce.prefix
                if prefix in ([given] if isinstance(given, str) else given):
                    return True
        return False

    def _check_via(self, path: Path, via: str, at: tuple[str, ...]) -> None:
        """Refuse a peer that is none: unknown, or in another AS and without a link."""
        scene = self._scene
        if not scene.known(path, via) or not scene.linked:
            return
        nodes = scene.nodes
        for name in at:
            strangers = name in nodes and nodes[name].asn != nodes[via].asn
            if strangers and via not in scene.near[name]:
                scene.report(path, f"{via} is no peer of {name}")

    def _reachable(self, path: Path, of: ReachableOf) -> assertions.ExpectReachable:
        scene = self._scene
        at = self._find.routers((*path, "at"), of.at)
        if isinstance(of.prefixes, str):
            away = (*scene.killed, *scene.paused)
            run = [own for name, own in scene.own.items() if name not in away]
            return assertions.ExpectReachable(
                at, tuple(dict.fromkeys(prefix for own in run for prefix in own))
            )
        for i, prefix in enumerate(of.prefixes):
            scene.check_announced((*path, "prefixes", i), prefix)
        return assertions.ExpectReachable(at, tuple(of.prefixes))

    def _exploration(self, path: Path, of: ExplorationBounds) -> assertions.ExpectExploration:
        self._scene.check_mark(path, of.since)
        self._scene.check_announced((*path, "prefix"), of.prefix)
        at = () if of.at is None else self._find.routers((*path, "at"), of.at, answer=False)
        return assertions.ExpectExploration(of.prefix, of.since, at, of.at_most, of.at_least)

    # Sessions

    def state(self, path: Path, of: StateOf) -> assertions.ExpectState | None:
        """Find the session ends whose state is meant; a router that is dead has none."""
        ends = self._ends(path, of)
        self._scene.check_lives((*path, "end"), of.end)
        return assertions.ExpectState(ends, of.is_) if ends else None

    def _ends(self, path: Path, of: EitherEnd) -> tuple[Ends, ...]:
        """List the session ends that are meant: the one that is named, or those that run."""
        scene = self._scene
        pair = self._find.session(path, of.link, of.session)
        if not pair:
            return ()
        if of.end:
            return (self._find.from_end((*path, "end"), pair, of.end),)
        away = (*scene.killed, *scene.paused)
        ends = tuple(ends for ends in (pair, pair[::-1]) if ends[0] not in away)
        if not ends and scene.sure_of(ROUTERS):
            scene.report(path, f"neither {pair[0]} nor {pair[1]} runs by then")
        return ends

    def _end(self, path: Path, of: OneEnd) -> Ends | None:
        pair = self._find.session(path, of.link, of.session)
        return self._find.from_end((*path, "end"), pair, of.end) if pair else None

    def _transitions(
        self, path: Path, of: TransitionsOf
    ) -> assertions.ExpectTransitions | None:
        self._scene.check_mark(path, of.since)
        for i, move in enumerate(zip(of.are, of.are[1:], strict=False), 1):
            if move not in MOVES:
                message = f"no session enters {move[1]} from {move[0]} (RFC 4271 section 8.2.2)"
                self._scene.report((*path, "are", i), message)
        end = self._end(path, of)
        return assertions.ExpectTransitions(end, tuple(of.are), of.since) if end else None

    def _notification(
        self, path: Path, of: NotificationOf
    ) -> assertions.ExpectNotification | None:
        self._scene.check_mark(path, of.since)
        end = self._end(path, of)
        kind = of.sent or of.received
        if not end or not kind:
            return None
        return assertions.ExpectNotification(end, of.sent is not None, *kind, of.since)

    def _detection(self, path: Path, of: DetectionBounds) -> assertions.ExpectDetection | None:
        self._scene.check_mark(path, of.since)
        ends = self._ends(path, of)
        if not ends:
            return None
        return assertions.ExpectDetection(ends, of.since, of.below, of.above)

    def _expiry(self, path: Path, of: ExpiryOf) -> assertions.ExpectExpiry | None:
        self._scene.check_mark(path, of.since)
        ends = self._ends(path, of)
        if ends and self._scene.holdless(*ends[0]):
            message = f"the session of {ends[0][0]} and {ends[0][1]} has no hold timer (0s)"
            self._scene.report(path, message)
        return assertions.ExpectExpiry(ends, of.is_, of.since) if ends else None

    def _keepalive(self, path: Path, of: KeepaliveBounds) -> assertions.ExpectKeepalive:
        named = () if isinstance(of.sessions, str) else of.sessions
        ends: list[Ends] = []
        for i, item in enumerate(named):
            where = (*path, "sessions", i)
            pair = self._find.pair(where, item)
            if pair and self._scene.holdless(*pair):
                message = f"{pair[0]} and {pair[1]} send no KEEPALIVEs: their hold time is 0s"
                self._scene.report(where, message)
            if pair:
                ends += [pair, pair[::-1]]
        window = of.interval_within is not None
        return assertions.ExpectKeepalive(tuple(ends), window, of.p99_lateness_below)

    # The network

    def _valley_free(self, path: Path, _of: object) -> assertions.ExpectValleyFree:
        links = self._scene.topology.links
        if self._scene.linked and not any(link.relationship for link in links):
            self._scene.report(path, "no link has a 'relationship', so nothing is shown")
        return assertions.ExpectValleyFree()

    def _updates(self, path: Path, of: UpdateBounds) -> assertions.ExpectUpdates:
        self._scene.check_mark(path, of.since)
        return assertions.ExpectUpdates(of.since, of.at_most, of.at_least, of.exactly)

    def _convergence(self, path: Path, of: TimeBounds) -> assertions.ExpectConvergence:
        self._scene.check_mark(path, of.since)
        self._check_settled(path)
        return assertions.ExpectConvergence(of.since, of.below, of.above)

    def _check_settled(self, path: Path) -> None:
        """Refuse to measure convergence where nobody has waited for it."""
        scene = self._scene
        if not scene.sure_of(WAITS):
            return
        if scene.unsettled is not None:
            line = scene.line(scene.unsettled)
            message = f"needs a 'wait: converged' between the step in line {line} and this"
            scene.report(path, message)
        elif not scene.waited:
            scene.report(path, "needs a 'wait: converged' before this")
