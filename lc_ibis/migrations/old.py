"""The old database: what kind it is, and its rows. It is opened for reading only, and never touched."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Literal

import duckdb

from lc_ibis.backends.duckdb.text import first_line, is_newer, literal, quoted
from lc_ibis.errors import MigrationError
from lc_ibis.files.digests import sha256_of
from lc_ibis.files.processes import note_running

Kind = Literal["three layers", "five layers by dbt"]

# By kind: where the rows of each of our sources are. A database with both tables is of that kind.
# That of five layers may still hold the tables that it grew from, so it is looked for first.
SOURCES: dict[Kind, dict[str, tuple[str, str]]] = {
    "five layers by dbt": {
        "src_customer": ("main_source", "src_customer"),
        "src_account": ("main_source", "src_account"),
    },
    "three layers": {"src_customer": ("raw", "customers_raw"), "src_account": ("raw", "accounts_raw")},
}
_SHOWN = 12


@dataclass(frozen=True)
class Relation:
    """A table or view of the old database; `columns` are its types, as the engine writes them, by name."""

    schema: str
    name: str
    columns: dict[str, str] = field(compare=False)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def column(self, wanted: str) -> str | None:
        """Return the column of a name, whatever its case and underscores; None if there is none."""
        return next((name for name in self.columns if folded(name) == folded(wanted)), None)


def folded(name: str) -> str:
    """Return a column's name as it is looked for: customer_id is CustomerID."""
    return name.replace("_", "").lower()


def _advice(error: duckdb.Error) -> str:
    """Say how a file that a later DuckDB has written can be read by this one."""
    if not is_newer(error):
        return ""
    return (
        f" It was written by a newer version of DuckDB than {duckdb.__version__}. With that version, copy it to an "
        "older format: ATTACH 'old.duckdb' AS old; ATTACH 'copy.duckdb' AS new (STORAGE_VERSION 'v1.0.0'); "
        "COPY FROM DATABASE old TO new; then name the copy with --from. It must have the old file's name."
    )


class OldDatabase:
    """A database to migrate from, open for reading. Use it as a context, or close it.

    Raises MigrationError where it is missing, in use, or of no kind that is known.
    """

    def __init__(self, path: Path):
        if not path.is_file():
            raise MigrationError(f"{path}: no old database found. Name the file to migrate from with --from.")
        # Before it is opened: closing any descriptor of a file ends the lock that a process has on it.
        self.path, self.sha256 = path, sha256_of(path)
        try:
            # As a database of its own: the views in it name their catalog, which is the file's name.
            self._con = duckdb.connect(str(path), read_only=True)
            note_running(self)
        except duckdb.Error as error:
            raise MigrationError(
                f"{path}: DuckDB cannot open the old database ({first_line(error)}).{_advice(error)}"
            ) from None
        try:
            # Times with a zone are read, and shown, in UTC.
            self._con.execute("SET TimeZone = 'UTC'")
            # What does not fit into memory must not be put beside the old database.
            self._con.execute(
                f"SET temp_directory = {literal(str(Path(gettempdir(), f'lc_ibis_migration_{os.getpid()}')))}"
            )
            self._catalog = str(self.rows("SELECT current_database()")[0][0])
            self.relations = self._relations()
            self.kind = self._kind()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> OldDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """Have what runs end in DuckDB's error; from another thread."""
        self._con.interrupt()

    def close(self) -> None:
        self._con.close()

    def relation(self, schema: str, name: str) -> Relation | None:
        """Return a table or view; None if there is none."""
        return self.relations.get((schema, name))

    def source(self, model: str) -> Relation:
        """Return the table with the rows of one of our sources."""
        return self.relations[SOURCES[self.kind][model]]

    def sql(self, relation: Relation) -> str:
        """Return a relation's whole name: a schema may be called like the file."""
        return quoted(self._catalog, relation.schema, relation.name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query and return its rows. Raises MigrationError where it cannot be run: a view may be broken."""
        try:
            return self._con.execute(query).fetchall()
        except duckdb.Error as error:
            raise MigrationError(f"{self.path}: the old database cannot be read ({first_line(error)}).") from None

    def count(self, relation: Relation) -> int:
        """Return how many rows a relation has."""
        return int(self.rows(f"SELECT count(*) FROM {self.sql(relation)}")[0][0])

    def write(self, query: str, file: Path) -> None:
        """Write a query's rows to a Parquet file, in their order."""
        self.rows(f"COPY ({query}) TO {literal(str(file))} (FORMAT parquet)")

    def _relations(self) -> dict[tuple[str, str], Relation]:
        found: dict[tuple[str, str], Relation] = {}
        for schema, name, column, type_ in self.rows(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, table_name, column_index"
        ):
            found.setdefault((schema, name), Relation(schema, name, {})).columns[column] = type_
        return found

    def _kind(self) -> Kind:
        for kind, sources in SOURCES.items():
            if self.relations.keys() >= set(sources.values()):
                return kind
        wanted = "; ".join(
            f"{kind}: {' and '.join('.'.join(place) for place in sources.values())}"
            for kind, sources in SOURCES.items()
        )
        there = [str(relation) for relation in self.relations.values()]
        more = ", …" if len(there) > _SHOWN else ""
        raise MigrationError(
            f"{self.path}: this database cannot be migrated. Looked for ({wanted}); "
            f"there is {', '.join(there[:_SHOWN]) + more if there else 'no table'}. Check that it is the right file."
        )
