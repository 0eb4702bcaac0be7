"""What a person may choose for the next question, and what the owner's settings leave of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.chatbot import Options
from rag_faq.interfaces.page.choices import Choices, load_choices, options, styles_of

OWNER = Options(answer_style="auto", max_sources=3, strictness=0.5)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (Choices(), OWNER),
        (Choices("composed", 1, 0.9), Options(answer_style="composed", max_sources=1, strictness=0.9)),
        (Choices(max_sources=8), OWNER),
        (Choices(strictness=0.1), OWNER),
    ],
)
def test_a_choice_holds_within_the_owners_bounds(choices: Choices, expected: Options) -> None:
    assert options(choices, OWNER) == expected


def test_an_owner_of_verbatim_answers_leaves_no_choice_of_style() -> None:
    owner = Options(answer_style="verbatim")
    assert styles_of(owner) == ("verbatim",)
    assert options(Choices("composed"), owner).answer_style == "verbatim"
    assert styles_of(OWNER) == ("auto", "composed", "verbatim")


def test_choices_come_back_from_the_browser() -> None:
    chosen = Choices("verbatim", 2, 0.75, "es", keys=False)
    assert load_choices(chosen.dump()) == chosen


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "broken",
        [1],
        {"answer_style": "<b>", "max_sources": 0, "strictness": 2, "language": 7},
        {"answer_style": ["auto"], "max_sources": True, "strictness": "0.5", "language": "e" * 99},
    ],
)
def test_what_nobody_can_have_chosen_is_left_out(stored: object) -> None:
    assert load_choices(stored) == Choices()


@given(
    st.dictionaries(
        st.sampled_from(["answer_style", "max_sources", "strictness", "language"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    )
)
def test_no_browser_leaves_the_owners_bounds(stored: dict[str, object]) -> None:
    given_to = options(load_choices(stored), OWNER)
    assert 1 <= given_to.max_sources <= 3
    assert 0.5 <= given_to.strictness <= 1
    assert given_to.max_new_tokens == OWNER.max_new_tokens
