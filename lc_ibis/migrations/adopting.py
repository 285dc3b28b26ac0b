"""Histories begun by dbt, taken over whole: every version with its id and times, so that they go on here.

What our cleaning makes of today's rows is compared with the open versions. A customer that is as its version says keeps
that version: its row is given the version's time of loading, which is what the timestamp strategy looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import ibis.expr.types as ir

from lc_ibis.backends import opened
from lc_ibis.compiled.program import program
from lc_ibis.compiled.versions import by_time, merged
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.history import current
from lc_ibis.declare.models import Model, Snapshot, TimestampStrategy
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.state.run import Run, TableRun, Written
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store
from lc_ibis.errors import MigrationError
from lc_ibis.migrations import adopted
from lc_ibis.migrations.histories import TIMES
from lc_ibis.migrations.mending import Change
from lc_ibis.migrations.migration import Migration
from lc_ibis.migrations.recognising import histories
from lc_ibis.migrations.versions import read


@dataclass(frozen=True)
class _Read:
    """A history as it was read: its versions, how many were folded into others, and what was changed."""

    table: ir.Table
    folded_count: int
    changes: tuple[Change, ...]


def adopt(migration: Migration) -> tuple[str, datetime]:
    """Take the old histories over, in one transaction, and give unchanged rows their versions' times of loading.

    Returns what was done, as a sentence, and the moment from which on runs are later than all versions. Raises
    MigrationError, naming the keys, where a history is not well-formed.
    """
    old, pipeline, adoption = migration.source, migration.pipeline, migration.adoption
    assert adoption, "histories are adopted where that is asked for"
    found = histories(old, pipeline, adoption)
    with TemporaryDirectory(prefix="lc_ibis_adopt_") as scratch, opened(migration.settings) as store:
        versions: dict[str, _Read] = {}
        refused = []
        for name, history in found.items():
            file = Path(scratch, f"{name}.parquet")
            try:
                theirs = read(old, history, pipeline[name], pipeline, store, adoption, file)
            except MigrationError as error:
                refused.append(str(error))
                continue
            table = store.scratch(_fold(pipeline[name], theirs.table)) if adoption.fold else theirs.table
            versions[name] = _Read(table, store.count(theirs.table) - store.count(table), theirs.changes)
        if refused:
            refused.append(
                "Fix what no option covers in a copy of the old database, or migrate without --adopt-snapshots."
            )
            raise MigrationError("\n".join(refused))
        state = State.read(store)
        latest = max(_latest(store, one.table) for one in versions.values())
        run = Run(*state.next_run())
        # Later than all versions, which are no later than now, the skew of clocks aside.
        run.run_at = max(run.run_at, latest + timedelta(microseconds=1))
        _refuse_begun(state, versions)
        code = program(pipeline, store.dialect).fingerprints.models
        with store.transaction():
            for name, one in versions.items():
                _begin(store, state, pipeline, pipeline[name], one.table, run, code[name], old.path.name)
            adopted.write(
                store, found.values(), [change for one in versions.values() for change in one.changes], adoption
            )
            state.write(store, run)
        said = ", ".join(_said(store, name, one) for name, one in versions.items())
    return f"adopted {said}; ", run.run_at + timedelta(microseconds=1)


def _begin(
    store: Store, state: State, pipeline: Pipeline, model: Model, versions: ir.Table, run: Run, code: str, old: str
) -> None:
    store.create(model.layer, model.name, model.contract.types())
    count = store.insert(model.layer, model.name, versions)
    state.record(model, run.run_id, code, count, ())
    written = Written(added_count=count)
    run.tables.append(
        TableRun(model.name, model.layer, model.kind_name, "created", f"adopted from {old}", count, written)
    )
    assert isinstance(model.kind, Snapshot)
    if isinstance(strategy := model.kind.strategy, TimestampStrategy):
        received = _received(store, pipeline, model, model.kind, run.run_at)
        dated = _dated(store, model, received, strategy.updated_at, run.run_at)
        _replace_rows(store, received.source, dated)


def _said(store: Store, name: str, one: _Read) -> str:
    """Return what was taken over: "3 versions of snap_customer (2 more were folded, being unchanged)"."""
    folded = f" ({one.folded_count:,} more were folded, being unchanged)" if one.folded_count else ""
    changed = f" ({len(one.changes):,} changes, in lc-ibis migrate status --changes)" if one.changes else ""
    return f"{store.count(one.table):,} versions of {name}{folded}{changed}"


def _content(model: Model) -> list[str]:
    """Return the columns that say something of the key, which are neither a version's nor the time of loading."""
    return [n for n in model.contract.schema().names if n not in ("dbt_scd_id", "loaded_at", *TIMES)]


def _fold(model: Model, table: ir.Table) -> ir.Table:
    """Make one version of those that follow each other without a gap and differ only in when they were loaded.

    It has the first one's id, times and start, and the last one's end.
    """
    order = by_time(table, model.business_key)
    is_same = ibis.and_(
        table.dbt_valid_to.lag().over(order) == table.dbt_valid_from,
        *(table[name].identical_to(table[name].lag().over(order)) for name in _content(model)),
    )
    done = merged(table, model.business_key, is_same)
    return done.filter(~done.is_gone).select(*table.columns)


def _latest(store: Store, table: ir.Table) -> datetime:
    """Return the latest time of versions; the first that there is where there are none."""
    times = (ibis.coalesce(table[name].max(), moment(datetime(1, 1, 1))) for name in TIMES)
    [row] = store.rows(table.aggregate(latest=ibis.greatest(*times)))
    latest: datetime = row["latest"]
    return latest


def _refuse_begun(state: State, names: Iterable[str]) -> None:
    """Refuse where a build has begun a history: it cannot take older versions over any more."""
    if begun := [name for name in names if name in state.tables]:
        raise MigrationError(
            f"{' and '.join(begun)}: a build has already started this history, so the old versions can "
            "no longer be adopted. Roll back phase 2, or migrate into another --database, with --adopt-snapshots."
        )


@dataclass(frozen=True)
class _Received:
    """The rows received for a history: their source, as it has them, and as they are staged."""

    source: Model
    rows: ir.Table
    staged: ir.Table


def _received(store: Store, pipeline: Pipeline, history: Model, kind: Snapshot, at: datetime) -> _Received:
    """Read the rows that were received for a history."""
    [staged] = [name for name in history.inputs if name != kind.held]
    [ground] = pipeline.stored_inputs[staged]
    source = pipeline[ground]
    rows = store.table(source.layer, ground)
    tables = Tables(pipeline, lambda model: rows if model.name == ground else None, moment(at))
    return _Received(source, rows, tables[staged])


def _dated(store: Store, history: Model, received: _Received, stamp: str, later: datetime) -> ir.Table:
    """Compute the rows of a source with times that are right beside the versions of its history.

    Rows of a key whose clean values are those of its open version get that version's; all others one that is later.
    """
    rows, staged, now = received.rows, received.staged, current(store.table(history.layer, history.name))
    is_same = [staged[name].identical_to(now[name]) for name in _content(history)]
    kept = store.scratch(
        staged.inner_join(now, is_same, rname="now_{name}").select(
            **{name: staged[name] for name in history.business_key}, known_at=now.dbt_updated_at
        )
    )
    key = history.business_key[0]
    [column] = [c for c in received.source.contract.columns if c.read_as]
    assert column.read_as
    keyed = rows.mutate(**{f"key_{key}": column.read_as(rows[column.name])})
    paired = keyed.left_join(kept, [keyed[f"key_{key}"] == kept[key]])
    dated = paired.mutate(**{stamp: ibis.coalesce(paired.known_at, moment(later))})
    return store.scratch(dated.select(*rows.columns))


def _replace_rows(store: Store, source: Model, rows: ir.Table) -> None:
    """Write rows in place of all that a source has."""
    store.overwrite(source.layer, source.name, [])
    store.insert(source.layer, source.name, rows)
