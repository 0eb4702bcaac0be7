"""Putting settings into rag-faq.toml; what stands there stays, comments too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rag_faq.errors import DiskError, SettingsError


def write_settings(path: Path, values: Iterable[tuple[str, int | bool]]) -> None:
    """Set the values in the file, which is made if it is not there, and replaced in one step.

    Raises SettingsError for a file that is no TOML, DiskError when it cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
    except (ParseError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}", mend=f"mend or remove {path}") from error
    for name, value in values:
        document[name] = value
    target = path.resolve()  # a link stays a link
    try:
        with tempfile.NamedTemporaryFile("w", dir=target.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            written = Path(file.name)
            try:
                file.write(tomlkit.dumps(document))
                file.close()
                written.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
                written.replace(target)
            finally:
                written.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written: {error.strerror}", mend="name a file that may be written"
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
