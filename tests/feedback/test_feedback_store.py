"""What is kept: which fields, how much of them, for how long; and that nothing of it stands in an answer's way."""

import dataclasses
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from feedback_builders import CATS, DOGS, answered, refused

from rag_faq.errors import FeedbackError, SettingsError, UnknownAnswerError
from rag_faq.feedback import schema
from rag_faq.feedback.asked import UsedEntry
from rag_faq.feedback.store import FeedbackStore, feedback_file, open_feedback
from rag_faq.settings import Settings


@pytest.fixture
def store(tmp_path):
    opened = FeedbackStore.open(tmp_path / "below" / "feedback.sqlite3")
    yield opened
    opened.close()


def test_nothing_is_touched_before_there_is_something_to_keep(store):
    assert store.asked() == ()
    assert not store.path.parent.exists()


def test_an_answer_is_kept_with_its_sources_and_versions(store):
    before = time.time()
    kept = store.log_answer(answered("Do cats eat?", CATS, shown=(DOGS,)), session="s1", door="page")
    (one,) = store.asked()
    assert (one.id, one.session, one.door) == (kept, "s1", "page")
    assert before <= one.at <= time.time()
    assert (one.question, one.searched, one.outcome, one.text) == (
        "Do cats eat?", "Do cats eat?", "grounded", "So it is. [1]",
    )  # fmt: skip
    assert one.sources == (
        UsedEntry("pets#1", "What do cats eat?", cited=True),
        UsedEntry("pets#2", "How long do dogs sleep?", cited=False),
    )
    assert (one.evidence, one.index, one.model, one.model_sha256) == (0.8, "i1", "tiny", "ab" * 32)
    assert (one.verdict, one.reason) == (None, "")


def test_a_refusal_keeps_the_nearest_entries_and_counts_as_unanswered(store):
    store.log_answer(refused("Why is the sky blue?", DOGS, CATS))
    (one,) = store.asked()
    assert (one.nearest, one.unanswered) == (("pets#2", "pets#1"), True)


def test_what_is_no_question_is_not_counted_as_unanswered(store):
    empty = dataclasses.replace(refused(" "), related=())
    store.log_answer(empty)
    assert not store.asked()[0].unanswered


def test_the_newest_comes_first_and_a_look_back_can_be_bounded(store):
    for question in ("one", "two", "three"):
        store.log_answer(answered(question, CATS))
    asked = store.asked()
    assert [a.question for a in asked] == ["three", "two", "one"]
    assert [a.question for a in store.asked(most=1)] == ["three"]
    assert [a.question for a in store.asked(since=asked[1].at)] == ["three", "two"]


def test_long_texts_are_cut(store):
    answer = answered("q" * 50_000, CATS, text="t" * 50_000)
    store.add_feedback(store.log_answer(answer, session="s" * 500), "down", "r" * 50_000)
    (one,) = store.asked()
    assert [len(text) for text in (one.question, one.text, one.reason, one.session)] == [2000, 10_000, 1000, 100]
    assert one.question.endswith("q…")


def test_half_a_surrogate_pair_is_kept_as_a_question_mark(store):
    assert store.log_answer(answered("caf\ud83d", CATS)) is not None
    assert store.asked()[0].question == "caf?"


# -- verdicts


def test_the_last_verdict_on_an_answer_counts(store):
    kept = store.log_answer(answered("Do cats eat?", CATS))
    assert store.add_feedback(kept, "up") == kept
    assert store.add_feedback(kept, "down", "  wrong \n") == kept
    (one,) = store.asked()
    assert (one.verdict, one.reason) == ("down", "wrong")


def test_a_verdict_can_be_withdrawn(store):
    kept = store.log_answer(answered("Do cats eat?", CATS))
    store.add_feedback(kept, "up")
    assert store.withdraw_feedback(kept)
    assert store.asked()[0].verdict is None


@pytest.mark.parametrize("answer_id", ["0" * 32, None, "", "x" * 1_000_000, "'; DROP TABLE answers; --"])
def test_an_answer_that_is_not_kept_cannot_be_judged_without_itself(store, answer_id):
    with pytest.raises(UnknownAnswerError):
        store.add_feedback(answer_id, "up")
    assert store.asked() == ()


def test_an_answer_that_is_not_kept_comes_with_its_verdict(store):
    kept = store.add_feedback("0" * 32, "down", "wrong", answer=answered("Do cats eat?", CATS))
    (one,) = store.asked()
    assert (one.id, one.question, one.door, one.verdict, one.reason) == (
        kept, "Do cats eat?", "feedback", "down", "wrong",
    )  # fmt: skip


def test_a_verdict_is_up_or_down(store):
    kept = store.log_answer(answered("Do cats eat?", CATS))
    with pytest.raises(ValueError, match="up or down"):
        store.add_feedback(kept, "sideways")  # type: ignore[arg-type]


# -- settings


def test_one_setting_turns_it_off(tmp_path):
    assert open_feedback(Settings.load(feedback=False)) is None
    where = tmp_path / "f.sqlite3"
    opened = open_feedback(Settings.load(feedback=True, feedback_file=where, feedback_days=7))
    assert opened is not None
    assert (opened.path, opened.days) == (where, 7)


def test_by_default_it_lies_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert feedback_file(Settings.load(feedback_file=None)).name == "feedback.sqlite3"


@pytest.mark.parametrize("bad", ["", 12345678, ["hunter22"]])
def test_the_password_is_never_printed(bad):
    with pytest.raises(SettingsError) as error:
        Settings.load(admin_password=bad)
    assert "`admin_password`" in str(error.value)
    assert "12345678" not in f"{error.value} {error.value.__cause__}"
    assert "hunter22" not in f"{error.value} {error.value.__cause__}"
    good = Settings.load(admin_password="hunter22")
    assert "hunter22" not in f"{good} {good!r} {good.model_dump(mode='json')}"


def test_only_the_user_may_read_the_file(store):
    store.log_answer(answered("Do cats eat?", CATS))
    files = list(store.path.parent.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# -- time


def test_what_is_too_old_is_deleted_with_its_verdict(tmp_path, monkeypatch):
    path = tmp_path / "f.sqlite3"
    with monkeypatch.context() as past:
        now = time.time()
        past.setattr(time, "time", lambda: now - 8 * 86_400)
        forever = FeedbackStore.open(path)
        forever.add_feedback(forever.log_answer(answered("zebra", CATS)), "up")
        forever.close()
    week = FeedbackStore.open(path, days=7)
    week.log_answer(answered("new", CATS))
    assert [one.question for one in week.asked()] == ["new"]
    week.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM verdicts").fetchone() == (0,)
    assert b"zebra" not in path.read_bytes()


# -- many at once


def test_eight_threads_at_once(store):
    def work(number: int) -> None:
        for i in range(25):
            store.add_feedback(store.log_answer(answered(f"{number}/{i}", CATS)), "up")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = store.asked()
    assert {one.question for one in asked} == {f"{n}/{i}" for n in range(8) for i in range(25)}
    assert {one.verdict for one in asked} == {"up"}
    assert store.trouble == ""


WRITER = """
import sys, threading
from pathlib import Path
from feedback_builders import CATS, answered
from rag_faq.feedback.store import FeedbackStore
store = FeedbackStore.open(Path(sys.argv[1]))
def work(n):
    for i in range(25):
        assert store.log_answer(answered(f"{sys.argv[2]}/{n}/{i}", CATS)), store.trouble
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


def run(program: str, *arguments: str) -> subprocess.Popen[str]:
    here = Path(__file__).resolve()
    paths = os.pathsep.join([str(here.parent), str(here.parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_three_processes_at_once_that_all_find_no_file(tmp_path):
    path = tmp_path / "new" / "f.sqlite3"
    writers = [run(WRITER, str(path), str(n)) for n in range(3)]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert (writer.returncode, said) == (0, "")
    assert len(FeedbackStore.open(path).asked()) == 300


# -- trouble with the disk


FULL = """
import logging, resource, sys
from pathlib import Path
from feedback_builders import CATS, answered
from rag_faq.feedback.store import FeedbackStore
said = []
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("rag_faq").addHandler(handler)
store = FeedbackStore.open(Path(sys.argv[1]))
kept = store.log_answer(answered("before", CATS))
assert kept
no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, no_limit[1]))  # to this process the disk is full from here on
lost = [store.log_answer(answered(f"q{i}" + 1500 * "x", CATS, text=9000 * "x")) for i in range(40)]
assert lost[-3:] == [None, None, None]
assert store.add_feedback(kept, "up") is None or store.trouble == ""
store.log_answer(answered("y" * 1900, CATS, text=9000 * "y"))
assert str(store.path) in store.trouble
assert len([s for s in said if "cannot be kept" in s]) == 1, said
resource.setrlimit(resource.RLIMIT_FSIZE, no_limit)  # there is room again
assert store.log_answer(answered("after", CATS)), store.trouble
assert store.trouble == ""
assert [a.question for a in store.asked()][0] == "after" and store.asked()[-1].question == "before"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits on the size of files")
def test_a_full_disk_is_told_once_and_works_again_when_there_is_room(tmp_path):
    process = run(FULL, str(tmp_path / "f.sqlite3"))
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


def test_a_place_that_cannot_be_written_to_is_told_once(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    store = FeedbackStore.open(tmp_path / "file" / "f.sqlite3")
    with caplog.at_level(logging.WARNING):
        assert store.log_answer(answered("Do cats eat?", CATS)) is None
        assert store.add_feedback("0" * 32, "up") is None
        assert store.add_feedback(None, "up", answer=answered("Do cats eat?", CATS)) is None
    assert len(caplog.records) == 1
    assert "answers are given all the same" in caplog.text
    assert "Feedback cannot be kept" in store.trouble


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "f.sqlite3"
    path.write_text("My diary\n" * 200)
    store = FeedbackStore.open(path)
    assert store.log_answer(answered("Do cats eat?", CATS)) is None
    assert "not a database" in store.trouble
    with pytest.raises(FeedbackError, match="cannot be read"):
        store.asked()
    assert path.read_text() == "My diary\n" * 200


# -- versions of the file


def test_an_older_file_is_brought_up_to_date_and_keeps_what_it_has(tmp_path, monkeypatch):
    path = tmp_path / "f.sqlite3"
    old = FeedbackStore.open(path)
    kept = old.log_answer(answered("Do cats eat?", CATS))
    old.close()
    steps = (*schema.MIGRATIONS, "CREATE TABLE more (x TEXT);\nINSERT INTO more VALUES ('a;b');\n")
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    new = FeedbackStore.open(path)
    assert new.add_feedback(kept, "up") == kept
    assert [(one.id, one.verdict) for one in new.asked()] == [(kept, "up")]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT x FROM more").fetchall() == [("a;b",)]


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "f.sqlite3"
    store = FeedbackStore.open(path)
    store.log_answer(answered("Do cats eat?", CATS))
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (x TEXT);\nNONSENSE;\n"))
        assert store.log_answer(answered("lost", CATS)) is None
        assert "NONSENSE" in store.trouble
    assert [one.question for one in store.asked()] == ["Do cats eat?"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)


def test_a_newer_file_is_left_alone(tmp_path):
    path = tmp_path / "f.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    store = FeedbackStore.open(path)
    assert store.log_answer(answered("Do cats eat?", CATS)) is None
    assert "newer version" in store.trouble
    with pytest.raises(FeedbackError, match="newer version"):
        store.asked()
