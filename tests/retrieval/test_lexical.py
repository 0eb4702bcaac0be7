"""BM25, concepts and coverage, on texts small enough to work out."""

import math

import numpy as np
import pytest

from rag_faq.retrieval.lexical import LexicalIndex

TEXTS = [
    "Mode collapse: GANs give few varieties",
    "Fine-tuning adapts a model",
    "A model of the dataset",
    "The weather",
]


@pytest.fixture(scope="module")
def index():
    return LexicalIndex.build(TEXTS)


def ways(index, question):
    return [concept.alternatives for concept in index.concepts(question)]


def test_idf_is_lucenes(index):
    assert index.idf("model") == pytest.approx(math.log(1 + (4 - 2 + 0.5) / (2 + 0.5)))
    assert index.idf("weather") == pytest.approx(math.log(1 + (4 - 1 + 0.5) / (1 + 0.5)))
    assert index.idf("quantum") == index.highest_idf == pytest.approx(math.log(1 + 4.5 / 0.5))


def test_a_score_is_bm25(index):
    lengths = [5, 5, 2, 1]  # mode collaps gan give varieti; fine tune finetun adapt model; model dataset; weather
    normal = 1.2 * (1 - 0.75 + 0.75 * lengths[3] / (sum(lengths) / 4))
    scores = index.scores(index.concepts("weather?"))
    assert scores.tolist() == pytest.approx([0, 0, 0, index.idf("weather") / (1 + normal)])


def test_words_add_up(index):
    both = index.scores(index.concepts("model weather"))
    apart = index.scores(index.concepts("model")) + index.scores(index.concepts("weather"))
    assert both == pytest.approx(apart)


def test_a_repeated_word_is_one_concept(index):
    assert index.concepts("model models MODEL model") == index.concepts("model")


@pytest.mark.parametrize("question", ["fine-tuning", "finetuning", "fine tuning"])
def test_the_three_ways_to_write_a_compound_find_each_other(question):
    for text in ("fine-tuning", "finetuning", "fine tuning"):
        index = LexicalIndex.build([text, "something else"])
        assert index.scores(index.concepts(question)).argmax() == 0, (question, text)
        assert index.coverage(index.concepts(question)).tolist() == [1, 0], (question, text)


def test_a_compound_counts_once(index):
    assert ways(index, "fine-tuning") == [(("fine", "tune"), ("finetun",))]
    fine = index.scores(index.concepts("fine"))[1]
    tuning = index.scores(index.concepts("tuning"))[1]
    # Of its ways to be written the best one counts; "finetun", which the text has too, is not added.
    assert index.scores(index.concepts("fine-tuning"))[1] == pytest.approx(fine + tuning)


def test_a_compound_is_split_only_where_its_parts_stand_in_one_text():
    index = LexicalIndex.build(["fine print", "tuning forks"])
    assert ways(index, "finetuning") == [(("finetun",),)]


def test_two_words_that_are_one_elsewhere(index):
    assert index.coverage(index.concepts("data set")).tolist() == [0, 0, 1, 0]


def test_a_slip_finds_what_was_meant(index):
    assert ways(index, "wheather") == [(("wheather",), ("weather",))]
    assert index.coverage(index.concepts("wheather")).tolist() == [0, 0, 0, 1]


def test_a_known_word_is_not_taken_for_a_slip():
    index = LexicalIndex.build(["training", "straining"])
    assert ways(index, "straining") == [(("strain",),)]


def test_spellings_find_each_other():
    index = LexicalIndex.build(["The colour of customised behaviour", "other things"])
    assert index.coverage(index.concepts("color customization behavior")).tolist() == [1, 0]


def test_coverage_weighs_rare_words_more(index):
    covered = index.coverage(index.concepts("weather model"))
    weather, model = index.idf("weather"), index.idf("model")
    assert covered[3] == pytest.approx(weather / (weather + model))
    assert covered[2] == pytest.approx(model / (weather + model))


def test_an_unknown_word_is_covered_by_none(index):
    covered = index.coverage(index.concepts("quantum weather"))
    assert covered[3] == pytest.approx(index.idf("weather") / (index.idf("weather") + index.highest_idf))


@pytest.mark.parametrize("question", ["", "   ", "?!", "what is the", "🙂"])
def test_a_question_without_content_words_finds_nothing(index, question):
    concepts = index.concepts(question)
    assert concepts == ()
    assert index.scores(concepts).tolist() == index.coverage(concepts).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("texts", [[""], ["the", "of"], ["", "cat"]])
def test_texts_without_content_words_can_be_indexed(texts, tmp_path):
    LexicalIndex.build(texts).save(tmp_path)
    index = LexicalIndex.load(tmp_path)
    assert index.size == len(texts)
    assert index.scores(index.concepts("cat")).shape == (len(texts),)


def test_saved_and_loaded_it_is_the_same(index, tmp_path):
    index.save(tmp_path)
    loaded = LexicalIndex.load(tmp_path)
    for question in ("fine tuning of models", "mode collapse", "wheather"):
        assert loaded.concepts(question) == index.concepts(question)
        assert np.array_equal(loaded.scores(loaded.concepts(question)), index.scores(index.concepts(question)))


def test_the_same_texts_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        LexicalIndex.build(TEXTS).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in files)


def test_no_file_holds_a_pickle(tmp_path):
    LexicalIndex.build(TEXTS).save(tmp_path)
    for path in tmp_path.iterdir():
        assert path.suffix in {".npy", ".json"}
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
