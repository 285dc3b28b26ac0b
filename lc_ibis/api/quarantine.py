"""What was refused, why, since when, and whether it still is."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.api.tables import few
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.declare.models import Model, Snapshot, Source, called, shortened
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import SettingsError, hint

_KEY = ("refusal_id",)
_REFUSAL = ["source_name", "received_id", "reason", "failure_reason", "received_text"]


def quarantine(
    source: str | None = None, reason: str | None = None, limit: int | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return every row that was ever refused, open rows first, newest first.

    `source` is customer or account (or src_account). `reason` is a part of the reason, in any case. Columns:
    source_name, received_id, reason, failure_reason (with the value), received_text, refused_count (copies of the row),
    first_seen_at, refused_since_at, resolved_at and came_back_count. A resolved row can come back: refused_since_at is
    the last time it did, or when it was first seen. resolved_at is the run that accepted it, or whose extract no longer
    had it; null while it is open. Raises SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        rows = _refusals(warehouse, source, reason)
        order = [rows.resolved_at.notnull(), ibis.desc("refused_since_at"), "source_name", "received_text"]
        return warehouse.store.rows(rows.drop("refusal_id").order_by(order).limit(few(limit)))


def quarantine_reasons(source: str | None = None, reason: str | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return the number of open and resolved refused rows by source and reason.

    Each has source_name, reason, open_count, resolved_count and first_seen_at. Raises SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        rows = _refusals(warehouse, source, reason)
        is_open = rows.resolved_at.isnull()
        counted = rows.group_by("source_name", "reason").aggregate(
            open_count=ibis.ifelse(is_open, rows.refused_count, 0).sum(),
            resolved_count=ibis.ifelse(is_open, 0, rows.refused_count).sum(),
            first_seen_at=rows.first_seen_at.min(),
        )
        return warehouse.store.rows(counted.order_by([ibis.desc("open_count"), "source_name", "reason"]))


def refusals_of(warehouse: Warehouse, history: Model, key: dict[str, Any]) -> ir.Table:
    """Return a row for each time that a row of a key was refused, from refused_at to resolved_at, with failure_reason.

    `key` is one of a history. What cannot be read as a key, as one that holds what cannot be seen, is known by its
    text. None where the history follows no source by its key.
    """
    source = warehouse.pipeline.source_of(history)
    rows = _spells(_versions(warehouse, source, None))
    if not source or len(key) != 1:
        return rows.limit(0)
    [(name, wanted)] = key.items()
    [read_as] = [column.read_as for column in source.contract.columns if column.name == name]
    assert read_as, "a received key is read as one"
    known, text = read_as(rows.received_id), rows.received_id
    is_text = known.isnull() & ((text == str(wanted)) | (text.strip() == str(wanted)))
    return rows.filter((known == wanted).fill_null(False) | is_text.fill_null(False))


def _histories(warehouse: Warehouse) -> list[ir.Table]:
    """Return the histories of refused rows, ours and those of packages that join us."""
    models = [m for m in warehouse.pipeline if isinstance(m.kind, Snapshot) and m.business_key == _KEY]
    return [warehouse.table(model.name) for model in models]


def _versions(warehouse: Warehouse, source: Model | None, reason: str | None) -> ir.Table:
    """Return the versions of all refusals, or of those of a source or reason."""
    history = ibis.union(*_histories(warehouse))
    history = history.mutate(reason=history.failure_reason.re_extract(r"\A([^:]+)", 1))
    if source is not None:
        history = history.filter(history.source_name.isin(_names_in_refusals(warehouse.pipeline, source)))
    if reason is not None:
        history = history.filter(history.reason.lower().contains(reason.lower()))
    return history


def _source(pipeline: Pipeline, name: str) -> Model:
    """Return a source by its name, or by that of its refusals. Raises SettingsError."""
    sources = [model for model in pipeline if isinstance(model.kind, Source)]
    named = (source for source in sources if name in _names_in_refusals(pipeline, source))
    if found := called(sources, Source, name) or next(named, None):
        return found
    known = hint(shortened(name, Source), [source.short_name for source in sources])
    raise SettingsError(f"quarantine: there is no source {name!r}.{known}")


def _names_in_refusals(pipeline: Pipeline, source: Model) -> list[str]:
    """Return the source_name of a source's refusals: its own, or loan of a key loan_id, as layers.judging has it."""
    names = [source.short_name]
    if len(key := source.contract.received_key()) == 1:
        stem = key[0].removesuffix("_id")
        names += [stem] if called(pipeline, Source, stem) in (None, source) else []
    return list(dict.fromkeys(names))


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
    wanted = None if source is None else _source(warehouse.pipeline, source)
    spells = _spells(_versions(warehouse, wanted, reason))
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
