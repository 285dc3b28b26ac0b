"""Verify: make every table anew from the stored source rows and the histories, and compare with what is stored.

It shows that incremental equals full. The source tables and the closed versions are taken as given; of a history
it is checked that the last load would not change it any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import Dialect, Query
from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Model, Snapshot, Source
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.relations import Relations, stored
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

    def some(self, sql: Dialect, keys: Query) -> Query:
        """Return some of the keys, others in each run."""
        texts = (f"coalesce(CAST({sql.quoted(name)} AS STRING), '')" for name in keys.columns)
        order = " || '|' || ".join([f"'{self.run_id}'", *texts])
        return sql.made(f"SELECT * FROM {keys.rows} AS t ORDER BY hash({order}) LIMIT {self.count}", keys.columns, keys)


def verify_tables(program: Program, store: Store, state: State, sample: Sample | None = None) -> Iterator[Verified]:
    """Compare every stored table that is made from others; tables older than an input are skipped, with the reason.

    What was received and the histories are the ground: a history differs where the rows of the last load would
    still change it. With a `sample` only tables that are computed by key are looked at, and of them some keys.
    """

    def found(model: Model) -> Query | None:
        return stored(store, model) if isinstance(model.kind, Source | Snapshot) else None

    graph, now = program.graph, utc_now()
    anew = Relations(program, found, now, keep=store.scratch)
    skipped: dict[str, str] = {}
    for model in graph:
        if not model.is_stored or isinstance(model.kind, Source):
            continue
        if sample and (isinstance(model.kind, Snapshot) or not model.by):
            continue
        if reason := _why_not(graph, state, model, skipped):
            skipped[model.name] = reason
            yield Verified(model.name, model.layer, "skipped", reason=reason)
            continue
        is_history = isinstance(model.kind, Snapshot)
        rows = _history_rows(program, model, anew, now) if is_history else _rows(program, store, model, anew, sample)
        yield _verified(store, model, rows)


def _why_not(graph: Graph, state: State, model: Model, skipped: dict[str, str]) -> str | None:
    older = [name for name in graph.stored_inputs[model.name] if name in skipped]
    looks = "it looks at the clock: each build computes it for its own time" if model.looks_at_clock else None
    return looks or state.stale(graph, (model.name,)) or (f"{older[0]} is skipped" if older else None)


def _rows(program: Program, store: Store, model: Model, anew: Relations, sample: Sample | None) -> Query:
    """Return the contents that the stored table has too often or too seldom."""
    old, new, sql = stored(store, model), anew[model.name], program.dialect
    if sample:
        changed = sample.changes.get(model.name)
        tables = [old, *([changed.removed, changed.added] if changed else [])]
        parts = [sample.some(sql, program.key_values(model, rows)) for rows in tables]
        keys = store.scratch(sql.union(*(sql.select(part, part.columns) for part in parts), is_distinct=True))
        old, new = (program.among(model, rows, keys, model.by) for rows in (old, new))
    return program.differences(model, "found").over({":result": new, ":stored": old})


def _history_rows(program: Program, model: Model, anew: Relations, now: datetime) -> Query:
    """Return the versions that the rows of the last load would still close or open."""
    assert isinstance(model.kind, Snapshot)
    given = {":history": anew[model.name], ":rows": anew.computed(model)}
    given |= {":held": anew[model.kind.held]} if model.kind.held else {}
    closed, opened = (program.versions(model, what).over(given, now) for what in ("closed", "opened"))
    return program.dialect.union(closed, opened)


def _verified(store: Store, model: Model, rows: Query) -> Verified:
    names = model.business_key or model.contract.content()
    keys = store.scratch(store.dialect.select(rows, names, is_distinct=True))
    count = store.count(keys)
    if not count:
        return Verified(model.name, model.layer, "identical")
    examples = store.rows(store.dialect.ordered(keys, names, EXAMPLES))
    return Verified(model.name, model.layer, "differs", count, tuple(examples))
