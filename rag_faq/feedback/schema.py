"""The SQLite file of feedback: its tables, by version, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from rag_faq.errors import FeedbackError

WAIT_SECONDS: Final = 5.0  # for another process that is writing

# The file says in `user_version` how many of these it has been through. They are never altered, only added to.
MIGRATIONS: Final = (
    """
    CREATE TABLE answers (
        id TEXT PRIMARY KEY,
        asked_at REAL NOT NULL,      -- seconds since 1970, UTC
        session TEXT NOT NULL,
        door TEXT NOT NULL,
        question TEXT NOT NULL,
        searched TEXT NOT NULL,
        outcome TEXT NOT NULL,
        text TEXT NOT NULL,
        sources TEXT NOT NULL,       -- JSON: [{"id", "question", "cited"}]
        nearest TEXT NOT NULL,       -- JSON: the ids of the entries that a refusal named
        evidence REAL NOT NULL,
        index_fingerprint TEXT NOT NULL,
        model TEXT NOT NULL,
        model_sha256 TEXT NOT NULL,
        version TEXT NOT NULL        -- of this package
    );
    CREATE INDEX answers_by_time ON answers (asked_at);
    CREATE TABLE verdicts (
        answer_id TEXT PRIMARY KEY REFERENCES answers (id) ON DELETE CASCADE,
        verdict TEXT NOT NULL CHECK (verdict IN ('up', 'down')),
        reason TEXT NOT NULL,
        given_at REAL NOT NULL
    );
    """,
)


def connect(path: Path) -> sqlite3.Connection:
    """The file, made where there is none, in the newest version; transactions are the caller's own.

    Any thread may use the connection, one at a time. Raises FeedbackError for a file of a newer version, sqlite3.Error
    and OSError where the file or the disk does not allow it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # What people ask is nobody else's business; SQLite gives the files beside it the same permissions.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, path)
    except (sqlite3.Error, FeedbackError):
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is gone from the file
    connection.execute("PRAGMA synchronous = NORMAL")
    _to_wal(connection)
    if _version(connection) != len(MIGRATIONS):
        _migrate(connection, path)


def _to_wal(connection: sqlite3.Connection) -> None:
    """The journal that lets others read meanwhile. SQLite itself does not wait for others who change it just now."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the higher bits say with what
            if not busy or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """All steps that the file has not been through, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _version(connection)  # again, since another process may have been quicker
        if done > len(MIGRATIONS):
            raise FeedbackError(
                f"{path} was written by a newer version of rag-faq (format {done})",
                expected=f"at most format {len(MIGRATIONS)}",
                mend="update rag-faq, or name another file: --set feedback_file=FILE",
            )
        for step in MIGRATIONS[done:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: `executescript` would end the transaction."""
    found: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return found
