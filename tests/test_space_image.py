"""The Dockerfile and what goes with it, read as they are: no image is built here."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
from pathlib import Path

import pytest

from rag_faq.models.catalog import load_catalog
from rag_faq.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """(NAME, the rest) of every instruction, continuation lines joined, comments left out."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in joined.splitlines() if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions by stage; the last one, which has no name, is `image`."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            name = rest.partition(" AS ")[2] or "image"
            found[name] = []
        if name:
            found[name].append((instruction, rest))
    return found


IMAGE = stages()["image"]


def values(name: str) -> list[str]:
    return [rest for instruction, rest in IMAGE if instruction == name]


def variables() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(values("ENV"))))


def test_it_runs_as_user_1000_on_port_7860() -> None:
    assert values("USER") == ["1000:1000"]
    assert values("EXPOSE") == ["7860"]
    assert (variables()["GRADIO_SERVER_NAME"], variables()["PORT"]) == ("0.0.0.0", "7860")
    assert values("ENTRYPOINT") == ['["entrypoint"]']
    assert values("CMD") == ['["python", "app.py"]']


def test_everything_that_is_written_lies_under_one_folder() -> None:
    assert values("VOLUME") == ["/data"]
    written = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "RAG_FAQ_MODELS")
    assert [name for name in written if not variables()[name].startswith("/data/")] == []
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_health_is_asked_for() -> None:
    (check,) = values("HEALTHCHECK")
    assert "/healthz" in check
    assert 'os.environ[\\"PORT\\"]' in check


def test_compilers_stay_behind() -> None:
    assert "g++" in str(stages()["build"])
    assert "g++" not in str(IMAGE)
    copied = [rest for rest in values("COPY") if rest.startswith("--from=")]
    assert copied == ["--from=build /opt/venv /opt/venv", "--from=weights /opt/models /opt/models"]


@pytest.mark.parametrize("choice", ["build", "start"])
def test_the_weights_come_with_the_image_or_at_the_start(choice) -> None:
    fetches = any("rag-faq models fetch" in rest for _, rest in stages()[f"weights-{choice}"])
    assert fetches is (choice == "build")
    assert ("ARG", "WEIGHTS=start") in instructions()
    assert stages()["weights"] == [("FROM", "weights-${WEIGHTS} AS weights")]


def test_the_models_in_the_image_are_the_default_ones() -> None:
    given = dict(rest.split("=") for name, rest in stages()["weights-build"] if name == "ARG")
    assert given == {
        name.upper(): Settings.model_fields[name].default for name in ("llm", "embedder", "second_embedder")
    }
    assert set(given.values()) <= set(load_catalog())


def test_what_is_copied_is_tracked_and_not_ignored() -> None:
    """.dockerignore lets only named things in: a name that is missing there would be missing in the image."""
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    ]
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from=")
        for source in [part for part in rest.split() if not part.startswith("--")][:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert [source for source in copied if not any(fnmatch.fnmatch(t, f"{source}*") for t in tracked.split())] == []


def test_every_command_of_a_shell_can_be_read() -> None:
    for name, rest in instructions():
        if name == "RUN":
            subprocess.run(["bash", "-n", "-c", rest], check=True)


class TestEntrypoint:
    """The start of the image, run here."""

    @pytest.fixture
    def run(self, tmp_path):
        baked = tmp_path / "baked"
        baked.mkdir()
        data = tmp_path / "data"
        environment = {
            **os.environ,
            "BAKED_MODELS": str(baked),
            "HOME": str(data / "home"),
            "TMPDIR": str(data / "tmp"),
            "RAG_FAQ_MODELS": str(data / "models"),
        }

        def start(*command: str) -> str:
            script = [str(ROOT / "scripts/space/entrypoint.sh"), *command]
            return subprocess.run(script, env=environment, capture_output=True, text=True, check=True).stdout

        return start

    def test_it_makes_its_folders_and_becomes_the_command(self, run, tmp_path) -> None:
        assert run("sh", "-c", "echo $HOME").strip() == str(tmp_path / "data/home")
        assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["home", "models", "tmp"]

    def test_weights_of_the_image_are_seen_where_the_program_writes(self, run, tmp_path) -> None:
        (tmp_path / "baked/model").mkdir()
        (tmp_path / "baked/model/w.gguf").write_text("weights", encoding="utf-8")
        seen = tmp_path / "data/models/model"
        run("true")
        (seen / "record.json").write_text("written beside", encoding="utf-8")
        run("true")  # a second start finds it all there
        assert (seen / "w.gguf").is_symlink()
        assert (seen / "w.gguf").read_text(encoding="utf-8") == "weights"
        assert sorted(path.name for path in (tmp_path / "baked/model").iterdir()) == ["w.gguf"]
        assert sorted(path.name for path in seen.iterdir()) == ["record.json", "w.gguf"]
