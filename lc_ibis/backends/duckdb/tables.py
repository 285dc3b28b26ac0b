"""Tables in one DuckDB file: written, compared, queried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb

from lc_ibis.backends.duckdb.extracts import copying, extract_error, refuse_misread, scanning
from lc_ibis.backends.duckdb.file import DatabaseFile
from lc_ibis.backends.duckdb.text import DIALECT, first_line, interruptions, quoted, stoppable
from lc_ibis.backends.duckdb.values import schema, type_text, value_text
from lc_ibis.compiled.queries import Query
from lc_ibis.engine.store import Files, Rows
from lc_ibis.errors import DatabaseError

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

# Two tables are compared by digests of buckets, unless they have fewer rows than a digest is worth.
_ROWS_PER_BUCKET, _MOST_BUCKETS = 32, 1_048_576
_FEW_ROWS = 50_000
# Until its transaction ends, DuckDB keeps a mark of so many bytes for each row next to a deleted one. Where all marks
# of a table would take more than this share of the memory, the table is written anew without the rows instead.
_MARK, _MARKED = 8, 1 / 16


class DuckDB(DatabaseFile):
    """The tables of one database file, by layer and name. Raises DatabaseError; see DatabaseFile."""

    dialect = DIALECT
    engine = f"DuckDB {duckdb.__version__}"
    _functions: duckdb.DuckDBPyConnection | None = None

    def __init__(
        self, path: Path, read_only: bool = False, threads: int | None = None, memory_limit: str | None = None
    ):
        super().__init__(path, read_only, threads, memory_limit)
        self._scratch_count = 0
        self._shapes: dict[tuple[str, str], list[list[str]]] | None = None
        self._compiled: dict[ir.Table, str] = {}
        self._defined: set[str] = set()

    def size(self, layer: str, name: str) -> int:
        """Return how many rows a table has, whatever its columns are."""
        return self._count(f"SELECT count(*) FROM {quoted(layer, name)}")

    def table(self, layer: str, name: str) -> ir.Table:
        """Return a stored table as an Ibis table."""
        return self.con.table(name, database=layer)

    def stored(self, layer: str, name: str, columns: Sequence[str]) -> Query:
        """Return the rows of a stored table that has these columns."""
        return Query(quoted(layer, name), tuple(columns), is_name=True)

    def types_of(self, query: Query | ir.Table) -> list[list[str]]:
        """Return the columns and types that the engine gives a query, in its words, without running it."""
        return [[name, type_] for name, type_, *_ in self._run(f"DESCRIBE {self._sql(query)}").fetchall()]

    def stored_types(self, layer: str, name: str) -> list[list[str]]:
        """Return the columns and types of a stored table, in the engine's words."""
        if self._shapes is None:
            self._shapes = {}
            found = self._run(
                "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = current_database() ORDER BY column_index"
            )
            for schema_name, table_name, column_name, type_ in found.fetchall():
                self._shapes.setdefault((schema_name, table_name), []).append([column_name, type_])
        return self._shapes[layer, name]

    def type_text(self, type_: Any) -> str:
        """Return a type, Ibis' or its name, in the engine's words."""
        return type_text(type_)

    def schema_of(self, query: Query | ir.Table) -> ibis.Schema:
        """Return the columns and types that the engine gives a query, without running it."""
        return schema(self.types_of(query))

    def create(self, layer: str, name: str, types: Mapping[str, Any]) -> None:
        """Create an empty table of columns and their types, and its layer if it is new; an older one is replaced."""
        self._run(f"CREATE SCHEMA IF NOT EXISTS {quoted(layer)}")
        columns = ", ".join(f"{quoted(c)} {type_text(t)}" for c, t in types.items())
        self._run(f"CREATE OR REPLACE TABLE {quoted(layer, name)} ({columns})")
        self._shapes = None

    def drop(self, layer: str, name: str) -> None:
        """Drop a table or view. Raises DatabaseError where something else in the database holds on to it."""
        kind = "VIEW" if (layer, name) in self.views() else "TABLE"
        try:
            self._run(f"DROP {kind} {quoted(layer, name)}")
            self._shapes = None
        except duckdb.Error as error:
            raise DatabaseError(f"{layer}.{name}: DuckDB cannot drop it ({first_line(error)}).") from None

    def insert(self, layer: str, name: str, query: Query | ir.Table) -> int:
        """Add the query's rows, its columns being the table's, in order; return how many."""
        return self._count(f"INSERT INTO {quoted(layer, name)} {self._sql(query)}")

    def append(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a few rows of Python values."""
        if rows:
            # As literals: values bound to a statement would make DuckDB import pandas, a quarter of a second.
            values = ", ".join(f"({', '.join(map(value_text, row))})" for row in rows)
            self._run(f"INSERT INTO {quoted(layer, name)} VALUES {values}")

    def overwrite(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Replace all rows of a table by a few of Python values."""
        self._run(f"DELETE FROM {quoted(layer, name)}")
        self.append(layer, name, rows)

    def delete(
        self, layer: str, name: str, rows: Query | ir.Table, by: Sequence[str], row_count: int | None = None
    ) -> None:
        """Delete the rows that agree with one of `rows` in the columns `by`, nulls being equal.

        `row_count` is how many the table has, if that is known.
        """
        same = " AND ".join(f"stored.{quoted(c)} IS NOT DISTINCT FROM dead.{quoted(c)}" for c in by)
        columns = ", ".join(map(quoted, by))
        table, dead = quoted(layer, name), f"(SELECT DISTINCT {columns} FROM ({self._sql(rows)})) AS dead"
        count = self.size(layer, name) if row_count is None else row_count
        if count * _MARK > self._memory * _MARKED:
            self._run(
                f"CREATE OR REPLACE TABLE {table} AS SELECT stored.* FROM {table} AS stored ANTI JOIN {dead} ON {same}"
            )
        else:
            self._run(f"DELETE FROM {table} AS stored USING {dead} WHERE {same}")

    @cached_property
    def _memory(self) -> float:
        """Return how many bytes of memory the engine may take."""
        [(text,)] = self._run("SELECT current_setting('memory_limit')").fetchall()
        number, unit = text.split()
        return float(number) * 2.0 ** (10 * ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))

    def scratch(self, query: Rows) -> Rows:
        """Run a query once and keep its rows for the length of this connection."""
        name = f"scratch_{self._next()}"
        count = self._count(f"CREATE TEMP TABLE {name} AS {self._sql(query)}")
        if isinstance(query, Query):
            return Query(f"temp.main.{name}", query.columns, is_name=True, row_count=count)
        return self._temporary(name, query.schema())

    def unlike(self, new: Query, old: Query, columns: Sequence[str], row_count: int) -> tuple[Query, Query]:
        """Leave out, on both sides, most of the rows that both have as often; `row_count` is how many are old.

        Rows fall into buckets by a 64-bit hash; buckets whose count and sum of hashes are the same on both sides are
        left out. A changed row hides in one with a probability of 2^-64. Comparing what is left is exact.
        """
        if row_count < _FEW_ROWS:
            return new, old
        row, buckets = f"hash({', '.join(map(quoted, columns))})", f"buckets_{self._next()}"
        bucket = f"{row} % {min(row_count // _ROWS_PER_BUCKET + 1, _MOST_BUCKETS)}"
        digests = [
            f"SELECT {bucket} AS bucket, {sign}count(*) AS n, {sign}sum(hash({row})) AS digest "
            f"FROM {side.rows} GROUP BY bucket"
            for side, sign in ((new, ""), (old, "-"))
        ]
        self._run(
            f"CREATE TEMP TABLE {buckets} AS SELECT bucket FROM ({' UNION ALL '.join(digests)}) "
            "GROUP BY bucket HAVING sum(n) <> 0 OR sum(digest) <> 0"
        )
        left, right = (self.dialect.where(side, f"{bucket} IN (SELECT bucket FROM {buckets})") for side in (new, old))
        return left, right

    def rows(self, query: Query | ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows; decimals stay decimals, times are datetimes."""
        result = self._run(self._sql(query))
        names = [column[0] for column in result.description]
        with interruptions(self.raw):
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def count(self, query: Query | ir.Table) -> int:
        """Return how many rows a query has."""
        if isinstance(query, Query):
            known = query.row_count
            return self._count(f"SELECT count(*) FROM {query.rows}") if known is None else known
        return self._count(self._sql(query.aggregate(count=query.count())))

    @contextlib.contextmanager
    def reading(self, files: Sequence[Files]) -> Iterator[list[Query]]:
        """Give the rows of extracts, a table for each group of files, all columns as text; an empty field is null.

        They are read by what is run inside; what the engine cannot read raises ExtractError.
        """
        try:
            aside = self.raw.cursor()
            with stoppable(aside):
                for group in files:
                    if group.format == "csv":
                        refuse_misread(group, lambda sql: self._run(sql, aside))
            yield [Query(scanning(group), group.columns) for group in files]
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise extract_error(files, error) from None

    def _temporary(self, name: str, schema: ibis.Schema) -> ir.Table:
        """Return what was made with a schema that is known: the engine need not be asked for it."""
        import ibis.expr.operations as ops

        place = ops.Namespace(catalog="temp", database="main")
        return cast("ir.Table", ops.DatabaseTable(name=name, schema=schema, source=self.con, namespace=place).to_expr())

    def write_file(self, query: Query | ir.Table, path: Path, format: str) -> None:
        """Write a query's rows to one file, csv (with header) or parquet."""
        copying(self.raw, self._sql(query), path, format)

    def write_parts(self, query: Query | ir.Table, directory: Path) -> None:
        """Write a query's rows to Parquet files in an empty directory."""
        copying(self.raw, self._sql(query), directory, "parts")

    def _next(self) -> int:
        """Return a number for the name of a temporary table."""
        self._scratch_count += 1
        return self._scratch_count

    def _sql(self, query: Query | ir.Table) -> str:
        """Return a query's SQL, its functions being known to the engine; an expression is compiled once."""
        if isinstance(query, Query):
            for udf in query.functions:
                self._define(udf)
            return query.select
        if query not in self._compiled:
            from lc_ibis.declare.rules.functions import udfs

            for udf in udfs(query):
                self._define(udf)
            self._compiled[query] = str(self.con.compile(query))
        return self._compiled[query]

    def _define(self, udf: Any) -> None:
        """Let the engine call a Python function, under the name that Ibis compiles it to."""
        from ibis.expr.operations.udf import InputType

        from lc_ibis.declare.rules.functions import called

        name = type(udf).__name__
        if name in self._defined:
            return
        parameters = [p.annotation.pattern.dtype for p in udf.__signature__.parameters.values()]
        kind = "arrow" if udf.__input_type__ is InputType.PYARROW else "native"
        create = partial(
            duckdb.DuckDBPyConnection.create_function, name=name, function=called(udf), type=kind,
            parameters=[type_text(type_) for type_ in parameters],
            return_type=type_text(udf.dtype), null_handling="special",
        )  # fmt: skip
        try:
            create(self.raw)
        except duckdb.NotImplementedException:  # a transaction took it back, of which that object does not know
            # It lives as long as the cursor does, and DuckDB crashes where it calls one that does not.
            self._functions = self._functions or self.raw.cursor()
            create(self._functions)
        self._defined.add(name)

    def rollback(self) -> None:
        """Forget all that the transaction wrote, functions too; see DatabaseFile."""
        was_writing = self._writing
        super().rollback()
        self._shapes = None
        if was_writing and self._defined:
            self._compiled.clear()
            with contextlib.suppress(duckdb.Error, DatabaseError):  # it answers no more
                found = self._run("SELECT lower(function_name) FROM duckdb_functions() WHERE database_name = 'system'")
                known = {name for (name,) in found.fetchall()}
                self._defined = {name for name in self._defined if name.lower() in known}

    def close(self) -> None:
        """Close the database; see DatabaseFile."""
        if self._functions:
            self._functions.close()
        super().close()

    def _count(self, sql: str) -> int:
        """Run a statement that changes rows; return how many."""
        [(count,)] = self._run(sql).fetchall()
        return int(count)
