"""Small texts to search for, each leading to its whole entry; measured in the embedder's own tokens."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from rag_faq.corpus.blocks import Block, answer_blocks
from rag_faq.corpus.wordings import Wording
from rag_faq.records import Chunk, ChunkKind, FaqEntry

# Where a text that is too long is cut, the best place first. Never inside a word.
_CUTS: Final = (r"\n\n+", r"\n", r"(?<=[.!?…])\s+", r"(?<=[;:])\s+", r"(?<=,)\s+", r"\s+")
_LEAD_WORDS: Final = 4


def chunk_entries(
    entries: Sequence[FaqEntry],
    count_tokens: Callable[[str], int],
    max_tokens: int,
    wordings: Sequence[Wording] = (),
) -> tuple[Chunk, ...]:
    """The chunks of all entries.

    They are the question, the entry whole, each paragraph and list item under the question, and its other `wordings`.
    `count_tokens` counts as the embedder does, special tokens included. No chunk takes more than `max_tokens` unless a
    single word does; a text that would is cut into several, each under the question. Within an entry no text occurs
    twice. Ids are `<entry id>/<kind>/<i>` and depend on the entry and its wordings alone.
    """
    measure = _Measure(count_tokens, max_tokens)
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for wording in wordings:
        asked[wording.entry_id].append(wording.text)
    return tuple(chunk for entry in entries for chunk in _chunks(entry, asked[entry.id], measure))


@dataclass(frozen=True, slots=True)
class _Measure:
    count: Callable[[str], int]
    most: int

    def fits(self, text: str) -> bool:
        return self.count(text) <= self.most

    def split(self, text: str, context: str = "") -> list[str]:
        """Pieces of `text` that fit together with `context` before each of them."""
        if self.fits(context + text):
            return [text]
        # Special tokens are counted once a chunk, not once a piece of it.
        special = self.count("")
        room = max(self.most - special - (self.count(context) - special if context else 0), 1)
        # Imported here: it takes a fifth of a second, and most answers are short enough.
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(
            separators=list(_CUTS),
            is_separator_regex=True,
            keep_separator="end",
            chunk_size=room,
            chunk_overlap=0,
            length_function=lambda piece: self.count(piece) - special,
        )
        pieces = (piece.strip() for piece in splitter.split_text(text))
        return [part for piece in pieces if piece for part in self._halve(piece, context)]

    def _halve(self, text: str, context: str) -> Iterator[str]:
        """Cut until it fits: with some tokenisers a text has more tokens than its parts."""
        words = text.split()
        if len(words) < 2 or self.fits(context + text):
            yield text
            return
        middle = [match.start() for match in re.finditer(r"\s+(?=\S)", text)][len(words) // 2 - 1]
        yield from self._halve(text[:middle].rstrip(), context)
        yield from self._halve(text[middle:].lstrip(), context)

    def context(self, question: str) -> str:
        """The question as the first line of a chunk; of a very long one, the words that fit in half of a chunk."""
        special = self.count("")
        half = max((self.most - special) // 2, 0)
        if self.count(f"{question}\n") - special <= half:
            return f"{question}\n"
        words = question.split()
        while words and self.count(" ".join(words) + "\n") - special > half:
            words.pop()
        return " ".join(words) + "\n" if words else ""


def _chunks(entry: FaqEntry, wordings: Sequence[str], measure: _Measure) -> Iterator[Chunk]:
    numbers: Counter[ChunkKind] = Counter()
    seen: set[str] = set()
    for kind, text in chain(_texts(entry, measure), _pieces("wording", wordings, measure)):
        if text not in seen:
            seen.add(text)
            yield Chunk(f"{entry.id}/{kind}/{numbers[kind]}", entry.id, text, kind)
            numbers[kind] += 1


def _texts(entry: FaqEntry, measure: _Measure) -> Iterator[tuple[ChunkKind, str]]:
    yield from _pieces("question", [entry.question], measure)
    context = f"{entry.question}\n"
    if not measure.fits(f"{context}{entry.answer}"):
        context = measure.context(entry.question)
    for piece in measure.split(entry.answer, context):
        yield "entry", f"{context}{piece}"
    for kind, text in _passages(answer_blocks(entry.answer)):
        for piece in measure.split(text, context):
            yield kind, f"{context}{piece}"


def _pieces(kind: ChunkKind, texts: Sequence[str], measure: _Measure) -> Iterator[tuple[ChunkKind, str]]:
    for text in texts:
        for piece in measure.split(text):
            yield kind, piece


def _passages(blocks: Sequence[Block]) -> Iterator[tuple[ChunkKind, str]]:
    """Each block by itself. A few words with a colon over a list ("Linux:") go with every item of it."""
    lead = ""
    for index, block in enumerate(blocks):
        if block.kind == "bullet":
            yield "bullet", lead + re.sub(r"^(?:-|\d+[.)]) ", "", block.text)
            continue
        above_list = index + 1 < len(blocks) and blocks[index + 1].kind == "bullet"
        short = block.text.endswith(":") and len(block.text.split()) <= _LEAD_WORDS and "\n" not in block.text
        lead = f"{block.text} " if above_list and short else ""
        if not lead:
            yield "paragraph", block.text


def window(entry: FaqEntry, chunk_text: str, count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """The part of the answer round a chunk, as many whole paragraphs and list items as `max_tokens` allow.

    It is one unbroken piece of `entry.answer`. When the block with the chunk is too long by itself, as many sentences
    round the chunk as fit; the whole answer when it fits. `count_tokens` counts as the language model does.
    """
    answer = entry.answer
    if count_tokens(answer) <= max_tokens:
        return answer
    body = chunk_text.removeprefix(f"{entry.question}\n")
    blocks = _spans(answer, [block.text for block in answer_blocks(answer)])
    start, end = _best(answer, blocks, body)
    if count_tokens(answer[start:end]) > max_tokens:
        sentences = [(start + a, start + b) for a, b in _sentence_spans(answer[start:end])]
        return _grow(answer, sentences, body, count_tokens, max_tokens)
    return _grow(answer, blocks, body, count_tokens, max_tokens)


def _grow(
    answer: str, spans: Sequence[tuple[int, int]], body: str, count_tokens: Callable[[str], int], most: int
) -> str:
    """The best span and its neighbours, the one before first: it says what a list is about."""
    low = high = spans.index(_best(answer, spans, body))
    text = answer[spans[low][0] : spans[high][1]]
    if count_tokens(text) > most:
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        fitting = bisect_right(ends, most, key=lambda end: count_tokens(text[:end]))
        return text[: ends[max(fitting - 1, 0)]]
    grown = True
    while grown:
        grown = False
        for step_low, step_high in ((1, 0), (0, 1)):
            wider = max(low - step_low, 0), min(high + step_high, len(spans) - 1)
            candidate = answer[spans[wider[0]][0] : spans[wider[1]][1]]
            if wider != (low, high) and count_tokens(candidate) <= most:
                (low, high), text, grown = wider, candidate, True
    return text


def _spans(text: str, parts: Sequence[str]) -> list[tuple[int, int]]:
    """Where each part stands in the text that they were rendered to."""
    spans = []
    at = 0
    for part in parts:
        start = text.index(part, at)
        at = start + len(part)
        spans.append((start, at))
    return spans


def _sentence_spans(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S(?:.*?[.!?…](?=\s)|.*)", text, re.DOTALL)]


def _best(answer: str, spans: Sequence[tuple[int, int]], body: str) -> tuple[int, int]:
    """The span that holds the chunk; else the one that shares most words with it; the first of several."""
    words = Counter(re.findall(r"\w+", body.casefold()))

    def shared(span: tuple[int, int]) -> tuple[bool, int]:
        text = answer[span[0] : span[1]]
        return body in text, (Counter(re.findall(r"\w+", text.casefold())) & words).total()

    return max(spans, key=shared)
