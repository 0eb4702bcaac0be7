"""The tab for asking: the conversation, the answer that is being written, and the box."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from rag_faq.errors import RagFaqError
from rag_faq.interfaces.page import turns
from rag_faq.interfaces.page.choices import load_choices, options
from rag_faq.interfaces.page.conversation import Conversation, Turn, load_conversation
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import ASKING, QUIET, Changes, Context, html, session_of
from rag_faq.interfaces.page.runs import Moment, Runs
from rag_faq.interfaces.page.texts import Texts

_EXAMPLES = 4


class AskTab:
    """The components, and what happens when something is asked."""

    def __init__(self, context: Context, texts: Texts) -> None:
        self.context = context
        self.runs = Runs(context.chatbot, context.questions)
        self.past = html(elem_id="past")
        with gr.Column(elem_id="now", elem_classes="turn"):
            self.question = html(
                self._welcome(texts), elem_id="now-question", js_on_load="watch('value', ragFaq.newTurn(element));"
            )
            with gr.Row(elem_classes="two"):
                self.answer = html(elem_id="now-answer", js_on_load="watch('value', ragFaq.progress(element));")
                self.sources = html(elem_id="now-sources")
        with gr.Column(elem_id="composer"):
            with gr.Row(elem_id="composer-row"):
                self.box = gr.Textbox(
                    label=texts("question_label"),
                    placeholder=texts("question_placeholder"),
                    show_label=False,
                    lines=1,
                    max_lines=6,
                    scale=1,
                    elem_id="question",
                    autofocus=True,
                )
                self.send = gr.Button(texts("ask"), variant="primary", elem_id="send", scale=0)
                self.stop = gr.Button(texts("stop"), variant="stop", elem_id="stop", scale=0)
            with gr.Row(elem_id="composer-foot"):
                self.foot = html(self._foot(texts))
                self.clear = gr.Button(
                    texts("conversation_new"), variant="secondary", size="sm", elem_id="clear", scale=0
                )
        self.view = [self.past, self.question, self.answer, self.sources]
        self.spoken = [self.box, self.send, self.stop, self.foot, self.clear]

    def wire(self, bridge: gr.HTML) -> None:
        """Join the events; those of our own script come over `bridge`."""
        kept, choices = self.context.kept, self.context.choices
        view = [*self.view, self.box, kept]
        gr.on([self.box.submit, self.send.click], self.ask, [self.box, kept, choices], view, **ASKING)
        bridge.ask(self.ask_offered, [self.box, kept, choices], view, **ASKING)
        bridge.nudge(self.nudge, None, None, **ASKING)
        self.stop.click(self.stop_now, None, None, queue=False, **QUIET)

    # -- asking ---------------------------------------------------------------------------------------------------

    async def ask(self, question: str, kept: Any, choices: Any, request: gr.Request) -> AsyncIterator[Changes]:
        """Ask what stands in the box."""
        async for changes in self._asked(question, 0, kept, choices, request):
            yield changes

    async def ask_offered(
        self, typed: str, kept: Any, choices: Any, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[Changes]:
        """Ask what a button or the address of the page asks; with a place, what came from there on goes.

        What is `typed` into the box stays there, unless it is what was asked: an earlier question that was edited.
        """
        place = event.place if isinstance(event.place, int) else 0
        question = str(event.question)
        empty = typed.strip() == question.strip()
        async for changes in self._asked(question, place, kept, choices, request, empty=empty):
            yield changes

    async def _asked(
        self, question: str, place: int, kept: Any, choices: Any, request: gr.Request, *, empty: bool = True
    ) -> AsyncIterator[Changes]:
        """The changes of the page until the question is answered; `empty`: the box is emptied."""
        texts, session = self.context.texts(choices, request), session_of(request)
        busy = self.runs.busy(session)
        if busy:
            gr.Info(texts("busy"))
        if busy or not question.strip():
            yield {self.box: gr.skip()}
            return
        before = load_conversation(kept) or Conversation()
        if place > 0:
            before = before.before(place)
        name = turns.name_of(before.next_number)
        opening: Changes = {
            self.past: self._past(before.numbered(), texts),
            self.question: turns.question(name, question, question, texts, fresh=True),
            self.answer: turns.writing("", texts("searching"), texts),
            self.sources: "",
            self.box: "" if empty else gr.skip(),
        }
        chatbot = self.context.chatbot
        wanted = options(load_choices(choices), chatbot.options)
        answering = chatbot if wanted == chatbot.options else chatbot.with_options(wanted)
        shown: Moment | None = None
        try:
            async for moment in self.runs.ask(session, question, before.history, answering):
                if moment.answer is None:
                    changes = self._under_way(name, question, moment, shown, texts)
                    shown = moment
                else:
                    turn = Turn(moment.answer, moment.words_a_second, moment.answer_id)
                    changes = self._done(name, turn, before, texts)
                yield opening | changes
                opening = {}
        except RagFaqError as error:
            yield opening | {self.answer: turns.failure(str(error), question, texts)}

    def _done(self, name: str, turn: Turn, before: Conversation, texts: Texts) -> Changes:
        after = before.with_turn(turn, longest=self.context.settings.max_question_chars)
        return self._whole(name, after.turns[-1], texts) | {self.context.kept: after.dump()}

    def _under_way(self, name: str, asked: str, moment: Moment, shown: Moment | None, texts: Texts) -> Changes:
        """What a moment changes in the page, in which `shown` stands; the first one brings the question into sight."""
        changes: Changes = {self.answer: turns.writing(moment.text, _status(moment, texts), texts)}
        before = None if shown is None else (shown.sources, shown.settled)
        if moment.sources is not None and (moment.sources, moment.settled) != before:
            changes[self.sources] = turns.sources(name, moment.sources, None, texts, settled=moment.settled)
            changes[self.question] = turns.question(name, asked, moment.searched, texts, fresh=shown is None)
        return changes

    async def stop_now(self, request: gr.Request) -> None:
        """End the answer that is being written."""
        self.runs.stop(session_of(request))

    async def nudge(self) -> None:
        """Nothing. Gradio's client opens a stream for it, on which also an answer comes that had lost its own."""

    def leave(self, request: gr.Request) -> None:
        """The page was closed: nobody waits for its answer."""
        self.runs.stop(session_of(request))

    # -- at rest --------------------------------------------------------------------------------------------------

    def at_rest(self, conversation: Conversation, texts: Texts) -> Changes:
        """A conversation in which nothing is being written."""
        changes: Changes = {self.past: "", self.question: self._welcome(texts), self.answer: "", self.sources: ""}
        if conversation.turns:
            *earlier, (number, last) = conversation.numbered()
            changes[self.past] = self._past(tuple(earlier), texts)
            changes |= self._whole(turns.name_of(number), last, texts)
        return changes

    def in_language(self, texts: Texts) -> Changes:
        """What stands there whatever the conversation."""
        return {
            self.box: gr.update(label=texts("question_label"), placeholder=texts("question_placeholder")),
            self.send: gr.update(value=texts("ask")),
            self.stop: gr.update(value=texts("stop")),
            self.clear: gr.update(value=texts("conversation_new")),
            self.foot: self._foot(texts),
        }

    def _whole(self, name: str, turn: Turn, texts: Texts) -> Changes:
        given = turn.answer
        return {
            self.question: turns.question(name, given.question, given.searched, texts),
            self.answer: turns.answer(name, turn, texts, last=True),
            self.sources: turns.sources(name, given.sources, given, texts),
        }

    def _past(self, numbered: tuple[tuple[int, Turn], ...], texts: Texts) -> str:
        return "".join(turns.whole_turn(number, turn, texts) for number, turn in numbered)

    def _welcome(self, texts: Texts) -> str:
        buttons = "".join(
            f'<li><button type="button" class="offer" data-ask="{plain(q)}" dir="auto">{plain(q)}</button></li>'
            for q in _examples([entry.question for entry in self.context.chatbot.entries])
        )
        return (
            f'<section class="welcome"><h2>{plain(texts("welcome"))}</h2><p>{plain(texts("welcome_more"))}</p>'
            f'<h3>{plain(texts("examples"))}</h3><ul class="offers">{buttons}</ul></section>'
        )

    def _foot(self, texts: Texts) -> str:
        """What runs, and the way to the other conversations and the keys."""
        model = self.context.chatbot.model
        running = (
            texts("running_on_none")
            if model.name == "none"
            else texts("running_on", model=model.name, device=model.device)
        )
        return (
            f'<p class="editing" hidden>{plain(texts("editing"))} '
            f'<button type="button" data-cancel-edit>{plain(texts("edit_cancel"))}</button></p>'
            f'<p class="running">{plain(running)} <button type="button" data-dialog="shortcuts" class="keys-hint">'
            f"{plain(texts('shortcuts_hint'))}</button></p>"
        )


def _status(moment: Moment, texts: Texts) -> str:
    if moment.phase == "waiting":
        return texts.count("waiting", moment.ahead)
    if moment.phase == "reading" and not moment.settled:
        return texts("judging")
    return texts(moment.phase)


def _examples(questions: list[str]) -> list[str]:
    """Short questions from all over the FAQ: the shortest of each of its parts."""
    size = -(-len(questions) // _EXAMPLES) or 1
    return [min(questions[i : i + size], key=len) for i in range(0, len(questions), size)]
