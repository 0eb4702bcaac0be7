"""The repair rules: what each mends, and what it must leave alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.corpus.document import Document, mark_fences, plain_lines
from rag_faq.corpus.repair import RULES, repair


def mend(text: str, name: str | None = None) -> tuple[str, int]:
    """The text after one rule (after all without a name), and how many repairs there were."""
    document = Document("x.md", text, "", mark_fences(plain_lines(text)))
    mended, counts = repair(document, [rule for rule in RULES if name in (None, rule.name)])
    return "\n".join(line.text for line in mended.lines), sum(counts.values())


def test_rules_have_names_of_their_own_and_reasons() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.why.endswith(".") for rule in RULES)


# --- characters ---


def test_characters() -> None:
    assert mend("ﬁne\u00adtuning\u200b of\u00a0eﬃcient\ufeff models", "characters") == (
        "finetuning of efficient models",
        6,
    )


def test_characters_leave_joiners_in_emoji_and_code() -> None:
    text = "a 👩‍💻 in ಕ್‌ಷ\n```\na\u00a0b\n```"
    assert mend(text, "characters") == (text, 0)


# --- headings ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#### **Generative AI**", "#### Generative AI"),
        ("## **5.** What **is** it?", "## 5. What is it?"),
        ("# __1. Why?__ #", "# 1. Why?"),
        ("## 2 ** 3", "## 2 ** 3"),
        ("## What is __init__.py?", "## What is __init__.py?"),
        ("- **bold** item", "- **bold** item"),
    ],
)
def test_heading_marks(text: str, expected: str) -> None:
    assert mend(text, "heading-marks") == (expected, int(text != expected))


# --- wrapped lines ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- one goes\n  on and\nends\n- two", "- one goes on and ends\n- two"),
        ("a sentence that\nwas wrapped.", "a sentence that was wrapped."),
        ("a well-\nknown one, short-\nand long-term", "a well-known one, short- and long-term"),
        ("kept  \nbreak", "kept  \nbreak"),
        ("kept\\\nbreak", "kept\\\nbreak"),
        ("one\n\ntwo", "one\n\ntwo"),
        ("# heading\ntext", "# heading\ntext"),
        ("text\n# heading", "text\n# heading"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("| a |\n| b |", "| a |\n| b |"),
        ("text\n> quoted", "text\n> quoted"),
        ("```\na\nb\n```", "```\na\nb\n```"),
        ("Q: Far?\nA: No.", "Q: Far?\nA: No."),
        ("1. Is it far?\nNo.", "1. Is it far?\nNo."),
        ("Wash them with soap\nDry them\nTurn off the tap", "Wash them with soap\nDry them\nTurn off the tap"),
        ("All the United\nNations agreed on it\nand that.", "All the United Nations agreed on it and that."),
    ],
)  # fmt: skip
def test_wrapped_lines(text: str, expected: str) -> None:
    assert mend(text, "wrapped-lines")[0] == expected


def test_a_joined_line_knows_all_its_lines() -> None:
    text = "\n- one\n  goes on\n  and on\n- two"
    mended, counts = repair(Document("x.md", text, "", plain_lines(text)))
    assert [(line.text, line.first, line.last) for line in mended.lines] == [
        ("", 1, 1),
        ("- one goes on and on", 2, 4),
        ("- two", 5, 5),
    ]
    assert counts == {"wrapped-lines": 2}
    assert mended.text == text


# --- "Al" for "AI" ---

ABOUT = "AI is Artificial Intelligence. "
PROVED = ABOUT + "Generative Al and explainable Al. "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Generative Al, generative Al.", "Generative AI, generative AI."),
        ("OpenAl's DALL-E and GenAl", "OpenAI's DALL-E and GenAI"),
        ("Al-generated and Al-powered", "AI-generated and AI-powered"),
        ("Artificial Intelligence (Al)", "Artificial Intelligence (AI)"),
    ],
)
def test_al_where_no_name_can_stand(text: str, expected: str) -> None:
    assert mend(ABOUT + text, "al-for-ai") == (ABOUT + expected, text.count("Al"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How are GANs used in Al?", "How are GANs used in AI?"),
        ("improving the Al's ability", "improving the AI's ability"),
        ("the Al model", "the AI model"),
        ("large Al models", "large AI models"),
        ("the future of Al.", "the future of AI."),
    ],
)
def test_al_where_a_name_could_stand_but_the_document_proves_the_damage(text: str, expected: str) -> None:
    assert mend(PROVED + text, "al-for-ai")[0].endswith(expected)
    assert mend(ABOUT + text, "al-for-ai") == (ABOUT + text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Al Gore spoke, and Al Pacino, and Al Jazeera wrote.",
        "Smith et al. wrote; Al-Qaeda, Al-Khwarizmi, al dente.",
        "Weird Al sang. Uncle Al's diner. Al is our founder. Ask Al. Al's desk is by the door.",
        "the Al Smith dinner",
        "We all rely on Al. He said: Al can help.",
        "Total, final, ThermAl, PortAl",
        "`Al-generated` and https://x.org/Generative-Al/Al-based or a@Al-based.org",
    ],
)
def test_al_that_is_a_name_stays(text: str) -> None:
    for about in (ABOUT, "", PROVED):
        mended, _ = mend(about + text, "al-for-ai")
        assert mended.endswith(text)


def test_a_person_in_a_document_about_ai_comes_out_unharmed() -> None:
    text = """\
# FAQ of the AI lab

## 1. Who is Al?

Al Kowalski is the head of the AI lab. The Al we know likes generative AI, and our artificial intelligence likes Al.

## 2. What is Al's role in the AI lab?

Ask Al. The role of Al is to lead; the history of Al with us is long. "What would the Al do?" we ask.
"""
    assert mend(text) == (text, 0)


def test_likely_places_stay_when_a_person_of_that_name_is_there() -> None:
    text = PROVED + "\n\nAl Kowalski joined. The role of Al here is big."
    assert "role of Al here" in mend(text, "al-for-ai")[0]


def test_aluminium_stays() -> None:
    text = "AI finds alloys. Al-based, Al-rich, TiAl and the Al content. Aluminium (Al)."
    assert mend(text) == (text, 0)


def test_a_document_that_is_not_about_ai_stays() -> None:
    text = "Al-powered rockets by Al, generative Al."
    assert mend(text) == (text, 0)


# --- glued words ---


def test_glued_words() -> None:
    assert mend("Networks, orGANs, are GANs.", "glued-words") == ("Networks, or GANs, are GANs.", 1)
    assert mend("theCPU or a CPU; withGPUs and a GPU", "glued-words") == ("the CPU or a CPU; with GPUs and a GPU", 2)


@pytest.mark.parametrize(
    "text", ["asRNA and RNA", "macOS, iOS and OS", "orGANs", "forEACH forEACH EACH", "x-orGAN GAN GAN"]
)
def test_words_with_capitals_inside_stay(text: str) -> None:
    assert mend(text, "glued-words") == (text, 0)


# --- lost hyphens ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("high-resolution, highresolution", "high-resolution, high-resolution"),
        ("humangenerated or human-generated", "human-generated or human-generated"),
        ("Large-scale and largescale", "Large-scale and large-scale"),
    ],
)
def test_lost_hyphens(text: str, expected: str) -> None:
    assert mend(text, "lost-hyphens") == (expected, 1)


@pytest.mark.parametrize(
    "text",
    [
        "pre-trained and pretrained",
        "fine-tuning and finetuning",
        "health-care and healthcare",
        "e-mail and email",
        "hand-washing and handwashing",
        "socio-economically-biased, socio-economic and socioeconomic",
        "cardio-accelerated and cardioaccelerated",
        "over-represented and overrepresented",
        "high-resolution, highresolution, highresolution",
        "highresolution alone",
        "`highresolution` and high-resolution",
        "re-created and recreated, co-operated and cooperated",
    ],
)
def test_words_that_are_also_written_in_one_stay(text: str) -> None:
    assert mend(text, "lost-hyphens") == (text, 0)


# --- all rules ---

WORDS = re.findall(
    r"\S+",
    """
    Al AI Al's Al-generated OpenAl Generative the The models in used role of Artificial intelligence orGANs ofGANs GANs
    highresolution high-resolution human- humangenerated human-generated Wash Dry # ## 1. - * ** **a** __ | Q: A: What?
    ` https://x.org/Al ( ) . \\ ﬁ
    """,
)
SPACES = ["\n", "\n", "\n\n", "\n- ", "\n## ", "\n```\n", "  ", "  \n", "\u00a0", "\u00ad", "\x0c"]
PIECES = st.sampled_from(WORDS + SPACES)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40), st.sampled_from(["", " "]))
def test_repairing_twice_is_repairing_once(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    once, _ = repair(Document("x.md", text, "", mark_fences(plain_lines(text))))
    assert repair(once) == (once, {})


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_repaired_and_its_lines_stay_in_order(text: str) -> None:
    document = Document("x.md", text, "", mark_fences(plain_lines(text)))
    mended, _ = repair(document)
    assert repair(mended)[1] == {}
    covered = [number for line in mended.lines for number in range(line.first, line.last + 1)]
    assert covered == list(range(1, len(document.lines) + 1))
