"""Tests of the checks: each table is broken in the way that each check guards against, and the check must notice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.declare.checks import Check, TablesByName, counts
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.store import Store

# Of a larger table only so many rows are copied: a check that notices a broken row among these notices it among all.
_ROWS = 1000


@dataclass(frozen=True)
class Mutated:
    """Whether a check noticed that its table was broken; `also` are the other checks of the table that did.

    `reason` says why a table could not be broken for the check: then it has noticed nothing.
    """

    table: str
    layer: str
    check: Check
    has_noticed: bool
    also: tuple[str, ...] = ()
    reason: str = ""


def mutated(pipeline: Pipeline, store: Store, tables: TablesByName, names: Iterable[str]) -> Iterator[Mutated]:
    """Break a copy of each named model's table for each of its checks; nothing is written.

    A check has noticed when more rows fail it than in the unbroken copy, whatever its severity and thresholds.
    """
    for model in (pipeline[name] for name in names):
        if not model.checks:
            continue
        stored = tables[model.name]
        few = store.scratch(stored.limit(_ROWS))
        row = store.scratch(few.limit(1) if store.count(few) else _invented(model, few))
        copy = _Copy.of(store, model, few, row, tables)
        for check in model.checks:
            if check.where is None:
                yield copy.broken_for(check)
                continue
            row = store.scratch(check.looked_at(stored).limit(1))
            if store.count(row):
                yield _Copy.of(store, model, few.union(row, distinct=True), row, tables).broken_for(check)
            else:
                yield Mutated(model.name, model.layer, check, False, reason="the table has no row that it looks at")


@dataclass(frozen=True)
class _Copy:
    """A copy of a table: one row, the others, and how many rows of it fail each check."""

    store: Store
    model: Model
    row: ir.Table
    others: ir.Table
    whole: dict[str, int]
    tables: TablesByName

    @classmethod
    def of(cls, store: Store, model: Model, rows: ir.Table, row: ir.Table, tables: TablesByName) -> _Copy:
        """Take the rows, of which `row` is one."""
        others = store.scratch(rows.difference(row))
        return cls(store, model, row, others, _failing(store, model, rows, tables), tables)

    def broken_for(self, check: Check) -> Mutated:
        """Break the row in the way that the check guards against, and see which checks notice."""
        broken = _failing(self.store, self.model, check.spoil(self.others, self.row), self.tables)
        noticed = [name for name in broken if broken[name] > self.whole[name]]
        also = tuple(name for name in noticed if name != check.name)
        return Mutated(self.model.name, self.model.layer, check, check.name in noticed, also)


def _failing(store: Store, model: Model, table: ir.Table, tables: TablesByName) -> dict[str, int]:
    """Return by check how many rows of a table fail it."""
    [found] = store.rows(counts(model.checks, table, tables))
    return {check.name: int(found[f"c{i}"]) for i, check in enumerate(model.checks)}


def _invented(model: Model, table: ir.Table) -> ir.Table:
    """Return a row of values, for a table that has none; what may be null is."""
    nullable = {column.name for column in model.contract.columns if column.is_nullable}
    values = {name: ibis.null(type_) if name in nullable else _value(type_) for name, type_ in table.schema().items()}
    return table.aggregate(row_count=table.count()).select(**values).cast(table.schema())


def _value(type_: dt.DataType) -> ir.Value:
    if type_.is_timestamp():
        return moment(datetime(2000, 1, 1))
    return ibis.literal("x" if type_.is_string() else 1).cast(type_)
