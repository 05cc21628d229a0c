"""AMP commands between the controller and a router process.

An AMP value holds at most 65,535 octets: what may be longer travels in numbered parts.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.protocols import amp

from bgplab.errors import HostError

PART = 60_000  # octets of one part


def parts(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Cut octets into parts for AMP; each comes with whether it is the last."""
    for start in range(0, len(data) or 1, PART):
        yield data[start : start + PART], start + PART >= len(data)


class Configure(amp.Command):
    """Controller to router: the RouterConfig as JSON, in parts. Answered when it is built."""

    arguments = [(b"part", amp.String()), (b"last", amp.Boolean())]
    response = [(b"pid", amp.Integer())]


class RecordInputs(amp.Command):
    """Controller to router, before it is configured: the file for its inputs."""

    arguments = [(b"path", amp.Unicode())]
    response = []


class Listen(amp.Command):
    """Controller to router: open the port, start the sessions that only listen."""

    response = []
    errors = {HostError: b"HOST"}


class Dial(amp.Command):
    """Controller to router: start all sessions."""

    response = [(b"activity", amp.Integer())]


class NoConnection(Exception):
    """There is no TCP connection to the peer that octets are to be sent to."""


class Act(amp.Command):
    """Controller to router: an input of the speaker as JSON (bgplab.observe.inputs), in parts.

    As with every act, the facts that it leads to at once come before the answer.
    """

    arguments = [(b"part", amp.String()), (b"last", amp.Boolean())]
    response = [(b"activity", amp.Integer())]
    errors = {ValueError: b"VALUE", KeyError: b"KEY", NoConnection: b"CONNECTION"}


class Scale(amp.Command):
    """Controller to router, once it is configured: the lab's clock (clock.py)."""

    arguments = [(b"factor", amp.Float()), (b"origin", amp.Float())]
    response = []


class Link(amp.Command):
    """Controller to router: "cut" the link to a peer or "mend" it, "darken" it or "heal" it."""

    arguments = [(b"peer", amp.Unicode()), (b"change", amp.Unicode())]
    response = [(b"activity", amp.Integer())]


class Delay(amp.Command):
    """Controller to router: the delay and jitter of the link to a peer, in seconds."""

    arguments = [(b"peer", amp.Unicode()), (b"delay", amp.Float()), (b"jitter", amp.Float())]
    response = [(b"activity", amp.Integer())]


class Flush(amp.Command):
    """Controller to router: send the records that wait; answered behind them."""

    response = [(b"activity", amp.Integer())]


class Tell(amp.Command):
    """Controller to router: tell of every change of a best route from now on, or no more."""

    arguments = [(b"changes", amp.Boolean())]
    response = []


class Wave(amp.Command):
    """Controller to router: the second wave of the convergence detection."""

    response = [(b"activity", amp.Integer()), (b"quiet", amp.Boolean())]


class Routes(amp.Command):
    """Controller to router: one part of the Loc-RIB as JSON lines, taken at the first part."""

    arguments = [(b"number", amp.Integer())]
    response = [(b"part", amp.String()), (b"last", amp.Boolean())]


class Candidates(amp.Command):
    """Controller to router: one part of all paths to a prefix ("": to all), as JSON lines."""

    arguments = [(b"prefix", amp.Unicode()), (b"number", amp.Integer())]
    response = [(b"part", amp.String()), (b"last", amp.Boolean())]


class Timings(amp.Command):
    """Controller to router: one part of what its sessions measured of their timers."""

    arguments = [(b"number", amp.Integer())]
    response = [(b"part", amp.String()), (b"last", amp.Boolean())]


class Measure(amp.Command):
    """Controller to router: what the router measured of itself so far.

    `lateness` and `links` are histograms; the latter is empty if no link takes time.
    """

    response = [
        (b"lateness", amp.String()),
        (b"links", amp.String()),
        (b"stalls", amp.Integer()),
        (b"longest_stall", amp.Float()),
        (b"sent", amp.Integer()),
        (b"received", amp.Integer()),
        (b"routes", amp.Integer()),
        (b"coalesced", amp.Float()),
        (b"failures", amp.Integer()),
        (b"busy", amp.Float()),
    ]


class Records(amp.Command):
    """Router to controller: one frame of records (bgplab.observe.records); not answered."""

    arguments = [(b"frame", amp.String())]
    requiresAnswer = False
