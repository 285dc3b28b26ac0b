"""Times in the future, brought back to when they were: of runs, and in all that runs have written.

A run is later than all before it, so one that a clock which was ahead, or a far end in an adopted history, has dated in
the future takes all later ones along. When a run ended stands in the log by the clock alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.compiled.versions import by_time, merged
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import VERSION_ID, Model, Snapshot, TimestampStrategy, key_values
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.store import Store

_STEP = timedelta(microseconds=1)
# Of so many rows of a table it is told one by one what became of them.
MOST = 10_000
# Beside a table's columns: what a column was, and whether the row goes, being one with the version before it.
_WAS, _GONE = "was_{}", "is_gone"


@dataclass(frozen=True)
class RedatedRun:
    """A run, when it was dated, and when it is."""

    run_id: int
    before: datetime
    after: datetime


@dataclass(frozen=True)
class RedatedTime:
    """A time of a row, as it was and as it is; of a `key` as text.

    Where `column` is None, the row goes: it is one with the version of its key before it.
    """

    table: str
    key: str
    column: str | None
    before: datetime | None
    after: datetime | None


def redated_runs(runs: Iterable[tuple[int, datetime, datetime]], now: datetime, limit: datetime) -> list[RedatedRun]:
    """Return the runs that are dated beyond `limit`, with true times, in order; `runs` have number, time and end.

    Such a run was when it ended, as far as the clock was right then, else just after the run before it, or, where all
    before it are not known either, just before the first that is; and each is later than the one before.
    """
    known: list[tuple[int, datetime, datetime | None]] = []
    for run_id, run_at, finished_at in sorted(runs):
        latest = known[-1][2] if known else None
        at = run_at if run_at <= limit else finished_at if finished_at <= limit else None
        if latest and (at is None or at <= latest):
            at = latest + _STEP
        known.append((run_id, run_at, at))
    first = next((at for _, _, at in known if at), now)
    lost = sum(at is None for _, _, at in known)
    times = [(run_id, before, at or first - (lost - place) * _STEP) for place, (run_id, before, at) in enumerate(known)]
    return [RedatedRun(*run) for run in times if run[1] > limit]


def time_columns(pipeline: Pipeline) -> set[str]:
    """Return the names of the columns that runs date: those of versions, stamps, and what strategies go by."""
    names = {name for name, type_ in Versions.schema().items() if type_.is_timestamp()}
    for model in pipeline:
        names |= set(model.contract.stamps())
        if isinstance(model.kind, Snapshot) and isinstance(model.kind.strategy, TimestampStrategy):
            names.add(model.kind.strategy.updated_at)
    return names


def times_of(table: ir.Table) -> list[str]:
    """Return the names of a table's columns that are times."""
    return [name for name, type_ in table.schema().items() if type_.is_timestamp()]


def redated(table: ir.Table, times: ir.Table) -> ir.Table:
    """Return a table whose times are those `after` where they equal one `before`, and what each was."""
    names = times_of(table)
    found = table.mutate({_WAS.format(name): table[name] for name in names} | {_GONE: ibis.literal(False)})
    columns = found.columns
    for name in names:
        one = times.select(time_before=times.before, time_after=times.after)
        joined = found.left_join(one, found[name] == one.time_before)
        found = joined.mutate({name: ibis.coalesce(joined.time_after, joined[name])}).select(*columns)
    return found


def mended(model: Model, history: ir.Table, limit: datetime, dated: set[str]) -> ir.Table:
    """Return a redated history without ends beyond `limit`, which belong to no run.

    Such a version ends where the next of its key begins, or not at all. Where the next says the same, they are one:
    the first one's id, times and start, and the last one's end.
    """
    keys = model.business_key
    is_far = (history.dbt_valid_to > moment(limit)).fill_null(False)
    table = history.mutate(is_far=is_far, next_from=history.dbt_valid_from.lead().over(by_time(history, keys)))
    table = table.mutate(dbt_valid_to=ibis.ifelse(table.is_far, table.next_from, table.dbt_valid_to))
    over = by_time(table, keys)
    content = [c for c in model.contract.schema().names if c not in (VERSION_ID, *keys, *dated)]
    is_same = [table[c].identical_to(table[c].lag().over(over)) for c in content]
    done = merged(table, keys, ibis.and_(table.is_far.lag().over(over), *is_same))
    return done.select(*history.columns, "interval")


def merged_loads(model: Model, history: ir.Table) -> ir.Table | None:
    """Return, of the keys whose versions became one, when the last of them was loaded, and when the first was.

    None where the history does not go by times of loading.
    """
    assert isinstance(model.kind, Snapshot)
    if not isinstance(model.kind.strategy, TimestampStrategy):
        return None
    name, keys = model.kind.strategy.updated_at, list(model.business_key)
    per = history.group_by([*keys, "interval"]).aggregate(
        load_before=history[name].max(where=history.is_gone), load_after=history[name].min(where=~history.is_gone)
    )
    return per.filter(per.load_before.notnull()).select(*keys, "load_before", "load_after")


def with_loads(model: Model, table: ir.Table, history: Model, loads: ir.Table) -> ir.Table:
    """Return a redated table that the history is made from, the rows of its keys loaded when their first version was.

    A table without the history's key is as it was.
    """
    assert isinstance(history.kind, Snapshot)
    assert isinstance(history.kind.strategy, TimestampStrategy)
    name, keys = history.kind.strategy.updated_at, history.business_key
    if name not in table.columns or not set(keys) <= set(table.columns):
        return table
    values = key_values(model, table, keys)
    theirs = loads.rename(lambda column: f"their_{column}")
    same = [value == theirs[f"their_{key}"] for key, value in values.items()]
    joined = table.left_join(theirs, [*same, table[name] == theirs.their_load_before])
    return joined.mutate({name: ibis.coalesce(joined.their_load_after, joined[name])}).select(*table.columns)


def kept(table: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Return the rows that stay of a redated table."""
    return table.filter(~table[_GONE]).select(*columns)


def changed(table: ir.Table) -> ir.Table:
    """Return the rows of a redated table that are not as they were."""
    differs = [~table[name].identical_to(table[_WAS.format(name)]) for name in _own_times(table)]
    return table.filter(ibis.or_(table[_GONE], *differs))


def changes(store: Store, model: Model, rows: ir.Table) -> Iterator[RedatedTime]:
    """Yield what differs in the first of those rows, in the order of their keys."""
    names, keys = _own_times(rows), list(model.business_key or model.contract.received_key())
    ordered = rows.order_by([*keys, *(_WAS.format(name) for name in names)]).limit(MOST)
    for row in store.rows(ordered):
        shown = ", ".join(str(row[key]) for key in keys)
        if row[_GONE]:
            yield RedatedTime(model.name, shown, None, row[_WAS.format("dbt_valid_from")], None)
            continue
        for name in names:
            before, after = row[_WAS.format(name)], row[name]
            if before != after:
                yield RedatedTime(model.name, shown, name, before, after)


def _own_times(table: ir.Table) -> list[str]:
    return [name for name in times_of(table) if not name.startswith(_WAS.format(""))]


def unmapped(
    store: Store, model: Model, table: ir.Table, limit: datetime, dated: set[str]
) -> list[tuple[str, datetime]]:  # fmt: skip
    """Return what still lies beyond `limit` in the columns that runs date, with where it stands as text."""
    keys = list(model.business_key or model.contract.received_key())
    names = [name for name in times_of(table) if name in dated]
    stay = table.filter(~table[_GONE])
    rows = stay.filter(ibis.or_(*(stay[name] > moment(limit) for name in names))) if names else stay.limit(0)
    rows = rows.order_by(keys or names).limit(MOST)
    return [
        (f"{model.name} {', '.join(str(row[key]) for key in keys)}: {name} {row[name]}", row[name])
        for row in store.rows(rows.select(*dict.fromkeys([*keys, *names])))
        for name in names
        if row[name] is not None and row[name] > limit
    ]


def at_or_before(runs: Sequence[RedatedRun], at: datetime, now: datetime) -> datetime:
    """Return when a moment of a clock that was ahead was: that of the last run by then."""
    return max((run.after for run in runs if run.before <= at), default=now)


def at_or_after(runs: Sequence[RedatedRun], at: datetime) -> datetime | None:
    """Return the time of the first run from a moment on, the first that can have known it; None where there is none."""
    return min((run.after for run in runs if run.before >= at), default=None)


def future_times(
    store: Store, pipeline: Pipeline, names: Iterable[str], limit: datetime
) -> Iterator[tuple[str, str, int, datetime]]:
    """Yield, of the named tables, each column that runs date with times beyond `limit`: how many, and the latest."""
    dated = time_columns(pipeline)
    for model in (pipeline[name] for name in names):
        table = store.table(model.layer, model.name)
        columns = [name for name in times_of(table) if name in dated]
        found: Mapping[str, Any] = {}
        if columns:
            ahead = {f"count_{name}": (table[name] > moment(limit)).sum() for name in columns}
            latest = {f"latest_{name}": table[name].max() for name in columns}
            [found] = store.rows(table.aggregate(**ahead, **latest))
        for name in columns:
            if found[f"count_{name}"]:
                yield model.name, name, int(found[f"count_{name}"]), found[f"latest_{name}"]
