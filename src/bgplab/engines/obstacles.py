"""What keeps sessions from being up: links cut, peers shut down, paused or swallowed.

An engine expects every session to be Established but those that something stands in the way of;
these it expects to be down, at both ends. The same session may be kept down by several things
at once, and comes back when the last of them is gone. Pure, shared by the engines.
"""

from __future__ import annotations

from collections.abc import Iterable

Ends = tuple[str, str]

CUT = "its link is cut"
BLACKHOLE = "its link swallows octets"


def shut_down_by(router: str) -> str:
    """Name the obstacle of a session that a router has shut down (ManualStop)."""
    return f"shut down by {router}"


def paused(router: str) -> str:
    """Name the obstacle of the sessions of a paused router."""
    return f"{router} is paused"


class Obstacles:
    """Which sessions, as unordered pairs of routers, have something in their way, and what."""

    def __init__(self, sessions: Iterable[Ends]) -> None:
        self._pairs = {frozenset(pair): pair for pair in sessions}
        self._ways: dict[Ends, dict[str, None]] = {}

    def put(self, a: str, b: str, what: str) -> None:
        """Put something in the way of the session between two routers.

        Raises KeyError if there is no such session.
        """
        self._ways.setdefault(self._pairs[frozenset((a, b))], {})[what] = None

    def take(self, a: str, b: str, what: str) -> None:
        """Take something out of the way; nothing happens if it is not there.

        Raises KeyError if there is no such session.
        """
        pair = self._pairs[frozenset((a, b))]
        ways = self._ways.get(pair, {})
        ways.pop(what, None)
        if not ways:
            self._ways.pop(pair, None)

    def between(self, a: str, b: str) -> tuple[str, ...]:
        """List what is in the way of a session; nothing: it is expected to be up.

        Raises KeyError if there is no such session.
        """
        return tuple(self._ways.get(self._pairs[frozenset((a, b))], ()))

    def session(self, a: str, b: str) -> Ends | None:
        """Give the pair of a session as it was planned, None if there is none."""
        return self._pairs.get(frozenset((a, b)))

    def of(self, router: str) -> list[Ends]:
        """List the sessions of a router, in the order of the plan."""
        return [pair for pair in self._pairs.values() if router in pair]
