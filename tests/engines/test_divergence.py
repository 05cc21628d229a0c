"""A routing state that returns without end is told from one that returns by chance."""

from itertools import count, cycle, islice, permutations
from random import Random

import pytest

from bgplab.engines.divergence import LONGEST, Recurrence

PREFIX = "10.0.0.0/24"

# BAD GADGET (ToN 10(2), 2002, figure 3b): node -> path -> (next hop, rank).
BAD = {
    "1": (("3", "130"), ("0", "10")),
    "2": (("1", "210"), ("0", "20")),
    "3": (("4", "3420"), ("0", "30")),
    "4": (("2", "420"), ("3", "430")),
}


def settle_never(rng, steps):
    """Activate the nodes of BAD GADGET one at a time, in random order; yield the changes."""
    path = {"0": "0", **dict.fromkeys(BAD, "")}
    for _ in range(steps):
        node = rng.choice(sorted(BAD))
        best = ""
        for via, wanted in BAD[node]:
            if node + path[via] == wanted:
                best = wanted
                break
        if best != path[node]:
            path[node] = best
            yield node, best


def feed(watch, changes, *, seconds=1.0, updates=2):
    """Feed changes as (router, path); give the number that it took to find a cycle."""
    for number, (router, path) in enumerate(changes, 1):
        peer = path[1] if len(path) > 1 else None
        watch.change(number * seconds, router, PREFIX, peer, path, number * updates)
        if watch.cycle is not None:
            return number
    return None


@pytest.mark.parametrize("seed", range(20))
def test_bad_gadget_diverges_whatever_the_order_of_activation(seed):
    watch = Recurrence(32)
    assert feed(watch, settle_never(Random(seed), 100_000)) is not None
    assert watch.cycle is not None
    assert watch.cycle.turns == 32
    assert {change.router for change in watch.cycle.changes} <= set(BAD)
    assert {"3", "4"} <= {change.router for change in watch.cycle.changes}


def test_the_cycle_has_its_routes_its_period_and_its_updates():
    """Two routers change their minds for ever: four changes a turn."""
    watch = Recurrence(8)
    turn = [("a", "xy"), ("b", "xz"), ("a", ""), ("b", "")]
    assert feed(watch, islice(cycle(turn), 10_000), seconds=0.5, updates=3) is not None
    assert watch.cycle is not None
    assert sorted((c.router, c.as_path) for c in watch.cycle.changes) == sorted(turn)
    assert watch.cycle.period == pytest.approx(2.0)
    assert watch.cycle.updates == pytest.approx(12.0)
    assert {c.prefix for c in watch.cycle.changes} == {PREFIX}


def test_a_large_quiet_network_around_it_hides_no_cycle():
    """Thousands of routers choose once; two go on."""
    watch = Recurrence(32)
    assert feed(watch, ((f"r{number}", "ab") for number in range(5_000))) is None
    turn = [("a", "xy"), ("b", "xz"), ("a", ""), ("b", "")]
    assert feed(watch, islice(cycle(turn), 1_000)) is not None


def test_other_prefixes_do_not_disturb_the_count():
    watch = Recurrence(8)
    numbers = count()
    for _ in range(200):
        for router, path in (("a", "xy"), ("a", "")):
            watch.change(0.0, router, PREFIX, "x", path, 0)
            watch.change(0.0, "c", f"10.{next(numbers)}.0.0/24", "x", path, 0)
    assert watch.cycle is not None


def test_a_slow_network_is_not_divergent():
    """Path exploration: thousands of changes, and never the same state of all twice."""
    watch = Recurrence(8)
    paths = ["".join(order) for order in islice(permutations("abcdefgh"), 5_000)]
    assert feed(watch, ((f"r{i % 7}", path) for i, path in enumerate(paths))) is None


def test_some_returns_by_chance_are_not_divergence():
    watch = Recurrence(32)
    turn = [("a", "xy"), ("b", "xz"), ("a", ""), ("b", "")]
    assert feed(watch, islice(cycle(turn), 4 * 31)) is None


def test_an_act_from_outside_begins_a_new_history():
    """A link that flaps brings its states back as often as it flaps."""
    watch = Recurrence(8)
    for _ in range(1_000):
        watch.disturb()
        assert feed(watch, [("a", "xy"), ("b", "xz"), ("a", ""), ("b", "")]) is None


def test_memory_does_not_grow_with_a_network_that_never_repeats():
    watch = Recurrence(8)
    changes = ((f"r{number % 5}", str(number)) for number in range(3 * LONGEST))
    assert feed(watch, changes) is None
    (suspect,) = watch._suspects.values()
    assert len(suspect._history) <= LONGEST
    assert len(suspect._visits) <= LONGEST
    assert len(suspect._routes) == 5
