"""Verify: make every table anew from the stored source rows and the histories, and compare with what is stored.

It shows that incremental equals full. The source tables and the closed versions are taken as given; of a history
it is checked that the last load would not change it any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model, Snapshot, Source, among_rows, key_values
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.refresh.differences import differences
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.refresh.versions import history_changes
from lc_ibis.engine.state.state import State, utc_now
from lc_ibis.engine.store import Store

EXAMPLES = 5


@dataclass(frozen=True)
class Verified:
    """How a stored table compares with the same made anew; `keys` are a few of the rows that differ."""

    table: str
    layer: str
    status: Literal["identical", "differs", "skipped"]
    differing_count: int = 0
    keys: tuple[dict[str, Any], ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Sample:
    """How many keys of a table are looked at: so many of all, of those it lost, and of those it gained in a run."""

    count: int
    run_id: int
    changes: Mapping[str, Changes]

    def some(self, keys: ir.Table) -> ir.Table:
        """Return some of the keys, others in each run."""
        text: ir.StringValue = ibis.literal(str(self.run_id))
        for name in keys.columns:
            text = text + "|" + keys[name].cast("string").fill_null("")
        return keys.order_by(text.hash()).limit(self.count)


def verify_tables(pipeline: Pipeline, store: Store, state: State, sample: Sample | None = None) -> Iterator[Verified]:
    """Compare every stored table that is made from others; tables older than an input are skipped, with the reason.

    What was received and the histories are the ground: a history differs where the rows of the last load would
    still change it. With a `sample` only tables that are computed by key are looked at, and of them some keys.
    """

    def found(model: Model) -> ir.Table | None:
        is_ground = isinstance(model.kind, Source | Snapshot)
        return store.table(model.layer, model.name) if is_ground else None

    anew = Tables(pipeline, found, moment(utc_now()), keep=store.scratch)
    skipped: dict[str, str] = {}
    for model in pipeline:
        if not model.is_stored or isinstance(model.kind, Source):
            continue
        if sample and (isinstance(model.kind, Snapshot) or not model.by):
            continue
        if reason := _why_not(pipeline, state, model, skipped):
            skipped[model.name] = reason
            yield Verified(model.name, model.layer, "skipped", reason=reason)
            continue
        is_history = isinstance(model.kind, Snapshot)
        rows = _history_rows(store, model, anew) if is_history else _rows(store, model, anew, sample)
        yield _verified(store, model, rows)


def _why_not(pipeline: Pipeline, state: State, model: Model, skipped: dict[str, str]) -> str | None:
    older = [name for name in pipeline.stored_inputs[model.name] if name in skipped]
    looks = "it looks at the clock: each build computes it for its own time" if model.looks_at_clock else None
    return looks or state.stale(pipeline, (model.name,)) or (f"{older[0]} is skipped" if older else None)


def _rows(store: Store, model: Model, anew: Tables, sample: Sample | None) -> ir.Table:
    """Return the contents that the stored table has too often or too seldom."""
    stored, made = store.table(model.layer, model.name), anew[model.name]
    if sample:
        changed = sample.changes.get(model.name)
        tables = [stored, *([changed.removed, changed.added] if changed else [])]
        parts = [sample.some(table.select(**key_values(model, table, model.by))) for table in tables]
        keys = store.scratch(ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0])
        stored, made = (among_rows(model, rows, keys, model.by) for rows in (stored, made))
    return differences(made, stored, model.contract).table


def _history_rows(store: Store, model: Model, anew: Tables) -> ir.Table:
    """Return the versions that the rows of the last load would still close or open."""
    assert isinstance(model.kind, Snapshot)
    held = anew[model.kind.held] if model.kind.held else None
    changes = history_changes(model, anew[model.name], anew.computed(model), held, moment(utc_now()))
    return changes.closed.union(changes.opened)


def _verified(store: Store, model: Model, rows: ir.Table) -> Verified:
    names = model.business_key or model.contract.content()
    keys = store.scratch(rows.select(*names).distinct())
    count = store.count(keys)
    if not count:
        return Verified(model.name, model.layer, "identical")
    examples = store.rows(keys.order_by(names).limit(EXAMPLES))
    return Verified(model.name, model.layer, "differs", count, tuple(examples))
