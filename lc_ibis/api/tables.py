"""What a database holds: its tables, their rows now or as they stood, and the runs that made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from lc_ibis import project
from lc_ibis.api.warehouse import connect, few
from lc_ibis.backends import opened
from lc_ibis.declare.models import Snapshot
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import State, run_times
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.options import Options


def show(
    table: str, limit: int | None = None, as_of: str | int | date | None = None, **options: Unpack[Options]
) -> list[dict[str, Any]]:
    """Return the first rows of a table as dictionaries, ordered by key."""
    with connect(**options) as warehouse:
        rows = warehouse.table(table, as_of)
        return warehouse.store.rows(warehouse.pipeline[table].ordered(rows).limit(few(limit)))


def failing(
    table: str, limit: int | None = None, stored: bool = False, **options: Unpack[Options]
) -> dict[str, list[dict[str, Any]]]:
    """Return the first rows of a stored table that fail each of its checks, regardless of thresholds.

    With `stored`, return the rows that the last build with store_failures kept, whether or not it was published.
    """
    with connect(**options) as warehouse:
        return warehouse.failing(table, limit, stored)


def runs(limit: int | None = None, **options: Unpack[Options]) -> list[dict[str, Any]]:
    """Return the runs that changed something, newest first, each with what it did to each table."""
    with connect(**options) as warehouse:
        return warehouse.runs(limit)


def histories(**options: Unpack[Options]) -> set[str]:
    """Return the names of the tables whose lost rows are versions that were closed; those of older code too."""
    with connect(**options) as warehouse:
        known = {model.name: isinstance(model.kind, Snapshot) for model in warehouse.pipeline}
        older = {name: contract.is_history for name, contract in warehouse.state.contracts.items()}
        return {name for name, is_history in (older | known).items() if is_history}


Status = Literal["built", "lost", "leftover", "other"]


@dataclass(frozen=True)
class Stored:
    """A table or view in the database.

    `status` is one of: built by the pipeline; lost, built but missing now; leftover, from older code; other, created by
    another tool. `version` is the run that last changed its rows, and `changed_at` that run's time.
    """

    layer: str
    name: str
    kind: str
    row_count: int | None = None
    version: int | None = None
    changed_at: datetime | None = None
    status: Status = "built"

    @property
    def full_name(self) -> str:
        return f"{self.layer}.{self.name}" if self.layer else self.name


def tables(**options: Unpack[Options]) -> list[dict[str, Any]]:
    """Return the tables in the database: the pipeline's in order, then all others, without the engine's state.

    `options` are the fields of Settings. Raises DatabaseError.
    """
    settings = Settings.load(**options)
    with opened(settings, read_only=True) as store:
        return [asdict(stored) for stored in _stored(project.load(settings), store, State.read(store, is_whole=False))]


def _stored(pipeline: Pipeline, store: Store, state: State) -> Iterator[Stored]:
    times, views = run_times(store), store.views()
    there = {place for place in store.tables() | views if place[0] != LAYER}
    homes = {name: _home(pipeline, name, there) for name in state.tables}
    known = [homes[name] for name in sorted(homes, key=[*pipeline.models, *sorted(homes)].index)]
    for place in [*known, *sorted(there - set(known))]:
        layer, name = place
        if place in known:
            table, model = state.tables[name], pipeline.models.get(name)
            status: Status = "lost" if place not in there else "built" if model else "leftover"
            kind, at = model.kind_name if model else "table", times.get(table.version)
            yield Stored(layer, name, kind, table.row_count, table.version, at, status)
        elif place in views:
            yield Stored(layer, name, "view", status="other")
        else:
            yield Stored(layer, name, "table", store.size(layer, name), status="other")


def _home(pipeline: Pipeline, name: str, there: set[tuple[str, str]]) -> tuple[str, str]:
    """Return where a table that was built is: where its model says, or, from older code, where there is one."""
    if name in pipeline.models:
        return pipeline[name].layer, name
    found = sorted(place for place in there if place[1] == name)
    return min(found, key=lambda place: place[0] not in pipeline.layers) if found else ("", name)
