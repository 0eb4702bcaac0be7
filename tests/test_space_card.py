"""The repository is a Hugging Face Space: its card is valid, and says what the pins and the catalog say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import SpaceCard, SpaceHardware
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rag_faq.models.catalog import load_catalog
from rag_faq.settings import Settings
from scripts.space import requirements

ROOT = Path(__file__).resolve().parents[1]
CARD = SpaceCard.load(ROOT / "README.md")
DATA = CARD.data.to_dict()
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")

# What https://huggingface.co/docs/hub/spaces-config-reference allows.
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_the_card_has_what_the_hub_asks_for() -> None:
    assert DATA["sdk"] == "gradio"
    assert DATA["title"]
    assert not DATA["emoji"].isascii()
    assert {DATA["colorFrom"], DATA["colorTo"]} <= COLOURS
    assert DATA["pinned"] is False
    assert len(DATA["short_description"]) <= 60  # the Hub turns a longer one down
    assert (ROOT / DATA["app_file"]).is_file()
    assert DATA["suggested_hardware"] in [hardware.value for hardware in SpaceHardware]
    assert re.fullmatch(r"\d+[mh]", DATA["startup_duration_timeout"])
    assert DATA["license"] == "apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_it_runs_the_gradio_that_is_pinned() -> None:
    assert requirements.version_of("gradio", CONSTRAINTS) == DATA["sdk_version"]
    assert requirements.version_of("gradio", REQUIREMENTS) == DATA["sdk_version"]


def test_its_python_is_one_that_the_project_and_zerogpu_support() -> None:
    assert DATA["python_version"] == "3.12.12"  # ZeroGPU has this one and 3.10.13, which is too old for the project


@pytest.mark.parametrize("role", ["llm", "embedder", "second_embedder"])
def test_it_brings_the_default_models_at_the_catalogs_revisions(role: str) -> None:
    model = load_catalog()[Settings.model_fields[role].default]
    assert model.hub is not None
    files = ",".join(file.path for file in model.files)
    assert f"{model.hub.repo} {files} {model.hub.revision}" in DATA["preload_from_hub"]
    assert model.hub.repo in DATA["models"]


def test_it_brings_nothing_else() -> None:
    assert len(DATA["preload_from_hub"]) == len(DATA["models"]) == 3


def test_the_requirements_are_those_of_the_pins() -> None:
    assert requirements.text() == REQUIREMENTS, "run: python -m scripts.space.requirements"


def test_every_requirement_is_one_exact_version_and_every_dependency_is_there() -> None:
    listed = {}
    for line in REQUIREMENTS.splitlines():
        if line.startswith(("#", "--")):
            continue
        requirement = Requirement(line.split(" --")[0])
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line
        listed[canonicalize_name(requirement.name)] = requirement
    for asked in map(Requirement, requirements.direct()):
        name = canonicalize_name(asked.name)
        if name in requirements.LEFT_OUT:
            continue
        assert asked.specifier.contains(next(iter(listed[name].specifier)).version), asked


def test_no_requirement_contradicts_what_a_space_installs_beside_it() -> None:
    """A Gradio Space asks for gradio[oauth,mcp] in the same command: its bounds, from its own metadata, must hold."""
    from importlib.metadata import requires

    for brought in map(Requirement, requires("gradio") or ()):
        if brought.marker and not any(brought.marker.evaluate({"extra": extra}) for extra in ("", "oauth", "mcp")):
            continue
        try:
            version = requirements.version_of(canonicalize_name(brought.name), REQUIREMENTS)
        except KeyError:
            continue  # the Space brings it
        assert brought.specifier.contains(version), f"{brought} against {version}"


def test_torch_may_run_on_zerogpu() -> None:
    """Its build has to be the plain one, not of an index of CPU builds, and 2.8 or newer."""
    version = requirements.version_of("torch", REQUIREMENTS)
    assert Version(version) >= Version("2.8")
    assert Version(version).local is None
    assert "download.pytorch.org" not in REQUIREMENTS


def test_llama_cpp_is_compiled_for_any_processor_where_no_wheel_is_there() -> None:
    line = next(line for line in REQUIREMENTS.splitlines() if line.startswith("llama-cpp-python"))
    assert '--config-settings="cmake.define.GGML_NATIVE=OFF"' in line
    assert '--config-settings="cmake.define.GGML_OPENMP=OFF"' in line
    assert f"--extra-index-url {requirements.LLAMA_WHEELS}" in REQUIREMENTS
