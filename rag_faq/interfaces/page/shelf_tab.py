"""The dialog of all conversations: opening, naming, deleting and handing out."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag_faq.interfaces.page import shelf_view
from rag_faq.interfaces.page.ask_tab import AskTab
from rag_faq.interfaces.page.conversation import Conversation, load_conversation
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import LIVE, Changes, Context, html, session_of
from rag_faq.interfaces.page.shelf import Shelf, load_shelf
from rag_faq.interfaces.page.texts import Texts


class Conversations:
    """A button that opens the dialog, the dialog, and a place for files that are handed out."""

    def __init__(self, context: Context, ask: AskTab, texts: Texts) -> None:
        self.context = context
        self.ask = ask
        self.dialog = html(
            shelf_view.dialog(Conversation(), Shelf(), texts),
            elem_id="shelf-part",
            js_on_load="watch('value', ragFaq.reopen(element));",
        )
        self.file = html(elem_id="file-part", js_on_load="watch('value', ragFaq.handOut(element));")

    def wire(self, bridge: gr.HTML) -> None:
        """Join the events; those of our own script come over `bridge`."""
        context = self.context
        stores = [context.kept, context.shelf]
        inputs = [*stores, context.choices]
        outputs = [*self.ask.view, *stores, self.dialog, self.file]
        bridge.shelve(self.act, inputs, outputs, **LIVE)
        self.ask.clear.click(self.start_anew, inputs, outputs, **LIVE)
        # What is in sight changes with each answer; the list follows when it is looked at.
        bridge.list_shelf(self.show, inputs, [self.dialog], **LIVE)

    def show(self, kept: Any, shelf: Any, choices: Any, request: gr.Request) -> str:
        """The dialog as it should be now."""
        texts = self.context.texts(choices, request)
        return shelf_view.dialog(load_conversation(kept) or Conversation(), load_shelf(shelf) or Shelf(), texts)

    def start_anew(self, kept: Any, shelf: Any, choices: Any, request: gr.Request) -> Changes:
        """An empty conversation; the one in sight is put on the shelf."""
        texts = self.context.texts(choices, request)
        self.ask.runs.leave(session_of(request))
        put = (load_shelf(shelf) or Shelf()).with_put(load_conversation(kept) or Conversation())
        return self._moved(Conversation(), put, texts)

    def act(self, kept: Any, shelf: Any, choices: Any, event: gr.EventData, request: gr.Request) -> Changes:
        """What was chosen in the dialog."""
        texts = self.context.texts(choices, request)
        now, others = load_conversation(kept) or Conversation(), load_shelf(shelf) or Shelf()
        number = event.number if isinstance(event.number, int) else -1
        found = others.find(number)
        chosen = now if number == shelf_view.NOW else found.conversation if found else None
        match event.act:
            case "open" if found is not None:
                self.ask.runs.leave(session_of(request))
                return self._moved(found.conversation, others.without(number).with_put(now), texts)
            case "name" if number == shelf_view.NOW:
                now = now.named(str(event.title))
            case "name":
                others = others.with_named(number, str(event.title))
            case "delete":
                others = others.with_deleted(number)
            case "undo":
                others = others.with_undone()
            case "md" | "json" if chosen is not None:
                return {self.file: shelf_view.export(number, chosen, event.act, texts)}
            case _:
                return {self.file: gr.skip()}
        return {
            self.context.kept: now.dump(),
            self.context.shelf: others.dump(),
            self.dialog: shelf_view.dialog(now, others, texts),
        }

    def _moved(self, now: Conversation, others: Shelf, texts: Texts) -> Changes:
        return self.ask.at_rest(now, texts) | {
            self.context.kept: now.dump(),
            self.context.shelf: others.dump(),
            self.dialog: shelf_view.dialog(now, others, texts),
        }


def opener(texts: Texts) -> str:
    """The button that opens the dialog."""
    return f'<button type="button" data-dialog="shelf">{plain(texts("conversations"))}</button>'
