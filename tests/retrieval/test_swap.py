"""Replacing a folder whole, with and without the system's exchange of names."""

import pytest

from rag_faq.retrieval import swap


def folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.fixture(params=["exchange", "aside"])
def way(request, monkeypatch):
    if request.param == "aside":
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    return request.param


@pytest.mark.usefixtures("way")
def test_the_new_takes_the_name_and_the_old_is_gone(tmp_path):
    target = folder(tmp_path / "index", "old")
    swap.swap_in(folder(swap.building_folder(target), "new"), target)
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.usefixtures("way")
def test_there_need_not_be_an_old_one(tmp_path):
    target = tmp_path / "index"
    swap.swap_in(folder(swap.building_folder(target), "new"), target)
    assert (target / "file").read_text() == "new"


def test_this_system_exchanges_names_in_one_step(tmp_path):
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    if swap._exchange(one, other):
        assert ((one / "file").read_text(), (other / "file").read_text()) == ("2", "1")
    else:
        assert ((one / "file").read_text(), (other / "file").read_text()) == ("1", "2")


def test_a_folder_put_aside_comes_back(tmp_path):
    folder(tmp_path / ".index.old", "old")
    swap.recover(tmp_path / "index")
    assert (tmp_path / "index" / "file").read_text() == "old"


def test_a_folder_put_aside_does_not_replace_the_new_one(tmp_path):
    target = folder(tmp_path / "index", "new")
    folder(tmp_path / ".index.old", "old")
    swap.recover(target)
    assert (target / "file").read_text() == "new"
    swap.clean(target)
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_builder_left_is_cleaned_and_nothing_else(tmp_path):
    target = folder(tmp_path / "in[d]ex*", "good")
    folder(swap.building_folder(target), "half")
    neighbour = folder(swap.building_folder(tmp_path / "other"), "half")
    swap.clean(target)
    assert sorted(tmp_path.iterdir()) == sorted([target, neighbour])
