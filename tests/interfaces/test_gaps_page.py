"""The page's parts for thumbs and for the owner: what they keep, whom they let in, and that nothing asked is markup."""

import base64
import re
from dataclasses import dataclass
from types import SimpleNamespace

import gradio as gr
import pytest
from small_faq import pet_retriever

from rag_faq.feedback.gaps import Gaps, find_gaps
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.page.admin import AdminTab
from rag_faq.interfaces.page.admin_access import AdminAccess, admin_access
from rag_faq.interfaces.page.admin_view import admin_html
from rag_faq.interfaces.page.feedback import FeedbackButtons, thumbs
from rag_faq.interfaces.page.texts import load_catalogue, load_texts
from rag_faq.records import Answer, Related
from rag_faq.settings import Settings

EN = load_texts("en")
HOSTILE = "<img src=x onerror=alert(1)>\"'</td></script><script>alert(2)</script>"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path):
    opened = FeedbackStore.open(tmp_path / "f.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def hostile(store, tmp_path) -> Gaps:
    """What was asked, thought and found, all of it hostile."""
    retriever = pet_retriever(tmp_path)
    entry = retriever.index.entries[0]
    answer = Answer(HOSTILE, "refused", HOSTILE, HOSTILE, related=(Related(entry, 0.1),))
    store.add_feedback(store.log_answer(answer), "down", HOSTILE)
    return find_gaps(store, retriever)


# -- the password


def test_without_a_password_there_is_no_access_to_have():
    assert admin_access(Settings.load(admin_password=None)) is None
    access = admin_access(Settings.load(admin_password="open sesame"))
    assert access is not None
    assert access.sign_in("s", "c", "open sesame") is None


def test_only_the_session_that_gave_the_password_is_signed_in():
    access = AdminAccess("Kölsch")
    assert access.sign_in("mine", "c", "kölsch") == 0.0
    assert not access.signed_in("mine")
    assert access.sign_in("mine", "c", "Kölsch") is None
    assert access.signed_in("mine")
    assert not access.signed_in("other")
    assert not access.signed_in("")
    access.sign_out("mine")
    assert not access.signed_in("mine")


def test_nobody_without_a_session_is_signed_in():
    access = AdminAccess("right")
    assert access.sign_in("", "c", "right") == 0.0
    assert not access.signed_in("")


def test_it_ends_after_eight_hours():
    clock = Clock()
    access = AdminAccess("right", clock)
    access.sign_in("s", "c", "right")
    clock.now += 8 * 3600 - 1
    assert access.signed_in("s")
    clock.now += 1
    assert not access.signed_in("s")


def test_from_the_fifth_wrong_try_each_doubles_the_wait_in_which_the_right_one_is_not_looked_at():
    clock = Clock()
    access = AdminAccess("right", clock)
    waits = []
    for _ in range(8):
        waits.append(access.sign_in("s", "c", "wrong"))
        clock.now += waits[-1] or 0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8]
    access.sign_in("s", "c", "wrong")
    clock.now += 6
    assert access.sign_in("s", "c", "right") == 10
    assert access.sign_in("s", "another client", "right") is None
    clock.now += 10
    assert access.sign_in("s", "c", "right") is None


def test_many_addresses_do_not_help_who_guesses():
    access = AdminAccess("right", Clock())
    waits = [access.sign_in("s", f"10.0.0.{n}", "wrong") for n in range(50)]
    assert waits == [0] * 49 + [1]
    assert access.sign_in("s", "10.0.1.1", "wrong") == 1


def test_what_is_remembered_of_clients_and_sessions_is_bounded():
    clock = Clock()
    access = AdminAccess("right", clock)
    for n in range(1500):
        clock.now += 400
        access.sign_in("s", f"client {n}", "wrong")
        access.sign_in(f"session {n}", "owner", "right")
    assert len(access._tries) <= 1000
    assert len(access._sessions) == 100


# -- the tab


def request(session: str = "s") -> gr.Request:
    made = gr.Request(session_hash=session)
    made.__dict__["request"] = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"))
    return made


@pytest.fixture
def tab(hostile):
    looked = []

    def look(days):
        looked.append(days)
        return hostile

    made = AdminTab(AdminAccess("right"), look, lambda chosen, request: EN)
    made.looked = looked  # type: ignore[attr-defined]
    with gr.Blocks():
        choices = gr.BrowserState(None)
        made.build(EN)
        made.wire(choices)
    return made


def test_nothing_that_was_asked_leaves_the_server_before_the_password(tab):
    for changes in (
        tab.sign_in("wrong", 30, None, request()),
        tab.refresh(30, None, request()),
        tab.sign_out(request()),
    ):
        assert changes[tab.view] == ""
        assert changes[tab.password] == ""
    assert tab.looked == []


def test_the_view_comes_after_it_and_goes_with_the_session(tab):
    opened = tab.sign_in("right", 30, None, request())
    assert EN("admin_gaps") in opened[tab.view]
    assert opened[tab.password] == ""
    assert tab.refresh(0, None, request())[tab.view] != ""
    assert tab.refresh("7; DROP", None, request())[tab.view] != ""
    assert tab.looked == [30, None, None]
    assert tab.refresh(7, None, request("another"))[tab.view] == ""
    tab.sign_out(request())
    assert tab.refresh(7, None, request())[tab.view] == ""


def test_nothing_of_the_page_calls_itself_public(tab):
    events = tab.view.parent.fns.values()
    assert [event.api_visibility for event in events] == ["private"] * 3


# -- markup


def test_what_was_asked_is_text_in_the_view(hostile):
    html = admin_html(hostile, EN)
    assert HOSTILE not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert set(re.findall(r"<(\w+)", html)) <= {
        "p", "dl", "div", "dt", "dd", "a", "span", "section", "h3", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip


def test_the_files_lie_in_the_links(hostile):
    html = admin_html(hostile, EN)
    files = dict(re.findall(r'download="rag-faq-([\w.]+)" href="data:[\w/]+;charset=utf-8;base64,([\w+/=]+)"', html))
    tables = {"gaps.csv", "refused.csv", "asked.csv", "complaints.csv", "entries.csv"}
    assert set(files) == {*tables, "drafts.md", "wordings.md"}
    assert base64.b64decode(files["entries.csv"]).decode("utf-8-sig").startswith('"entry","question"')
    assert "- <img" in base64.b64decode(files["wordings.md"]).decode("utf-8")
    assert "## 4. <img" in base64.b64decode(files["drafts.md"]).decode("utf-8")


def test_before_anything_was_asked_it_says_so(store, tmp_path):
    html = admin_html(find_gaps(store, pet_retriever(tmp_path)), EN)
    assert html.count(EN("admin_nothing")) == 7


def test_the_owner_sees_that_nothing_can_be_kept(tmp_path):
    (tmp_path / "file").write_text("")
    broken = FeedbackStore.open(tmp_path / "file" / "f.sqlite3")
    broken.log_answer(Answer("No.", "refused", "q", "q"))
    assert "Feedback cannot be kept" in broken.trouble
    broken.path = tmp_path / "none.sqlite3"
    html = admin_html(find_gaps(broken, pet_retriever(tmp_path)), EN)
    assert html.startswith('<p class="notice" role="alert">Feedback cannot be kept')


@pytest.mark.parametrize("language", sorted(load_catalogue()))
def test_every_text_is_there_in_every_language(language, hostile):
    texts = load_texts(language)
    assert texts("admin_gaps") in admin_html(hostile, texts)
    assert texts("feedback_question") in thumbs("a" * 32, texts)


# -- thumbs


def test_an_answer_that_is_not_kept_has_no_thumbs():
    assert thumbs(None, EN) == thumbs("", EN) == ""


def test_the_id_of_an_answer_is_text():
    assert HOSTILE not in thumbs(HOSTILE, EN)


@pytest.fixture
def buttons(store):
    return FeedbackButtons(store, lambda chosen, request: EN)


def test_a_thumb_and_then_a_reason_and_then_neither(buttons, store):
    kept = store.log_answer(Answer("No.", "refused", "q", "q"))
    assert buttons.keep(kept, "down", "") == "feedback_thanks"
    assert buttons.keep(kept, "down", "too short") == "feedback_thanks"
    assert (store.asked()[0].verdict, store.asked()[0].reason) == ("down", "too short")
    assert buttons.keep(kept, "", "") == "feedback_withdrawn"
    assert store.asked()[0].verdict is None


def test_what_a_browser_may_send(buttons, store):
    kept = store.log_answer(Answer("No.", "refused", "q", "q"))
    assert buttons.keep("0" * 32, "up", "") == "feedback_gone"
    assert buttons.keep(kept, "sideways", "") == "feedback_gone"
    for data in (None, [], {}, {"answer": 3, "verdict": ["up"], "reason": {}}, {"answer": HOSTILE, "verdict": "up"}):
        said = buttons.take(None, gr.EventData(None, data), request())
        assert HOSTILE not in said
    assert store.asked()[0].verdict is None


def test_when_it_cannot_be_kept_the_person_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    broken = FeedbackButtons(FeedbackStore.open(tmp_path / "file" / "f.sqlite3"), lambda chosen, request: EN)
    assert broken.keep("0" * 32, "up", "") == "feedback_lost"
