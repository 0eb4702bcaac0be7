"""The components of the page in Gradio, and what happens between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from rag_faq.chatbot import FaqChatbot
from rag_faq.errors import RagFaqError
from rag_faq.interfaces.page import browse, turns
from rag_faq.interfaces.page.conversation import Conversation, Turn, load_conversation
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.runs import Moment, Runs
from rag_faq.interfaces.page.texts import Texts
from rag_faq.settings import Settings

Changes = dict[Any, Any]  # component -> its new value

_STORE = "rag-faq-conversation"
_EXAMPLES = 4


class Page:
    """The components of the page and what happens between them."""

    def __init__(self, chatbot: FaqChatbot, settings: Settings, texts: Texts) -> None:
        self.chatbot = chatbot
        self.settings = settings
        self.texts = texts
        self.runs = Runs(chatbot)
        self.blocks: gr.Blocks = gr.Blocks(title=texts("title"), analytics_enabled=False, fill_width=True)
        with self.blocks:
            self._build()
            self._wire()

    def _build(self) -> None:
        t = self.texts
        self.kept = gr.BrowserState(None, storage_key=_STORE, secret=_STORE)
        _html(
            f"<header><h1>{plain(t('title'))}</h1>"
            f"<p>{plain(t('about', entries=len(self.chatbot.entries)))}</p></header>"
        )
        self.bridge = _html(
            '<p id="said-aloud" class="unseen" role="status" aria-live="polite"></p>',
            js_on_load="ragFaq.connect((data) => trigger('ask', data), () => trigger('nudge'));",
        )
        with gr.Tabs(elem_id="tabs") as self.tabs:
            with gr.Tab(t("tab_ask"), id="ask", elem_id="tab-ask"):
                self.past = _html(elem_id="past")
                with gr.Column(elem_id="now", elem_classes="turn"):
                    self.question = _html(
                        self._welcome(),
                        elem_id="now-question",
                        js_on_load="watch('value', ragFaq.newTurn(element));",
                    )
                    with gr.Row(elem_classes="two"):
                        self.answer = _html(
                            elem_id="now-answer", js_on_load="watch('value', ragFaq.progress(element));"
                        )
                        self.sources = _html(elem_id="now-sources")
                with gr.Column(elem_id="composer"):
                    with gr.Row(elem_id="composer-row"):
                        self.box = gr.Textbox(
                            label=t("question_label"),
                            placeholder=t("question_placeholder"),
                            show_label=False,
                            lines=1,
                            max_lines=6,
                            scale=1,
                            elem_id="question",
                            autofocus=True,
                        )
                        self.send = gr.Button(t("ask"), variant="primary", elem_id="send", scale=0)
                        self.stop = gr.Button(t("stop"), variant="stop", elem_id="stop", scale=0)
                    with gr.Row(elem_id="composer-foot"):
                        _html(f'<p class="running">{plain(self._running_on())}</p>')
                        self.clear = gr.Button(t("clear"), variant="secondary", size="sm", elem_id="clear", scale=0)
            with gr.Tab(t("tab_browse"), id="browse", elem_id="tab-browse"):
                self.filter = gr.Textbox(
                    label=t("filter_label"), placeholder=t("filter_placeholder"), elem_id="filter", max_lines=1
                )
                self.listing = _html(self._listing(""), elem_id="listing")

    def _wire(self) -> None:
        view = [self.past, self.question, self.answer, self.sources, self.box, self.kept]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        live: dict[str, Any] = {**quiet, "concurrency_limit": None}
        # "multiple": an answer that was lost with the connection must not bar the next question for ever.
        asking: dict[str, Any] = {**live, "trigger_mode": "multiple"}
        gr.on([self.box.submit, self.send.click], self.ask, [self.box, self.kept], view, **asking)
        self.bridge.ask(self.ask_offered, [self.kept], view, **asking)
        self.bridge.nudge(self.nudge, None, None, **asking)
        self.stop.click(self.stop_now, None, None, queue=False, **quiet)
        self.clear.click(self.start_anew, None, view, queue=False, **quiet)
        self.filter.input(self.narrow, [self.filter], [self.listing], trigger_mode="always_last", **live)
        arrival = self.blocks.load(self.arrive, [self.kept], [*view, self.tabs, self.listing], **live)
        arrival.then(None, None, None, js="() => ragFaq.arrived()", **quiet)
        self.blocks.unload(self.leave)

    # -- asking ---------------------------------------------------------------------------------------------------

    async def ask(self, question: str, kept: Any, request: gr.Request) -> AsyncIterator[Changes]:
        """Ask what stands in the box."""
        session = request.session_hash or ""
        if not question.strip() or self._busy(session):
            yield {self.box: gr.skip()}
            return
        async for changes in self._answer(session, question, load_conversation(kept) or Conversation()):
            yield changes

    async def ask_offered(self, kept: Any, event: gr.EventData, request: gr.Request) -> AsyncIterator[Changes]:
        """Ask what a button or the address of the page asks; with `again`, in the place of the last question."""
        session = request.session_hash or ""
        conversation = load_conversation(kept) or Conversation()
        question = str(event.question)
        if not question.strip() or self._busy(session):
            yield {self.box: gr.skip()}
            return
        if event.again and conversation.turns:
            conversation = conversation.without_last()
        async for changes in self._answer(session, question, conversation):
            yield changes

    async def _answer(self, session: str, asked: str, before: Conversation) -> AsyncIterator[Changes]:
        t, name = self.texts, turns.name_of(before.next_number)
        yield {
            self.past: self._past(before.numbered()),
            self.question: turns.question(name, asked, asked, t, fresh=True),
            self.answer: turns.writing("", t("searching"), t),
            self.sources: "",
            self.box: "",
        }
        try:
            async for moment in self.runs.ask(session, asked, before.history):
                yield self._changes(name, asked, moment, before)
        except RagFaqError as error:
            yield {self.answer: turns.failure(str(error), asked, t)}

    def _busy(self, session: str) -> bool:
        """Whether the answer before is still being written; the person is told."""
        busy = self.runs.busy(session)
        if busy:
            gr.Info(self.texts("busy"))
        return busy

    def _changes(self, name: str, asked: str, moment: Moment, before: Conversation) -> Changes:
        """What a moment changes in the page."""
        t = self.texts
        if moment.answer is not None:
            longest = self.settings.max_question_chars
            after = before.with_turn(Turn(moment.answer, moment.words_a_second), longest=longest)
            turn = after.turns[-1]
            return {
                self.question: turns.question(name, turn.answer.question, turn.answer.searched, t),
                self.answer: turns.answer(name, turn, t, last=True),
                self.sources: turns.sources(name, turn.answer.sources, turn.answer, t),
                self.kept: after.dump(),
            }
        changes: Changes = {self.answer: turns.writing(moment.text, self._status(moment), t)}
        if moment.phase in ("reading", "waiting"):
            changes[self.sources] = turns.sources(name, moment.sources or (), None, t)
            changes[self.question] = turns.question(name, asked, moment.searched, t)
        return changes

    def _status(self, moment: Moment) -> str:
        if moment.phase == "waiting":
            return self.texts.count("waiting", moment.ahead)
        return self.texts(moment.phase)

    async def stop_now(self, request: gr.Request) -> None:
        """End the answer that is being written."""
        self.runs.stop(request.session_hash or "")

    async def nudge(self) -> None:
        """Nothing. Gradio's client opens a stream for it, on which also an answer comes that had lost its own."""

    def leave(self, request: gr.Request) -> None:
        """The page was closed: nobody waits for its answer."""
        self.runs.stop(request.session_hash or "")

    # -- the rest of the page -------------------------------------------------------------------------------------

    def start_anew(self, request: gr.Request) -> Changes:
        """An empty conversation."""
        self.runs.stop(request.session_hash or "")
        return self._at_rest(Conversation()) | {self.kept: Conversation().dump()}

    def arrive(self, kept: Any, request: gr.Request) -> Changes:
        """The page as this browser left it, or as its address asks."""
        conversation = load_conversation(kept)
        if conversation is None:
            gr.Warning(self.texts("damaged"))
            conversation = Conversation()
        # Somebody quick may have asked already: that answer stays in sight.
        changes = {} if self.runs.busy(request.session_hash or "") else self._at_rest(conversation)
        address = dict(request.query_params)
        if "entry" in address:
            changes |= {self.tabs: gr.Tabs(selected="browse"), self.listing: self._opened(str(address["entry"]))}
        if "q" in address and not str(address["q"]).strip():
            gr.Warning(self.texts("empty_query"))
        return changes

    def narrow(self, typed: str) -> str:
        """The list for what is typed into the filter."""
        return self._listing(typed)

    def _at_rest(self, conversation: Conversation) -> Changes:
        changes: Changes = {
            self.past: "",
            self.question: self._welcome(),
            self.answer: "",
            self.sources: "",
        }
        if conversation.turns:
            *earlier, (number, last) = conversation.numbered()
            name, t = turns.name_of(number), self.texts
            changes[self.past] = self._past(tuple(earlier))
            changes[self.question] = turns.question(name, last.answer.question, last.answer.searched, t)
            changes[self.answer] = turns.answer(name, last, t, last=True)
            changes[self.sources] = turns.sources(name, last.answer.sources, last.answer, t)
        return changes

    def _past(self, numbered: tuple[tuple[int, Turn], ...]) -> str:
        return "".join(turns.whole_turn(number, turn, self.texts) for number, turn in numbered)

    def _welcome(self) -> str:
        t = self.texts
        buttons = "".join(
            f'<li><button type="button" class="offer" data-ask="{plain(q)}">{plain(q)}</button></li>'
            for q in _examples([entry.question for entry in self.chatbot.entries])
        )
        return (
            f'<section class="welcome"><h2>{plain(t("welcome"))}</h2><p>{plain(t("welcome_more"))}</p>'
            f'<h3>{plain(t("examples"))}</h3><ul class="offers">{buttons}</ul></section>'
        )

    def _running_on(self) -> str:
        model = self.chatbot.model
        if model.name == "none":
            return self.texts("running_on_none")
        return self.texts("running_on", model=model.name, device=model.device)

    def _listing(self, typed: str) -> str:
        t, entries = self.texts, self.chatbot.entries
        if not typed.strip():
            return browse.entry_list(entries, t, heading=t.count("entries", len(entries)), every=entries)
        found = [hit.entry for hit in self.chatbot.search(typed[: self.settings.max_question_chars])]
        exact = browse.with_words(entries, typed, first=found)
        heading = t.count("found", len(exact)) if exact else t("found_none")
        html = browse.entry_list(exact, t, heading=heading, every=entries)
        near = [entry for entry in found if entry not in exact]
        return html + (browse.entry_list(near, t, heading=t("near"), every=entries) if near else "")

    def _opened(self, asked: str) -> str:
        t, entries = self.texts, self.chatbot.entries
        entry = browse.find_entry(entries, asked)
        notice = "" if entry else f'<p class="notice" role="alert">{plain(t("no_entry", asked=asked[:80]))}</p>'
        heading = t.count("entries", len(entries))
        return notice + browse.entry_list(entries, t, heading=heading, every=entries, opened=entry.id if entry else "")


def _html(value: str | None = None, **options: Any) -> gr.HTML:
    """HTML of our own, which our own style sheet alone lays out."""
    return gr.HTML(value, apply_default_css=False, **options)


def _examples(questions: list[str]) -> list[str]:
    """Short questions from all over the FAQ: the shortest of each of its parts."""
    size = -(-len(questions) // _EXAMPLES) or 1
    return [min(questions[i : i + size], key=len) for i in range(0, len(questions), size)]
