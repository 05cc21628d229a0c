"""The form of each kind of record: a struct and a pair of functions per fact.

Each record starts with its length (u16), its kind (u8), the index of a peer (u16) and a time
(i64, nanoseconds); octets or text of bounded length may follow. Little endian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

from bgplab.facts import (
    BestChanged,
    CallbackFailed,
    Caused,
    Fact,
    HoldExpired,
    MalformedUpdate,
    NotificationReceived,
    NotificationSent,
    OctetsReceived,
    OctetsSent,
    SessionEnded,
    StateChanged,
    TimerFired,
    UpdateReceived,
    UpdateSent,
)

MAX_OCTETS = 32_768  # more octets of a stream become several records
MAX_TEXT = 16_000  # octets of UTF-8; longer text is cut
MAX_SESSIONS = 2_000  # in one Quiet, so that it fits into one frame

NO_PEER = 0xFFFF  # the peer None: no best route is left
OWN_PEER = 0xFFFE  # the peer "": the router itself


class SessionCount(NamedTuple):
    """One session as its router counts it: routing messages sent and received in this epoch."""

    peer: str
    state: int
    epoch: int
    sent: int
    received: int


class Quiet(NamedTuple):
    """A router turned passive: for the convergence detector, never for the store.

    `activity` grows with everything the router does; `last_change` is the time of its last
    route change, 0 if there was none.
    """

    at: float
    activity: int
    last_change: float
    sessions: tuple[SessionCount, ...]


Record = Fact | Quiet
Index = Mapping[str | None, int]

# length, kind, peer, at; then what the kind adds
HEAD = Struct("<HBHq")
_STATE = Struct("<HBHqBBB")  # old, new, event
_NOTIFICATION = Struct("<HBHqBB")  # code, subcode; data follows
_TIMER = Struct("<HBHqq")  # lateness in nanoseconds; the timer's name follows
_SPLIT = Struct("<HBHqB")  # length of the first of two parts that follow
_HOLD = Struct("<HBHqQqqHqI")  # epoch, heard, last received, hold, late, unread
_ENDED = Struct("<HBHqQqqq")  # epoch, last sent, keepalive, late
_UPDATE = Struct("<HBHqQQ")  # epoch, number; octets follow
# epoch, number, since, kind, source, its epoch and number; the prefix follows
_CAUSED = Struct("<HBHqQQqBHQQ")
_QUIET = Struct("<HBHqQq")  # activity, last change; sessions follow
_SESSION = Struct("<HBQQQ")  # peer, state, epoch, sent, received
HEAD_SIZE, _STATE_SIZE, _TIMER_SIZE, _SPLIT_SIZE = (
    form.size for form in (HEAD, _STATE, _TIMER, _SPLIT)
)

_KINDS: dict[type, int] = {
    kind: number
    for number, kind in enumerate(
        (
            StateChanged,
            NotificationSent,
            NotificationReceived,
            TimerFired,
            BestChanged,
            UpdateSent,
            UpdateReceived,
            OctetsSent,
            OctetsReceived,
            MalformedUpdate,
            CallbackFailed,
            Quiet,
            HoldExpired,
            SessionEnded,
            Caused,
        ),
        1,
    )
}
_STATE_KIND = _KINDS[StateChanged]
_TIMER_KIND = _KINDS[TimerFired]
_BEST_KIND = _KINDS[BestChanged]


def nanoseconds(seconds: float) -> int:
    """Round seconds to integer nanoseconds, the unit of records and of the store."""
    return round(seconds * 1e9)


class PeerNames(dict[int, str | None]):
    """Peers by index."""

    def __missing__(self, index: int) -> str:
        raise ValueError(f"record names peer {index}, the router has {len(self) - 2} peers")


def names_of(peers: Sequence[str]) -> PeerNames:
    """Give the peers of a router by index, and the two indices that stand for none of them."""
    names = PeerNames(enumerate(peers))
    names[OWN_PEER] = ""
    names[NO_PEER] = None
    return names


def _text(text: str, limit: int = MAX_TEXT) -> bytes:
    """Encode text, cut to `limit` octets between two characters."""
    raw = text.encode("utf-8", "backslashreplace")
    return raw if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore").encode()


def _encode_state(fact: StateChanged, index: Index) -> bytes:
    at, peer, old, new, event = fact
    return _STATE.pack(_STATE_SIZE, _STATE_KIND, index[peer], round(at * 1e9), old, new, event)


def _decode_state(record: bytes, names: PeerNames) -> StateChanged:
    _, _, peer, at, old, new, event = _STATE.unpack_from(record)
    return StateChanged(at / 1e9, names[peer] or "", old, new, event)


def _encode_timer(fact: TimerFired, index: Index) -> bytes:
    at, peer, timer, late = fact
    name = _text(timer, 255)
    head = _TIMER.pack(
        _TIMER_SIZE + len(name), _TIMER_KIND, index[peer], round(at * 1e9), round(late * 1e9)
    )
    return head + name


def _decode_timer(record: bytes, names: PeerNames) -> TimerFired:
    _, _, peer, at, late = _TIMER.unpack_from(record)
    timer = record[_TIMER_SIZE:].decode()
    return TimerFired(at / 1e9, names[peer] or "", timer, late / 1e9)


def _encode_hold(fact: HoldExpired, index: Index) -> bytes:
    return _HOLD.pack(
        *(_HOLD.size, _KINDS[HoldExpired], index[fact.peer], nanoseconds(fact.at)),
        *(fact.epoch, nanoseconds(fact.heard), nanoseconds(fact.last_received)),
        *(fact.hold, nanoseconds(fact.late), fact.unread),
    )


def _decode_hold(record: bytes, names: PeerNames) -> HoldExpired:
    _, _, peer, at, epoch, heard, received, hold, late, unread = _HOLD.unpack_from(record)
    return HoldExpired(
        *(at / 1e9, names[peer] or "", epoch),
        *(heard / 1e9, received / 1e9, hold, late / 1e9, unread),
    )


def _encode_ended(fact: SessionEnded, index: Index) -> bytes:
    return _ENDED.pack(
        *(_ENDED.size, _KINDS[SessionEnded], index[fact.peer], nanoseconds(fact.at)),
        *(fact.epoch, nanoseconds(fact.last_sent)),
        *(nanoseconds(fact.keepalive), nanoseconds(fact.late)),
    )


def _decode_ended(record: bytes, names: PeerNames) -> SessionEnded:
    _, _, peer, at, epoch, sent, keepalive, late = _ENDED.unpack_from(record)
    return SessionEnded(
        at / 1e9, names[peer] or "", epoch, sent / 1e9, keepalive / 1e9, late / 1e9
    )


def _encode_best(fact: BestChanged, index: Index) -> bytes:
    at, prefix, peer, as_path = fact
    tail = prefix + _text(as_path)
    head = _SPLIT.pack(
        _SPLIT_SIZE + len(tail), _BEST_KIND, index[peer], round(at * 1e9), len(prefix)
    )
    return head + tail


def _decode_best(record: bytes, names: PeerNames) -> BestChanged:
    _, _, peer, at, split = _SPLIT.unpack_from(record)
    middle = _SPLIT_SIZE + split
    prefix = record[_SPLIT_SIZE:middle]
    return BestChanged(at / 1e9, prefix, names[peer], record[middle:].decode())


def _notification_codec(
    kind: type[NotificationSent | NotificationReceived],
) -> tuple[Callable[[Any, Index], bytes], Callable[[bytes, PeerNames], Record]]:
    number = _KINDS[kind]

    def encode(fact: NotificationSent | NotificationReceived, index: Index) -> bytes:
        data = fact.data[:MAX_OCTETS]
        return (
            _NOTIFICATION.pack(
                _NOTIFICATION.size + len(data),
                number,
                index[fact.peer],
                nanoseconds(fact.at),
                fact.code,
                fact.subcode,
            )
            + data
        )

    def decode_one(record: bytes, names: PeerNames) -> Record:
        _, _, peer, at, code, subcode = _NOTIFICATION.unpack_from(record)
        data = record[_NOTIFICATION.size :]
        return kind(at / 1e9, names[peer] or "", code, subcode, data)

    return encode, decode_one


def _update_codec(
    kind: type[UpdateSent | UpdateReceived],
) -> tuple[Callable[[Any, Index], bytes], Callable[[bytes, PeerNames], Record]]:
    number = _KINDS[kind]

    def encode(fact: UpdateSent | UpdateReceived, index: Index) -> bytes:
        at, peer, octets, *place = fact
        size = _UPDATE.size + len(octets)
        return _UPDATE.pack(size, number, index[peer], round(at * 1e9), *place) + octets

    def decode_one(record: bytes, names: PeerNames) -> Record:
        _, _, peer, at, *place = _UPDATE.unpack_from(record)
        return kind(at / 1e9, names[peer] or "", record[_UPDATE.size :], *place)

    return encode, decode_one


def _encode_caused(fact: Caused, index: Index) -> bytes:
    at, prefix, told, epoch, number, since, kind, source, *place = fact
    head = (_CAUSED.size + len(prefix), _KINDS[Caused], index[told], nanoseconds(at))
    cause = (nanoseconds(since), kind, index[source], *place)
    return _CAUSED.pack(*head, epoch, number, *cause) + prefix


def _decode_caused(record: bytes, names: PeerNames) -> Caused:
    _, _, told, at, epoch, number, since, kind, source, *place = _CAUSED.unpack_from(record)
    prefix, told, source = record[_CAUSED.size :], names[told] or "", names[source] or ""
    return Caused(at / 1e9, prefix, told, epoch, number, since / 1e9, kind, source, *place)


def _octets_codec(
    kind: type[OctetsSent | OctetsReceived],
) -> tuple[Callable[[Any, Index], bytes], Callable[[bytes, PeerNames], Record]]:
    number = _KINDS[kind]

    def encode(fact: tuple[float, str, bytes], index: Index) -> bytes:
        at, peer, octets = fact
        size = len(octets)
        if size > MAX_OCTETS:
            pieces = (octets[i : i + MAX_OCTETS] for i in range(0, size, MAX_OCTETS))
            return b"".join(encode((at, peer, piece), index) for piece in pieces)
        return HEAD.pack(HEAD_SIZE + size, number, index[peer], round(at * 1e9)) + octets

    def decode_one(record: bytes, names: PeerNames) -> Record:
        _, _, peer, at = HEAD.unpack_from(record)
        return kind(at / 1e9, names[peer] or "", record[HEAD_SIZE:])

    return encode, decode_one


def _encode_malformed(fact: MalformedUpdate, index: Index) -> bytes:
    action = _text(fact.action, 255)
    tail = action + _text(fact.reason)
    head = _SPLIT.pack(
        _SPLIT_SIZE + len(tail),
        _KINDS[MalformedUpdate],
        index[fact.peer],
        nanoseconds(fact.at),
        len(action),
    )
    return head + tail


def _decode_malformed(record: bytes, names: PeerNames) -> MalformedUpdate:
    _, _, peer, at, split = _SPLIT.unpack_from(record)
    middle = _SPLIT_SIZE + split
    action = record[_SPLIT_SIZE:middle].decode()
    return MalformedUpdate(at / 1e9, names[peer] or "", action, record[middle:].decode())


def _encode_failed(fact: CallbackFailed, index: Index) -> bytes:
    text = _text(fact.text)
    size = HEAD_SIZE + len(text)
    return (
        HEAD.pack(size, _KINDS[CallbackFailed], index[fact.peer], nanoseconds(fact.at)) + text
    )


def _decode_failed(record: bytes, names: PeerNames) -> CallbackFailed:
    _, _, peer, at = HEAD.unpack_from(record)
    return CallbackFailed(at / 1e9, names[peer] or "", record[HEAD_SIZE:].decode())


def _encode_quiet(quiet: Quiet, index: Index) -> bytes:
    if len(quiet.sessions) > MAX_SESSIONS:
        raise ValueError(f"at most {MAX_SESSIONS} sessions, got {len(quiet.sessions)}")
    sessions = b"".join(
        _SESSION.pack(index[peer], state, epoch, sent, received)
        for peer, state, epoch, sent, received in quiet.sessions
    )
    head = _QUIET.pack(
        _QUIET.size + len(sessions),
        _KINDS[Quiet],
        NO_PEER,
        nanoseconds(quiet.at),
        quiet.activity,
        nanoseconds(quiet.last_change),
    )
    return head + sessions


def _decode_quiet(record: bytes, names: PeerNames) -> Quiet:
    _, _, _, at, activity, last_change = _QUIET.unpack_from(record)
    sessions = tuple(
        SessionCount(names[peer] or "", state, epoch, sent, received)
        for peer, state, epoch, sent, received in _SESSION.iter_unpack(record[_QUIET.size :])
    )
    return Quiet(at / 1e9, activity, last_change / 1e9, sessions)


_CODECS: dict[
    type, tuple[Callable[[Any, Index], bytes], Callable[[bytes, PeerNames], Record]]
] = {
    StateChanged: (_encode_state, _decode_state),
    NotificationSent: _notification_codec(NotificationSent),
    NotificationReceived: _notification_codec(NotificationReceived),
    TimerFired: (_encode_timer, _decode_timer),
    BestChanged: (_encode_best, _decode_best),
    UpdateSent: _update_codec(UpdateSent),
    UpdateReceived: _update_codec(UpdateReceived),
    OctetsSent: _octets_codec(OctetsSent),
    OctetsReceived: _octets_codec(OctetsReceived),
    MalformedUpdate: (_encode_malformed, _decode_malformed),
    CallbackFailed: (_encode_failed, _decode_failed),
    Quiet: (_encode_quiet, _decode_quiet),
    HoldExpired: (_encode_hold, _decode_hold),
    SessionEnded: (_encode_ended, _decode_ended),
    Caused: (_encode_caused, _decode_caused),
}
ENCODERS = {kind: codec[0] for kind, codec in _CODECS.items()}
DECODERS = {_KINDS[kind]: codec[1] for kind, codec in _CODECS.items()}
