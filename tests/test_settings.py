"""Defaults < file < environment < arguments; what is unknown is refused."""

from pathlib import Path

import pytest

from rag_faq.errors import SettingsError
from rag_faq.settings import Settings, settings_file


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("PORT", "LLM", "MODELS", "CONFIG", "INDEX"):
        monkeypatch.delenv(f"RAG_FAQ_{name}", raising=False)


def test_each_place_overrules_the_one_before(tmp_path, monkeypatch):
    assert Settings.load().port == 7860
    (tmp_path / "rag-faq.toml").write_text('port = 1\nllm = "none"\n')
    assert Settings.load().port == 1
    monkeypatch.setenv("RAG_FAQ_PORT", "2")
    assert Settings.load().port == 2
    assert Settings.load(port=3).port == 3
    assert Settings.load(port=None, llm="x.gguf").model_dump(include={"port", "llm"}) == {"port": 2, "llm": "x.gguf"}


def test_a_named_file_goes_before_the_one_in_the_folder(tmp_path, monkeypatch):
    (tmp_path / "rag-faq.toml").write_text("port = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("port = 9\n")
    assert Settings.load(other).port == 9
    monkeypatch.setenv("RAG_FAQ_CONFIG", str(other))
    assert Settings.load().port == 9


@pytest.mark.parametrize(
    ("config", "environment", "file"),
    [
        (Path("a.toml"), {"RAG_FAQ_CONFIG": "b.toml"}, "a.toml"),
        (None, {"RAG_FAQ_CONFIG": "b.toml"}, "b.toml"),
        (None, {"RAG_FAQ_CONFIG": ""}, "rag-faq.toml"),
        (None, {}, "rag-faq.toml"),
    ],
)
def test_the_settings_file_is_the_one_that_is_named_else_the_one_in_the_folder(config, environment, file):
    assert settings_file(config, environment) == Path(file)


def test_the_usual_file_may_be_absent_unless_it_is_named(monkeypatch):
    assert Settings.load().port == 7860
    monkeypatch.setenv("RAG_FAQ_CONFIG", "rag-faq.toml")
    with pytest.raises(SettingsError, match=r"There is no settings file rag-faq\.toml"):
        Settings.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1\n", "`prot` is no setting"),
        ("port = 70000\n", "`port` = 70000: input should be less than or equal to 65535"),
        ('answer_style = "loud"\n', "`answer_style` = 'loud'"),
        ("port = \n", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_told_what_is_wrong(tmp_path, text, said):
    (tmp_path / "rag-faq.toml").write_text(text)
    with pytest.raises(SettingsError, match=None) as error:
        Settings.load()
    assert said in str(error.value)


def test_an_unknown_variable_is_refused(monkeypatch):
    monkeypatch.setenv("RAG_FAQ_PROT", "1")
    with pytest.raises(SettingsError, match="RAG_FAQ_PROT is no setting"):
        Settings.load()


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="There is no settings file"):
        Settings.load(tmp_path / "none.toml")


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().port = 5  # type: ignore[misc]


def test_the_corpus_of_the_package_is_there():
    assert (Settings.load().corpus / "generative-ai-faq.md").is_file()
