"""A YAML file as plain data that still knows the line and column of everything in it.

Reads YAML 1.2 scalars (core schema): `65000:10` and `no` stay text. Refuses duplicate keys,
foreign tags, more than one document, and what would cost too much: size, depth, aliases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bgplab.errors import Problem, TopologyError
from bgplab.topology.flow import flow
from bgplab.topology.units import brief

MAX_OCTETS = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 1_000_000
MAX_PROBLEMS = 100  # mistakes that one look at a file may tell
MAX_ALIASED = 100_000  # values that aliases may repeat, in all

Path = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"
# YAML 1.2.2 section 10.3.2: tag, pattern, possible first characters.
_FLOAT = (
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
)
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)


class _TooMuch(yaml.MarkedYAMLError):
    """The document nests deeper than MAX_DEPTH or has more than MAX_VALUES."""


_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc]  # one of two classes, by what is installed
    """Composes a node tree with YAML 1.2 scalars; stops before the C stack runs out."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}
    _depth = 0
    _values = 0

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        """Count depth and values; the composer, which recurses in C, calls it for each node."""
        self._depth += 1
        self._values += 1
        mark = parent.start_mark if parent else None
        if self._depth > MAX_DEPTH + 1:
            raise _TooMuch(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        if self._values > MAX_VALUES:
            raise _TooMuch(None, None, f"more than {MAX_VALUES} values", mark)

    def ascend_resolver(self) -> None:
        """Count the depth back."""
        self._depth -= 1


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_CORE + _tag, re.compile(rf"(?:{_pattern})\Z"), _first)


class Document:
    """One parsed file: its `data`, the `problems` found so far, and positions by path."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._aliased = 0
        self._unread: set[Path] = set()
        self._included: dict[str, Document] = {}
        self._root = self._compose()
        self.data: object = self._build(self._root, (), 0)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of the value at `path` (or of its key).

        A path that leads nowhere ends at the innermost value that exists.
        """
        if path and path[0] in self._included:
            return self._included[str(path[0])].locate(path, key=key)
        node = self._root
        label: Node = node
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            label, node = found
        mark = (label if key else node).start_mark
        return mark.line + 1, mark.column + 1

    def report(self, path: Sequence[str | int], message: str, *, key: bool = False) -> None:
        """Note one mistake at the value (or key) that `path` leads to.

        What could not be read has been noted already, and is not noted again.
        """
        if path and path[0] in self._included:
            self._included[str(path[0])].report(path, message, key=key)
            return
        if any(tuple(path[:length]) in self._unread for length in range(len(path) + 1)):
            return
        self._add(*self.locate(path, key=key), path, message)

    def include(self, key: str, other: Document) -> None:
        """Let what `other` has under a key at its top stand here, with its places there.

        `text` has the data in place of what stands under the key here. Problems of both are
        kept together. Raises KeyError if one of them has no such key.
        """
        value = _top(other.data)[key]
        self.text = self._spliced(key, value)
        self.data = {**_top(self.data), key: value}
        self.problems += other.problems
        other.problems = self.problems
        self._included[key] = other

    def give_up(self, key: str, message: str) -> None:
        """Note a mistake in the value of a key at the top, and treat it as unreadable."""
        self.report((key,), message)
        self.data = {**_top(self.data), key: None}
        self._unread.add((key,))

    def raise_problems(self) -> None:
        """Raise TopologyError with every mistake noted so far, each once, in file order."""
        if self.problems:
            raise TopologyError(sorted(dict.fromkeys(self.problems)))

    def _spliced(self, key: str, value: object) -> str:
        """Write the text with another value under a key at the top, its lines as they are.

        Where what stands there now is more than a word in the key's line, all is written anew.
        """
        label, node = _child(self._root, key) or (self._root, self._root)
        begin, end = node.start_mark, node.end_mark
        lines = self.text.splitlines(keepends=True)
        alone = label.start_mark.line == begin.line == end.line
        if not alone or lines[begin.line][begin.column] in "&*!":
            return flow({**_top(self.data), key: value}) + "\n"
        line = lines[begin.line]
        lines[begin.line] = line[: begin.column] + flow(value) + line[end.column :]
        return "".join(lines)

    def _compose(self) -> Node:
        loader = None
        try:
            loader = _Loader(self.text)
            root: Node | None = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            self._fail(error.problem_mark or error.context_mark, _syntax(error))
        except (yaml.YAMLError, RecursionError) as error:
            self._fail(None, f"not YAML: {error}")
        finally:
            if loader is not None:
                loader.dispose()
        if root is None:
            self._fail(None, "the file is empty; a topology begins with 'topology:'")
        return root

    def _build(self, node: Node, path: Path, depth: int) -> object:
        if id(node) in self._seen:
            self._aliased += 1
            if self._aliased > MAX_ALIASED or depth > MAX_DEPTH:
                self._fail(node.start_mark, f"aliases stand for more than {MAX_ALIASED} values")
        self._seen.add(id(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, SequenceNode):
            self._check_tag(node, "seq", path)
            return [
                self._build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)
            ]
        if isinstance(node, MappingNode):
            self._check_tag(node, "map", path)
            return self._mapping(node, path, depth)
        raise TypeError(f"a YAML node of an unknown kind: {node!r}")

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, object]:
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, path, "a key must be plain text")
                continue
            key = key_node.value
            if key in lines:
                self._note(
                    key_node, path, f"duplicate key {key!r} (first in line {lines[key]})"
                )
                continue
            lines[key] = key_node.start_mark.line + 1
            data[key] = self._build(value_node, (*path, key), depth + 1)
        return data

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        text = node.value
        kind = node.tag.removeprefix(_CORE)
        try:
            match kind:
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                case "float":
                    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        except (ValueError, KeyError):
            self._unread.add(path)
            self._note(node, path, f"{brief(text)} is not a value of type {kind}")
            return None
        self._check_tag(node, "str", path)
        return text

    def _check_tag(self, node: Node, kind: str, path: Path) -> None:
        if node.tag != _CORE + kind:
            tag = node.tag.replace(_CORE, "!!")
            self._unread.add(path)
            self._note(node, path, f"tag {brief(tag)} is not known in a topology")

    def _note(self, node: Node, path: Path, message: str) -> None:
        self._add(node.start_mark.line + 1, node.start_mark.column + 1, path, message)

    def _add(self, line: int, column: int, path: Sequence[str | int], message: str) -> None:
        self.problems.append(Problem(self.file, line, column, dotted(path), message))
        if len(self.problems) >= MAX_PROBLEMS:
            self.raise_problems()

    def _fail(self, mark: Any, message: str) -> NoReturn:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = Problem(self.file, line, column, "", message)
        raise TopologyError(sorted({*self.problems, problem}))


def decode(octets: bytes, file: str) -> str:
    """Turn the octets of a file into text.

    Raises TopologyError for too large a file, anything but UTF-8, and control characters.
    """
    if len(octets) > MAX_OCTETS:
        _refuse(file, "", f"the file is larger than {MAX_OCTETS // 2**20} MiB")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8", "replace")
        _refuse(file, before, f"not UTF-8 text (octet 0x{octets[error.start]:02x})")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        code = ord(unprintable.group())
        _refuse(file, text[: unprintable.start()], f"not a text file (character U+{code:04X})")
    return text


def _top(data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise TypeError("no mapping at the top of the file")
    return data


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people read it: `topology.links[2].delay`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def _refuse(file: str, before: str, message: str) -> NoReturn:
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    raise TopologyError([Problem(file, line, column, "", message)])


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == step:
                return key_node, value_node
    elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, _TooMuch):
        return str(error.problem)
    if error.context == "expected a single document in the stream":
        return "a topology file holds one document; a second one ('---') starts here"
    where = f" {error.context}" if error.context else ""
    hint = ""
    if "cannot start any token" in str(error.problem):
        hint = "; indent with spaces, and quote text that begins with @ or `"
    return f"not YAML: {error.problem}{where}{hint}"
