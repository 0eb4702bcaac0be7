"""From a question, or its parts, to the shares of the answer: who answers what."""

from dataclasses import replace

import numpy as np
import pytest

from rag_faq.generation.finding import Finder
from rag_faq.generation.gate import Gate
from rag_faq.generation.odds import Weights
from rag_faq.generation.probe import Probe
from rag_faq.generation.probing import Prober, Probes, default_calibration
from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.testing import ScriptedGenerator

ANSWERS = {1: "Cats eat fish.", 2: "Dogs eat meat and sleep.", 3: "Parrots live in a cage.", 4: "Cats sleep all day."}


def hit(number, score, rank=1):
    entry = FaqEntry(f"f#{number}", number, f"Subject {number}?", ANSWERS[number], "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/whole/0", entry.id, ANSWERS[number], "entry"), rank)


class Searches:
    """Finds what it is told to find for a text: entry numbers, at a score that leaves the last word to the model."""

    def __init__(self, found):
        self.found = found
        self.asked = []

    def search(self, question, k=10):
        self.asked.append(question)
        numbers = self.found.get(question, ())
        return tuple(hit(number, 0.5 - rank / 100, rank) for rank, number in enumerate(numbers, start=1))


def model(yes):
    """Says yes with these probabilities: by the entry's number, or by (a word of the question, the entry's number)."""

    def chosen(prompt, options):
        text, question = prompt.messages[1].content, prompt.messages[1].segments[-2]
        number = next(number for number, answer in ANSWERS.items() if answer in text)
        word = next((key[0] for key in yes if isinstance(key, tuple) and key[1] == number and key[0] in question), None)
        p = yes.get((word, number), yes.get(number, 0.01))
        return (p, 1 - p)

    return ScriptedGenerator("", choices=chosen)


def settle(question, found, yes, most=3, strictness=0.5):
    searches = Searches(found)
    finder = Finder(searches, searches, model(yes), lambda h: h.entry.answer)
    return finder.settle(finder.search(question), strictness, most)


def told(found):
    """Each share: its question, and its sources as (number, entry)."""
    return [(share.question, [(s.number, s.entry.number) for s in share.sources]) for share in found.shares]


BOTH = "What do cats eat and what do dogs eat?"
PARTS = ("What do cats eat?", "what do dogs eat?")


def test_each_part_gets_the_entry_that_answers_it():
    found = settle(BOTH, {BOTH: (1, 2), PARTS[0]: (1, 2), PARTS[1]: (2, 1)}, {("cats", 1): 0.9, ("dogs", 2): 0.9})
    assert told(found) == [(PARTS[0], [(1, 1)]), (PARTS[1], [(2, 2)])]
    assert [source.entry.number for source in found.sources] == [1, 2]
    assert found.open_parts == ()


def test_the_question_as_a_whole_is_judged_only_where_its_parts_are_not_answered():
    def asked(yes):
        says, searches = model(yes), Searches({BOTH: (3, 1), PARTS[0]: (1, 3), PARTS[1]: (2, 3)})
        finder = Finder(searches, searches, says, lambda h: h.entry.answer)
        found = finder.settle(finder.search(BOTH), 0.5, 3)
        questions = {prompt.messages[1].segments[-2].removeprefix("Question: ") for prompt in says.asked}
        return questions, [h.entry.number for h in found.hits]

    assert asked({1: 0.9, 2: 0.9}) == ({*PARTS}, [1, 2, 3])  # what answers stands before what the whole search found
    assert asked({}) == ({*PARTS, BOTH}, [3, 1])


def test_no_more_sources_than_are_wanted():
    found = settle(BOTH, {BOTH: (1,), PARTS[0]: (1,), PARTS[1]: (2,)}, {1: 0.9, 2: 0.9}, most=1)
    assert told(found) == [(PARTS[0], [(1, 1)])]


def test_a_part_that_is_not_answered_is_open_and_the_other_has_to_be_the_surer():
    """Verdicts here are yes and 1.6 log-odds or so: 0.99 for a yes of 0.95, 0.84 for one of 0.5."""
    searches = {BOTH: (1,), PARTS[0]: (1,), PARTS[1]: (3,)}
    found = settle(BOTH, searches, {1: 0.95})
    assert (told(found), found.open_parts) == ([(PARTS[0], [(1, 1)])], (PARTS[1],))
    found = settle(BOTH, searches, {("cats", 1): 0.5})
    assert (told(found), found.open_parts) == ([(BOTH, [(1, 1)])], ())  # then it is taken as one question
    assert settle("What do cats eat?", {PARTS[0]: (1,)}, {1: 0.5}).shares[0].probability == pytest.approx(
        0.84, abs=0.03
    )


def test_parts_that_one_entry_answers_are_one():
    found = settle(BOTH, {BOTH: (2,), PARTS[0]: (2,), PARTS[1]: (2,)}, {2: 0.9})
    assert told(found) == [("What do cats eat? what do dogs eat?", [(1, 2)])]


def test_a_part_whose_entry_is_taken_goes_to_the_next_one_of_the_whole_question_that_surely_answers_it():
    searches = {BOTH: (1, 4), PARTS[0]: (1,), PARTS[1]: (1,)}
    assert told(settle(BOTH, searches, {1: 0.9, 4: 0.9})) == [(PARTS[0], [(1, 1)]), (PARTS[1], [(2, 4)])]
    assert told(settle(BOTH, searches, {1: 0.9, 4: 0.4})) == [("What do cats eat? what do dogs eat?", [(1, 1)])]


def test_a_part_that_refers_back_is_read_together_with_what_it_refers_to():
    question = "How do cats sleep, and where do they eat?"
    joined = "How do cats sleep? where do they eat?"
    found = settle(question, {question: (4,), "How do cats sleep?": (4,), joined: (1,)}, {4: 0.9, 1: 0.9})
    assert told(found) == [("How do cats sleep?", [(1, 4)]), (joined, [(2, 1)])]


def test_what_was_asked_before_is_no_part_of_a_follow_up():
    """The model's rewriting is of no use here, so the question before is put in front of the follow-up."""
    question, before = "What is it that cats eat?", (("user", "What do dogs eat?"), ("assistant", "Meat."))
    joined = f"What do dogs eat? {question}"
    searches = Searches({joined: (1, 2), "What do dogs eat?": (2,), question: (1,)})
    finder = Finder(searches, searches, model({1: 0.9, 2: 0.9}), lambda h: h.entry.answer)
    found = finder.settle(finder.search(question, before), 0.5, 3)
    assert [share.question for share in found.shares] == [joined]
    assert found.open_parts == ()


SIDE_BY_SIDE = "What is there about fish and meat?"


@pytest.mark.parametrize(
    ("question", "yes", "expected"),
    [
        (SIDE_BY_SIDE, {1: 0.95, 2: 0.95}, [1, 2]),  # entry 1 has no meat
        (SIDE_BY_SIDE, {1: 0.95, 2: 0.4}, [1]),  # not sure enough
        ("What is there about fish?", {1: 0.95, 2: 0.9}, [1]),  # one thing
        ("What is there about cats and fish?", {1: 0.95, 2: 0.9}, [1]),  # entry 1 has both
    ],
)
def test_two_things_side_by_side_are_answered_from_two_entries(question, yes, expected):
    """Entry 2 lies too far behind to be a second source for the same thing."""
    searches = Searches({})
    searches.search = lambda text, k=10: (hit(1, 0.5), hit(2, 0.38, 2))
    finder = Finder(searches, searches, model(yes), lambda h: h.entry.answer)
    found = finder.settle(finder.search(question), 0.5, 3)
    assert [source.entry.number for source in found.sources] == expected
    assert {share.question for share in found.shares} == {question}


def test_nothing_is_found_for_what_nothing_answers():
    found = settle("What do cats eat?", {PARTS[0]: (1,)}, {1: 0.01})
    assert (found.shares, found.sources, found.open_parts) == ((), (), ())


COMPARED = "What is the difference between a cat and a dog?"


def test_things_that_no_entry_compares_are_told_of_one_by_one():
    searches = {COMPARED: (3,), "What is cat?": (1,), "What is dog?": (2,)}
    found = settle(COMPARED, searches, {("cat?", 1): 0.99, ("dog?", 2): 0.99})
    assert told(found) == [("What is cat?", [(1, 1)]), ("What is dog?", [(2, 2)])]
    assert found.open_parts == ()


def test_nothing_is_compared_with_a_thing_that_is_not_surely_there():
    searches = {COMPARED: (3,), "What is cat?": (1,), "What is dog?": (2,)}
    found = settle(COMPARED, searches, {("cat?", 1): 0.99, ("dog?", 2): 0.4})
    assert (told(found), found.open_parts) == ([], ())


def test_an_entry_that_compares_them_answers_the_question_itself():
    searches = {COMPARED: (4,), "What is cat?": (1,), "What is dog?": (2,)}
    found = settle(COMPARED, searches, {4: 0.9, 1: 0.99, 2: 0.99})
    assert told(found) == [(COMPARED, [(1, 4)])]


PLAIN = replace(  # at a glance the first entry's probe decides; the verdict is always no
    default_calibration(),
    lead=Weights(0.0, (0.0, 0.0, 1.0)),
    order=Weights(0.0, (1.0, 0.0, 0.0)),
    read=Weights(-9.0, (0.0,) * 4),
    verdict=Weights(-9.0, (0.0,) * 5),
    plain=1.0,
    hoped=0.0,  # so no likelihood is left out
)
READ_AS_IT_IS = Probe(np.array([0], dtype=np.int32), np.array([1.0]), 0.0)


@pytest.mark.parametrize(("told", "searched_again", "answered"), [(2.0, [], [1]), (0.5, ["Do cats sleep?"], [])])
def test_where_the_quick_search_is_plainly_right_the_closer_one_is_spared(told, searched_again, answered):
    quick, closer = Searches({"Do cats sleep?": (1, 4)}), Searches({"Do cats sleep?": (4, 1)})
    says = ScriptedGenerator("", likelihoods=lambda _: -2.0, scores=lambda _: np.array([told], dtype=np.float32))
    finder = Finder(quick, closer, says, lambda h: h.entry.answer)
    prober = Prober(says, lambda h: h.entry.answer, Probes(READ_AS_IT_IS, READ_AS_IT_IS), PLAIN)
    finder.gate = Gate(says, lambda h: h.entry.answer, prober=prober)
    found = finder.settle(finder.search("Do cats sleep?"), 0.5, 3)
    assert closer.asked == searched_again
    assert [source.entry.number for source in found.sources] == answered
    assert [h.entry.number for h in found.hits] == ([1, 4] if answered else [4, 1])
    read = [ANSWERS[number] for number in ((1,) if answered else (1, 4))]  # entry 1 is not read a second time
    assert [text for p in says.measured for text in ANSWERS.values() if text in p.messages[1].content] == read


def test_what_may_answer_beside_the_first_is_read_once():
    text = "Do cats eat and sleep?"  # entry 4 has "sleep", which entry 1 lacks
    quick, closer = Searches({text: (1, 4)}), Searches({text: (4, 1)})
    says = ScriptedGenerator("", likelihoods=lambda _: -2.0, scores=lambda _: np.array([0.5], dtype=np.float32))
    finder = Finder(quick, closer, says, lambda h: h.entry.answer)
    prober = Prober(says, lambda h: h.entry.answer, Probes(READ_AS_IT_IS, READ_AS_IT_IS), PLAIN)
    finder.gate = Gate(says, lambda h: h.entry.answer, prober=prober)
    finder.settle(finder.search(text), 0.5, 3)
    assert closer.asked == [text]
    assert (len(says.measured), says.readings) == (2, 1)  # both in one batch


def glancing(found, told):
    """A finder over `found`; the model tells these log-odds of a part of BOTH by its word, or else 0.5."""
    searches = Searches(found)

    def scores(prompt):
        question = next(text for text in reversed(prompt.messages[1].segments) if text.startswith("Question: "))
        odds = next((odds for word, odds in told.items() if word in question), 0.5)
        return np.array([odds], dtype=np.float32)

    says = ScriptedGenerator("", likelihoods=lambda _: -2.0, scores=scores)
    finder = Finder(searches, searches, says, lambda h: h.entry.answer)
    as_told = (0.0, 0.0, 0.0, 1.0)
    calibration = replace(PLAIN, read=Weights(0.0, as_told), verdict=Weights(0.0, (*as_told, 0.0)), shift=0.0)
    prober = Prober(says, lambda h: h.entry.answer, Probes(READ_AS_IT_IS, READ_AS_IT_IS), calibration)
    finder.gate = Gate(says, lambda h: h.entry.answer, prober=prober)
    return finder, says


@pytest.mark.parametrize(
    ("found", "told", "begun"),
    [
        ({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (2,)}, {"cats": 5.0}, [(PARTS[0], [(1, 1)])]),
        ({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (2,)}, {"cats": 2.0}, []),  # 0.88 is too little for half an answer
        ({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (2,)}, {"cats": 3.0}, []),  # and so is 0.95
        ({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (2,)}, {"cats": 0.9}, []),  # not plain at all
        ({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (1,)}, {"cats": 5.0}, []),  # one answer may serve both
        ({BOTH: (1, 2), PARTS[1]: (2,)}, {"cats": 5.0}, []),  # nothing is found for it
    ],
)
def test_an_answer_begins_with_the_first_part_where_that_is_plain(found, told, begun):
    finder, _ = glancing(found, told)
    share = finder.begin(finder.search(BOTH), 0.5).share
    assert [(s.question, [(one.number, one.entry.number) for one in s.sources]) for s in [share] if s] == begun


def test_an_answer_from_two_entries_begins_with_the_first_one():
    text = "Do cats eat and sleep?"  # entry 4 has "sleep", which entry 1 lacks
    finder, _ = glancing({text: (1, 4)}, {"cats": 2.0})
    searched = finder.search(text)
    begun = finder.begin(searched, 0.5)
    assert begun.share is not None
    assert (begun.share.question, [s.entry.number for s in begun.share.sources]) == (text, [1])
    assert told(finder.settle(searched, 0.5, 3, begun)) == told(finder.settle(searched, 0.5, 3))
    assert finder.begin(searched, 0.9).share is None  # 2.0 is 0.88


def test_what_asks_for_one_thing_is_not_looked_at_ahead():
    finder, says = glancing({"Do cats sleep?": (4, 1)}, {"cats": 5.0})
    begun = finder.begin(finder.search("Do cats sleep?"), 0.5)
    assert (begun.share, begun.glance, says.readings) == (None, None, 0)


def test_another_part_for_the_entry_that_is_being_written_from_is_answered_by_itself():
    """The quick search leads it elsewhere, the closer one to the same entry."""
    finder, _ = glancing({BOTH: (1, 2), PARTS[0]: (1,), PARTS[1]: (2,)}, {"cats": 5.0, "dogs": 0.9})
    closer = Searches({PARTS[1]: (1,)})
    finder._closer = closer
    searched = finder.search(BOTH)
    found = finder.settle(searched, 0.5, 3, finder.begin(searched, 0.5))
    assert told(found) == [(PARTS[0], [(1, 1)]), (PARTS[1], [(1, 1)])]
    assert [source.entry.number for source in found.sources] == [1]
    found = finder.settle(searched, 0.5, 3)  # where nothing is being written, one answer serves both
    assert told(found) == [(" ".join(PARTS), [(1, 1)])]


DOUBTED = "why do they snooze?"


def doubting(found, probabilities, rephrased="Do cats sleep?"):
    """A finder over `found` with terms to put a question in; the model tells these probabilities by the entry."""
    searches = Searches(found)
    log_odds = {number: float(np.log(p / (1 - p))) for number, p in probabilities.items()}

    def scores(prompt):
        number = next(n for n, answer in ANSWERS.items() if answer in prompt.messages[1].content)
        return np.array([log_odds.get(number, -3.0)], dtype=np.float32)

    says = ScriptedGenerator(rephrased, likelihoods=lambda _: -2.0, scores=scores)
    finder = Finder(searches, searches, says, lambda h: h.entry.answer, ["Do cats sleep?", "What is a cage?"])
    as_told = (0.0, 0.0, 0.0, 1.0)
    calibration = replace(
        PLAIN, plain=9.0, near=0.8, order=Weights(0.0, (1.0, 0.0, 1.0)), read=Weights(0.0, as_told), clear=-9.0
    )
    prober = Prober(says, lambda h: h.entry.answer, Probes(READ_AS_IT_IS, READ_AS_IT_IS), calibration)
    finder.gate = Gate(says, lambda h: h.entry.answer, prober=prober)
    return finder, searches, says


def test_what_seems_not_to_be_answered_is_searched_for_in_the_documents_terms_too():
    """Entry 4 is 0.49 there and, where it was not found, as good as entry 3's 0.48."""
    finder, searches, says = doubting({DOUBTED: (2, 3), "Do cats sleep?": (4,)}, {4: 0.9, 2: 0.3})
    found = finder.settle(finder.search(DOUBTED), 0.5, 3)
    assert searches.asked[-1] == "Do cats sleep?"
    assert told(found) == [(DOUBTED, [(1, 4)])]  # the question itself is answered
    assert found.searched == DOUBTED
    read = [next(n for n, answer in ANSWERS.items() if answer in p.messages[1].content) for p in says.measured]
    assert sorted(read) == [2, 3, 4]  # each once


@pytest.mark.parametrize(("probability", "asked"), [(0.81, 0), (0.79, 1)])
def test_only_in_doubt_is_it_put_in_other_terms(probability, asked):
    finder, _, says = doubting({DOUBTED: (2,), "Do cats sleep?": (2,)}, {2: probability})
    finder.settle(finder.search(DOUBTED), 0.5, 3)
    assert len(says.prompts) == asked


def test_other_terms_that_find_nothing_better_change_nothing():
    finder, _, _ = doubting({DOUBTED: (2, 3), "Do cats sleep?": (4,)}, {2: 0.7, 4: 0.2})
    assert told(finder.settle(finder.search(DOUBTED), 0.5, 3)) == [(DOUBTED, [(1, 2)])]


def test_where_the_model_has_no_other_terms_the_first_verdict_stands():
    finder, searches, _ = doubting({DOUBTED: (2, 3)}, {2: 0.7}, rephrased="Why do they snooze?")
    assert told(finder.settle(finder.search(DOUBTED), 0.5, 3)) == [(DOUBTED, [(1, 2)])]
    assert set(searches.asked) == {DOUBTED}


FOLLOW_UP, REWRITTEN = "When is that for them?", "When do cats sleep?"
BEFORE = (("user", "Do cats sleep by day?"), ("assistant", "All day."))
BEHIND = f"Do cats sleep by day? {FOLLOW_UP}"


def following(rewritten, behind, found=None):
    """A finder for FOLLOW_UP; at a glance the model tells these log-odds for its rewriting, and behind BEFORE."""
    searches = Searches(found or {REWRITTEN: (2, 4), BEHIND: (4, 2)})

    def scores(prompt):
        question = next(text for text in reversed(prompt.messages[1].segments) if text.startswith("Question: "))
        return np.array([behind if BEHIND in question else rewritten], dtype=np.float32)

    says = ScriptedGenerator(REWRITTEN, likelihoods=lambda _: -2.0, scores=scores)
    finder = Finder(searches, searches, says, lambda h: h.entry.answer)
    prober = Prober(says, lambda h: h.entry.answer, Probes(READ_AS_IT_IS, READ_AS_IT_IS), PLAIN)
    finder.gate = Gate(says, lambda h: h.entry.answer, prober=prober)
    return finder, says


@pytest.mark.parametrize(
    ("rewritten", "behind", "meant"),
    [
        (2.0, 1.5, REWRITTEN),
        (1.5, 2.0, BEHIND),
        (1.5, 0.9, REWRITTEN),
        (0.9, 2.0, REWRITTEN),  # not plain: what makes the other one likely may be the question before
    ],
)
def test_of_two_ways_to_take_a_follow_up_that_are_plainly_answered_the_plainer_one_is_meant(rewritten, behind, meant):
    finder, says = following(rewritten, behind)
    searched = finder.search(FOLLOW_UP, BEFORE)
    assert (searched.text, searched.parts) == (meant, ())
    assert (len(says.measured), says.readings) == (2, 1)  # in one batch
    finder.settle(searched, 0.5, 3)
    assert len({(p.messages[1].content) for p in says.measured}) == len(says.measured)  # nothing is read twice


def test_a_rewriting_that_is_an_entrys_own_question_is_meant():
    found = {REWRITTEN: (2,), BEHIND: (4,)}
    finder, says = following(0.0, 9.0, found)
    finder._retriever.search = lambda text, k=10: (
        (replace(hit(2, 0.5), entry=replace(hit(2, 0.5).entry, question=REWRITTEN)),) if text == REWRITTEN else ()
    )
    searched = finder.search(FOLLOW_UP, BEFORE)
    assert (searched.text, searched.own is not None, says.readings) == (REWRITTEN, True, 0)


def test_a_model_without_probes_takes_a_follow_up_as_it_rewrote_it():
    searches = Searches({REWRITTEN: (2,), BEHIND: (4,)})
    says = model({4: 0.9})
    says._script = REWRITTEN
    finder = Finder(searches, searches, says, lambda h: h.entry.answer)
    assert finder.search(FOLLOW_UP, BEFORE).text == REWRITTEN
