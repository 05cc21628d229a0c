"""The certificate of fidelity, written for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bgplab.cli.output import count, duration, style

if TYPE_CHECKING:
    from bgplab.observe.fidelity import Certificate, Lateness
    from bgplab.observe.load import Load, Stalls

INDENT = " " * 13


def fidelity_lines(certificate: Certificate, *, failed: bool) -> Iterator[str]:
    """Write a certificate, one fact a line; `failed` tells whether the run showed a failure."""
    if certificate.virtual:
        yield f"fidelity     {_word(valid=True)}: in virtual time nothing is ever late"
        return
    yield f"fidelity     {_word(valid=certificate.valid)}: {_lateness('timers', certificate)}"
    if certificate.links is not None:
        yield f"{INDENT}links: octets left late by {_figures(certificate.links)}"
    if certificate.load is not None:
        yield INDENT + _load(certificate.load)
    yield from (INDENT + text for text in _stalls(certificate.stalls, certificate.controller))
    if any(certificate.expiries):
        genuine, starved, unclear = certificate.expiries
        text = f"{genuine} by silence of the peer, {starved} by starvation, {unclear} unclear"
        yield f"{INDENT}hold timers expired: {text}"
    if certificate.valid:
        return
    yield from (INDENT + reason for reason in certificate.reasons)
    if failed:
        yield f"{INDENT}what failed may be the machine's fault: neither passed nor failed"
    yield f"{INDENT}would help: {'; '.join(certificate.advice)}"


def _word(*, valid: bool) -> str:
    return style("VALID", fg="green") if valid else style("INVALID", fg="red")


def _lateness(what: str, certificate: Certificate) -> str:
    late = certificate.lateness
    if not late.count:
        return "no timer has expired"
    limit = "" if certificate.limit is None else f"; p99 limit {duration(certificate.limit)}"
    return f"{what} late by {_figures(late)}{limit}"


def _figures(late: Lateness) -> str:
    return (
        f"{duration(late.p50)} (median), {duration(late.p99)} (p99), "
        f"{duration(late.p999)} (p99.9), {duration(late.max)} (max)"
    )


def _load(load: Load) -> str:
    """Tell who had the processors, and who waited for them."""
    parts = [f"lab {load.share(load.lab):.0%}"]
    if load.others is not None:
        parts.append(f"all else {load.share(load.others):.0%}")
    if load.stolen:
        parts.append(f"stolen {load.share(load.stolen):.0%}")
    text = f"{count(load.cores, 'processor')}: {', '.join(parts)}"
    name, seconds = load.worst
    if not name or load.span <= 0:
        return text
    most = seconds / load.span
    return f"{text}; routers waited for one {load.waiting:.1%} of the time, {name} {most:.1%}"


def _stalls(routers: Stalls, controller: Stalls) -> Iterator[str]:
    """Tell of reactors that were elsewhere for long, if any."""
    if routers.number:
        yield (
            f"stalls: {count(routers.number, 'turn')} of routers, "
            f"the longest {duration(routers.longest)} ({routers.where})"
        )
    if controller.number:
        yield (
            f"stalls: {count(controller.number, 'turn')} of the controller, "
            f"the longest {duration(controller.longest)}"
        )
