"""Histories of dbt's in an old database, as tests make them, and what is read of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from lc_ibis.backends import opened
from lc_ibis.layers import pipeline
from lc_ibis.migrations.mending import Change
from lc_ibis.migrations.migration import adoption
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.recognising import histories
from lc_ibis.migrations.versions import read
from lc_ibis.settings import Settings
from tests import dbt_histories as dbt
from tests.conftest import Lending
from tests.dbt_histories import Config, Row
from tests.migrating import Moving
from tests.old_databases import five_layers

OLD = "before/old.duckdb"
DAY = timedelta(days=1)
ROWS = {1: ("alice", True), 2: ("bob", False), 3: ("carol", False)}
BEFORE, GONE, BACK = datetime(2026, 1, 1), datetime(2026, 1, 9, 6, 30), datetime(2026, 1, 10, 6, 30)


def kept(config: Config, *loads: dict[int, datetime]) -> list[Row]:
    """Return what dbt keeps of days on which customers were there, by when they were loaded; the first 3 are ROWS."""
    snapshot = dbt.Snapshot(config)
    for day, load in enumerate(loads):
        snapshot.load({key: (ROWS[key], at) for key, at in load.items()}, GONE + (day - 1) * DAY)
    return snapshot.rows


def old_with(lending: Lending, rows: list[Row] | None = None, config: Config | None = None, sql: str = "") -> Path:
    path = five_layers(lending.root / OLD)
    with duckdb.connect(str(path)) as con:
        if rows is not None and config:
            dbt.write(con, "snapshots.snap_customer", rows, config, dbt.CUSTOMER)
        con.execute(sql)
    return path


def moving_with(lending: Lending, rows: list[Row] | None = None, config: Config | None = None, sql: str = "") -> Moving:
    return Moving(lending, old_with(lending, rows, config, sql))


def adopted_by(moving: Moving, **options: Any) -> list[Any]:
    """Adopt, and return the versions of customers."""
    moving.apply(phases=(1, 2), adopt_snapshots=True, **options)
    return moving.query(
        "SELECT customer_id, customer_name, dbt_valid_from, dbt_valid_to FROM snapshots.snap_customer ORDER BY 1, 3"
    )


@dataclass
class Read:
    """What is read of dbt's histories, without a build: versions, what was changed, what was recognised."""

    customers: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    changes: list[Change]
    notes: str

    @property
    def starts(self) -> list[datetime]:
        """The starts of customers' versions."""
        return [row["dbt_valid_from"] for row in self.customers]

    @property
    def ends(self) -> list[datetime | None]:
        """The ends of customers' versions."""
        return [row["dbt_valid_to"] for row in self.customers]


def read_of(path: Path, **options: Any) -> Read:
    how = adoption(True, options)
    assert how
    settings = Settings.load(database=path.parent / "scratch.duckdb")
    with OldDatabase(path) as old, opened(settings) as store:
        found = histories(old, pipeline, how)
        read_ = {
            name: read(old, one, pipeline[name], pipeline, store, how, path.parent / f"{name}.parquet")
            for name, one in found.items()
        }
        rows = {
            name: store.rows(one.table.order_by([pipeline[name].business_key[0], "dbt_valid_from"]))
            for name, one in read_.items()
        }
        changes = [change for one in read_.values() for change in one.changes]
        notes = "\n".join(note for one in found.values() for note in one.notes)
        return Read(rows["snap_customer"], rows["snap_account"], changes, notes)


def ends_at(end: str, table: str = "snap_customer") -> str:
    return f"UPDATE snapshots.{table} SET dbt_valid_to = '{end}' WHERE dbt_valid_to IS NULL;"


def returned(config: Config) -> list[Row]:
    """Customer 2 is there, is not, and is back as it was loaded at first."""
    here = {1: BEFORE, 2: BEFORE, 3: BEFORE}
    return kept(config, here, {1: BEFORE, 3: BEFORE}, here)


RENAMED = "".join(
    f"ALTER TABLE snapshots.{table} RENAME dbt_{name} TO {name};"
    for table in ("snap_customer", "snap_account")
    for name in ("valid_from", "valid_to", "scd_id", "updated_at")
)
NAMES = {f"dbt_{name}": name for name in ("valid_from", "valid_to", "scd_id", "updated_at")}


def manifest_of(lending: Lending, **config: Any) -> Path:
    nodes = {
        f"snapshot.lending.{name}": {
            "resource_type": "snapshot", "name": name, "alias": name, "database": "old", "schema": config.get("schema", "snapshots"),
            "config": {"strategy": "check", "check_cols": "all", "unique_key": key, "hard_deletes": "ignore"} | config,
        }
        for name, key in (("snap_customer", "customer_id"), ("snap_account", "account_id"))
    }  # fmt: skip
    path = lending.root / "manifest.json"
    path.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return path


RAW = "UPDATE snapshots.snap_account SET account_type = 'Savings ' WHERE account_id IN ('A1', 'A2');"
