"""Data checks: what must hold of a table's rows before they are published.

A check yields the rows that break it. Those that look at one row at a time are a predicate,
so that all of a table's are counted in one scan; the others bring their own query.
All of a table's counts come back from one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.contracts import Contract

Severity = Literal["error", "warn"]
# What a check was run on; nothing at all where nothing that it reads has changed since it passed.
Scope = Literal["all rows", "changed rows", "touched keys", "nothing"]
TablesByName = Mapping[str, ir.Table]


@dataclass(frozen=True)
class Check:
    """A rule about a table's rows.

    Exactly one of `breaks` (true for a row that breaks the rule) and `failing` (the table and
    the tables named in `needs`, to the failing rows) is set. With `failing`, `by` names the columns
    by which the rule looks at rows: it may be run on some values of them alone. None: on all rows.
    """

    name: str
    columns: tuple[str, ...]
    meaning: str
    breaks: Callable[[ir.Table], ir.BooleanValue] | None = None
    failing: Callable[[ir.Table, TablesByName], ir.Table] | None = None
    needs: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None
    severity: Severity = "error"

    def rows(self, table: ir.Table, tables: TablesByName) -> ir.Table:
        """Return the failing rows."""
        if self.breaks is not None:
            return table.filter(self.breaks(table).fill_null(False))
        assert self.failing is not None
        return self.failing(table, tables)


@dataclass(frozen=True)
class CheckResult:
    """What a check found: how many rows fail, and a few of them."""

    table: str
    layer: str
    check: Check
    status: Literal["pass", "warn", "fail", "skip"]
    failing_count: int = 0
    examples: tuple[dict[str, Any], ...] = ()
    scope: Scope = "all rows"
    reason: str = ""


def sentence(result: CheckResult) -> str:
    """Say which check of which table how many rows break, with a few of them."""
    rows = [" ".join("null" if value is None else str(value) for value in row.values()) for row in result.examples]
    more = ", …" if result.failing_count > len(rows) else ""
    shown = f", by {', '.join(result.examples[0])}: {', '.join(rows)}{more}" if rows else ""
    return f"{result.table}: {result.failing_count:,} break {result.check.name}{shown}"


def contract_checks(contract: type[Contract]) -> list[Check]:
    """Return what a contract implies: its columns are not null, its key is unique."""
    checks = [not_null(c.name) for c in contract.columns if not c.is_nullable]
    return [*checks, unique(*contract.key())] if contract.key() else checks


def warn(check: Check) -> Check:
    """Return the check with severity warn: reported, but it does not stop a build."""
    return replace(check, severity="warn")


def not_null(column: str) -> Check:
    return Check(
        f"not_null_{column}", (column,), f"{column} is always known.",
        breaks=lambda t: t[column].isnull(),
    )  # fmt: skip


def unique(*columns: str) -> Check:
    """No two rows share these columns; a failing row is a repeated key."""
    return Check(
        f"unique_{'_'.join(columns)}", columns, f"{' and '.join(columns)} identify a row.",
        failing=lambda t, _: t.group_by(columns).having(t.count() > 1).aggregate(row_count=t.count()),
        by=columns,
    )  # fmt: skip


def accepted_values(column: str, values: tuple[Any, ...]) -> Check:
    return Check(
        f"accepted_values_{column}", (column,), f"{column} is one of {', '.join(map(str, values))}.",
        breaks=lambda t: ~t[column].isin(values),
    )  # fmt: skip


def positive_value(column: str, zero: bool = False) -> Check:
    return Check(
        f"positive_value_{column}", (column,), f"{column} is {'zero or ' if zero else ''}positive.",
        breaks=lambda t: (t[column] < 0) if zero else (t[column] <= 0),
    )  # fmt: skip


def accepted_range(column: str, low: Decimal | int, high: Decimal | int) -> Check:
    return Check(
        f"accepted_range_{column}", (column,), f"{column} lies from {low} to {high}.",
        breaks=lambda t: ~t[column].between(_like(t[column], low), _like(t[column], high)),
    )  # fmt: skip


def _like(column: ir.Column, value: Decimal | int) -> ir.Scalar:
    """A literal of the column's own type: decimals of two types cannot be compared in Ibis."""
    return ibis.literal(value).cast(column.type())


def expression_is_true(name: str, meaning: str, holds: Callable[[ir.Table], ir.BooleanValue]) -> Check:
    """Every row satisfies `holds`; an unknown answer fails too."""
    return Check(name, (), meaning, breaks=lambda t: ~holds(t).fill_null(False))


def no_rows(name: str, meaning: str) -> Check:
    """The table is empty: each row is one too many."""
    return Check(name, (), meaning, breaks=lambda t: t[t.columns[0]].isnull() | t[t.columns[0]].notnull())


def valid_date_range(start: str, end: str) -> Check:
    """Where there is an end it lies after the start."""
    return Check(
        f"valid_date_range_{start}_{end}", (start, end), f"{end} is later than {start}.",
        breaks=lambda t: t[end] <= t[start],
    )  # fmt: skip


def relationships(column: str, to: str, where: Callable[[ir.Table], ir.BooleanValue] | None = None) -> Check:
    """Every known `column` is in the table `to`, under the same name; `where` says in which of its rows."""

    def orphans(table: ir.Table, tables: TablesByName) -> ir.Table:
        parents = tables[to].filter(where(tables[to])) if where else tables[to]
        keys = parents.select(parent=parents[column])
        known = table.filter(table[column].notnull())
        return known.anti_join(keys, known[column] == keys.parent)

    return Check(
        f"relationships_{column}_{to}", (column,), f"Every {column} is in {to}.",
        failing=orphans, needs=(to,), by=(column,),
    )  # fmt: skip


def scd2_no_overlap(keys: tuple[str, ...], start: str = "dbt_valid_from", end: str = "dbt_valid_to") -> Check:
    """The intervals [start, end) of a key never overlap, so at most one version is current."""

    def overlapping(table: ir.Table, _: TablesByName) -> ir.Table:
        following = table[start].lead().over(group_by=list(keys), order_by=table[start])
        versions = table.mutate(next_start=following)
        late = versions[end].isnull() | (versions[end] > versions.next_start)
        return versions.filter(versions.next_start.notnull() & late)

    return Check(
        "scd2_no_overlap", (*keys, start, end), "A key has one version at a time.", failing=overlapping, by=keys
    )


def same_rows(name: str, meaning: str, columns: tuple[str, ...], other: str,
              prepare: Callable[[ir.Table], ir.Table]) -> Check:  # fmt: skip
    """`columns` of the table, as a set, are what `prepare` makes of table `other`.

    The first column is the key of both, and what `prepare` makes of a key's rows depends on that key's alone.
    """

    def different(table: ir.Table, tables: TablesByName) -> ir.Table:
        mine, theirs = table.select(*columns), prepare(tables[other]).select(*columns)
        return mine.difference(theirs).union(theirs.difference(mine))

    return Check(name, columns, meaning, failing=different, needs=(other,), by=columns[:1])


def counts(checks: list[Check], table: ir.Table, tables: TablesByName) -> ir.Table:
    """Return one row: how many rows fail each check, in columns c0, c1, …"""
    per_row = {
        f"c{i}": check.breaks(table).fill_null(False).cast("int64").sum().fill_null(0)
        for i, check in enumerate(checks)
        if check.breaks is not None
    }
    row = table.aggregate(row_count=table.count(), **per_row)
    per_query = {
        f"c{i}": check.rows(table, tables).count().as_scalar() for i, check in enumerate(checks) if check.breaks is None
    }
    return row.mutate(**per_query) if per_query else row
