"""Which Parquet files make up each table of a directory: one small file, replaced whole."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis
from filelock import FileLock, Timeout
from ibis.common.annotations import SignatureValidationError

from lc_ibis.errors import DatabaseError
from lc_ibis.files import texts
from lc_ibis.files.processes import in_use

NAME = "tables.json"
_HOLDER = ".lock.pid"
# What builds keep for the length of a build, and readers for the length of a query.
SCRATCH, READERS = "scratch", "reading"
Place = tuple[str, str]
_PART_NAME = re.compile("[0-9a-f]{32}")
_PART = re.compile(r"\w+/\w+/[0-9a-f]{32}")


@dataclass(frozen=True)
class Stored:
    """A table: its columns, and the directories of Parquet files that together hold its rows."""

    schema: ibis.Schema
    parts: tuple[Path, ...] = ()


class Manifest:
    """The tables below a directory by layer and name.

    What a new manifest no longer names stays for one more build, for readers that began before it.
    """

    def __init__(self, root: Path):
        self.root = root
        self.path = root / NAME

    def read(self) -> dict[Place, Stored]:
        """Return the tables; none where there is no manifest yet. Raises DatabaseError."""
        tables: dict[Place, Stored] = {}
        for name, entry in self._read()["tables"].items():
            try:
                layer, table = name.split(".")
                schema = ibis.schema(entry["columns"])
            except (ValueError, TypeError, SignatureValidationError) as error:
                raise self._unreadable(error) from None
            tables[layer, table] = Stored(schema, tuple(self.root / part for part in entry["parts"]))
        for part in (part for table in tables.values() for part in table.parts):
            if not part.is_dir():
                raise DatabaseError(f"{part}: the file is missing, but {NAME} lists it. Restore it from a backup.")
        return tables

    def begin(self) -> None:
        """Make an empty manifest where there is none, so that one that is lost is noticed. Raises DatabaseError."""
        if self.path.exists():
            return
        if any(part.parts[-3] != SCRATCH for part in self._on_disk()):
            raise DatabaseError(
                f"{self.path}: the file is missing, and the tables cannot be read without it. Restore it from a "
                "backup, or build into another --database."
            )
        self._write({"tables": {}, "before": []})

    def replace(self, tables: Mapping[Place, Stored], before: Iterable[Path] | None = None) -> None:
        """Publish tables, all at once; the parts `before`, those of the manifest that goes, stay for one more build."""
        stay = _parts(self._read()) if before is None else [part.relative_to(self.root).as_posix() for part in before]
        entries = {
            f"{layer}.{name}": {
                "columns": {column: str(type_) for column, type_ in table.schema.items()},
                "parts": [part.relative_to(self.root).as_posix() for part in table.parts],
            }
            for (layer, name), table in tables.items()
        }
        self._write({"tables": entries, "before": stay})

    def _write(self, manifest: Mapping[str, object]) -> None:
        beside = self.path.with_name(f".{NAME}.tmp")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)

    def new_part(self, layer: str, name: str) -> Path:
        """Return a directory that does not exist yet, for rows of a table."""
        return self.root / layer / name / uuid4().hex

    def scratch_part(self, reading: bool) -> Path:
        """Return a directory that does not exist yet, for rows that are kept for a while."""
        return self.new_part(SCRATCH, READERS if reading else "building")

    def sweep(self) -> None:
        """Remove what no manifest names: parts of builds that failed or were killed, and of those before the last."""
        read = self._read()
        named = {self.root / part for part in (*_parts(read), *read["before"])}
        for part in self._on_disk():
            if part not in named and not _is_in_use(part):
                shutil.rmtree(part, ignore_errors=True)

    def parts(self) -> list[Path]:
        """Return the parts that make up the tables; all that builds wrote, if the manifest is gone or unreadable."""
        try:
            if self.path.exists():
                return [self.root / part for part in _parts(self._read())]
        except DatabaseError:
            pass
        return [part for part in self._on_disk() if part.parts[-3] != SCRATCH]

    def _on_disk(self) -> list[Path]:
        """Return the parts that are there; what else is below the directory, or beyond a link, is not ours."""
        found = (layer for layer in self.root.iterdir() if layer.is_dir() and not layer.is_symlink())
        return [
            part
            for layer in found
            for part in layer.glob("*/*/")
            if _PART_NAME.fullmatch(part.name) and not part.is_symlink() and not part.parent.is_symlink()
        ]

    def _read(self) -> dict[str, Any]:
        try:
            read = json.loads(texts.read(self.path))
            parts = [*_parts(read), *read["before"]]
            if not all(_PART.fullmatch(part) for part in parts):
                raise ValueError("a part that no build names so")
        except FileNotFoundError:
            return {"tables": {}, "before": []}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._unreadable(error) from None
        return read  # type: ignore[no-any-return]

    def _unreadable(self, error: Exception) -> DatabaseError:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return DatabaseError(f"{self.path}: cannot read it ({reason}). Restore it from a backup.")


def _is_in_use(part: Path) -> bool:
    """Say whether a reader may be using it: what readers keep for a query is no older than a day."""
    return part.parent.name == READERS and time.time() - part.stat().st_mtime < 86_400


def _parts(manifest: Mapping[str, Mapping[str, Mapping[str, list[str]]]]) -> list[str]:
    return [part for entry in manifest["tables"].values() for part in entry["parts"]]


def locked(root: Path) -> FileLock:
    """Make a directory of tables and hold its lock. Raises DatabaseError where another process does."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{root}: cannot create the directory ({error.strerror}).") from None
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise in_use(root, _holder(root)) from None
    (root / _HOLDER).write_text(str(os.getpid()), encoding="ascii")
    return lock


def _holder(root: Path) -> int | None:
    """Return the number of the process that holds the lock, as far as it is known."""
    with contextlib.suppress(OSError, ValueError):
        return int((root / _HOLDER).read_text(encoding="ascii"))
    return None
