"""Why a row is as it is: the rows of each table that it was made from, back to the lines of the delivered files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from lc_ibis.api.explain.holding import Held, held, lines_of_held
from lc_ibis.api.explain.lines import Line, lines_of
from lc_ibis.api.keys import having, parsed, written
from lc_ibis.api.tables import few
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.declare.history import current
from lc_ibis.declare.models import Model, Snapshot, Source, key_values
from lc_ibis.errors import SelectionError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


@dataclass(frozen=True)
class Step:
    """A table behind the explained row: what it is, how it is computed, and its rows.

    For a history, the rows are the current versions. `lines` are the lines of a source's rows in the delivered files.
    If a key is held, its refused row is in quarantine, with its lines; at the source, `note` says that it is on hold,
    and `lines` locate the row of the current version, if known.
    """

    table: str
    layer: str
    meaning: str
    rows: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...] = ()
    note: str = ""


def explain(table: str, *key: Any, limit: int | None = None, **options: Unpack[Options]) -> list[Step]:
    """Return the steps behind a row, from the row back to the source tables. Tables without such rows are omitted.

    Rows are matched by name: a column with the name of a key holds values of that key. `key` is the table's key, and
    `limit` the maximum number of rows per step. `options` are the fields of Settings. The extracts are searched in
    `inputs`. Raises SelectionError if there is no such row, and DatabaseError.
    """
    with connect(**options) as warehouse:
        model = warehouse.pipeline[table]
        wanted = parsed(model, key)
        rows = warehouse.store.rows(having(_current(model, warehouse.table(table)), wanted))
        if not rows:
            raise SelectionError(f"{table} has no row {written(wanted)}. See what happened to it with lc-ibis history.")
        return list(_steps(warehouse, model, rows, limit))


def _current(model: Model, rows: ir.Table) -> ir.Table:
    return current(rows) if isinstance(model.kind, Snapshot) else rows


def _steps(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]], limit: int | None) -> Iterator[Step]:
    pipeline = warehouse.pipeline
    keys = {name for each in pipeline if each.is_stored for name in each.business_key}
    known = _learned({}, keys, rows)
    holding = list(held(warehouse, model, rows))
    yield _step(warehouse, model, rows[: few(limit)], holding)
    for name in _ancestors(pipeline.stored_inputs, model.name, list(pipeline.models)):
        above = pipeline[name]
        mine = [one for one in holding if one.source.name == name]
        found = warehouse.store.rows(_behind(warehouse, above, known, mine).limit(few(limit)))
        known = _learned(known, keys, found)
        holding += held(warehouse, above, found)
        if found or mine:
            yield _step(warehouse, above, found, holding)


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


def _behind(warehouse: Warehouse, model: Model, known: dict[str, list[Any]], mine: list[Held]) -> ir.Table:
    """Return the rows of a table that have the known keys: its own, or those of others that it carries.

    The rows of keys that are held are refused ones, and not behind anything; `mine` are those of a source.
    """
    rows = _current(model, warehouse.table(model.name))
    own = model.business_key or model.contract.received_key()
    if not (own and set(own) <= set(known)):
        own = tuple(name for name in known if warehouse.pipeline.carries(model, (name,)))
    values = key_values(model, rows, own)
    found = rows.filter([value.isin(known[name]) for name, value in values.items()]) if own else rows.limit(0)
    for one in mine:
        of_key = key_values(model, found, tuple(one.key))
        found = found.filter(~ibis.and_(*(of_key[name].identical_to(value) for name, value in one.key.items())))
    ordered = model.contract.key() or found.columns
    return found.order_by([ibis.asc(found[name]) for name in ordered])


def _step(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]], holding: list[Held]) -> Step:
    lines: list[Line] = []
    notes = []
    if isinstance(model.kind, Source):
        lines += lines_of(warehouse, model, rows) if rows else ()
        for one in (one for one in holding if one.source.name == model.name):
            lines += (found := lines_of_held(warehouse, one))
            notes.append(one.sentence(is_found=bool(found)))
    elif sources := {one.source.name: one.source for one in holding if _is_quarantine(model, one.source)}:
        [source] = sources.values()
        lines += lines_of(warehouse, source, rows)
    return Step(model.name, model.layer, model.description, tuple(rows), tuple(lines), "\n".join(notes))


def _is_quarantine(model: Model, source: Model) -> bool:
    """Say whether a table has rows of a source as they were received."""
    return model.is_stored and model.contract.received_key() == source.contract.received_key() != ()
