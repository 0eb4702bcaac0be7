"""The facts in the settings, and the dialog of keys."""

import os
import re
from dataclasses import replace

import pytest
from small_faq import pet_chatbot

from rag_faq.interfaces.page.settings_view import built, facts
from rag_faq.interfaces.page.shortcuts import KEYS, shortcuts_dialog
from rag_faq.interfaces.page.texts import load_catalogue, load_texts
from rag_faq.records import ModelInfo

TEXTS = load_texts()


def rows(html: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd dir='auto'>(.*?)</dd>", html))


def test_the_facts_name_model_device_and_index(tmp_path) -> None:
    index = pet_chatbot(tmp_path, None).index
    os.utime(index.folder / "manifest.json", (0, 1_700_000_000))
    told = rows(facts(ModelInfo("m", "0123456789abcdef", "cpu", "2 <threads>"), index, TEXTS))
    assert told["Language model"] == "m"
    assert told["Runs on"] == "cpu, 2 &lt;threads&gt;"
    assert told["Weights"] == "0123456789ab"
    assert told["Entries of the FAQ"] == "3"
    assert told["Documents"] == "pets.md"
    assert told["Index"] == index.fingerprint[:12]
    assert re.fullmatch(r"2023-11-1[45] \d\d:\d\d .+", told["Built"])  # the hour is this machine's


def test_without_a_model_the_facts_say_why(tmp_path) -> None:
    chatbot = pet_chatbot(tmp_path, None)
    told = rows(facts(chatbot.model, chatbot.index, TEXTS))
    assert told["Language model"] == "none: answers are the FAQ&#x27;s own text"
    assert told["Runs on"] == "None was wanted."
    assert "Weights" not in told


def test_an_index_whose_folder_is_gone_has_no_time(tmp_path) -> None:
    index = pet_chatbot(tmp_path, None).index
    assert built(replace(index, folder=tmp_path / "gone")) == ""


@pytest.mark.parametrize("language", list(load_catalogue()))
def test_every_key_is_listed_in_every_language(language: str) -> None:
    html = shortcuts_dialog(load_texts(language))
    assert html.count("<kbd>") == sum(len(keys) for keys, _ in KEYS)
    assert html.count("<dd>") == len(KEYS)
