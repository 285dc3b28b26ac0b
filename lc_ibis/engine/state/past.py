"""How tables stood after past runs: what the log of runs knows, and the tables themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ibis.expr.types as ir

from lc_ibis.declare import history
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.state.state import State, done_tables, run_times
from lc_ibis.engine.store import Store
from lc_ibis.errors import SelectionError
from lc_ibis.moments import parse_moment, run_number


@dataclass(frozen=True)
class Past:
    """When runs were, and which of them looked at a table, changed it, and began it, by the table's name.

    A run that finds a table up to date does not write down that it looked at it. So a table stands as the last run
    that did made it, and its inputs, until another does.
    """

    times: dict[int, datetime]
    looked_at: dict[str, list[int]]
    changed: dict[str, list[int]]
    begun: dict[str, list[int]]

    @classmethod
    def read(cls, store: Store) -> Past:
        past, log = cls(run_times(store), {}, {}, {}), done_tables(store)
        rows = store.rows(log) if log else []
        for row in rows:
            # A run on Spark that was cut off is in this log alone.
            if row["run_id"] in past.times:
                past.looked_at.setdefault(row["table_name"], []).append(row["run_id"])
                if row["action"] != "unchanged":
                    past.changed.setdefault(row["table_name"], []).append(row["run_id"])
                if row["action"] == "created":
                    past.begun.setdefault(row["table_name"], []).append(row["run_id"])
        return past

    def last_run(self, at: datetime) -> int | None:
        """Return the last run at a moment or before; None where there was none yet."""
        return max((run for run, time in self.times.items() if time <= at), default=None)

    def made_as_of(self, name: str, inputs: Iterable[str], run: int) -> int | None:
        """Return the run as of which to compute a table from its inputs, so that it is as it stood after `run`.

        It is `run` itself unless an input has changed since the table was made; then it is the last before that. A
        table that the code of then did not have is computed as of `run` too. None where the log does not reach so far.
        """
        made = max((r for r in self.looked_at.get(name, ()) if r <= run), default=None)
        if made is None:
            return run if self._is_whole else None
        moved = [r for i in inputs for r in self.changed.get(i, ()) if made < r <= run]
        return max(r for r in self.times if r < min(moved)) if moved else run

    @property
    def _is_whole(self) -> bool:
        """Say whether the log has the first run; databases of before it was kept have runs that it lacks."""
        return min(self.times) in {run for runs in self.looked_at.values() for run in runs}

    def refuse_unbuilt(self, name: str, run: int) -> None:
        """Raise SelectionError where a table is known not to have been built yet as of a run."""
        if any(r <= run for r in self.looked_at.get(name, ())) or not self._is_whole:
            return
        first = min(self.looked_at.get(name, ()), default=None)
        later = f" It was first built by run {first}. Choose that run or a later one." if first else ""
        raise SelectionError(f"{name} had not been built as of run {run}.{later}")

    def refuse_lost(self, name: str, run: int) -> None:
        """Raise SelectionError where a history of then was dropped, and begun anew by a later run."""
        begun = max(self.begun.get(name, ()), default=0)
        if run < begun and any(r < begun for r in self.looked_at[name]):
            raise SelectionError(
                f"{name} was dropped and started again in run {begun}, so its earlier past is no longer known. "
                "Choose a later run, or restore the backup made before the drop to another path (lc-ibis restore)."
            )


class PastTables:
    """The tables of a pipeline as they stood at past moments.

    A moment is a time in UTC or a run's number. `found` returns a model's stored table, as it is now, and None for a
    step that is not stored.
    """

    def __init__(self, pipeline: Pipeline, store: Store, state: State, found: Callable[[Model], ir.Table | None]):
        self.pipeline, self.state, self._found = pipeline, state, found
        self.past = Past.read(store)

    def table(self, name: str, as_of: str | int | date) -> ir.Table:
        """Return a history, or a table made from histories, as it stood; its columns and types are its contract's.

        Raises SelectionError if there is no such table or run, or if how the table stood is not known; SettingsError if
        `as_of` is not a moment.
        """
        model = self.pipeline[name]
        at, run_id = self._stood(as_of)
        if not isinstance(model.kind, Snapshot) and not _made_from_history(self.pipeline, model):
            histories = [m.name for m in self.pipeline if isinstance(m.kind, Snapshot)]
            raise SelectionError(
                f"{name}: --as-of works only for histories and tables downstream of them; "
                f"{model.layer} stores only the latest load. Use {' or '.join(histories)}."
            )
        if run_id and not isinstance(model.kind, Snapshot):
            self.past.refuse_unbuilt(name, run_id)
        return self._tables(run_id, at, stamp=at)[name]

    def run_of(self, as_of: str | int | date) -> tuple[int, datetime] | None:
        """Return the last run at a moment or before, and its time; None if there was none.

        Raises SelectionError if there is no such run, SettingsError if `as_of` is not a moment.
        """
        _, run_id = self._stood(as_of)
        return (run_id, self.past.times[run_id]) if run_id else None

    def _stood(self, as_of: str | int | date) -> tuple[datetime, int | None]:
        """Return a moment, and the last run by then, if there was one."""
        run_id = run_number(as_of)
        if run_id is None:
            at = parse_moment(as_of)
            return at, self.past.last_run(at)
        if run_id not in self.past.times:
            last = f"the last is run {self.state.last_run[0]}" if self.state.last_run else "there was no run yet"
            raise SelectionError(f"No run {run_id} has changed anything; {last}. See lc-ibis runs.")
        return self.past.times[run_id], run_id

    def _tables(self, run_id: int | None, at: datetime, stamp: datetime) -> Tables:
        """Return the tables as they stood at a moment, before which `run_id` was the last run."""

        def found(model: Model) -> ir.Table | None:
            stored = self._found(model)
            if stored is None:
                return None
            if isinstance(model.kind, Snapshot):
                self._refuse_forgotten(model.name, at)
                if run_id:
                    self.past.refuse_lost(model.name, run_id)
                return history.as_of(stored, moment(at))
            # Before the first run, histories that were begun elsewhere are all that is known.
            return self._left_behind(model, run_id, stored, stamp) if run_id else None

        return Tables(self.pipeline, found, moment(stamp))

    def _left_behind(self, model: Model, run_id: int, stored: ir.Table, stamp: datetime) -> ir.Table | None:
        """Return a table that was, after a run, still as an earlier run made it; None if it was up to date."""
        made = self.past.made_as_of(model.name, self.pipeline.stored_inputs[model.name], run_id)
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
        return self._tables(made, self.past.times[made], stamp)[model.name]

    def _refuse_forgotten(self, name: str, at: datetime) -> None:
        """Raise SelectionError if versions of a history that were valid at a moment have been purged."""
        since = self.state.known_since.get(name)
        if since and at < since:
            raise SelectionError(
                f"{name}: versions that ended before {since:%Y-%m-%d %H:%M:%S} were purged (keep_history), so "
                f"{at:%Y-%m-%d %H:%M:%S} is no longer known. Choose a later moment, or restore a backup."
            )


def _made_from_history(pipeline: Pipeline, model: Model) -> bool:
    """Say whether all that a model is made from is in the histories."""
    inputs = [pipeline[name] for name in model.inputs]
    return bool(inputs) and all(isinstance(i.kind, Snapshot) or _made_from_history(pipeline, i) for i in inputs)


def seconds_of(run: Mapping[str, Any], before: Mapping[str, Any] | None) -> float | None:
    """Return how long a run took, as its two times tell it; None where the first is not the clock's."""
    is_dated_after = before and run["run_at"] - before["run_at"] == timedelta(microseconds=1)
    seconds: float = (run["finished_at"] - run["run_at"]).total_seconds()
    return None if is_dated_after or seconds <= 0 else seconds
