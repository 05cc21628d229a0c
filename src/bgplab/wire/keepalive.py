"""KEEPALIVE message (RFC 4271 section 4.4): a header and nothing else."""

from __future__ import annotations

from bgplab.wire.header import KEEPALIVE, frame

KEEPALIVE_MESSAGE = frame(KEEPALIVE, b"")
