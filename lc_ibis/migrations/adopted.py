"""What was adopted, kept in the new database: how dbt's histories were read, and each change made on the way.

It comes and goes with the phase that adopts: a rollback takes it back too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from lc_ibis.backends import opened
from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.histories import CLEANING, History
from lc_ibis.migrations.mending import Change
from lc_ibis.migrations.migration import Adoption, Migration
from lc_ibis.migrations.recognising import histories
from lc_ibis.migrations.record import ensure
from lc_ibis.settings import Settings

HISTORIES, CHANGES = "adopted_histories", "adopted_changes"


class AdoptedHistories(Contract):
    """One row per history that was taken over."""

    model: Text = key("The history's name here.")
    schema_name: Text = column("The schema of the old table.")
    table_name: Text = column("The old table.")
    column_names: Text = column("Its columns by our names and dbt's, as JSON.")
    far_end: Text | None = column("The end of open versions there; null where they have none.")
    zone: Text = column("The time zone of times without one that dbt wrote.")
    data_zone: Text = column("The time zone of times without one that are the data's.")
    asked_for: Text = column("The options that it was adopted with.")


class AdoptedChanges(Contract):
    """One row per value or version that was not taken over as it was."""

    change_number: Integer = key("Its place among the changes.")
    table_name: Text = column("The old table.")
    row_key: Text = column("The row's key, or how many versions.")
    column_name: Text | None = column("The column; null where the row was left out.")
    old_value: Text | None = column("The value, or the row, as it was.")
    new_value: Text | None = column("The value as it is here.")
    reason: Text = column("Why.")


def write(store: Store, found: Iterable[History], changes: list[Change], adoption: Adoption) -> None:
    """Write how histories were read and what was changed, in the store's transaction."""
    ensure(store, HISTORIES, AdoptedHistories)
    ensure(store, CHANGES, AdoptedChanges)
    store.overwrite(LAYER, HISTORIES, [
        (
            h.model, h.relation.schema, h.relation.name, json.dumps(dict(h.columns)), h.far_end, h.zone, h.data_zone,
            adoption.asked,
        )
        for h in found
    ])  # fmt: skip
    store.overwrite(LAYER, CHANGES, [])
    if changes:
        names = AdoptedChanges.schema().names
        rows = [dict(zip(names, (n, *vars(one).values()), strict=True)) for n, one in enumerate(changes, start=1)]
        schema = pa.schema([(name, pa.int64() if name == names[0] else pa.string()) for name in names])
        with TemporaryDirectory(prefix="lc_ibis_adopt_") as scratch:
            file = str(Path(scratch, "changes.parquet"))
            pq.write_table(pa.Table.from_pylist(rows, schema), file)
            store.insert(LAYER, CHANGES, store.con.read_parquet(file, hive_partitioning=False))


def asked_for(settings: Settings) -> str | None:
    """Return the options that histories were adopted with; None where none were."""
    if not settings.place.exists():
        return None
    with opened(settings, read_only=True) as store:
        if (LAYER, HISTORIES) not in store.tables():
            return None
        [row] = store.rows(store.table(LAYER, HISTORIES).select("asked_for").distinct())
    return str(row["asked_for"])


def changes(settings: Settings) -> list[Change]:
    """Return what was changed on the way, in order. Raises MigrationError where no history was adopted."""
    if settings.place.exists():
        with opened(settings, read_only=True) as store:
            if (LAYER, HISTORIES) in store.tables():
                rows = store.rows(store.table(LAYER, CHANGES).order_by("change_number"))
                return [Change(*list(row.values())[1:]) for row in rows]
    raise MigrationError(f"{settings.place}: no dbt snapshot was adopted. Choose another database with --database.")


def as_read(migration: Migration, store: Store) -> dict[str, History]:
    """Return the old histories as they were adopted; else as they are recognised, none where they cannot be."""
    old = migration.source
    if (LAYER, HISTORIES) in store.tables():
        found = {}
        for row in store.rows(store.table(LAYER, HISTORIES)):
            if relation := old.relation(row["schema_name"], row["table_name"]):
                columns = json.loads(row["column_names"])
                found[row["model"]] = History(
                    row["model"], relation, columns, old.sql(relation), row["far_end"], row["zone"], row["data_zone"]
                )
        return found
    found = {}
    for name in CLEANING:
        try:
            found |= histories(old, migration.pipeline, Adoption(), (name,))
        except MigrationError:
            continue
    return found
