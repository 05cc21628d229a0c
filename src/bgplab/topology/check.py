"""From the data of a file to its models, with a clear message for each mistake.

A file with mistakes still yields its sound parts, so that resolve.py can look for further
mistakes in them, and the user sees all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from bgplab.topology.document import Document, Path
from bgplab.topology.fidelity import Fidelity
from bgplab.topology.fields import Model
from bgplab.topology.generate import Generated
from bgplab.topology.graph import HowTested
from bgplab.topology.model import Defaults, File, Group, Lab, Link, Node
from bgplab.topology.units import brief

if TYPE_CHECKING:
    from bgplab.topology.scenario import StepModel

SUGGEST_LIMIT = 2_000  # names beyond which we look for no likeness: it costs more than it helps
_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True, slots=True)
class UnreadStep:
    """A step that has mistakes; `key` is what it was likely meant to be, "" if nobody knows."""

    key: str


@dataclass(slots=True)
class Parts:
    """The sound parts of a file, each list item with its path."""

    name: str = ""
    description: str = ""
    defaults: Defaults = field(default_factory=Defaults)
    groups: dict[str, Group] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[tuple[Path, Link]] = field(default_factory=list)
    generate: list[tuple[Path, Generated]] = field(default_factory=list)
    ibgp: str = "mesh"
    complete: bool = True  # False: some routers or groups may be missing here
    scenario: list[tuple[Path, StepModel | UnreadStep]] = field(default_factory=list)
    test: HowTested = field(default_factory=HowTested)
    fidelity: Fidelity = field(default_factory=Fidelity)


def parse(document: Document) -> Parts:
    """Validate the data of `document`; mistakes are noted there."""
    parts = _parse(document)
    _take_steps(document, parts)
    return parts


def _parse(document: Document) -> Parts:
    """Validate all but the steps of a scenario."""
    if not isinstance(document.data, dict):
        document.report((), "expected a mapping with the key 'topology'")
        return Parts(complete=False)
    single = isinstance(_dig(document.data, ("topology", "generate")), dict)
    try:
        file = File.model_validate(document.data)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            _report(document, fault)
        return _salvage(document.data, single=single)
    lab = file.topology
    links: list[tuple[Path, Link]] = [
        (("topology", "links", i), link) for i, link in enumerate(lab.links)
    ]
    generate: list[tuple[Path, Generated]] = [
        (_generate_path(i, single=single), item) for i, item in enumerate(lab.generate)
    ]
    return Parts(
        name=file.name,
        description=file.description,
        defaults=lab.defaults,
        groups=lab.groups,
        nodes=lab.nodes,
        links=links,
        generate=generate,
        ibgp=lab.ibgp,
        test=file.test.value(),
        fidelity=file.fidelity,
    )


def suggest(word: object, known: Collection[str]) -> str:
    """Return `; did you mean 'x'?` for the name most like `word`, or nothing."""
    if not isinstance(word, str) or len(known) > SUGGEST_LIMIT or len(word) > 64:
        return ""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _generate_path(index: int, *, single: bool) -> Path:
    return ("topology", "generate") if single else ("topology", "generate", index)


def _dig(data: object, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _salvage(data: Mapping[str, object], *, single: bool) -> Parts:
    lab = data.get("topology")
    lab = lab if isinstance(lab, dict) else {}
    parts = Parts(complete=False, defaults=_sound(Defaults, lab.get("defaults")) or Defaults())
    for key, model in (("groups", Group), ("nodes", Node)):
        items = lab.get(key)
        for name, item in items.items() if isinstance(items, dict) else ():
            getattr(parts, key)[name] = _sound(model, item) or model()
    links = lab.get("links")
    for i, item in enumerate(links if isinstance(links, list) else ()):
        link = _sound(Link, item)
        if link:
            parts.links.append((("topology", "links", i), link))
    given = lab.get("generate", [])
    items = given if isinstance(given, list) else [given]
    sound = [_sound_generator(item) for item in items]
    parts.generate = [(_generate_path(i, single=single), g) for i, g in enumerate(sound) if g]
    parts.complete = (
        bool(lab)
        and isinstance(lab.get("nodes", {}), dict)
        and len(sound) == len(parts.generate)
    )
    return parts


def _sound(model: type[_M], data: object) -> _M | None:
    """Validate what is sound in `data`: keys with mistakes are left out."""
    for _ in range(2):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            if not isinstance(data, dict):
                return None
            bad = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
            data = {key: item for key, item in data.items() if key not in bad}
    return None


def _take_steps(document: Document, parts: Parts) -> None:
    """Validate the steps of a scenario one by one; each keeps its place."""
    steps = _dig(document.data, ("scenario",))
    if not steps or not isinstance(steps, list):
        return
    from bgplab.topology.scenario import read_step

    for i, item in enumerate(steps):
        path = ("scenario", i)
        try:
            parts.scenario.append((path, read_step(item)))
            continue
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                _report(document, {**fault, "loc": (*path, *fault["loc"])})
        except ValueError as error:
            document.report(path, str(error))
        parts.scenario.append((path, UnreadStep(_meant(item))))


def _meant(item: object) -> str:
    """Guess the key of a step that has mistakes."""
    from difflib import get_close_matches

    from bgplab.topology.scenario import STEPS

    given = [key for key in item if not key.startswith("x-")] if isinstance(item, dict) else []
    near = get_close_matches(given[0][:64], STEPS, 1) if len(given) == 1 else []
    return near[0] if near else ""


def _sound_generator(data: object) -> Generated | None:
    from bgplab.topology.generate import Generator

    try:
        generator: Generated = TypeAdapter(Generator).validate_python(data)
    except ValidationError:
        return None
    return generator


def _report(document: Document, fault: Any) -> None:
    path, missing = _real_path(document.data, fault["loc"])
    kind = fault["type"]
    if kind == "extra_forbidden":
        key = str(path[-1])
        if len(path) == 1 and key in Lab.model_fields:
            hint = "; it belongs under 'topology'"
        else:
            known = [other for other in _known(document, path) if other != key]
            hint = suggest(key, known)
        document.report(path, f"unknown key {key!r}{hint}", key=True)
    elif kind in ("missing", "union_tag_not_found"):
        key = missing if kind == "missing" else "model"
        document.report(path, f"missing key {key!r}")
    elif kind == "union_tag_invalid":
        known = [tag.strip("' ") for tag in fault["ctx"]["expected_tags"].split(",")]
        tag = fault["ctx"]["tag"]
        hint = suggest(tag, known) or f"; expected one of {', '.join(known)}"
        document.report((*path, "model"), f"unknown model {tag!r}{hint}")
    else:
        document.report(path, _explain(kind, fault), key="[key]" in fault["loc"])


def _real_path(data: object, loc: Path) -> tuple[Path, str]:
    """Map a location of pydantic to a path of the file; and the key that is missing there.

    Tags of unions, and list indices that stand for a short form, are not part of the file.
    """
    path: list[str | int] = []
    for step in loc:
        known = range(len(data)) if isinstance(data, list) else data
        if isinstance(known, dict | range) and step in known:
            data = data[step]  # type: ignore[index]  # a mapping or a list, as just seen
            path.append(step)
    return tuple(path), str(loc[-1])


def _known(document: Document, path: Path) -> list[str]:
    """Return the keys that are allowed beside the last one of `path`."""
    from bgplab.topology.schema import schema

    return known_keys(schema(), document.data, path[:-1])


def known_keys(schema: Mapping[str, Any], data: object, path: Path) -> list[str]:
    """Return the keys that `schema` allows in the mapping of `data` at `path`."""
    spots = _options(schema, schema)
    for step in path:
        spots = [option for spot in spots for option in _options(schema, _below(spot, step))]
        data = data[step]  # type: ignore[index]  # the path was found in the data
    model = data.get("model") if isinstance(data, dict) else None
    keys: dict[str, None] = {}
    for spot in spots:
        properties = spot.get("properties", {})
        if properties.get("model", {}).get("const", model) == model:
            keys |= dict.fromkeys(properties)
    return list(keys)


def _below(spot: Mapping[str, Any], step: str | int) -> object:
    if isinstance(step, int):
        return spot.get("items")
    known = spot.get("properties", {})
    named = {key: item for key, item in spot.get("patternProperties", {}).items() if item}
    others = next(iter(named.values()), spot.get("additionalProperties"))
    return known.get(step, others)


def _options(schema: Mapping[str, Any], spot: Any) -> list[dict[str, Any]]:
    """Follow references and alternatives down to plain schemas."""
    if not isinstance(spot, dict):
        return []
    if "$ref" in spot:
        return _options(schema, schema["definitions"][spot["$ref"].rsplit("/", 1)[1]])
    nested = [item for key in ("anyOf", "oneOf", "allOf") for item in spot.get(key, ())]
    return [spot, *(found for item in nested for found in _options(schema, item))]


_EXPECTED = {
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected text",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "finite_number": "expected a finite number",
}

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "greater_than": ("more than", "gt"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _explain(kind: str, fault: Any) -> str:
    value = brief(fault["input"])
    context = fault.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, not {value}"
    if kind == "literal_error":
        words = context["expected"]
        known = [word.strip("' ") for word in words.replace(" or ", ",").split(",")]
        return f"expected {words}, not {value}{suggest(fault['input'], known)}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"expected {words} {context[key]}, not {value}"
    if kind == "too_short":
        least, given = context["min_length"], context["actual_length"]
        return f"expected a list of at least {least}, not of {given}"
    return f"{fault['msg'][0].lower()}{fault['msg'][1:]} (not {value})"
