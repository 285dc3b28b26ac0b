"""Tables in one DuckDB file. A build is one transaction; one process writes, many read."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.datatypes import DuckDBType

from lc_ibis.engine.csvfile import is_read_right, line_of_record, misread
from lc_ibis.engine.extracts import Files
from lc_ibis.errors import DatabaseError, ExtractError, SettingsError

# The file is attached under a name of its own: the file's name as the catalog's would be
# ambiguous for a file called like a layer.
CATALOG = "lc_ibis"
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
        self._compiled: dict[ir.Table, str] = {}
        if not read_only:
            _make_directory(path.parent)
        settings = {"threads": threads, "memory_limit": memory_limit, "temp_directory": f"{path}.tmp"}
        try:
            self.con = ibis.duckdb.connect(**{k: v for k, v in settings.items() if v is not None})
        except duckdb.Error as error:
            raise SettingsError(f"memory_limit: {memory_limit!r} is no size like 1GB ({_first_line(error)}).") from None
        self._run("SET preserve_insertion_order = false")
        # DuckDB draws its bar on standard output, where --json goes.
        self._run("SET enable_progress_bar = false")
        try:
            self._attach(path, CATALOG, " (READ_ONLY)" if read_only else "")
        except duckdb.Error as error:
            self.close()
            raise _cannot_open(path, error) from None
        self._run(f"USE {CATALOG}")

    def __enter__(self) -> DuckDB:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a file that this connection created and never wrote is removed."""
        self.con.disconnect()
        if self._is_new:
            for file in (self.path, *self._beside()):
                file.unlink(missing_ok=True)

    def _beside(self) -> tuple[Path, Path]:
        """Return where a first build is made, and its log."""
        return self.path.with_name(f"{self.path.name}.new"), self.path.with_name(f"{self.path.name}.new.wal")

    def _attach(self, path: Path, name: str, mode: str = "") -> None:
        self._run(f"ATTACH {_literal(str(path))} AS {name}{mode}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Publish all that is written inside at once, or, on an error, nothing."""
        ours = self._is_new or any(file.exists() for file in self._beside())  # a first build that was killed
        if ours and not self.tables():
            with self._first_build():
                yield
            return
        self._run("BEGIN TRANSACTION")
        self._writing = True
        try:
            yield
            if self._writing:
                self._run("COMMIT")
                self._writing = self._is_new = False
        finally:
            self.rollback()

    @contextlib.contextmanager
    def _first_build(self) -> Iterator[None]:
        """Fill an empty database beside its place and move it there.

        DuckDB reads what an open transaction wrote with one thread; what is committed, with all. The empty file
        stays open until the move, so that no other process builds there too.
        """
        beside, log = self._beside()
        self._run(f"USE memory; DETACH {CATALOG}")
        self._attach(self.path, "place")
        for leftover in (beside, log):
            leftover.unlink(missing_ok=True)
        self._attach(beside, CATALOG)
        self._run(f"USE {CATALOG}")
        try:
            yield
            self._run(f"USE memory; DETACH {CATALOG}")
            os.replace(beside, self.path.resolve())
            self._is_new = False
            self._run("DETACH place")
            self._attach(self.path, CATALOG)
            self._run(f"USE {CATALOG}")
        except BaseException:
            self._is_new = True
            raise

    def rollback(self) -> None:
        """Forget all that the transaction wrote; nothing to do once it has ended."""
        if self._writing:
            with contextlib.suppress(duckdb.TransactionException):
                self._run("ROLLBACK")
        self._writing = False

    def tables(self) -> set[tuple[str, str]]:
        """Return the stored tables as (layer, name)."""
        rows = self._run("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()")
        return set(rows.fetchall())

    def table(self, layer: str, name: str) -> ir.Table:
        """Return a stored table as an Ibis table."""
        return self.con.table(name, database=layer)

    def schema_of(self, query: ir.Table) -> ibis.Schema:
        """Return the columns and types that the engine gives a query, without running it."""
        described = self._run(f"DESCRIBE {self._sql(query)}").fetchall()
        return ibis.schema({name: DuckDBType.from_string(type_) for name, type_, *_ in described})

    def create(self, layer: str, name: str, schema: ibis.Schema) -> None:
        """Create an empty table, and its layer where that is new; an older one is replaced."""
        self._run(f"CREATE SCHEMA IF NOT EXISTS {_quoted(layer)}")
        columns = ", ".join(f"{_quoted(c)} {DuckDBType.to_string(t)}" for c, t in schema.items())
        self._run(f"CREATE OR REPLACE TABLE {_quoted(layer, name)} ({columns})")

    def insert(self, layer: str, name: str, query: ir.Table) -> int:
        """Add the query's rows, its columns being the table's, in order; return how many."""
        return self._count(f"INSERT INTO {_quoted(layer, name)} {self._sql(query)}")

    def append(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a few rows of Python values."""
        if rows:
            # As literals: values bound to a statement would make DuckDB import pandas, a quarter of a second.
            values = ", ".join(f"({', '.join(sge.convert(v).sql('duckdb') for v in row)})" for row in rows)
            self._run(f"INSERT INTO {_quoted(layer, name)} VALUES {values}")

    def clear(self, layer: str, name: str) -> None:
        """Delete all rows of a table."""
        self._run(f"DELETE FROM {_quoted(layer, name)}")

    def delete(self, layer: str, name: str, rows: ir.Table, by: Sequence[str]) -> int:
        """Delete the rows that agree with one of `rows` in the columns `by`, nulls being equal."""
        same = " AND ".join(f"stored.{_quoted(c)} IS NOT DISTINCT FROM dead.{_quoted(c)}" for c in by)
        return self._count(
            f"DELETE FROM {_quoted(layer, name)} AS stored "
            f"USING ({self._sql(rows.select(*by).distinct())}) AS dead WHERE {same}"
        )

    def scratch(self, query: ir.Table) -> ir.Table:
        """Run a query once and keep its rows for the length of this connection."""
        name = f"scratch_{self._next()}"
        self._run(f"CREATE TEMP TABLE {name} AS {self._sql(query)}")
        return self.con.table(name, database=("temp", "main"))

    def unlike(self, new: ir.Table, old: ir.Table, columns: Sequence[str]) -> tuple[ir.Table, ir.Table]:
        """Leave out, on both sides, most of the rows that both have as often.

        Rows fall into buckets by a 64-bit hash; buckets whose count and sum of hashes are the same on both sides are
        left out. A changed row hides in one with a probability of 2^-64. Comparing what is left is exact.
        """
        if self.count(old) < _FEW_ROWS:
            return new, old
        row = f"hash({', '.join(_quoted(c) for c in columns)})"
        digests = [
            f"SELECT {row} % {_BUCKETS} AS bucket, {sign}count(*) AS n, {sign}sum(hash({row})) AS digest "
            f"FROM ({self._sql(side)}) GROUP BY bucket"
            for side, sign in ((new, ""), (old, "-"))
        ]
        buckets, *sides = (f"unlike_{self._next()}_{part}" for part in ("buckets", "new", "old"))
        self._run(
            f"CREATE TEMP TABLE {buckets} AS SELECT bucket FROM ({' UNION ALL '.join(digests)}) "
            "GROUP BY bucket HAVING sum(n) <> 0 OR sum(digest) <> 0"
        )
        for name, side in zip(sides, (new, old), strict=True):
            self._run(
                f"CREATE TEMP VIEW {name} AS SELECT * FROM ({self._sql(side)}) "
                f"WHERE {row} % {_BUCKETS} IN (SELECT bucket FROM {buckets})"
            )
        left, right = (self.con.table(name, database=("temp", "main")) for name in sides)
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
            for group in files:
                if group.format == "csv":
                    self._refuse_misread(group)
            yield [self._read(group) for group in files]
        except duckdb.Error as error:
            raise _extract_error(files, error) from None

    def _refuse_misread(self, files: Files) -> None:
        """Refuse what DuckDB would read without a word, but not as it is; see csvfile.misread.

        Only a line that ends in an empty field and has commas enough, or that has a space before a quote, can
        belong to such a record. Where one such line does not read right by itself, the file is read a second time.
        """
        width = len(files.columns)
        for path in files.paths:
            lines = self._run(
                f"SELECT line FROM read_csv({_literal(_unglobbed(path))}, columns = {{'line': 'VARCHAR'}}, "
                "header = false, auto_detect = false, delim = '\\x1f', quote = '', escape = '', strict_mode = false) "
                "WHERE ((line LIKE '%,' OR line LIKE '%,\"\"') AND "
                f"length(line) - length(replace(line, ',', '')) >= {width}) "
                "OR (contains(line, ' \"') AND regexp_matches(line, '(^|,) +\"'))"
            )
            while suspicious := lines.fetchmany(10_000):
                if not all(is_read_right(line, width) for (line,) in suspicious):
                    if fault := misread(path, width):
                        raise ExtractError(f"{path}, {fault}")
                    break

    def _read(self, files: Files) -> ir.Table:
        paths = f"[{', '.join(_literal(_unglobbed(p)) for p in files.paths)}]"
        if files.format == "csv":
            columns = ", ".join(f"{_literal(c)}: 'VARCHAR'" for c in files.columns)
            scan = (
                f"read_csv({paths}, columns = {{{columns}}}, header = true, auto_detect = false, delim = ',', "
                "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, hive_partitioning = false)"
            )
            names = [_quoted(c) for c in files.columns]
        else:
            scan = f"(SELECT COLUMNS(*)::VARCHAR FROM read_parquet({paths}, hive_partitioning = false))"
            names = [f"nullif({_quoted(c)}, '') AS {_quoted(c)}" for c in files.columns]
        aliases = ", ".join(_quoted(c) for c in files.columns)
        view = f"received_{self._next()}"
        self._run(f"CREATE TEMP VIEW {view} AS SELECT {', '.join(names)} FROM {scan} AS delivery({aliases})")
        return self.con.table(view, database=("temp", "main"))

    def write_file(self, query: ir.Table, path: Path, format: str) -> None:
        """Write a query's rows to one file, csv (with header) or parquet."""
        options = "FORMAT csv, HEADER true" if format == "csv" else "FORMAT parquet"
        try:
            self._run(f"COPY ({self._sql(query)}) TO {_literal(str(path))} ({options})")
        except duckdb.IOException as error:
            raise DatabaseError(f"{path}: the file cannot be written ({_first_line(error)}).") from None

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

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return cast(duckdb.DuckDBPyConnection, self.con.con.execute(sql))
        except duckdb.OutOfMemoryException as error:
            raise DatabaseError(
                f"{self.path}: out of memory or disk ({_first_line(error)}). Free some, or set --memory-limit."
            ) from None


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{directory}: the directory cannot be made ({error.strerror}).") from None


def _quoted(*names: str) -> str:
    return ".".join(sg.to_identifier(name, quoted=True).sql("duckdb") for name in names)


def _literal(text: str) -> str:
    return sge.Literal.string(text).sql("duckdb")


def _unglobbed(path: Path) -> str:
    """A path is a pattern to DuckDB: put its special characters in brackets."""
    return re.sub(r"[*?\[]", lambda match: f"[{match[0]}]", str(path))


def _cannot_open(path: Path, error: duckdb.Error) -> DatabaseError:
    holder = re.search(r"\(PID (\d+)\)", str(error))
    if re.search("Could not set lock|Conflicting lock", str(error)):
        who = f"process {holder[1]}" if holder else "another process"
        return DatabaseError(f"{path}: in use by {who}. Wait until it has ended, or stop it.")
    return DatabaseError(f"{path}: DuckDB cannot open it ({_first_line(error)}).")


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0][:200]


def _extract_error(files: Sequence[Files], error: duckdb.Error) -> ExtractError:
    """Say in our words what DuckDB found wrong in a file, and where."""
    text = str(error)
    file = re.search(r"^\s*file = (.+)$", text, re.MULTILINE)
    if not file:
        names = ", ".join(str(path) for group in files for path in group.paths)
        return ExtractError(f"{names}: the extract cannot be read ({_first_line(error)}).")
    where = file[1].strip()
    if number := re.search(r"CSV Error on Line: (\d+)", text):
        # What DuckDB calls a line is a record: values may hold line ends.
        where += f", line {line_of_record(Path(where), int(number[1]))}"
    return ExtractError(f"{where}: {_csv_reason(text)}")


def _csv_reason(text: str) -> str:
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        return f"{width[2]} fields where {width[1]} are expected. Mend the row."
    if "unterminated quote" in text:
        return "a quoted field does not end, or text follows its closing quote."
    if "utf-8" in text.lower() or "unicode" in text.lower():
        return "the file is not UTF-8. Save it as UTF-8."
    if "Maximum line size" in text:
        return "a line is longer than 2 MB; most often a quote is not closed."
    if "state machine" in text:
        return "not valid CSV; most often it mixes line endings (\\n with \\r\\n or a lone \\r). Save it with one kind."
    return f"not valid CSV ({text.strip().splitlines()[0][:200]})."
