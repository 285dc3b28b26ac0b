"""The life of one key: when it came, what changed from what to what, when it was refused, left and came back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from lc_ibis.api.keys import business_columns, having, parsed, written
from lc_ibis.api.quarantine import refusals_of
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.declare.models import Model, Snapshot, called
from lc_ibis.errors import SelectionError, hint

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

What = Literal["first seen", "changed", "deleted", "came back", "refused", "no longer refused"]


@dataclass(frozen=True)
class Event:
    """One event in the life of a key.

    `at` is in UTC. `run_id` is the run at that time, or None if another program wrote it. `changes` maps columns to
    their values before and after; on first sight there is no value before. `reason` says why a row was refused.
    """

    at: datetime
    what: What
    run_id: int | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    reason: str = ""


def history(entity: str, *key: Any, **options: Unpack[Options]) -> list[Event]:
    """Return everything that happened to a key, from the first event to the last.

    `entity` is a table with a history, such as account or customer, and `key` the key. A refused row does not end a
    version. `options` are the fields of Settings. Raises SelectionError if the key was never received, and
    DatabaseError.
    """
    with connect(**options) as warehouse:
        model = _of(warehouse, entity)
        wanted = parsed(model, key)
        versions = warehouse.store.rows(model.ordered(having(warehouse.table(model.name), wanted)))
        refused = warehouse.store.rows(refusals_of(warehouse, model, wanted))
        if not versions and not refused:
            since = warehouse.state.known_since.get(model.name)
            known = f"since {since:%Y-%m-%d} (keep_history)" if since else "in any run"
            raise SelectionError(f"No {model.short_name} {written(wanted)} found {known}, nor a refused row of it.")
        runs = {run.run_at: run.run_id for run in warehouse.runs()}
        events = [*_lived(business_columns(model), versions), *_refused(refused)]
        dated = [Event(e.at, e.what, runs.get(e.at), e.changes, e.reason) for e in events]
        return sorted(dated, key=lambda event: event.at)


def _of(warehouse: Warehouse, entity: str) -> Model:
    if found := called(warehouse.pipeline, Snapshot, entity):
        return found
    histories = [model.short_name for model in warehouse.pipeline if isinstance(model.kind, Snapshot)]
    raise SelectionError(f"No history found for {entity!r}.{hint(entity, histories)}")


def _lived(columns: list[str], versions: list[dict[str, Any]]) -> Iterator[Event]:
    before: dict[str, Any] | None = None
    for version in versions:
        at = version["dbt_valid_from"]
        if before is None:
            yield Event(at, "first seen", changes={name: (None, version[name]) for name in columns})
        else:
            changes = {name: (before[name], version[name]) for name in columns if before[name] != version[name]}
            if before["dbt_valid_to"] < at:
                yield Event(before["dbt_valid_to"], "deleted")
                yield Event(at, "came back", changes=changes)
            elif changes:
                yield Event(at, "changed", changes=changes)
        before = version
    if before and before["dbt_valid_to"]:
        yield Event(before["dbt_valid_to"], "deleted")


def _refused(refusals: list[dict[str, Any]]) -> Iterator[Event]:
    for refusal in refusals:
        yield Event(refusal["refused_at"], "refused", reason=refusal["failure_reason"])
        if refusal["resolved_at"]:
            yield Event(refusal["resolved_at"], "no longer refused", reason=refusal["failure_reason"])
