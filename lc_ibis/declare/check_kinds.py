"""The kinds of checks that any table can have: a function each, from columns and bounds to a check."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.checks import Changed, Check, TablesByName, changing, repeating
from lc_ibis.declare.contracts import Contract


def contract_checks(contract: type[Contract]) -> list[Check]:
    """Return what a contract implies: its columns are not null, its key is unique."""
    checks = [not_null(c.name) for c in contract.columns if not c.is_nullable]
    return [*checks, unique(*contract.key())] if contract.key() else checks


def _stranger(column: ir.Column) -> ir.Value:
    """Return a value that no key has."""
    return ibis.literal(_STRANGE_NUMBER if column.type().is_integer() else _STRANGE_TEXT)


_STRANGE_NUMBER, _STRANGE_TEXT = 2**62 + 1, "no such key"


def not_null(column: str) -> Check:
    """Every row has a value in the column."""
    return Check(
        f"not_null_{column}", (column,), f"{column} is always known.",
        changing(lambda row: {column: ibis.null(row[column].type())}),
        breaks=lambda t: t[column].isnull(), metric={"metric": "nullValues", "mustBe": 0},
    )  # fmt: skip


def unique(*columns: str) -> Check:
    """No two rows share these columns. Each repeated key is a failing row."""
    several = {"properties": list(columns)} if len(columns) > 1 else None
    return Check(
        f"unique_{'_'.join(columns)}", columns, _identifies(columns), repeating,
        failing=lambda t, _: t.group_by(columns).having(t.count() > 1).aggregate(row_count=t.count()),
        by=columns, metric={"metric": "duplicateValues", "mustBe": 0, "arguments": several},
    )  # fmt: skip


def _identifies(columns: tuple[str, ...]) -> str:
    return f"{' and '.join(columns)} {'identifies' if len(columns) == 1 else 'together identify'} a row."


def accepted_values(column: str, values: tuple[str, ...]) -> Check:
    """Every value is one of these. Nulls are ignored."""
    return Check(
        f"accepted_values_{column}", (column,), f"{column} is one of {', '.join(values)}.",
        changing(lambda row: {column: f"not {values[0]}"}),
        breaks=lambda t: ~t[column].isin(values),
        metric={"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": list(values)}},
    )  # fmt: skip


def positive_value(column: str, zero: bool = False) -> Check:
    """Every value is above zero, or at least zero if allowed. Nulls are ignored."""
    return Check(
        f"positive_value_{column}", (column,), f"{column} is {'zero or ' if zero else ''}positive.",
        changing(lambda row: {column: -1 if zero else 0}),
        breaks=lambda t: (t[column] < 0) if zero else (t[column] <= 0),
    )  # fmt: skip


def accepted_range(column: str, low: Decimal | int, high: Decimal | int) -> Check:
    """Every value is between low and high, inclusive. Nulls are ignored."""
    return Check(
        f"accepted_range_{column}", (column,), f"{column} lies from {low} to {high}.",
        changing(lambda row: {column: _like(row[column], high + 1)}),
        breaks=lambda t: ~t[column].between(_like(t[column], low), _like(t[column], high)),
    )  # fmt: skip


def _like(column: ir.Column, value: Decimal | int) -> ir.Scalar:
    """A literal of the column's own type: decimals of two types cannot be compared in Ibis."""
    return ibis.literal(value).cast(column.type())


def expression_is_true(name: str, meaning: str, holds: Callable[[ir.Table], ir.BooleanValue], spoilt: Changed) -> Check:
    """Every row satisfies `holds`; null fails too. `spoilt` are columns of a row that does not."""
    return Check(name, (), meaning, changing(spoilt), breaks=lambda t: ~holds(t).fill_null(False))


def no_rows(name: str, meaning: str) -> Check:
    """The table is empty. Every row is a failing row."""
    return Check(name, (), meaning, repeating, breaks=lambda t: t[t.columns[0]].isnull() | t[t.columns[0]].notnull())


def few_refused(source: str, why: str, warn_if: float = 0.05, error_if: float = 0.5) -> Check:
    """At most a share of the rows of `source` is in this quarantine table. The column `why` gives the reason."""
    every = no_rows("few_refused", f"Most rows of {source} are sound; a broken feed does not pass as a small day.")
    return every.but(columns=(why,), of=source, warn_if=warn_if, error_if=error_if)


def row_count(low: int) -> Check:
    """The table has at least this many rows. Each missing row is a failing row, numbered from 0."""

    def missing(table: ir.Table, _: TablesByName) -> ir.Table:
        some = table.limit(low)
        counted = some.aggregate(row_count=some.count())
        return counted.select(missing_row=ibis.range(counted.row_count, low).unnest())

    return Check(
        "row_count", (), f"There {'is' if low == 1 else 'are'} at least {low:,} row{'' if low == 1 else 's'}.",
        lambda others, _: others.filter(False),
        failing=missing, metric={"metric": "rowCount", "mustBeGreaterOrEqualTo": low},
    )  # fmt: skip


def valid_date_range(start: str, end: str) -> Check:
    """The end, if there is one, is later than the start."""
    return Check(
        f"valid_date_range_{start}_{end}", (start, end), f"{end} is later than {start}.",
        changing(lambda row: {end: row[start]}),
        breaks=lambda t: t[end] <= t[start],
    )  # fmt: skip


def relationships(column: str, to: str, where: Callable[[ir.Table], ir.BooleanValue] | None = None) -> Check:
    """Every non-null `column` is in the table `to`, under the same name. `where` restricts the rows of `to`."""

    def orphans(table: ir.Table, tables: TablesByName) -> ir.Table:
        parents = tables[to].filter(where(tables[to])) if where else tables[to]
        keys = parents.select(parent=parents[column])
        known = table.filter(table[column].notnull())
        return known.anti_join(keys, known[column] == keys.parent)

    return Check(
        f"relationships_{column}_{to}", (column,), f"Every {column} is in {to}.",
        changing(lambda row: {column: _stranger(row[column])}),
        failing=orphans, needs=(to,), by=(column,),
    )  # fmt: skip


def scd2_no_overlap(keys: tuple[str, ...], start: str = "dbt_valid_from", end: str = "dbt_valid_to") -> Check:
    """The intervals [start, end) of a key do not overlap, so at most one version is current."""

    def overlapping(table: ir.Table, _: TablesByName) -> ir.Table:
        following = table[start].lead().over(group_by=list(keys), order_by=table[start])
        versions = table.mutate(next_start=following)
        late = versions[end].isnull() | (versions[end] > versions.next_start)
        return versions.filter(versions.next_start.notnull() & late).drop("next_start")

    return Check(
        "scd2_no_overlap", (*keys, start, end), "A key has one version at a time.", repeating,
        failing=overlapping, by=keys,
    )  # fmt: skip


def same_rows(name: str, meaning: str, columns: tuple[str, ...], other: str,
              prepare: Callable[[ir.Table], ir.Table]) -> Check:  # fmt: skip
    """`columns` of the table, as a set, equal what `prepare` makes of the table `other`.

    The first column is the key of both. What `prepare` makes of a key's rows must depend on that key only.
    """

    def different(table: ir.Table, tables: TablesByName) -> ir.Table:
        mine, theirs = table.select(*columns), prepare(tables[other]).select(*columns)
        return mine.difference(theirs).union(theirs.difference(mine))

    return Check(
        name, columns, meaning, changing(lambda row: {columns[0]: _stranger(row[columns[0]])}),
        failing=different, needs=(other,), by=columns[:1],
    )  # fmt: skip
