"""The tables of a run's database.

Tables hold numbers: times are integer nanoseconds of CLOCK_MONOTONIC, routers and peers are row
numbers of `router`, states and events those of RFC 4271 section 8. For each there is a view in
the plural that reads as text, with times in seconds since the start of the run. The one row of
`run` anchors the monotonic clock to the wall clock.
"""

from __future__ import annotations

APPLICATION_ID = int.from_bytes(b"bgpl")
FORMAT = 2  # `user_version`; a reader refuses other numbers
DEAD = -1  # the state of every session of a router that died

TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL, engine TEXT NOT NULL, level TEXT NOT NULL, seed INTEGER NOT NULL,
    version TEXT NOT NULL, python TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
    started TEXT NOT NULL, started_ns INTEGER NOT NULL, started_wall_ns INTEGER NOT NULL,
    ended_ns INTEGER, verdict TEXT, exit_code INTEGER,
    report TEXT, -- JSON
    lost TEXT -- JSON: rows per table that the disk was too slow for
);
CREATE TABLE topology (name TEXT NOT NULL, yaml TEXT NOT NULL);
CREATE TABLE state (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE event (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE cause_kind (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE router (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    asn INTEGER NOT NULL, identifier TEXT, address TEXT, pid INTEGER,
    state TEXT NOT NULL, -- configured, running, stopped, died; outside: a peer that is not ours
    exit_status TEXT, died_ns INTEGER
);
CREATE TABLE session (
    router INTEGER NOT NULL, peer INTEGER NOT NULL,
    state INTEGER NOT NULL, since_ns INTEGER NOT NULL,
    established INTEGER NOT NULL, -- how often it became Established
    PRIMARY KEY (router, peer)
) WITHOUT ROWID;
CREATE TABLE transition (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    old INTEGER NOT NULL, new INTEGER NOT NULL, event INTEGER NOT NULL
);
CREATE TABLE notification (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    received INTEGER NOT NULL,
    code INTEGER NOT NULL, subcode INTEGER NOT NULL, data BLOB NOT NULL, text TEXT NOT NULL
);
CREATE TABLE timer (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    timer TEXT NOT NULL, late_ns INTEGER NOT NULL
);
CREATE TABLE route_change (
    at INTEGER NOT NULL, router INTEGER NOT NULL, prefix TEXT NOT NULL,
    peer INTEGER, -- NULL: own, or no route is left
    as_path TEXT -- NULL: no route is left
);
CREATE TABLE message (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    received INTEGER NOT NULL, octets BLOB NOT NULL,
    epoch INTEGER NOT NULL, number INTEGER NOT NULL -- of the session; the same at both ends
);
CREATE TABLE cause ( -- why a best route changed, or why a peer was told of a prefix
    at INTEGER NOT NULL, router INTEGER NOT NULL, prefix TEXT NOT NULL, -- "": End-of-RIB
    told INTEGER, -- NULL: the best route itself changed
    epoch INTEGER NOT NULL, number INTEGER NOT NULL, -- of the UPDATE that was sent
    since INTEGER NOT NULL, kind INTEGER NOT NULL, -- when and what: facts.CauseKind
    source INTEGER, -- the peer whose session it happened in
    source_epoch INTEGER NOT NULL, source_number INTEGER NOT NULL -- of the UPDATE received
);
CREATE TABLE act ( -- what was done to a router, or to the link between two
    at INTEGER NOT NULL, router INTEGER, peer INTEGER, text TEXT NOT NULL
);
CREATE TABLE stream (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    received INTEGER NOT NULL, octets BLOB NOT NULL
);
CREATE TABLE route (
    router INTEGER NOT NULL, prefix TEXT NOT NULL, as_path TEXT NOT NULL,
    next_hop TEXT NOT NULL, peer INTEGER, -- NULL: own
    reason TEXT NOT NULL,
    PRIMARY KEY (router, prefix)
) WITHOUT ROWID;
CREATE TABLE candidate ( -- from level updates on: every path that a router holds in the end
    router INTEGER NOT NULL, prefix TEXT NOT NULL, peer INTEGER, -- NULL: own
    as_path TEXT NOT NULL, next_hop TEXT NOT NULL, origin TEXT NOT NULL,
    local_pref INTEGER NOT NULL, med INTEGER, communities TEXT NOT NULL,
    best INTEGER NOT NULL,
    lost TEXT NOT NULL, -- the step of the decision at which it lost, "" for the best
    reason TEXT NOT NULL
);
CREATE TABLE timing ( -- what a session end measured of its timers, at the end of the run
    router INTEGER NOT NULL, peer INTEGER NOT NULL,
    kind TEXT NOT NULL, -- sent, received: silence before KEEPALIVEs; connect-retry; mrai
    count INTEGER NOT NULL, outside INTEGER NOT NULL,
    least REAL NOT NULL, greatest REAL NOT NULL, -- shares of what the timer is set to
    late REAL NOT NULL, mean_late REAL NOT NULL, -- seconds on the lab's clock
    p99_late REAL, -- of KeepaliveTimer, in seconds of the machine
    PRIMARY KEY (router, peer, kind)
) WITHOUT ROWID;
CREATE TABLE expiry ( -- hold timers that expired
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    kind TEXT NOT NULL, -- genuine, starvation, unclear
    hold INTEGER NOT NULL, waited_ns INTEGER NOT NULL, late_ns INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (at, router, peer)
) WITHOUT ROWID;
CREATE TABLE failure (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER, text TEXT NOT NULL
);
CREATE TABLE malformed_update (
    at INTEGER NOT NULL, router INTEGER NOT NULL, peer INTEGER NOT NULL,
    action TEXT NOT NULL, reason TEXT NOT NULL
);
"""

_SECONDS = "({0} - (SELECT started_ns FROM run)) / 1e9"
_AT = _SECONDS.format("t.at") + " AS at, r.name AS router"
_BOTH = "JOIN router r ON r.id = t.router JOIN router p ON p.id = t.peer"
_EITHER = "JOIN router r ON r.id = t.router LEFT JOIN router p ON p.id = t.peer"
_EITHER_SOURCE = "JOIN router r ON r.id = t.router LEFT JOIN router p ON p.id = t.source"
_DIRECTION = "CASE t.received WHEN 1 THEN 'received' ELSE 'sent' END AS direction"

VIEWS = f"""
CREATE VIEW routers AS
    SELECT id, name, asn, identifier, address, pid, state, exit_status,
        {_SECONDS.format("died_ns")} AS died_at
    FROM router ORDER BY id;
CREATE VIEW sessions AS
    SELECT r.name AS router, p.name AS peer, s.name AS state,
        {_SECONDS.format("t.since_ns")} AS since, t.established, t.since_ns
    FROM session t {_BOTH} JOIN state s ON s.number = t.state ORDER BY t.router, t.peer;
CREATE VIEW transitions AS
    SELECT {_AT}, p.name AS peer, o.name AS old, n.name AS new, t.event, e.name AS event_name
    FROM transition t {_BOTH}
        JOIN state o ON o.number = t.old JOIN state n ON n.number = t.new
        LEFT JOIN event e ON e.number = t.event;
CREATE VIEW notifications AS
    SELECT {_AT}, p.name AS peer, {_DIRECTION}, t.code, t.subcode, t.text, hex(t.data) AS data
    FROM notification t {_BOTH};
CREATE VIEW timers AS
    SELECT {_AT}, p.name AS peer, t.timer, t.late_ns / 1e9 AS late FROM timer t {_BOTH};
CREATE VIEW route_changes AS
    SELECT {_AT}, t.prefix,
        CASE WHEN t.as_path IS NOT NULL THEN ifnull(p.name, 'own') END AS from_peer, t.as_path
    FROM route_change t {_EITHER};
CREATE VIEW updates AS
    SELECT {_AT}, p.name AS peer, {_DIRECTION}, hex(t.octets) AS octets FROM message t {_BOTH};
CREATE VIEW causes AS
    SELECT {_AT}, t.prefix, o.name AS told, t.epoch, t.number,
        {_SECONDS.format("t.since")} AS since, k.name AS kind, p.name AS source,
        t.source_epoch, t.source_number
    FROM cause t {_EITHER_SOURCE} LEFT JOIN router o ON o.id = t.told
        JOIN cause_kind k ON k.number = t.kind;
CREATE VIEW acts AS
    SELECT {_SECONDS.format("t.at")} AS at, r.name AS router, p.name AS peer, t.text
    FROM act t LEFT JOIN router r ON r.id = t.router LEFT JOIN router p ON p.id = t.peer;
CREATE VIEW octets AS
    SELECT {_AT}, p.name AS peer, {_DIRECTION}, hex(t.octets) AS octets FROM stream t {_BOTH};
CREATE VIEW routes AS
    SELECT r.name AS router, t.prefix, t.as_path, t.next_hop,
        ifnull(p.name, 'own') AS from_peer, t.reason FROM route t {_EITHER};
CREATE VIEW candidates AS
    SELECT r.name AS router, t.prefix, ifnull(p.name, 'own') AS from_peer, t.as_path,
        t.next_hop, t.origin, t.local_pref, t.med, t.communities, t.best, t.lost, t.reason
    FROM candidate t {_EITHER};
CREATE VIEW keepalives AS
    SELECT r.name AS router, p.name AS peer, t.kind AS direction, t.count, t.outside,
        t.least, t.greatest, t.p99_late, t.late
    FROM timing t {_BOTH} WHERE t.kind IN ('sent', 'received')
    ORDER BY t.router, t.peer, t.kind DESC;
CREATE VIEW intervals AS
    SELECT r.name AS router, p.name AS peer, t.kind AS timer, t.count, t.outside,
        t.least, t.greatest, t.mean_late, t.late
    FROM timing t {_BOTH} WHERE t.kind NOT IN ('sent', 'received')
    ORDER BY t.router, t.peer, t.kind;
CREATE VIEW expiries AS
    SELECT {_AT}, p.name AS peer, t.kind, t.hold, t.waited_ns / 1e9 AS waited,
        t.late_ns / 1e9 AS late, t.evidence
    FROM expiry t {_BOTH};
CREATE VIEW errors AS
    SELECT {_AT}, ifnull(p.name, '') AS peer, t.text FROM failure t {_EITHER};
CREATE VIEW malformed AS
    SELECT {_AT}, p.name AS peer, t.action, t.reason FROM malformed_update t {_BOTH};
"""  # noqa: S608 -- made of the constants above


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 -- our own names


ADD_ROUTER = _insert("router", 9)
ADD_SESSION = _insert("session", 5)
ADD_TRANSITION = _insert("transition", 6)
ADD_NOTIFICATION = _insert("notification", 8)
ADD_TIMER = _insert("timer", 5)
ADD_ROUTE_CHANGE = _insert("route_change", 5)
ADD_MESSAGE = _insert("message", 7)
ADD_CAUSE = _insert("cause", 11)
ADD_ACT = _insert("act", 4)
ADD_STREAM = _insert("stream", 5)
ADD_ROUTE = _insert("route", 6).replace("INSERT", "INSERT OR REPLACE")
ADD_CANDIDATE = _insert("candidate", 12)
ADD_FAILURE = _insert("failure", 4)
ADD_MALFORMED = _insert("malformed_update", 5)

PUT_TIMING = _insert("timing", 10).replace("INSERT", "INSERT OR REPLACE")
PUT_EXPIRY = _insert("expiry", 8).replace("INSERT", "INSERT OR REPLACE")

DROP_ROUTES = "DELETE FROM route WHERE router = ?"
DROP_CANDIDATES = "DELETE FROM candidate WHERE router = ?"
SET_SESSION = (
    "UPDATE session SET state = ?, since_ns = ?, established = ? WHERE router = ? AND peer = ?"
)
SET_RUNNING = (
    "UPDATE router SET state = 'running', pid = ?, exit_status = NULL, died_ns = NULL"
    " WHERE id = ?"
)
SET_STOPPED = "UPDATE router SET state = 'stopped', exit_status = ? WHERE id = ?"
SET_DIED = "UPDATE router SET state = 'died', exit_status = ?, died_ns = ? WHERE id = ?"
SET_RESULT = "UPDATE run SET ended_ns = ?, verdict = ?, exit_code = ?, report = ?"
SET_LOST = "UPDATE run SET lost = ?"

BULK = {  # what may be dropped when the disk is too slow: the table's name in `run.lost`
    ADD_TIMER: "timers",
    ADD_ROUTE_CHANGE: "route_changes",
    ADD_MESSAGE: "updates",
    ADD_CAUSE: "causes",
    ADD_STREAM: "octets",
}
