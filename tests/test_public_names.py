"""The public names."""

import subprocess
import sys

import rag_faq

NAMES = [
    "Answer", "Citation", "FaqChatbot", "FaqEntry", "Hit", "Options", "RagFaqError", "Related", "Settings", "Source",
    "SourcesFound", "TextDelta", "Timings", "load_chatbot", "query",
]  # fmt: skip


def test_the_public_names_are_these_and_sorted():
    assert rag_faq.__all__ == NAMES == sorted(NAMES)
    assert dir(rag_faq) == NAMES


def test_each_name_is_there():
    for name in NAMES:
        assert getattr(rag_faq, name).__name__ == name


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("torch", "faiss", "llama_cpp", "gradio", "pydantic")
    code = f"import rag_faq, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
