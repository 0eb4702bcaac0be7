"""Removing what a model writes of its sources by itself. The program numbers the sources, not the model."""

from __future__ import annotations

import re

# "1", "1, 2", "1 and 3", "#2", "[1]", and the placeholder "n".
_NUMBER = r"\[?#?(?:\d{1,3}|n)\]?"
_NUMBERS = rf"{_NUMBER}(?:\s*(?:,|;|&|-|–|and|or|y|et)+\s*{_NUMBER})*"
_WORD = r"(?:the\s+)?(?:sources?|src|references?|refs?|documents?|docs?|citations?|passages?|faq\s+texts?|context)"
_NAMED = rf"{_WORD}\s*(?:no\.?\s*|number\s+)?{_NUMBERS}"
_SAYS = (
    r"(?:according\s+to|as\s+(?:stated|mentioned|noted|described|explained|discussed|shown|listed|seen|per)(?:\s+(?:in|by))?"
    r"|as\s+per|per|based\s+on|see(?:\s+also)?|from|stated\s+in|mentioned\s+in|in|cf\.)"
)
_REPORTS = r"(?:says|states|mentions|notes|explains|describes|indicates|tells\s+us|reports|highlights|points\s+out)"

# A marker fixed to a word ("array[1]") is removed as well, for models write "text[1]."; code in backticks is kept.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), put)
    for pattern, put in (
        # A closing list of sources, with what stands under it.
        (
            r"^[ \t>*_#]*(?:sources?|references?|citations?)[ \t*_]*:[ \t*_]*(?:\n?[ \t]*[-*]?[ \t]*"
            + _NUMBERS
            + r"[ \t.]*)+$",
            "",
        ),
        # At the beginning: "Source [1]: text", "Source 1 says that text".
        (
            rf"^(?P<lead>[ \t]*(?:[-*•]\s+)?)(?:\*\*)?(?:{_SAYS}\s+)?{_NAMED}(?:\*\*)?\s*"
            rf"(?::(?:\*\*)?|{_REPORTS}(?:\s+that)?:?)\s*",
            r"\g<lead>",
        ),
        (rf"(?P<lead>[.!?]\s+)(?:{_SAYS}\s+)?{_NAMED}\s*(?::|{_REPORTS}(?:\s+that)?:?)\s*", r"\g<lead>"),
        # "According to source 1, text" and "text, as stated in source 1."
        (rf"(?P<lead>^[ \t]*(?:[-*•]\s+)?|[.!?]\s+){_SAYS}\s+(?:{_NAMED}|\[\d{{1,3}}\])\s*,\s*", r"\g<lead>"),
        (rf"\s*,?\s*\b{_SAYS}\s+{_NAMED}(?=\s*[,.;!?)]|\s*$)", ""),
        # "The text states that text": the reader sees no "text", and the [n] says where it stands.
        (
            r"(?P<lead>^[ \t]*(?:[-*•]\s+)?|[.!?]\s+)The\s+(?:FAQ\s+)?(?:text|passage)\s+(?:also\s+)?"
            rf"{_REPORTS}\s+that\s+",
            r"\g<lead>",
        ),
        # In brackets: "(Source 2)", "(see sources 1 and 2)", "[Source 1]", "【1】".
        (rf"\s*[(\[【](?:{_SAYS}\s+)?{_NAMED}[)\]】]", ""),
        (r"\s*【[^】\n]{1,20}】", ""),
        # Bare numbers: "[1]", "[1, 2]", "[^1]", and the placeholder "[n]".
        (r"\s*\[\^?(?:\d{1,3}(?:\s*(?:[,;&–-]|and)\s*\[?\d{1,3}\]?)*|n)\](?!\()", ""),
        (r"\s*\((?:\[\d{1,3}\][,\s]*)+\)", ""),
    )
)
_ANSWER = re.compile(
    r"\A\s*(?:#{1,6}\s*)?(?:\*\*)?(?:answer|response|a|réponse|respuesta)(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE
)
# A fence stands at the beginning of a line; three backticks inside one are no code.
_CODE = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)|(?<!`)`[^`\n]+`(?!`)", re.DOTALL | re.MULTILINE)
_FIRST_LETTER = re.compile(r"(?:\A|(?<=[.!?]\s)|(?<=\n))([ \t]*(?:[-*•]\s+)?)([a-z])")


def clean(text: str) -> str:
    """`text` without the model's own source markers and without a leading "Answer:", its spaces tidied.

    "According to source 1, GANs generate data [1]." gives "GANs generate data.". Code in backticks is not touched.
    """
    text = _ANSWER.sub("", text.replace("\r\n", "\n").replace("\r", "\n"), count=1)
    pieces: list[str] = []
    position = 0
    for code in _CODE.finditer(text):
        pieces += [_without_markers(text[position : code.start()]), code.group()]
        position = code.end()
    pieces.append(_without_markers(text[position:]))
    return "".join(pieces).strip()


def _without_markers(text: str) -> str:
    before = text
    for pattern, put in _RULES:
        text = pattern.sub(put, text)
    if text == before:
        return text
    text = re.sub(r"\(\s*\)|\[\s*\]", "", text)
    text = re.sub(r"(?<=\S)[ \t]+(?=[,.;:!?](?:\s|$))", "", text)
    text = re.sub(r"(?<=\S)[ \t]{2,}", " ", text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    return _capitals_as_before(text, before)


def _capitals_as_before(text: str, before: str) -> str:
    """A sentence that lost its beginning begins with a capital again; one that began small before stays so."""
    began_small = {match.start(2) for match in _FIRST_LETTER.finditer(before)}
    small_words = {re.match(r"\w+", before[start:]).group() for start in began_small}  # type: ignore[union-attr]

    def raise_first(match: re.Match[str]) -> str:
        word = re.match(r"\w+", text[match.start(2) :])
        keep = word is not None and word.group() in small_words
        return match.group() if keep else match[1] + match[2].upper()

    return _FIRST_LETTER.sub(raise_first, text)
