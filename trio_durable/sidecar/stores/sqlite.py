"""SQLite: one file (and its -wal), one connection, every commit synced.

- WAL with synchronous=FULL: COMMIT returns after the log is on the disk.  A commit of many instances' changes is one
  transaction and therefore one sync; this is where group commit pays.
- One connection writes, reads and checkpoints, and it holds the file's lock for as long as it is open: a second
  sidecar on the same file gets a clear error at once, and no second connection can ever checkpoint (which SQLite
  before 3.51.3 could answer with a corrupt log).
- Payloads are blobs that nobody here looks into.  History is kept as it is used: one row per turn, holding that turn's
  events framed for the work item that will carry them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from trio_durable import abc
from trio_durable._errors import SidecarError

__all__ = ["SCHEMA_VERSION", "SQLiteStore"]

SCHEMA_VERSION = 2

_SCHEMA = """
CREATE TABLE instances (
    number    INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    parent    TEXT,
    active    INTEGER NOT NULL,
    state     BLOB NOT NULL,
    input     TEXT,
    handed_down BLOB
);
CREATE INDEX instances_active ON instances (number) WHERE active;
CREATE INDEX instances_parent ON instances (parent) WHERE parent IS NOT NULL;
CREATE TABLE history (
    instance  TEXT NOT NULL,
    start     INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (instance, start)
) WITHOUT ROWID;
CREATE TABLE inbox (
    sequence  INTEGER PRIMARY KEY,
    instance  TEXT NOT NULL,
    data      BLOB NOT NULL
);
CREATE INDEX inbox_instance ON inbox (instance, sequence);
CREATE TABLE activities (
    sequence  INTEGER PRIMARY KEY,
    instance  TEXT NOT NULL,
    execution TEXT NOT NULL,
    data      BLOB NOT NULL
);
CREATE INDEX activities_instance ON activities (instance);
CREATE TABLE timers (
    instance  TEXT NOT NULL,
    timer     INTEGER NOT NULL,
    fire_at   INTEGER NOT NULL,
    PRIMARY KEY (instance, timer)
) WITHOUT ROWID;
"""


class SQLiteStore:
    """A `Store` in one SQLite file.

    path: the database file; it is created, with its directory's permission, where it does not exist.
    vfs: the name of the SQLite VFS to open it with (tests of power cuts bring their own).

    Raises SidecarError if the file is in use by another process, is no database, or has another schema.
    """

    blocking = True

    def __init__(self, path: str | os.PathLike[str], *, vfs: str | None = None) -> None:
        self.path = Path(path)
        self.commits = 0
        try:
            self._db = apsw.Connection(os.fspath(self.path), vfs=vfs, statementcachesize=64)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except apsw.BusyError as error:
            raise SidecarError(
                f"{self.path} is in use by another process. Expected a database file of this sidecar's own."
                " Stop the other sidecar, or give each one its own --db file."
            ) from error
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise SidecarError(f"{self.path} is no database that SQLite can read ({error}). Move it away.") from error
        except apsw.CantOpenError as error:
            raise SidecarError(
                f"{self.path} cannot be opened ({error}). Expected a file in a directory that exists and is writable."
            ) from error

    def _prepare(self) -> None:
        db = self._db
        db.set_busy_timeout(0)
        # Exclusive before WAL: no shared-memory file, and the lock is ours until close.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        # The switch to WAL is itself a transaction with a rollback journal.  Only EXTRA makes that journal's removal
        # durable; a journal that comes back after a power cut would undo the switch, and with it all that followed.
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -16000")
        version = db.pragma("user_version")
        fresh = version == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchall()
        if not fresh and version not in (1, SCHEMA_VERSION):
            raise SidecarError(
                f"{self.path} has schema {version}; this version reads schema {SCHEMA_VERSION}, and brings schema 1 up"
                " to date. Use the version that wrote it, or another file."
            )
        # One transaction: after a crash the file has the old schema or the new one.  Writing the number, even the same
        # one, takes the lock now, not at the first commit.
        with db:
            if fresh:
                db.execute(_SCHEMA)
            elif version == 1:
                db.execute("ALTER TABLE instances ADD COLUMN handed_down BLOB")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def commit(self, changes: Sequence[abc.Change]) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            for change in changes:
                for sql, arguments in _statements(change):
                    db.execute(sql, arguments)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self.commits += 1

    def recover(self) -> abc.Snapshot:
        db = self._db
        return abc.Snapshot(
            instances=[
                abc.StoredInstance(number, parent, True, state, payload, handed_down)
                for number, parent, state, payload, handed_down in db.execute(
                    "SELECT id, parent, state, input, handed_down FROM instances WHERE active ORDER BY number"
                )
            ],
            inbox=[
                abc.StoredEvent(*row)
                for row in db.execute("SELECT instance, sequence, data FROM inbox ORDER BY sequence")
            ],
            activities=[
                abc.StoredActivity(*row)
                for row in db.execute("SELECT instance, sequence, execution, data FROM activities ORDER BY sequence")
            ],
            timers=[abc.StoredTimer(*row) for row in db.execute("SELECT instance, timer, fire_at FROM timers")],
        )

    def instance(self, instance_id: str) -> abc.StoredInstance | None:
        sql = "SELECT id, parent, active, state, input, handed_down FROM instances WHERE id = ?"
        rows = self._rows(sql, instance_id)
        if not rows:
            return None
        number, parent, active, state, payload, handed_down = rows[0]
        return abc.StoredInstance(number, parent, bool(active), state, payload, handed_down)

    def history(self, instance_id: str) -> list[tuple[int, bytes]]:
        return self._rows("SELECT count, data FROM history WHERE instance = ? ORDER BY start", instance_id)

    def children(self, instance_id: str) -> list[str]:
        rows = self._rows("SELECT id FROM instances WHERE parent = ? ORDER BY number", instance_id)
        return [number for (number,) in rows]

    def instance_ids(self, *, after: str | None, limit: int) -> list[str]:
        rows = self._rows("SELECT id FROM instances WHERE id > ? ORDER BY id LIMIT ?", after or "", limit)
        return [number for (number,) in rows]

    def _rows(self, sql: str, *arguments: str | int) -> list[Any]:
        return self._db.execute(sql, arguments).fetchall()

    def close(self) -> None:
        """Checkpoint the log into the file and let go of both."""
        self._db.close()


_DELETE = (
    "DELETE FROM history WHERE instance = ?",
    "DELETE FROM inbox WHERE instance = ?",
    "DELETE FROM timers WHERE instance = ?",
)

Statement = tuple[str, tuple[str | int | bytes | None, ...]]


def _statements(change: abc.Change) -> list[Statement]:
    """The statements that make one change."""
    match change:
        case abc.AddInbox(instance_id, sequence, data):
            return [("INSERT INTO inbox (instance, sequence, data) VALUES (?, ?, ?)", (instance_id, sequence, data))]
        case abc.TakeInbox(instance_id, sequence):
            return [("DELETE FROM inbox WHERE instance = ? AND sequence <= ?", (instance_id, sequence))]
        case abc.AppendHistory(instance_id, start, count, data):
            sql = "INSERT INTO history (instance, start, count, data) VALUES (?, ?, ?, ?)"
            return [(sql, (instance_id, start, count, data))]
        case abc.UpdateInstance(instance_id, active, state):
            sql = "UPDATE instances SET active = ?, state = ? WHERE id = ?"
            update: Statement = (sql, (int(active), state, instance_id))
            return [update] if active else [update, *((sql, (instance_id,)) for sql in _DELETE[1:])]
        case abc.AddActivity(instance_id, sequence, execution_id, data):
            sql = "INSERT INTO activities (instance, sequence, execution, data) VALUES (?, ?, ?, ?)"
            return [(sql, (instance_id, sequence, execution_id, data))]
        case abc.RemoveActivity(sequence):
            return [("DELETE FROM activities WHERE sequence = ?", (sequence,))]
        case abc.AddTimer(instance_id, timer_id, fire_at):
            sql = "INSERT OR REPLACE INTO timers (instance, timer, fire_at) VALUES (?, ?, ?)"
            return [(sql, (instance_id, timer_id, fire_at))]
        case abc.RemoveTimer(instance_id, timer_id):
            return [("DELETE FROM timers WHERE instance = ? AND timer = ?", (instance_id, timer_id))]
        case abc.CreateInstance(instance_id, parent_id, state, payload, handed_down):
            sql = "INSERT INTO instances (id, parent, active, state, input, handed_down) VALUES (?, ?, 1, ?, ?, ?)"
            return [*_delete(instance_id), (sql, (instance_id, parent_id, state, payload, handed_down))]
        case abc.ClearExecution(instance_id, payload):
            sql = "UPDATE instances SET input = ? WHERE id = ?"
            return [*((sql, (instance_id,)) for sql in _DELETE), (sql, (payload, instance_id))]
        case abc.DeleteInstance(instance_id):
            return _delete(instance_id)


def _delete(instance_id: str) -> list[Statement]:
    return [
        ("DELETE FROM instances WHERE id = ?", (instance_id,)),
        ("DELETE FROM activities WHERE instance = ?", (instance_id,)),
        *((sql, (instance_id,)) for sql in _DELETE),
    ]
