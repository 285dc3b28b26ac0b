"""Data checks: what must hold of a table's rows before they are published.

A check yields the rows that break it. Those that look at one row at a time are a predicate,
so that those of one table and scope are counted in one scan; the others bring their own query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lc_ibis.declare.invisible import readable
from lc_ibis.errors import ModelError

if TYPE_CHECKING:
    import ibis.expr.types as ir

Severity = Literal["error", "warn"]
Status = Literal["pass", "warn", "fail", "skip"]
# What so many checks have done.
DONE: Mapping[str, str] = {"pass": "passed", "warn": "warned", "fail": "failed", "skip": "skipped"}
# What a check was run on; nothing at all where nothing that it reads has changed since it passed.
Scope = Literal["all rows", "changed rows", "touched keys", "nothing"]
TablesByName: TypeAlias = "Mapping[str, ir.Table]"
# Of one row and the others of a table, a table that breaks a rule.
Spoil: TypeAlias = "Callable[[ir.Table, ir.Table], ir.Table]"
Changed: TypeAlias = "Callable[[ir.Table], Mapping[str, Any]]"


@dataclass(frozen=True)
class Check:
    """A check of a table's rows.

    Set exactly one of `breaks`, an expression that is true for failing rows, and `failing`, a function of the table and
    of the tables named in `needs` that returns the failing rows. With `failing`, `by` names the columns by which the
    check looks at rows, so that it can run on some of their values only. None: on all rows. With `where`, only rows for
    which it is true are checked.

    `spoil` proves that the check works: from all rows but one, and that one, it makes a table in which more rows fail.

    More failing rows than `error_if` fail a check of severity error; more than `warn_if` are a warning. Both are a
    number of rows, or, as a float, a share of the rows of the table or of the table `of`.

    `metric` is the same check in terms of the Open Data Contract Standard, if it has one.
    """

    name: str
    columns: tuple[str, ...]
    meaning: str
    spoil: Spoil
    breaks: Callable[[ir.Table], ir.BooleanValue] | None = None
    failing: Callable[[ir.Table, TablesByName], ir.Table] | None = None
    where: Callable[[ir.Table], ir.BooleanValue] | None = None
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
        """Return a copy of the check with other fields, for rows where `where` is true."""
        check = replace(self, **changes)
        if where is None:
            return check
        before = check.where
        both = where if before is None else lambda t: before(t) & where(t)
        return replace(check, metric=None, where=both)

    def looked_at(self, table: ir.Table) -> ir.Table:
        """Return the rows that the rule is about."""
        return table.filter(self.where(table)) if self.where else table

    def rows(self, table: ir.Table, tables: TablesByName) -> ir.Table:
        """Return the failing rows."""
        if self.breaks is not None:
            return table.filter(self.is_broken(table))
        assert self.failing is not None
        try:
            return self.failing(self.looked_at(table), {name: tables[name] for name in self.needs})
        except KeyError as missing:
            if missing.args[0] not in tables or missing.args[0] in self.needs:
                raise
            raise ModelError(
                f"check {self.name} reads {missing.args[0]} without naming it in needs, so a change there would "
                f"not be looked at. Add it to needs: needs=({missing.args[0]!r},)."
            ) from None

    def is_broken(self, table: ir.Table) -> ir.BooleanValue:
        """Say of each row whether it breaks the rule; only for a rule about one row."""
        assert self.breaks is not None
        broken = self.breaks(table)
        return (self.where(table) & broken if self.where else broken).fill_null(False)

    def looks_at_one_row(self, table: ir.Table) -> bool:
        """Say whether a rule `breaks` can tell of a row alone whether it breaks it: no window, no aggregate."""
        from lc_ibis.declare.rules.values import ACROSS_ROWS, inside

        return not any(inside(self.is_broken(table).op(), ACROSS_ROWS))

    @property
    def thresholds(self) -> str:
        """How many rows may fail, in words; nothing where none may."""
        limits = {"warn": self.warn_if} | ({"error": self.error_if} if self.severity == "error" else {})
        said = {word: f"{limit:,}" if isinstance(limit, int) else f"{100 * limit:g}%" for word, limit in limits.items()}
        return ", ".join(f"{word} over {said[word]}" for word, limit in limits.items() if limit)

    def status(self, failing_count: int, row_count: int) -> Literal["pass", "warn", "fail"]:
        """Say how the check ends where so many of so many rows fail."""

        def exceeds(limit: int | float) -> bool:
            return failing_count > (limit * row_count if isinstance(limit, float) else limit)

        if self.severity == "error" and exceeds(self.error_if):
            return "fail"
        return "warn" if exceeds(self.warn_if) else "pass"


@dataclass(frozen=True)
class CheckResult:
    """The result of a check: the number of failing rows, and a few of them."""

    table: str
    layer: str
    check: Check
    status: Status
    failing_count: int = 0
    row_count: int = 0  # of the rows of which the failing ones are a share
    examples: tuple[dict[str, Any], ...] = ()
    scope: Scope = "all rows"
    reason: str = ""
    rows: Any = field(default=None, compare=False, repr=False)  # the query of all of them, stamps aside


def sentence(result: CheckResult) -> str:
    """Say which check of which table how many rows break, with a few of them."""
    rows = [
        " ".join("null" if value is None else readable(str(value)) for value in row.values()) for row in result.examples
    ]
    more = "; …" if result.failing_count > len(rows) else ""
    shown = f", by {', '.join(result.examples[0])}: {'; '.join(rows)}{more}" if rows else ""
    share = f" of {result.row_count:,}" if result.check.is_share else ""
    fail = "row fails" if result.failing_count == 1 and not share else "rows fail"
    thresholds = f" ({result.check.thresholds})" if result.check.thresholds else ""
    return f"{result.table}: {result.failing_count:,}{share} {fail} {result.check.name}{thresholds}{shown}"


def counts(checks: list[Check], table: ir.Table, tables: TablesByName) -> ir.Table:
    """Return one row: how many rows fail each check, in columns c0, c1, …"""
    alone = {i for i, check in enumerate(checks) if check.breaks is not None and check.looks_at_one_row(table)}
    per_row = {f"c{i}": checks[i].is_broken(table).cast("int64").sum().fill_null(0) for i in sorted(alone)}
    row = table.aggregate(row_count=table.count(), **per_row)
    per_query = {
        f"c{i}": check.rows(table, tables).count().as_scalar() for i, check in enumerate(checks) if i not in alone
    }
    # Of two columns of one subquery Ibis 12.0 writes the second's name twice: so the second copies the first.
    first = {query.op(): name for name, query in reversed(per_query.items())}
    if asked := {name: query for name, query in per_query.items() if first[query.op()] == name}:
        row = row.mutate(**asked)
    again = {name: row[first[query.op()]] for name, query in per_query.items() if name not in asked}
    return row.mutate(**again) if again else row


def changing(changed: Changed) -> Spoil:
    """Spoil a table by changing values in one row."""

    def spoil(others: ir.Table, row: ir.Table) -> ir.Table:
        import ibis

        # A text alone would be the name of a column.
        values = {name: ibis.literal(v) if isinstance(v, str) else v for name, v in changed(row).items()}
        return others.union(row.mutate(**values).cast(others.schema()))

    return spoil


def repeating(others: ir.Table, row: ir.Table) -> ir.Table:
    """Spoil a table by a row that comes twice."""
    return others.union(row, row)
