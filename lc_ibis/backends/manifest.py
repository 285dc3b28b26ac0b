"""Which Parquet files make up each table of a directory: one small file, replaced whole."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import ibis

from lc_ibis.errors import DatabaseError

NAME = "tables.json"
# Below scratch/: what builds keep for the length of a build, and readers for the length of a query.
READERS = "reading"
Place = tuple[str, str]


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
            layer, table = name.split(".")
            parts = tuple(self.root / part for part in entry["parts"])
            tables[layer, table] = Stored(ibis.schema(entry["columns"]), parts)
        return tables

    def replace(self, tables: Mapping[Place, Stored]) -> None:
        """Publish tables, all at once."""
        before = self._read()
        entries = {
            f"{layer}.{name}": {
                "columns": {column: str(type_) for column, type_ in table.schema.items()},
                "parts": [part.relative_to(self.root).as_posix() for part in table.parts],
            }
            for (layer, name), table in tables.items()
        }
        beside = self.path.with_name(f".{NAME}.tmp")
        with beside.open("w", encoding="utf-8") as file:
            json.dump({"tables": entries, "before": _parts(before)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)

    def new_part(self, layer: str, name: str) -> Path:
        """Return a directory that does not exist yet, for rows of a table."""
        return self.root / layer / name / uuid4().hex

    def scratch_part(self, reading: bool) -> Path:
        """Return a directory that does not exist yet, for rows that are kept for a while."""
        return self.new_part("scratch", READERS if reading else "building")

    def sweep(self) -> None:
        """Remove what no manifest names: parts of builds that failed or were killed, and of those before the last."""
        read = self._read()
        named = {self.root / part for part in (*_parts(read), *read["before"])}
        for part in self.root.glob("*/*/*/"):
            if part not in named and not _is_in_use(part):
                shutil.rmtree(part, ignore_errors=True)

    def _read(self) -> dict[str, dict[str, dict[str, list[str]]]]:
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
        except FileNotFoundError:
            return {"tables": {}, "before": {}}
        except (OSError, ValueError) as error:
            raise DatabaseError(f"{self.path}: it cannot be read ({error}).") from None


def _is_in_use(part: Path) -> bool:
    """Say whether a reader may be using it: what readers keep for a query is no older than a day."""
    return part.parent.name == READERS and time.time() - part.stat().st_mtime < 86_400


def _parts(manifest: Mapping[str, Mapping[str, Mapping[str, list[str]]]]) -> list[str]:
    return [part for entry in manifest["tables"].values() for part in entry["parts"]]
