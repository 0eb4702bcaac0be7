"""The dialog with all conversations, and a file made of one of them."""

from __future__ import annotations

import json
import re

from rag_faq.interfaces.page.conversation import MOST_TITLE, Conversation, conversation_as_markdown
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.shelf import Shelf
from rag_faq.interfaces.page.texts import Texts

NOW = 0  # the number of the conversation in sight: those on the shelf begin at 1
_UNFIT_FOR_A_NAME = re.compile(r"[^\w-]+")


def dialog(now: Conversation, shelf: Shelf, texts: Texts) -> str:
    """Every conversation with what can be done with it. The page opens and closes the dialog."""
    heading = plain(texts("conversations"))
    rows = "".join(_row(one.number, one.conversation, texts) for one in shelf.kept)
    others = f'<ul class="conversations">{rows}</ul>' if rows else f"<p>{plain(texts('conversations_none'))}</p>"
    return (
        f'<dialog id="shelf" aria-labelledby="shelf-heading"><div class="dialog-head">'
        f'<h2 id="shelf-heading">{heading}</h2>'
        f'<button type="button" data-close>{plain(texts("close"))}</button></div>'
        f'<p class="hint">{plain(texts("conversations_about"))}</p>'
        f'<ul class="conversations">{_row(NOW, now, texts)}</ul>'
        f'<p class="actions"><button type="button" data-new>{plain(texts("conversation_new"))}</button></p>'
        f"{_deleted(shelf, texts)}{others}</dialog>"
    )


def export(number: int, conversation: Conversation, kind: str, texts: Texts) -> str:
    """A file for the page to hand out, as an element that shows nothing: name, kind and content."""
    if kind == "json":
        content = json.dumps({"name": conversation.name} | conversation.dump(), ensure_ascii=False, indent=2) + "\n"
    else:
        kind, content = "md", conversation_as_markdown(conversation, texts)
    stem = _UNFIT_FOR_A_NAME.sub("-", conversation.name).strip("-").lower()[:60] or f"conversation-{number}"
    return f'<i hidden data-file="{plain(stem)}.{kind}" data-content="{plain(content)}"></i>'


def _row(number: int, conversation: Conversation, texts: Texts) -> str:
    title = conversation.name or texts("conversation_empty")
    is_now = number == NOW
    lead = f'<span class="tag">{plain(texts("conversation_now"))}</span>' if is_now else ""
    count = plain(texts.count("questions", len(conversation.turns)))
    shown = f'<span class="title" dir="auto">{plain(title)}</span><span class="hint">{count}</span>'
    head = f'<p class="open">{lead}{shown}</p>' if is_now else _button("open", number, shown, "open")
    if not conversation.turns:
        return f'<li data-number="{number}">{head}</li>'
    exports = "".join(
        _button(kind, number, plain(texts(name)), label=texts("export_of", title=title, format=texts(name)))
        for kind, name in (("md", "export_markdown"), ("json", "export_json"))
    )
    delete = "" if is_now else _button("delete", number, plain(texts("delete")))
    return (
        f'<li data-number="{number}">{head}'
        f'<form hidden data-naming="{number}"><label>{plain(texts("rename_label"))} '
        f'<input name="title" maxlength="{MOST_TITLE}" value="{plain(title)}" dir="auto"></label>'
        f'<button type="submit">{plain(texts("save"))}</button></form>'
        f'<div class="actions"><button type="button" data-rename="{number}">{plain(texts("rename"))}</button>'
        f"{exports}{delete}</div></li>"
    )


def _button(act: str, number: int, shown: str, css: str = "", *, label: str = "") -> str:
    named = f' aria-label="{plain(label)}"' if label else ""
    kind = f' class="{css}"' if css else ""
    return f'<button type="button"{kind} data-act="{act}" data-of="{number}"{named}>{shown}</button>'


def _deleted(shelf: Shelf, texts: Texts) -> str:
    if shelf.deleted is None:
        return ""
    said = plain(texts("deleted", title=shelf.deleted.conversation.name))
    undo = _button("undo", shelf.deleted.number, plain(texts("undo")))
    return f'<p class="notice actions" role="status"><span dir="auto">{said}</span>{undo}</p>'
