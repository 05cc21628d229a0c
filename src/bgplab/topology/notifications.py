"""NOTIFICATION codes by the names that a scenario writes: `cease/administrative-shutdown`."""

from __future__ import annotations

import re

from bgplab.topology.check import suggest
from bgplab.topology.units import brief
from bgplab.wire.notification import CODES, SUBCODES

_NUMBERS = re.compile(r"[0-9]{1,3}", re.ASCII)


def _word(name: str) -> str:
    """Write a name of an RFC in small letters and hyphens."""
    name = name.removesuffix(" (deprecated)").lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


_CODES = {_word(name): code for code, name in CODES.items()}
_SUBCODES = {(code, _word(name)): subcode for (code, subcode), name in SUBCODES.items()}
_NAMES = {code: word for word, code in _CODES.items()}
# What a scenario may write, and what it means; without a subcode, any.
KINDS: dict[str, tuple[int, int | None]] = {
    **{word: (code, None) for word, code in _CODES.items()},
    **{
        f"{_NAMES[code]}/{word}": (code, subcode) for (code, word), subcode in _SUBCODES.items()
    },
}


def parse_kind(value: object) -> tuple[int, int | None]:
    """Read a code, `4` or `hold-timer-expired`, or with a subcode, `6/2`; None is any.

    Raises ValueError for what is none, and for codes that no RFC knows.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value.count("/") > 1:
        raise ValueError(
            "expected a NOTIFICATION, such as hold-timer-expired, "
            f"cease/administrative-shutdown or 6/2, not {brief(value)}"
        )
    first, _, second = value.lower().partition("/")
    code = int(first) if _NUMBERS.fullmatch(first) else _CODES.get(first)
    if code not in CODES:
        raise ValueError(f"unknown NOTIFICATION {brief(value)}{_hint(value)}")
    if "/" not in value:
        return code, None
    subcode = int(second) if _NUMBERS.fullmatch(second) else _SUBCODES.get((code, second))
    if subcode is None or subcode > 255:
        message = f"{CODES[code]} has no subcode {brief(second)}"
        raise ValueError(message + _hint(f"{_NAMES[code]}/{second}"))
    return code, subcode


def _hint(text: str) -> str:
    return suggest(text.lower(), KINDS) or f"; expected one of {', '.join(_CODES)}"
