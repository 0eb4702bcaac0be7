"""Kept states of the model: in memory within a budget, and on disk between starts.

A state belongs to one run of tokens behind one exact prefix. Its key is a chain of hashes: of the model's bytes, the
build of llama.cpp and the context's parameters first, then of each run of tokens in turn. So a state is found only
where it fits exactly, and what several prompts have in common is kept once. One thread uses a store.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag_faq.generation.llama import State
from rag_faq.generation.template import TokenisedPrompt

log = logging.getLogger(__name__)

_MAGIC = b"rag-faq state 1\n"
_KEY_BYTES = 32
_HEADER = len(_MAGIC) + 2 * _KEY_BYTES  # magic, key, hash of what follows
_SUFFIX = ".state"
_ABANDONED_S = 3600  # age of an unfinished file at which nobody writes it any more
_SPARE = 256 * 2**20  # bytes that are left free on the disk


def state_keys(fingerprint: str, prompt: TokenisedPrompt) -> list[str]:
    """The keys of the prompt's parts, the passing ones last, 64 hex digits each.

    `fingerprint` names model, build and context.
    """
    return _chain(fingerprint, prompt, prompt.parts)


def end_key(fingerprint: str, prompt: TokenisedPrompt) -> str:
    """The key of what stands behind the last of the prompt's parts, up to its end."""
    behind = max((*prompt.cuts, *prompt.passing), default=0)
    return _chain(fingerprint, prompt, [*prompt.parts, (behind, len(prompt.tokens))])[-1]


def _chain(fingerprint: str, prompt: TokenisedPrompt, parts: Sequence[tuple[int, int]]) -> list[str]:
    keys: list[str] = []
    before = hashlib.sha256(fingerprint.encode()).digest()
    for start, end in parts:
        before = hashlib.sha256(before + np.array(prompt.tokens[start:end], dtype="<i4").tobytes()).digest()
        keys.append(before.hex())
    return keys


class MemoryStates:
    """States in memory, the least recently used thrown out when the budget is reached."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0  # bytes; never more than `budget`
        self._states: OrderedDict[str, State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def get(self, key: str) -> State | None:
        """The state, which counts as used now."""
        if key in self._states:
            self._states.move_to_end(key)
        return self._states.get(key)

    def peek(self, key: str) -> State | None:
        """The state, without counting that as a use."""
        return self._states.get(key)

    def fits(self, size: int) -> bool:
        """True when so many bytes more need nothing thrown out."""
        return self.used + size <= self.budget

    def add(self, key: str, state: State) -> bool:
        """Keep it, and throw out what was not used for longest. False when it is larger than the whole budget."""
        self.remove(key)
        if state.nbytes > self.budget:
            return False
        while not self.fits(state.nbytes):
            self.remove(next(iter(self._states)))
        self._states[key] = state
        self.used += state.nbytes
        return True

    def remove(self, key: str) -> None:
        """Throw it out, if it is there."""
        state = self._states.pop(key, None)
        if state is not None:
            self.used -= state.nbytes


class DiskStates:
    """States in a folder, one file each, with a checksum; the least recently used removed when the budget is reached.

    The folder may hold states of several models and builds, and several processes may share it. A file that is cut,
    altered, or not what its name says is removed, and that is said once. Where the disk fails, nothing is kept.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder = folder
        self._budget = budget
        self._complained = False
        self._writable = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob("*.tmp"):  # by a process that was killed, not by one that writes now
                if time.time() - left.stat().st_mtime > _ABANDONED_S:
                    left.unlink(missing_ok=True)
        except FileNotFoundError:
            log.debug("another process tidied %s up", folder)
        except OSError as error:
            self._stop_writing(error)

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def get(self, key: str) -> State | None:
        """The state, memory-mapped and checked, or `None`."""
        path = self._path(key)
        try:
            file = np.memmap(path, dtype=np.uint8, mode="r")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:  # ValueError: an empty file
            self._throw_away(path, str(error))
            return None
        header, state = file[:_HEADER].tobytes(), file[_HEADER:]
        if header != _MAGIC + bytes.fromhex(key) + _hash(state):
            self._throw_away(path, "its checksum or its key does not agree")
            return None
        try:
            os.utime(path)  # used now
        except OSError:
            log.debug("%s cannot be touched", path)
        return state

    def add(self, key: str, state: State, *, evict: bool = True) -> bool:
        """Write it, whole or not at all. False when there is no room, or with `evict=False` none without removing."""
        path, size = self._path(key), _HEADER + state.nbytes
        if not self._writable or size > self._budget:
            return False
        try:
            if path.is_file():
                return True
            if not self._make_room(size, evict=evict):
                return False
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".tmp", delete=False) as file:
                written = Path(file.name)
                try:
                    file.write(_MAGIC + bytes.fromhex(key) + _hash(state))
                    file.write(state.data)
                    file.close()
                    written.replace(path)
                finally:
                    written.unlink(missing_ok=True)
        except OSError as error:
            self._stop_writing(error)
            return False
        return True

    def remove(self, key: str) -> None:
        """Remove it, if it is there."""
        self._throw_away(self._path(key), "llama.cpp refuses it")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _make_room(self, size: int, *, evict: bool) -> bool:
        files = self._files()
        held = sum(size for _, size, _ in files)
        free = min(self._budget - held, shutil.disk_usage(self._folder).free - _SPARE)
        for _, held, path in files if evict else ():
            if free >= size:
                break
            path.unlink(missing_ok=True)
            free += held
        return free >= size

    def _files(self) -> list[tuple[int, int, Path]]:
        """(time of last use, size, path) of every state, the least recently used first."""
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # removed by another process
                continue
            found.append((status.st_mtime_ns, status.st_size, path))
        return sorted(found)

    def _throw_away(self, path: Path, reason: str) -> None:
        say = log.debug if self._complained else log.warning
        self._complained = True
        say("a kept state of the model is thrown away and computed anew (%s): %s", path.name, reason)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.debug("%s cannot be removed: %s", path, error)

    def _stop_writing(self, error: OSError) -> None:
        if self._writable:
            log.warning("states of the model are not kept in %s: %s", self._folder, error)
        self._writable = False


class StateStore:
    """States in memory, and, if there is a folder for them, on disk; those of questions in memory alone.

    `passing` has a budget of its own, so that questions, of which there is no end, push nothing else out.
    """

    def __init__(
        self, memory: MemoryStates, disk: DiskStates | None = None, passing: MemoryStates | None = None
    ) -> None:
        self.memory = memory
        self.passing = MemoryStates(0) if passing is None else passing
        self._disk = disk
        self._unwritten: OrderedDict[str, bool] = OrderedDict()  # key: may it push others from the disk?

    def __contains__(self, key: str) -> bool:
        return key in self.memory or key in self.passing or (self._disk is not None and key in self._disk)

    def known(self, keys: Sequence[str], *, evict: bool = True) -> list[State]:
        """The states of the leading keys, up to the first that is not kept.

        What comes from the disk stays in memory; with `evict=False` only if there is room.
        """
        states: list[State] = []
        for key in keys:
            state = self._get(key, evict=evict)
            if state is None:
                break
            states.append(state)
        for key in reversed(keys[: len(states)]):
            self.memory.get(key)  # a prefix counts as used after what builds upon it, so that it stays longer
        return states

    def add(self, key: str, state: State, *, evict: bool = True) -> bool:
        """Keep it; what goes to disk is written by `flush`. With `evict=False`, only where there is still room.

        False when it could be kept nowhere.
        """
        kept = (evict or self.memory.fits(state.nbytes)) and self.memory.add(key, state)
        if self._disk is None:
            return kept
        if kept:
            self._unwritten[key] = evict
            return True
        return self._disk.add(key, state, evict=evict)

    def add_passing(self, key: str, state: State) -> bool:
        """Keep it for a short while. False when it is larger than all the room for such states."""
        return self.passing.add(key, state)

    def drop(self, key: str) -> None:
        """Throw it out everywhere."""
        self.memory.remove(key)
        self.passing.remove(key)
        if self._disk is not None:
            self._disk.remove(key)

    def flush(self, most: int | None = None) -> bool:
        """Write to disk what is only in memory, at most so many states. True when nothing is left to write."""
        while self._unwritten and (most is None or most > 0):
            key, evict = self._unwritten.popitem(last=False)
            state = self.memory.peek(key)
            if state is not None and self._disk is not None:
                self._disk.add(key, state, evict=evict)
                most = None if most is None else most - 1
        return not self._unwritten

    def _get(self, key: str, *, evict: bool) -> State | None:
        state = self.memory.get(key)
        if state is None:
            state = self.passing.get(key)
        if state is None and self._disk is not None:
            state = self._disk.get(key)
            if state is not None and (self.memory.fits(state.nbytes) or (evict and state.nbytes <= self.memory.budget)):
                state = np.array(state)  # away from the file, which may change or go
                self.memory.add(key, state)
        return state


def _hash(state: State) -> bytes:
    return hashlib.blake2b(state.data, digest_size=_KEY_BYTES).digest()
