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

    from lc_ibis.settings import Options


class Warehouse:
    """A built database, open for reading. Use it as a context, or close it."""

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
        """Close the database; builds of this process can have it then."""
        if self._store is not None:
            self._store.close()
        self._store = None

    @property
    def store(self) -> Store:
        """The open place of the tables. Raises DatabaseError once it is closed."""
        if self._store is None:
            raise DatabaseError(f"{self.settings.place}: it is closed. Open it again: p = lc_ibis.connect(…).")
        return self._store

    def selected(self) -> list[str]:
        """The names of the models that the settings select."""
        return selected(self.pipeline, self.settings.select, self.settings.exclude)

    @property
    def con(self) -> Any:
        """The Ibis connection, for queries of your own."""
        return self.store.con

    def table(self, name: str, as_of: str | int | date | None = None) -> ir.Table:
        """Return a table of the pipeline as an Ibis table.

        With `as_of`, a moment in UTC or the number of a run, it is the table as it stood then: a history as it was
        then known, and what is made from histories computed from them by the pipeline's own functions, its stamps
        (calculated_at) being that moment. A table that partial builds left out stood as the last run made it that did
        not. Raises SelectionError, also where that is not known; SettingsError.
        """
        model = self.pipeline[name]
        if as_of is None:
            return self._tables()[name]
        at, run_id = self._stood(as_of)
        if not isinstance(model.kind, Snapshot) and not _made_from_history(self.pipeline, model):
            histories = [m.name for m in self.pipeline if isinstance(m.kind, Snapshot)]
            raise SelectionError(
                f"{name}: only histories and what is made from them are known as of a moment; "
                f"{model.layer} holds the last load alone. Ask {' or '.join(histories)}."
            )
        if run_id and not isinstance(model.kind, Snapshot):
            self._past.refuse_unbuilt(name, run_id)
        return self._tables_as_of(run_id, at, stamp=at)[name]

    def run_of(self, as_of: str | int | date | None = None) -> tuple[int, datetime] | None:
        """Return the last run at a moment or before, and its time; without a moment, the last. None: there was none.

        Raises SelectionError, SettingsError.
        """
        if as_of is None:
            return self.state.last_run
        _, run_id = self._stood(as_of)
        return (run_id, self._past.times[run_id]) if run_id else None

    def __getitem__(self, name: str) -> View:
        """Return a table as a notebook shows it: what a row is, the key, and the first rows."""
        return View(self.pipeline[name], self.table(name), self.store)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the tables that are built."""
        return (model.name for model in self.pipeline if model.name in self.state.tables)

    def __repr__(self) -> str:
        last = f"run {self.state.last_run[0]}" if self.state.last_run else "no run yet"
        return f"<Warehouse {self.settings.place}: {sum(1 for _ in self)} tables, {last}>"

    def _repr_html_(self) -> str:
        """The tables as boxes with their rows, and what each is made from."""
        from lc_ibis.reporting import notebook

        counts = {name: table.row_count for name, table in self.state.tables.items()}
        return notebook.graph(self.pipeline.lineage, counts)

    def what_if(self, *functions: Callable[..., ir.Table]) -> Mapping[str, ir.Table]:
        """Return the tables by name, as they would be if models were made by other functions.

        Each function is named as the model in whose place it stands, and its parameters name what it reads. What is
        made from those models is computed with them; all other tables are the stored ones. Nothing is written.
        Raises SelectionError where there is no such model, or a history would follow from it, for what the past would
        have been is not known; ModelError or ContractError where the function does not fit.
        """
        changed = {f.__name__: replace(self.pipeline[f.__name__], function=f) for f in functions}
        pipeline = Pipeline((changed.get(m.name, m) for m in self.pipeline), self.pipeline.outputs)
        touched = set(changed)
        for model in pipeline:
            if touched & set(model.inputs):
                touched.add(model.name)
        if histories := [m.name for m in pipeline if m.name in touched and isinstance(m.kind, Snapshot)]:
            raise SelectionError(
                f"{', '.join(histories)} would follow from it, and what would have been its past is not known. "
                "Change what is made from histories."
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
            last = f"the last is run {self.state.last_run[0]}" if self.state.last_run else "there was none yet"
            raise SelectionError(f"There was no run {run_id} that changed something; {last}. See lc-ibis runs.")
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
                f"{model.name}: whether run {run_id} brought it up to date is not known, for the lc-ibis of then did "
                "not write that down. Ask for a later run, or for the history that it is made from."
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
                f"{name}: what ended before {since:%Y-%m-%d %H:%M:%S} was let go (keep_history), so "
                f"{at:%Y-%m-%d %H:%M:%S} is not known any more. Ask for a later moment, or restore a backup."
            )

    def test(self, names: list[str]) -> Run:
        """Run all checks of the named models on the stored tables, in full."""
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
        """Return the first rows that break each check of a table, by the check's name, where there are any.

        With `stored` they are those that the last build with store_failures kept, published or not, as JSON has them.
        Raises SelectionError for a table that has no checks, DatabaseError where nothing is kept.
        """
        if not (checks := self.pipeline[name].checks):
            raise SelectionError(f"{name} has no checks that a row could break.")
        if stored:
            return failing_rows.stored(self.store, name, limit)
        tables = self._tables()
        broken = {check.name: check.rows(tables[name], tables) for check in checks}
        found = {name: self.store.rows(rows.order_by(rows.columns).limit(few(limit))) for name, rows in broken.items()}
        return {check: rows for check, rows in found.items() if rows}

    def mutate(self, names: list[str]) -> list[Mutated]:
        """Break copies of the named models' tables, and say of each check whether it notices."""
        return list(mutated(self.pipeline, self.store, self._tables(), names))

    def verify(self) -> list[Verified]:
        """Make every table anew in scratch space and compare it with what is stored."""
        return list(verify_tables(self.pipeline, self.store, self.state))

    def runs(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the runs that changed something, the last first, each with what it did to which table.

        `seconds` is None where a run is dated after the one before it, which was ahead of the clock, or was redated.
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
    """Open a built database for reading; `options` are the fields of Settings."""
    if database is not None:
        options["database"] = database
    settings = Settings.load(**options)
    return Warehouse(project.load(settings), settings)
