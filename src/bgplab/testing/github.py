"""Results as annotations of a GitHub workflow: shown at the lines of the file in a change.

Workflow commands: `::error file=NAME,line=LINE,col=COLUMN,title=TITLE::MESSAGE`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from bgplab.testing.result import INVALID, Result


def wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether this runs in a GitHub workflow."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotate(result: Result, workspace: str | None = None) -> Iterator[str]:
    """Write each reason as a workflow command; an INVALID run warns.

    `workspace` is the folder of the checkout, which names in annotations are relative to.
    """
    level = "warning" if result.verdict == INVALID else "error"
    file = os.path.relpath(result.file, workspace or None)
    title = f"bgplab: {result.verdict}" + (f" on {result.engine}" if result.engine else "")
    for reason in result.reasons():
        where = {"file": file, "line": reason.line, "col": reason.column, "title": title}
        named = ",".join(f"{key}={_property(str(value))}" for key, value in where.items())
        yield f"::{level} {named}::{_data(chr(10).join((reason.text, *reason.detail)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
