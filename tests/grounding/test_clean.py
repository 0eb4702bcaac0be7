import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.grounding.clean import clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GANs generate data [1].", "GANs generate data."),
        ("GANs generate data. [1]", "GANs generate data."),
        ("GANs generate data.[1] They learn. [2]", "GANs generate data. They learn."),
        ("GANs generate data[1, 2].", "GANs generate data."),
        ("GANs generate [1][3] data.", "GANs generate data."),
        ("Source [1]: GANs generate data.", "GANs generate data."),
        ("Source 1: GANs generate data.", "GANs generate data."),
        ("GANs generate data (Source 2).", "GANs generate data."),
        ("GANs generate data (see sources 1 and 2).", "GANs generate data."),
        ("GANs generate data [Source 1].", "GANs generate data."),
        ("According to source 1, the model learns.", "The model learns."),
        ("According to [1], the model learns.", "The model learns."),
        ("Fine. According to Source [2], the model learns.", "Fine. The model learns."),
        ("The model learns, as stated in source 1.", "The model learns."),
        ("Source 1 says that the model learns.", "The model learns."),
        ("The text states that the model learns.", "The model learns."),
        ("Fine. The FAQ text also mentions that data helps.", "Fine. Data helps."),
        ("The text does not state that the model learns.", "The text does not state that the model learns."),
        ("What the text states that matters is new.", "What the text states that matters is new."),
        ("The model learns [n].", "The model learns."),
        ("The model learns.【1】", "The model learns."),
        ("Answer: The model learns.", "The model learns."),
        ("**Answer:** The model learns.", "The model learns."),
        ("The model learns.\n\nSources: [1], [2]", "The model learns."),
        ("- one [1]\n- two [2]", "- one\n- two"),
        ("- Source 1: the model\n- text", "- The model\n- text"),
        ("Call `array[1]` first [1].", "Call `array[1]` first."),
        ("The open source model learns.", "The open source model learns."),
        ("It costs 5 (five) coins [but not more].", "It costs 5 (five) coins [but not more]."),
        ("See [the page](http://x.y) for 1.", "See [the page](http://x.y) for 1."),
        ("", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("abc A.[]()12,:\n-*`Sourcesn")))
def test_never_crashes_and_settles(text: str) -> None:
    assert isinstance(clean(text), str)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["Models learn.", "Data helps, too.", "e.g. this one", "- item", "\n"]), max_size=6))
def test_text_without_markers_is_left_alone(parts: list[str]) -> None:
    text = " ".join(parts).strip()
    assert clean(text) == text
