"""A built database, open for reading: its tables now, as they stood, and as they would be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir

from lc_ibis import project
from lc_ibis.backends import opened
from lc_ibis.compiled.program import Program, program
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.declare.selection import select as selected
from lc_ibis.engine.state.past import PastTables
from lc_ibis.engine.state.state import State, utc_now
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError, SelectionError, SettingsError
from lc_ibis.reporting.views import View
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.api.tables import PastRun
    from lc_ibis.keywords import Options


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
        """Close the database, so that this process can build into it."""
        if self._store is not None:
            self._store.close()
        self._store = None

    @property
    def store(self) -> Store:
        """The open store of the tables. Raises DatabaseError if it is closed."""
        if self._store is None:
            raise DatabaseError(f"{self.settings.place}: it was closed. Open it again: p = lc_ibis.connect(…).")
        return self._store

    def selected(self) -> list[str]:
        """Return the names of the models that the settings select. Raises SelectionError for an unknown name."""
        return selected(self.pipeline, self.settings.select, self.settings.exclude)

    @property
    def program(self) -> Program:
        """The SQL of the pipeline in the store's dialect."""
        return program(self.pipeline, self.store.dialect)

    @property
    def con(self) -> Any:
        """The Ibis connection, for your own queries."""
        return self.store.con

    @property
    def tables(self) -> Tables:
        """The tables by name, as they are now; steps that are not stored are computed."""
        return Tables(self.pipeline, self._found, moment(utc_now()))

    def table(self, name: str, as_of: str | int | date | None = None) -> ir.Table:
        """Return a table of the pipeline as an Ibis table; its columns and types are its contract's.

        With `as_of`, a time in UTC or a run's number, return the table as it stood then. A history is as it was known
        then. A table made from histories is computed from them by the pipeline's own functions, and its stamps
        (calculated_at) are that moment. If partial builds left a table out, it is as the last run before them made it.

        Raises SelectionError if there is no such table or run, or if how the table stood is not known; SettingsError if
        `as_of` is not a moment; DatabaseError if the table is not built or the database is closed.
        """
        return self.tables[name] if as_of is None else self._past.table(name, as_of)

    def list_tables(self, like: str | None = None) -> list[str]:
        """Return the names of the built tables, in the pipeline's order.

        `like` is a regular expression: only names in which it is found are returned. Raises SettingsError if it is not
        valid.
        """
        try:
            wanted = re.compile(like or "")
        except (re.error, OverflowError, TypeError) as error:
            raise SettingsError(
                f"list_tables: like={like!r} is not a regular expression: {error}. Write one such as '^snap_'."
            ) from None
        return [m.name for m in self.pipeline if m.name in self.state.tables and wanted.search(m.name)]

    def run_of(self, as_of: str | int | date | None = None) -> tuple[int, datetime] | None:
        """Return the number and the time of the last run at a moment or before; None if there was none.

        Without a moment it is the last run of all. Raises SelectionError if there is no such run, SettingsError if
        `as_of` is not a moment, DatabaseError if the database is closed.
        """
        return self.state.last_run if as_of is None else self._past.run_of(as_of)

    def __getitem__(self, name: str) -> View:
        """Return a table as a notebook shows it: what a row is, the key, and the first rows. Raises as `table` does."""
        return View(self.pipeline[name], self.table(name), self.store)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the built tables, in the pipeline's order."""
        return iter(self.list_tables())

    def _ipython_key_completions_(self) -> list[str]:
        """Return what a notebook completes after `p["`."""
        return self.list_tables()

    def __repr__(self) -> str:
        last = f"run {self.state.last_run[0]}" if self.state.last_run else "no run yet"
        return f"<Warehouse {self.settings.place}: {len(self.list_tables())} tables, {last}>"

    def _repr_html_(self) -> str:
        """The lineage of the tables, with row counts."""
        from lc_ibis.reporting import notebook

        counts = {name: table.row_count for name, table in self.state.tables.items()}
        return notebook.graph(self.pipeline.lineage, counts)

    def what_if(self, *functions: Callable[..., ir.Table]) -> Mapping[str, ir.Table]:
        """Return the tables by name, as they would be if other functions made some models.

        A function has the name of the model that it replaces, and its parameters name what it reads. Downstream tables
        are computed; all others are the stored ones. Nothing is written.

        Raises SelectionError if there is no such model, or if a history is downstream, because what its past would have
        been is not known; ModelError or ContractError if a function does not fit.
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

    def runs(self, limit: int | None = None) -> list[PastRun]:
        """Return the runs that changed something, the last first, as `lc_ibis.runs` does; `limit` is how many.

        Raises DatabaseError if the database is closed.
        """
        from lc_ibis.api.tables import runs_of

        return runs_of(self, limit)

    @cached_property
    def _past(self) -> PastTables:
        return PastTables(self.pipeline, self.store, self.state, self._found)

    def _found(self, model: Model) -> ir.Table | None:
        """Return a model's stored table; None for a step that is not stored."""
        if not model.is_stored:
            return None
        if model.name not in self.state.tables:
            raise DatabaseError(f"{self.settings.place}: {model.name} is not built yet. Run lc-ibis build.")
        return self.store.table(model.layer, model.name)


def connect(database: str | Path | None = None, /, **options: Unpack[Options]) -> Warehouse:
    """Open a built database for reading; `options` are the fields of Settings.

    Raises DatabaseError if there is none or it cannot be opened, SettingsError.
    """
    if database is not None:
        if options.get("database") is not None:
            raise TypeError("connect() got multiple values for argument 'database'")
        options["database"] = database
    settings = Settings.load(**options)
    return Warehouse(project.load(settings), settings)
