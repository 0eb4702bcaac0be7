"""What the model says of a sentence, when it is asked whether a source says all of it."""

from __future__ import annotations

import logging

from rag_faq.errors import EngineError, QuestionError
from rag_faq.generation.gate import YES_NO
from rag_faq.generation.generator import Generator
from rag_faq.generation.odds import logit
from rag_faq.generation.probe import Probe, load_probe
from rag_faq.generation.prompt import NOTHING, statement_prompt, wording_of
from rag_faq.grounding.weigh import Told
from rag_faq.records import FaqEntry, ModelInfo, Prompt, Source

log = logging.getLogger(__name__)

PROBE = "statement"


class ModelsWord:
    """Asks a model about sentences. The model starts from the state that it has of the source, so this is quick."""

    def __init__(self, generator: Generator, probe: Probe | None = None) -> None:
        """With a `probe` of this model, by which its scores are read, it tells more than by its "yes"."""
        self._generator = generator
        self._probe = probe

    def __call__(self, sentence: str, source_text: str, question: str) -> Told | None:
        """What the model tells; None where it cannot, since it broke down or the text is too long."""
        prompt = about(sentence, source_text, question)
        try:
            scores = None if self._probe is None else self._generator.scores(prompt)
            if self._probe is not None and scores is not None:
                return Told(self._probe(scores), probed=True)
            yes, _ = self._generator.choose(prompt, YES_NO)
        except (EngineError, QuestionError) as error:
            log.warning("a sentence is checked without the model: %s", error)
            return None
        return Told(logit(yes))


def statement_probe(model: ModelInfo) -> Probe | None:
    """The probe for this model; `None` where there is none."""
    return load_probe(PROBE, model, wording_of(statement_prompt("", NOTHING)))


def about(sentence: str, source_text: str, question: str) -> Prompt:
    """The prompt in which the model is asked about a sentence; `question` is the source's own."""
    entry = FaqEntry("", 0, question, source_text, "", (0, 0))
    return statement_prompt(sentence, Source(1, entry, source_text, 0.0))
