"""Search by meaning: the nearest vectors by inner product, with FAISS."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag_faq.retrieval.embedder import Vectors

# Up to here every vector is compared: exact, and quick (2.4 ms for 60,000 vectors of 384, so some 8 ms for 200,000; a
# question takes longer to embed). Above it a graph is searched (HNSW), which finds nearly all of the nearest in a
# fraction of the time, and takes minutes to build.
EXACT_UP_TO = 200_000


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

    @property
    def exact(self) -> bool:
        """True when it is small enough to compare with every vector."""
        ...

    def cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The cosine with each of these rows, with all of them by default; shape (len(rows),)."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors in these rows, shape (len(rows), d)."""
        ...


class FaissVectorIndex:
    """FAISS: `IndexFlatIP` up to `EXACT_UP_TO` vectors, `IndexHNSWFlat` above."""

    def __init__(self, index: Any) -> None:
        import faiss

        self._index = index
        self._exact = isinstance(index, faiss.IndexFlat)
        flat: Any = index if self._exact else faiss.downcast_index(index.storage)
        # A view of FAISS's own memory, shape (n, d); `_index` keeps it alive.
        self._matrix: Vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)

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
        k = min(k, self.size)
        if self._exact:
            scores = self.cosines(query)
            rows = np.argpartition(-scores, k - 1)[:k] if k < self.size else np.arange(self.size)
            rows = rows[np.lexsort((rows, -scores[rows]))]
            return scores[rows], rows
        near, found = self._index.search(query.reshape(1, -1), k)
        there = found[0] >= 0  # a graph search may find fewer than asked for
        return near[0][there], found[0][there]

    @property
    def exact(self) -> bool:
        """True for `IndexFlatIP`."""
        return self._exact

    def cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The cosine with each row."""
        # Not `@`: the threads of BLAS go on spinning for a while, and the embedder's next question waits for the cores.
        matrix = self._matrix if rows is None else self._matrix[rows]
        scores: NDArray[np.float32] = np.einsum("ij,j->i", matrix, query)
        return scores

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors in these rows."""
        return self._matrix[rows]
