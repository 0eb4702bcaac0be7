"""The FAQ that comes with the project, entry by entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_faq.corpus.reader import Corpus, read_corpus

EXPECTED = [
    (1, (1, 5), "What is Generative AI?"),
    (2, (7, 14), "How does Generative AI work?"),
    (3, (16, 24), "What are the top applications of Generative AI?"),
    (4, (26, 42), "Can you explain the difference between Generative AI and Discriminative AI?"),
    (5, (44, 57), "What are some popular Generative AI models?"),
    (6, (59, 61), "How is Generative Adversarial Networks (GANs) used in AI?"),
    (7, (63, 74), "What are the limitations of Generative AI?"),
    (8, (76, 84), "What are the challenges in training Generative AI models?"),
    (9, (86, 93), "How does text generation with Generative AI work?"),
    (10, (95, 111), "Are there any Generative AI models used in natural language processing (NLP)?"),
    (11, (113, 121), "How can Generative AI be used in healthcare?"),
    (12, (123, 133), "What role does reinforcement learning play in Generative AI?"),
    (13, (135, 141), "What is the importance of data in training Generative AI models?"),
    (14, (143, 149), "Can Generative AI be used for anomaly detection?"),
    (15, (151, 158), "What are some successful real-world applications of Generative AI?"),
    (16, (160, 167), "How do you evaluate the quality of output from a Generative AI model?"),
    (17, (169, 180), "What are the privacy concerns related to Generative AI?"),
    (18, (182, 190), "How can Generative AI models be fine-tuned for specific tasks?"),
    (19, (192, 200), "What are some challenges in making Generative AI models more efficient?"),
    (20, (202, 209), "Can Generative AI be used for generating 3D models?"),
    (21, (211, 223), "How does Generative AI assist in generating new product designs?"),
    (22, (225, 235), "Are there any Generative AI models that generate code?"),
    (23, (237, 247), "Can Generative AI be used for data augmentation in machine learning?"),
    (24, (249, 255), "What are the hardware requirements for training large Generative AI models?"),
    (25, (257, 261), "How does unsupervised learning relate to Generative AI?"),
    (26, (263, 265), "How do you assess the quality of generated samples from a generative model?"),
    (27, (267, 269), "Can you describe a challenging project involving generative models that you've tackled?"),
    (
        28,
        (271, 273),
        "What ethical considerations are crucial when deploying generative models, and how do you address them?",
    ),
    (29, (275, 277), "Can you explain the concept of latent space in generative models?"),
    (30, (279, 281), "How do you train a generative model effectively with limited or noisy data?"),
    (
        31,
        (283, 285),
        "Can you explain the concept of adversarial attacks on generative models and methods to defend against them?",
    ),
    (32, (287, 289), "What methods or techniques do you use for hyperparameter tuning in generative models?"),
    (
        33,
        (291, 293),
        "How do you ensure the robustness and generalization capability of a generative model across diverse datasets?",
    ),
    (
        34,
        (295, 297),
        "What role do attention mechanisms play in generative models, and how do they enhance model performance?",
    ),
    (
        35,
        (299, 301),
        "How do you manage scalability and computational efficiency when working with large-scale generative models?",
    ),
]

# Answers written out by hand from the document.
ANSWERS = Path(__file__).parent / "expected_answers"


def test_every_entry_comes_out_in_order_with_its_number_its_span_and_its_question(real_corpus: Corpus) -> None:
    assert [(entry.number, entry.lines, entry.question) for entry in real_corpus.entries] == EXPECTED


@pytest.mark.parametrize("path", sorted(ANSWERS.iterdir()), ids=lambda path: path.stem)
def test_the_whole_answer(real_corpus: Corpus, path: Path) -> None:
    assert real_corpus.entries[int(path.stem) - 1].answer == path.read_text(encoding="utf-8").rstrip("\n")


def test_ids_and_source(real_corpus: Corpus) -> None:
    assert [entry.id for entry in real_corpus.entries] == [f"generative-ai-faq#{n}" for n in range(1, 36)]
    assert {entry.source for entry in real_corpus.entries} == {"generative-ai-faq.md"}


def test_every_repair_is_counted(real_corpus: Corpus) -> None:
    # By hand: two bold headings in entry 4; wraps in 5 (4 + 1), 10 (2 + 3), 17 (1 + 2) and 22 (2);
    # "Al" in the questions 2, 6, 9, 24, a heading in 4, and in the answers of 8, 12, 15 and, twice, 22.
    assert real_corpus.repairs == {
        "heading-marks": 2,
        "wrapped-lines": 15,
        "al-for-ai": 10,
        "glued-words": 1,
        "lost-hyphens": 2,
    }
    assert real_corpus.warnings == ()


def test_no_damage_is_left(real_corpus: Corpus) -> None:
    text = " ".join(f"{entry.question} {entry.answer}" for entry in real_corpus.entries)
    for damaged in ("Al ", "Al's", "Al-", "Al?", "orGANs", "highresolution", "humangenerated", "#"):
        assert damaged not in text


def test_wrapped_items_are_whole(real_corpus: Corpus) -> None:
    items = [line for entry in real_corpus.entries for line in entry.answer.split("\n") if line.startswith("- ")]
    assert len(items) == 88  # 93 in the file; the ten of entry 4 are five rows
    assert (
        "- User Privacy: As AI models generate personalised content, there is a concern about user privacy. How much "
        "personal information should be input for customization, and how securely is it stored?"
    ) in items
    assert not any(line.startswith(" ") for entry in real_corpus.entries for line in entry.answer.split("\n"))


def test_spans_lead_to_the_words_in_the_file(real_corpus: Corpus, real_file: Path) -> None:
    lines = real_file.read_text(encoding="utf-8").split("\n")
    for entry in real_corpus.entries:
        first, last = entry.lines
        assert lines[first - 1].startswith("#")
        assert f" {entry.number}. " in lines[first - 1]
        assert lines[last - 1].strip().split()[-1].strip(".") in entry.answer
        following = lines[last:]
        assert not following or following[0] == ""


def test_the_words_of_every_answer_are_those_of_the_file(real_corpus: Corpus, real_file: Path) -> None:
    """Nothing is lost and nothing invented, but for what the repairs and the comparison of entry 4 say."""
    lines = real_file.read_text(encoding="utf-8").split("\n")
    for entry in real_corpus.entries:
        if entry.number == 4:
            continue
        original = " ".join(lines[entry.lines[0] : entry.lines[1]]).replace("#", "")
        for damaged, whole in (
            ("Al ", "AI "),
            ("Al's", "AI's"),
            ("Al-", "AI-"),
            ("orGANs", "or GANs"),
            ("highr", "high-r"),
            ("humang", "human-g"),
        ):
            original = original.replace(damaged, whole)
        assert entry.answer.split() == original.split()


def test_a_real_collection_of_another_hand_comes_out_whole() -> None:
    """226 questions of the World Health Organization, each under `## N. question`, lines wrapped at 78 characters."""
    path = Path(__file__).parents[3] / "shared" / "data" / "feedbackqa" / "corpus_who.md"
    if not path.is_file():
        pytest.skip(f"the FeedbackQA collection is not kept with the project; it was looked for at {path}")
    corpus = read_corpus(path)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert [entry.number for entry in corpus.entries] == list(range(1, 227))
    assert corpus.warnings == ()
    assert set(corpus.repairs) == {"wrapped-lines"}
    for entry in corpus.entries:
        first, last = entry.lines
        assert lines[first - 1] == f"## {entry.number}. {entry.question}"
        assert "".join(entry.answer.split()) == "".join("".join(lines[first:last]).split())
