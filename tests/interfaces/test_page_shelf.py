"""The conversations that a browser keeps: put aside, named, deleted, brought back, bounded, handed out."""

import json

import pytest
from page_elements import Elements

from rag_faq.interfaces.page import conversation as conversation_module
from rag_faq.interfaces.page import shelf as shelf_module
from rag_faq.interfaces.page.conversation import Conversation, Turn, load_conversation
from rag_faq.interfaces.page.shelf import Kept, Shelf, load_shelf
from rag_faq.interfaces.page.shelf_view import dialog, export
from rag_faq.interfaces.page.texts import load_texts
from rag_faq.records import Answer

TEXTS = load_texts()


def about(question: str, text: str = "Yes.") -> Conversation:
    return Conversation().with_turn(Turn(Answer(text, "refused", question, question)), longest=200)


CATS, DOGS, BIRDS = about("Do cats eat?"), about("Do dogs sleep?"), about("Do birds fly?")
SHELF = Shelf().with_put(CATS).with_put(DOGS).with_put(BIRDS)


def names(shelf: Shelf) -> list[str]:
    return [one.conversation.name for one in shelf.kept]


def test_the_latest_stands_first_and_keeps_its_number() -> None:
    assert [(one.number, one.conversation) for one in SHELF.kept] == [(3, BIRDS), (2, DOGS), (1, CATS)]
    assert SHELF.next_number == 4
    assert SHELF.without(2).with_put(DOGS).kept[0] == Kept(4, DOGS)


def test_an_empty_conversation_is_not_kept() -> None:
    assert SHELF.with_put(Conversation()) == SHELF


def test_a_deleted_one_can_be_brought_back_until_something_else_is_done() -> None:
    deleted = SHELF.with_deleted(2)
    assert names(deleted) == ["Do birds fly?", "Do cats eat?"]
    assert deleted.with_undone() == SHELF
    assert names(deleted.with_named(1, "x").with_undone()) == ["Do birds fly?", "x"]
    assert SHELF.with_deleted(99) == SHELF
    assert SHELF.with_undone() == SHELF


def test_a_name_is_one_line_of_bounded_length_and_an_empty_one_gives_back_the_first_question() -> None:
    assert names(SHELF.with_named(2, "  My \n dogs "))[1] == "My dogs"
    assert len(names(SHELF.with_named(2, "x" * 999))[1]) == 80
    assert SHELF.with_named(2, "x").with_named(2, " ") == SHELF


def test_the_oldest_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "MOST_KEPT", 2)
    assert names(SHELF.with_put(about("Why?"))) == ["Why?", "Do birds fly?"]


def test_the_oldest_go_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(CATS.dump()))
    monkeypatch.setattr(shelf_module, "MOST_CHARS", 2 * size + 100)
    assert len(Shelf().with_put(CATS).with_put(CATS).with_put(CATS).kept) == 2
    monkeypatch.setattr(shelf_module, "MOST_CHARS", 10)
    assert len(Shelf().with_put(CATS).with_put(DOGS).kept) == 1  # the latest of all in any case


def test_a_conversation_sheds_its_oldest_turns_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(Answer("x" * 1000, "refused", "q", "q"))
    monkeypatch.setattr(conversation_module, "MOST_CHARS", 4000)
    long = Conversation()
    for _ in range(5):
        long = long.with_turn(turn, longest=100)
    assert (len(long.turns), long.first, long.next_number) == (2, 4, 6)
    monkeypatch.setattr(conversation_module, "MOST_CHARS", 10)
    assert len(long.with_turn(turn, longest=100).turns) == 1


def test_a_conversation_goes_back_to_before_a_question() -> None:
    three = CATS.with_turn(DOGS.turns[0], longest=99).with_turn(BIRDS.turns[0], longest=99)
    assert three.before(3).turns == three.turns[:2]
    assert three.before(1) == Conversation()
    assert three.before(0).turns == ()
    assert three.before(9) == three


def test_the_shelf_comes_back_from_the_browser() -> None:
    for shelf in (Shelf(), SHELF, SHELF.with_deleted(2), SHELF.with_named(1, "x")):
        assert load_shelf(json.loads(json.dumps(shelf.dump()))) == shelf
    assert load_shelf(None) == load_shelf("") == Shelf()


GOOD = SHELF.dump()


@pytest.mark.parametrize(
    "stored",
    [
        "broken",
        [],
        {},
        {**GOOD, "format": 2},
        {**GOOD, "kept": "x"},
        {**GOOD, "kept": [1]},
        {**GOOD, "kept": [{**GOOD["kept"][0], "number": "1"}]},
        {**GOOD, "kept": [{**GOOD["kept"][0], "conversation": Conversation().dump()}]},
        {**GOOD, "kept": GOOD["kept"][:1] * 2},
        {**GOOD, "next": 3},
        {**GOOD, "next": None},
        {**GOOD, "deleted": GOOD["kept"][0]},
    ],
)
def test_a_shelf_that_was_altered_is_not_read(stored: object) -> None:
    assert load_shelf(stored) is None


def test_the_dialog_offers_what_can_be_done() -> None:
    html = dialog(BIRDS, Shelf().with_put(CATS).with_put(DOGS).with_deleted(1), TEXTS)
    acts = [(a["data-act"], a["data-of"]) for _, a in Elements(html).found if "data-act" in a]
    assert acts == [
        ("md", "0"),
        ("json", "0"),
        ("undo", "1"),
        ("open", "2"),
        ("md", "2"),
        ("json", "2"),
        ("delete", "2"),
    ]
    assert "“Do cats eat?” was deleted." in html
    assert dialog(Conversation(), Shelf(), TEXTS).count("data-act") == 0


def test_a_hostile_name_is_text() -> None:
    hostile = about("<img src=x onerror=alert(1)>").named('"><script>alert(2)</script>')
    html = dialog(hostile, Shelf().with_put(hostile).with_put(DOGS).with_deleted(1), TEXTS)
    assert {tag for tag, _ in Elements(html).found}.isdisjoint({"img", "script"})


def exported(conversation: Conversation, kind: str) -> tuple[str | None, str]:
    ((_, file),) = Elements(export(7, conversation, kind, TEXTS)).found
    return file["data-file"], file["data-content"] or ""


def test_a_conversation_is_handed_out_as_markdown() -> None:
    both = CATS.with_turn(DOGS.turns[0], longest=99).named("Pets & <more>/..")
    name, content = exported(both, "md")
    assert name == "pets-more.md"
    assert content == (
        "# Pets & <more>/..\n\n**Do cats eat?** (not in the FAQ)\n\nYes.\n\n"
        "**Do dogs sleep?** (not in the FAQ)\n\nYes.\n"
    )


def test_a_conversation_is_handed_out_as_json_that_can_be_read_again() -> None:
    name, content = exported(CATS.named("???"), "json")
    assert name == "conversation-7.json"
    assert load_conversation(json.loads(content)) == CATS.named("???")
