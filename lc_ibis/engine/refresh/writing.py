"""Write a table or a history: only what differs, so that the same again costs nothing."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import same_type, verify
from lc_ibis.declare.history import current
from lc_ibis.declare.models import VERSION_ID, Model, Snapshot
from lc_ibis.engine.refresh.differences import Differences, differences
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.refresh.versions import HistoryChanges, history_changes
from lc_ibis.engine.state.run import Written
from lc_ibis.engine.store import Store
from lc_ibis.errors import ContractError, MassDeleteError


def is_current_shape(store: Store, model: Model) -> bool:
    """Say whether the stored table has its contract's columns.

    Raises ContractError for a history that has not: nothing can make it again.
    """
    stored = store.table(model.layer, model.name).schema()
    expected = model.contract.schema()
    fits = tuple(stored.names) == tuple(expected.names) and all(
        same_type(stored[name], expected[name]) for name in stored.names
    )
    if not fits and isinstance(model.kind, Snapshot):
        raise ContractError(
            f"{model.name}: the stored history has {_listed(stored)}; contract {model.contract.__name__} says "
            f"{_listed(expected)}. Histories are never rebuilt. Alter the stored table to match the contract (a new "
            "column is null in the past), or keep the old contract."
        )
    return fits


def _listed(schema: ibis.Schema) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in schema.items())


def write_result(
    store: Store, model: Model, result: ir.Table, run_at: ir.TimestampScalar, stored: ir.Table | None
) -> tuple[Written, Changes | None]:
    """Make the stored table equal to `result`, stamps aside; rows that stay keep their stamps.

    `stored` are the stored rows that `result` is to replace, all or those of the touched keys; None for a new table,
    all of which is new. There are no changes where nothing differs, or all is new.
    """
    verify(model.name, model.where, model.contract, store.schema_of(result), result.schema())
    if stored is None:
        store.create(model.layer, model.name, model.contract.schema())
        return Written(added_count=store.insert(model.layer, model.name, result)), None
    contract = model.contract
    found = Differences(store.scratch(differences(result, stored, contract).table), contract)
    counts = _counts(store, found)
    if not counts.anything:
        return counts, None
    changes = Changes(found.outdated, store.scratch(found.additions(run_at)))
    # Without a key all copies of a row are deleted; those that stay are put back with their stamps.
    stay = not contract.key() and store.count(found.outdated.filter(found.outdated.new_count > 0))
    survivors = store.scratch(found.survivors(stored)) if stay else None
    store.delete(model.layer, model.name, found.outdated, by=contract.key() or contract.content())
    if survivors is not None:
        store.insert(model.layer, model.name, survivors)
    store.insert(model.layer, model.name, changes.added)
    return counts, changes


def _counts(store: Store, found: Differences) -> Written:
    table, keys = found.table, found.contract.key()
    surplus = table.new_count - table.old_count
    added = ibis.ifelse(surplus > 0, surplus, 0).sum().fill_null(0)
    removed = ibis.ifelse(surplus < 0, -surplus, 0).sum().fill_null(0)
    [row] = store.rows(table.aggregate(added=added, removed=removed))
    changed = 0
    if keys and row["added"] and row["removed"]:
        both = found.outdated.semi_join(table.filter(surplus > 0), keys)
        [found_both] = store.rows(both.aggregate(count=both.count()))
        changed = int(found_both["count"])
    return Written(int(row["added"]) - changed, changed, int(row["removed"]) - changed)


def write_versions(
    store: Store, model: Model, rows: ir.Table, held: ir.Table | None, run_at: ir.TimestampScalar,
    history: ir.Table | None, max_delete_share: float,
) -> tuple[Written, Changes | None]:  # fmt: skip
    """Take the accepted rows of this run into the history. Raises MassDeleteError.

    `history` are the stored versions of the keys that `rows` may hold, all or the touched ones; None for a new table.
    """
    if history is None:
        store.create(model.layer, model.name, model.contract.schema())
    whole = store.table(model.layer, model.name)
    changes = history_changes(model, whole if history is None else history, rows, held, run_at)
    opened = changes.opened
    verify(model.name, model.where, model.contract, store.schema_of(opened), opened.schema())
    if history is None:
        return Written(added_count=store.insert(model.layer, model.name, changes.opened)), None
    _guard_mass_delete(store, model, whole, changes, max_delete_share)
    closed, opened = store.scratch(changes.closed), store.scratch(changes.opened)
    removed = store.count(closed)
    if removed:
        store.delete(model.layer, model.name, closed, by=(VERSION_ID,))
        store.insert(model.layer, model.name, closed)
    added = store.count(opened)
    if not (removed or added):
        return Written(), None
    store.insert(model.layer, model.name, opened)
    before = closed.mutate(dbt_valid_to=ibis.null(run_at.type()))
    return Written(added, 0, removed), Changes(before, closed.union(opened))


def _guard_mass_delete(store: Store, model: Model, history: ir.Table, changes: HistoryChanges, most: float) -> None:
    now = current(history)
    counted = now.aggregate(current=now.count()).mutate(gone=changes.gone.count().as_scalar())
    [counts] = store.rows(counted)
    if counts["gone"] > most * counts["current"]:
        raise MassDeleteError(
            f"{model.name}: {counts['gone']} of {counts['current']} current keys ({', '.join(model.business_key)}) "
            f"are missing from the extract, more than the allowed share of {most:g}. Check the file. "
            "If it is complete, build with --allow-mass-delete."
        )
