"""What the state remembers of each thing, and the rows of its tables that say it; see tables.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lc_ibis.declare.contract_changes import StoredColumn, StoredContract
from lc_ibis.engine.state.tables import TABLES


@dataclass(frozen=True)
class TableRecord:
    """A stored table as the last run left it."""

    version: int
    fingerprint: str
    row_count: int
    inputs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckRecord:
    """A check as it last ended."""

    version: int
    fingerprint: str
    failing_count: int


@dataclass(frozen=True)
class FileRecord:
    """An output file as a build left it: the version of its table, its sha256, and whether it holds no formulas."""

    version: int
    sha256: str
    is_neutralised: bool = False

    @classmethod
    def of(cls, version: int, sha256: str) -> FileRecord:
        """Return what a row of the state says; see FileState."""
        return cls(abs(version), sha256, version < 0)

    def row(self) -> dict[str, Any]:
        """Return the row of the state that says it."""
        return {"version": -self.version if self.is_neutralised else self.version, "sha256": self.sha256}


def table_of(file: str) -> str:
    """Return the table of an output file, which is called by it and by the ending of its format."""
    return file.partition(".")[0]


def keyed(name: str, rows: list[dict[str, Any]]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield of each row of a table of the state its key, and its other columns by name."""
    keys = TABLES[name].key()
    for row in rows:
        yield tuple(row[key] for key in keys), {column: value for column, value in row.items() if column not in keys}


def row_of(name: str, key: tuple[str, ...], facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row of a table of the state: its key, and its other columns from facts by their names."""
    return (*key, *(facts[column.name] for column in TABLES[name].columns if not column.is_key))


def contract_rows(table: str, contract: StoredContract) -> list[tuple[Any, ...]]:
    return [
        (table, c.name, position, c.type, c.is_nullable, c.is_key, contract.version)
        for position, c in enumerate(contract.columns, start=1)
    ]


def contracts_of(rows: list[dict[str, Any]]) -> dict[str, StoredContract]:
    """Return the stored contracts by table."""
    columns: dict[str, list[StoredColumn]] = {}
    versions: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: int(row["position"])):
        found = StoredColumn(row["column_name"], row["type"], row["is_nullable"], row["is_key"])
        columns.setdefault(row["table_name"], []).append(found)
        versions[row["table_name"]] = row["version"]
    return {table: StoredContract(versions[table], tuple(found)) for table, found in columns.items()}
