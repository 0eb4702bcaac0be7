"""Putting a finished folder in the place of another, so that a crash at any moment leaves one of the two whole.

POSIX cannot rename a folder over one that has files. Linux (renameat2) and macOS (renamex_np) can exchange two names
in one step; where neither can, the old folder is put aside first, and `recover` brings it back if the process ended
before the new one was in its place.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag_faq.errors import DiskError
from rag_faq.models.disk import sync_folder

_AT_FDCWD = -100  # Linux: a relative path is taken from the working folder
_RENAME_EXCHANGE = 2  # Linux; RENAME_SWAP has the same value on macOS
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def building_folder(target: Path) -> Path:
    """A name beside `target` for a folder that is still being written."""
    return target.parent / f".{target.name}.building-{uuid.uuid4().hex}"


def lock_file(target: Path) -> Path:
    """The file that keeps two builders of `target` apart."""
    return target.parent / f".{target.name}.lock"


def _aside(target: Path) -> Path:
    return target.parent / f".{target.name}.old"


def recover(target: Path) -> None:
    """Bring back the folder that was put aside when a swap was cut short. Harmless when there was none."""
    aside = _aside(target)
    if aside.is_dir() and not target.exists():
        try:
            aside.rename(target)
        except FileNotFoundError:
            return  # another process was quicker


def clean(target: Path) -> None:
    """Remove what earlier builders left behind. Only for the holder of the lock."""
    recover(target)
    for left in (*target.parent.glob(f".{_escaped(target.name)}.building-*"), _aside(target)):
        remove(left)


def remove(folder: Path) -> None:
    """Remove a folder if it is there. What cannot be removed stays: the next builder tries again."""
    shutil.rmtree(folder, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def swap_in(new: Path, target: Path) -> None:
    """Give `new` the name `target`; what was there before is removed. Both must lie in the same folder."""
    sync_folder(new)
    if not target.exists():
        new.rename(target)
    elif _exchange(new, target):
        sync_folder(target.parent)
        remove(new)
        return
    else:
        aside = _aside(target)
        target.rename(aside)
        new.rename(target)
        sync_folder(target.parent)
        remove(aside)
        return
    sync_folder(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step. `False` where the system or the file system cannot."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform.startswith("linux") and hasattr(libc, "renameat2"):
        result = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        result = libc.renamex_np(os.fsencode(one), os.fsencode(other), _RENAME_EXCHANGE)
    else:
        return False
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


def sync_tree(folder: Path) -> None:
    """Make everything in a folder last through a power cut."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


@contextmanager
def disk_errors(doing: str, where: Path) -> Iterator[None]:
    """Turn an OSError of the file system into a DiskError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        mend = {
            errno.ENOSPC: "free some space and run it again",
            errno.EDQUOT: "free some of your quota and run it again",
        }.get(error.errno or 0, "choose a folder that can be written to")
        raise DiskError(f"{doing} {where} failed: {reason}", mend=mend) from error
