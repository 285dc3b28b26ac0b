"""Law 2 (docs/laws.md) for adopted histories: as of every moment they hold the keys and values of dbt's table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lc_ibis.backends import opened
from lc_ibis.errors import MigrationError
from lc_ibis.layers import pipeline
from lc_ibis.migrations.migration import Adoption
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.recognising import histories
from lc_ibis.migrations.versions import read
from lc_ibis.settings import Settings
from tests import dbt_histories as dbt
from tests.dbt_histories import Config, Row
from tests.old_databases import five_layers

CONFIGS = [
    Config(strategy, deletes, far_end)
    for strategy in ("timestamp", "check")
    for deletes in ("ignore", "invalidate", "new_record")
    for far_end in (None, datetime(9999, 12, 31, 23, 59, 59, 999999))
]
ACCOUNT = (
    "account_id VARCHAR, customer_id INTEGER, balance_amount DECIMAL(18, 2), account_type VARCHAR, loaded_at TIMESTAMP"
)
CUSTOMERS = [("ann", True), ("ann", False), ("bo", True)]
ACCOUNTS = [(1, Decimal("5.00"), "savings"), (1, Decimal("5.10"), "savings"), (2, Decimal("5.00"), "checking")]
MENDING = Adoption(repairs=("returned-keys", "overlaps"))
Ours = dict[Any, list[tuple[datetime, datetime, tuple[Any, ...]]]]


@contextmanager
def _adopted(directory: Path, model: str, rows: list[Row], config: Config, adoption: Adoption) -> Iterator[Ours]:
    """Yield the versions that are adopted, by key, as start, end and values."""
    path = directory / "old.duckdb"
    if not path.exists():
        five_layers(path)
    with duckdb.connect(str(path)) as con:
        dbt.write(con, f"snapshots.{model}", rows, config, dbt.CUSTOMER if model == "snap_customer" else ACCOUNT)
    settings = Settings.load(
        database=directory / "new.duckdb", outputs=directory / "out", reports=directory / "reports"
    )
    names = [n for n in pipeline[model].contract.schema().names if not n.startswith("dbt_") and n != "loaded_at"]
    with OldDatabase(path) as old, opened(settings) as store:
        history = histories(old, pipeline, adoption, (model,))[model]
        found = read(old, history, pipeline[model], pipeline, store, adoption, directory / "rows.parquet")
        ours: Ours = {}
        for row in store.rows(found.table):
            key, *values = (row[name] for name in names)
            end = row["dbt_valid_to"] or datetime.max
            ours.setdefault(key, []).append((row["dbt_valid_from"], end, tuple(values)))
        yield ours


def _as_of(ours: Ours, at: datetime) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, tuple[Any, ...]] = {}
    for key, versions in ours.items():
        for start, end, values in versions:
            if start <= at < end:
                assert key not in found, f"{key} has two versions as of {at}"
                found[key] = values
    return found


Loads = dict[datetime, dict[Any, tuple[Any, ...]]]


def _lives(model: str, config: Config, count: int) -> tuple[dict[Any, list[Row]], Loads]:
    """Return the rows of many keys, each with a life of its own, and what was loaded."""
    chance = random.Random(len(str(config)))
    snapshot = dbt.Snapshot(config)
    keys: list[Any] = list(range(1, count + 1)) if model == "snap_customer" else [f"A{n}" for n in range(1, count + 1)]
    loads = dbt.a_life(chance, snapshot, keys, CUSTOMERS if model == "snap_customer" else ACCOUNTS, days=8)
    found: dict[Any, list[Row]] = {}
    for row in snapshot.rows:
        found.setdefault(row.key, []).append(row)
    return found, loads


def _same(directory: Path, model: str, lives: dict[Any, list[Row]], config: Config, adoption: Adoption) -> int:
    """Compare what is adopted with what dbt says, as of every moment of every key; return how many."""
    rows = [row for life in lives.values() for row in life]
    with _adopted(directory, model, rows, config, adoption) as ours:
        count = 0
        for key, life in lives.items():
            for at in dbt.moments(life):
                theirs = dbt.says(life, config, at)
                assert _as_of({key: ours.get(key, [])}, at) == theirs, f"{key} as of {at} ({config})"
                count += 1
    return count


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_moment_is_as_dbt_says(tmp_path: Path, config: Config, pytestconfig: pytest.Config) -> None:
    """Two models, many keys of random lives: those whose rows agree as they are, all others by repairs or not at all."""
    is_long = pytestconfig.getoption("--long")
    count = 0
    for model in ("snap_customer", "snap_account"):
        lives, _ = _lives(model, config, 2_000 if is_long else 100)
        sound = {key: life for key, life in lives.items() if dbt.is_sound(life, config)}
        broken = {key: life for key, life in lives.items() if key not in sound}
        assert len(sound) > 20
        count += _same(tmp_path, model, sound, config, Adoption())
        if not broken:
            assert config.strategy == "check" or config.hard_deletes == "ignore"
            continue
        rows = [row for life in lives.values() for row in life]
        with pytest.raises(MigrationError, match="overlap"), _adopted(tmp_path, model, rows, config, Adoption()):
            pass
        count += _same(tmp_path, model, lives, config, MENDING)
    assert count > (20_000 if is_long else 1_000)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("model", ["snap_customer", "snap_account"])
def test_every_load_is_there_as_it_was(tmp_path: Path, model: str, config: Config, pytestconfig: pytest.Config) -> None:
    """What was loaded, and not dbt's rows, is the measure: as of each load every key has the values that it had.

    A key that was gone is gone, where dbt keeps deletions; unless it came back with its old time, which hides since
    when it was gone.
    """
    lives, loads = _lives(model, config, 2_000 if pytestconfig.getoption("--long") else 60)
    broken = {key for key, life in lives.items() if not dbt.is_sound(life, config)}
    rows = [row for life in lives.values() for row in life]
    with _adopted(tmp_path, model, rows, config, MENDING) as ours:
        for at, load in loads.items():
            found = _as_of(ours, at)
            assert {key: found.get(key) for key in load} == load, at
            if config.hard_deletes != "ignore":
                assert found.keys() - load.keys() <= broken, at


def _elsewhere(rows: list[Row], by: timedelta) -> list[Row]:
    """Return rows as dbt writes them where clocks are ahead of UTC: the times that it has of the data are as they are."""
    loaded = {row.loaded_at for row in rows}

    def local(time: datetime) -> datetime:
        return time if time in loaded else time + by

    return [
        replace(row, updated_at=local(row.updated_at), start=local(row.start), end=row.end and local(row.end))
        for row in rows
    ]


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Kolkata", 5.5), ("America/Bogota", -5)])
@pytest.mark.parametrize(
    "config", [config for config in CONFIGS if config.hard_deletes != "ignore" and config.far_end is None], ids=str
)
def test_times_of_dbts_zone_and_of_the_datas_are_told_apart(
    tmp_path: Path, config: Config, zone: str, hours: float
) -> None:
    """dbt ran elsewhere, and loaded_at is UTC: one column holds times of both."""
    lives, _ = _lives("snap_customer", config, 60)
    rows = _elsewhere([row for life in lives.values() for row in life], timedelta(hours=hours))
    adoption = replace(MENDING, timezone=zone, data_timezone="UTC")
    with _adopted(tmp_path, "snap_customer", rows, config, adoption) as ours:
        for key, life in lives.items():
            for at in dbt.moments(life):
                assert _as_of({key: ours.get(key, [])}, at) == dbt.says(life, config, at), f"{key} as of {at}"


def test_dbts_rows_say_what_was_loaded() -> None:
    """The oracle itself: where keys are loaded truly, and deletions kept, dbt's rows say each load."""
    config = Config("check", "new_record", datetime(9999, 12, 31))
    snapshot = dbt.Snapshot(config)
    loads = [{1: ("a",)}, {1: ("b",), 2: ("c",)}, {2: ("c",)}, {1: ("b",), 2: ("d",)}]
    for day, load in enumerate(loads):
        at = dbt.BEGIN + day * dbt.DAY
        snapshot.load({key: (values, at) for key, values in load.items()}, at)
    for day, load in enumerate(loads):
        for step in (timedelta(), timedelta(hours=23)):
            assert dbt.says(snapshot.rows, config, dbt.BEGIN + day * dbt.DAY + step) == load
