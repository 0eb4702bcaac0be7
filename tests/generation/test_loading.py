"""The parameters by which llama.cpp loads a model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rag_faq.generation.loading import Layout, library, model_params, uses_amx, uses_openmp

WITHOUT = b"CPU : AVX512 = 1 | AMX_INT8 = 0 | REPACK = 1 | "
WITH = b"CPU : AVX512 = 1 | AMX_INT8 = 1 | REPACK = 1 | "


def build(said: bytes) -> SimpleNamespace:
    """A library that says this of itself."""
    return SimpleNamespace(
        LLAMA_LOAD_MODE_NONE=0,
        LLAMA_LOAD_MODE_MMAP=1,
        llama_model_default_params=SimpleNamespace,
        llama_print_system_info=lambda: said,
    )


@pytest.mark.parametrize(
    ("said", "repack", "anew"), [(WITHOUT, True, True), (WITHOUT, False, False), (WITH, True, False)]
)
def test_weights_are_arranged_anew_unless_that_is_not_wanted_or_they_came_to_amx(
    said: bytes, repack: bool, anew: bool
) -> None:
    params = model_params(build(said), Layout(context_tokens=64, threads=1, repack=repack))
    assert (params.use_extra_bufts, params.load_mode) == (anew, 0 if anew else 1)


@pytest.mark.parametrize(("said", "openmp"), [(WITHOUT, False), (WITHOUT + b"OPENMP = 1 | ", True)])
def test_whose_threads_a_build_has_is_read_off_what_it_says(said: bytes, openmp: bool) -> None:
    assert uses_openmp(build(said)) is openmp


def test_the_installed_build_is_without_amx_and_openmp() -> None:
    assert not uses_amx(library().api)
    assert not uses_openmp(library().api)
