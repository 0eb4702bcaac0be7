"""British and American spellings brought to one form, so that each finds the other.

The form is made for matching, not for reading: it only has to be the same on both sides. Rules rather than a word
list, because a list misses the next word; a rule that changes a word needlessly ("contour" to "contor") does no harm
so long as it does not run two words into one.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Words in which "is" belongs to the stem: "revise" goes with "revision", "precise" with "precision".
_STEM_IS = (
    r"(?<!adv)(?<!rev)(?<!dev)(?<!superv)(?<!telev)(?<!improv)(?<!exerc)(?<!exorc)(?<!surpr)(?<!comprom)(?<!enterpr)"
    r"(?<!compr)(?<!franch)(?<!merchand)(?<!disgu)(?<!advert)(?<!prom)(?<!prem)(?<!prec)(?<!conc)(?<!expert)(?<!parad)"
    r"(?<!circumc)(?<!desp)(?<!likew)(?<!otherw)(?<!pra)(?<!appra)(?<!cru)(?<!bru)(?<!exc)"
)

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^practis(e|es|ed|ing)$", r"practic\1"),
        (rf"(?<=[a-z]{{3}}){_STEM_IS}is(e|es|ed|er|ers|ing|able|ation|ations|ational)$", r"iz\1"),
        (r"(?<=[a-z])ys(e|es|ed|er|ers|ing)$", r"yz\1"),  # analyse, paralyse
        (r"(?<=[a-z]{2})our(s|ed|ing|able|al|ful|less|hood|ist|ists|y|ite|ites|er|ers)?$", r"or\1"),  # colour
        (r"(cent|theat|met|lit|fib|calib|spect|meag|lust|somb|manoeuv)re(s)?$", r"\1er\2"),  # centre
        (r"(cent|calib|manoeuv)red$", r"\1ered"),
        (r"^(re)?centring$", r"\1centering"),
        (r"(?<=[a-z]{3}og)ue(s)?$", r"\1"),  # catalogue, dialogue
        (r"(def|off|lic|pret)ence(s|d)?$", r"\1ense\2"),
        (r"(?<=[aeiou]e)ll(ed|ing|er|ers)$", r"l\1"),  # fuelled; the stemmer itself undoubles "modelling"
        (r"^(bias|focus)s(ed|es|ing)$", r"\1\2"),
        (r"^programme(s)?$", r"program\1"),
        (r"^(enrol|fulfil|instal|skil)l?(s|ment|ments|ful)?$", r"\1\2"),
        (r"^judgement(s)?$", r"judgment\1"),
        (r"^age?ing$", "aging"),
        (r"^artefact(s)?$", r"artifact\1"),
        (r"^sceptic(s|al|ally|ism)?$", r"skeptic\1"),
        (r"^gr[ea]y(s)?$", r"gray\1"),
        (r"^(p)?aed", r"\1ed"),  # paediatric
        (r"^(an)aem", r"\1em"),
    )
)


@lru_cache(maxsize=65_536)
def one_spelling(word: str) -> str:
    """The word in the form that its British and its American spelling share. `word` is in lower case."""
    for pattern, replacement in _RULES:
        changed, count = pattern.subn(replacement, word)
        if count:
            return changed
    return word
