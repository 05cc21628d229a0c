"""From the rules of a file to those that routers are handed, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bgplab import config
from bgplab.topology.check import suggest
from bgplab.topology.document import Document, Path
from bgplab.topology.policy import Rule


def rules(models: Sequence[Rule]) -> tuple[config.Rule, ...]:
    """Turn rules of a file into those that a router is handed."""
    return tuple(map(_rule, models))


def _rule(model: Rule) -> config.Rule:
    match, new = model.match, model.set
    return config.Rule(
        as_path=None if match.as_path is None else tuple(match.as_path),
        neighbors=tuple(match.neighbor or ()),
        communities=tuple(match.community or ()),
        local_pref=new.local_pref,
        med=new.med,
        set_communities=None if new.communities is None else tuple(new.communities),
        add_communities=tuple(new.add_communities or ()),
        remove_communities=tuple(new.remove_communities or ()),
        prepend=new.prepend or 0,
        then=model.then,
    )


def check_rules(
    document: Document,
    path: Path,
    chain: Sequence[Rule],
    known: Collection[str],
    *,
    incoming: bool,
) -> None:
    """Note routers that do not exist, and `prepend` where routes come in.

    A route that came in with the own AS number in its path would be a loop for every other
    router of the AS.
    """
    for i, rule in enumerate(chain):
        for name in rule.match.neighbor or ():
            if name not in known:
                message = f"unknown router {name!r}{suggest(name, known)}"
                document.report((*path, i, "match", "neighbor"), message)
        if incoming and rule.set.prepend is not None:
            message = "'prepend' is for routes that go out: it belongs under 'export'"
            document.report((*path, i, "set", "prepend"), message, key=True)


def check_linked(
    document: Document, nodes: Mapping[str, Any], near: Mapping[str, Sequence[str]]
) -> None:
    """Note rules of a node that name a router to which it has no link: they can never hold."""
    for name, node in nodes.items():
        for key, chain in (("import", node.imports), ("export", node.exports)):
            for i, rule in enumerate(chain):
                for other in rule.match.neighbor or ():
                    if other not in near[name]:
                        known = ", ".join(near[name][:8]) or "it has no links"
                        message = f"{other!r} is no neighbour of {name!r} ({known})"
                        where = ("topology", "nodes", name, key, i, "match", "neighbor")
                        document.report(where, message)


def check_layers(
    document: Document, layers: Iterable[tuple[Path, Any]], known: Collection[str]
) -> None:
    """Check the rules of defaults, groups, nodes or links; each layer with its place."""
    for path, layer in layers:
        for key, field, incoming in (("import", "imports", True), ("export", "exports", False)):
            chain = getattr(layer, field)
            ends: Iterable[tuple[Path, Sequence[Rule]]] = [((), chain)]
            if isinstance(chain, dict):
                ends = [((end,), item) for end, item in chain.items()]
            for end, item in ends:
                check_rules(document, (*path, key, *end), item, known, incoming=incoming)
