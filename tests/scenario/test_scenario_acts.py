"""What each act asks of a lab, and what it leaves in the way of sessions."""

import pytest

from bgplab.config import Rule
from bgplab.engines.virtual.lab import VirtualLab
from bgplab.errors import ProcessError
from bgplab.topology.steps import (
    AdminShutdown,
    AdminUp,
    Announce,
    Blackhole,
    Delay,
    Flap,
    Heal,
    HogCpu,
    Kill,
    LinkDown,
    LinkUp,
    Pause,
    Policy,
    Restart,
    Resume,
    SendOctets,
    SessionReset,
    Withdraw,
)

LINE = "topology: {nodes: {r1: , r2: , r3: }, links: [r1-r2, r2-r3]}"
RULES = (Rule(then="reject"),)
NEW = ("10.7.0.0/16", "10.8.0.0/16")


class Spy(VirtualLab):
    """Notes what it is asked to do, with the time; does nothing but let time pass."""

    def __init__(self, planned):
        super().__init__(planned, 0)
        self.calls: list = []


def _noting(name):
    async def note(self, *given, **named):
        self.calls.append((round(self.now(), 3), name, *given, named))

    return note


for _name in (
    *("announce", "withdraw", "reset", "link_down", "link_up", "blackhole", "heal", "delay"),
    *("shut_down", "bring_up", "set_policy", "send_octets", "restart", "pause", "resume"),
    "hog_cpu",
):
    setattr(Spy, _name, _noting(_name))


def _kill(self, router):
    if router == "dead":
        raise ProcessError(router, "not running")
    self.calls.append((round(self.now(), 3), "kill", router, {}))


Spy.kill = _kill  # type: ignore[method-assign]


@pytest.fixture
def done(play):
    """Give `done(*acts)`: what the lab was asked to do, and which sessions were left down."""

    def do(*acts):
        labs: list[Spy] = []

        def make(planned):
            labs.append(Spy(planned))
            return labs[0]

        outcome = play(LINE, *acts, lab=make)
        assert outcome.ok
        return labs[0].calls, outcome.down

    return do


@pytest.mark.parametrize(
    "act, calls",
    [
        (
            Announce(("r1", "r3"), NEW, 5, (1,)),
            [
                ("announce", "r1", *NEW, {"med": 5, "communities": (1,)}),
                ("announce", "r3", *NEW, {"med": 5, "communities": (1,)}),
            ],
        ),
        (Withdraw(("r1",), NEW), [("withdraw", "r1", *NEW, {})]),
        (LinkDown("r1", "r2"), [("link_down", "r1", "r2", {})]),
        (LinkUp("r1", "r2"), [("link_up", "r1", "r2", {})]),
        (Blackhole("r1", "r2"), [("blackhole", "r1", "r2", {})]),
        (Heal("r1", "r2"), [("heal", "r1", "r2", {})]),
        (Delay("r1", "r2", 0.1, 0.2), [("delay", "r1", "r2", 0.1, 0.2, {})]),
        (SessionReset("r1", "r2"), [("reset", "r1", "r2", {})]),
        (
            AdminShutdown("r2", ("r1",), "upgrade"),
            [("shut_down", "r2", "r1", {"message": "upgrade"})],
        ),
        (AdminShutdown("r2"), [("shut_down", "r2", {"message": ""})]),
        (AdminUp("r2"), [("bring_up", "r2", {})]),
        (SendOctets("r1", "r2", b"\xff"), [("send_octets", "r1", "r2", b"\xff", {})]),
        (Kill(("r1", "r2")), [("kill", "r1", {}), ("kill", "r2", {})]),
        (Restart(("r1",)), [("kill", "r1", {}), ("restart", "r1", {})]),
        (Pause(("r1",)), [("pause", "r1", {})]),
        (Resume(("r1",)), [("resume", "r1", {})]),
        (HogCpu(2, 3.0), [("hog_cpu", 2, 3.0, {})]),
    ],
)
def test_an_act_is_what_the_lab_is_asked_to_do(done, act, calls):
    assert [call[1:] for call in done(act)[0]] == calls


def test_a_policy_leaves_the_direction_alone_that_it_does_not_name(done):
    ((_, name, router, peer, given),), _ = done(Policy("r1", ("r2",), exports=RULES))
    assert (name, router, peer) == ("set_policy", "r1", "r2")
    assert (given["imports"], given["exports"]) == (None, RULES)


def test_a_flap_withdraws_first_and_ends_announced_after_whole_periods(done):
    again = Announce(("r1",), NEW[:1], 5)
    calls, _ = done(Flap(again, 2, 4.0), Withdraw(("r1",), NEW[:1]))
    assert [(at, name) for at, name, *_ in calls] == [
        (0.0, "withdraw"),
        (2.0, "announce"),
        (4.0, "withdraw"),
        (6.0, "announce"),
        (8.0, "withdraw"),
    ]
    assert calls[1][-1]["med"] == 5


@pytest.mark.parametrize(
    "acts, down",
    [
        ([LinkDown("r1", "r2")], ["r1-r2: its link is cut"]),
        ([LinkDown("r2", "r1"), LinkUp("r1", "r2")], []),
        ([Blackhole("r2", "r3")], ["r2-r3: its link swallows octets"]),
        ([Blackhole("r2", "r3"), Heal("r2", "r3")], []),
        ([AdminShutdown("r2", ("r1",))], ["r1-r2: shut down by r2"]),
        ([AdminShutdown("r2"), AdminUp("r2", ("r3",))], ["r1-r2: shut down by r2"]),
        ([Kill(("r3",))], ["r2-r3: r3 was killed"]),
        ([Kill(("r3",)), Restart(("r3",))], []),
        ([Pause(("r2",))], ["r1-r2: r2 is paused", "r2-r3: r2 is paused"]),
        ([Pause(("r2",)), Resume(("r2",))], []),
        (
            [Pause(("r3",)), LinkDown("r2", "r3"), Resume(("r3",))],
            ["r2-r3: its link is cut"],
        ),
        ([AdminShutdown("r2"), Restart(("r2",))], []),
        ([SessionReset("r1", "r2")], []),
    ],
)
def test_a_scenario_says_which_sessions_it_has_left_down(done, acts, down):
    assert list(done(*acts)[1]) == down
