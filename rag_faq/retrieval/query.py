"""What of a question is searched for: its words without markup, its one real question, its parts."""

from __future__ import annotations

import html
import re
import unicodedata

_TAG = re.compile(
    r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-zA-Z][^<>]{0,500}>|<\|[^<>|]{1,40}\|>", re.DOTALL | re.I
)
_MARKDOWN = re.compile(r"!?\[([^\]\n]{0,300})\]\([^)\n]{0,500}\)|[*_`~]{1,3}(?=\S)|(?<=\S)[*_`~]{1,3}|^#{1,6}\s+", re.M)
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHOUTED = 0.8  # share of a text's words
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_ASKS = re.compile(
    r"\b(?:what|who|whom|whose|when|where|why|which|how|can|could|do|does|did|is|are|was|were|will|would|should|may|"
    r"tell|say|explain|describe|define|list|name|give|compare|know)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"\s*(?:,\s*)?\b(?:and|or|but|plus|as well as|also)\s+(?:also\s+|then\s+)?(?=(?:what|who|when|where|why|which|how|"
    r"is|are|was|were|can|could|does|do|did|will|would|should|tell|explain|describe|define|list|name|give|say|compare)\b)"
    r"|(?<=[?;])\s+",
    re.IGNORECASE,
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|one|ones|such|same)\b", re.IGNORECASE
)
_SIDE_BY_SIDE = re.compile(r"\b(?:and|or|plus|both|each|versus|vs|compare|between)\b|[&/]", re.IGNORECASE)
# "the difference between A and B", "compare A with B", "tell A and B apart", "how does A differ from B", "A vs B".
_COMPARED = re.compile(
    r"\bdiff\w*\s+between\s+([^?.!;:]{1,120})"
    r"|\b(?:compare|contrast|distinguish)\s+([^?.!;:]{1,120})|\btell\s+([^?.!;:]{1,120})\s+apart\b"
    r"|\b(?:is|are|do|does)\s+([^?.!;:]{1,120}?)\s+(?:differ(?:ent)?|compare)\s+(?:from|to|with)\s+([^?.!;:]{1,120})"
    r"|^([^?.!;:]{1,120}?\s(?:vs\.?|versus)\s[^?.!;:]{1,120})",
    re.IGNORECASE,
)
_BESIDE = re.compile(r",\s*(?:and\s+)?|\s+(?:and|with|to|from|or|vs\.?|versus|against)\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_MOST_COMPARED, _LONGEST_COMPARED = 3, 4  # things, and the words of one
_FILLER = re.compile(r"^(?:please|thanks?|thank you|hi|hello|hey|ok|okay)\b[\s,!.]*$", re.IGNORECASE)

_COURTESY = frozenset({
    "thanks", "thank", "thx", "ty", "hi", "hello", "hey", "welcome", "bye", "goodbye", "ok", "okay", "alright",
    "cool", "great", "nice", "perfect", "awesome", "wow", "lol", "haha", "hmm", "sorry", "please", "yes", "yeah",
    "yep", "no", "nope", "good", "fine", "super", "understood",
})  # fmt: skip
_BESIDE_COURTESY = frozenset({
    "you", "very", "much", "so", "many", "a", "lot", "there", "morning", "afternoon", "evening", "night", "day",
    "got", "it", "well", "done", "job", "answer", "are", "is", "was", "that", "this", "again", "all",
})  # fmt: skip

# "Are you a human?", "am I talking to a bot here", "is this a real person?": what is asked for, how, and other words.
_BEING = frozenset({
    "human", "person", "somebody", "someone", "bot", "robot", "chatbot", "machine", "computer", "program", "ai",
    "real", "alive", "conscious", "sentient", "llm", "gpt", "chatgpt",
})  # fmt: skip
_BEING_ASKED = re.compile(r"\b(?:are|r)\s+(?:you|u)\b|\b(?:am|is)\s+(?:i|this|there)\b|\byou(?:'re|\s+are)\b")
_BESIDE_BEING = frozenset({
    "are", "r", "you", "u", "re", "am", "is", "i", "this", "it", "there", "a", "an", "or", "not", "just", "really",
    "actually", "some", "kind", "of", "being", "live", "talking", "speaking", "chatting", "writing", "to", "with",
    "here", "who", "what", "so", "then", "tell", "me", "if", "at", "the", "other", "end", "model", "language", "only",
})  # fmt: skip


def plain(question: str) -> str:
    """The question as plain text on one line: no tags, no Markdown marks, no control characters, NFKC.

    What stood inside a tag pair stays; the contents of scripts and styles go. A shouted question is put in small
    letters: its capitals mark no names.
    """
    text = unicodedata.normalize("NFKC", question)
    text = _TAG.sub(" ", html.unescape(text))
    text = _MARKDOWN.sub(lambda match: match.group(1) or "", text)
    text = "".join(c if unicodedata.category(c)[0] != "C" or c.isspace() else "" for c in text)
    text = _SPACE.sub(" ", text).strip()
    return text.lower() if _shouted(text) else text


def _shouted(text: str) -> bool:
    """Whether nearly all words are in capitals; two at least, since one may be an acronym."""
    words = _WORD.findall(text)
    capital = sum(word.isupper() for word in words)
    return len(words) >= 2 and capital >= _SHOUTED * len(words)


def has_words(text: str) -> bool:
    """True when there is anything that a search could look for: two letters or digits in a row."""
    return re.search(r"[^\W_]{2}", text) is not None


def is_courtesy(text: str) -> bool:
    """True for a greeting, thanks or the like: nothing but polite words, and no question."""
    words = re.findall(r"[a-z]+", text.lower())
    if "?" in text or not words or words[0] in ("is", "are", "was"):
        return False
    return not _COURTESY.isdisjoint(words) and _COURTESY.issuperset(set(words) - _BESIDE_COURTESY)


def is_about_the_chatbot(text: str) -> bool:
    """True where nothing is asked but whether a human or a machine answers."""
    lower = text.lower().replace("’", "'")
    words = set(re.findall(r"[a-z]+", lower)) - _COURTESY
    return _BEING_ASKED.search(lower) is not None and not _BEING.isdisjoint(words) and words <= _BEING | _BESIDE_BEING


def candidates(question: str, most_words: int = 60) -> tuple[str, ...]:
    """A long text's sentences that may hold its real question, each by itself; a short question is its own only one.

    Sentences that ask come with the sentence before them as well, since a rambling text often names its subject first.
    """
    if len(question.split()) <= most_words:
        return (question,)
    sentences = [s.strip() for s in _SENTENCE.findall(question) if has_words(s)]
    asking = [i for i, s in enumerate(sentences) if s.endswith("?")] or [
        i for i, s in enumerate(sentences) if _ASKS.search(s)
    ]
    found: dict[str, None] = {}
    for i in asking:
        found.setdefault(" ".join(sentences[i].split()[-most_words:]))
    return tuple(found)[:32] or (" ".join(question.split()[:most_words]),)


def parts(question: str) -> tuple[str, ...]:
    """The separate questions that one question holds, or the question itself.

    It is split only where each part asks in three words or more, and the first refers to nothing before it. A later
    part that does (`refers_back`) can be understood after those before it.
    """
    pieces = [piece.strip(" ,;.") for piece in _JOINT.split(question) if piece and has_words(piece)]
    pieces = [piece for piece in pieces if not _FILLER.match(piece)]
    if len(pieces) < 2 or refers_back(pieces[0]) or not all(_asks(piece) for piece in pieces):
        return (question,)
    return tuple(piece if piece.endswith("?") else f"{piece}?" for piece in pieces)


def refers_back(part: str) -> bool:
    """Whether a part of a question has a word that stands for something that was named before it."""
    return _REFERS_BACK.search(part) is not None


def coordinates(question: str) -> bool:
    """Whether the question may name two things side by side."""
    return _SIDE_BY_SIDE.search(question) is not None


def compared(question: str) -> tuple[str, ...]:
    """What each of the things is that the question compares, as questions; nothing where it compares none."""
    match = _COMPARED.search(question)
    if match is None:
        return ()
    named = [name for text in match.groups() if text for name in _BESIDE.split(text)]
    things = [_ARTICLE.sub("", name.strip(" ,'\"")) for name in named if not _FILLER.match(name)]
    fit = all(has_words(thing) and len(thing.split()) <= _LONGEST_COMPARED for thing in things)
    return tuple(f"What is {thing}?" for thing in things) if fit and 2 <= len(things) <= _MOST_COMPARED else ()


def _asks(part: str) -> bool:
    return len(part.split()) >= 3 and _ASKS.search(part) is not None
