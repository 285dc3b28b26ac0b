"""What was refused, why, since when, and whether it still is."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.api.tables import few
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.declare.models import Snapshot, Source
from lc_ibis.errors import SettingsError, hint

_KEY = ("refusal_id",)
_REFUSAL = ["source_name", "received_id", "reason", "failure_reason", "received_text"]


def quarantine(
    source: str | None = None, reason: str | None = None, limit: int | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return every row that was ever refused, those that still are first, the latest first.

    `source` is customer or account (or src_account), `reason` a part of the reason, in any case. Columns:
    source_name, received_id, reason, failure_reason (with the value), received_text, refused_count (copies of the
    row), first_seen_at, refused_since_at, resolved_at and came_back_count. A row that was resolved may come back:
    refused_since_at is when it last did, or was first seen. resolved_at is the run whose extract no longer had it, or
    in which it was accepted; null while it is open. Raises SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        rows = _refusals(warehouse, source, reason)
        order = [rows.resolved_at.notnull(), ibis.desc("refused_since_at"), "source_name", "received_text"]
        return warehouse.store.rows(rows.drop("refusal_id").order_by(order).limit(few(limit)))


def quarantine_reasons(source: str | None = None, reason: str | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return how many rows are refused now, and how many were and are resolved, by source and reason."""
    with connect(**options) as warehouse:
        rows = _refusals(warehouse, source, reason)
        is_open = rows.resolved_at.isnull()
        counted = rows.group_by("source_name", "reason").aggregate(
            open_count=ibis.ifelse(is_open, rows.refused_count, 0).sum(),
            resolved_count=ibis.ifelse(is_open, 0, rows.refused_count).sum(),
            first_seen_at=rows.first_seen_at.min(),
        )
        return warehouse.store.rows(counted.order_by([ibis.desc("open_count"), "source_name", "reason"]))


def refusals_of(warehouse: Warehouse, source: str, key: dict[str, Any]) -> ir.Table:
    """Return a row for each time that a row of a key was refused, from refused_at to resolved_at, with failure_reason.

    What cannot be read as a key, as one that holds what cannot be seen, is known by its text. None where the source has
    no such key.
    """
    rows = _spells(_versions(warehouse, source, None))
    model = warehouse.pipeline.models.get(f"src_{source}")
    columns = {column.name: column for column in model.contract.columns} if model else {}
    if len(key) != 1 or not (read_as := columns[next(iter(key))].read_as if key.keys() <= columns.keys() else None):
        return rows.limit(0)
    [wanted] = key.values()
    known, text = read_as(rows.received_id), rows.received_id
    is_text = known.isnull() & ((text == str(wanted)) | (text.strip() == str(wanted)))
    return rows.filter((known == wanted).fill_null(False) | is_text.fill_null(False))


def _histories(warehouse: Warehouse) -> list[ir.Table]:
    """Return the histories of refused rows, ours and those of packages that join us."""
    models = [m for m in warehouse.pipeline if isinstance(m.kind, Snapshot) and m.business_key == _KEY]
    return [warehouse.table(model.name) for model in models]


def _versions(warehouse: Warehouse, source: str | None, reason: str | None) -> ir.Table:
    """Return the versions of all refusals, or of those of a source or reason."""
    history = ibis.union(*_histories(warehouse))
    history = history.mutate(reason=history.failure_reason.re_extract(r"\A([^:]+)", 1))
    if source is not None:
        sources = [m.name.removeprefix("src_") for m in warehouse.pipeline if isinstance(m.kind, Source)]
        wanted = source.removeprefix("src_")
        if wanted not in sources:
            raise SettingsError(f"quarantine: there is no source {source!r}.{hint(wanted, sources)}")
        history = history.filter(history.source_name == wanted)
    if reason is not None:
        history = history.filter(history.reason.lower().contains(reason.lower()))
    return history


def _spells(history: ir.Table) -> ir.Table:
    """Return a row for each time that a refusal was open, from refused_at until resolved_at, which is null if it is.

    Where a version begins at the end of the one before, only the number of copies changed.
    """
    ended_at = history.dbt_valid_to.lag().over(group_by=_KEY, order_by="dbt_valid_from")
    history = history.mutate(begins=(ended_at.isnull() | (ended_at < history.dbt_valid_from)).cast("int64"))
    so_far = ibis.cumulative_window(group_by=_KEY, order_by="dbt_valid_from")
    history = history.mutate(spell=history.begins.sum().over(so_far))
    return history.group_by(*_KEY, *_REFUSAL, "spell").aggregate(
        refused_count=history.refused_count.argmax(history.dbt_valid_from),
        refused_at=history.dbt_valid_from.min(),
        resolved_at=_end(history.dbt_valid_to),
    )


def _refusals(warehouse: Warehouse, source: str | None, reason: str | None) -> ir.Table:
    """Return a row a refusal, in the columns of quarantine."""
    spells = _spells(_versions(warehouse, source, reason))
    return spells.group_by(*_KEY, *_REFUSAL).aggregate(
        refused_count=spells.refused_count.argmax(spells.refused_at),
        first_seen_at=spells.refused_at.min(),
        refused_since_at=spells.refused_at.max(),
        resolved_at=_end(spells.resolved_at),
        came_back_count=spells.count() - 1,
    )


def _end(ends: ir.TimestampColumn) -> ir.TimestampScalar:
    """Return the last of several ends; null where one is open."""
    return ibis.ifelse(ends.isnull().sum() > 0, ibis.null(ends.type()), ends.max())
