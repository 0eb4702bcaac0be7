"""Fitting the gate with probes."""

import tomllib

import numpy as np
import pytest

from benchmarks import calibrate_probes, probes
from benchmarks.calibrate_probes import Rows, Told, calibrate, joined, leading_out_of_fold, preferences
from benchmarks.replay import unseen


def rows(questions: int = 60) -> Rows:
    """Questions with two near entries, of which every third has no right one; the probes' scores tell which is right.

    The right one is the second of both searches in half of the others.
    """
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2, len(probes.TOKENS)))
    found = []
    for number in range(questions):
        answerable = number % 3 > 0
        right = [False, False] if not answerable else [number % 2 == 0, number % 2 == 1]
        for place, one in enumerate(right):
            noise = rng.normal(size=(2, len(probes.TOKENS)))
            read, asked = 3 * directions * (1 if one else -1) + noise
            score = 0.8 + 0.01 * (number % 5) - 0.1 * place
            quick = (np.nan, np.nan) if place else (score - 0.3, 0.05)
            likelihood = -3.0 - 0.1 * (number % 7)
            found.append((number, 100 + number, answerable, float(one), True, score, *quick, likelihood, read, asked))
    return Rows(*(np.array(column) for column in zip(*found, strict=True)))


@pytest.fixture(autouse=True)
def few_directions(monkeypatch):
    monkeypatch.setattr(calibrate_probes, "DIRECTIONS", 4)


def test_joined_sets_keep_their_questions_apart():
    both = Rows.joined([rows(3), rows(3)])
    assert both.question.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert both.firsts.tolist() == [0, 2, 4, 6, 8, 10]
    assert both.first.tolist() == [score for score in both.score[::2] for _ in range(2)]


def test_the_same_question_over_two_indexes_is_one_group_and_is_counted_with_its_index():
    given, counted = joined([[rows(3), rows(2)], [rows(3), rows(2)]])
    assert given.groups.tolist() == [0, 1, 2, 0, 1] * 2  # both sets have the ids 100 and 101 here
    assert [flags.nonzero()[0].tolist() for flags in counted] == [[0, 1, 2], [5, 6, 7]]


def test_a_glance_is_at_the_quick_searchs_first_entry_wherever_the_closer_one_puts_it():
    given = rows(3)
    given.quick_score[:] = [np.nan, 0.4, 0.5, np.nan, np.nan, 0.6]
    given.quick_lead[:] = [np.nan, 0.1, 0.2, np.nan, np.nan, 0.3]
    told = Told(given.likelihood, np.arange(6.0), np.zeros(6))
    assert given.quick.tolist() == [1, 2, 5]
    assert told.lead(given).tolist() == [[0.4, 0.1, 1.0], [0.5, 0.2, 2.0], [0.6, 0.3, 5.0]]


def test_what_only_the_quick_search_found_is_not_put_in_order():
    given = rows(3)
    given.near[1] = False
    assert [given.of(number).tolist() for number in range(3)] == [[0], [2, 3], [4, 5]]
    features = np.column_stack([given.right])
    assert leading_out_of_fold(given, features)[0] == 0


def test_what_tells_right_entries_from_wrong_ones_gets_the_weight_and_each_question_is_fitted_without_it():
    given = rows()
    features = np.column_stack([given.score, given.right + 0.0])
    score, telling = preferences(given, features)
    assert telling > abs(score) * 0.1
    leading = leading_out_of_fold(given, features)
    assert all(given.right[place] for place in leading if given.answerable[place])


def test_the_table_has_every_weight_and_both_probes_come_with_it(capsys):
    given = rows()
    toml, read, asked = calibrate(given, [np.ones(60, dtype=bool)], false_refusals=0.0)
    table = tomllib.loads(toml)
    assert set(table["lead"]) == {"intercept", "score", "lead", "read"}
    assert set(table["order"]) == {"score", "likelihood", "read"}
    assert set(table["read"]) == {"intercept", "score", "first", "likelihood", "read"}
    assert set(table["verdict"]) == {"intercept", "score", "first", "likelihood", "read", "asked"}
    assert {"plain", "shift", "near", "clear", "close", "alone", "unlikely"} <= set(table)
    right = given.right > 0
    for probe, scores in ((read, given.read), (asked, given.asked)):
        odds = scores @ probe.weights + probe.intercept
        assert odds[right].min() > odds[~right].max()
    said = capsys.readouterr().out
    assert "right entry first: 0.500 by the quick search, 0.500 by the closer one, 1.000 in order" in said
    assert "other questions: asked about" in said


def test_each_question_has_probes_that_were_fitted_without_it():
    given = rows()
    probes_of = unseen(given)
    assert sorted(probes_of) == list(range(100, 160))
    # Changing what one question shows changes nothing in its own probes, and something in those of the others.
    changed = Rows(*(column.copy() for column in vars(given).values()))
    changed.read[given.question == 7] *= -1
    others = unseen(changed)
    assert np.array_equal(others[107].read.weights, probes_of[107].read.weights)
    assert sum(np.array_equal(others[n].read.weights, probes_of[n].read.weights) for n in range(100, 160)) == 6
