"""The tables of the journal."""

from __future__ import annotations

from proxy_core.journal import pieces

VERSION = 1
"""Of the tables; a file of another version is set aside rather than half understood."""

TABLES = f"""
CREATE TABLE volumes (
    id INTEGER PRIMARY KEY, begun REAL NOT NULL, last REAL NOT NULL, grown INTEGER NOT NULL
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, volume INTEGER NOT NULL, run TEXT NOT NULL, record INTEGER NOT NULL,
    at REAL NOT NULL, lane TEXT, summary BLOB NOT NULL, details INTEGER NOT NULL, raw INTEGER,
    normalized INTEGER, raw_bytes INTEGER, normalized_bytes INTEGER
);
CREATE UNIQUE INDEX entries_by_key ON entries (run, record);
CREATE INDEX entries_by_time ON entries (at);
CREATE INDEX entries_by_lane ON entries (lane, at);
CREATE INDEX entries_by_volume ON entries (volume);
{pieces.TABLES}"""
# `summary` is JSON; `details`, `raw` and `normalized` are references, see `pieces`. The sizes are those of
# the bodies as they are read. `grown` is about what a volume takes, in bytes; times are in seconds since the
# epoch.

PROBES = (
    "SELECT id, begun, last, grown FROM volumes LIMIT 0",
    "SELECT id, volume, run, record, at, lane, summary, details, raw, normalized, raw_bytes, "
    "normalized_bytes FROM entries LIMIT 0",
    *pieces.PROBES,
)
