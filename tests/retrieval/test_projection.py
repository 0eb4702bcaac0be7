"""The picture of the corpus: places, groups and their names, worked out by hand where that can be done."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.errors import IndexDamagedError
from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.retrieval.manifest import read_manifest
from rag_faq.retrieval.projection import EntryMap, Group, draw, entry_vectors, place_of, project, spread
from rag_faq.retrieval.store import FaqIndex, build_index, load_index
from rag_faq.testing import FakeEmbedder


def entry(number: int, question: str = "Q?", answer: str = "A.") -> FaqEntry:
    return FaqEntry(f"pets#{number}", number, question, answer, "pets.md", (number, number))


def chunk(number: int, i: int = 0) -> Chunk:
    return Chunk(f"pets#{number}/entry/{i}", f"pets#{number}", "text", "entry")


def unit(*rows: list[float]) -> np.ndarray:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_entrys_vector_is_the_mean_of_its_chunks() -> None:
    vectors = entry_vectors([entry(1), entry(2)], [chunk(2), chunk(1), chunk(2, 1)], unit([1, 0], [0, 1], [0, 1]))
    assert np.allclose(vectors, [[0, 1], [math.sqrt(0.5), math.sqrt(0.5)]])


def test_a_handful_lies_along_its_principal_components() -> None:
    # On a line: the ends are at 0 and 1, the middle between them; there is no second component.
    places = project(np.array([[0, 0], [3, 0], [9, 0]], dtype=np.float32))
    assert np.allclose(places[:, 0], [0, 1 / 3, 1], atol=1e-5)
    assert np.allclose(places[:, 1], 0.5)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 40])
def test_places_are_in_the_square_and_the_same_each_time(count: int) -> None:
    vectors = unit(*np.random.default_rng(5).normal(size=(count, 6)).tolist())
    places = project(vectors)
    assert places.shape == (count, 2)
    assert 0 <= places.min() <= places.max() <= 1
    assert np.array_equal(places, project(vectors))


@pytest.mark.parametrize("different", [1, 2, 12])
def test_entries_with_the_same_vector_share_their_place(different: int) -> None:
    once = unit(*np.random.default_rng(3).normal(size=(different, 20)).tolist())
    places = project(np.concatenate([once] * 10))
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == different
    assert np.array_equal(places[:different], places[-different:])


def test_what_is_alike_lies_together() -> None:
    rng = np.random.default_rng(1)
    centres = np.repeat(np.eye(3), 10, axis=0)
    places = project(unit(*(centres + 0.05 * rng.normal(size=centres.shape)).tolist()))
    for group in range(3):
        mine = places[10 * group : 10 * group + 10]
        others = np.delete(places, np.s_[10 * group : 10 * group + 10], axis=0)
        middle = mine.mean(axis=0)
        assert np.linalg.norm(mine - middle, axis=1).max() < np.linalg.norm(others - middle, axis=1).min()


def test_points_that_cover_each_other_are_pushed_apart() -> None:
    places = spread(np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [1.0, 1.0]]))
    assert np.linalg.norm(places[0] - places[1]) == pytest.approx(0.6 / math.sqrt(4), rel=0.02)
    assert np.allclose(places[2:], [[0, 0], [1, 1]], atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_pushing_never_leaves_the_square(points: list[tuple[float, float]]) -> None:
    places = spread(np.array(points))
    assert places.shape == (len(points), 2)
    assert np.isfinite(places).all()
    assert -1e-5 <= places.min() <= places.max() <= 1 + 1e-5


PETS = (
    entry(1, "What do cats eat?", "Cats eat fish."),
    entry(2, "Where do cats sleep?", "Cats sleep in baskets."),
    entry(3, "How fast are trains?", "Trains reach 300 km/h."),
    entry(4, "Who drives trains?", "Drivers of trains sit in front."),
)


def pets_map() -> EntryMap:
    return draw(PETS, [chunk(n) for n in (1, 2, 3, 4)], unit([1, 0.1], [1, 0.2], [0.1, 1], [0.2, 1]))


def test_groups_are_named_by_what_their_entries_share() -> None:
    groups = pets_map().groups
    assert {group.members: group.words[0] for group in groups} == {(0, 1): "cats", (2, 3): "trains"}


def test_every_entry_has_a_place_and_one_group() -> None:
    drawn = pets_map()
    assert len(drawn.places) == 4
    assert sorted(row for group in drawn.groups for row in group.members) == [0, 1, 2, 3]
    middles = [np.mean([drawn.places[row][0] for row in group.members]) for group in drawn.groups]
    assert middles == sorted(middles)


def test_a_map_comes_back_from_its_text() -> None:
    drawn = pets_map()
    assert EntryMap.from_text(drawn.to_text(), 4) == drawn


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", 1),
        ("[]", 1),
        ("{}", 1),
        ('{"places": [[0, 0]], "groups": []}', 1),
        ('{"places": [[0]], "groups": [{"words": [], "members": [0]}]}', 1),
        ('{"places": [[0, 0]], "groups": [{"words": [], "members": [0]}]}', 2),
        ('{"places": [[0, 0]], "groups": [{"words": [], "members": [0, 0]}]}', 1),
    ],
)
def test_what_is_no_map_of_the_entries_is_refused(text: str, entries: int) -> None:
    with pytest.raises(ValueError, match=r"map|Expecting|unpack"):
        EntryMap.from_text(text, entries)


def hit(number: int, score: float) -> Hit:
    return Hit(entry(number), score, chunk(number), 1)


def test_a_question_lies_among_its_nearest_entries_drawn_by_their_scores() -> None:
    places = {"pets#1": (0.0, 0.0), "pets#2": (1.0, 0.5)}
    assert place_of([hit(1, 0.5), hit(2, 0.5)], places) == (0.5, 0.25)
    # Half the score draws a sixteenth as much: 1/17 of the way.
    assert place_of([hit(1, 0.8), hit(2, 0.4)], places) == pytest.approx((1 / 17, 1 / 34))
    assert place_of([hit(1, -0.2), hit(9, 0.9)], places) is None
    assert place_of([], places) is None


def test_a_group_of_one_is_named_by_its_own_words() -> None:
    drawn = draw(PETS[:1], [chunk(1)], unit([1, 0]))
    assert drawn == EntryMap(((0.5, 0.5),), (Group(drawn.groups[0].words, (0,)),))
    assert "cats" in drawn.groups[0].words


# -- in the index folder


def pets_index(folder: Path) -> FaqIndex:
    embedder = FakeEmbedder(["cats", "trains", "sleep", "eat"])
    chunks = [Chunk(f"{one.id}/entry/0", one.id, f"{one.question}\n{one.answer}", "entry") for one in PETS]
    build_index(folder, PETS, chunks, embedder, corpus_files={"pets.md": "0"}, repairs={})
    return load_index(folder)


def test_an_index_brings_its_map(tmp_path: Path) -> None:
    index = pets_index(tmp_path / "index")
    assert index.stored_map is not None
    assert index.map() == index.stored_map
    vectors = index.vectors.take(np.arange(index.vectors.size, dtype=np.int64))
    assert index.stored_map == draw(index.entries, index.chunks, vectors)


def older(folder: Path, map_text: str | None) -> FaqIndex:
    """The index with another map, or none, and a manifest that agrees."""
    manifest = read_manifest(folder)
    files = dict(manifest.files)
    if map_text is None:
        (folder / "map.json").unlink()
        del files["map.json"]
    else:
        (folder / "map.json").write_text(map_text, encoding="utf-8")
        files["map.json"] = hashlib.sha256(map_text.encode()).hexdigest()
    (folder / "manifest.json").write_text(replace(manifest, files=files).to_text(), encoding="utf-8")
    return load_index(folder)


def test_an_index_from_before_there_were_maps_is_drawn_when_it_is_asked(tmp_path: Path) -> None:
    drawn = pets_index(tmp_path / "index").stored_map
    index = older(tmp_path / "index", None)
    assert index.stored_map is None
    assert index.map() == drawn


@pytest.mark.parametrize("text", ["", "{}", '{"places": [], "groups": []}', "\x00"])
def test_an_index_with_a_map_of_something_else_is_damaged(tmp_path: Path, text: str) -> None:
    pets_index(tmp_path / "index")
    with pytest.raises(IndexDamagedError, match="rag-faq index build"):
        older(tmp_path / "index", text)
