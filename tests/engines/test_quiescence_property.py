"""The convergence detector against a network whose true state the test can see.

Routers exchange messages that beget messages, over connections that open and close, with every
message, report, act and answer delayed at random; routers die, are killed, paused and started
anew; links swallow what they carry. The test knows what is under way; the detector knows only
what reaches the controller.
"""

import random
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bgplab.engines.obstacles import BLACKHOLE
from bgplab.engines.quiescence import Detector
from bgplab.observe.record_forms import Quiet, SessionCount
from bgplab.session.events import State

UP, DOWN = State.ESTABLISHED, State.IDLE


class End:
    """One end of a session."""

    def __init__(self):
        self.state, self.epoch, self.sent, self.received = DOWN, 0, 0, 0
        self.dark = False  # its link swallows octets: what comes waits


class Router:
    """Counts, works and reports as router.py and the speaker do."""

    def __init__(self, name, peers):
        self.name = name
        self.alive = True
        self.paused = False
        self.ends = {peer: End() for peer in peers}
        self.activity = 0
        self.pending = []  # how often the news may still be passed on
        self.reported = -1
        self.told = {}
        self.report_waits = False

    @property
    def awake(self):
        return self.alive and not self.paused

    @property
    def quiet(self):
        return not self.pending

    def touch(self, *news):
        self.activity += 1
        self.pending.extend(news)


class Network:
    """Routers, connections and a controller; `steps` lists what could happen next."""

    def __init__(self, rng, size, chords):
        self.rng = rng
        names = [f"r{i}" for i in range(size)]
        pairs = {tuple(sorted((names[i], names[(i + 1) % size]))): None for i in range(size)}
        for a, b in chords:
            if a % size != b % size:
                pairs[tuple(sorted((names[a % size], names[b % size])))] = None
        self.pairs = [pair for pair in pairs if pair[0] != pair[1]]
        near = {n: [a if b == n else b for a, b in self.pairs if n in (a, b)] for n in names}
        self.routers = {name: Router(name, near[name]) for name in names}
        self.detector = Detector(names, self.pairs)
        self.wire = {}  # (from, to, epoch) -> what is on the connection
        self.epoch = 0
        self.up: dict[str, deque[Any]] = {
            name: deque() for name in names
        }  # to the controller, in order
        self.down: dict[str, deque[Any]] = {
            name: deque() for name in names
        }  # from the controller, in order
        self.undiscovered = []  # dead routers that the controller does not know of
        self.wave: Any = None  # answers to the second wave, while one is out
        self.waves = 0
        self.dark: list[tuple[str, str]] = []  # links that swallow, as the controller knows
        self.was_over = False  # at some moment since the wave went out
        self.meddled = False  # something came from outside since the wave went out
        self.confirmed = False
        for router in self.routers.values():
            router.touch(1)  # it starts, with routes of its own

    # What goes on by itself.

    def steps(self):
        """List everything that may happen next, none of it from outside."""
        found = [(self.arrive, key) for key, queue in self.wire.items() if self.carries(key)]
        for name, router in self.routers.items():
            if router.awake:
                found += [(self.expire, (router, peer)) for peer in self.silent(router)]
                found += [(self.work, router)] * bool(router.pending)
                found += [(self.send_report, router)] * router.report_waits
                found += [(self.obey, router)] * bool(self.down[name])
            if self.up[name]:
                found.append((self.hear, name))
            elif not router.alive and self.wave and self.wave.get(name) == "asked":
                found.append((self.unanswered, name))
        found += [(self.connect, pair) for pair in self.pairs if self.may_connect(*pair)]
        found += [(self.discover, name) for name in self.undiscovered]
        return found

    def step(self):
        """Let one thing happen; False if there is nothing that could."""
        found = self.steps()
        if found:
            action, argument = self.rng.choice(found)
            action(argument)
            self.was_over = self.was_over or self.over
            self.consider()
        return bool(found)

    def may_connect(self, a, b):
        first, second = self.routers[a], self.routers[b]
        idle = first.ends[b].state == second.ends[a].state == DOWN
        busy = any(queue and {a, b} == set(key[:2]) for key, queue in self.wire.items())
        lit = not (first.ends[b].dark or second.ends[a].dark)
        return first.awake and second.awake and idle and not busy and lit

    def carries(self, key):
        source, target, _ = key
        lit = not (
            self.routers[source].ends[target].dark or self.routers[target].ends[source].dark
        )
        return bool(self.wire[key]) and not self.routers[target].paused and lit

    def silent(self, router):
        """List the peers that a router's hold timers may find silent."""
        return [
            peer
            for peer, end in router.ends.items()
            if end.state == UP
            and (
                self.routers[peer].paused
                or end.dark
                or self.routers[peer].ends[router.name].dark
            )
        ]

    def expire(self, where):
        router, peer = where
        self.wire[router.name, peer, router.ends[peer].epoch].append("close")
        self.drop(router, peer)

    def connect(self, pair):
        self.epoch += 1
        a, b = self.rng.sample(pair, 2)
        self.wire[a, b, self.epoch] = deque(["open"])
        self.wire[b, a, self.epoch] = deque()

    def arrive(self, key):
        source, target, epoch = key
        item = self.wire[key].popleft()
        router = self.routers[target]
        end = router.ends[source]
        if not router.alive:
            return
        if item == "open":
            if not self.routers[source].alive:
                return
            self.establish(router, source, epoch)
            self.wire[target, source, epoch].appendleft("opened")
        elif item == "opened":
            self.establish(router, source, epoch)
        elif end.epoch != epoch or end.state != UP:
            return
        elif item == "close":
            self.drop(router, source)
        else:
            end.received += 1
            router.touch(*[item] * (item > 0))
            self.stir(router)

    def establish(self, router, peer, epoch):
        end = router.ends[peer]
        end.state, end.epoch, end.sent, end.received = UP, epoch, 0, 0
        router.touch(2)
        self.stir(router)

    def drop(self, router, peer):
        router.ends[peer].state = DOWN
        router.touch(1)
        self.stir(router)

    def work(self, router):
        news = max(router.pending)
        router.pending.clear()
        for peer, end in router.ends.items():
            if end.state == UP and news and self.rng.random() < 0.7:
                end.sent += 1
                self.wire[router.name, peer, end.epoch].append(news - 1)
        self.stir(router)

    def stir(self, router):
        if not router.report_waits and router.quiet and router.activity != router.reported:
            router.report_waits = True

    def send_report(self, router):
        router.report_waits = False
        if not router.quiet:
            return
        changed = []
        for peer, end in router.ends.items():
            count = SessionCount(peer, end.state, end.epoch, end.sent, end.received)
            if router.told.get(peer) != count:
                router.told[peer] = count
                changed.append(count)
        router.reported = router.activity
        quiet = Quiet(0.0, router.activity, 0.0, tuple(changed))
        self.up[router.name].append(("report", quiet))

    # The controller.

    def hear(self, name):
        kind, value = self.up[name].popleft()
        if kind == "report":
            self.detector.report(name, value)
        elif kind == "acted":
            self.detector.disturbed(name, value)
        elif value[0] == self.waves and self.wave and self.wave.get(name) == "asked":
            self.wave[name] = value[1]
            self.judge()

    def unanswered(self, name):
        self.wave[name] = None
        self.judge()

    def discover(self, name):
        self.undiscovered.remove(name)
        self.detector.died(name)

    def consider(self):
        if not self.confirmed and self.wave is None and self.detector.settled:
            self.was_over, self.meddled = self.over, False
            self.wave = dict.fromkeys(self.detector.awake, "asked")
            self.waves += 1
            for name in self.wave:
                self.down[name].append(("wave", self.waves))
            if not self.wave:
                self.judge()

    def judge(self):
        if "asked" in self.wave.values():
            return
        found, self.wave = self.wave, None
        if self.detector.confirmed(found):
            assert self.was_over or self.over, "confirmed while something was under way"
            self.confirmed = not self.meddled

    def obey(self, router):
        order = self.down[router.name].popleft()
        kind, value = order
        if kind == "wave":
            answer = router.activity if router.quiet else None
            self.up[router.name].append(("answer", (value, answer)))
            return
        if kind in ("darken", "heal"):
            router.ends[value].dark = kind == "darken"
        elif value > 0:  # an act of no consequence leaves no trace
            router.touch(value)
        self.stir(router)
        self.up[router.name].append(("acted", router.activity))

    # What happens from outside.

    def outside(self):
        self.confirmed, self.meddled = False, True
        choices = [self.act, self.act, self.reset, self.die, self.kill, self.restart]
        self.rng.choice([*choices, self.pause, self.resume, self.darken, self.heal])()
        self.consider()

    def act(self):
        name = self.rng.choice(list(self.routers))
        self.detector.disturb(name)
        if self.routers[name].alive:
            self.down[name].append(("act", self.rng.randrange(4)))

    def reset(self):
        a, b = self.rng.sample(self.rng.choice(self.pairs), 2)
        router = self.routers[a]
        if router.awake and router.ends[b].state == UP:
            self.wire[a, b, router.ends[b].epoch].append("close")
            self.drop(router, b)

    def die(self):
        living = [router for router in self.routers.values() if router.alive]
        if len(living) > 2:
            self.end(self.rng.choice(living))

    def kill(self):
        living = [router for router in self.routers.values() if router.alive]
        if len(living) > 2:
            router = self.rng.choice(living)
            self.detector.disturb(router.name)
            self.end(router)

    def pause(self):
        living = [router for router in self.routers.values() if router.awake]
        if len(living) > 1:
            router = self.rng.choice(living)
            router.paused = True
            if router.name not in self.undiscovered:
                self.detector.pause(router.name)
            if self.wave and self.wave.get(router.name) == "asked":
                self.unanswered(router.name)

    def resume(self):
        paused = [router for router in self.routers.values() if router.paused]
        if paused:
            router = self.rng.choice(paused)
            router.paused = False
            self.detector.disturb(router.name)
            self.detector.resume(router.name)
            self.down[router.name].append(("act", 0))

    def darken(self):
        if len(self.dark) < 2:
            self.dark.append(self.rng.choice(self.pairs))
            self.detector.obstruct(*self.dark[-1], BLACKHOLE)
            self.tell_ends("darken", *self.dark[-1])

    def heal(self):
        if self.dark:
            a, b = self.dark.pop(0)
            if (a, b) not in self.dark:
                self.detector.clear(a, b, BLACKHOLE)
                self.tell_ends("heal", a, b)

    def tell_ends(self, what, *pair):
        for name, peer in (pair, pair[::-1]):
            if self.routers[name].alive:
                self.detector.disturb(name)
                self.down[name].append((what, peer))

    def restart(self):
        """Start a dead router anew, once the controller has heard the last of it."""
        gone = [
            name
            for name, router in self.routers.items()
            if not (router.alive or name in self.undiscovered or self.up[name])
        ]
        if not gone:
            return
        name = self.rng.choice(gone)
        if self.wave and self.wave.get(name) == "asked":
            self.unanswered(name)
        for key in self.wire:
            if key[1] == name:
                self.wire[key].clear()
        router = self.routers[name] = Router(name, self.routers[name].ends)
        for a, b in self.dark:
            if name in (a, b):
                router.ends[b if a == name else a].dark = True
        self.detector.revived(name)
        self.detector.disturb(name)
        self.down[name].append(("act", 1))

    def end(self, router):
        router.alive = router.paused = False
        self.undiscovered.append(router.name)
        self.down[router.name].clear()
        for (source, _, _), queue in self.wire.items():
            if source == router.name:
                lost = self.rng.randrange(len(queue) + 1)  # what the kernel had not sent
                for _ in range(lost):
                    queue.pop()
                queue.append("close")

    # The truth.

    @property
    def over(self):
        """Tell whether nothing is under way anywhere, as only the test can see."""
        awake = [router for router in self.routers.values() if router.awake]
        return (
            all(router.quiet for router in awake)
            and not any(self.pending_on(key) for key in self.wire)
            and not any(
                kind != "wave" and value != 0
                for router in awake
                for kind, value in self.down[router.name]
            )
            and all(self.settled_pair(a, b) for a, b in self.pairs)
        )

    def pending_on(self, key):
        """Tell whether a connection carries anything that its receiver would still take."""
        source, target, epoch = key
        end = self.routers[target].ends[source]
        return (
            self.carries(key)
            and self.routers[target].awake
            and ((end.state == UP and end.epoch == epoch) or self.wire[key][0] == "open")
        )

    def settled_pair(self, a, b):
        here, there = self.routers[a], self.routers[b]
        mine, theirs = here.ends[b], there.ends[a]
        if here.awake and there.awake and (a, b) not in self.dark:
            return mine.state == theirs.state == UP and mine.epoch == theirs.epoch
        return not (here.awake and mine.state == UP) and not (
            there.awake and theirs.state == UP
        )


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(2, 6),
    chords=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4),
    calm=st.lists(st.integers(0, 60), max_size=12),
)
def test_the_detector_confirms_when_it_is_over_and_never_before(seed, size, chords, calm):
    network = Network(random.Random(seed), size, chords)
    for steps in calm:
        for _ in range(steps):
            network.step()
        network.outside()
    budget = 20_000
    while not network.confirmed and budget:
        budget -= 1
        if not network.step():
            break
    assert network.over
    assert network.confirmed, network.detector.unsettled()
