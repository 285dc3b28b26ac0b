"""What a migration has done, kept in the new database: a phase's record comes and goes with its tables.

A record is written after its phase's deed. What a crash leaves between the two is done again, and finds nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import ibis.expr.datatypes as dt

from lc_ibis.backends import opened
from lc_ibis.declare.contracts import Contract, Integer, Moment, Text, column, key
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.settings import Settings

TABLE = "migrations"
Seconds = Annotated[float, dt.float64]


class Migrations(Contract):
    """One row per phase of a migration that is applied."""

    phase: Integer = key("Number of the phase.")
    name: Text = column("Its name.")
    applied_at: Moment = column("When it was applied, UTC.")
    seconds: Seconds = column("How long it took.")
    last_run_id: Integer = column("The database's last run when it was applied.")
    details: Text = column("What it did.")
    source_path: Text = column("The old database.")
    source_kind: Text = column("Its kind.")
    source_sha256: Text = column("sha256 of its bytes when the phase was applied.")


@dataclass(frozen=True)
class Record:
    """A phase that is applied; see Migrations."""

    phase: int
    name: str
    applied_at: datetime
    seconds: float
    last_run_id: int
    details: str
    source_path: str
    source_kind: str
    source_sha256: str


def recorded(settings: Settings) -> list[Record]:
    """Return the phases that are applied, in order; none where there is no database."""
    if not settings.place.exists():
        return []
    with opened(settings, read_only=True) as store:
        if (LAYER, TABLE) not in store.tables():
            return []
        rows = store.rows(store.table(LAYER, TABLE).order_by("phase"))
    return [Record(**row) for row in rows]


def add(store: Store, record: Record) -> None:
    """Write the record of a phase, in the store's transaction."""
    ensure(store, TABLE, Migrations)
    store.append(LAYER, TABLE, [tuple(vars(record).values())])


def ensure(store: Store, name: str, contract: type[Contract]) -> None:
    """Create a table of the state, unless it is there."""
    if (LAYER, name) not in store.tables():
        store.create(LAYER, name, contract.types())


@dataclass(frozen=True)
class LoggedRun:
    """A run of the new database: when it was, and the tables that it changed."""

    run_at: datetime
    tables: frozenset[str]


def logged_runs(settings: Settings) -> dict[int, LoggedRun]:
    """Return the runs of the new database by number; none where there is no database."""
    if not settings.place.exists():
        return {}
    with opened(settings, read_only=True) as store:
        if (LAYER, "runs") not in store.tables():
            return {}
        done = store.table(LAYER, "run_tables")
        touched = store.rows(done.filter(done.action != "unchanged").select("run_id", "table_name"))
        runs = store.rows(store.table(LAYER, "runs"))
    tables: dict[int, set[str]] = {}
    for row in touched:
        tables.setdefault(row["run_id"], set()).add(row["table_name"])
    return {run["run_id"]: LoggedRun(run["run_at"], frozenset(tables.get(run["run_id"], ()))) for run in runs}
