"""Why a row is as it is: the rows of each table that it was made from, back to the lines of the delivered files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.model import Model, Snapshot, Source
from lc_ibis.engine.scd2 import current
from lc_ibis.engine.touched import key_values
from lc_ibis.errors import SelectionError
from lc_ibis.questions.keys import having, parsed, written
from lc_ibis.questions.lines import Line, lines_of
from lc_ibis.warehouse import Warehouse, connect, few


@dataclass(frozen=True)
class Step:
    """A table on the way: what it is and does, and its rows behind the row that is explained.

    Of a history these are the current versions. `lines` are where a source's rows stand in the delivered files.
    """

    table: str
    layer: str
    meaning: str
    rows: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...] = ()


def explain(table: str, *key: Any, limit: int | None = None, **options: Any) -> list[Step]:
    """Return the steps to a row, from itself back to the source tables; tables without a row behind it are left out.

    Which rows are behind it, names tell: a column named like a key holds values of that key. `key` are the values of
    the table's key, `limit` is the most rows of a step. `options` are the fields of Settings; the extracts are looked
    for where `inputs` says. Raises SelectionError where there is no such row, DatabaseError.
    """
    with connect(**options) as warehouse:
        model = warehouse.pipeline[table]
        wanted = parsed(model, key)
        rows = warehouse.store.rows(having(_current(model, warehouse.table(table)), wanted))
        if not rows:
            raise SelectionError(f"{table} has no row {written(wanted)}. What became of it: lc-ibis history.")
        return list(_steps(warehouse, model, rows, limit))


def _current(model: Model, rows: ir.Table) -> ir.Table:
    return current(rows) if isinstance(model.kind, Snapshot) else rows


def _steps(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]], limit: int | None) -> Iterator[Step]:
    pipeline = warehouse.pipeline
    keys = {name for each in pipeline if each.is_stored for name in each.business_key}
    known = _learned({}, keys, rows)
    yield _step(warehouse, model, rows[: few(limit)])
    for name in _ancestors(pipeline.stored_inputs, model.name, list(pipeline.models)):
        above = pipeline[name]
        found = warehouse.store.rows(_behind(warehouse, above, known).limit(few(limit)))
        known = _learned(known, keys, found)
        if found:
            yield _step(warehouse, above, found)


def _ancestors(inputs: dict[str, tuple[str, ...]], name: str, order: list[str]) -> list[str]:
    """Return all tables that a table is made from, the nearest first."""
    found: set[str] = set()
    queue = [name]
    while queue:
        new = set(inputs[queue.pop()]) - found
        found |= new
        queue += new
    return sorted(found, key=order.index, reverse=True)


def _learned(known: dict[str, list[Any]], keys: set[str], rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Add the values of key columns that rows tell, unless a nearer table has told them."""
    told = {
        name: list(dict.fromkeys(row[name] for row in rows if row[name] is not None))
        for name in keys
        if name not in known and rows and name in rows[0]
    }
    return known | told


def _behind(warehouse: Warehouse, model: Model, known: dict[str, list[Any]]) -> ir.Table:
    """Return the rows of a table that have the known keys: its own, or those of others that it carries."""
    rows = _current(model, warehouse.table(model.name))
    own = model.business_key or model.contract.received_key()
    if not (own and set(own) <= set(known)):
        own = tuple(name for name in known if warehouse.pipeline.carries(model, (name,)))
    values = key_values(model, rows, own)
    found = rows.filter([value.isin(known[name]) for name, value in values.items()]) if own else rows.limit(0)
    ordered = model.contract.key() or found.columns
    return found.order_by([ibis.asc(found[name]) for name in ordered])


def _step(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]]) -> Step:
    lines = lines_of(warehouse, model, rows) if isinstance(model.kind, Source) else ()
    return Step(model.name, model.layer, model.description, tuple(rows), tuple(lines))
