"""Data checks: what must hold of a table's rows before they are published.

A check yields the rows that break it. Those that look at one row at a time are a predicate,
so that all of a table's are counted in one scan; the others bring their own query.
All of a table's counts come back from one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.contracts import Contract

Severity = Literal["error", "warn"]
# What a check was run on; nothing at all where nothing that it reads has changed since it passed.
Scope = Literal["all rows", "changed rows", "touched keys", "nothing"]
TablesByName = Mapping[str, ir.Table]
# Of one row and the others of a table, a table that breaks a rule.
Spoil = Callable[[ir.Table, ir.Table], ir.Table]
Changed = Callable[[ir.Table], Mapping[str, Any]]


@dataclass(frozen=True)
class Check:
    """A rule about a table's rows.

    Exactly one of `breaks` (true for a row that breaks the rule) and `failing` (the table and
    the tables named in `needs`, to the failing rows) is set. With `failing`, `by` names the columns
    by which the rule looks at rows: it may be run on some values of them alone. None: on all rows.

    `spoil` shows that the rule is awake: of all rows but one, and that one, it makes a table in
    which more rows break the rule.

    More failing rows than `error_if` fail a check of severity error, more than `warn_if` are a
    warning: a number of rows, or, as a float, a share of the rows of the table, or of the table `of`.

    `metric` is the same rule in the words of the Open Data Contract Standard, if it has them.
    """

    name: str
    columns: tuple[str, ...]
    meaning: str
    spoil: Spoil
    breaks: Callable[[ir.Table], ir.BooleanValue] | None = None
    failing: Callable[[ir.Table, TablesByName], ir.Table] | None = None
    needs: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None
    severity: Severity = "error"
    warn_if: int | float = 0
    error_if: int | float = 0
    of: str = ""
    tags: tuple[str, ...] = ()
    metric: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def is_share(self) -> bool:
        """Say whether failing rows are counted as a share of all."""
        return isinstance(self.warn_if, float) or isinstance(self.error_if, float)

    def but(self, where: Callable[[ir.Table], ir.BooleanValue] | None = None, **changes: Any) -> Check:
        """Return the check with other fields, and looking only at the rows of which `where` is true."""
        check = replace(self, **changes)
        if where is None:
            return check
        breaks, failing = check.breaks, check.failing
        if breaks is not None:
            return replace(check, metric=None, breaks=lambda t: where(t) & breaks(t))
        assert failing is not None
        return replace(check, metric=None, failing=lambda t, tables: failing(t.filter(where(t)), tables))

    def rows(self, table: ir.Table, tables: TablesByName) -> ir.Table:
        """Return the failing rows."""
        if self.breaks is not None:
            return table.filter(self.breaks(table).fill_null(False))
        assert self.failing is not None
        return self.failing(table, tables)

    def status(self, failing_count: int, row_count: int) -> Literal["pass", "warn", "fail"]:
        """Say how the check ends where so many of so many rows fail."""

        def exceeds(limit: int | float) -> bool:
            return failing_count > (limit * row_count if isinstance(limit, float) else limit)

        if self.severity == "error" and exceeds(self.error_if):
            return "fail"
        return "warn" if exceeds(self.warn_if) else "pass"


@dataclass(frozen=True)
class CheckResult:
    """What a check found: how many rows fail, and a few of them."""

    table: str
    layer: str
    check: Check
    status: Literal["pass", "warn", "fail", "skip"]
    failing_count: int = 0
    row_count: int = 0  # of the rows of which the failing ones are a share
    examples: tuple[dict[str, Any], ...] = ()
    scope: Scope = "all rows"
    reason: str = ""
    rows: ir.Table | None = field(default=None, compare=False, repr=False)  # all of them, stamps aside


def sentence(result: CheckResult) -> str:
    """Say which check of which table how many rows break, with a few of them."""
    rows = [" ".join("null" if value is None else str(value) for value in row.values()) for row in result.examples]
    more = ", …" if result.failing_count > len(rows) else ""
    shown = f", by {', '.join(result.examples[0])}: {', '.join(rows)}{more}" if rows else ""
    share = f" of {result.row_count:,} rows" if result.check.is_share else ""
    return f"{result.table}: {result.failing_count:,}{share} break {result.check.name}{shown}"


def contract_checks(contract: type[Contract]) -> list[Check]:
    """Return what a contract implies: its columns are not null, its key is unique."""
    checks = [not_null(c.name) for c in contract.columns if not c.is_nullable]
    return [*checks, unique(*contract.key())] if contract.key() else checks


def changing(changed: Changed) -> Spoil:
    """Spoil a table by other values in one row."""

    def spoil(others: ir.Table, row: ir.Table) -> ir.Table:
        # A text alone would be the name of a column.
        values = {name: ibis.literal(v) if isinstance(v, str) else v for name, v in changed(row).items()}
        return others.union(row.mutate(**values).cast(others.schema()))

    return spoil


def repeating(others: ir.Table, row: ir.Table) -> ir.Table:
    """Spoil a table by a row that comes twice."""
    return others.union(row, row)


def _stranger(column: ir.Column) -> ir.Value:
    """Return a value that no key has."""
    return ibis.literal(_STRANGE_NUMBER if column.type().is_integer() else _STRANGE_TEXT)


_STRANGE_NUMBER, _STRANGE_TEXT = 2**62 + 1, "no such key"


def not_null(column: str) -> Check:
    """Every row has a value there."""
    return Check(
        f"not_null_{column}", (column,), f"{column} is always known.",
        changing(lambda row: {column: ibis.null(row[column].type())}),
        breaks=lambda t: t[column].isnull(), metric={"metric": "nullValues", "mustBe": 0},
    )  # fmt: skip


def unique(*columns: str) -> Check:
    """No two rows share these columns; a failing row is a repeated key."""
    several = {"properties": list(columns)} if len(columns) > 1 else None
    return Check(
        f"unique_{'_'.join(columns)}", columns, f"{' and '.join(columns)} identify a row.", repeating,
        failing=lambda t, _: t.group_by(columns).having(t.count() > 1).aggregate(row_count=t.count()),
        by=columns, metric={"metric": "duplicateValues", "mustBe": 0, "arguments": several},
    )  # fmt: skip


def accepted_values(column: str, values: tuple[str, ...]) -> Check:
    """Every known value is one of these."""
    return Check(
        f"accepted_values_{column}", (column,), f"{column} is one of {', '.join(values)}.",
        changing(lambda row: {column: f"not {values[0]}"}),
        breaks=lambda t: ~t[column].isin(values),
        metric={"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": list(values)}},
    )  # fmt: skip


def positive_value(column: str, zero: bool = False) -> Check:
    """Every known value is above zero, or zero where that is allowed."""
    return Check(
        f"positive_value_{column}", (column,), f"{column} is {'zero or ' if zero else ''}positive.",
        changing(lambda row: {column: -1 if zero else 0}),
        breaks=lambda t: (t[column] < 0) if zero else (t[column] <= 0),
    )  # fmt: skip


def accepted_range(column: str, low: Decimal | int, high: Decimal | int) -> Check:
    """Every known value lies from low to high."""
    return Check(
        f"accepted_range_{column}", (column,), f"{column} lies from {low} to {high}.",
        changing(lambda row: {column: _like(row[column], high + 1)}),
        breaks=lambda t: ~t[column].between(_like(t[column], low), _like(t[column], high)),
    )  # fmt: skip


def _like(column: ir.Column, value: Decimal | int) -> ir.Scalar:
    """A literal of the column's own type: decimals of two types cannot be compared in Ibis."""
    return ibis.literal(value).cast(column.type())


def expression_is_true(name: str, meaning: str, holds: Callable[[ir.Table], ir.BooleanValue], spoilt: Changed) -> Check:
    """Every row satisfies `holds`; an unknown answer fails too. `spoilt` are columns of a row that does not."""
    return Check(name, (), meaning, changing(spoilt), breaks=lambda t: ~holds(t).fill_null(False))


def no_rows(name: str, meaning: str) -> Check:
    """The table is empty: each row is one too many."""
    return Check(name, (), meaning, repeating, breaks=lambda t: t[t.columns[0]].isnull() | t[t.columns[0]].notnull())


def few_refused(source: str, why: str, warn_if: float = 0.05, error_if: float = 0.5) -> Check:
    """Of a quarantine: no more than a share of the rows of `source` are refused; the column `why` gives the reason."""
    every = no_rows("few_refused", f"Most rows of {source} are sound; a broken feed does not pass as a small day.")
    return every.but(columns=(why,), of=source, warn_if=warn_if, error_if=error_if)


def row_count(low: int) -> Check:
    """There are at least so many rows; a failing row is one that is missing, by its number from 0."""

    def missing(table: ir.Table, _: TablesByName) -> ir.Table:
        some = table.limit(low)
        counted = some.aggregate(row_count=some.count())
        return counted.select(missing_row=ibis.range(counted.row_count, low).unnest())

    return Check(
        "row_count", (), f"There are at least {low:,} rows.", lambda others, _: others.filter(False),
        failing=missing, metric={"metric": "rowCount", "mustBeGreaterOrEqualTo": low},
    )  # fmt: skip


def valid_date_range(start: str, end: str) -> Check:
    """Where there is an end it lies after the start."""
    return Check(
        f"valid_date_range_{start}_{end}", (start, end), f"{end} is later than {start}.",
        changing(lambda row: {end: row[start]}),
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
        changing(lambda row: {column: _stranger(row[column])}),
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
        "scd2_no_overlap", (*keys, start, end), "A key has one version at a time.", repeating,
        failing=overlapping, by=keys,
    )  # fmt: skip


def same_rows(name: str, meaning: str, columns: tuple[str, ...], other: str,
              prepare: Callable[[ir.Table], ir.Table]) -> Check:  # fmt: skip
    """`columns` of the table, as a set, are what `prepare` makes of table `other`.

    The first column is the key of both, and what `prepare` makes of a key's rows depends on that key's alone.
    """

    def different(table: ir.Table, tables: TablesByName) -> ir.Table:
        mine, theirs = table.select(*columns), prepare(tables[other]).select(*columns)
        return mine.difference(theirs).union(theirs.difference(mine))

    return Check(
        name, columns, meaning, changing(lambda row: {columns[0]: _stranger(row[columns[0]])}),
        failing=different, needs=(other,), by=columns[:1],
    )  # fmt: skip


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
