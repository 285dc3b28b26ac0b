"""Tests of the checks: each table is broken in the way that each check guards against, and the check must notice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.engine.checks import Check, TablesByName, counts
from lc_ibis.engine.contracts import moment
from lc_ibis.engine.model import Model
from lc_ibis.engine.pipeline import Pipeline
from lc_ibis.engine.store import Store

# Of a larger table only so many rows are copied: a check that notices a broken row among these notices it among all.
_ROWS = 1000


@dataclass(frozen=True)
class Mutated:
    """Whether a check noticed that its table was broken; `also` are the other checks of the table that did."""

    table: str
    layer: str
    check: Check
    has_noticed: bool
    also: tuple[str, ...] = ()


def mutated(pipeline: Pipeline, store: Store, tables: TablesByName, names: Iterable[str]) -> Iterator[Mutated]:
    """Break a copy of each named model's table for each of its checks; nothing is written.

    A check has noticed when more rows fail it than in the unbroken copy, whatever its severity and thresholds.
    """
    for model in (pipeline[name] for name in names):
        if not model.checks:
            continue
        copy = store.scratch(tables[model.name].limit(_ROWS))
        row = store.scratch(copy.limit(1) if store.count(copy) else _invented(model, copy))
        others = store.scratch(copy.difference(row))
        whole = _failing(store, model, copy, tables)
        for check in model.checks:
            broken = _failing(store, model, check.spoil(others, row), tables)
            noticed = [name for name in broken if broken[name] > whole[name]]
            also = tuple(name for name in noticed if name != check.name)
            yield Mutated(model.name, model.layer, check, check.name in noticed, also)


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
