"""Waiting for many answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    FirstError,
    gatherResults,
)


async def all_of(waiting: Sequence[Deferred[Any]]) -> list[Any]:
    """Wait for all; raises the first failure as itself, not wrapped."""
    try:
        return await gatherResults(waiting, consumeErrors=True)
    except FirstError as first:
        raise cast(Exception, first.subFailure.value) from None


async def those_that_come(waiting: Sequence[Deferred[Any]]) -> list[Any]:
    """Wait for all; give the results of those that do not fail.

    Raises CancelledError if the waiting itself is cancelled.
    """
    results = await DeferredList(waiting, consumeErrors=True)
    for came, result in results:
        if not came and result.check(CancelledError):
            raise CancelledError
    return [result for came, result in results if came]
