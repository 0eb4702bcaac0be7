"""Orders to the chatbot that stand in a question: they are data, so they are taken out before anything reads it.

A small model follows what it is told wherever it stands. What is left after its orders are gone is the question; where
nothing is left, there was no question.
"""

from __future__ import annotations

import re

# Where one piece ends and the next begins; the finer cuts are made only inside a piece that holds an order.
_CUT = re.compile(
    r"(?<=[.!?;:\n])\s+|\s+-{2,}\s+|,?\s+(?=(?:and\s+)?then\b)|,\s+(?=(?:and\s+)?(?:now|also|so)\b)", re.I
)
_FINE_CUT = re.compile(
    r",\s+|\s+(?=and\b)|\s+[-–—]\s+|\s+(?=(?-i:How|What|Which|Why|When|Where|Who|Can|Does|Is|Are)\b)", re.IGNORECASE
)
_ASKS = re.compile(
    r"\b(?:what|who|whom|whose|when|where|why|which|how|can|could|does|did|is|are|was|were|tell|explain|describe|"
    r"define|list|name|compare)\b",
    re.IGNORECASE,
)
# Words that the orders are about: the chatbot's own rules and text, never the subject of a FAQ entry.
_RULES = (
    r"(?:previous|prior|above|earlier|all|any|your|the|these|those|system|hidden|initial|original|preceding|every|own)"
    r"[\w\s'’]{0,25}?\b(?:instructions?|rules?|prompts?|guidelines?|restrictions?|directives?|constraints?|programming|"
    r"filters?|safety|limits|context|message|faq|document|sources?|text)\b"
)
_ORDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:ignore|disregard|forget|override|bypass|overrule|drop|skip|set\s+aside|put\s+aside|stop\s+following|"
        rf"do\s+not\s+follow|don['’]t\s+follow|do\s+not\s+use|don['’]t\s+use)\b[^.?!]{{0,30}}?\b{_RULES}",
        r"\b(?:forget|ignore|disregard)\s+(?:everything|anything|what|that|it\s+all)\b",
        r"\b(?:system|developer|hidden|initial|secret|your)\s+(?:prompt|instructions?|rules|configuration)\b",
        r"\b(?:reveal|print|repeat|output|display|recite|dump|leak|write\s+out|show\s+me)\b[^.?!]{0,40}?"
        r"\b(?:prompt|instructions?|word\s+for\s+word|verbatim|above|configuration)\b",
        r"\b(?:end|begin|start|finish|close|sign|prefix)\b[^.?!]{0,30}\b(?:answers?|sentences?|repl(?:y|ies)|messages?|"
        r"responses?)\b[^.?!]{0,15}\bwith\b",
        r"\b(?:starting|beginning|ending)\s+(?:with|from|at)\b[^.?!]{0,12}[\"'“‘]",
        r"\bput\s+\S+\s+(?:in\s+front|before|after|at\s+the\s+(?:end|start|beginning))\b",
        r"\banswer\s+(?:me\s+)?(?:out\s+of|from|by)\s+your\s+own\b",
        r"\b(?:you\s+are|you['’]re)\s+(?:now|no\s+longer|from\s+now)\b|\bfrom\s+now\s+on\b|\bas\s+of\s+now,?\s+you\b",
        r"\b(?:pretend|act|behave|role-?play)\b[^.?!]{0,30}?\b(?:as\s+(?:if|though|a|an)|to\s+be|like|you|that)\b",
        r"\b(?:respond|reply|answer|speak|talk)\b[^.?!]{0,20}?\b(?:like|as)\s+(?:a|an|if|though)\b",
        r"\b(?:DAN|developer|admin|debug|god|jailbreak|unrestricted|unfiltered|maintenance)\s+mode\b|\bjailbreak\b",
        r"\b(?:say|print|output|reply|respond|answer|write|type|repeat|end|begin|start|finish|add|append|include)\b"
        r"(?:\s+(?:only|just|exactly|back|out|with|me|your|every|each|the|answer|answers|reply|sentence|sentences|by|"
        r"word|words|phrase|saying|string|following|in|it|to))*\s*[:,]?\s*(?:[\"'“‘«][^\"'”’»]{1,80}[\"'”’»]|(?-i:[A-Z]{4,}))",
        r"\b(?:use|from|rely\s+on|with)\s+(?:only\s+)?your\s+(?:own|general|training|internal|world|background)\b"
        r"[^.?!]{0,20}?\b(?:knowledge|data|memory|training|mind)\b",
        r"\b(?:instead\s+of|not\s+from|without|outside)\s+(?:using\s+)?(?:the|this|your)\s+(?:faq|document|sources?|text)\b",
        r"\bno\s+(?:restrictions|rules|filters|limits)\b|\bwithout\s+(?:any\s+)?(?:restrictions|rules|filters)\b",
        r"^\W*(?:system|assistant|developer|admin(?:istrator)?|\[?inst\]?|sys)(?:\s+(?:message|note|override|update|prompt)\b[^:]{0,40})?\s*[:>\]|]",
        r"\bnew\s+(?:instructions?|rules?|task|role|orders?)\b|\binstructions?\s+(?:update|override|follow)\b",
    )
)
_LEADING = re.compile(r"^(?:\W|\b(?:then|and|now|also|but|after\s+that|first|next|please|instead)\b)+", re.IGNORECASE)
_TEMPLATE_WORD = re.compile(
    r"\b(?:im_start|im_end|endoftext|begin_of_text|eot_id)\b|\[/?INST\]|<<?/?SYS>>?", re.IGNORECASE
)


def is_order(piece: str) -> bool:
    """True when this piece of a question tells the chatbot how to behave, or asks for its own rules."""
    return any(pattern.search(piece) for pattern in _ORDERS)


def without_orders(question: str) -> str:
    """The question without the pieces that are orders; empty when nothing else was there.

    A question that holds no order comes back as it is.
    """
    if not is_order(question):
        return question
    pieces = [piece for piece in _CUT.split(_TEMPLATE_WORD.sub(". ", question)) if piece.strip()]
    kept = [left for piece in pieces if (left := _rest_of(piece))]
    rest = _LEADING.sub("", " ".join(" ".join(kept).split())).strip(" ,;:-–—\"'")
    return rest if re.search(r"[^\W_]{2}", rest) else ""


def _rest_of(piece: str) -> str:
    """The piece, if it is no order; of an order, the finer parts that are none and that ask something."""
    if not is_order(piece):
        return piece
    finer = [part for part in _FINE_CUT.split(piece) if part.strip()]
    return " ".join(part for part in finer if not is_order(part) and _ASKS.search(part)) if len(finer) > 1 else ""
