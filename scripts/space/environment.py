"""The surroundings of a Space, made here: its user, its files, its packages, its weights."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPACE_USER = 1000

# What a Gradio Space installs in the same command as requirements.txt.
BESIDE = ("uvicorn>=0.14.0", "websockets>=10.4", "spaces")

_SYSTEM = ("/usr/local/bin", "/usr/bin")  # where a system keeps its Pythons

# Of this machine's variables only those that say how the network is reached.
_KEPT = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class SpaceError(Exception):
    """A step before the start failed: there is nothing to check."""


@dataclass(frozen=True)
class Person:
    """An ordinary user with a home of their own."""

    uid: int
    gid: int
    home: Path

    def environment(self) -> dict[str, str]:
        """The variables to start with."""
        kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PIP_")}
        return {**kept, "HOME": str(self.home), "USER": "user", "PYTHONUNBUFFERED": "1"}

    def identity(self) -> dict[str, Any]:
        """Arguments of `subprocess` that make a process this user's; nothing where it is already."""
        return {} if os.getuid() == self.uid else {"user": self.uid, "group": self.gid, "extra_groups": ()}

    def owns(self, folder: Path) -> None:
        """Give them a folder and all that is in it."""
        if os.getuid() != self.uid:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.uid, self.gid, follow_symlinks=False)


def ordinary_person(home: Path) -> Person:
    """User 1000 where this is run by root, as in a Space; else whoever runs it. `home` is made, and is empty."""
    person = Person(SPACE_USER, SPACE_USER, home) if os.getuid() == 0 else Person(os.getuid(), os.getgid(), home)
    home.mkdir()
    person.owns(home)
    return person


def copy_tracked(root: Path, target: Path, person: Person) -> int:
    """Copy the files that git tracks, as they lie on the disk; gives their number."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True)
    copied = 0
    for name in listed.stdout.decode().split("\0"):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target / name)
            copied += 1
    person.owns(target)
    return copied


def card(app: Path) -> Mapping[str, Any]:
    """The card in README.md."""
    from huggingface_hub import SpaceCard

    data: Mapping[str, Any] = SpaceCard.load(app / "README.md").data.to_dict()
    return data


def fresh_environment(folder: Path, app: Path, person: Person, find_links: str | None) -> tuple[Path, float | None]:
    """A virtual environment from the Space's own command; gives its Python, and the seconds that it took.

    One that is there and was made from the same requirements is taken as it is (None for the seconds).
    """
    folder = folder.absolute()
    python = folder / "bin" / "python"
    gradio = f"gradio[oauth,mcp]=={card(app)['sdk_version']}"
    made_of = folder / "made-of"
    key = hashlib.sha256((app / "requirements.txt").read_bytes() + gradio.encode()).hexdigest()
    if made_of.is_file() and made_of.read_text(encoding="utf-8") == key:
        return python, None
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    person.owns(folder)
    _run([python_for(person), "-m", "venv", "--clear", str(folder)], person, person.environment())
    command = [str(python), "-m", "pip", "install", "--no-cache-dir", "-r", str(app / "requirements.txt")]
    links = ["--find-links", find_links] if find_links else []
    # Behind a mirror the index of llama.cpp's wheels may be out of reach: pip goes on without it, at once.
    variables = {"PIP_RETRIES": "0", **person.environment(), "TMPDIR": str(person.home)}
    _run([str(python), "-m", "pip", "install", "--upgrade", "pip"], person, variables)
    _run([*command, *links, gradio, *BESIDE], person, variables)
    _run([str(python), "-m", "pip", "check"], person, variables)
    made_of.write_text(key, encoding="utf-8")
    return python, time.monotonic() - begun


def python_for(person: Person) -> str:
    """A Python that the person can run: this one, else one of the system. Raises SpaceError where there is none."""
    names = (f"python3.{minor}" for minor in (12, 13, 11))
    found = [os.path.realpath(sys.executable), *(f"{folder}/{name}" for name in names for folder in _SYSTEM)]
    for python in found:
        try:
            _run([python, "-c", "import ensurepip, venv"], person, person.environment())
        except (OSError, SpaceError):
            continue
        return python
    raise SpaceError(f"user {person.uid} can run none of {', '.join(found)}")


def lay_weights(app: Path, person: Person, model: str | None) -> None:
    """Put the weights where a Space has them.

    Those of the card lie in the cache of the Hub, where `preload_from_hub` puts them while a Space is built; another
    `model` in ours. They come from this machine's own cache, or are fetched into it.
    """
    from rag_faq.models.cache import ModelCache, models_folder
    from rag_faq.models.catalog import load_catalog
    from rag_faq.models.fetch import fetch

    ours = ModelCache(models_folder(None))
    catalog = load_catalog()
    wanted = {known.hub.repo: known for known in catalog.values() if known.hub}
    for line in card(app)["preload_from_hub"]:
        repository, files, revision = line.split(" ")
        known = wanted[repository]
        if model and known.role == "llm":
            continue
        fetch(known, ours.folder)
        snapshot = person.home / f".cache/huggingface/hub/models--{repository.replace('/', '--')}/snapshots/{revision}"
        _link(
            (known_file.path for known_file in known.files if known_file.path in files.split(",")),
            ours.folder_of(known),
            snapshot,
        )
    if model:
        other = catalog[model]
        fetch(other, ours.folder)
        folder = person.home / ".cache/rag-faq/models" / other.folder_name
        _link((file.path for file in other.files), ours.folder_of(other), folder)
    person.owns(person.home)


def _link(paths: Iterable[str], source: Path, target: Path) -> None:
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def _run(command: Sequence[str], person: Person, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=person.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **person.identity(),
    )
    if done.returncode:
        raise SpaceError(f"{' '.join(command)}\n{done.stdout[-4000:]}\nended with {done.returncode}")
