"""Answers as a chatbot would give them, over the small FAQ of pets."""

from rag_faq.records import Answer, Citation, FaqEntry, ModelInfo, Related, Source


def entry(number: int, question: str, answer: str = "So it is.", document: str = "pets") -> FaqEntry:
    return FaqEntry(f"{document}#{number}", number, question, answer, f"{document}.md", (number, number))


CATS = entry(1, "What do cats eat?")
DOGS = entry(2, "How long do dogs sleep?")
CAGE = entry(3, "Which cage do you use for parrots?")


def answered(question: str, *cited: FaqEntry, shown: tuple[FaqEntry, ...] = (), text: str = "So it is. [1]") -> Answer:
    """A grounded answer whose only sentence rests on each of `cited`; `shown` are sources that it does not need."""
    sources = tuple(Source(n, e, e.answer, 0.9) for n, e in enumerate((*cited, *shown), 1))
    citations = tuple(Citation(n, e.id, "So it is.", 0, 9, 0.9) for n, e in enumerate(cited, 1))
    model = ModelInfo("tiny", sha256="ab" * 32, device="cpu")
    return Answer(text, "grounded", question, question, citations, sources, model=model, index="i1", evidence=0.8)


def refused(question: str, *nearest: FaqEntry, searched: str = "") -> Answer:
    """A refusal that names the nearest entries; CATS unless others are given."""
    related = tuple(Related(e, 0.2) for e in nearest or (CATS,))
    return Answer("Not in the FAQ.", "refused", question, searched or question, related=related, evidence=0.1)
