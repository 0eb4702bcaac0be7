"""What was asked and what people thought of the answers, in one SQLite file on this machine.

A disk that is full or does not let itself be written to never stands in the way of an answer: what cannot be kept is
dropped, the owner is told once (`FeedbackStore.trouble` and one warning in the log), and the next answer is tried anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar, get_args
from uuid import uuid4

import platformdirs

from rag_faq.errors import FeedbackError, UnknownAnswerError
from rag_faq.feedback.asked import Asked, Verdict, asked_of, cut_reason, from_row, to_row
from rag_faq.feedback.schema import connect
from rag_faq.records import Answer
from rag_faq.settings import Settings

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MOST_READ: Final = 20_000  # the newest answers that one look back takes in
_SWEEP_SECONDS: Final = 3600.0  # how often what is too old is looked for
_TELL_AGAIN_SECONDS: Final = 3600.0
_MOST_ID: Final = 64

_INSERT = """
    INSERT INTO answers VALUES (:id, :asked_at, :session, :door, :question, :searched, :outcome, :text, :sources,
    :nearest, :evidence, :index_fingerprint, :model, :model_sha256, :version)
"""
_JUDGE = """
    INSERT INTO verdicts VALUES (?, ?, ?, ?)
    ON CONFLICT (answer_id) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
    given_at = excluded.given_at
"""
_READ = """
    SELECT answers.*, verdict, reason FROM answers LEFT JOIN verdicts ON answer_id = id
    WHERE asked_at >= ? ORDER BY asked_at DESC, answers.rowid DESC LIMIT ?
"""


class FeedbackStore:
    """The file of answers and verdicts. Any number of threads and processes may use it at once."""

    def __init__(self, path: Path, *, days: int = 0) -> None:
        """Nothing is touched before the first use. What is older than `days` is deleted; 0 keeps it."""
        self.path = path
        self.days = days
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._swept = 0.0
        self._trouble = ""
        self._told: float | None = None  # when the owner was last told

    @classmethod
    def open(cls, path: Path, *, days: int = 0) -> FeedbackStore:
        """The store in this file, which is made when there is something to keep."""
        return cls(path, days=days)

    @property
    def trouble(self) -> str:
        """Why nothing could be kept the last time it was tried; empty when all is well."""
        return self._trouble

    def log_answer(self, answer: Answer, *, session: str = "", door: str = "page") -> str | None:
        """Keep an answer: gives the id under which feedback on it is taken, None when it could not be kept."""
        return self._keep(asked_of(answer, uuid4().hex, session=session, door=door), None)

    def add_feedback(
        self, answer_id: str | None, verdict: Verdict, reason: str = "", *, answer: Answer | None = None
    ) -> str | None:
        """Keep what somebody thinks of an answer; a later verdict on the same answer takes the place of the first.

        `answer` is kept too where `answer_id` is not (any more): the disk may have been full then. Gives the id under
        which both are kept now, None when the disk does not let them. Raises UnknownAnswerError when neither the id is
        known nor an answer given.
        """
        if verdict not in get_args(Verdict):
            raise ValueError(f"a verdict is up or down, not {verdict!r}")
        judged = (verdict, cut_reason(reason))

        def judge(connection: sqlite3.Connection) -> bool:
            known = connection.execute("SELECT 1 FROM answers WHERE id = ?", (answer_id,)).fetchone()
            if known:
                connection.execute(_JUDGE, (answer_id, *judged, time.time()))
            return known is not None

        known = self._write(judge) if answer_id and len(answer_id) <= _MOST_ID else False
        if known is None or known:
            return answer_id if known else None
        if answer is None:
            raise UnknownAnswerError("There is no such answer to give feedback on", mend="send the answer along")
        return self._keep(asked_of(answer, uuid4().hex, session="", door="feedback"), judged)

    def withdraw_feedback(self, answer_id: str) -> bool:
        """Forget the verdict on an answer: True when it is gone."""

        def forget(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM verdicts WHERE answer_id = ?", (answer_id,))
            return True

        return bool(self._write(forget))

    def asked(self, since: float = 0.0, most: int = MOST_READ) -> tuple[Asked, ...]:
        """What was asked since then (seconds since 1970), newest first, `most` at the most.

        Raises FeedbackError when there is a file that cannot be read; no file is an empty one.
        """
        if not self.path.exists():
            return ()
        try:
            with closing(connect(self.path)) as connection:  # of its own: a long look back does not hold up an answer
                return tuple(from_row(row) for row in connection.execute(_READ, (since, most)))
        except (sqlite3.Error, OSError) as error:
            raise FeedbackError(
                f"The feedback in {self.path} cannot be read: {error}",
                mend=f"make it readable, or move {self.path} away to begin anew",
            ) from error

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._disconnect()

    # -- writing --------------------------------------------------------------------------------------------------

    def _keep(self, asked: Asked, judged: tuple[Verdict, str] | None) -> str | None:
        def insert(connection: sqlite3.Connection) -> str:
            connection.execute(_INSERT, to_row(asked))
            if judged is not None:
                connection.execute(_JUDGE, (asked.id, *judged, time.time()))
            return asked.id

        return self._write(insert)

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """What `work` gives, in a transaction of its own; None when the file or the disk does not allow it."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connect(self.path)
                with _transaction(self._connection):
                    result = work(self._connection)
                    self._sweep(self._connection)
            except (sqlite3.Error, OSError, FeedbackError) as error:
                self._disconnect()
                self._tell(error)
                return None
            if self._trouble:
                log.info("feedback is kept again in %s", self.path)
            self._trouble = ""
            return result

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Delete what is too old."""
        now = time.time()
        if self.days and now - self._swept > _SWEEP_SECONDS:
            connection.execute("DELETE FROM answers WHERE asked_at < ?", (now - 86_400 * self.days,))
            self._swept = now

    def _tell(self, error: Exception) -> None:
        """Say that nothing is kept, once: on a disk that is all but full, some writes succeed between others."""
        self._trouble = f"Feedback cannot be kept in {self.path}: {error}"
        now = time.monotonic()
        if self._told is None or now - self._told > _TELL_AGAIN_SECONDS:
            log.warning("%s; answers are given all the same", self._trouble)
            self._told = now

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. The lock on the file is taken at the start, so that waiting for it cannot end in a deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def feedback_file(settings: Settings) -> Path:
    """Where feedback is kept."""
    return settings.feedback_file or platformdirs.user_data_path("rag-faq", appauthor=False) / "feedback.sqlite3"


def open_feedback(settings: Settings) -> FeedbackStore | None:
    """The store of the settings; None when nothing shall be kept."""
    return FeedbackStore.open(feedback_file(settings), days=settings.feedback_days) if settings.feedback else None
