"""Give the steps of a scenario their meaning: which routers, links, marks, prefixes.

Walks the steps in order. What is true by then is in scenario_scene.py; acts and expectations
have modules of their own, waits and marks are here. Mistakes are noted in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bgplab.topology import steps
from bgplab.topology.assertions import Always
from bgplab.topology.check import Parts, UnreadStep
from bgplab.topology.document import Document, Path
from bgplab.topology.flow import flow
from bgplab.topology.graph import Topology
from bgplab.topology.resolve_acts import ActResolver
from bgplab.topology.resolve_expectations import ExpectationResolver
from bgplab.topology.scenario import AlwaysStep, ExpectStep, MarkStep, StepModel
from bgplab.topology.scenario_acts import RestartStep
from bgplab.topology.scenario_scene import ROUTERS, WAITS, Ends, Finder, Scene
from bgplab.topology.scenario_waits import (
    AnyWait,
    ForSpan,
    UntilConverged,
    UntilDiverges,
    UntilNoRoute,
    UntilRoute,
    UntilSessions,
    UntilState,
    WaitStep,
)


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
        self._scene = Scene(parts, document, topology)
        finder = Finder(self._scene, ends)
        self._acts = ActResolver(self._scene, finder)
        self._expectations = ExpectationResolver(self._scene, finder)

    def resolve(self) -> tuple[steps.Step, ...]:
        """Return all steps; each expectation is one of its own, and so are some acts."""
        return tuple(self._walk())

    def _walk(self) -> Iterator[steps.Step]:
        told = False
        for path, model in self._parts.scenario:
            if isinstance(model, UnreadStep):
                self._scene.pass_over(model)
            elif self._stopped and not isinstance(model, RestartStep | MarkStep):
                if not told:
                    line = self._scene.line(next(reversed(self._scene.killed.values())))
                    message = f"the lab has stopped: line {line} killed the last router"
                    self._scene.report(path, message)
                told = True
            else:
                yield from self._of(path, model)

    @property
    def _stopped(self) -> bool:
        """Tell whether every router has been killed."""
        nodes = self._scene.nodes
        return len(self._scene.killed) == len(nodes) > 0 and self._scene.sure_of(ROUTERS)

    def _of(self, path: Path, model: StepModel) -> Iterator[steps.Step]:
        match model:
            case ExpectStep(expect=given):
                yield from self._all((*path, "expect"), given, lambda value: value)
            case AlwaysStep(always=given):
                yield from self._all((*path, "always"), given, Always)
            case WaitStep(wait=given):
                for wait in self._wait((*path, "wait"), given):
                    yield self._made(path, wait, ())
            case MarkStep(mark=name):
                yield self._made(path, self._mark((*path, "mark"), name), ())
            case _:
                for value in self._acts.resolve(path, model):
                    yield self._made(path, value, ())

    def _all(self, path: Path, given: Any, make: Callable[[Any], Any]) -> Iterator[steps.Step]:
        """Yield a step for each expectation or invariant of a list, or for the one."""
        listed = given if isinstance(given, list) else [given]
        for i, item in enumerate(listed):
            where = (*path, i) if isinstance(given, list) else path
            value = self._expectations.resolve(where, item)
            if value is not None:
                yield self._made(where, make(value), (str(path[-1]),))

    def _made(self, path: Path, what: Any, under: tuple[str, ...]) -> steps.Step:
        """Make a step of what stands at `path`, and of the keys that it belongs under."""
        data: Any = self._document.data
        for key in path:
            data = data[key]
        if isinstance(data, dict):
            data = {key: value for key, value in data.items() if not key.startswith("x-")}
        for key in under:
            data = {key: data}
        return steps.Step(self._document.locate(path)[0], flow(data)[1:-1], what)

    def _wait(self, path: Path, given: AnyWait | str) -> Iterator[steps.Wait]:
        scene = self._scene
        if given == "converged" or isinstance(given, UntilConverged):
            self._check_ends(path)
            scene.settled()
            yield steps.WaitConverged(None if isinstance(given, str) else given.limit)
            return
        scene.disturbed(path)  # a network at rest may have moved meanwhile
        match given:
            case ForSpan(for_=span):
                yield steps.WaitFor(span)
            case UntilSessions():
                yield steps.WaitSessions(given.limit)
            case UntilState(state=of):
                state = self._expectations.state((*path, "state"), of)
                if state:
                    yield steps.WaitState(state.ends, state.state, given.limit)
            case UntilRoute(route=of):
                route = self._expectations.route((*path, "route"), of)
                yield steps.WaitRoute(route, given.limit)
            case UntilNoRoute(no_route=gone):
                none = self._expectations.no_route((*path, "no-route"), gone)
                yield steps.WaitRoute(none, given.limit)
            case UntilDiverges():
                yield steps.WaitDiverges(given.limit)
            case _:
                yield steps.WaitDiverges()

    def _check_ends(self, path: Path) -> None:
        """Refuse to wait for what never comes: the end of a session without a hold timer."""
        if not self._scene.sure_of(ROUTERS) or not self._scene.sure_of(WAITS):
            return
        for (pair, _), cause in self._scene.endless.items():
            a, b = sorted(pair)
            message = (
                f"never comes: {a} and {b} have hold time 0s, so neither of them finds what "
                f"line {self._scene.line(cause)} does to their session"
            )
            self._scene.report(path, message)

    def _mark(self, path: Path, name: str) -> steps.Mark:
        marks = self._scene.marks
        if name in marks:
            line = self._document.locate(marks[name])[0]
            self._scene.report(path, f"mark {name!r} is set twice (first in line {line})")
        marks.setdefault(name, path)
        return steps.Mark(name)
