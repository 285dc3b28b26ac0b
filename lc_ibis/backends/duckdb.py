"""Tables in one DuckDB file. A build is one transaction; one process writes, many read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import sqlglot.expressions as sge
from ibis.backends.sql.datatypes import DuckDBType

from lc_ibis.backends.duckdb_extracts import copying, extract_error, refuse_misread, scanning
from lc_ibis.backends.duckdb_text import cannot_open, first_line, literal, quoted, without_room
from lc_ibis.engine.backup import copied, settle
from lc_ibis.engine.exports import write_whole
from lc_ibis.engine.extracts import Files
from lc_ibis.errors import DatabaseError, SettingsError

# The file is attached under a name of its own: the file's name as the catalog's would be
# ambiguous for a file called like a layer.
CATALOG = "lc_ibis"
# DuckDB takes what it can get unless it is told otherwise.
_MEMORY = "1500MB"
# Two tables are compared by digests of this many buckets, unless they have fewer rows than a digest is worth.
_BUCKETS = 1_000_003
_FEW_ROWS = 50_000


class DuckDB:
    """The tables of one database file, by layer and name.

    Raises DatabaseError where the file is missing (when only reading), in use, or no database.
    """

    def __init__(
        self, path: Path, read_only: bool = False, threads: int | None = None, memory_limit: str | None = None
    ):
        if read_only and not path.exists():
            raise DatabaseError(f"{path}: there is no database. Make it with lc-ibis build.")
        self.path = path
        self._is_new = not path.exists()
        self._writing = False
        self._scratch_count = 0
        self._read: BinaryIO | None = None
        self._compiled: dict[ir.Table, str] = {}
        if not read_only:
            _make_directory(path.parent)
        settings = {"threads": threads, "memory_limit": memory_limit or _MEMORY, "temp_directory": f"{path}.tmp"}
        try:
            self.con = ibis.duckdb.connect(**{k: v for k, v in settings.items() if v is not None})
        except duckdb.Error as error:
            raise SettingsError(f"memory_limit: {memory_limit!r} is no size like 1GB ({first_line(error)}).") from None
        self._run("SET preserve_insertion_order = false")
        # DuckDB draws its bar on standard output, where --json goes.
        with contextlib.suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets, where there is no bar
            self._run("SET enable_progress_bar = false")
        try:
            self._attach(path, CATALOG, " (READ_ONLY)" if read_only else "")
        except (duckdb.Error, DatabaseError) as error:
            self.close()
            raise (cannot_open(path, error) if isinstance(error, duckdb.Error) else error) from None
        self._run(f"USE {CATALOG}")
        self._inode = _inode(path)
        if not read_only:
            self._sweep()

    def _sweep(self) -> None:
        """Remove what a process that was killed had put aside; no other can have the database open now."""
        self._remove(*Path(f"{self.path}.tmp").glob("duckdb_temp_*"))

    def __enter__(self) -> DuckDB:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a file that this connection created and never wrote is removed."""
        self.con.disconnect()
        with contextlib.suppress(OSError):  # there is none, or another process uses it
            Path(f"{self.path}.tmp").rmdir()
        if self._read:
            self._read.close()
        if self._is_new:
            self._remove(self.path, *self._beside())

    def copy(self, place: Path) -> None:
        """Copy the database, as it is committed, to a file, whole at every moment. Raises OutputError."""
        self._run(f"CHECKPOINT {CATALOG}")
        # Closed last: when any descriptor of a process is closed, the system drops the lock that DuckDB holds.
        self._read = self._read or self.path.open("rb")
        source = self._read
        source.seek(0)

        def write(written: Path) -> None:
            copied(source, written)

        write_whole(place, write)

    def compact(self) -> None:
        """Write the database anew, without the room that what was deleted had. Raises DatabaseError."""
        beside, log = self._beside()
        self._remove(beside, log)
        try:
            self._attach(beside, "compacted")
            self._run(f"COPY FROM DATABASE {CATALOG} TO compacted; DETACH compacted")
            settle(beside)
            os.replace(beside, self.path.resolve())
        except (duckdb.Error, OSError) as error:
            raise DatabaseError(
                f"{self.path}: it cannot be written anew ({first_line(error)}). It is as it was."
            ) from None
        finally:
            self._remove(beside, log)

    def discard(self) -> None:
        """Remove the database, all its tables included, when it is closed."""
        self._is_new = True

    @property
    def interrupted_at(self) -> None:
        """Nothing: a build that was killed has published nothing."""

    def _beside(self) -> tuple[Path, Path]:
        """Return where a first build is made, and its log."""
        return self.path.with_name(f"{self.path.name}.new"), self.path.with_name(f"{self.path.name}.new.wal")

    @staticmethod
    def _remove(*leftovers: Path) -> None:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)

    def _attach(self, path: Path, name: str, mode: str = "") -> None:
        self._run(f"ATTACH {literal(str(path))} AS {name}{mode}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Publish all that is written inside at once, or, on an error, nothing."""
        ours = self._is_new or any(file.exists() for file in self._beside())  # a first build that was killed
        if ours and not self.tables():
            with self._first_build():
                yield
            return
        self._remove(*self._beside())
        self._run("BEGIN TRANSACTION")
        self._writing = True
        try:
            yield
            if self._writing:
                self._run("COMMIT")
                self._writing = self._is_new = False
                self._refuse_moved()
        finally:
            self.rollback()

    def _refuse_moved(self) -> None:
        """Raise DatabaseError where the file that was written to is no longer in its place."""
        if _inode(self.path) != self._inode:
            raise DatabaseError(
                f"{self.path}: it was removed or replaced while it was written to, and what was written is lost. "
                "Restore a backup if it is gone, and run it again."
            )

    @contextlib.contextmanager
    def _first_build(self) -> Iterator[None]:
        """Fill an empty database beside its place and move it there.

        DuckDB reads what an open transaction wrote with one thread; what is committed, with all. The empty file
        stays open until the move, so that no other process builds there too.
        """
        beside, log = self._beside()
        self._run(f"USE memory; DETACH {CATALOG}")
        self._attach(self.path, "place")
        self._remove(beside, log)
        self._attach(beside, CATALOG)
        self._run(f"USE {CATALOG}")
        try:
            yield
            self._run(f"USE memory; DETACH {CATALOG}")
            os.replace(beside, self.path.resolve())
            self._is_new = False
            self._run("DETACH place")
            self._attach(self.path, CATALOG)
            self._inode = _inode(self.path)
            self._run(f"USE {CATALOG}")
        except BaseException:
            self._is_new = True
            raise

    def rollback(self) -> None:
        """Forget all that the transaction wrote; nothing to do once it has ended."""
        if self._writing:
            with contextlib.suppress(duckdb.Error, DatabaseError):  # it has ended already
                self._run("ROLLBACK")
        self._writing = False

    def tables(self) -> set[tuple[str, str]]:
        """Return the stored tables as (layer, name)."""
        rows = self._run("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()")
        return set(rows.fetchall())

    def views(self) -> set[tuple[str, str]]:
        """Return the views as (layer, name)."""
        rows = self._run("SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database()")
        return set(rows.fetchall())

    def size(self, layer: str, name: str) -> int:
        """Return how many rows a table has, whatever its columns are."""
        return self._count(f"SELECT count(*) FROM {quoted(layer, name)}")

    def table(self, layer: str, name: str) -> ir.Table:
        """Return a stored table as an Ibis table."""
        return self.con.table(name, database=layer)

    def schema_of(self, query: ir.Table) -> ibis.Schema:
        """Return the columns and types that the engine gives a query, without running it."""
        described = self._run(f"DESCRIBE {self._sql(query)}").fetchall()
        return ibis.schema({name: DuckDBType.from_string(type_) for name, type_, *_ in described})

    def create(self, layer: str, name: str, schema: ibis.Schema) -> None:
        """Create an empty table, and its layer where that is new; an older one is replaced."""
        self._run(f"CREATE SCHEMA IF NOT EXISTS {quoted(layer)}")
        columns = ", ".join(f"{quoted(c)} {DuckDBType.to_string(t)}" for c, t in schema.items())
        self._run(f"CREATE OR REPLACE TABLE {quoted(layer, name)} ({columns})")

    def drop(self, layer: str, name: str) -> None:
        """Drop a table or view. Raises DatabaseError where something else in the database holds on to it."""
        kind = "VIEW" if (layer, name) in self.views() else "TABLE"
        try:
            self._run(f"DROP {kind} {quoted(layer, name)}")
        except duckdb.Error as error:
            raise DatabaseError(f"{layer}.{name}: DuckDB does not drop it ({first_line(error)}).") from None

    def insert(self, layer: str, name: str, query: ir.Table) -> int:
        """Add the query's rows, its columns being the table's, in order; return how many."""
        return self._count(f"INSERT INTO {quoted(layer, name)} {self._sql(query)}")

    def append(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a few rows of Python values."""
        if rows:
            # As literals: values bound to a statement would make DuckDB import pandas, a quarter of a second.
            values = ", ".join(f"({', '.join(sge.convert(v).sql('duckdb') for v in row)})" for row in rows)
            self._run(f"INSERT INTO {quoted(layer, name)} VALUES {values}")

    def overwrite(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Replace all rows of a table by a few of Python values."""
        self._run(f"DELETE FROM {quoted(layer, name)}")
        self.append(layer, name, rows)

    def delete(self, layer: str, name: str, rows: ir.Table, by: Sequence[str]) -> None:
        """Delete the rows that agree with one of `rows` in the columns `by`, nulls being equal."""
        same = " AND ".join(f"stored.{quoted(c)} IS NOT DISTINCT FROM dead.{quoted(c)}" for c in by)
        self._run(
            f"DELETE FROM {quoted(layer, name)} AS stored "
            f"USING ({self._sql(rows.select(*by).distinct())}) AS dead WHERE {same}"
        )

    def scratch(self, query: ir.Table) -> ir.Table:
        """Run a query once and keep its rows for the length of this connection."""
        name = f"scratch_{self._next()}"
        self._run(f"CREATE TEMP TABLE {name} AS {self._sql(query)}")
        return self._temporary(name, query.schema())

    def unlike(self, new: ir.Table, old: ir.Table, columns: Sequence[str]) -> tuple[ir.Table, ir.Table]:
        """Leave out, on both sides, most of the rows that both have as often.

        Rows fall into buckets by a 64-bit hash; buckets whose count and sum of hashes are the same on both sides are
        left out. A changed row hides in one with a probability of 2^-64. Comparing what is left is exact.
        """
        if self.count(old) < _FEW_ROWS:
            return new, old
        row = f"hash({', '.join(quoted(c) for c in columns)})"
        digests = [
            f"SELECT {row} % {_BUCKETS} AS bucket, {sign}count(*) AS n, {sign}sum(hash({row})) AS digest "
            f"FROM ({self._sql(side)}) GROUP BY bucket"
            for side, sign in ((new, ""), (old, "-"))
        ]
        buckets = f"buckets_{self._next()}"
        self._run(
            f"CREATE TEMP TABLE {buckets} AS SELECT bucket FROM ({' UNION ALL '.join(digests)}) "
            "GROUP BY bucket HAVING sum(n) <> 0 OR sum(digest) <> 0"
        )
        left, right = (
            self._view(
                f"SELECT * FROM ({self._sql(side)}) WHERE {row} % {_BUCKETS} IN (SELECT bucket FROM {buckets})",
                side.schema(),
            )
            for side in (new, old)
        )
        return left, right

    def rows(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows; decimals stay decimals, times are datetimes."""
        result = self._run(self._sql(query))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def count(self, query: ir.Table) -> int:
        """Return how many rows a query has."""
        return self._count(self._sql(query.aggregate(count=query.count())))

    @contextlib.contextmanager
    def reading(self, files: Sequence[Files]) -> Iterator[list[ir.Table]]:
        """Give the rows of extracts, a table for each group of files, all columns as text; an empty field is null.

        They are read by what is run inside; what the engine cannot read raises ExtractError.
        """
        try:
            aside = self.con.con.cursor()
            for group in files:
                if group.format == "csv":
                    refuse_misread(group, lambda sql: self._run(sql, aside))
            yield [self._view(scanning(g), ibis.schema(dict.fromkeys(g.columns, "string"))) for g in files]
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise extract_error(files, error) from None

    def _view(self, sql: str, schema: ibis.Schema) -> ir.Table:
        name = f"view_{self._next()}"
        self._run(f"CREATE TEMP VIEW {name} AS {sql}")
        return self._temporary(name, schema)

    def _temporary(self, name: str, schema: ibis.Schema) -> ir.Table:
        """Return what was made with a schema that is known: the engine need not be asked for it."""
        place = ops.Namespace(catalog="temp", database="main")
        return cast(ir.Table, ops.DatabaseTable(name=name, schema=schema, source=self.con, namespace=place).to_expr())

    def write_file(self, query: ir.Table, path: Path, format: str) -> None:
        """Write a query's rows to one file, csv (with header) or parquet."""
        copying(self.con.con, self._sql(query), path, format)

    def write_parts(self, query: ir.Table, directory: Path) -> None:
        """Write a query's rows to Parquet files in an empty directory."""
        copying(self.con.con, self._sql(query), directory, "parts")

    def _next(self) -> int:
        """Return a number for the name of a temporary table."""
        self._scratch_count += 1
        return self._scratch_count

    def _sql(self, query: ir.Table) -> str:
        """Compile a query; the same one is described, then run."""
        if query not in self._compiled:
            self._compiled[query] = str(self.con.compile(query))
        return self._compiled[query]

    def _count(self, sql: str) -> int:
        """Run a statement that changes rows; return how many."""
        [(count,)] = self._run(sql).fetchall()
        return int(count)

    def _run(self, sql: str, aside: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyConnection:
        try:
            return cast(duckdb.DuckDBPyConnection, (aside or self.con.con).execute(sql))
        except duckdb.Error as error:
            if found := without_room(self.path, error):
                raise found from None
            raise


def _inode(path: Path) -> int | None:
    """Return the number of a file in its file system; None where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{directory}: the directory cannot be made ({error.strerror}).") from None
