"""Search by meaning: the nearest vectors by inner product, with FAISS."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag_faq.retrieval.embedder import Vectors

# Up to here every vector is compared: exact, and quick enough (19 ms for 100,000 vectors of 384 on one core). Above
# it a graph is searched (HNSW), which finds nearly all of the nearest in a fraction of the time.
EXACT_UP_TO = 100_000


class VectorIndex(Protocol):
    """Unit vectors in rows 0..size-1. Immutable; safe for many threads."""

    @property
    def size(self) -> int:
        """How many vectors."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def search(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `k` (or `size`, if fewer) nearest: their cosines, falling, and their rows. `query` has shape (d,)."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors in these rows, shape (len(rows), d)."""
        ...


class FaissVectorIndex:
    """FAISS: `IndexFlatIP` up to `EXACT_UP_TO` vectors, `IndexHNSWFlat` above."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors, *, exact_up_to: int = EXACT_UP_TO) -> FaissVectorIndex:
        """Index vectors of shape (n, d)."""
        import faiss

        count, dim = vectors.shape
        if count <= exact_up_to:
            index: Any = faiss.IndexFlatIP(dim)
        else:
            index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = 100
            index.hnsw.efSearch = 256
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @classmethod
    def from_bytes(cls, data: bytes) -> FaissVectorIndex:
        """Read what `to_bytes` gave. Whether the bytes are whole is for the caller to know: FAISS trusts them."""
        import faiss

        return cls(faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)))

    def to_bytes(self) -> bytes:
        """FAISS's own file format."""
        import faiss

        return bytes(faiss.serialize_index(self._index).tobytes())

    @property
    def size(self) -> int:
        """How many vectors."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest by inner product."""
        scores, rows = self._index.search(query.reshape(1, -1), min(k, self.size))
        found = rows[0] >= 0  # a graph search may find fewer than asked for
        return scores[0][found], rows[0][found]

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors in these rows."""
        if not len(rows):
            return np.zeros((0, self.dim), dtype=np.float32)
        vectors: Vectors = self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
        return vectors
