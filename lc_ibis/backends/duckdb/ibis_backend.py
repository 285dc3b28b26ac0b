"""Ibis' backend of DuckDB, with what Ibis 12.0 calls of DuckDB and its version 2 no longer has."""

from __future__ import annotations

import warnings
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.duckdb import Backend as _Backend

from lc_ibis.compiled.dialects import DIALECTS

# Gone with DuckDB 2.
_HAS_FETCH_ARROW = hasattr(duckdb.DuckDBPyConnection, "fetch_arrow_table")


class _Cursor:
    """A cursor of DuckDB 2, with the names that it had before for its results as Arrow."""

    def __init__(self, cursor: Any):
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetch_arrow_table(self) -> pa.Table:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Arrow output on a DB-API result")  # Ibis asks so for a few rows alone
            return self._cursor.to_arrow_table()


class Backend(_Backend):  # type: ignore[misc]
    """What Ibis' own is, on DuckDB 1 and 2."""

    dialect = DIALECTS["duckdb"]

    def raw_sql(self, query: Any, **kwargs: Any) -> Any:
        """Run a statement; as Ibis' own."""
        cursor = super().raw_sql(query.sql(self.dialect) if isinstance(query, sge.Drop) else query, **kwargs)
        return cursor if _HAS_FETCH_ARROW else _Cursor(cursor)

    def get_schema(self, table_name: str, **place: Any) -> ibis.Schema:
        """Return the columns of a table; as Ibis' own."""
        self._finish()
        return super().get_schema(table_name, **place)

    def _run_pre_execute_hooks(self, expr: ir.Expr) -> None:
        self._finish()
        super()._run_pre_execute_hooks(expr)

    def _finish(self) -> None:
        """End a statement of which not all rows were fetched: until then DuckDB 2 begins nothing else."""
        if not _HAS_FETCH_ARROW:
            self.con.complete()

    def list_tables(self, *, like: str | None = None, database: tuple[str, str] | str | None = None) -> list[str]:
        """Return the names of tables and views; as Ibis' own."""
        place = self._to_sqlglot_table(database)
        found = self.con.execute(
            "SELECT DISTINCT table_name FROM information_schema.tables "
            "WHERE table_catalog IN ($1, 'temp') AND table_schema = $2",
            [place.catalog or self.current_catalog, place.db or self.current_database],
        ).fetchall()
        return cast("list[str]", self._filter_with_like([name for (name,) in found], like))

    def to_pyarrow_batches(self, expr: ir.Expr, /, *, chunk_size: int = 1_000_000, **options: Any) -> Any:
        """Return the rows of an expression as a stream; as Ibis' own."""
        if _HAS_FETCH_ARROW:
            return super().to_pyarrow_batches(expr, chunk_size=chunk_size, **options)
        batches = self._to_duckdb_relation(expr, **options).to_arrow_reader(chunk_size)
        return pa.RecordBatchReader.from_batches(expr.as_table().schema().to_pyarrow(), iter(batches))


def backend(con: duckdb.DuckDBPyConnection) -> Backend:
    """Return a connection as Ibis' backend."""
    return cast(Backend, Backend.from_connection(con))
