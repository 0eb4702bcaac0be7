"""The index folder: built beside the old one and swapped in; opened only when every hash agrees.

manifest.json   what it was made from, and the hash of every file here
vectors.faiss   one vector a chunk
lexical/        BM25 over the entries (entries/) and over the chunks (chunks/)
entries.jsonl   the entries, in the corpus's order
chunks.jsonl    the chunks; row i of the vectors is line i here
map.json        the entries' places in the picture of the corpus; an index built before there was one has none
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag_faq.errors import (
    CorpusError,
    IndexDamagedError,
    IndexFolderError,
    IndexStaleError,
)
from rag_faq.records import Chunk, FaqEntry
from rag_faq.retrieval import swap
from rag_faq.retrieval.embedder import Embedder, Vectors
from rag_faq.retrieval.lexical import LexicalIndex
from rag_faq.retrieval.manifest import BUILD, MANIFEST, Manifest, manifest_text
from rag_faq.retrieval.projection import EntryMap, draw
from rag_faq.retrieval.vectors import FaissVectorIndex, VectorIndex

VECTORS = "vectors.faiss"
LEXICAL = "lexical"
ENTRIES = "entries.jsonl"
CHUNKS = "chunks.jsonl"
MAP = "map.json"
OURS = frozenset({MANIFEST, VECTORS, LEXICAL, ENTRIES, CHUNKS, MAP})

BATCH = 64
LOCK_SECONDS = 600.0

Progress = Callable[[int, int], None]  # (texts embedded, texts to embed)


@dataclass(frozen=True, slots=True, eq=False)
class FaqIndex:
    """An index in memory. Immutable; safe for many threads."""

    folder: Path
    manifest: Manifest
    entries: tuple[FaqEntry, ...]
    chunks: tuple[Chunk, ...]
    vectors: VectorIndex  # row i belongs to chunks[i]
    lexical_entries: LexicalIndex  # row i belongs to entries[i]
    lexical_chunks: LexicalIndex  # row i belongs to chunks[i]
    stored_map: EntryMap | None = None

    def map(self) -> EntryMap:
        """The picture of the corpus; drawn now where the index was built without one, which takes seconds."""
        if self.stored_map is not None:
            return self.stored_map
        vectors = self.vectors.take(np.arange(self.vectors.size, dtype=np.int64))
        return draw(self.entries, self.chunks, vectors)

    @property
    def fingerprint(self) -> str:
        """Two indexes with the same fingerprint hold the same."""
        return self.manifest.fingerprint


def build_index(
    folder: Path,
    entries: Sequence[FaqEntry],
    chunks: Sequence[Chunk],
    embedder: Embedder,
    *,
    corpus_files: Mapping[str, str],
    repairs: Mapping[str, int],
    progress: Progress | None = None,
) -> Manifest:
    """Write the index of these entries to `folder`, in the place of the one that is there.

    `corpus_files` gives the sha256 of every corpus file by its name, `repairs` how often each repair was applied.
    Chunks whose text the old index has already, made by the same embedder, keep their vectors. A second builder waits
    for the first.

    Raises CorpusError when there is nothing to index, IndexFolderError when the folder holds other things than an
    index, DiskError when it cannot be written. In each case, as at a crash at any moment, the old index stays.
    """
    _check_input(entries, chunks)
    target = Path(folder).absolute()
    target = target.parent.resolve() / target.name if not target.is_symlink() else target.resolve()
    with swap.disk_errors("Writing the index", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            swap.clean(target)
            _check_ours(target)
            known = _known_vectors(target, embedder)
            building = swap.building_folder(target)
            try:
                vectors = _embed([chunk.text for chunk in chunks], embedder, known, progress)
                _write(building, entries, chunks, vectors)
                manifest = Manifest(
                    embedder=embedder.name,
                    embedder_fingerprint=embedder.fingerprint,
                    dim=int(vectors.shape[1]),
                    corpus=dict(corpus_files),
                    repairs=dict(repairs),
                    entries=len(entries),
                    chunks=len(chunks),
                    files={name: _sha256(data) for name, data in _read_all(building).items()},
                )
                (building / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
                swap.sync_tree(building)
                swap.swap_in(building, target)
            finally:
                swap.remove(building)
    return manifest


def open_index(folder: Path, embedder: Embedder, corpus_files: Mapping[str, str] | None = None) -> FaqIndex:
    """Read the index in `folder` for searching with `embedder`.

    Only the embedder's name and fingerprint are asked for: no weights are loaded. With `corpus_files` (sha256 by file
    name) the index must also be of exactly these files.

    Raises IndexMissingError, IndexDamagedError or IndexStaleError; each says what was found, what was expected and
    the command that mends it.
    """
    index = load_index(folder)
    manifest = index.manifest
    if manifest.embedder_fingerprint != embedder.fingerprint:
        raise IndexStaleError(
            f"The index {folder} was made with the embedder {manifest.embedder} ({manifest.embedder_fingerprint[:12]})",
            expected=f"{embedder.name} ({embedder.fingerprint[:12]})",
            mend=BUILD,
        )
    if corpus_files is not None and dict(corpus_files) != manifest.corpus:
        raise IndexStaleError(
            f"The index {folder} is not of this corpus: {_difference(manifest.corpus, corpus_files)}", mend=BUILD
        )
    return index


def load_index(folder: Path) -> FaqIndex:
    """Read and verify the index in `folder`, whatever embedder and corpus it is of."""
    folder = Path(folder)
    for _ in range(3):
        before = manifest_text(folder)
        try:
            index = _load(folder, Manifest.from_text(before))
        except IndexDamagedError:
            # A builder may have swapped in a new index while this one was being read: then it is not damaged.
            if manifest_text(folder) == before:
                raise
        else:
            if manifest_text(folder) == before:
                return index
    raise IndexDamagedError(f"The index {folder} changed three times while it was being read", mend="try again")


def _load(folder: Path, manifest: Manifest) -> FaqIndex:
    try:
        contents = _read_all(folder)
    except OSError as error:
        raise IndexDamagedError(f"The index {folder} cannot be read: {error}", mend=BUILD) from error
    found = {name: _sha256(data) for name, data in contents.items()}
    if found != manifest.files:
        raise IndexDamagedError(f"The index {folder}: {_difference(manifest.files, found)}", mend=BUILD)
    try:
        index = FaqIndex(
            folder=folder,
            manifest=manifest,
            entries=tuple(FaqEntry(**{**e, "lines": tuple(e["lines"])}) for e in _json_lines(contents[ENTRIES])),
            chunks=tuple(Chunk(**c) for c in _json_lines(contents[CHUNKS])),
            vectors=FaissVectorIndex.from_bytes(contents[VECTORS]),
            lexical_entries=LexicalIndex.load(folder / LEXICAL / "entries"),
            lexical_chunks=LexicalIndex.load(folder / LEXICAL / "chunks"),
            stored_map=EntryMap.from_text(contents[MAP].decode(), manifest.entries) if MAP in contents else None,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise IndexDamagedError(f"The index {folder} cannot be read: {error}", mend=BUILD) from error
    sizes = (len(index.entries), len(index.chunks), index.vectors.size, index.lexical_chunks.size, index.vectors.dim)
    expected = (manifest.entries, manifest.chunks, manifest.chunks, manifest.chunks, manifest.dim)
    if sizes != expected:
        raise IndexDamagedError(f"The index {folder} has the sizes {sizes}", expected=f"{expected}", mend=BUILD)
    return index


def _check_input(entries: Sequence[FaqEntry], chunks: Sequence[Chunk]) -> None:
    if not entries or not chunks:
        raise CorpusError("There is nothing to index", expected="at least one entry with text")
    ids = {entry.id for entry in entries}
    if len(ids) != len(entries):
        raise CorpusError("Two entries have the same id", expected="ids that are unique in the corpus")
    strays = sorted({chunk.entry_id for chunk in chunks} - ids)
    if strays:
        raise CorpusError(f"There are chunks of entries that are not there: {', '.join(strays[:3])}")


def _check_ours(target: Path) -> None:
    """A folder with other things in it is not replaced: it may have been named by mistake."""
    if not target.exists():
        return
    if not target.is_dir():
        raise IndexFolderError(f"{target} is a file", expected="a folder", mend="name another folder")
    strangers = sorted(p.name for p in target.iterdir() if p.name not in OURS and not p.name.startswith("."))
    if strangers:
        raise IndexFolderError(
            f"{target} holds other things than an index: {', '.join(strangers[:3])}",
            expected="an empty or a new folder, or one with an index",
            mend="name another folder, or move these files away",
        )


def _known_vectors(target: Path, embedder: Embedder) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Vectors by text of the index that is there, if it is whole and of the same embedder."""
    try:
        old = open_index(target, embedder)
    except IndexFolderError:
        return {}
    vectors = old.vectors.take(np.arange(old.vectors.size, dtype=np.int64))
    return {chunk.text: vectors[row] for row, chunk in enumerate(old.chunks)}


def _embed(texts: Sequence[str], embedder: Embedder, known: Mapping[str, Any], progress: Progress | None) -> Vectors:
    """Vectors of shape (len(texts), d). Each different text that is not known is encoded once."""
    # Longest first: the texts of a batch are about equally long, so little is spent on padding.
    new = sorted({text for text in texts if text not in known}, key=lambda text: (-len(text), text))
    vectors = dict(known)
    if progress is not None:
        progress(0, len(new))
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        vectors.update(zip(batch, embedder.encode(batch), strict=True))
        if progress is not None:
            progress(start + len(batch), len(new))
    return np.stack([vectors[text] for text in texts]).astype(np.float32, copy=False)


def _write(building: Path, entries: Sequence[FaqEntry], chunks: Sequence[Chunk], vectors: Vectors) -> None:
    (building / LEXICAL).mkdir(parents=True)
    (building / VECTORS).write_bytes(FaissVectorIndex.build(vectors).to_bytes())
    (building / ENTRIES).write_bytes(_to_lines(asdict(entry) for entry in entries))
    (building / CHUNKS).write_bytes(_to_lines(asdict(chunk) for chunk in chunks))
    (building / MAP).write_text(draw(entries, chunks, vectors).to_text(), encoding="utf-8")
    asked: dict[str, list[str]] = {}  # other questions that the entry answers, whoever wrote them
    for chunk in chunks:
        if chunk.is_other_question:
            asked.setdefault(chunk.entry_id, []).append(chunk.text)
    texts = ["\n".join((entry.question, entry.answer, *asked.get(entry.id, ()))) for entry in entries]
    LexicalIndex.build(texts).save(building / LEXICAL / "entries")
    LexicalIndex.build([chunk.text for chunk in chunks]).save(building / LEXICAL / "chunks")


def _read_all(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of the index but the manifest, by path inside the folder."""
    paths = [folder / name for name in sorted(OURS - {MANIFEST, LEXICAL})]
    paths += sorted(path for path in (folder / LEXICAL).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _to_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode("utf-8", "surrogatepass")


def _json_lines(data: bytes) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in data.decode("utf-8", "surrogatepass").split("\n") if line)


def _difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """In words, how two sets of hashed files differ."""
    parts = [
        (sorted(expected.keys() - found.keys()), "missing"),
        (sorted(found.keys() - expected.keys()), "new"),
        (sorted(n for n in expected.keys() & found.keys() if expected[n] != found[n]), "altered"),
    ]
    return "; ".join(f"{word}: {', '.join(names[:5])}" for names, word in parts if names)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(swap.lock_file(target))
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise IndexFolderError(
            f"Another process has been building {target} for {LOCK_SECONDS / 60:.0f} minutes",
            mend="wait for it, or stop it",
        ) from error
    try:
        yield
    finally:
        lock.release()
