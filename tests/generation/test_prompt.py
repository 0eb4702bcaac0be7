"""Nothing that changes from question to question stands before the sources."""

from rag_faq.generation.prompt import answer_prompt, gate_prompt, prefix_prompt, standalone_prompt
from rag_faq.records import FaqEntry, Source

CAT = Source(1, FaqEntry("f#1", 1, "What is a cat?", "A small animal.", "f.md", (1, 3)), "A small animal.", 0.9)
DOG = Source(2, FaqEntry("f#2", 2, "What is a dog?", "A loyal animal.", "f.md", (5, 7)), "A loyal animal.", 0.8)


def test_each_source_is_one_segment_and_the_question_is_the_last():
    prompt = answer_prompt("Do cats purr?", (CAT, DOG))
    assert prompt.messages[1].segments == (
        "FAQ text:\nWhat is a cat?\nA small animal.\n\n",
        "FAQ text:\nWhat is a dog?\nA loyal animal.\n\n",
        "Question: Do cats purr?",
    )
    assert prompt.sources == (CAT, DOG)


def test_answer_gate_and_warming_share_their_prefix():
    prompts = [answer_prompt("a?", (CAT,)), gate_prompt("b?", (CAT,)), prefix_prompt((CAT,))]
    assert len({(p.messages[0], p.messages[1].segments[: -p.fresh]) for p in prompts}) == 1


def test_the_gates_prompt_is_the_answers_up_to_the_end_of_the_question():
    gate, answer = (make("Do cats purr?", (CAT,)) for make in (gate_prompt, answer_prompt))
    assert gate.messages[1].segments[:-1] == answer.messages[1].segments
    assert (gate.fresh, answer.fresh) == (2, 1)


def test_the_same_entry_is_the_same_text_wherever_it_stands():
    second = Source(2, CAT.entry, CAT.text, 0.1)
    assert (
        answer_prompt("q", (DOG, second)).messages[1].segments[1] == answer_prompt("q", (CAT,)).messages[1].segments[0]
    )


def test_a_conversation_is_shown_one_line_a_turn():
    prompt = standalone_prompt("and\nat night?", (("user", "How do\nlamps work?"), ("assistant", "By current.")))
    assert prompt.messages[1].content == (
        "Conversation:\nUser: How do lamps work?\nAssistant: By current.\nUser: and at night?\nRewritten:"
    )
