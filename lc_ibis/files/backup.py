"""What is in a backup: a directory of copies, and last a file that names each with its sha256.

A directory without that file is no backup, so one that was cut off is never taken for one.
"""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from lc_ibis.errors import BackupError
from lc_ibis.files import texts
from lc_ibis.files.digests import sha256_of
from lc_ibis.files.whole import settle

NAME = "backup.json"
FORMAT = 1
DATABASE, OUTPUTS = "database", "outputs"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Copied:
    """One file of a backup: its place below the backup's directory, with /, its size and sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """A backup as its manifest tells it.

    `run_id` and `run_at` are those of the last run in it, if there was one; `missing` are the output files that this
    run wrote, and that were not there.
    """

    program_version: str
    made_at: str
    backend: str
    database: str
    outputs: str
    run_id: int | None
    run_at: str | None
    missing: tuple[str, ...]
    files: tuple[Copied, ...]
    format_version: int = FORMAT

    def document(self, directory: Path) -> dict[str, Any]:
        """Return the manifest and where it is."""
        return {"directory": str(directory), **asdict(self)}

    def below(self, part: str) -> dict[str, str]:
        """Return the sha256 of the files of a part, DATABASE or OUTPUTS, by their place below it."""
        start = f"{part}/"
        return {file.path.removeprefix(start): file.sha256 for file in self.files if file.path.startswith(start)}


def listed(directory: Path) -> Iterator[Copied]:
    """Give the files below a directory, with their checksums, in the order of their names."""
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            sha256 = sha256_of(file)
        yield Copied(path.relative_to(directory).as_posix(), path.stat().st_size, sha256)


def write(directory: Path, backup: Backup) -> None:
    """Write the manifest, which makes the directory a backup."""
    beside = directory / f".{NAME}.tmp"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(backup), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    for part in {path.parent for path in directory.rglob("*")}:
        settle(part)
    os.replace(beside, directory / NAME)
    settle(directory)


def read(directory: Path) -> Backup:
    """Return a backup as its manifest tells it; its files are not looked at. Raises BackupError."""
    path = directory / NAME
    try:
        found = json.loads(texts.read(path))
        version = found["format_version"]
        if type(version) is int and version > FORMAT:
            raise BackupError(
                f"{path}: its format {version}, of lc-ibis {found.get('program_version')}, is not supported here "
                f"(maximum {FORMAT}). Restore it with that version."
            )
        files = tuple(_typed(Copied, file) for file in found["files"])
        backup = _typed(Backup, {**found, "files": files, "missing": tuple(map(str, found["missing"]))})
    except (FileNotFoundError, NotADirectoryError):
        raise BackupError(
            f"{directory}: there is no {NAME}, so this is not a backup, or an incomplete one. Use another backup."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise BackupError(f"{path}: cannot read it ({reason}). Use another backup.") from None
    _verify_paths(directory, [file.path for file in backup.files])
    return backup


def _typed(kind: type[_T], values: dict[str, Any]) -> _T:
    """Return a dataclass of JSON's values, each of its field's type. Raises TypeError."""
    fields = typing.get_type_hints(kind)
    made = kind(**values)
    for name, wanted in fields.items():
        value = getattr(made, name)
        if not isinstance(value, tuple if typing.get_origin(wanted) is tuple else wanted) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r:.50}")
    return made


def _verify_paths(directory: Path, paths: Iterable[str]) -> None:
    """Refuse a manifest that names a file outside of the backup, or one twice."""
    seen: set[str] = set()
    for text in paths:
        parts = PurePosixPath(text).parts
        is_plain = "/".join(parts) == text and not {"..", "."} & set(parts) and not set(text) & set("\0\\:")
        if not is_plain or len(parts) < 2 or parts[0] not in (DATABASE, OUTPUTS) or text in seen:
            raise BackupError(
                f"{directory / NAME}: invalid or repeated file name {text!r}. lc-ibis did not write this file. "
                "Use another backup."
            )
        seen.add(text)
        steps = [directory.joinpath(*parts[: n + 1]) for n in range(len(parts))]
        if link := next((step for step in steps if step.is_symlink()), None):
            raise BackupError(f"{link}: a file of the backup is a link. Use another backup.")


def verify(directory: Path, backup: Backup) -> None:
    """Refuse a backup of which a file is missing or not as it was. Raises BackupError, naming all of them."""
    wrong = [line for file in backup.files if (line := _wrong(directory / file.path, file))]
    if wrong:
        lines = "\n".join(f"  {line}" for line in wrong)
        raise BackupError(f"{directory}: the backup is damaged, so nothing was restored. Use another backup.\n{lines}")


def _wrong(path: Path, file: Copied) -> str | None:
    if not path.is_file():
        return f"{file.path} is missing"
    if path.stat().st_size != file.size:
        return f"{file.path} has {path.stat().st_size:,} bytes instead of {file.size:,}"
    with path.open("rb") as found:
        return None if sha256_of(found) == file.sha256 else f"{file.path} does not match its checksum"
