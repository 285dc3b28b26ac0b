"""Tables of Spark on one machine, or on a cluster that shares a file system: Parquet below one directory.

A manifest says which files make up each table. A build writes new files beside the old ones and publishes
all of its tables at once, by replacing the manifest. One process writes, many read.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark.datatypes import PySparkSchema
from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as sf

from lc_ibis.backends.duckdb.extracts import copying, reading
from lc_ibis.backends.duckdb.text import parquet_rows, stoppable
from lc_ibis.backends.spark.manifest import Manifest, Stored, locked
from lc_ibis.backends.spark.session import Session, to_read, to_write
from lc_ibis.backends.spark.tables import Place, SparkTables, ibis_type, texts, unzoned
from lc_ibis.compiled.queries import Query
from lc_ibis.engine.store import Files, Rows
from lc_ibis.errors import DatabaseError

# A table that only grows gets a part a build; beyond these it is written as one again.
_MOST_PARTS = 30


class Parquet(SparkTables):
    """The tables below one directory, by layer and name.

    Raises DatabaseError where the directory is missing (when only reading) or in use by another build.
    """

    def __init__(self, root: Path, session: Session, read_only: bool = False):
        super().__init__(session)
        self._manifest = Manifest(root.resolve())
        self._is_new = not self._manifest.root.exists()
        self._lock = None if read_only else locked(self._manifest.root)
        self._tables = self._manifest.read()
        if read_only and not self._tables:
            session.close()
            raise DatabaseError(f"{root}: no database found. Create it with lc-ibis build --backend spark.")
        self._session = session
        self._writing = self._is_discarded = False
        self._dead: dict[Place, DataFrame] = {}
        self._kept: list[Path] = []
        self._views: dict[Place, ir.Table] = {}

    def __enter__(self) -> Parquet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was kept for a while; a directory that was made here and never written goes too."""
        self._session.close()
        for part in self._kept:
            shutil.rmtree(part, ignore_errors=True)
        if self._lock:
            self._lock.release()
            if self._is_new and (self._is_discarded or not self._tables):
                shutil.rmtree(self._manifest.root, ignore_errors=True)

    def discard(self) -> None:
        """Remove the directory, all its tables included, when it is closed."""
        self._is_new = self._is_discarded = True

    @property
    def interrupted_at(self) -> None:
        """Nothing: a build that was killed has published nothing."""

    # Writing --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Publish all that is written inside at once, or, on an error, nothing."""
        self._manifest.begin()
        self._manifest.sweep()
        self._writing = True
        try:
            with self._session.life.watched():
                yield
                if self._writing:
                    for place in list(self._dead):
                        self._settle(place)
            if self._writing:
                self._manifest.replace(self._tables)
                self._writing = False
        finally:
            self.rollback()

    def rollback(self) -> None:
        """Forget all that the transaction wrote; nothing to do once it has ended."""
        if self._writing:
            self._writing = False
            self._tables = self._manifest.read()
            self._dead.clear()
            self._views.clear()
            self._manifest.sweep()

    def compact(self) -> None:
        """Write each table of several parts as one; what builds no longer name goes with the next build."""
        with self.transaction():
            for place, table in list(self._tables.items()):
                if len(table.parts) > 1:
                    self._write(place, self._stored(place), keep=False)

    def create(self, layer: str, name: str, types: Mapping[str, Any]) -> None:
        """Create an empty table of columns and their types; an older one is replaced."""
        self._change((layer, name), Stored(ibis.schema(dict(types))))

    def drop(self, layer: str, name: str) -> None:
        """Drop a table; its files go with a later build."""
        self._dead.pop((layer, name), None)
        self._views.pop((layer, name), None)
        self._tables.pop((layer, name), None)

    def insert(self, layer: str, name: str, query: Query | ir.Table) -> int:
        """Add the query's rows, its columns being the table's, in order; return how many."""
        place = layer, name
        observed = Observation()
        rows = self._frame(query).observe(observed, sf.count(sf.lit(1)).alias("n"))
        rows = rows.toDF(*self._tables[place].schema.names)
        is_whole = place in self._dead or len(self._tables[place].parts) > _MOST_PARTS
        if is_whole:
            rows = self._alive(place).union(rows)
        with self._session.statements.timed(lambda: self._sql(query)):
            self._write(place, rows, keep=not is_whole)
        return int(observed.get["n"])

    def append(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a few rows of Python values; the table stays one part."""
        if rows:
            old = [pq.read_table(part, partitioning=None) for part in self._tables[layer, name].parts]
            self._put(layer, name, pa.concat_tables([*old, self._arrow(layer, name, rows)]))

    def overwrite(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Replace all rows of a table by a few of Python values."""
        self._put(layer, name, self._arrow(layer, name, rows))

    def _arrow(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
        zoned = pa.timestamp("us", tz="UTC")  # as Spark stores times
        schema = self._tables[layer, name].schema
        fields = pa.schema([(n, zoned if t.is_timestamp() else t.to_pyarrow()) for n, t in schema.items()])
        columns = list(zip(*rows, strict=True)) or [()] * len(fields)
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, fields, strict=True)], fields)

    def _put(self, layer: str, name: str, rows: pa.Table) -> None:
        part = self._manifest.new_part(layer, name)
        part.mkdir(parents=True)
        pq.write_table(rows, part / "rows.parquet")
        self._change((layer, name), replace(self._tables[layer, name], parts=(part,)))

    def delete(
        self, layer: str, name: str, rows: Query | ir.Table, by: Sequence[str], row_count: int | None = None
    ) -> None:
        """Delete the rows that agree with one of `rows` in the columns `by`, nulls being equal."""
        place = layer, name
        self._settle(place)
        self._dead[place] = self._frame(rows).select(*map(self.dialect.quoted, by))
        self._views.pop(place, None)

    def _alive(self, place: Place) -> DataFrame:
        stored = self._stored(place)
        if place not in self._dead:
            return stored
        dead = self._dead[place]
        dead = dead.toDF(*(f"dead_{c}" for c in dead.columns))
        same = [stored[c.removeprefix("dead_")].eqNullSafe(dead[c]) for c in dead.columns]
        return stored.join(dead, same, "left_anti")

    def _settle(self, place: Place) -> None:
        """Write a table anew without the rows that were deleted."""
        if place in self._dead:
            self._write(place, self._alive(place), keep=False)

    def _write(self, place: Place, rows: DataFrame, keep: bool) -> None:
        part = self._manifest.new_part(*place)
        rows.write.parquet(to_write(part))
        table = self._tables[place]
        self._change(place, replace(table, parts=(*table.parts, part) if keep else (part,)))

    def _change(self, place: Place, table: Stored) -> None:
        self._dead.pop(place, None)
        self._views.pop(place, None)
        self._tables[place] = table

    # Reading --------------------------------------------------------------------------------

    def tables(self) -> set[Place]:
        """Return the stored tables as (layer, name)."""
        return set(self._tables)

    def views(self) -> set[Place]:
        """Nothing: there are only tables below the directory."""
        return set()

    def size(self, layer: str, name: str) -> int:
        """Return how many rows a table has."""
        return self.count(self.table(layer, name))

    def table(self, layer: str, name: str) -> ir.Table:
        """Return a stored table, as it is now, as an Ibis table."""
        place = layer, name
        self._settle(place)
        if place not in self._views:
            self._views[place] = self._session.view(self._stored(place), self._tables[place].schema)
        return self._views[place]

    def stored(self, layer: str, name: str, columns: Sequence[str]) -> Query:
        """Return the rows of a stored table, as it is now, that has these columns."""
        return Query(self._view_of(self.table(layer, name)), tuple(columns), is_name=True)

    def _view_of(self, table: ir.Table) -> str:
        """Return the name of the view that an Ibis table is."""
        return self.dialect.quoted(table.get_name())

    def _stored(self, place: Place) -> DataFrame:
        table = self._tables[place]
        schema = PySparkSchema.from_ibis(table.schema)
        if not table.parts:
            return self._session.spark.createDataFrame([], schema)
        return self._read(schema, *table.parts)

    def _read(self, schema: Any, *parts: Path) -> DataFrame:
        return self._session.spark.read.schema(schema).parquet(*map(to_read, parts))

    def scratch(self, query: Rows) -> Rows:
        """Run a query once and keep its rows for the length of this connection.

        In files: what Spark persists carries its whole plan into all that is made from it.
        """
        part = self._scratch_part()
        with self._session.life.watched(), self._session.statements.timed(lambda: self._sql(query)):
            rows = self._frame(query)
            if isinstance(query, Query):
                observed = Observation()
                rows.observe(observed, sf.count(sf.lit(1)).alias("n")).write.parquet(to_write(part))
                table = self._session.view(self._read(rows.schema, part), _schema(rows))
                return Query(self._view_of(table), query.columns, is_name=True, row_count=int(observed.get["n"]))
            rows.write.parquet(to_write(part))
            return self._session.view(self._read(rows.schema, part), query.schema())

    def _scratch_part(self) -> Path:
        self._kept.append(self._manifest.scratch_part(reading=self._lock is None))
        return self._kept[-1]

    def _frame(self, query: Query | ir.Table) -> DataFrame:
        return self._session.spark.sql(self._sql(query))

    @contextlib.contextmanager
    def reading(self, files: Sequence[Files]) -> Iterator[list[Query]]:
        """Give the rows of extracts, a table for each group of files, all columns as text; an empty field is null.

        Raises ExtractError.
        """

        def kept(con: duckdb.DuckDBPyConnection, sql: str, group: Files) -> Query:
            part, schema = self._scratch_part(), texts(group)
            part.mkdir(parents=True)
            copying(con, sql, part / "rows.parquet", "parquet")
            view = self._session.view(self._read(PySparkSchema.from_ibis(schema), part), schema)
            return Query(self._view_of(view), group.columns, is_name=True)

        yield reading(files, kept)

    def write_file(self, query: Query | ir.Table, path: Path, format: str) -> None:
        """Write a query's rows to one file, csv (with header) or parquet, to the byte as DuckDB does."""
        part = self._scratch_part()
        with self._session.life.watched(), self._session.statements.timed(lambda: self._sql(query)):
            self._frame(query).write.parquet(to_write(part))
        files = parquet_rows(*sorted(part.glob("*.parquet")))
        with duckdb.connect() as con, stoppable(con):
            con.execute("SET TimeZone = 'UTC'")
            copying(con, f"SELECT {unzoned(self._types(query))} FROM {files}", path, format)


def _schema(rows: DataFrame) -> ibis.Schema:
    """Return the columns and types of a data frame, as Ibis'."""
    return ibis.schema({field.name: ibis_type(field.dataType) for field in rows.schema})
