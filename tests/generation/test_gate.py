"""Which entries answer the question, in which order, with what probability."""

import math
import re
from dataclasses import replace

import pytest

from rag_faq.generation.gate import Calibration, Gate, default_calibration
from rag_faq.generation.odds import Weights, logit, sigmoid
from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.testing import ScriptedGenerator

# By the search: odds = 2 * score - 1. In order by 10 * score + likelihood. Read: odds = 10 * score - 10, of which 2 are
# clear. The verdict: the odds of yes alone.
SIMPLE = Calibration(
    search=Weights(-1.0, (2.0,)),
    order=Weights(0.0, (10.0, 1.0)),
    among=Weights(0.0, (10.0, 1.0, 0.0)),
    read=Weights(-10.0, (10.0, 0.0, 0.0)),
    verdict=Weights(0.0, (0.0, 0.0, 0.0, 1.0)),
    doubt=Weights(0.0, (0.0, 0.0, 1.0, 0.0, -1.0)),
    far=0.3,
    sure=0.95,
    plain=0.8,
    clear=2.0,
    near=0.5,
    typical=-3.0,
    close=1.0,
    doubtful=0.0,
    unlikely=-9.0,
)


def hit(number, score):
    entry = FaqEntry(f"f#{number}", number, f"Question {number}?", f"Answer {number}.", "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/question/0", entry.id, "q", "question"), number)


def gate(generator=None, calibration=SIMPLE):
    return Gate(generator, lambda h: h.entry.answer, calibration)


def model(likely=None, yes=None):
    """A model with these likelihoods and probabilities of yes, by the entry's number."""

    def number(prompt):
        return int(re.search(r"Answer (\d)\.", prompt.messages[1].content)[1])

    return ScriptedGenerator(
        "",
        likelihoods=None if likely is None else lambda prompt: likely[number(prompt)],
        choices=None if yes is None else lambda prompt, options: (yes[number(prompt)], 1 - yes[number(prompt)]),
    )


def told(judged):
    return [(item.hit.entry.number, item.yes) for item in judged]


def test_without_a_model_the_search_decides():
    judged = gate().judge("q", (hit(1, 0.5), hit(2, 0.3)))
    assert [item.probability for item in judged] == [0.5, pytest.approx(sigmoid(-0.4))]
    assert [item.behind for item in judged] == [0.0, pytest.approx(2.0)]
    assert told(judged) == [(1, None), (2, None)]


def test_how_likely_the_model_finds_the_question_after_each_near_entry_decides_on_the_order():
    asked = model(likely={1: -5.0, 2: -2.0, 3: 0.0}, yes={2: 0.9})
    judged = gate(asked).judge("Is it so?", (hit(1, 0.8), hit(2, 0.7), hit(3, 0.3)))
    # 10 * 0.7 - 2 = 5 leads; 10 * 0.8 - 5 = 3 lies 2 behind; entry 3 is not near: 0.3 < 0.5 * 0.8.
    assert told(judged) == [(2, 0.9), (1, None)]
    assert [item.behind for item in judged] == [0.0, pytest.approx(2.0)]
    assert [item.probability for item in judged] == [pytest.approx(0.9), pytest.approx(sigmoid(0.6))]
    assert [prompt.messages[1].segments[-1] for prompt in asked.measured] == ["Question: Is it so?"] * 2


def test_the_model_is_asked_about_those_that_are_close_to_the_leading_one():
    asked = model(likely={1: -2.0, 2: -1.5}, yes={1: 0.8, 2: 0.2})
    judged = gate(asked).judge("q", (hit(1, 0.8), hit(2, 0.7)))
    assert told(judged) == [(1, 0.8), (2, 0.2)]


def test_those_are_put_in_order_by_their_yes_too():
    """Log-odds of 10 * 0.8 - 2 + logit(0.2) = 4.61, and of 10 * 0.7 - 1.5 + logit(0.8) = 6.89."""
    asked = model(likely={1: -2.0, 2: -1.5, 3: -2.0}, yes={1: 0.2, 2: 0.8})
    calibration = replace(SIMPLE, among=Weights(0.0, (10.0, 1.0, 1.0)))
    judged = gate(asked, calibration).judge("q", (hit(1, 0.8), hit(2, 0.7), hit(3, 0.5)))
    assert told(judged) == [(2, 0.8), (1, 0.2), (3, None)]  # the third lies 3 behind by the first order
    assert [item.behind for item in judged] == [0.0, pytest.approx(6.886 - 4.614, abs=1e-3), 3.0]


def test_about_three_at_most():
    likely = dict.fromkeys(range(1, 6), -1.0)
    asked = model(likely=likely, yes=dict.fromkeys(likely, 0.9))
    judged = gate(asked).judge("q", tuple(hit(number, 0.5) for number in likely))
    assert told(judged) == [(1, 0.9), (2, 0.9), (3, 0.9), (4, None), (5, None)]


@pytest.mark.parametrize(("likely", "odds"), [({1: -5.0}, 2 * 5.0), (None, 2 * 3.0)])
def test_an_unlikely_question_is_forgiven_more(likely, odds):
    """The verdict's odds are those of yes and -2 times the likelihood; -3 is typical where the model does not tell."""
    calibration = replace(SIMPLE, verdict=Weights(0.0, (0.0, 0.0, -2.0, 1.0)))
    (judged,) = gate(model(likely=likely, yes={1: 0.5}), calibration).judge("q", (hit(1, 0.8), hit(2, 0.3)))
    assert judged.probability == pytest.approx(sigmoid(odds))


@pytest.mark.parametrize(
    ("yes", "probability"),
    [
        (0.6, sigmoid(2.0)),  # log-odds of 0.41: in doubt, so -1 after the entry counts against -3 after a far one
        (0.9, 0.9),  # log-odds of 2.2: in none
        (0.1, 0.1),
    ],
)
def test_in_doubt_the_question_is_read_after_a_far_entry_too(yes, probability):
    calibration = replace(SIMPLE, doubtful=1.0)
    asked = model(likely={1: -1.0, 6: -3.0}, yes={1: yes})
    hits = (hit(1, 0.8), *(hit(number, 0.3) for number in range(2, 7)))
    (judged,) = gate(asked, calibration).judge("q", hits)
    assert judged.probability == pytest.approx(probability)
    assert len(asked.measured) == (2 if yes == 0.6 else 1)


def test_what_is_unlikely_everywhere_is_forgiven_no_more_than_what_is_merely_unlikely():
    """-12 and -30 both count as -9, after the entry and after the far one: gibberish wins nothing by being worse."""
    calibration = replace(SIMPLE, verdict=Weights(0.0, (0.0, 0.0, -0.1, 1.0)), doubtful=1.0)
    hits = (hit(1, 0.8), *(hit(number, 0.3) for number in range(2, 7)))
    judged = [
        gate(model(likely={1: worse, 6: worse - 1}, yes={1: 0.5}), calibration).judge("q", hits)[0].probability
        for worse in (-12.0, -30.0)
    ]
    assert judged == [pytest.approx(0.5)] * 2  # -9 against -9


def test_it_is_read_there_once_for_all_that_are_in_doubt():
    asked = model(likely={1: -1.0, 2: -1.0, 6: -3.0}, yes={1: 0.6, 2: 0.6})
    hits = (hit(1, 0.8), hit(2, 0.79), *(hit(number, 0.3) for number in range(3, 7)))
    judged = gate(asked, replace(SIMPLE, doubtful=1.0)).judge("q", hits)
    assert [item.probability for item in judged] == [pytest.approx(sigmoid(2.0))] * 2
    assert len(asked.measured) == 3


def test_of_few_hits_none_is_far():
    asked = model(likely={1: -1.0}, yes={1: 0.6})
    (judged,) = gate(asked, replace(SIMPLE, doubtful=1.0)).judge("q", (hit(1, 0.8), hit(2, 0.3)))
    assert judged.probability == pytest.approx(0.6)


def test_a_single_entry_that_is_plain_is_not_even_measured():
    asked = model(likely={1: -1.0}, yes={1: 0.5})
    judged = gate(asked).judge("q", (hit(1, 1.4), hit(2, 0.3)))
    assert (told(judged), asked.measured) == ([(1, None)], [])


def test_where_the_model_tells_no_likelihood_its_yes_decides_on_the_order():
    judged = gate(model(yes={1: 0.2, 2: 0.9, 3: 0.6})).judge("q", tuple(hit(n, 0.5) for n in (1, 2, 3)))
    assert told(judged) == [(2, 0.9), (3, 0.6), (1, 0.2)]
    assert [item.behind for item in judged] == [
        0.0,
        pytest.approx(logit(0.9) - logit(0.6)),
        pytest.approx(logit(0.9) - logit(0.2)),
    ]


@pytest.mark.parametrize("score", [0.0, 2.0])
def test_where_the_search_is_sure_the_model_is_spared(score):
    asked = model(yes={1: 0.5})
    gate(asked).judge("q", (hit(1, score), hit(2, -1.0)))
    assert (asked.asked, asked.measured) == ([], [])


def test_what_is_clear_once_the_question_was_read_needs_no_yes():
    """Read: log-odds of 10 * 1.25 - 10 = 2.5 for entry 2, which is clear, and of 3 for entry 1, which lies behind."""
    asked = model(likely={1: -9.0, 2: -1.0}, yes={})
    judged = gate(asked).judge("q", (hit(1, 1.3), hit(2, 1.25)))
    assert told(judged) == [(2, None), (1, None)]
    assert judged[0].probability == pytest.approx(sigmoid(2.5))


def test_what_is_clear_is_read_nowhere_else():
    asked = model(likely={1: -1.0, 6: -3.0}, yes={})
    hits = (hit(1, 1.25), *(hit(number, 0.9) for number in range(2, 7)))
    gate(asked, replace(SIMPLE, doubtful=9.0, near=0.8, plain=1.0)).judge("q", hits)
    assert len(asked.measured) == 1


def test_no_hits_no_verdicts():
    assert gate().judge("q", ()) == ()


def test_enough_is_what_is_probable_and_close():
    asked = model(likely=dict.fromkeys((1, 2, 3), -1.0), yes={1: 0.8, 2: 0.4, 3: 0.6})
    judged = gate(asked).judge("q", (hit(1, 0.8), hit(2, 0.75), hit(3, 0.6)))
    assert [item.behind for item in judged] == [0.0, pytest.approx(0.5), pytest.approx(2.0)]
    assert told(gate().enough(judged, strictness=0.5)) == [(1, 0.8)]
    assert told(gate().enough(judged, strictness=0.3)) == [(1, 0.8), (2, 0.4)]
    assert told(gate().enough(judged, strictness=0.9)) == []


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
def test_logit_and_sigmoid_undo_each_other(p):
    assert sigmoid(logit(p)) == pytest.approx(p, abs=2e-6)
    assert math.isfinite(logit(p))


def test_the_packages_own_weights_read_well():
    calibration = default_calibration()
    assert (len(calibration.search.weights), len(calibration.order.weights)) == (1, 2)
    assert len(calibration.read.weights) == 3
    assert (len(calibration.verdict.weights), len(calibration.doubt.weights)) == (4, 5)
    assert 0 <= calibration.far < calibration.plain < calibration.sure <= 1
    assert calibration.clear > calibration.doubtful
