"""Builds in a copy of the new database, and how long they take."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import ibis
import ibis.expr.types as ir

from lc_ibis.api import backup
from lc_ibis.api.build import run_pipeline
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.backends import opened
from lc_ibis.declare.models import Model, Source
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.checkpoints import options_of
from lc_ibis.migrations.inputs import sources
from lc_ibis.migrations.migration import Migration
from lc_ibis.settings import Settings

MART = "account_summary"
_MORE = Decimal("1.00")


@dataclass(frozen=True)
class Timed:
    """Seconds of three builds: of the same extracts again, after one changed row, and that row back with all anew."""

    again: float
    incremental: float
    full: float
    row_count: int
    changed: str
    has_arrived: bool


def timed(migration: Migration, scratch: Path) -> Timed:
    """Build in a copy of the new database, from extracts with the rows that it has. Raises LcIbisError."""
    settings = replace(
        migration.settings, database=scratch / "lc.duckdb", outputs=scratch / "outputs", reports=scratch / "reports",
        inputs=scratch / "inputs", source={}, delivery="full", select=(), exclude=(), full_refresh=False, notify=None,
        max_file_age=None, max_data_age=None,
    )  # fmt: skip
    kept = backup.backup(scratch / "backup", **options_of(migration.settings))
    shutil.move(next((kept / "database").iterdir()), settings.place)
    changed, balance = _example(migration, settings)
    row_count = _write(migration, settings, changed, None)
    _seconds(migration, settings)  # takes note of the new files
    again = _seconds(migration, settings)
    _write(migration, settings, changed, balance + _MORE)
    incremental = _seconds(migration, settings)
    has_arrived = _balance(migration, settings, changed) == balance + _MORE
    _write(migration, settings, changed, balance)
    full = _seconds(migration, replace(settings, full_refresh=True))
    return Timed(again, incremental, full, row_count, changed, has_arrived)


def _seconds(migration: Migration, settings: Settings) -> float:
    started = time.perf_counter()
    run_pipeline(migration.pipeline, settings)
    return time.perf_counter() - started


def _example(migration: Migration, settings: Settings) -> tuple[str, Decimal]:
    """Return an account of the mart whose row is accepted today, with its balance."""
    with Warehouse(migration.pipeline, settings) as warehouse:
        mart, staged = warehouse.table(MART), warehouse.table("stg_account")
        rows = mart.semi_join(staged, "account_id").order_by("account_id").limit(1)
        found = warehouse.store.rows(rows.select("account_id", "original_balance_amount"))
    if not found:
        raise MigrationError(f"{MART} has no row to change for the end-to-end test.")
    return found[0]["account_id"], found[0]["original_balance_amount"]


def _balance(migration: Migration, settings: Settings, account: str) -> Decimal | None:
    with Warehouse(migration.pipeline, settings) as warehouse:
        mart = warehouse.table(MART)
        rows = warehouse.store.rows(mart.filter(mart.account_id == account).select("original_balance_amount"))
    return rows[0]["original_balance_amount"] if rows else None


def _write(migration: Migration, settings: Settings, account: str, balance: Decimal | None) -> int:
    """Write the stored source rows as extracts, one account with another balance; return how many rows there are."""
    settings.inputs.mkdir(exist_ok=True)
    count = 0
    with opened(settings, read_only=True) as store:
        for model in sources(migration.pipeline):
            assert isinstance(model.kind, Source)
            rows = store.table(model.layer, model.name)
            if balance is not None and "balance" in rows.columns:
                rows = rows.mutate(balance=ibis.ifelse(_is(model, rows, account), f"{balance:f}", rows["balance"]))
            headers = {header: name for name, header in model.contract.headers().items()}
            store.write_file(
                rows.select(*headers.values()).rename(headers),
                settings.inputs / f"{model.kind.file}.parquet",
                "parquet",
            )
            count += store.count(rows)
    return count


def _is(model: Model, rows: ir.Table, account: str) -> ir.BooleanValue:
    [column] = [c for c in model.contract.columns if c.read_as]
    assert column.read_as
    return (column.read_as(rows[column.name]) == account).fill_null(False)
