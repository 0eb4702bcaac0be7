"""British and American spellings share one form; words that are not variants keep apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.retrieval.analysis import analyse
from rag_faq.retrieval.spelling import one_spelling

PAIRS = """
    colour/color behaviour/behavior favourites/favorites neighbouring/neighboring honourable/honorable
    customisation/customization organisations/organizations memorise/memorize optimised/optimized
    recognising/recognizing tokeniser/tokenizer generalisable/generalizable
    analyse/analyze analysed/analyzed analysing/analyzing
    centre/center centred/centered centring/centering kilometres/kilometers theatre/theater
    fuelled/fueled dialogue/dialog catalogues/catalogs licence/license defence/defense
    biassed/biased focussing/focusing programme/program ageing/aging enrol/enroll skilful/skillful
    instalment/installment paediatric/pediatric practising/practicing grey/gray judgement/judgment
    artefacts/artifacts sceptical/skeptical
"""


@pytest.mark.parametrize("pair", PAIRS.split())
def test_variants_share_one_form(pair):
    british, american = pair.split("/")
    assert one_spelling(british) == one_spelling(american)


@pytest.mark.parametrize(
    "pair", ["modelling/modeling", "labelled/labeled", "travelled/traveled", "signalling/signaling"]
)
def test_doubled_l_is_undone_by_the_stemmer(pair):
    british, american = pair.split("/")
    assert analyse(british) == analyse(american)


@pytest.mark.parametrize(
    "word",
    ["our", "hour", "four", "your", "rise", "wise", "noise", "precise", "revise", "calling", "analysis", "thesis"],
)
def test_words_that_only_look_like_it_stay(word):
    assert one_spelling(word) == word


@pytest.mark.parametrize(
    ("one", "other"), [("precise", "prize"), ("course", "coarse"), ("hour", "her"), ("fuel", "fell"), ("metre", "mete")]
)
def test_different_words_keep_apart(one, other):
    assert one_spelling(one) != one_spelling(other)


def test_words_of_one_family_stay_together():
    assert analyse("revise") == analyse("revision")
    assert analyse("organise organisation") == analyse("organize organization")


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", max_size=20))
def test_any_word_has_a_form_and_the_form_is_its_own(word):
    form = one_spelling(word)
    assert form or not word
    assert one_spelling(form) == one_spelling(one_spelling(form))
