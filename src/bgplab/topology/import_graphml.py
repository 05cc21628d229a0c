"""Turn a GraphML graph, as the Internet Topology Zoo has them, into a topology file.

What a graph may have and a lab cannot (parallel links, loops, nameless or equally named nodes)
is mended, and each change is told in the notes.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from xml.etree.ElementTree import ParseError

from bgplab.errors import Problem, TopologyError
from bgplab.topology.address import MAX_ROUTERS
from bgplab.topology.graph import components
from bgplab.topology.write import SCHEMA, write_topology

if TYPE_CHECKING:
    import networkx

MAX_OCTETS = 64 * 1024 * 1024
ONE_AS = 65_000
NAME_LENGTH = 48

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """The text of a topology file, and what was changed on the way to it."""

    text: str
    notes: tuple[str, ...]


def import_graphml(
    path: str | os.PathLike[str],
    *,
    one_as: bool = False,
    external: bool = False,
    largest: bool = False,
    schema: str = SCHEMA,
) -> Imported:
    """Read the GraphML file at `path`: one AS per node, or one for all with `one_as` (iBGP).

    Nodes outside the network (Internal = 0 in the Topology Zoo) are left out unless `external`
    keeps them; `largest` keeps only the largest connected piece.
    Raises TopologyError if the file cannot be read or is not GraphML.
    """
    file = os.fspath(path)
    notes: list[str] = []
    graph = _read(file)
    if graph.is_directed():
        notes.append("directions of links dropped: a BGP session has none")
    nodes: dict[str, Attributes] = {str(node): data for node, data in graph.nodes(data=True)}
    if not external:
        nodes = _internal(nodes, notes)
    pairs = _simple(graph.edges(), nodes, notes)
    if largest:
        nodes = _largest(nodes, pairs, notes)
        pairs = [pair for pair in pairs if pair[0] in nodes]
    if not 1 <= len(nodes) <= MAX_ROUTERS:
        _refuse(file, 1, 1, f"{len(nodes)} nodes to import; a lab has 1 to {MAX_ROUTERS}")
    names = _names(nodes, notes)
    _note_pieces(nodes, pairs, notes)
    title = str(graph.graph.get("Network") or graph.graph.get("label") or Path(file).stem)
    return Imported(
        _write(file, title, nodes, names, pairs, notes, one_as, schema), tuple(notes)
    )


def _read(file: str) -> networkx.Graph[Any]:
    import networkx

    try:
        with Path(file).open("rb") as stream:
            octets = stream.read(MAX_OCTETS + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        _refuse(file, 1, 1, f"cannot read the file: {reason[0].lower()}{reason[1:]}")
    if len(octets) > MAX_OCTETS:
        _refuse(file, 1, 1, f"the file is larger than {MAX_OCTETS // 2**20} MiB")
    try:
        graph: networkx.Graph[Any] = networkx.read_graphml(BytesIO(octets))
    except ParseError as error:
        line, column = error.position
        _refuse(file, line, column + 1, f"not XML: {error.msg}")
    except (networkx.NetworkXError, KeyError, ValueError, TypeError, AttributeError) as error:
        _refuse(file, 1, 1, f"not a GraphML graph: {error}")
    return graph


def _refuse(file: str, line: int, column: int, message: str) -> NoReturn:
    raise TopologyError([Problem(file, line, column, "", message)])


def _internal(nodes: dict[str, Attributes], notes: list[str]) -> dict[str, Attributes]:
    kept = {node: data for node, data in nodes.items() if str(data.get("Internal", 1)) != "0"}
    if len(kept) < len(nodes):
        notes.append(
            f"{_count(len(nodes) - len(kept), 'external node')} left out (Internal = 0)"
        )
    return kept


def _simple(
    edges: Iterable[tuple[Any, Any]], nodes: Collection[str], notes: list[str]
) -> list[tuple[str, str]]:
    """Keep one link of each pair, in the order of the file."""
    pairs: dict[tuple[str, str], None] = {}
    loops = parallel = 0
    for a, b in edges:
        pair = (str(a), str(b))
        if not (pair[0] in nodes and pair[1] in nodes):
            continue
        if a == b:
            loops += 1
        elif pair in pairs or pair[::-1] in pairs:
            parallel += 1
        else:
            pairs[pair] = None
    if loops:
        notes.append(f"{_count(loops, 'link')} from a node to itself left out")
    if parallel:
        notes.append(f"{_count(parallel, 'parallel link')} merged with the first of its pair")
    return list(pairs)


def _pieces(nodes: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    near: dict[str, list[str]] = {node: [] for node in nodes}
    for a, b in pairs:
        near[a].append(b)
        near[b].append(a)
    return components(near)


def _largest(
    nodes: dict[str, Attributes], pairs: list[tuple[str, str]], notes: list[str]
) -> dict[str, Attributes]:
    pieces = _pieces(nodes, pairs)
    pieces.sort(key=len, reverse=True)
    kept = dict.fromkeys(pieces[0] if pieces else [])
    if len(pieces) > 1:
        notes.append(
            f"{_count(len(nodes) - len(kept), 'node')} outside the largest of {len(pieces)} "
            "pieces left out"
        )
    return {node: data for node, data in nodes.items() if node in kept}


def _note_pieces(
    nodes: dict[str, Attributes], pairs: list[tuple[str, str]], notes: list[str]
) -> None:
    pieces = _pieces(nodes, pairs)
    if len(pieces) > 1:
        alone = sum(len(piece) == 1 for piece in pieces)
        notes.append(
            f"the graph has {len(pieces)} separate pieces ({alone} of a single node), all kept"
        )


def _names(nodes: dict[str, Attributes], notes: list[str]) -> dict[str, str]:
    """Give each node a name of its own, made from its label."""
    plain = {node: _sanitise(_label(data)) for node, data in nodes.items()}
    counts = Counter(name for name in plain.values() if name)
    taken = {name for name, count in counts.items() if count == 1}
    names = {}
    nameless = repeated = changed = 0
    for node, name in plain.items():
        if not name:
            nameless += 1
            names[node] = _unused(f"n{_sanitise(node)}", taken, suffix=False)
        elif counts[name] > 1:
            repeated += 1
            names[node] = _unused(name, taken, suffix=True)
        else:
            changed += name != _label(nodes[node])
            names[node] = name
        taken.add(names[node])
    if nameless:
        notes.append(
            f"{_count(nameless, 'node')} without a label named after the id: n0, n1 ..."
        )
    if repeated:
        notes.append(f"{_count(repeated, 'node')} with a label used twice numbered: a1, a2 ...")
    if changed:
        notes.append(f"{_count(changed, 'label')} turned into a name (x-label keeps it)")
    return names


def _label(data: Attributes) -> str:
    label = str(data.get("label", "")).strip()
    return "" if label == "None" else label  # the Zoo writes a missing label so


def _sanitise(label: str) -> str:
    """Keep letters and digits of a label: `Sept -Iles` becomes `SeptIles`."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z0-9]+", plain.replace("'", ""))
    name = "".join(word[0].upper() + word[1:] for word in words)[:NAME_LENGTH]
    return "" if name.lower() == "none" else name


def _unused(name: str, taken: Collection[str], *, suffix: bool) -> str:
    if not suffix and name not in taken:
        return name
    number = 1
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def _write(
    file: str,
    title: str,
    nodes: dict[str, Attributes],
    names: dict[str, str],
    pairs: list[tuple[str, str]],
    notes: list[str],
    one_as: bool,
    schema: str,
) -> str:
    defaults: dict[str, object] = {"asn": ONE_AS} if one_as else {}
    how = f"one AS, {ONE_AS}, with iBGP" if one_as else "one AS per node"
    return write_topology(
        _sanitise(Path(file).stem) or "imported",
        f"{title}: {_count(len(nodes), 'node')} and {_count(len(pairs), 'link')}, {how}.",
        {names[node]: _notes(data, names[node]) for node, data in nodes.items()},
        [(names[a], names[b]) for a, b in pairs],
        defaults={**defaults, "originate": 1},
        comments=[f"Imported from {Path(file).name}.", *(f"- {note}" for note in notes)],
        schema=schema,
    )


def _notes(data: Attributes, name: str) -> dict[str, object]:
    """Keep what the lab does not use but a reader may want: label and place."""
    kept: dict[str, object] = {}
    if _label(data) not in ("", name):
        kept["x-label"] = _label(data)
    place = [data.get("Latitude"), data.get("Longitude")]
    if all(isinstance(value, float) for value in place):
        kept["x-position"] = place
    return kept


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
