"""What a database holds: its tables, their rows now or as they stood, and the runs that made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from lc_ibis import project
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.backends import opened
from lc_ibis.declare.models import Snapshot
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.prove import failing_rows
from lc_ibis.engine.state.past import seconds_of
from lc_ibis.engine.state.state import State, done_tables, kept, run_times
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import SelectionError
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


@dataclass(frozen=True)
class TableChange:
    """What a run did to a table, and why; `key_count` is None if the whole table was computed, or nothing.

    Of a history, `added_count` are versions opened, and `removed_count` versions closed.
    """

    table_name: str
    action: str
    reason: str
    key_count: int | None
    added_count: int
    changed_count: int
    removed_count: int
    row_count: int


@dataclass(frozen=True)
class PastRun:
    """A run that changed something; times are UTC.

    `seconds` is None if the run is dated after the one before it, which was ahead of the clock, or was redated.
    """

    run_id: int
    run_at: datetime
    finished_at: datetime
    seconds: float | None
    tables: tuple[TableChange, ...]


def show(
    table: str, limit: int | None = None, as_of: str | int | date | None = None, **options: Unpack[Options]
) -> list[dict[str, Any]]:
    """Return the first rows of a table, all without a `limit`, ordered by key: dictionaries of its contract's columns.

    `as_of` is as for Warehouse.table. `options` are the fields of Settings. Raises SelectionError, SettingsError,
    DatabaseError.
    """
    with connect(**options) as warehouse:
        rows = warehouse.table(table, as_of)
        return warehouse.store.rows(warehouse.pipeline[table].ordered(rows).limit(few(limit)))


def failing(
    table: str, limit: int | None = None, stored: bool = False, **options: Unpack[Options]
) -> dict[str, list[dict[str, Any]]]:
    """Return the first rows of a stored table that fail each of its checks, regardless of thresholds.

    Returns them by the check's name, without checks that no row breaks; a row has the columns of the table, or those
    that the check computes. With `stored` they are the rows that the last build with store_failures kept, published or
    not, their values as in JSON. Raises SelectionError if there is no such table or it has no checks, DatabaseError if
    nothing is kept, SettingsError.
    """
    with connect(**options) as warehouse:
        if not (checks := warehouse.pipeline[table].checks):
            raise SelectionError(f"{table} has no checks.")
        if stored:
            return failing_rows.stored(warehouse.store, table, limit)
        tables = warehouse.tables
        broken = {check.name: check.rows(tables[table], tables) for check in checks}
        found = {
            name: warehouse.store.rows(rows.order_by(rows.columns).limit(few(limit))) for name, rows in broken.items()
        }
        return {check: rows for check, rows in found.items() if rows}


def runs(limit: int | None = None, **options: Unpack[Options]) -> list[PastRun]:
    """Return the runs that changed something, newest first, each with what it did to each table.

    `limit` is the most runs to return. `options` are the fields of Settings. Raises DatabaseError, SettingsError.
    """
    with connect(**options) as warehouse:
        return runs_of(warehouse, limit)


def runs_of(warehouse: Warehouse, limit: int | None = None) -> list[PastRun]:
    """Return the runs of an open database, as `runs` does."""
    if warehouse.state.last_run is None:
        return []
    store, sql = warehouse.store, warehouse.store.dialect
    log, done = kept(store, "runs"), done_tables(store)
    found = store.rows(sql.ordered(log, ("run_id",), few(limit and limit + 1), is_descending=True))
    logged = found[:limit] if limit else found
    first = min((run["run_id"] for run in logged), default=0)
    tables = store.rows(sql.where(done, f"run_id >= {first}")) if done else []
    order = {name: place for place, name in enumerate(warehouse.pipeline.models)}
    tables.sort(key=lambda row: order.get(row["table_name"], len(order)))
    changes: dict[int, list[TableChange]] = {}
    for row in tables:
        changes.setdefault(row.pop("run_id"), []).append(TableChange(**row))
    return [
        PastRun(**run, seconds=seconds_of(run, before), tables=tuple(changes.get(run["run_id"], ())))
        for run, before in zip_longest(logged, found[1:])
        if run
    ]


def few(limit: int | None) -> int | None:
    """Return a limit that every engine can take; None is none."""
    return limit and min(limit, 2**31 - 1)


def histories_of(warehouse: Warehouse) -> set[str]:
    """Return the names of an open database's histories, those of older code too: rows they lost are closed versions."""
    known = {model.name: isinstance(model.kind, Snapshot) for model in warehouse.pipeline}
    older = {name: contract.is_history for name, contract in warehouse.state.contracts.items()}
    return {name for name, is_history in (older | known).items() if is_history}


Status = Literal["built", "lost", "leftover", "other"]


@dataclass(frozen=True)
class Stored:
    """A table or view in the database.

    `status` is one of: built by the pipeline; lost, built but missing now; leftover, from older code; other, created by
    another tool. `version` is the run that last changed its rows, and `changed_at` that run's time.
    """

    layer: str
    name: str
    kind: str
    row_count: int | None = None
    version: int | None = None
    changed_at: datetime | None = None
    status: Status = "built"

    @property
    def full_name(self) -> str:
        return f"{self.layer}.{self.name}" if self.layer else self.name


def tables(**options: Unpack[Options]) -> list[Stored]:
    """Return the tables in the database: the pipeline's in order, then all others, without the engine's state.

    `options` are the fields of Settings. Raises SettingsError, DatabaseError.
    """
    settings = Settings.load(**options)
    with opened(settings, read_only=True) as store:
        return list(_stored(project.load(settings), store, State.read(store, is_whole=False)))


def _stored(pipeline: Pipeline, store: Store, state: State) -> Iterator[Stored]:
    times, views = run_times(store), store.views()
    there = {place for place in store.tables() | views if place[0] != LAYER}
    homes = {name: _home(pipeline, name, there) for name in state.tables}
    known = [homes[name] for name in sorted(homes, key=[*pipeline.models, *sorted(homes)].index)]
    for place in [*known, *sorted(there - set(known))]:
        layer, name = place
        if place in known:
            table, model = state.tables[name], pipeline.models.get(name)
            status: Status = "lost" if place not in there else "built" if model else "leftover"
            kind, at = model.kind_name if model else "table", times.get(table.version)
            yield Stored(layer, name, kind, table.row_count, table.version, at, status)
        elif place in views:
            yield Stored(layer, name, "view", status="other")
        else:
            yield Stored(layer, name, "table", store.size(layer, name), status="other")


def _home(pipeline: Pipeline, name: str, there: set[tuple[str, str]]) -> tuple[str, str]:
    """Return where a table that was built is: where its model says, or, from older code, where there is one."""
    if name in pipeline.models:
        return pipeline[name].layer, name
    found = sorted(place for place in there if place[1] == name)
    return min(found, key=lambda place: place[0] not in pipeline.layers) if found else ("", name)
