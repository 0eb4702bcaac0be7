"""What every embedder promises, and what the one on real weights adds."""

import shutil
import threading

import numpy as np
import pytest

from rag_faq.assembly import load_embedder
from rag_faq.errors import EngineError
from rag_faq.retrieval.embedder import Embedder, SentenceTransformerEmbedder
from rag_faq.settings import Settings
from rag_faq.testing import FakeEmbedder

TEXTS = ["What is a cat?", "", "A dog, a dog, my kingdom for a dog.", "猫とは何ですか", "word " * 2000]


@pytest.fixture(scope="module")
def real() -> SentenceTransformerEmbedder:
    embedder = load_embedder(Settings.load())
    assert isinstance(embedder, SentenceTransformerEmbedder)
    return embedder


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.weights)])
def embedder(request) -> Embedder:
    return FakeEmbedder(["cat", "dog"]) if request.param == "fake" else request.getfixturevalue("real")


def test_vectors_are_unit_rows_of_float32(embedder):
    vectors = embedder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_rows(embedder):
    assert embedder.encode([]).shape == (0, embedder.dim)


def test_the_order_is_the_texts_order(embedder):
    forward, backward = embedder.encode(TEXTS), embedder.encode(TEXTS[::-1])
    assert forward == pytest.approx(backward[::-1], abs=1e-5)


def test_alone_or_in_company_a_text_has_one_vector(embedder):
    alone = [embedder.encode([text])[0] for text in TEXTS]
    assert np.stack(alone) == pytest.approx(embedder.encode(TEXTS), abs=1e-5)


def test_asked_again_it_says_the_same(embedder):
    first = embedder.encode(["a cat"])
    kept = first.copy()
    first[:] = 0  # what is handed out belongs to the caller
    assert np.array_equal(embedder.encode(["a cat"]), kept)


def test_longer_texts_have_more_tokens_and_nothing_is_cut_off(embedder):
    counts = [embedder.count_tokens("word " * n) for n in (1, 10, 1000)]
    assert counts == [3, 12, 1002]
    assert embedder.count_tokens("") == 2


def test_it_is_told_by_name_and_fingerprint(embedder):
    assert embedder.name
    assert embedder.fingerprint
    assert embedder.max_tokens > 2


@pytest.mark.weights
def test_the_published_limit_is_kept(real):
    assert (real.dim, real.max_tokens) == (384, 256)


@pytest.mark.weights
def test_what_is_beyond_the_limit_does_not_count(real):
    assert real.encode(["word " * 254 + "cat"]) == pytest.approx(real.encode(["word " * 254 + "dog"]), abs=1e-6)
    assert real.encode(["word " * 253 + "cat"]) != pytest.approx(real.encode(["word " * 253 + "dog"]), abs=1e-6)


@pytest.mark.weights
def test_like_is_nearer_than_unlike(real):
    asked, like, unlike = real.encode(["How do I feed a kitten?", "Feeding young cats", "Repairing a bicycle"])
    assert asked @ like > 0.5 > 0.2 > asked @ unlike


@pytest.mark.weights
def test_many_threads_use_one_model(real):
    texts = [f"Question number {n} about a cat" for n in range(6)]
    expected = real.encode(texts)
    wrong = []

    def work(row):
        for _ in range(3):
            if not np.allclose(real.encode([texts[row]])[0], expected[row], atol=1e-5):
                wrong.append(row)
            real.count_tokens(texts[row])

    threads = [threading.Thread(target=work, args=(row,)) for row in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_loaded_before_it_is_needed(tmp_path):
    embedder = SentenceTransformerEmbedder(tmp_path / "nowhere", name="mine", fingerprint="f")
    assert (embedder.name, embedder.fingerprint) == ("mine", "f")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"config.json": "not json"},
        {"config.json": "{}"},
        {"config.json": '{"model_type": "no such model"}'},
        {"config.json": '{"model_type": "bert"}', "modules.json": "[]"},
    ],
)
def test_a_folder_that_is_no_model(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    embedder = SentenceTransformerEmbedder(tmp_path, name="mine", fingerprint="f")
    with pytest.raises(EngineError, match="rag-faq models fetch mine"):
        embedder.encode(["a cat"])


@pytest.mark.weights
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("model.safetensors", lambda data: data[: len(data) // 2]),
        ("model.safetensors", lambda data: b"rubbish" * 100),
        ("tokenizer.json", lambda data: data[:1000]),
        ("modules.json", lambda data: b"{"),
    ],
)
def test_weights_that_are_cut_or_altered(real, tmp_path, file, change):
    folder = tmp_path / "model"
    shutil.copytree(real.folder, folder)
    (folder / file).chmod(0o600)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    with pytest.raises(EngineError, match="rag-faq models fetch mine"):
        SentenceTransformerEmbedder(folder, name="mine", fingerprint="f").encode(["a cat"])
