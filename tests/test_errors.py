"""An error says what was found, what was expected, and what mends it."""

import rag_faq.errors as errors
from rag_faq.errors import IndexStaleError, RagFaqError


def test_the_message_has_all_three_parts():
    error = IndexStaleError("The index is of format 1", expected="format 2", mend="rag-faq index build")
    assert str(error) == "The index is of format 1. Expected: format 2. To mend it: rag-faq index build"
    assert str(RagFaqError("It broke.")) == "It broke."


def test_the_tree_in_the_docstring_is_the_tree():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, RagFaqError)]
    drawn = [line.split("─ ")[-1].split()[0] for line in (errors.__doc__ or "").splitlines() if "Error" in line]
    assert sorted(c.__name__ for c in classes) == sorted(drawn)
