"""Plan a migration: do it in scratch space, by the very phases, and say what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import ibis
from ibis.backends.sql.datatypes import DuckDBType

from lc_ibis.api import backup
from lc_ibis.backends import opened
from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.engine.store import Store
from lc_ibis.errors import LcIbisError
from lc_ibis.migrations import adopted, record, validating
from lc_ibis.migrations.checkpoints import options_of
from lc_ibis.migrations.comparing import Explain, Pair, compare
from lc_ibis.migrations.inputs import left_out, sources
from lc_ibis.migrations.migration import Migration
from lc_ibis.migrations.names import OldTable, aliases, old_tables
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.phases import PHASES, Phase
from lc_ibis.migrations.recognising import histories


@dataclass(frozen=True)
class Cast:
    """A column that is renamed or cast; `values` says of one whose values are written anew how often each is."""

    old_column: str
    old_type: str
    new_column: str
    new_type: str
    values: tuple[tuple[str, str, int], ...] = ()

    @property
    def is_kept(self) -> bool:
        """Say whether neither its name nor its type is another."""
        old, new = (name.rpartition(".")[2] for name in (self.old_column, self.new_column))
        kept = ibis.dtype(self.new_type)(nullable=True)
        return old == new and not self.values and DuckDBType.from_string(self.old_type) == kept


@dataclass(frozen=True)
class RowChange:
    """A row that is refused (no column, no new value), or a value that is not what it was; and why."""

    table: str
    key: str
    column: str | None
    old: Any
    new: Any
    reason: str


@dataclass
class PhasePlan:
    """What a phase would do. `error` is why it would fail; the phases after it are not planned then."""

    phase: int
    name: str
    does: str
    status: Literal["to apply", "already applied", "would fail"] = "to apply"
    details: str = ""
    creates: tuple[tuple[str, int], ...] = ()
    casts: tuple[Cast, ...] = ()
    rows: tuple[RowChange, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0


def plan(
    migration: Migration, phases: list[Phase], progress: Callable[[PhasePlan], None] | None = None
) -> list[PhasePlan]:
    """Do what is not done yet up to the last of some phases in scratch space; say of each of them what came of it."""
    last = max(phase.number for phase in phases)
    done = {r.phase for r in record.recorded(migration.settings)}
    planned = []
    with TemporaryDirectory(prefix="lc_ibis_plan_") as scratch:
        shadow = _shadow(migration, Path(scratch))
        for phase in PHASES[:last]:
            found = PhasePlan(phase.number, phase.name, phase.does)
            if phase.number in done:
                found.status = "already applied"
            else:
                _plan(shadow, phase, found)
            if phase in phases or found.error:
                planned.append(found)
                if progress:
                    progress(found)
            if found.error:
                break
    return planned


def _shadow(migration: Migration, scratch: Path) -> Migration:
    """Return the same migration into a copy of the new database, or into none where there is none."""
    settings = replace(
        migration.settings, database=scratch / "lc.duckdb", outputs=scratch / "outputs", reports=scratch / "reports",
        notify=None,
    )  # fmt: skip
    if migration.settings.place.exists():
        kept = backup.backup(scratch / "backup", **options_of(migration.settings))
        shutil.move(next((kept / "database").iterdir()), settings.place)
    return replace(migration, settings=settings, directory=scratch / "migration")


def _plan(shadow: Migration, phase: Phase, found: PhasePlan) -> None:
    before = _tables(shadow)
    try:
        if phase.number == 2:
            found.notes = tuple(_said_of_histories(shadow))
        found.details = phase.run(shadow)
    except LcIbisError as error:
        found.status, found.error = "would fail", str(error)
        return
    if phase.number == 2 and shadow.adoption:
        found.notes += (found.details.partition("; ")[0],)
    found.creates = tuple((t, n) for t, n in _tables(shadow).items() if t not in before)
    with opened(shadow.settings, read_only=True) as store:
        if phase.number == 1:
            found.casts, found.notes = tuple(_received(shadow)), tuple(_left_out(shadow))
        if phase.number == 2:
            found.casts = tuple(_casts(shadow, store, "staging"))
            found.rows = (*_adopted(shadow), *_refused(shadow, store), *_changed(shadow, store))
        if phase.number == 4:
            found.casts = tuple(_casts(shadow, store, "marts"))
    if phase.number == 4:
        found.rows = tuple(
            RowChange(d.table, d.key, d.column, d.old, d.new, d.reason or "unexplained")
            for table in validating.marts(shadow)
            for d in table.differences
        )


def _tables(shadow: Migration) -> dict[str, int]:
    """Return the rows of each table of the pipeline, in its order, and of each view of an old name."""
    if not shadow.settings.place.exists():
        return {}
    stored = [(model.layer, model.name) for model in shadow.pipeline if model.is_stored]
    with opened(shadow.settings, read_only=True) as store:
        there = store.tables()
        names = [name for name in stored if name in there] + aliases(shadow.settings)
        run = store.con.con.execute
        return {f"{s}.{n}": int(run(f"SELECT count(*) FROM {quoted(s, n)}").fetchall()[0][0]) for s, n in names}


def _received(shadow: Migration) -> Iterator[Cast]:
    for model in sources(shadow.pipeline):
        relation = shadow.source.source(model.name)
        for name, header in model.contract.headers().items():
            column = relation.column(header) or relation.column(name)
            assert column
            yield Cast(f"{relation}.{column}", relation.columns[column], f"{model.name}.{name}", "string")


def _left_out(shadow: Migration) -> Iterator[str]:
    for model in sources(shadow.pipeline):
        if names := left_out(shadow.source, model):
            yield f"{shadow.source.source(model.name)}: {', '.join(names)} is not migrated: no new table has it."
    for _, relation in sorted(shadow.source.relations.items()):
        taken = {(t.schema, t.name) for t in old_tables(shadow.source, shadow.pipeline)}
        if (relation.schema, relation.name) not in taken and relation.schema != "snapshots":
            yield f"{relation}: it has no counterpart and stays only in the old database."


def _said_of_histories(shadow: Migration) -> Iterator[str]:
    """Say what was recognised of the old histories, and from what."""
    if shadow.adoption:
        for history in histories(shadow.source, shadow.pipeline, shadow.adoption).values():
            yield from history.notes


def _stored(old: OldDatabase, shadow: Migration, layer: str) -> list[OldTable]:
    """Return the old tables that are there and whose counterpart is of a layer."""
    tables = old_tables(old, shadow.pipeline)
    return [t for t in tables if old.relation(t.schema, t.name) and shadow.pipeline[t.model].layer == layer]


def _casts(shadow: Migration, store: Store, layer: str) -> Iterator[Cast]:
    for table in _stored(shadow.source, shadow, layer):
        types = shadow.pipeline[table.model].contract.schema()
        relation = shadow.source.relation(table.schema, table.name)
        assert relation
        for c in table.columns:
            if c.name in relation.columns:
                yield Cast(
                    f"{table}.{c.name}", relation.columns[c.name], f"{table.model}.{c.new}", str(types[c.new]),
                    _values(store, layer, table.model, c.new, c.value),
                )  # fmt: skip


def _values(store: Store, layer: str, model: str, new: str, value: str) -> tuple[tuple[str, str, int], ...]:
    """Say how often each old value is which of ours, where values are written anew: 'Yes' is true."""
    if value == quoted(new) or new.endswith("_at"):
        return ()
    rows = store.con.con.execute(
        f"SELECT {value}, CAST({quoted(new)} AS VARCHAR), count(*) FROM {quoted(layer, model)} "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return tuple((str(old), str(ours), int(count)) for old, ours, count in rows)


def _adopted(shadow: Migration) -> Iterator[RowChange]:
    for one in adopted.changes(shadow.settings) if shadow.adoption else ():
        yield RowChange(one.table, one.key, one.column, one.old, one.new, one.reason)


def _refused(shadow: Migration, store: Store) -> Iterator[RowChange]:
    for model in sources(shadow.pipeline):
        headers = model.contract.headers()
        [key] = model.contract.received_key()
        quarantine = shadow.pipeline[f"quarantine_{model.name.replace('src_', 'stg_')}"]
        for row in store.rows(quarantine.ordered(store.table(quarantine.layer, quarantine.name))):
            text = ", ".join(f"{h}={row[n]!r}" if row[n] is not None else f"{h}=null" for n, h in headers.items())
            shown = "null" if row[key] is None else row[key]
            yield RowChange(str(shadow.source.source(model.name)), shown, None, text, None, row["failure_reason"])


def _changed(shadow: Migration, store: Store) -> Iterator[RowChange]:
    """Give the values of the old staging tables that are others in ours, and the rows that only ours have."""
    for table in _stored(shadow.source, shadow, "staging"):
        if table.model.startswith("quarantine_"):
            continue
        found = compare(shadow.source, store, shadow.pipeline, table, _nobody)
        for d in found.differences:
            if d.column is not None:
                yield RowChange(d.table, d.key, d.column, d.old, d.new, "as cleaning has it")
            elif d.old is None:
                yield RowChange(d.table, d.key, None, None, str(tuple(d.new.values())), "accepted today")


def _nobody(_: list[Pair]) -> Explain:
    return lambda pair, column: None
