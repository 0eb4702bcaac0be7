"""The gate with probes: what is read, in which order, and what that comes to."""

import re
from dataclasses import replace

import numpy as np
import pytest

from rag_faq.errors import EngineError
from rag_faq.generation.gate import Gate
from rag_faq.generation.odds import Weights, sigmoid
from rag_faq.generation.probe import Probe
from rag_faq.generation.probing import Prober, Probes, ProbingCalibration, Seen, default_calibration, gate_probes
from rag_faq.models.catalog import load_catalog
from rag_faq.records import Chunk, FaqEntry, Hit, ModelInfo
from rag_faq.settings import Settings
from rag_faq.testing import ScriptedGenerator

# The probes read the first and the second score as they are. At a glance: 10 * lead + read. In order:
# 10 * score + read. Read: the probe alone. The verdict: the second probe alone.
SIMPLE = ProbingCalibration(
    lead=Weights(0.0, (0.0, 10.0, 1.0)),
    order=Weights(0.0, (10.0, 0.0, 1.0)),
    read=Weights(0.0, (0.0, 0.0, 0.0, 1.0)),
    verdict=Weights(0.0, (0.0, 0.0, 0.0, 0.0, 1.0)),
    plain=4.0,
    hoped=2.0,
    shift=0.5,
    near=0.5,
    clear=2.0,
    close=1.0,
    alone=0.5,
    unlikely=-6.0,
)
PROBES = Probes(
    read=Probe(np.array([0], dtype=np.int32), np.array([1.0]), 0.0),
    asked=Probe(np.array([1], dtype=np.int32), np.array([1.0]), 0.0),
)


def hit(number, score):
    entry = FaqEntry(f"f#{number}", number, f"Question {number}?", f"Answer {number}.", "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/question/0", entry.id, "q", "question"), number)


def model(read, asked=None):
    """A model whose probes tell these log-odds, by the entry's number; every question is as likely as -2."""

    def scores(prompt):
        number = int(re.search(r"Answer (\d)\.", prompt.messages[1].content)[1])
        return np.array([read.get(number, 0.0), (asked or {}).get(number, 0.0)], dtype=np.float32)

    return ScriptedGenerator("", likelihoods=lambda _: -2.0, scores=scores)


def prober(generator, calibration=SIMPLE):
    return Prober(generator, lambda h: h.entry.answer, PROBES, calibration)


def glance(generator, *hits):
    (glance,) = prober(generator).glances([("Is it so?", hits)])
    return glance


def judge(generator, *hits, calibration=SIMPLE):
    return prober(generator, calibration).judge("Is it so?", hits)


def numbers(judged):
    return [item.hit.entry.number for item in judged]


def test_where_the_first_entry_is_plain_nothing_else_is_read_or_asked():
    asked = model({1: 3.5})
    first, second = glance(asked, hit(1, 0.8), hit(2, 0.7)).judged  # 10 * 0.1 + 3.5
    assert (first.hit.entry.number, first.behind, first.yes) == (1, 0, None)
    assert first.probability == pytest.approx(sigmoid(5.0))  # 4.5, and the shift
    assert second.behind > 50
    assert [prompt.messages[1].segments[-1] for prompt in asked.measured] == ["Question: Is it so?"]
    assert asked.asked == []


def test_an_entry_that_is_alone_leads_by_what_lies_between_it_and_one_that_would_be_near():
    asked = model({1: 0.0})
    (judged,) = glance(asked, hit(1, 0.8)).judged  # 10 * (0.8 - 0.5 * 0.8) = 4
    assert judged.probability == pytest.approx(sigmoid(4.5))


def test_where_the_search_is_sure_the_likelihood_is_left_out_of_a_glance():
    asked = model({1: 3.5, 3: 3.5})
    prober(asked).glances([("A?", (hit(1, 0.8), hit(2, 0.6)))])  # 10 * 0.2, and 2 hoped for
    assert len(asked.glanced) == 1
    prober(asked).glances([("A?", (hit(1, 0.8), hit(2, 0.6))), ("B?", (hit(3, 0.8), hit(2, 0.61)))])  # one batch
    assert len(asked.glanced) == 1


def test_where_a_glance_without_the_likelihood_leaves_a_doubt_the_entry_is_read_again():
    asked = model({1: 1.0, 2: 2.5})
    seen = glance(asked, hit(1, 0.8), hit(2, 0.6))  # 2 + 1
    assert (seen.judged, seen.read, len(asked.glanced)) == ((), None, 1)
    judged = prober(asked).judge("Is it so?", (hit(1, 0.8), hit(2, 0.7)), Seen.at([seen]))
    assert numbers(judged) == [2, 1]
    assert (len(asked.measured), len(asked.glanced)) == (3, 1)


def test_several_questions_are_glanced_at_together():
    asked = model({1: 5.0, 2: 1.0})
    gate = Gate(asked, lambda h: h.entry.answer, prober=prober(asked))
    one, nothing, other = gate.glances(
        [("A?", (hit(1, 0.8), hit(3, 0.8))), ("B?", ()), ("C?", (hit(2, 0.8), hit(3, 0.8)))]
    )
    assert ([item.hit.entry.number for item in one.judged], nothing, other.judged) == ([1, 3], None, ())
    assert [prompt.messages[1].segments[-1] for prompt in asked.measured] == ["Question: A?", "Question: C?"]
    assert asked.readings == 1


def test_else_a_glance_is_no_verdict_and_what_it_read_is_not_read_again():
    asked = model({1: 0.0, 2: 2.5, 3: -3.0})
    seen = glance(asked, hit(2, 0.9), hit(3, 0.8))  # 1 + 2.5
    assert seen.judged == ()
    # The closer search found something else, and gave the same entry another score.
    judged = prober(asked).judge("Is it so?", (hit(1, 0.8), hit(2, 0.7)), Seen.at([seen, None]))  # 8, 9.5
    assert [(item.hit.entry.number, item.hit.score) for item in judged] == [(2, 0.7), (1, 0.8)]
    assert len(asked.measured) == 2


def test_what_was_read_and_asked_once_is_not_read_and_asked_again():
    asked, seen = model({1: 0.0, 2: 0.5}), Seen()
    first = prober(asked).judge("Is it so?", (hit(1, 0.8), hit(2, 0.7)), seen)
    again = prober(asked).judge("Is it so?", (hit(2, 0.9), hit(1, 0.8), hit(3, 0.7)), seen)
    assert [item.yes for item in first] == [pytest.approx(0.5)] * 2
    assert numbers(again) == [2, 1, 3]
    assert again[0].hit.score == 0.9  # what was seen is held against the new score
    read = [next(n for n in (1, 2, 3) if f"Answer {n}." in p.messages[1].content) for p in asked.measured]
    assert read == [1, 2, 3]
    assert len(asked.asked) == 2


def test_near_entries_are_put_in_order_by_what_is_read():
    asked = model({1: 0.0, 2: 2.5, 3: -3.0})
    judged = judge(asked, hit(1, 0.8), hit(2, 0.7), hit(3, 0.6))  # 8, 9.5, 3
    assert numbers(judged) == [2, 1, 3]
    assert [item.behind for item in judged] == [0.0, pytest.approx(1.5), pytest.approx(6.5)]
    assert [item.probability for item in judged] == [pytest.approx(sigmoid(odds)) for odds in (2.5, 0.0, -3.0)]
    assert len(asked.measured) == 3
    assert asked.asked == []  # 2.5 is clear; the others are not close


def test_only_those_that_come_near_the_first_one_are_read_and_five_at_most():
    asked = model({})
    assert numbers(judge(asked, hit(1, 0.8), hit(2, 0.4), hit(3, 0.39))) == [1, 2]
    assert len(asked.measured) == 2
    assert numbers(judge(asked, *(hit(number, 0.8) for number in range(1, 8)))) == [1, 2, 3, 4, 5]


def test_what_is_not_clear_and_close_to_the_leading_one_is_asked_about():
    judged = judge(model({1: 1.0, 2: 1.5}, asked={1: -2.0, 2: 0.5}), hit(1, 0.8), hit(2, 0.7))
    assert numbers(judged) == [1, 2]
    assert [item.probability for item in judged] == [pytest.approx(sigmoid(-2.0)), pytest.approx(sigmoid(0.5))]
    assert [item.yes for item in judged] == [item.probability for item in judged]


def test_about_three_at_most():
    judged = judge(model({}), *(hit(number, 0.5) for number in range(1, 6)))
    assert [item.yes is not None for item in judged] == [True, True, True, False, False]


def test_what_is_unlikely_everywhere_counts_no_more_than_what_is_merely_unlikely():
    calibration = replace(
        SIMPLE,
        read=Weights(3.0, (0.0, 0.0, 1.0, 0.0)),
        verdict=Weights(3.0, (0.0, 0.0, 1.0, 0.0, 0.0)),
        clear=9.0,
    )
    for likelihood in (-6.0, -30.0):
        gibberish = ScriptedGenerator("", likelihoods=lambda _, told=likelihood: told, scores=lambda _: np.zeros(2))
        (judged,) = judge(gibberish, hit(1, 0.8), calibration=calibration)
        assert judged.probability == pytest.approx(sigmoid(-3.0))


def test_a_model_that_tells_nothing_cannot_be_probed():
    with pytest.raises(EngineError, match="scripted does not tell"):
        judge(ScriptedGenerator(""), hit(1, 0.8))


def test_the_gate_leaves_the_verdict_to_the_probes_unless_the_search_finds_next_to_nothing():
    generator = model({1: 3.0})
    gate = Gate(generator, lambda h: h.entry.answer, prober=prober(generator))
    (judged,) = gate.judge("q", (hit(1, 0.9), hit(2, 0.1)))
    assert judged.probability == pytest.approx(sigmoid(3.0))
    gate.judge("q", (hit(1, 0.0),))
    assert gate.glances([("q", (hit(1, 0.0),)), ("q", ())]) == [None, None]
    assert len(generator.measured) == 1


def test_without_probes_there_is_no_glance():
    generator = model({1: 9.0})
    assert Gate(generator, lambda h: h.entry.answer).glances([("q", (hit(1, 0.9), hit(2, 0.1)))]) == [None]
    assert generator.measured == []


def test_the_shipped_ones_are_of_the_default_model_and_of_the_words_that_it_is_asked_with():
    # Where a prompt was reworded: `python -m benchmarks.calibrate_probes … --write`.
    name = Settings().llm
    assert gate_probes(ModelInfo(name=name, sha256=load_catalog()[name].files[0].sha256)) is not None
    assert gate_probes(ModelInfo(name="other", sha256="0" * 64)) is None


def test_the_packages_own_weights_read_well():
    calibration = default_calibration()
    assert [len(w.weights) for w in (calibration.lead, calibration.order, calibration.read, calibration.verdict)] == [
        3,
        3,
        4,
        5,
    ]
    assert min(calibration.lead.weights[2], calibration.order.weights[2], calibration.verdict.weights[4]) > 0
    assert calibration.plain > 0
    assert calibration.clear > 0
