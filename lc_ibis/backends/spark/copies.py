"""The files of Spark's tables below a directory: copied, and put in their places, while no build runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lc_ibis.backends.spark.manifest import NAME, Manifest, Place, Stored, locked
from lc_ibis.errors import BackupError, DatabaseError
from lc_ibis.files.digests import sha256_of
from lc_ibis.files.places import Kept, beside, keep, stage
from lc_ibis.files.whole import copied


def copy(place: Path, directory: Path) -> None:
    """Copy the files of all tables, and the manifest that names them, into a directory. The caller holds the lock."""
    root = place.resolve()
    if not (root / NAME).exists():
        raise DatabaseError(f"{place}: no database found. Create it with lc-ibis build --backend spark.")
    for file in [*(file for part in Manifest(root).parts() for file in _files(part)), root / NAME]:
        with file.open("rb") as source:
            copied(source, directory / file.relative_to(root))


@contextmanager
def replaced(directory: Path, files: Mapping[str, str], place: Path, mark: str) -> Iterator[Kept | None]:
    """Put the tables of a backup in their place; inside, no build runs.

    `files` are the sha256 of the backup's files by their place below `directory`. Their names are never used twice,
    so they come beside those that are there; then the manifest is replaced, and with it all tables at once. What the
    tables were is kept in a directory with the `mark`. Gives None where the same tables were there already. Raises
    BackupError, DatabaseError, OSError; then the tables are as they were.
    """
    if NAME not in files:
        raise BackupError(f"{directory}: the backup contains no {NAME}. Use another backup.")
    root = place.resolve()
    wanted = {name: _moved(table, directory, root) for name, table in Manifest(directory).read().items()}
    with locked(root):
        manifest = Manifest(root)
        parts = {path: sha256 for path, sha256 in files.items() if path != NAME}
        if _is_same(manifest, wanted, parts):
            yield None
            return
        before = manifest.parts()
        kept = _kept(manifest, before, root.with_name(f"{root.name}.{mark}"))
        for part in sorted({path.rsplit("/", 1)[0] for path in parts}):
            _bring(manifest, directory, part, {path: sha for path, sha in parts.items() if path.startswith(f"{part}/")})
        manifest.replace(wanted, before)
        yield Kept(place, kept)


def _moved(table: Stored, directory: Path, root: Path) -> Stored:
    return replace(table, parts=tuple(root / part.relative_to(directory) for part in table.parts))


def _is_same(manifest: Manifest, wanted: Mapping[Place, Stored], files: Mapping[str, str]) -> bool:
    try:
        return manifest.read() == wanted and all(
            _digest(manifest.root / path) == sha256 for path, sha256 in files.items()
        )
    except DatabaseError:
        return False  # no longer readable, which a backup mends


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sha256_of(file)


def _kept(manifest: Manifest, parts: list[Path], aside: Path) -> Path | None:
    """Keep the tables in a directory of their own; None where there are none."""
    files = [file for part in parts if part.is_dir() for file in _files(part)]
    files += [manifest.path] if manifest.path.exists() else []
    if not files:
        return None
    written = beside(aside)
    for file in files:
        target = written / file.relative_to(manifest.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        keep(file, target)
    os.rename(written, aside)
    return aside


def _bring(manifest: Manifest, directory: Path, part: str, files: Mapping[str, str]) -> None:
    """Put a part of a backup beside those that are there, whole or not at all."""
    target = manifest.root / part
    if target.is_dir() and {path: _digest(manifest.root / path) for path in files} == files:
        return
    written = manifest.scratch_part(reading=False)
    for path, sha256 in files.items():
        stage(directory / path, sha256, written / path.removeprefix(f"{part}/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.rename(target, manifest.scratch_part(reading=False))  # damaged; a build removes what is there
    os.rename(written, target)


def _files(part: Path) -> list[Path]:
    return sorted(file for file in part.rglob("*") if file.is_file())
