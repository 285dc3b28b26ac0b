"""Histories begun by dbt, taken over whole: every version with its id and times, so that they go on here.

What our cleaning makes of today's rows is compared with the open versions. A customer that is as its version says keeps
that version: its row is given the version's time of loading, which is what the timestamp strategy looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import ibis.expr.types as ir

from lc_ibis.backends import opened
from lc_ibis.backends.duckdb_text import quoted
from lc_ibis.engine.contracts import moment
from lc_ibis.engine.fingerprints import fingerprints
from lc_ibis.engine.model import Model, Snapshot, TimestampStrategy
from lc_ibis.engine.pipeline import Pipeline, Tables
from lc_ibis.engine.run import Run, TableRun
from lc_ibis.engine.scd2 import current
from lc_ibis.engine.state import State
from lc_ibis.engine.store import Store
from lc_ibis.engine.writing import Written
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.old import HISTORIES, OldDatabase, Relation
from lc_ibis.settings import Settings

_SHOWN = 5
_TIMES = ("dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


@dataclass(frozen=True)
class Adopted:
    """A history that was taken over: its versions, and how many of them were folded into others."""

    table: str
    row_count: int
    folded_count: int

    def __str__(self) -> str:
        folded = f" ({self.folded_count:,} more were folded, being unchanged)" if self.folded_count else ""
        return f"{self.row_count:,} versions of {self.table}{folded}"


def histories(old: OldDatabase, pipeline: Pipeline) -> dict[str, Relation]:
    """Return the old histories by the name of ours. Raises MigrationError where one is missing."""
    found = {name: old.relation(*place) for name, place in HISTORIES.items()}
    missing = [".".join(HISTORIES[name]) for name, relation in found.items() if relation is None]
    if missing:
        raise MigrationError(
            f"{old.path}: there is no {' and no '.join(missing)} to adopt. Apply without --adopt-snapshots: the "
            "histories then begin with the rows received."
        )
    return {name: relation for name, relation in found.items() if relation}


def adopt(old: OldDatabase, pipeline: Pipeline, settings: Settings, fold: bool) -> tuple[str, datetime]:
    """Take the old histories over, in one transaction, and give unchanged rows their versions' times of loading.

    Returns what was done, as a sentence, and the moment from which on runs are later than all versions. Doing it again
    changes nothing. Raises MigrationError, naming the keys, where a history is not well-formed.
    """
    relations = histories(old, pipeline)
    with TemporaryDirectory(prefix="lc_ibis_adopt_") as scratch, opened(settings) as store:
        state = State.read(store)
        files = {name: _exported(old, pipeline[name], relation, Path(scratch)) for name, relation in relations.items()}
        versions = {name: _versions(store, pipeline[name], file, fold) for name, file in files.items()}
        for name, table in versions.items():
            _refuse_malformed(store, old.path, pipeline[name], table)
        latest = max(filter(None, (_latest(store, table) for table in versions.values())), default=datetime.min)
        run = Run(*state.next_run())
        run.run_at = max(run.run_at, latest + timedelta(microseconds=1))
        if all(name in state.tables for name in versions):
            _refuse_other(store, pipeline, versions)
            adopted = [Adopted(name, store.count(v), _folded(store, files[name], v)) for name, v in versions.items()]
            return _said(adopted), run.run_at + timedelta(microseconds=1)
        code = fingerprints(pipeline, state).models
        adopted = []
        with store.transaction():
            for name, table in versions.items():
                model = pipeline[name]
                store.create(model.layer, name, model.contract.schema())
                count = store.insert(model.layer, name, table)
                state.record(model, run.run_id, code[name], count, ())
                reason = f"adopted from {old.path.name}"
                run.tables.append(
                    TableRun(name, model.layer, model.kind_name, "created", reason, count, Written(added_count=count))
                )
                adopted.append(Adopted(name, count, _folded(store, files[name], table)))
                _date_rows(store, pipeline, model, run.run_at)
            state.write(store, run)
    return _said(adopted), run.run_at + timedelta(microseconds=1)


def _said(adopted: list[Adopted]) -> str:
    return "adopted " + ", ".join(map(str, adopted)) + "; "


def _exported(old: OldDatabase, model: Model, relation: Relation, directory: Path) -> Path:
    """Write the versions to a file, with our columns and types. Raises MigrationError."""
    missing = [name for name in model.contract.schema().names if name not in relation.columns]
    if missing:
        raise MigrationError(f"{old.path}: {relation} has no {', '.join(missing)}, which {model.name} needs.")
    names = ", ".join(map(quoted, model.contract.schema().names))
    file = directory / f"{model.name}.parquet"
    old.write(f"SELECT {names} FROM {old.sql(relation)}", file)
    return file


def _versions(store: Store, model: Model, file: Path, fold: bool) -> ir.Table:
    read = store.con.read_parquet(str(file))
    zoned = [name for name, type_ in read.schema().items() if type_.is_timestamp() and type_.timezone]
    if zoned:
        raise MigrationError(f"{model.name}: {', '.join(zoned)} have a time zone; dbt's histories have none.")
    table = store.scratch(read.cast(dict(model.contract.schema().items())).select(*model.contract.schema().names))
    return store.scratch(_fold(model, table)) if fold else table


def _content(model: Model) -> list[str]:
    """Return the columns that say something of the key, which are neither a version's nor the time of loading."""
    return [n for n in model.contract.schema().names if n not in ("dbt_scd_id", "loaded_at", *_TIMES)]


def _fold(model: Model, table: ir.Table) -> ir.Table:
    """Make one version of those that follow each other without a gap and differ only in when they were loaded.

    It has the first one's id, times and start, and the last one's end.
    """
    keys = [table[name] for name in model.business_key]
    order = ibis.window(group_by=keys, order_by=table.dbt_valid_from)
    same = ibis.and_(
        table.dbt_valid_to.lag().over(order) == table.dbt_valid_from,
        *(table[name].identical_to(table[name].lag().over(order)) for name in _content(model)),
    ).fill_null(False)
    marked = table.mutate(is_first=~same)
    order = ibis.window(
        group_by=[marked[n] for n in model.business_key], order_by=marked.dbt_valid_from, preceding=None, following=0
    )
    numbered = marked.mutate(interval=marked.is_first.cast("int64").sum().over(order))
    per = ibis.window(group_by=[*(numbered[n] for n in model.business_key), numbered.interval])
    # The last one's end, which is null while it is current.
    ends = numbered.mutate(
        is_open=numbered.dbt_valid_to.isnull().any().over(per), last_end=numbered.dbt_valid_to.max().over(per)
    )
    firsts = ends.filter(ends.is_first)
    end = ibis.ifelse(firsts.is_open, ibis.null(firsts.dbt_valid_to.type()), firsts.last_end)
    return firsts.mutate(dbt_valid_to=end).select(*table.columns)


def _folded(store: Store, file: Path, table: ir.Table) -> int:
    return store.count(store.con.read_parquet(str(file))) - store.count(table)


def _refuse_malformed(store: Store, path: Path, model: Model, table: ir.Table) -> None:
    """Raise MigrationError, naming the keys, where versions lack a value, share an id, or hold at one time."""
    keys = list(model.business_key)
    needed = [c.name for c in model.contract.columns if not c.is_nullable]
    order = ibis.window(group_by=keys, order_by=[table.dbt_valid_from, table.dbt_valid_to.isnull()])
    following = table.mutate(next_from=table.dbt_valid_from.lead().over(order))
    shared = table.group_by("dbt_scd_id").having(table.count() > 1).aggregate()
    is_open = table.dbt_valid_to.isnull()
    faults = {
        "have a version without a value where one must be": table.filter(
            ibis.or_(*(table[n].isnull() for n in needed))
        ),
        "share an id with another version": table.semi_join(shared, "dbt_scd_id"),
        "have more than one open version": table.group_by(keys).having(is_open.sum() > 1).aggregate(),
        "have a version that ends before it begins": table.filter(table.dbt_valid_to <= table.dbt_valid_from),
        "have versions that overlap": following.filter(
            following.next_from.notnull()
            & (following.dbt_valid_to.isnull() | (following.dbt_valid_to > following.next_from))
        ),
    }
    lines = []
    for fault, rows in faults.items():
        bad = rows.select(*keys).distinct().order_by(keys)
        if count := store.count(bad):
            examples = ", ".join(" ".join(map(str, row.values())) for row in store.rows(bad.limit(_SHOWN)))
            lines.append(f"\n  {count:,} {' and '.join(keys)} {fault}: {examples}{', …' if count > _SHOWN else ''}")
    if lines:
        raise MigrationError(
            f"{path}: {model.name} is no well-formed history, and was not adopted:{''.join(lines)}\n"
            "Mend it there, or apply without --adopt-snapshots."
        )


def _latest(store: Store, table: ir.Table) -> datetime | None:
    latest = [table[name].max() for name in _TIMES]
    [row] = store.rows(
        table.aggregate(latest=ibis.greatest(*(ibis.coalesce(m, moment(datetime(1, 1, 1))) for m in latest)))
    )
    return None if row["latest"] is None else row["latest"]


def _refuse_other(store: Store, pipeline: Pipeline, versions: dict[str, ir.Table]) -> None:
    """Refuse where the histories were begun here, or adopted otherwise: each old version must be among ours."""
    for name, table in versions.items():
        ours = store.table(pipeline[name].layer, name)
        if missing := store.count(table.anti_join(ours, "dbt_scd_id")):
            raise MigrationError(
                f"{name}: the history was begun without {missing:,} of the old versions, and cannot take them over "
                "any more. Roll back phase 2, then apply it with --adopt-snapshots."
            )


def _date_rows(store: Store, pipeline: Pipeline, history: Model, later: datetime) -> None:
    """Give the received rows of a history by timestamp times that are right beside its versions.

    Rows of a key whose clean values are those of its open version get that version's; all others one that is later.
    """
    kind = history.kind
    assert isinstance(kind, Snapshot)
    if not isinstance(kind.strategy, TimestampStrategy):
        return
    stamp, [staged] = kind.strategy.updated_at, [n for n in history.inputs if n != kind.held]
    [ground] = pipeline.stored_inputs[staged]
    source = pipeline[ground]
    stored = store.table(source.layer, ground)
    rows = Tables(pipeline, lambda m: stored if m.name == ground else None, moment(later))[staged]
    now = current(store.table(history.layer, history.name))
    content = _content(history)
    kept = store.scratch(
        rows.inner_join(now, [rows[name].identical_to(now[name]) for name in content], rname="now_{name}").select(
            **{name: rows[name] for name in history.business_key}, known_at=now.dbt_updated_at
        )
    )
    [column] = [c for c in source.contract.columns if c.read_as]
    assert column.read_as
    keyed = stored.mutate(**{f"key_{history.business_key[0]}": column.read_as(stored[column.name])})
    paired = keyed.left_join(kept, [keyed[f"key_{history.business_key[0]}"] == kept[history.business_key[0]]])
    dated = store.scratch(
        paired.mutate(**{stamp: ibis.coalesce(paired.known_at, moment(later))}).select(*stored.columns)
    )
    store.overwrite(source.layer, ground, [])
    store.insert(source.layer, ground, dated)
