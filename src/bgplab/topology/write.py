"""Write a topology file that people like to read: for `bgplab generate` and `bgplab import`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bgplab.topology.flow import flow, quote
from bgplab.topology.load import loads

SCHEMA = "bgplab.schema.json"

Link = tuple[str, str] | Mapping[str, object]


def write_topology(
    name: str,
    description: str,
    nodes: Mapping[str, Mapping[str, object]],
    links: Sequence[Link],
    *,
    defaults: Mapping[str, object] | None = None,
    groups: Mapping[str, Mapping[str, object]] | None = None,
    comments: Sequence[str] = (),
    schema: str = SCHEMA,
) -> str:
    """Write explicit nodes and links as a topology file.

    A link is a pair of names, or a mapping with `endpoints` and more. `comments` are lines for
    the head of the file, `schema` says where an editor finds the JSON Schema.
    """
    lines = [*_head(name, description, comments, schema), "topology:"]
    if defaults:
        lines += ["  defaults:", *(f"    {k}: {flow(v)}" for k, v in defaults.items())]
    for key, mapping in (("groups", groups or {}), ("nodes", nodes)):
        if mapping:
            lines.append(f"  {key}:")
            lines += [f"    {_entry(item, settings)}" for item, settings in mapping.items()]
    if links:
        lines += ["  links:", *(f"    - {_link(link)}" for link in links)]
    return "\n".join(lines) + "\n"


def write_generated(
    parameters: Mapping[str, object],
    *,
    name: str = "",
    description: str = "",
    expand: bool = False,
    schema: str = SCHEMA,
) -> str:
    """Write a topology file for the generator with `parameters`: {"model": "ring", "n": 5}.

    With `expand` the file lists the routers and links themselves, ready to be changed by hand.
    Raises TopologyError where the parameters are wrong.
    """
    name = name or "-".join(
        str(parameters[key]) for key in ("model", "n", "k") if key in parameters
    )
    head = _head(name, description, (), schema)
    text = "\n".join([*head, "topology:", f"  generate: {flow(parameters)}"]) + "\n"
    topology = loads(text, "generate")
    if not expand:
        return text
    nodes = {
        node.name: {"asn": node.asn, "originate": list(node.originate)}
        for node in topology.nodes
    }
    links: list[Link] = [
        {"endpoints": [link.a, link.b], "relationship": link.relationship}
        if link.relationship
        else (link.a, link.b)
        for link in topology.links
    ]
    return write_topology(name, description, nodes, links, schema=schema)


def _head(name: str, description: str, comments: Sequence[str], schema: str) -> list[str]:
    lines = [f"# yaml-language-server: $schema={schema}"]
    lines += [f"# {line}".rstrip() for comment in comments for line in comment.splitlines()]
    lines.append(f"name: {quote(name)}")
    if description:
        lines.append(f"description: {json.dumps(description, ensure_ascii=False)}")
    return lines


def _entry(name: str, settings: Mapping[str, object]) -> str:
    return f"{quote(name)}: {flow(settings)}" if settings else f"{quote(name)}:"


def _link(link: Link) -> str:
    if isinstance(link, Mapping):
        return flow(link)
    a, b = link
    plain = "-" not in a + b and quote(f"{a}-{b}") == f"{a}-{b}"
    return f"{a}-{b}" if plain else f"[{quote(a)}, {quote(b)}]"
