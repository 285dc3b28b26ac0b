"""A database that was dated into the future, brought back: runs get their true times, and all that they dated too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from lc_ibis import project
from lc_ibis.api.backup import backup as back_up
from lc_ibis.api.backup import contents_of
from lc_ibis.backends import files_of, opened
from lc_ibis.compiled.program import program
from lc_ibis.declare.checks import sentence
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Snapshot, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.prove.verifying import verify_tables
from lc_ibis.engine.refresh import redating
from lc_ibis.engine.refresh.redating import RedatedRun, RedatedTime
from lc_ibis.engine.relations import as_they_are
from lc_ibis.engine.state.run import SKEW
from lc_ibis.engine.state.state import State, utc_now
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError, RedateRefused
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

_TIMES = "redated_times"
_SHOWN = 5
_AS_BEFORE = (
    "Roll back the migration that brought them (lc-ibis migrate rollback), or restore a backup from before it "
    "(lc-ibis restore)."
)
_FIRST_KNOWN = " Or set them to the first run that recorded them, with --first-known."
_MISMATCH = "Restore a backup from before (lc-ibis restore), and please report it."
# Of the state: these have rules of their own, or are the backend's.
_NOT_BY_CLOCK = ("runs", "retention", "journal", _TIMES)


@dataclass(frozen=True)
class Redated:
    """The runs and rows whose times were corrected.

    `row_counts` counts the rows by table. `changes` lists the first 10,000 changes of each table. `outdated` are the
    tables that the next build rebuilds. `backup` was made before; it is None for a dry run, or if there was nothing to
    do.
    """

    runs: tuple[RedatedRun, ...] = ()
    row_counts: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[RedatedTime, ...] = ()
    outdated: tuple[str, ...] = ()
    backup: Path | None = None


class _Tried(Exception):
    """Ends the transaction of a dry run."""


def redate(dry_run: bool = False, first_known: bool = False, **options: Unpack[Options]) -> Redated:
    """Correct the times of runs that are dated in the future, in the run log and in the tables.

    A run's true time is when the log says it ended, if the clock was right by then; otherwise just after the previous
    run. A future end that no run wrote becomes the start of the key's next version, or null; identical versions are
    merged. Any other future time is an error or, with `first_known`, becomes that of the first run after it. Everything
    happens in one transaction, after a backup; with `dry_run`, nothing is written. Output files and reports are not
    changed; the next build rewrites the files. `options` are the fields of Settings. Raises RedateRefused,
    DatabaseError or BackupError, and then changes nothing.
    """
    settings = Settings.load(**options)
    pipeline, now = project.load(settings), utc_now()
    if dry_run:
        return _redated(pipeline, settings, now, first_known)
    files_of(settings)
    found = _redated(pipeline, settings, now, first_known)
    if not found.runs and not found.row_counts:
        return found
    backup = back_up(**options)
    return replace(_redated(pipeline, settings, now, first_known, backup), backup=backup)


def _redated(
    pipeline: Pipeline, settings: Settings, now: datetime, first_known: bool, backup: Path | None = None
) -> Redated:  # fmt: skip
    """Redate, or, without a backup, say what would be."""
    if not backup:
        opened(settings, read_only=True).close()  # a place without a database stays one
    with opened(settings) as store:
        if store.interrupted_at:
            raise DatabaseError(f"{settings.place}: the last build was interrupted. Build first, then redate.")
        state = State.read(store)
        last = state.last_run
        if backup and contents_of(backup).run_id != (last[0] if last else None):
            raise DatabaseError(f"{settings.place}: a build has run since the backup {backup}. Redate again.")
        found = Redated()
        with suppress(_Tried), store.transaction():
            found = _Redating(pipeline, store, state, now).all(first_known)
            if not backup:
                raise _Tried
    return found


class _Redating:
    """The work of one transaction."""

    def __init__(self, pipeline: Pipeline, store: Store, state: State, now: datetime):
        self.pipeline, self.store, self.state, self.now = pipeline, store, state, now
        self.program = program(pipeline, store.dialect)
        self.limit = now + SKEW
        self.dated = redating.time_columns(pipeline)
        self.models = [model for model in pipeline if model.is_stored and model.name in state.tables]
        self.changes: list[RedatedTime]
        self.row_counts: dict[str, int]

    def all(self, first_known: bool) -> Redated:
        """Redate the log, the tables, and what else the state knows of times. Raises RedateRefused."""
        if self.state.last_run is None:
            return Redated()
        self._refuse_leftovers()
        log = [tuple(row.values()) for row in self.store.rows(self.store.table(LAYER, "runs"))]
        if len(log) > 1 and all(finished_at > self.limit for _, _, finished_at in log):
            raise RedateRefused(f"The clock says {self.now} (UTC), and every run ended later than that. Set the clock.")
        runs = redating.redated_runs(log, self.now, self.limit)
        times = {run.before: run.after for run in runs}
        new, left = self._tables(times)
        if left and first_known:
            known = {at: redating.at_or_after(runs, at) for _, at in left}
            new, left = self._tables(times | {at: after for at, after in known.items() if after})
        advice = _AS_BEFORE + ("" if first_known else _FIRST_KNOWN)
        _refuse("No run is recorded for these times", [text for text, _ in left], advice)
        outdated: list[str] = []
        if runs or new:
            self._write(log, runs, new)
            outdated = list(self._outdated())
            self.state.save(self.store)
        return Redated(tuple(runs), self.row_counts, tuple(self.changes), tuple(outdated))

    def _tables(self, known: Mapping[datetime, datetime]) -> tuple[dict[str, ir.Table], list[tuple[str, datetime]]]:
        """Return the tables that change, as they are to be, and the times that are not known."""
        times, loads, left = self._times(known), dict[str, ir.Table](), list[tuple[str, datetime]]()
        self.changes, self.row_counts = [], {}
        histories = [model for model in self.models if isinstance(model.kind, Snapshot)]
        new: dict[str, ir.Table] = {}
        for model in [*histories, *(model for model in self.models if model not in histories)]:
            stored = self.store.table(model.layer, model.name)
            table = redating.redated(stored, times)
            if model in histories and self.store.count(table.filter(table.dbt_valid_to > moment(self.limit))):
                mended = self.store.scratch(redating.mended(model, table, self.limit, self.dated))
                if (found := redating.merged_loads(model, mended)) is not None:
                    loads[model.name] = found
                table = mended.drop("interval")
            for name, found in loads.items():
                if model.name in self._grounds(name):
                    table = redating.with_loads(model, table, self.pipeline[name], found)
            table = self.store.scratch(table)
            left += redating.unmapped(self.store, model, table, self.limit, self.dated)
            changed = redating.changed(table)
            if count := self.store.count(changed):
                self.row_counts[model.name] = count
                self.changes += redating.changes(self.store, model, changed)
                new[model.name] = redating.kept(table, stored.columns)
        self.store.drop(LAYER, _TIMES)
        return new, left

    def _refuse_leftovers(self) -> None:
        """Raise RedateRefused where a table of code that is not here holds times in the future."""
        found = []
        for layer, name in sorted(self.store.tables()):
            if layer == LAYER or name in self.pipeline.models or name not in self.state.tables:
                continue
            table = self.store.table(layer, name)
            columns = [table[column] > moment(self.limit) for column in redating.times_of(table)]
            if columns and self.store.count(table.filter(ibis.or_(*columns))):
                found.append(f"{layer}.{name}")
        _refuse(
            "Tables of models that are not loaded contain times in the future", found,
            "Name their package with --models, or drop the tables if they are not needed (lc-ibis drop).",
        )  # fmt: skip

    def _times(self, known: Mapping[datetime, datetime]) -> ir.Table:
        self.store.create(LAYER, _TIMES, ibis.schema({"before": "timestamp(6)", "after": "timestamp(6)"}))
        self.store.append(LAYER, _TIMES, list(known.items()))
        return self.store.scratch(self.store.table(LAYER, _TIMES))

    def _grounds(self, name: str) -> set[str]:
        """Return the stored tables that a table is made from, near or far."""
        near = set(self.pipeline.stored_inputs[name])
        return near.union(*(self._grounds(each) for each in near))

    def _write(self, log: list[tuple[Any, ...]], runs: list[RedatedRun], new: dict[str, ir.Table]) -> None:
        for name, rows in new.items():
            model, known = self.pipeline[name], self.state.tables[name]
            self.store.overwrite(model.layer, name, [])
            count = self.store.insert(model.layer, name, rows)
            self.state.tables[name] = replace(known, row_count=count)
            # Known to be ours, and not as the tables are: the next build writes them.
            self.state.files |= {file: replace(known, sha256="") for file, known in self.state.files_of(name).items()}
        self.state.checks = {}
        after = {run.run_id: run.after for run in runs}
        if runs:
            self.store.overwrite(LAYER, "runs", [
                (run_id, after.get(run_id, at), after.get(run_id, ended) if ended > self.limit else ended)
                for run_id, at, ended in log
            ])  # fmt: skip
        known_since = self.state.known_since
        self.state.known_since = {
            name: (redating.at_or_after(runs, at) or self.now) if at > self.limit else at
            for name, at in known_since.items()
        }
        self._write_by_clock(runs)

    def _write_by_clock(self, runs: list[RedatedRun]) -> None:
        """Redate what else was dated by a clock that was ahead."""
        for layer, name in sorted(self.store.tables()):
            if layer != LAYER or name in _NOT_BY_CLOCK:
                continue
            table = self.store.table(layer, name)
            times = redating.times_of(table)
            rows = self.store.rows(table) if times else []
            moved = [
                {c: self._by_clock(runs, value) if c in times else value for c, value in row.items()} for row in rows
            ]
            if moved != rows:
                self.store.overwrite(layer, name, [tuple(row.values()) for row in moved])

    def _by_clock(self, runs: list[RedatedRun], at: datetime | None) -> datetime | None:
        return redating.at_or_before(runs, at, self.now) if at and at > self.limit else at

    def _outdated(self) -> Iterator[str]:
        """Have the next build make those tables anew that are no longer what they are made from."""
        code = self.program.fingerprints.models
        is_same_code = all(self.state.tables[model.name].fingerprint == code[model.name] for model in self.models)
        self._refuse_broken()
        if is_same_code:
            differing = {v.table for v in verify_tables(self.program, self.store, self.state) if v.status == "differs"}
        else:
            differing = {model.name for model in self.models if not isinstance(model.kind, Source)}
        for model in self.models:
            if model.name in differing:
                known = self.state.tables[model.name]
                self.state.tables[model.name] = replace(known, inputs=dict.fromkeys(known.inputs, 0))
                yield model.name

    def _refuse_broken(self) -> None:
        """Raise RedateRefused where a history would break a check of severity error."""

        tables = as_they_are(self.program, self.store, self.now)
        checker = Checker(self.program, self.store, tables, self.state)
        histories = [model.name for model in self.models if isinstance(model.kind, Snapshot)]
        failed = [sentence(result) for result in checker.run(histories) if result.status == "fail"]
        _refuse("The histories would break checks", failed, _MISMATCH)


def _refuse(what: str, listed: list[str], how: str) -> None:
    if listed:
        more = f"\n  and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
        lines = "\n".join(f"  {each}" for each in listed[:_SHOWN])
        raise RedateRefused(f"{what}, so nothing was changed:\n{lines}{more}\n{how}")
