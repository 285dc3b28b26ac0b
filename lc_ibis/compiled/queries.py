"""Queries as the text of one engine's SQL, and templates that make them over others. Knows nothing of Ibis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zlib import crc32

from lc_ibis.declare.marks import END, RUN_AT, START, mark

MARKED = re.compile(f"{START}([^{END}]+){END}")

# What is given to templates besides tables by their names: a delivery, some rows of a table, and keys.
RECEIVED, ROWS, KEYS = ":received", ":rows", ":keys"
# The number of a delta's file, in the order of their names.
FILE_ORDER = "lc_ibis_file_order"


@dataclass(frozen=True)
class Query:
    """Rows: a SELECT, or the name of a table or view; with their columns.

    `functions` are the Python functions that it calls. `row_count` is the number of rows, if it is known.
    """

    sql: str
    columns: tuple[str, ...]
    is_name: bool = False
    functions: tuple[Any, ...] = ()
    row_count: int | None = None

    @property
    def rows(self) -> str:
        """The rows, as FROM takes them."""
        return self.sql if self.is_name else f"({self.sql})"

    @property
    def select(self) -> str:
        """A SELECT of them."""
        return f"SELECT * FROM {self.sql}" if self.is_name else self.sql


@dataclass(frozen=True)
class Template:
    """A SELECT over tables that are given later, each by its name, and the run's time."""

    sql: str
    columns: tuple[str, ...]
    functions: tuple[Any, ...] = ()

    @cached_property
    def _parts(self) -> list[str]:
        """Text and names, by turns."""
        return MARKED.split(self.sql)

    @property
    def reads(self) -> frozenset[str]:
        """The names of the tables that it reads."""
        return frozenset(self._parts[1::2]) - {RUN_AT}

    def over(self, given: Mapping[str, Query], run_at: datetime | None = None) -> Query:
        """Return the query over these tables."""
        names = self._parts[1::2]
        if len(names) == 1 and self.sql == f"SELECT * FROM {mark(names[0])}":
            return given[names[0]]
        read = {name: given[name] for name in dict.fromkeys(names) if name != RUN_AT}
        # What is a query itself is written once, so that an engine that keeps CTEs runs it once.
        # Under a name of its own, as some versions of Spark refuse one that is within another of the same.
        repeated = {
            n: (f"given_{crc32(q.sql.encode()):08x}", q)
            for n, q in read.items()
            if not q.is_name and names.count(n) > 1
        }
        texts = {n: repeated[n][0] if n in repeated else q.rows for n, q in read.items()}
        if RUN_AT in names:
            assert run_at is not None
            texts[RUN_AT] = run_at.isoformat(" ")
        sql = "".join(texts[part] if i % 2 else part for i, part in enumerate(self._parts))
        if repeated:
            tables = ", ".join(dict.fromkeys(f"{name} AS ({query.sql})" for name, query in repeated.values()))
            sql = f"WITH {tables} SELECT * FROM ({sql}) AS made"
        return Query(sql, self.columns, functions=_functions(self.functions, *(q.functions for q in read.values())))


def _functions(*several: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(function for functions in several for function in functions))


@dataclass(frozen=True)
class Dialect:
    """How an engine writes names and values, and the queries of which all engines have the same idea."""

    name: str  # duckdb, pyspark or databricks, as Ibis has it

    @classmethod
    def of(cls, backend: str) -> Dialect:
        """Return the dialect of a backend: duckdb, spark or databricks."""
        return cls("pyspark" if backend == "spark" else backend)

    @property
    def attempts(self) -> bool:
        """Say whether the engine has a TRY: a value that is null where it fails."""
        return self.name == "duckdb"

    def quoted(self, *names: str) -> str:
        """Return a name, qualified by those before it, quoted."""
        quote = '"' if self.name == "duckdb" else "`"
        return ".".join(f"{quote}{name.replace(quote, 2 * quote)}{quote}" for name in names)

    def listed(self, names: Iterable[str], of: str | None = None) -> str:
        """Return quoted names, separated by commas, those of one table."""
        return ", ".join(self.quoted(of, name) if of else self.quoted(name) for name in names)

    def text(self, value: str) -> str:
        """Return a text as a literal."""
        if self.name != "duckdb":
            value = value.replace("\\", "\\\\")
            return "'" + value.replace("'", "\\'") + "'"
        return "'" + value.replace("'", "''") + "'"

    def moment(self, value: datetime) -> str:
        """Return a time, UTC, as a literal."""
        return f"CAST('{value.isoformat(' ')}' AS TIMESTAMP)"

    def made(self, sql: str, columns: Sequence[str], *over: Query) -> Query:
        """Return a query, as it is written over others."""
        return Query(sql, tuple(columns), functions=_functions(*(query.functions for query in over)))

    def select(self, rows: Query, columns: Sequence[str], is_distinct: bool = False) -> Query:
        """Return some columns of rows; with `is_distinct`, each combination once."""
        distinct = "DISTINCT " if is_distinct else ""
        return self.made(f"SELECT {distinct}{self.listed(columns)} FROM {rows.rows} AS t", columns, rows)

    def where(self, rows: Query, condition: str) -> Query:
        """Return the rows for which a condition on the columns of `t` is true."""
        return self.made(f"SELECT * FROM {rows.rows} AS t WHERE {condition}", rows.columns, rows)

    def none_of(self, rows: Query) -> Query:
        """Return no rows, with the columns of these."""
        return self.where(rows, "false")

    def union(self, *parts: Query, is_distinct: bool = False) -> Query:
        """Return the rows of all parts, which have the same columns; with `is_distinct`, each once."""
        if len(parts) == 1:
            return self.select(parts[0], parts[0].columns, is_distinct) if is_distinct else parts[0]
        word = " UNION " if is_distinct else " UNION ALL "
        columns = self.listed(parts[0].columns)
        return self.made(
            word.join(f"SELECT {columns} FROM {part.rows} AS t" for part in parts), parts[0].columns, *parts
        )

    def among(self, rows: Query, keys: Query, by: Sequence[str], are_others: bool = False) -> Query:
        """Return the rows that agree with one of the `keys` in the columns `by`, null being a value.

        With `are_others`, return the rows that agree with none.
        """
        same = " AND ".join(f"{self.quoted('t', c)} IS NOT DISTINCT FROM {self.quoted('k', c)}" for c in by)
        kind = "ANTI" if are_others else "SEMI"
        sql = f"SELECT t.* FROM {rows.rows} AS t {kind} JOIN {keys.rows} AS k ON {same}"
        return self.made(sql, rows.columns, rows, keys)

    def counted(self, rows: Query) -> str:
        """Return the number of rows, as an expression."""
        return f"(SELECT count(*) FROM {rows.rows} AS t)"

    def ordered(
        self, rows: Query, by: Sequence[str], limit: int | None = None, is_descending: bool = False
    ) -> Query:  # fmt: skip
        """Return rows in the order of some columns, nulls last, so many of them."""
        word = "DESC" if is_descending else "ASC"
        order = ", ".join(f"{self.quoted(name)} {word} NULLS LAST" for name in by)
        few = "" if limit is None else f" LIMIT {limit}"
        order = f" ORDER BY {order}" if order else ""
        return self.made(f"SELECT * FROM {rows.rows} AS t{order}{few}", rows.columns, rows)

    def with_columns(self, rows: Query, **values: str) -> Query:
        """Return rows with further columns, or others in place of theirs, as expressions over `t`."""
        kept = [f"{values[c]} AS {self.quoted(c)}" if c in values else self.quoted("t", c) for c in rows.columns]
        added = {name: value for name, value in values.items() if name not in rows.columns}
        made = [*kept, *(f"{value} AS {self.quoted(name)}" for name, value in added.items())]
        return self.made(f"SELECT {', '.join(made)} FROM {rows.rows} AS t", (*rows.columns, *added), rows)
