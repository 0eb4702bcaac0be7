import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.grounding.sentences import list_marker, split_sentences


def units(text: str) -> list[str]:
    return [text[span.start : span.end] for span in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One thing. Another thing.", ["One thing.", "Another thing."]),
        ("It uses, e.g. Transformers. So do I.", ["It uses, e.g. Transformers.", "So do I."]),
        ("Dr. Smith agrees. Really!", ["Dr. Smith agrees.", "Really!"]),
        ("GPT-3.5 costs 0.5 cents. It is old.", ["GPT-3.5 costs 0.5 cents.", "It is old."]),
        ("GANs vs. VAEs. See Fig. 3 there.", ["GANs vs. VAEs.", "See Fig. 3 there."]),
        ("Images, text, etc. The rest follows.", ["Images, text, etc.", "The rest follows."]),
        ("Images, text, etc. are made.", ["Images, text, etc. are made."]),
        ("Well... it depends. Hmm… Yes.", ["Well... it depends.", "Hmm…", "Yes."]),
        ('He said "It works." Then he left.', ['He said "It works."', "Then he left."]),
        ('"Is it so?" she asked. No.', ['"Is it so?" she asked.', "No."]),
        ("It works (mostly.) And so on.", ["It works (mostly.)", "And so on."]),
        ("**It works.** Then it stops.", ["**It works.**", "Then it stops."]),
        ("In the U.S. Congress it failed. True.", ["In the U.S. Congress it failed.", "True."]),
        ("Made by J. Doe in May. Fine.", ["Made by J. Doe in May.", "Fine."]),
        ("¿Qué es? ¡Nada! «Bien.» Sí.", ["¿Qué es?", "¡Nada!", "«Bien.»", "Sí."]),
        ("C'est bon ? « Oui. » Puis non.", ["C'est bon ?", "« Oui. »", "Puis non."]),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("Visit example.com. 3D-GANs are used.", ["Visit example.com.", "3D-GANs are used."]),
        ("The steps: 1. Collect data. 2. Train.", ["The steps: 1. Collect data.", "2. Train."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert units(text) == expected


def test_a_list_line_is_one_unit_and_a_long_one_several() -> None:
    text = "The steps are:\n\n- Data: first. Then more.\n- training\n1. Tune it.\n2) Ship it\n\nDone."
    assert units(text) == [
        "The steps are:",
        "- Data: first.",
        "Then more.",
        "- training",
        "1. Tune it.",
        "2) Ship it",
        "Done.",
    ]


def test_a_line_that_goes_on_in_lower_case_was_wrapped() -> None:
    assert units("Text completion and\n  summarisation work.\nNext") == [
        "Text completion and\n  summarisation work.",
        "Next",
    ]


def test_a_heading_ends_with_its_line() -> None:
    assert units("## Training\nmodels learn.") == ["## Training", "models learn."]


@pytest.mark.parametrize(
    ("unit", "marker"),
    [("- x", "- "), ("2. x", "2. "), ("(3) x", "(3) "), ("* x", "* "), ("x - y", ""), ("-x", ""), ("3D x", "")],
)
def test_list_marker(unit: str, marker: str) -> None:
    assert list_marker(unit) == marker


# Text with much of what decides: points, closers, list markers, breaks.
PIECES = """e.g. Dr. A word GPT-3.5 . ? … ... -_ 1._ 2) » « " ) ( * : ¿ 。 # #_ 3 I etc. | é""".replace("_", " ").split(
    " "
)
CRAFTED = st.lists(st.sampled_from([*PIECES, " ", "- ", "1. ", "# ", "\n", "\n\n", "\t", "\r\n"]), max_size=40).map(
    "".join
)


@settings(deadline=None)
@given(st.one_of(st.text(), CRAFTED))
def test_spans_are_ordered_disjoint_and_leave_out_only_space(text: str) -> None:
    position = 0
    for start, end in split_sentences(text):
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()
