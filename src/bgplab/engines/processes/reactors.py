"""The reactors that a lab can run on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

REACTORS = {
    "epoll": "twisted.internet.epollreactor",
    "poll": "twisted.internet.pollreactor",
    "select": "twisted.internet.selectreactor",
    "asyncio": "twisted.internet.asyncioreactor",
}


@contextmanager
def without_tls() -> Iterator[None]:
    """Import Twisted without OpenSSL, unless that is there: BGP here runs over plain TCP.

    Twisted takes TLS where pyOpenSSL can be imported; that costs a tenth of a second and memory
    that every fork has to map. Only the import inside the block is affected.
    """
    if "OpenSSL" in sys.modules:
        yield
        return
    sys.modules["OpenSSL"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["OpenSSL"]


def install(name: str) -> None:
    """Install the named reactor in this process, before anything imports another.

    Raises KeyError for an unknown name, ReactorAlreadyInstalledError if there is one already.
    """
    with without_tls():
        import twisted.protocols.amp  # noqa: F401

        module = import_module(REACTORS[name])
    module.install()
