"""What every index of vectors promises, for each way that FAISS keeps them."""

import numpy as np
import pytest

from rag_faq.retrieval.vectors import FaissVectorIndex, VectorIndex


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


VECTORS = unit([[1, 0, 0], [0, 1, 0], [0.8, 0.6, 0], [0, 0, -1]])


@pytest.fixture(params=["exact", "graph", "exact, stored", "graph, stored"])
def index(request) -> VectorIndex:
    built = FaissVectorIndex.build(VECTORS, exact_up_to=100 if "exact" in request.param else 0)
    return FaissVectorIndex.from_bytes(built.to_bytes()) if "stored" in request.param else built


def test_it_knows_its_size(index):
    assert (index.size, index.dim) == (4, 3)


def test_the_nearest_come_first_with_their_cosines(index):
    cosines, rows = index.search(np.array([1, 0, 0], dtype=np.float32), 3)
    assert rows.tolist() == [0, 2, 1] or rows.tolist() == [0, 2, 3]
    assert cosines.tolist() == pytest.approx([1.0, 0.8, 0.0])


def test_asking_for_more_than_there_are_gives_all(index):
    cosines, rows = index.search(np.array([0, 0, 1], dtype=np.float32), 99)
    assert sorted(rows.tolist()) == [0, 1, 2, 3]
    assert cosines[-1] == pytest.approx(-1.0)


def test_vectors_come_back_as_they_were(index):
    taken = index.take(np.array([3, 0], dtype=np.int64))
    assert taken.dtype == np.float32
    assert np.array_equal(taken, VECTORS[[3, 0]])


def test_cosines_of_all_and_of_some(index):
    query = np.array([0, 1, 0], dtype=np.float32)
    assert index.cosines(query).tolist() == pytest.approx([0, 1, 0.6, 0])
    assert index.cosines(query, np.array([2, 1], dtype=np.int64)).tolist() == pytest.approx([0.6, 1])


def test_what_is_taken_is_a_copy(index):
    index.take(np.array([0], dtype=np.int64))[:] = 9
    assert index.take(np.array([0], dtype=np.int64)).tolist() == [[1, 0, 0]]


def test_taking_none_keeps_the_shape(index):
    assert index.take(np.zeros(0, dtype=np.int64)).shape == (0, 3)


def test_the_graph_finds_nearly_what_the_exact_search_finds():
    random = np.random.default_rng(0)
    vectors = unit(random.standard_normal((3000, 32)))
    exact, graph = FaissVectorIndex.build(vectors), FaissVectorIndex.build(vectors, exact_up_to=0)
    shared = []
    for query in unit(random.standard_normal((20, 32))):
        shared.append(len(set(exact.search(query, 10)[1].tolist()) & set(graph.search(query, 10)[1].tolist())))
    assert np.mean(shared) >= 9.5
