"""Plain data as YAML in flow style: one line that people like to read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*", re.ASCII)
_PLAIN_NUMBERS = re.compile(
    r"\d+\.\d+\.\d+\.\d+(?:/\d+)?|\d+(?:\.\d+)?(?:us|ms|s|m|h)", re.ASCII
)
# Words that some reader of YAML takes for something else than text.
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"))
# What JSON leaves as it is, and YAML takes for a line break or refuses (1.2.2, section 5.1).
_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def flow(value: object) -> str:
    """Write plain data as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quote(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else json.dumps(value)


def quote(text: str) -> str:
    """Write text as a YAML scalar that every reader takes for text."""
    if _PLAIN_NUMBERS.fullmatch(text):
        return text
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _CONTROLS.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"
