"""dbt's snapshots in plain Python: what dbt writes, load by load, and what its rows say of a moment.

Written after what dbt-core 1.11.16 with dbt-duckdb 1.11.1 was seen to do; tests/migrations/test_dbt_itself.py compares.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import duckdb

MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 1, 6)
Values = tuple[Any, ...]
# The columns of the key and values of snap_customer, and loaded_at.
CUSTOMER = "customer_id INTEGER, customer_name VARCHAR, has_loan_flag BOOLEAN, loaded_at TIMESTAMP"


@dataclass(frozen=True)
class Config:
    """How a snapshot is configured."""

    strategy: Literal["timestamp", "check"] = "timestamp"
    hard_deletes: Literal["ignore", "invalidate", "new_record"] = "ignore"
    far_end: datetime | None = None

    def __str__(self) -> str:
        return f"{self.strategy}, {self.hard_deletes}, {self.far_end or 'no far end'}"


@dataclass
class Row:
    """A row of a snapshot: values, when they were loaded, and dbt's columns."""

    key: Any
    values: Values
    loaded_at: datetime
    scd_id: str
    updated_at: datetime
    start: datetime
    end: datetime | None
    is_deleted: bool = False


@dataclass
class Snapshot:
    """A table that dbt keeps."""

    config: Config
    rows: list[Row] = field(default_factory=list)

    def load(self, staged: dict[Any, tuple[Values, datetime]], now: datetime) -> None:
        """Run dbt snapshot over rows, values and when they were loaded by key, at a time."""
        config, open_end = self.config, self.config.far_end
        still_open = {row.key: row for row in self.rows if row.end == open_end}
        for key, (values, loaded_at) in staged.items():
            was = still_open.get(key)
            updated_at = loaded_at if config.strategy == "timestamp" else now
            if was is None or was.is_deleted or self._is_changed(was, values, updated_at):
                if was:
                    was.end = updated_at
                self.rows.append(Row(key, values, loaded_at, scd_id(key, updated_at), updated_at, updated_at, open_end))
        if config.hard_deletes == "ignore":
            return
        for key, was in still_open.items():
            if key not in staged and not was.is_deleted:
                was.end = now
                if config.hard_deletes == "new_record":
                    self.rows.append(Row(key, was.values, was.loaded_at, scd_id(key, now), now, now, open_end, True))

    def _is_changed(self, was: Row, values: Values, updated_at: datetime) -> bool:
        return was.start < updated_at if self.config.strategy == "timestamp" else was.values != values


def scd_id(key: Any, updated_at: datetime) -> str:
    """dbt's id of a version."""
    return hashlib.md5(f"{key}|{updated_at}".encode()).hexdigest()


def says(rows: Iterable[Row], config: Config, at: datetime) -> dict[Any, Values]:
    """Return the values of each key that rows of dbt's say for a moment.

    A deletion row means absent. Where rows contradict, that which ended first was there first; a deletion that ends
    before it begins was seen at its start.
    """
    found: dict[Any, tuple[datetime, Values]] = {}
    gone = set()
    for row in rows:
        end = datetime.max if row.end in (None, config.far_end) else row.end
        assert end
        if row.is_deleted and end <= row.start:
            end = row.start + MOMENT
        if not row.start <= at < end:
            continue
        if row.is_deleted:
            gone.add(row.key)
        elif row.key not in found or end < found[row.key][0]:
            found[row.key] = end, row.values
    return {key: values for key, (_, values) in found.items() if key not in gone}


def is_sound(rows: Sequence[Row], config: Config) -> bool:
    """Say whether the rows of a key do not contradict each other: no two at one time, no id twice, none inside out."""
    spans = sorted((r.start, datetime.max if r.end in (None, config.far_end) else r.end) for r in rows)
    ids = [row.scd_id for row in rows if not row.is_deleted]
    return (
        all(end and start < end for start, end in spans)
        and all(one[1] <= other[0] for one, other in pairwise(spans))
        and len(ids) == len(set(ids))
    )


def moments(rows: Iterable[Row]) -> list[datetime]:
    """Return the moments at which something begins or ends, and those just before and after."""
    times = {time for row in rows for time in (row.start, row.end) if time and time.year < 2900}
    return sorted({time + step for time in times for step in (-MOMENT, timedelta(), MOMENT)})


def a_life(
    random_: random.Random, snapshot: Snapshot, keys: Sequence[Any], values: Sequence[Values], days: int
) -> dict[datetime, dict[Any, Values]]:
    """Load some days: keys come, change, go, and come back, with a new time of loading or with the old one.

    Return what was there at the time of each load.
    """
    loads = {}
    known: dict[Any, tuple[Values, datetime]] = {}
    present = set()
    for day in range(days):
        at = BEGIN + day * DAY
        for key in keys:
            lot = random_.random()
            if key not in present:
                if lot < 0.5:
                    present.add(key)
                    is_old = key in known and random_.random() < 0.5
                    known[key] = known[key] if is_old else (random_.choice(values), at)
            elif lot < 0.25:
                present.discard(key)
            elif lot < 0.5:
                known[key] = random_.choice(values), at
            elif lot < 0.6:
                known[key] = known[key][0], at  # loaded again as it was
        snapshot.load({key: known[key] for key in keys if key in present}, at + timedelta(hours=1))
        loads[at + timedelta(hours=1)] = {key: known[key][0] for key in keys if key in present}
    return loads


def write(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row], config: Config, names: str) -> None:
    """Make a table as dbt makes it. `names` are the columns of the key, the values and loaded_at, with types."""
    mark = ", dbt_is_deleted VARCHAR" if config.hard_deletes == "new_record" else ""
    con.execute(
        f"CREATE OR REPLACE TABLE {table} ({names}, dbt_scd_id VARCHAR, dbt_updated_at TIMESTAMP, "
        f"dbt_valid_from TIMESTAMP, dbt_valid_to TIMESTAMP{mark})"
    )
    found = list(_tuples(rows, config))
    if found:
        con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(found[0]))})", found)


def _tuples(rows: Sequence[Row], config: Config) -> Iterator[tuple[Any, ...]]:
    for r in rows:
        mark = (str(r.is_deleted),) if config.hard_deletes == "new_record" else ()
        yield (r.key, *r.values, r.loaded_at, r.scd_id, r.updated_at, r.start, r.end, *mark)
