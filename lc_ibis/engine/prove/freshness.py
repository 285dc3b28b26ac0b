"""How old sources are: by their files, and by the run that last found another row in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lc_ibis.engine.state.run import Freshness, Run
from lc_ibis.engine.state.state import State, true_times
from lc_ibis.engine.store import Store

Status = Literal["pass", "warn", "fail"]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Ages:
    """The ages in hours beyond which a source is stale: a warning, and an error; None is never."""

    warn_file: float | None = None
    max_file: float | None = None
    warn_data: float | None = None
    max_data: float | None = None

    def status(self, file_hours: float, data_hours: float) -> Status:
        """Say what ages amount to."""
        if _beyond(file_hours, self.max_file) or _beyond(data_hours, self.max_data):
            return "fail"
        stale = _beyond(file_hours, self.warn_file) or _beyond(data_hours, self.warn_data)
        return "warn" if stale else "pass"


def _beyond(hours: float, most: float | None) -> bool:
    return most is not None and hours > most


def freshness(
    store: Store, state: State, run: Run, modified: Mapping[str, datetime], ages: Ages
) -> Iterator[Freshness]:
    """Yield how fresh sources are; `modified` says when the newest of each one's files was last written, UTC.

    The data of a source changed in the run whose number is the version of its table. Ages are those of the clock, and
    none is below zero: what is ahead of the clock is as new as can be.
    """
    now = run.began_at
    changed = true_times(store, {state.tables[name].version for name in modified} - {run.run_id})
    for name, modified_at in modified.items():
        changed_at = changed.get(state.tables[name].version, now)
        file_hours, data_hours = (max((now - at) / HOUR, 0.0) for at in (modified_at, changed_at))
        yield Freshness(name, modified_at, changed_at, file_hours, data_hours, ages.status(file_hours, data_hours))


def sentence(found: Freshness) -> str:
    """Say how old a source is."""
    return f"{found.source}: files {found.file_hours:,.1f} h old, rows unchanged for {found.data_hours:,.1f} h"
