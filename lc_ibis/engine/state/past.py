"""How tables stood after past runs, as the log of runs knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lc_ibis.engine.state.state import done_tables, run_times
from lc_ibis.engine.store import Store
from lc_ibis.errors import SelectionError


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
        rows = store.rows(log.select("run_id", "table_name", "action")) if log is not None else []
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


def seconds_of(run: Mapping[str, Any], before: Mapping[str, Any] | None) -> float | None:
    """Return how long a run took, as its two times tell it; None where the first is not the clock's."""
    is_dated_after = before and run["run_at"] - before["run_at"] == timedelta(microseconds=1)
    seconds: float = (run["finished_at"] - run["run_at"]).total_seconds()
    return None if is_dated_after or seconds <= 0 else seconds
