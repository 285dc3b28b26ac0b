"""A built database, open for reading: its tables now, as they stood, and as they would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from lc_ibis import project
from lc_ibis.backends import opened
from lc_ibis.declare import history
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.declare.selection import select as selected
from lc_ibis.engine.prove import failing_rows
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.prove.mutating import Mutated, mutated
from lc_ibis.engine.prove.verifying import Verified, verify_tables
from lc_ibis.engine.state.past import Past, seconds_of
from lc_ibis.engine.state.run import Run
from lc_ibis.engine.state.state import State, done_tables, utc_now
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError, SelectionError
from lc_ibis.moments import parse_moment, run_number
from lc_ibis.reporting.views import ShownRun, View
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.options import Options


class Warehouse:
    """A built database, open for reading. Use it as a context manager, or close it."""

    def __init__(self, pipeline: Pipeline, settings: Settings):
        self.pipeline, self.settings = pipeline, settings
        self._store: Store | None = opened(settings, read_only=True)
        try:
            self.state = State.read(self.store)
        except BaseException:
            self.close()  # nobody else can
            raise

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, so that builds in this process can open it."""
        if self._store is not None:
            self._store.close()
        self._store = None

    @property
    def store(self) -> Store:
        """The open store of the tables. Raises DatabaseError after it is closed."""
        if self._store is None:
            raise DatabaseError(f"{self.settings.place}: it was closed. Open it again: p = lc_ibis.connect(…).")
        return self._store

    def selected(self) -> list[str]:
        """The names of the models selected by the settings."""
        return selected(self.pipeline, self.settings.select, self.settings.exclude)

    @property
    def con(self) -> Any:
        """The Ibis connection, for your own queries."""
        return self.store.con

    def table(self, name: str, as_of: str | int | date | None = None) -> ir.Table:
        """Return a table of the pipeline as an Ibis table.

        With `as_of`, a moment in UTC or a run number, return the table as of then: a history as it was known at that
        moment, and tables downstream of histories as the pipeline computes them from it. Stamps such as calculated_at
        show that moment. A table that partial builds skipped is returned as the last run that included it left it.
        Raises SelectionError, also if the past is unknown, and SettingsError.
        """
        model = self.pipeline[name]
        if as_of is None:
            return self._tables()[name]
        at, run_id = self._stood(as_of)
        if not isinstance(model.kind, Snapshot) and not _made_from_history(self.pipeline, model):
            histories = [m.name for m in self.pipeline if isinstance(m.kind, Snapshot)]
            raise SelectionError(
                f"{name}: --as-of works only for histories and tables downstream of them; "
                f"{model.layer} stores only the latest load. Use {' or '.join(histories)}."
            )
        if run_id and not isinstance(model.kind, Snapshot):
            self._past.refuse_unbuilt(name, run_id)
        return self._tables_as_of(run_id, at, stamp=at)[name]

    def run_of(self, as_of: str | int | date | None = None) -> tuple[int, datetime] | None:
        """Return the last run at or before a moment, with its time; by default the last run. None if there was none.

        Raises SelectionError, SettingsError.
        """
        if as_of is None:
            return self.state.last_run
        _, run_id = self._stood(as_of)
        return (run_id, self._past.times[run_id]) if run_id else None

    def __getitem__(self, name: str) -> View:
        """Return a table for display in a notebook: its grain, its key and its first rows."""
        return View(self.pipeline[name], self.table(name), self.store)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the built tables."""
        return (model.name for model in self.pipeline if model.name in self.state.tables)

    def __repr__(self) -> str:
        last = f"run {self.state.last_run[0]}" if self.state.last_run else "no run yet"
        return f"<Warehouse {self.settings.place}: {sum(1 for _ in self)} tables, {last}>"

    def _repr_html_(self) -> str:
        """The lineage of the tables, with row counts."""
        from lc_ibis.reporting import notebook

        counts = {name: table.row_count for name, table in self.state.tables.items()}
        return notebook.graph(self.pipeline.lineage, counts)

    def what_if(self, *functions: Callable[..., ir.Table]) -> Mapping[str, ir.Table]:
        """Return the tables by name as they would be with other functions for some models.

        Each function replaces the model of the same name, and its parameters name its inputs. Models downstream of it
        are recomputed; all other tables are the stored ones. Writes nothing. Raises SelectionError if there is no such
        model, or if a history is downstream of it, because its past would be unknown; ModelError or ContractError if
        the function does not fit.
        """
        changed = {f.__name__: replace(self.pipeline[f.__name__], function=f) for f in functions}
        pipeline = Pipeline((changed.get(m.name, m) for m in self.pipeline), self.pipeline.outputs)
        touched = set(changed)
        for model in pipeline:
            if touched & set(model.inputs):
                touched.add(model.name)
        if histories := [m.name for m in pipeline if m.name in touched and isinstance(m.kind, Snapshot)]:
            raise SelectionError(
                f"{', '.join(histories)} is downstream of it, and what its past would have been is unknown. "
                "Change a model downstream of the histories."
            )

        def found(model: Model) -> ir.Table | None:
            return None if model.name in touched else self._found(model)

        return Tables(pipeline, found, moment(utc_now()))

    @cached_property
    def _past(self) -> Past:
        return Past.read(self.store)

    def _stood(self, as_of: str | int | date) -> tuple[datetime, int | None]:
        """Return a moment, and the last run that was by then, if there was one."""
        run_id = run_number(as_of)
        if run_id is None:
            at = parse_moment(as_of)
            return at, self._past.last_run(at)
        if run_id not in self._past.times:
            last = f"the last is run {self.state.last_run[0]}" if self.state.last_run else "there was no run yet"
            raise SelectionError(f"No run {run_id} has changed anything; {last}. See lc-ibis runs.")
        return self._past.times[run_id], run_id

    def _tables(self) -> Tables:
        return Tables(self.pipeline, self._found, moment(utc_now()))

    def _tables_as_of(self, run_id: int | None, at: datetime, stamp: datetime) -> Tables:
        """Return the tables as they stood at a moment, before which `run_id` was the last run."""

        def found(model: Model) -> ir.Table | None:
            stored = self._found(model)
            if stored is None:
                return None
            if isinstance(model.kind, Snapshot):
                self._refuse_forgotten(model.name, at)
                if run_id:
                    self._past.refuse_lost(model.name, run_id)
                return history.as_of(stored, moment(at))
            # Before the first run, histories that were begun elsewhere are all that is known.
            return self._left_behind(model, run_id, stored, stamp) if run_id else None

        return Tables(self.pipeline, found, moment(stamp))

    def _left_behind(self, model: Model, run_id: int, stored: ir.Table, stamp: datetime) -> ir.Table | None:
        """Return a table that stood after a run as an earlier one made it; None where it was up to date."""
        made = self._past.made_as_of(model.name, self.pipeline.stored_inputs[model.name], run_id)
        if made == run_id:
            return None
        if self.state.tables[model.name].version <= run_id:
            # As it is now, it was then.
            return stored.mutate(**dict.fromkeys(model.contract.stamps(), moment(stamp))).cast(stored.schema())
        if made is None:
            raise SelectionError(
                f"{model.name}: it is not known whether run {run_id} updated it, because the lc-ibis of that run did "
                "not record it. Choose a later run, or the history it is computed from."
            )
        return self._tables_as_of(made, self._past.times[made], stamp)[model.name]

    def _found(self, model: Model) -> ir.Table | None:
        """Return a model's stored table; None for a step that is not stored."""
        if not model.is_stored:
            return None
        if model.name not in self.state.tables:
            raise DatabaseError(f"{self.settings.place}: {model.name} is not built yet. Run lc-ibis build.")
        return self.store.table(model.layer, model.name)

    def _refuse_forgotten(self, name: str, at: datetime) -> None:
        since = self.state.known_since.get(name)
        if since and at < since:
            raise SelectionError(
                f"{name}: versions that ended before {since:%Y-%m-%d %H:%M:%S} were purged (keep_history), so "
                f"{at:%Y-%m-%d %H:%M:%S} is no longer known. Choose a later moment, or restore a backup."
            )

    def test(self, names: list[str]) -> Run:
        """Run all checks of the named models on all stored rows."""
        started = perf_counter()
        tables = self._tables()
        run_id = self.state.last_run[0] if self.state.last_run else 0
        run = ShownRun(run_id, utc_now(), lineage=self.pipeline.lineage)
        checker = Checker(
            self.pipeline, self.store, tables, self.state,
            thresholds=self.settings.thresholds, warn_error=self.settings.warn_error,
        )  # fmt: skip
        run.checks = checker.run(names)
        run.ledger = checker.ledger()
        run.status = "failed" if any(result.status == "fail" for result in run.checks) else "passed"
        run.seconds = perf_counter() - started
        return run

    def failing(self, name: str, limit: int | None = None, stored: bool = False) -> dict[str, list[dict[str, Any]]]:
        """Return the first rows that fail each check of a table, by check name. Checks that pass are omitted.

        With `stored`, return the rows that the last build with store_failures kept, whether or not it was published.
        Raises SelectionError for a table without checks, and DatabaseError if no rows are stored.
        """
        if not (checks := self.pipeline[name].checks):
            raise SelectionError(f"{name} has no checks.")
        if stored:
            return failing_rows.stored(self.store, name, limit)
        tables = self._tables()
        broken = {check.name: check.rows(tables[name], tables) for check in checks}
        found = {name: self.store.rows(rows.order_by(rows.columns).limit(few(limit))) for name, rows in broken.items()}
        return {check: rows for check, rows in found.items() if rows}

    def mutate(self, names: list[str]) -> list[Mutated]:
        """Break copies of the named tables, and return for each check whether it detects it."""
        return list(mutated(self.pipeline, self.store, self._tables(), names))

    def verify(self) -> list[Verified]:
        """Recompute every table in scratch space and compare it with the stored one."""
        return list(verify_tables(self.pipeline, self.store, self.state))

    def runs(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the runs that changed something, newest first, each with what it did to each table.

        `seconds` is None if a run is dated after the previous one, which was ahead of the clock, or if it was redated.
        """
        if self.state.last_run is None:
            return []
        log, done = self.store.table(LAYER, "runs"), done_tables(self.store)
        found = self.store.rows(log.order_by(ibis.desc("run_id")).limit(few(limit and limit + 1)))
        runs = found[:limit] if limit else found
        for run, before in zip_longest(runs, found[1:]):
            if run:
                run["seconds"] = seconds_of(run, before)
        first = min((run["run_id"] for run in runs), default=0)
        tables = self.store.rows(done.filter(done.run_id >= first)) if done is not None else []
        order = {name: place for place, name in enumerate(self.pipeline.models)}
        tables.sort(key=lambda row: order.get(row["table_name"], len(order)))
        for run in runs:
            run["tables"] = [_without(row, "run_id") for row in tables if row["run_id"] == run["run_id"]]
        return runs


def few(limit: int | None) -> int | None:
    """Return a limit that every engine can take; None is none."""
    return limit and min(limit, 2**31 - 1)


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _made_from_history(pipeline: Pipeline, model: Model) -> bool:
    """Say whether all that a model is made from is in the histories."""
    inputs = [pipeline[name] for name in model.inputs]
    return bool(inputs) and all(isinstance(i.kind, Snapshot) or _made_from_history(pipeline, i) for i in inputs)


def connect(database: str | Path | None = None, /, **options: Unpack[Options]) -> Warehouse:
    """Open a built database for reading. `options` are the fields of Settings."""
    if database is not None:
        options["database"] = database
    settings = Settings.load(**options)
    return Warehouse(project.load(settings), settings)
