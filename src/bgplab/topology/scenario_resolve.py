"""Give the steps of a scenario their meaning: which routers, links, marks, prefixes.

Walks the steps in order and keeps what is true by then: the marks that are set, who announces
what, whether the network has been waited for. Mistakes are noted in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bgplab.topology import assertions, steps
from bgplab.topology.check import Parts, suggest
from bgplab.topology.document import Document, Path
from bgplab.topology.expectations import (
    ConvergenceExpectation,
    NoRouteExpectation,
    RouteExpectation,
    RouteOf,
    UpdatesExpectation,
)
from bgplab.topology.flow import flow
from bgplab.topology.graph import Topology, adjacency
from bgplab.topology.scenario import (
    AnnounceStep,
    ExpectStep,
    LinkDownStep,
    LinkUpStep,
    MarkStep,
    Originated,
    Reset,
    SessionResetStep,
    StepModel,
    WaitStep,
    WithdrawStep,
)

Ends = tuple[str, str]
NAMED = 4  # neighbours that a message lists


class ScenarioResolver:
    """Turns the steps of one file into steps.Step values.

    `ends` finds the two routers of a link, and notes what is wrong with them.
    """

    def __init__(
        self,
        parts: Parts,
        document: Document,
        topology: Topology,
        ends: Callable[[Path, str | list[str]], Ends | None],
    ) -> None:
        self._parts = parts
        self._document = document
        self._topology = topology
        self._ends = ends
        self._nodes = {node.name: node for node in topology.nodes}
        self._near = adjacency(topology) if parts.complete else {}
        self._marks: dict[str, Path] = {}
        self._own = {node.name: dict.fromkeys(node.originate) for node in topology.nodes}
        self._announced = {prefix: None for own in self._own.values() for prefix in own}
        self._unsettled: Path | None = None  # what was done since the last wait: converged
        self._waited = False

    def resolve(self) -> tuple[steps.Step, ...]:
        """Return all steps, each expectation as one of its own."""
        return tuple(
            step for path, model in self._parts.scenario for step in self._of(path, model)
        )

    def _of(self, path: Path, model: StepModel) -> Iterator[steps.Step]:
        if isinstance(model, ExpectStep):
            yield from self._expect((*path, "expect"), model)
            return
        what = self._step(path, model)
        if what is not None:
            yield self._made(path, what, ())

    def _made(self, path: Path, what: Any, under: tuple[str, ...]) -> steps.Step:
        """Make a step of what stands at `path`, and of the keys that it belongs under."""
        data: Any = self._document.data
        for key in path:
            data = data[key]
        data = {key: value for key, value in data.items() if not key.startswith("x-")}
        for key in under:
            data = {key: data}
        return steps.Step(self._document.locate(path)[0], flow(data)[1:-1], what)

    # Waits and acts

    def _step(self, path: Path, model: StepModel) -> steps.Wait | steps.Mark | steps.Act | None:
        match model:
            case WaitStep():
                return self._wait(path, model)
            case MarkStep(mark=name):
                return self._mark((*path, "mark"), name)
            case AnnounceStep() | WithdrawStep():
                self._disturbed(path)
                return self._originate(path, model)
            case LinkDownStep(link_down=of):
                self._disturbed(path)
                ends = self._link((*path, "link-down", "link"), of.link)
                return steps.LinkDown(*ends) if ends else None
            case LinkUpStep(link_up=of):
                self._disturbed(path)
                ends = self._link((*path, "link-up", "link"), of.link)
                return steps.LinkUp(*ends) if ends else None
            case SessionResetStep(session_reset=reset):
                self._disturbed(path)
                return self._reset((*path, "session-reset"), reset)
        raise TypeError(f"a step of an unknown kind: {model!r}")

    def _disturbed(self, path: Path) -> None:
        self._unsettled = path

    def _wait(self, path: Path, model: WaitStep) -> steps.Wait:
        given = model.wait
        kind = given if isinstance(given, str) else next(iter(given.settings()))
        value: Any = None if isinstance(given, str) else getattr(given, kind)
        if kind == "for_":
            self._disturbed(path)  # a network at rest may have moved meanwhile
            return steps.WaitFor(value)
        within = value.within if value else None
        if kind == "diverges":
            self._disturbed(path)
            return steps.WaitDiverges(within)
        self._unsettled, self._waited = None, True
        return steps.WaitConverged(within)

    def _mark(self, path: Path, name: str) -> steps.Mark:
        if name in self._marks:
            line = self._document.locate(self._marks[name])[0]
            self._report(path, f"mark {name!r} is set twice (first in line {line})")
        self._marks.setdefault(name, path)
        return steps.Mark(name)

    def _originate(
        self, path: Path, model: AnnounceStep | WithdrawStep
    ) -> steps.Announce | steps.Withdraw:
        if isinstance(model, AnnounceStep):
            path, of = (*path, "announce"), model.announce
            at, prefixes = self._at(path, of.at), self._prefixes(of)
            for name in at:
                self._own.get(name, {}).update(dict.fromkeys(prefixes))
            self._announced |= dict.fromkeys(prefixes)
            return steps.Announce(at, prefixes, of.med, tuple(of.communities))
        path, taken = (*path, "withdraw"), model.withdraw
        at, prefixes = self._at(path, taken.at), self._prefixes(taken)
        for name in at:
            self._withdraw((*path, "prefix"), name, prefixes, taken)
        return steps.Withdraw(at, prefixes)

    def _withdraw(
        self, path: Path, name: str, prefixes: tuple[str, ...], model: Originated
    ) -> None:
        """Hold a withdrawal against what a router announces by then."""
        own = self._own.get(name)
        for i, prefix in enumerate(prefixes):
            if own is not None and prefix not in own and self._parts.all_steps:
                where = (*path, i) if isinstance(model.prefix, list) else path
                hint = suggest(prefix, own)
                self._report(where, f"{name} does not announce {prefix} by then{hint}")
            elif own is not None:
                own.pop(prefix, None)

    def _link(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        """Find a link that carries a session."""
        ends = self._ends(path, endpoints)
        if not ends or not self._parts.complete:
            return ends
        a, b = ends
        if b not in self._near[a]:
            near = self._near[a]
            some = ", ".join(near[:NAMED]) + (", ..." if len(near) > NAMED else "")
            which = f"{a} is linked with {some}" if near else f"{a} has no links"
            self._report(path, f"no link of {a} and {b}: {which}")
            return None
        if self._nodes[a].asn == self._nodes[b].asn and self._topology.ibgp == "none":
            self._report(path, f"no BGP session runs over the link of {a} and {b}")
            return None
        return ends

    def _reset(self, path: Path, model: Reset) -> steps.SessionReset | None:
        if model.link is not None:
            ends = self._link((*path, "link"), model.link)
        else:
            ends = self._session((*path, "session"), model.session or "")
        if not ends:
            return None
        a, b = ends
        if model.end and model.end not in ends:
            message = f"{model.end!r} is no end of this session; expected {a} or {b}"
            self._report((*path, "end"), message)
        return steps.SessionReset(b, a) if model.end == b else steps.SessionReset(a, b)

    def _session(self, path: Path, endpoints: str | list[str]) -> Ends | None:
        from bgplab.topology.plan import plan

        ends = self._ends(path, endpoints)
        if not ends or not self._parts.complete:
            return ends
        planned = {frozenset((item.a, item.b)): None for item in plan(self._topology).sessions}
        if frozenset(ends) in planned:
            return ends
        self._report(path, f"no BGP session of {ends[0]} and {ends[1]}")
        return None

    # Expectations

    def _expect(self, path: Path, model: ExpectStep) -> Iterator[steps.Step]:
        given = model.expect
        listed = given if isinstance(given, list) else [given]
        for i, item in enumerate(listed):
            where = (*path, i) if isinstance(given, list) else path
            yield self._made(where, self._expectation(where, item), ("expect",))

    def _expectation(self, path: Path, model: object) -> assertions.Expectation:
        match model:
            case RouteExpectation(route=of):
                return self._route((*path, "route"), of)
            case NoRouteExpectation(no_route=of):
                path = (*path, "no-route")
                if of.prefix not in self._announced and not self._is_announced(of.prefix):
                    message = (
                        f"no router announces {of.prefix} at any time, so nothing is shown"
                    )
                    self._report((*path, "prefix"), message + self._like(of.prefix))
                return assertions.ExpectNoRoute(self._at(path, of.at), of.prefix)
            case ConvergenceExpectation(convergence=of):
                path = (*path, "convergence")
                self._check_mark(path, of.since)
                self._check_settled(path)
                return assertions.ExpectConvergence(of.since, of.below, of.above)
            case UpdatesExpectation(updates=of):
                self._check_mark((*path, "updates"), of.since)
                return assertions.ExpectUpdates(of.since, of.at_most, of.at_least, of.exactly)
        raise TypeError(f"an expectation of an unknown kind: {model!r}")

    def _route(self, path: Path, of: RouteOf) -> assertions.ExpectRoute:
        at = self._at(path, of.at)
        if of.prefix not in self._announced and self._sure:
            message = f"no router announces {of.prefix} by then{self._like(of.prefix)}"
            self._report((*path, "prefix"), message)
        if of.via is not None:
            self._check_via((*path, "via"), of.via, at)
        return assertions.ExpectRoute(
            at,
            of.prefix,
            of.via,
            None if of.as_path is None else tuple(of.as_path),
            of.next_hop,
        )

    def _check_via(self, path: Path, via: str, at: tuple[str, ...]) -> None:
        """Refuse a peer that is none: unknown, or in another AS and without a link."""
        if not self._known(path, via) or not self._parts.complete:
            return
        for name in at:
            strangers = name in self._nodes and self._nodes[name].asn != self._nodes[via].asn
            if strangers and via not in self._near[name]:
                self._report(path, f"{via} is no peer of {name}")

    def _is_announced(self, prefix: str) -> bool:
        """Tell whether a later step announces a prefix, or might."""
        later = (m.announce for _, m in self._parts.scenario if isinstance(m, AnnounceStep))
        return not self._sure or any(prefix in self._prefixes(of) for of in later)

    @property
    def _sure(self) -> bool:
        """Tell whether the file is sound enough to say who announces what."""
        return self._parts.complete and self._parts.all_steps

    def _like(self, prefix: str) -> str:
        return suggest(prefix, self._announced)

    def _check_mark(self, path: Path, name: str) -> None:
        if name not in self._marks and self._parts.all_steps:
            hint = suggest(name, self._marks)
            self._report((*path, "since"), f"mark {name!r} is not set before this{hint}")

    def _check_settled(self, path: Path) -> None:
        """Refuse to measure convergence where nobody has waited for it."""
        if not self._parts.all_steps:
            return
        if self._unsettled is not None:
            line = self._document.locate(self._unsettled)[0]
            message = f"needs a 'wait: converged' between the step in line {line} and this"
            self._report(path, message)
        elif not self._waited:
            self._report(path, "needs a 'wait: converged' before this")

    # What both use

    def _at(self, path: Path, given: str | list[str]) -> tuple[str, ...]:
        where = (*path, "at")
        if isinstance(given, str):
            self._known(where, given)
            return (given,)
        for i, name in enumerate(given):
            if self._known((*where, i), name) and name in given[:i]:
                self._report((*where, i), f"router {name!r} is named twice")
        return tuple(given)

    def _prefixes(self, of: Originated) -> tuple[str, ...]:
        return (of.prefix,) if isinstance(of.prefix, str) else tuple(of.prefix)

    def _known(self, path: Path, name: str) -> bool:
        if name in self._nodes:
            return True
        if self._parts.complete:
            self._report(path, f"unknown router {name!r}{suggest(name, self._nodes)}")
        return False

    def _report(self, path: Path, message: str) -> None:
        self._document.report(path, message)
