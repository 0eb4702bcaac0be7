"""The tab for how the next question is answered, and what answers it."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from rag_faq.chatbot import Options
from rag_faq.interfaces.page.choices import Choices, options, styles_of
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import LIVE, QUIET, Changes, Context, html
from rag_faq.interfaces.page.settings_view import facts
from rag_faq.interfaces.page.texts import Texts

_BROWSER = "browser"  # the choice of no language of one's own


class SettingsTab:
    """Gradio's own controls; what they say is kept in the browser as `Choices`."""

    def __init__(self, context: Context, texts: Texts) -> None:
        self.context = context
        owner = context.chatbot.options
        self.heading = html(_heading(texts))
        with gr.Column(elem_id="settings-part"):
            self.style = gr.Radio(elem_id="choose-style")
            # A slider without a way to go is none.
            self.sources = gr.Slider(
                1,
                max(2, owner.max_sources),
                step=1,
                buttons=[],
                elem_id="choose-sources",
                visible=owner.max_sources > 1,
            )
            lowest = round(100 * owner.strictness)
            self.strictness = gr.Slider(
                min(lowest, 99), 100, step=1, buttons=[], elem_id="choose-strictness", visible=lowest < 100
            )
            self.language = gr.Radio(elem_id="choose-language")
            self.keys = gr.Checkbox(True, elem_id="choose-keys")
            self.reset = gr.Button(size="sm", elem_id="settings-reset", scale=0)
        self.facts = html(facts(context.chatbot.model, context.chatbot.index, texts), elem_id="facts-part")
        self.controls = [self.style, self.sources, self.strictness, self.keys]
        self.spoken = [self.heading, *self.controls, self.language, self.reset, self.facts]

    def wire(self, speak: Any, spoken: list[Any]) -> None:
        """Join the events; `speak` gives the whole page, whose components are `spoken`, in another language."""
        kept, store = self.context.kept, self.context.choices
        # The browser keeps a choice without asking the server: no question that follows can be quicker than it.
        keep: dict[str, Any] = {"fn": None, "outputs": [store], **QUIET}
        said: dict[str, Any] = {
            "inputs": [*self.controls, self.language],
            "js": choices_said(self.context.chatbot.options),
        }
        for control in (self.style, self.sources, self.strictness):
            control.input(**keep, **said)
        nothing = f"() => ({json.dumps(Choices().dump())})"
        for chosen in (
            self.language.input(**keep, **said),
            self.keys.input(**keep, **said),
            self.reset.click(**keep, js=nothing),
        ):
            chosen.then(speak, [kept, store], spoken, **LIVE)

    def in_language(self, choices: Choices, texts: Texts) -> Changes:
        """The controls as chosen."""
        chatbot = self.context.chatbot
        now = options(choices, chatbot.options)
        styles = [(texts(f"style_{style}"), style) for style in styles_of(chatbot.options)]
        languages = [(t.entries["language"], code) for code, t in self.context.catalogue.items()]
        chosen = choices.language if choices.language in self.context.catalogue else _BROWSER
        return {
            self.heading: _heading(texts),
            self.style: gr.update(label=texts("style_label"), choices=styles, value=now.answer_style),
            self.sources: gr.update(label=texts("most_sources_label"), value=now.max_sources),
            self.strictness: gr.update(
                label=texts("strictness_label"), info=texts("strictness_about"), value=round(100 * now.strictness)
            ),
            self.language: gr.update(
                label=texts("language_label"),
                choices=[(texts("language_browser"), _BROWSER), *languages],
                value=chosen,
            ),
            self.keys: gr.update(label=texts("keys_label"), value=choices.keys),
            self.reset: gr.update(value=texts("settings_reset")),
            self.facts: facts(chatbot.model, chatbot.index, texts),
        }


def choices_said(owner: Options) -> str:
    """A function of JavaScript: what the controls say, in their order, as `Choices` are kept.

    Where that is what the owner has set, nothing is chosen.
    """
    style, sources, percent = (
        json.dumps(own) for own in (owner.answer_style, owner.max_sources, round(100 * owner.strictness))
    )
    return f"""(style, sources, percent, keys, language) => ({{
        answer_style: style === {style} ? null : style,
        max_sources: sources === {sources} ? null : sources,
        strictness: percent === {percent} ? null : percent / 100,
        language: language === {json.dumps(_BROWSER)} ? "" : language,
        keys,
    }})"""


def _heading(texts: Texts) -> str:
    return f"<h2>{plain(texts('settings_heading'))}</h2><p>{plain(texts('settings_about'))}</p>"
