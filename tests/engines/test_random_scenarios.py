"""Random scenarios end like a fresh lab of what they leave: only the end counts, not the way.

A scenario breaks, mends and changes a network at random moments, and leaves some of it broken.
The other lab's file has no scenario to speak of: what does not run, or does not carry, is not
in it; what is announced and which rules hold stand in it from the beginning.

Rules only reject and prepend, or keep routes from being handed on. No router prefers a longer
way then, so there is one stable state: what is shorter is settled first, and nothing that is
longer can change it. With local-pref there may be several, or none (topologies/disagree.yaml).
"""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bgplab.engines.virtual.lab import VirtualLab, run_at_once
from bgplab.errors import EXIT_INVALID, EXIT_PASS
from bgplab.observe.runs import DATABASE, LOGS
from bgplab.scenario import runner
from bgplab.topology.load import loads
from bgplab.topology.plan import plan

SIZE = 8
MOST_LINKS = 14
MOST_ACTS = 12
LEAST_RUNNING = 2
PATIENCE = 600.0  # seconds of virtual time that a wait may take
EXTRA = ("10.200.0.0/16", "10.201.0.0/16")  # any router may announce them
IMPORTS = ("", "reject", "{match: {as-path: [65001]}, then: reject}")
EXPORTS = (
    "",
    "reject",
    "{set: {prepend: 1}}",
    "{set: {prepend: 3}}",
    "{set: {add-communities: no-export}}",
    "{match: {as-path: []}, set: {prepend: 2}}",
)
LONG = "longer than the hold time"
NO_RULES = ("", "")
SESSIONS_UP = "{sessions: up}"
WAITS = ("", "", "1ms", "20ms", "400ms", "2500ms", LONG, *("converged",) * 2, SESSIONS_UP)
OCTETS = ("00" * 19, "ff" * 16 + "001304", "ff" * 16 + "001302", "ff" * 16 + "ffff02")


class World:
    """A random lab as its scenario leaves it: what runs, carries, is announced, and how."""

    def __init__(self, rng, hold):
        self.rng, self.hold = rng, hold
        self.mrai = rng.choice(["0s", "100ms", "1s"])
        self.names = [f"r{i}" for i in range(1, SIZE + 1)]
        tree = [(self.names[rng.randrange(i)], self.names[i]) for i in range(1, SIZE)]
        more = rng.randrange(1, MOST_LINKS - SIZE + 2)
        others = [
            (a, b) for a in self.names for b in self.names if a < b and (a, b) not in tree
        ]
        self.links = tree + rng.sample(others, more)
        self.slow = {link: rng.choice(["5ms", "50ms"]) for link in rng.sample(self.links, 2)}
        self.ends = [ends for a, b in self.links for ends in ((a, b), (b, a))]
        self.rules = {ends: self.some_rules() for ends in rng.sample(self.ends, 3)}
        self.file = self.write(self.names, self.links, self.announced_at_first(), self.rules)
        # What acts change.
        self.own = self.announced_at_first()
        self.policy = dict(self.rules)  # session end -> import and export rule, "" is none
        self.cut, self.dark, self.shut = [], [], []
        self.dead, self.paused = [], []
        self.settled = False
        self.steps = []

    def announced_at_first(self):
        return {name: [f"10.{i}.0.0/16"] for i, name in enumerate(self.names, 1)}

    def some_rules(self):
        return self.rng.choice(IMPORTS), self.rng.choice(EXPORTS)

    # As files

    def write(self, names, links, own, policy):
        pauses = "idle-hold: 100ms, idle-hold-max: 500ms, connect-retry: 500ms"
        lines = [
            "name: random",
            "topology:",
            f"  defaults: {{timers: {{hold: {self.hold}s, mrai: {self.mrai}, {pauses}}}}}",
            "  nodes:",
        ]
        for number, name in enumerate(self.names, 1):
            if name in names:
                about = f"asn: {65000 + number}, id: 10.255.0.{number}"
                lines.append(f"    {name}: {{{about}, originate: [{', '.join(own[name])}]}}")
        lines.append("  links:" if links else "  links: []")
        for a, b in links:
            about = f"endpoints: [{a}, {b}], delay: {self.slow.get((a, b), '0s')}"
            for number, way in enumerate(("import", "export")):
                of_a, of_b = (policy.get(ends, NO_RULES)[number] for ends in ((a, b), (b, a)))
                about += f", {way}: {{{a}: [{of_a}], {b}: [{of_b}]}}"
            lines.append(f"    - {{{about}}}")
        return "\n".join([*lines, ""])

    def scenario_file(self):
        steps = [*self.steps, "wait: {converged: {within: 300s}}"]
        return "\n".join([self.file + "scenario:", *(f"  - {step}" for step in steps), ""])

    def fresh_file(self):
        """Write a lab of what is left at the end."""
        names = [name for name in self.names if self.runs(name)]
        links = [link for link in self.links if self.free(*link)]
        return self.write(names, links, self.own, self.policy) + "scenario: [wait: converged]\n"

    # What is true by now

    def runs(self, name):
        return name not in self.dead and name not in self.paused

    def free(self, a, b):
        """Tell whether nothing keeps a session down."""
        broken = [*self.cut, *self.dark, *self.shut]
        return self.runs(a) and self.runs(b) and (a, b) not in broken and (b, a) not in broken

    def running(self):
        return [name for name in self.names if self.runs(name)]

    def links_but(self, *others):
        """List links that are not among others, and that somebody lives at."""
        return [a_b for a_b in self.links if a_b not in others and not {*a_b} <= {*self.dead}]

    def ends_of_running(self):
        return [ends for ends in self.ends if self.runs(ends[0])]

    def announcements(self):
        return [(name, prefix) for name in self.running() for prefix in self.own[name]]

    # Acts: each picks what it is about, if there is anything, and gives its step

    def announce(self):
        able = [(name, each) for name in self.running() for each in EXTRA]
        name, prefix = self.pick(
            [given for given in able if given[1] not in self.own[given[0]]]
        )
        self.own[name].append(prefix)
        return f"announce: {{at: {name}, prefix: {prefix}}}"

    def withdraw(self):
        name, prefix = self.pick(self.announcements())
        self.own[name].remove(prefix)
        return f"withdraw: {{at: {name}, prefix: {prefix}}}"

    def flap(self):
        name, prefix = self.pick(self.announcements())
        period = self.rng.choice(["2ms", "300ms"])
        return f"flap: {{at: {name}, prefix: {prefix}, times: 3, period: {period}}}"

    def link_down(self):
        a, b = self.pick(self.links_but(*self.cut))
        self.cut.append((a, b))
        return f"link-down: {{link: {a}-{b}}}"

    def link_up(self):
        a, b = self.pick([link for link in self.links_but() if link in self.cut])
        self.cut.remove((a, b))
        return f"link-up: {{link: {b}-{a}}}"

    def blackhole(self):
        a, b = self.pick(self.links_but(*self.dark))
        self.dark.append((a, b))
        return f"blackhole: {{link: {a}-{b}}}"

    def heal(self):
        a, b = self.pick([link for link in self.links_but() if link in self.dark])
        self.dark.remove((a, b))
        return f"heal: {{link: {b}-{a}}}"

    def delay(self):
        a, b = self.pick(self.links_but())
        delay, jitter = self.rng.choice([("0s", "0s"), ("30ms", "0s"), ("20ms", "80ms")])
        return f"delay: {{link: {a}-{b}, delay: {delay}, jitter: {jitter}}}"

    def session_reset(self):
        a, b = self.pick([ends for ends in self.ends_of_running() if self.free(*ends)])
        return f"session-reset: {{link: {a}-{b}, end: {a}}}"

    def admin_shutdown(self):
        able = [ends for ends in self.ends_of_running() if ends not in self.shut]
        a, b = self.pick(able)
        self.shut.append((a, b))
        return f"admin-shutdown: {{link: {a}-{b}, end: {a}, message: maintenance}}"

    def shut_down_all(self):
        a, _ = self.pick([ends for ends in self.ends_of_running() if ends not in self.shut])
        self.shut += [ends for ends in self.ends if ends[0] == a and ends not in self.shut]
        return f"admin-shutdown: {{at: {a}}}"

    def admin_up(self):
        a, b = self.pick([ends for ends in self.shut if self.runs(ends[0])])
        self.shut.remove((a, b))
        return f"admin-up: {{link: {a}-{b}, end: {a}}}"

    def set_policy(self):
        a, b = self.pick(self.ends_of_running())
        self.policy[a, b] = self.some_rules()
        comes, goes = self.policy[a, b]
        return f"policy: {{at: {a}, neighbor: {b}, import: [{comes}], export: [{goes}]}}"

    def send_octets(self):
        able = [ends for ends in self.ends if self.free(*ends)] if self.settled else []
        a, b = self.pick(able)
        octets = self.rng.choice(OCTETS)
        return f"send-octets: {{link: {a}-{b}, from: {a}, hex: '{octets}'}}"

    def kill(self):
        able = [name for name in self.names if name not in self.dead]
        name = self.pick(able if len(self.running()) > LEAST_RUNNING else [])
        self.dead.append(name)
        self.forget(name)
        return f"kill: {name}"

    def restart(self):
        name = self.pick([*self.names, *self.dead * 2])
        if name in self.dead:
            self.dead.remove(name)
        self.forget(name)
        return f"restart: {name}"

    def forget(self, name):
        """Let a router be as the file has it."""
        if name in self.paused:
            self.paused.remove(name)
        self.own[name] = self.announced_at_first()[name]
        self.shut = [ends for ends in self.shut if ends[0] != name]
        for ends in [ends for ends in self.policy if ends[0] == name]:
            del self.policy[ends]
        self.policy |= {ends: both for ends, both in self.rules.items() if ends[0] == name}

    def pause(self):
        name = self.pick(self.running() if len(self.running()) > LEAST_RUNNING else [])
        self.paused.append(name)
        return f"pause: {name}"

    def resume(self):
        name = self.pick(self.paused)
        self.paused.remove(name)
        return f"resume: {name}"

    def hog_cpu(self):
        return "hog-cpu: {processes: 1, for: 100ms}"

    def pick(self, able):
        if not able:
            raise NothingToDo
        return self.rng.choice(able)

    def act(self):
        """Add an act to the scenario, if it can be carried out now, and perhaps a wait."""
        with suppress(NothingToDo):
            self.steps.append(self.rng.choice(ACTS)(self))
            self.settled = False
        wait = self.rng.choice(WAITS)
        if wait:
            span = f"{4 * self.hold // 3}s" if wait == LONG else wait
            words = wait if wait in ("converged", SESSIONS_UP) else f"{{for: {span}}}"
            self.steps.append(f"wait: {words}")
            self.settled = wait == "converged"


class NothingToDo(Exception):
    """An act has nothing that it could be about."""


ACTS = (
    *(World.announce, World.withdraw, World.flap, World.set_policy),
    *(World.link_down, World.link_up, World.blackhole, World.heal, World.delay),
    *(World.session_reset, World.admin_shutdown, World.shut_down_all, World.admin_up),
    *(World.kill, World.restart, World.pause, World.resume),
    *(World.send_octets, World.hog_cpu),
)


def drawn(rng, hold, acts):
    """Draw a lab and its scenario."""
    world = World(rng, hold)
    world.steps += rng.choice([[], ["wait: converged"]])
    world.settled = bool(world.steps)
    for _ in range(acts):
        world.act()
    return world


def played(text):
    """Play a file in virtual time; give the routes of all routers that run in the end."""
    topology = loads(text)
    planned = plan(topology)
    lab = VirtualLab(planned, 0)

    async def work():
        stage = await runner.prepare(lab, topology, planned, PATIENCE)
        await lab.start()
        outcome = await runner.run(stage, topology.scenario)
        assert [step for step in outcome.steps if not step.ok] == []
        assert outcome.verdict is not None
        assert outcome.verdict.name == "converged"
        assert lab.sessions_up()
        return {
            (state.name, row.prefix): (row.peer, row.as_path, row.next_hop)
            for state in lab.states()
            if state.alive and not lab.network.is_paused(state.name)
            for row in await lab.routes(state.name)
        }

    return run_at_once(work())


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, MOST_ACTS))
def test_a_random_scenario_ends_like_a_fresh_lab_in_virtual_time(rng, acts):
    compare(rng, acts)


@pytest.mark.scale
@pytest.mark.timeout(600)
@settings(max_examples=200)
@given(st.randoms(use_true_random=False), st.integers(1, MOST_ACTS))
def test_two_hundred_random_scenarios_end_like_fresh_labs_in_virtual_time(rng, acts):
    compare(rng, acts)


def compare(rng, acts):
    """Hold the end of a random scenario against a fresh lab of what it leaves."""
    world = drawn(rng, 9, acts)
    note(world.scenario_file())
    note(world.fresh_file())
    assert played(world.scenario_file()) == played(world.fresh_file())


SEEDS = 30
AT_ONCE = 10  # labs
TIME_LIMIT = 100  # seconds for one of them
MARK = "BGPLAB_TEST_OF"  # an environment variable that tells whose process one is


@pytest.fixture(scope="module")
def port():
    """Give a TCP port that nobody uses: whatever is found there belongs to these tests."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    """List the addresses at which somebody listens on a port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = [fields[1].split(":") for fields in map(str.split, lines) if fields[3] == "0A"]
    return [address for address, number in local if int(number, 16) == port]


def processes_of(mark):
    """List the processes that have inherited a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def run_on_processes(folder, text, seed, port):
    """Play a file by the command line; give the report, and the routes of the database."""
    home, temporary = folder / "home", folder / "tmp"
    temporary.mkdir(parents=True)
    file = folder / "random.yaml"
    file.write_text(text)
    command = ["run", file, "--json", "--port", port, "--seed", seed, "--timeout", 60]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "BGPLAB_HOME": str(home),
        "TMPDIR": str(temporary),
        MARK: str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bgplab", *map(str, command)],
        env=environ,
        cwd=temporary,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    # Whether the machine kept time is no matter here: routes are the same in the end.
    assert done.returncode in (EXIT_PASS, EXIT_INVALID), (done.stdout, done.stderr)
    assert processes_of(folder) == []
    (run,) = (home / "runs").iterdir()
    left = [path for path in [*run.rglob("*"), *temporary.rglob("*")] if path.is_file()]
    log = run / LOGS / "fork-server.log"
    assert sorted(left) == [log, run / DATABASE]
    assert log.read_text() == ""
    with closing(sqlite3.connect(run / DATABASE)) as database:
        rows = database.execute(
            "SELECT router, prefix, from_peer, as_path, next_hop FROM routes"
        ).fetchall()
    routes = {
        (router, prefix): ("" if peer == "own" else peer, as_path, next_hop)
        for router, prefix, peer, as_path, next_hop in rows
    }
    return json.loads(done.stdout), routes


def check_on_processes(folder, seed, port):
    """Compare the end of a random scenario on processes with a fresh lab in virtual time."""
    rng = Random(seed)
    world = drawn(rng, 3, rng.randrange(4, MOST_ACTS + 1))
    text = world.scenario_file()
    report, routes = run_on_processes(folder, text, seed, port)
    assert [step for step in report["scenario"] if not step["ok"]] == [], text
    assert (report["verdict"], report["deaths"], report["failures"]) == ("converged", [], 0)
    assert routes == played(world.fresh_file()), text


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(8), marks=pytest.mark.slow),
        pytest.param(range(8, SEEDS), marks=pytest.mark.scale),
    ],
    ids=["some", "the rest"],
)
def test_random_scenarios_end_like_fresh_labs_on_processes_and_leave_nothing(
    seeds, tmp_path, port
):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        checks = [
            pool.submit(check_on_processes, tmp_path / str(seed), seed, port) for seed in seeds
        ]
    for check in checks:
        check.result()
    assert listening(port) == []
