"""The tab with the whole FAQ."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag_faq.interfaces.page import browse
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import LIVE, Changes, Context, html
from rag_faq.interfaces.page.texts import Texts


class BrowseTab:
    """A filter and the list."""

    def __init__(self, context: Context, texts: Texts) -> None:
        self.context = context
        self.filter = gr.Textbox(
            label=texts("filter_label"), placeholder=texts("filter_placeholder"), elem_id="filter", max_lines=1
        )
        self.listing = html(
            self.list("", texts), elem_id="listing", js_on_load="watch('value', ragFaq.keepOpen(element));"
        )
        self.spoken = [self.filter, self.listing]

    def wire(self) -> None:
        """Join the events."""
        inputs = [self.filter, self.context.choices]
        self.filter.input(self.narrow, inputs, [self.listing], trigger_mode="always_last", **LIVE)

    def narrow(self, typed: str, choices: Any, request: gr.Request) -> str:
        """The list for what is typed into the filter."""
        return self.list(typed, self.context.texts(choices, request))

    def in_language(self, texts: Texts, *, arriving: bool) -> Changes:
        """The tab with the whole list and an empty filter.

        On arrival the filter is empty, unless somebody quick is typing already: what stands there is left alone.
        """
        filter_ = gr.update(label=texts("filter_label"), placeholder=texts("filter_placeholder"))
        if not arriving:
            filter_["value"] = ""
        return {self.filter: filter_, self.listing: self.list("", texts)}

    def list(self, typed: str, texts: Texts) -> str:
        """What has the typed words, then what is near in meaning; everything for nothing typed."""
        entries = self.context.chatbot.entries
        if not typed.strip():
            return browse.entry_list(entries, texts, heading=texts.count("entries", len(entries)), every=entries)
        longest = self.context.settings.max_question_chars
        found = [hit.entry for hit in self.context.chatbot.search(typed[:longest])]
        exact = browse.with_words(entries, typed, first=found)
        heading = texts.count("found", len(exact)) if exact else texts("found_none")
        near = [entry for entry in found if entry not in exact]
        listed = browse.entry_list(exact, texts, heading=heading, every=entries)
        return listed + (browse.entry_list(near, texts, heading=texts("near"), every=entries) if near else "")

    def opened(self, asked: str, texts: Texts) -> str:
        """The list with one entry open, or with the notice that there is none."""
        entries = self.context.chatbot.entries
        entry = browse.find_entry(entries, asked)
        missing = plain(texts("no_entry", asked=asked[:80]))
        notice = "" if entry else f'<p class="notice" role="alert">{missing}</p>'
        heading = texts.count("entries", len(entries))
        opened = entry.id if entry else ""
        return notice + browse.entry_list(entries, texts, heading=heading, every=entries, opened=opened)
