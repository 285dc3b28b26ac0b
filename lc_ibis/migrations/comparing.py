"""Old tables and new ones, row by row and column by column, under the old names; each difference with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from lc_ibis.backends.duckdb.text import parquet_rows, quoted
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.store import Store
from lc_ibis.migrations.names import OldTable
from lc_ibis.migrations.old import OldDatabase

Status = Literal["equal", "explained", "unexplained"]
Row = dict[str, Any]
# White space that cleaning takes away.
SPACE = " \t\n\v\f\r"


@dataclass(frozen=True)
class Difference:
    """A value, or a row where there is no column, that only one side has; without a reason it is unexplained."""

    table: str
    key: str
    column: str | None
    old: Any
    new: Any
    reason: str | None


@dataclass(frozen=True)
class Comparison:
    """How an old table compares with ours: rows of both, rows that are equal, and what differs."""

    old_table: str
    new_table: str
    old_count: int
    new_count: int
    equal_count: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> list[Difference]:
        return [found for found in self.differences if found.reason is None]

    @property
    def status(self) -> Status:
        return "unexplained" if self.unexplained else "explained" if self.differences else "equal"


@dataclass(frozen=True)
class Pair:
    """The rows of a key that differ: an old one, a new one, or both, by our columns' names."""

    key: Any
    old: Row | None
    new: Row | None

    @property
    def columns(self) -> list[str]:
        """Return the columns whose values differ."""
        if self.old is None or self.new is None:
            return []
        return [name for name, value in self.old.items() if value != self.new[name]]


# For a pair and, where both rows are there, a column: why they differ; None where nobody knows.
Explain = Callable[[Pair, str | None], str | None]


def compare(
    old: OldDatabase, store: Store, pipeline: Pipeline, table: OldTable, explain: Callable[[list[Pair]], Explain]
) -> Comparison:
    """Compare an old table with ours. `explain` is given all pairs that differ, and returns who explains them.

    Raises MigrationError where the old table cannot be read.
    """
    model = pipeline[table.model]
    counts, pairs = _pairs(old, store, model, table)
    reason = explain(pairs) if pairs else lambda *_: None
    differences = tuple(found for pair in pairs for found in _differences(table, pair, reason))
    return Comparison(str(table), f"{model.layer}.{model.name}", *counts, differences)


def _pairs(old: OldDatabase, store: Store, model: Model, table: OldTable) -> tuple[tuple[int, int, int], list[Pair]]:
    """Return the rows of both sides and of both alike, and those that differ, paired by key."""
    relation = old.relation(table.schema, table.name)
    assert relation, "only tables that are there are compared"
    stamps = model.contract.stamps()
    columns = [c for c in table.columns if c.new not in stamps and c.name in relation.columns]
    theirs = ", ".join(f"{quoted(c.name)} AS {quoted(c.new)}" for c in columns)
    ours = ", ".join(f"{c.value} AS {quoted(c.new)}" for c in columns)
    with TemporaryDirectory(prefix="lc_ibis_compare_") as directory:
        file = Path(directory, "old.parquet")
        old.write(f"SELECT {theirs} FROM {old.sql(relation)}", file)
        left = f"(FROM {parquet_rows(file)})"
        right = f"(SELECT {ours} FROM {quoted(model.layer, model.name)})"
        gone, come = _rows(store, f"{left} EXCEPT ALL {right}"), _rows(store, f"{right} EXCEPT ALL {left}")
        [(old_count, new_count)] = store.con.con.execute(
            f"SELECT (SELECT count(*) FROM {left}), (SELECT count(*) FROM {right})"
        ).fetchall()
    return (old_count, new_count, old_count - len(gone)), _paired(model.business_key, gone, come)


def _rows(store: Store, query: str) -> list[Row]:
    result = store.con.con.execute(f"FROM ({query}) ORDER BY ALL")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _paired(keys: tuple[str, ...], gone: list[Row], come: list[Row]) -> list[Pair]:
    def key(row: Row) -> Any:
        return plain_key(row[keys[0]])

    waiting: dict[Any, list[Row]] = {}
    for row in come:
        waiting.setdefault(key(row), []).append(row)
    pairs = []
    for row in gone:
        others = waiting.get(key(row))
        pairs.append(Pair(key(row), row, others.pop(0) if others else None))
    pairs += [Pair(key(row), None, row) for rows in waiting.values() for row in rows]
    return sorted(pairs, key=lambda pair: (pair.key is None, str(pair.key)))


def plain_key(value: Any) -> Any:
    """Return a key as it is compared: a text without white space at its ends, None for blank."""
    return (value.strip(SPACE) or None) if isinstance(value, str) else value


def _differences(table: OldTable, pair: Pair, reason: Explain) -> Iterator[Difference]:
    names = {c.new: c.name for c in table.columns}
    shown = "null" if pair.key is None else str(pair.key)
    if pair.old is None or pair.new is None:
        yield Difference(str(table), shown, None, pair.old, pair.new, reason(pair, None))
        return
    for column in pair.columns:
        yield Difference(str(table), shown, names[column], pair.old[column], pair.new[column], reason(pair, column))
