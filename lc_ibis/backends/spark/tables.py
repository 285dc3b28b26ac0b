"""What all stores on Spark have in common: everything but how tables are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark.datatypes import PySparkType

from lc_ibis.backends.duckdb.extracts import copying
from lc_ibis.backends.duckdb.text import quoted, stoppable
from lc_ibis.compiled.queries import Dialect, Query
from lc_ibis.declare.rules.functions import udfs
from lc_ibis.engine.store import Files
from lc_ibis.errors import OutputError

Place = tuple[str, str]


class Engine(Protocol):
    """Where Spark's SQL is run."""

    con: Any

    @property
    def version(self) -> str: ...  # its name and version; nothing where that is not known
    @property
    def has_ended(self) -> bool: ...  # known to answer no more
    @property
    def replaces_ended(self) -> bool: ...  # opened in place of one that had ended, of which a catalog may have been
    def fetch(self, sql: str) -> pa.Table: ...
    def schema(self, sql: str) -> ibis.Schema: ...
    def load(self, rows: pa.Table, schema: ibis.Schema) -> ir.Table: ...
    def define(self, udf: Any) -> None: ...
    def write_parts(self, sql: str, schema: ibis.Schema, directory: Path) -> None: ...
    def close(self) -> None: ...


class SparkTables:
    """The part of a store that asks; `engine` answers."""

    if TYPE_CHECKING:

        def table(self, layer: str, name: str) -> ir.Table: ...

    def __init__(self, engine: Engine):
        self._engine = engine
        self.con = engine.con
        self.engine = engine.version
        self.dialect = Dialect("databricks" if engine.con.name == "databricks" else "pyspark")

    def _sql(self, query: Query | ir.Table) -> str:
        if isinstance(query, Query):
            for udf in query.functions:
                self._engine.define(udf)
            return query.select
        for udf in udfs(query):
            self._engine.define(udf)
        return str(self.con.compile(query))

    def schema_of(self, query: Query | ir.Table) -> ibis.Schema:
        """Return the columns and types that the engine gives a query, without running it."""
        return self._engine.schema(self._sql(query))

    def types_of(self, query: Query) -> list[list[str]]:
        """Return the columns and types that the engine gives a query, as Ibis' names, without running it."""
        return [[name, self.type_text(type_)] for name, type_ in self.schema_of(query).items()]

    def stored_types(self, layer: str, name: str) -> list[list[str]]:
        """Return the columns and types of a stored table, as Ibis' names."""
        return [[column, self.type_text(type_)] for column, type_ in self.table(layer, name).schema().items()]

    def type_text(self, type_: Any) -> str:
        """Return the name of a type."""
        return str(dt.dtype(type_).copy(nullable=True))

    def rows(self, query: Query | ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows; decimals stay decimals, times are datetimes, UTC, without zone."""
        rows = self._engine.fetch(self._sql(query)).to_pylist()
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    def count(self, query: Query | ir.Table) -> int:
        """Return how many rows a query has."""
        if isinstance(query, Query):
            if query.row_count is not None:
                return query.row_count
            query = Query(f"SELECT count(*) AS count FROM {query.rows} AS t", ("count",), functions=query.functions)
        else:
            query = query.aggregate(count=query.count())
        [row] = self.rows(query)
        return int(row["count"])

    def _types(self, query: Query | ir.Table) -> ibis.Schema:
        """Return the columns and types of a query, as they are known."""
        return self.schema_of(query) if isinstance(query, Query) else query.schema()

    def unlike(self, new: Query, old: Query, columns: Sequence[str], row_count: int) -> tuple[Query, Query]:
        """Leave nothing out: Spark compares all rows in one shuffle."""
        return new, old

    def write_file(self, query: Query | ir.Table, path: Path, format: str) -> None:
        """Write a query's rows to one file, csv (with header) or parquet, to the byte as DuckDB does."""
        copying_arrow(self._engine.fetch(self._sql(query)), self._types(query), path, format)

    def write_parts(self, query: Query | ir.Table, directory: Path) -> None:
        """Write a query's rows to Parquet files in an empty directory.

        Raises OutputError where the engine has another file system.
        """
        self._engine.write_parts(self._sql(query), self._types(query), directory)
        parts = list(directory.glob("*.parquet"))
        if sum(pq.read_metadata(part).num_rows for part in parts) != self.count(query):
            raise OutputError(
                f"{directory.parent}: Spark wrote the files, but they are not visible here. "
                "Set --outputs to a directory that both share, or remove --partitioned."
            )
        if not parts:
            copying_arrow(self._engine.fetch(self._sql(query)), self._types(query), directory, "parts")


def copying_arrow(rows: pa.Table, schema: ibis.Schema, path: Path, format: str) -> None:
    """Write rows that an engine gave, as DuckDB writes its own; see copying."""
    with duckdb.connect() as con, stoppable(con):
        con.execute("SET TimeZone = 'UTC'")
        con.register("found", rows)
        copying(con, f"SELECT {unzoned(schema)} FROM found", path, format)


def unzoned(schema: ibis.Schema) -> str:
    """Return the columns for DuckDB, times without a zone, as its own tables have them."""
    names = {name: quoted(name) for name in schema.names}
    return ", ".join(
        f"{names[name]}::TIMESTAMP AS {names[name]}" if type_.is_timestamp() else names[name]
        for name, type_ in schema.items()
    )


def texts(files: Files) -> ibis.Schema:
    """Return the columns of an extract: all text."""
    return ibis.schema(dict.fromkeys(files.columns, "string"))


def named(
    con: Any, schema: ibis.Schema, name: str, catalog: str | None = None, database: str | None = None
) -> ir.Table:
    """Return a table or view by its name as an Ibis table; its schema is known, so that nobody is asked."""
    place = ops.Namespace(catalog=catalog, database=database)
    return cast(ir.Table, ops.DatabaseTable(name=name, schema=schema, source=con, namespace=place).to_expr())


def ibis_type(spark_type: Any) -> dt.DataType:
    """Return a type of Spark, whose times are exact to the microsecond, as Ibis'."""
    return exact(PySparkType.to_ibis(spark_type))


def exact(type_: dt.DataType) -> dt.DataType:
    """Return a type as contracts say it: times of Spark are UTC, to the microsecond."""
    return dt.Timestamp(scale=6) if type_.is_timestamp() else type_


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
