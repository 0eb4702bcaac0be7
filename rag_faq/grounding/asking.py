"""What the model says of a sentence: the probability of "yes" when it is asked whether a source says all of it."""

from __future__ import annotations

import logging

from rag_faq.errors import EngineError, QuestionError
from rag_faq.generation.gate import YES_NO, logit
from rag_faq.generation.generator import Generator
from rag_faq.generation.prompt import statement_prompt
from rag_faq.records import FaqEntry, Source

log = logging.getLogger(__name__)

_SCALE = 4.0  # log-odds of the model that count as one: they run from about -8 to 8


class ModelsWord:
    """Asks a model about sentences. The model starts from the state that it has of the source, so this is quick."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def __call__(self, sentence: str, source_text: str, question: str) -> float | None:
        """Scaled log-odds of "yes"; None where the model cannot say, since it broke down or the text is too long."""
        entry = FaqEntry("", 0, question, source_text, "", (0, 0))
        try:
            yes, _ = self._generator.choose(statement_prompt(sentence, Source(1, entry, source_text, 0.0)), YES_NO)
        except (EngineError, QuestionError) as error:
            log.warning("a sentence is checked without the model: %s", error)
            return None
        return logit(yes) / _SCALE
