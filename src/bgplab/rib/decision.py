"""The decision process: which of several paths to one prefix is used (RFC 4271 section 9.1).

Every step looks at all paths that are left and removes those that lose; nothing sorts and
nothing compares two paths alone, because MED is comparable only between paths of one
neighbouring AS and any pairwise order would depend on who arrived first (RFC 3345). `select`
gives the winner, `explain` also the step at which each other path lost.

`python -m bgplab.rib.decision` prints the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

from bgplab.rib.path import REJECTED, Path

Paths: TypeAlias = Sequence[Path]


def keep_least(value: Callable[[Path], float]) -> Callable[[Paths], list[Path]]:
    """Make a step that keeps the paths with the least value."""

    def step(paths: Paths) -> list[Path]:
        least = min(map(value, paths))
        return [path for path in paths if value(path) == least]

    return step


def keep_lowest_med_per_neighbor(paths: Paths) -> list[Path]:
    """Remove each path for which another of the same neighbouring AS has a lower MED.

    A missing MED counts as 0. Source: RFC 4271 section 9.1.2.2 c.
    """
    lowest: dict[int, int] = {}
    for path in paths:
        known = lowest.get(path.neighbor_as)
        if known is None or path.med < known:
            lowest[path.neighbor_as] = path.med
    return [path for path in paths if path.med == lowest[path.neighbor_as]]


# The first four are what Path.rank holds, in this order; `select` relies on it.
RANK_STEPS = (
    ("own route", keep_least(lambda path: path.rank[0])),
    ("higher LOCAL_PREF", keep_least(lambda path: path.rank[1])),
    ("a shorter AS_PATH", keep_least(lambda path: path.rank[2])),
    ("b lower ORIGIN", keep_least(lambda path: path.rank[3])),
)
LATER_STEPS = (
    ("c lower MED", keep_lowest_med_per_neighbor),
    ("d external over internal", keep_least(lambda path: path.source.internal)),
    ("e lower IGP cost to the NEXT_HOP", keep_least(lambda path: path.cost)),
    ("f lower BGP Identifier", keep_least(lambda path: path.source.identifier)),
    ("g lower peer address", keep_least(lambda path: path.source.address)),
)
STEPS = RANK_STEPS + LATER_STEPS

_tail = attrgetter("tail")


def select(paths: Iterable[Path]) -> Path | None:
    """Choose the best of the usable paths to one prefix; None if there is none."""
    left: list[Path] = []
    for path in paths:
        if path.fault:
            continue
        if not left or path.rank < left[0].rank:
            left = [path]
        elif path.rank == left[0].rank:
            left.append(path)
    if len(left) > 1:
        med = left[0].med
        if all(path.med == med for path in left):
            # Step c removes nobody; what follows holds between any two paths.
            return min(left, key=_tail)
        for _, step in LATER_STEPS:
            if len(left) == 1:
                break
            left = step(left)
    return left[0] if left else None


def explain(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Pair every path with the step at which it lost, "" for the best one.

    A path that may not be used at all carries its fault in place of a step.
    """
    everything = list(paths)
    lost = {id(path): path.fault for path in everything if path.fault}
    left = [path for path in everything if not path.fault]
    for name, step in STEPS:
        if len(left) < 2:
            break
        kept = step(left)
        survivors = {id(path) for path in kept}
        lost.update((id(path), name) for path in left if id(path) not in survivors)
        left = kept
    return [(path, lost.get(id(path), "")) for path in everything]


def reason(paths: Iterable[Path]) -> str:
    """Say why the best path is the best: the step that removed its last usable rival."""
    everything = list(paths)
    left = [path for path in everything if not path.fault]
    if len(left) < 2:
        return _alone(everything)
    best, rival = sorted([path.rank for path in left])[:2]
    if best != rival:  # what is ranked next is the last to go, where it first differs
        differs = [one != other for one, other in zip(best, rival, strict=True)]
        return RANK_STEPS[differs.index(True)][0]
    left = [path for path in left if path.rank == best]
    deciding = ""
    for name, step in LATER_STEPS:
        kept = step(left)
        if len(kept) < len(left):
            deciding = name
        left = kept
    return deciding


def _alone(paths: Paths) -> str:
    """Say why a path that is the only usable one of these had no rival."""
    if len(paths) == 1:
        return "the only path"
    if all(path.fault in ("", REJECTED) for path in paths):
        return "the only path that import policy accepts"
    return "the only usable path"


def main() -> None:
    """Print the steps of the decision, in order."""
    print("Best path, RFC 4271 section 9.1: among usable paths, at each step the losers leave")
    for number, (name, _) in enumerate(STEPS, 1):
        print(f"  {number}  {name}")


if __name__ == "__main__":
    main()
