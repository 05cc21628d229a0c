"""Results as JUnit XML, as CI servers read it (the schema of Jenkins' xUnit plugin).

One test suite for each file, one test case for each engine. What failed is a <failure>; an
INVALID run is an <error> of the type "invalid", since it is neither passed nor failed; a file
that does not load and a lab that broke are errors too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from xml.etree import ElementTree as ET

from bgplab.errors import EXIT_FAILED, EXIT_INVALID, EXIT_USAGE
from bgplab.testing.result import FAILED, PASSED, Result

TYPES = {EXIT_FAILED: "expectation", EXIT_INVALID: "invalid", EXIT_USAGE: "topology"}

# What XML 1.0 (section 2.2) does not allow in a document, not even as a reference.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Result], now: datetime | None = None) -> bytes:
    """Write results as a JUnit document in UTF-8."""
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S")
    root = ET.Element("testsuites", {"name": "bgplab", **_totals(results)})
    for file in dict.fromkeys(result.file for result in results):
        own = [result for result in results if result.file == file]
        suite = ET.SubElement(
            root,
            "testsuite",
            {
                "name": legal(file),
                **_totals(own),
                "skipped": "0",
                "timestamp": stamp,
                "hostname": socket.gethostname(),
            },
        )
        for result in own:
            _case(suite, result)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def legal(text: str) -> str:
    r"""Write characters that XML does not allow as Python does, such as `\x1b`."""
    return _NO_CHARACTER.sub(lambda match: ascii(match.group())[1:-1], text)


def _totals(results: Iterable[Result]) -> dict[str, str]:
    """Count results in the attributes of a suite."""
    listed = list(results)
    failures = sum(result.verdict == FAILED for result in listed)
    passed = sum(result.verdict == PASSED for result in listed)
    return {
        "tests": str(len(listed)),
        "failures": str(failures),
        "errors": str(len(listed) - passed - failures),
        "time": f"{sum(result.seconds for result in listed):.3f}",
    }


def _case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            # Servers take what stands before a dot for a package.
            "classname": legal(".".join(PurePath(result.file).with_suffix("").parts)),
            "name": result.engine or "load",
            "time": f"{result.seconds:.3f}",
        },
    )
    if result.verdict != PASSED:
        kind = "failure" if result.verdict == FAILED else "error"
        first = next(iter(result.reasons()))
        attributes = {"type": TYPES.get(result.code, "lab"), "message": legal(first.text)}
        ET.SubElement(case, kind, attributes).text = legal("\n".join(result.lines()))
    told = "\n".join(result.told())
    if told:
        ET.SubElement(case, "system-out").text = legal(told)
    if result.errors:
        ET.SubElement(case, "system-err").text = legal(result.errors)
