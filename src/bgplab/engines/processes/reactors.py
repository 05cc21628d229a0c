"""The reactors that a lab can run on."""

from __future__ import annotations

from importlib import import_module

REACTORS = {
    "epoll": "twisted.internet.epollreactor",
    "poll": "twisted.internet.pollreactor",
    "select": "twisted.internet.selectreactor",
    "asyncio": "twisted.internet.asyncioreactor",
}


def install(name: str) -> None:
    """Install the named reactor in this process, before anything imports another.

    Raises KeyError for an unknown name, ReactorAlreadyInstalledError if there is one already.
    """
    import_module(REACTORS[name]).install()
