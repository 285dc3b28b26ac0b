"""What the engine remembers, kept beside the data and written in the same transaction.

A table's version is the run that last changed its rows. A table is up to date when its code and
contract and the versions of its inputs are those that it was built from.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import ibis

from lc_ibis.engine.contracts import Contract, Integer, Moment, Text, column, key
from lc_ibis.engine.model import Model
from lc_ibis.engine.pipeline import Pipeline
from lc_ibis.engine.store import Store

LAYER = "state"


class Runs(Contract):
    """One row per run that changed something."""

    run_id: Integer = key("Number of the run; it only grows.")
    run_at: Moment = column("The run's time, UTC: what it wrote as loaded_at, dbt_valid_from and the like.")
    finished_at: Moment = column("When its transaction was written, UTC.")


class TableState(Contract):
    """One row per stored table."""

    table_name: Text = key("The table.")
    version: Integer = column("The run that last changed its rows.")
    fingerprint: Text = column("sha256 of its code and contract.")
    row_count: Integer = column("Its rows.")


class InputState(Contract):
    """One row per stored table and table that it reads."""

    table_name: Text = key("The table.")
    input_name: Text = key("The table that it reads.")
    version: Integer = column("The version that it was built from.")


class FileState(Contract):
    """One row per output file."""

    file_name: Text = key("The file, in the directory of outputs.")
    version: Integer = column("The version of its table that it holds.")
    sha256: Text = column("sha256 of its bytes.")


_TABLES = {"runs": Runs, "tables": TableState, "inputs": InputState, "files": FileState}


@dataclass(frozen=True)
class TableRecord:
    """A stored table as the last run left it."""

    version: int
    fingerprint: str
    row_count: int
    inputs: dict[str, int] = field(default_factory=dict)


@dataclass
class State:
    """The state as it was read, changed by a run, and written back if anything differs."""

    runs: list[tuple[int, datetime, datetime]]
    tables: dict[str, TableRecord]
    files: dict[str, tuple[int, str]]

    @classmethod
    def read(cls, store: Store) -> State:
        """Read the state; a new database has none."""
        if (LAYER, "runs") not in store.tables():
            return cls([], {}, {})
        read = {name: _rows(store, name) for name in _TABLES}
        inputs: dict[str, dict[str, int]] = {}
        for table, name, version in read["inputs"]:
            inputs.setdefault(table, {})[name] = version
        tables = {t: TableRecord(v, f, n, inputs.get(t, {})) for t, v, f, n in read["tables"]}
        return cls(read["runs"], tables, {name: (v, sha) for name, v, sha in read["files"]})

    def copy(self) -> State:
        return State(list(self.runs), dict(self.tables), dict(self.files))

    def next_run(self) -> tuple[int, datetime]:
        """Return the next run's number and time: now, but later than every run before."""
        now = utc_now()
        if not self.runs:
            return 1, now
        last_id, last_at, _ = max(self.runs)
        return last_id + 1, max(now, last_at + timedelta(microseconds=1))

    def record(self, model: Model, version: int, fingerprint: str, row_count: int, inputs: Iterable[str]) -> None:
        """Note that a table is up to date with its inputs as they are now."""
        versions = {name: self.tables[name].version for name in inputs}
        self.tables[model.name] = TableRecord(version, fingerprint, row_count, versions)

    def outdated_inputs(self, name: str, inputs: Iterable[str]) -> list[str]:
        """Return the inputs whose version is not the one that the table was built from."""
        built_from = self.tables[name].inputs
        return [i for i in inputs if i in self.tables and built_from.get(i) != self.tables[i].version]

    def stale(self, pipeline: Pipeline, names: Iterable[str]) -> str | None:
        """Return a sentence on the first of these tables that is missing or older than an input."""
        for name in names:
            if name not in self.tables:
                return f"{name} is not built yet"
            if older := self.outdated_inputs(name, pipeline.stored_inputs[name]):
                return f"{name} is older than {older[0]}"
        return None

    def write(self, store: Store) -> None:
        """Write the whole state; it is small."""
        for name, contract in _TABLES.items():
            if (LAYER, name) not in store.tables():
                store.create(LAYER, name, contract.schema())
            store.clear(LAYER, name)
        store.append(LAYER, "runs", self.runs)
        store.append(LAYER, "tables", [(n, t.version, t.fingerprint, t.row_count) for n, t in self.tables.items()])
        store.append(LAYER, "inputs", [(n, i, v) for n, t in self.tables.items() for i, v in t.inputs.items()])
        store.append(LAYER, "files", [(n, *entry) for n, entry in self.files.items()])


def _rows(store: Store, name: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in store.rows(store.table(LAYER, name))]


def utc_now() -> datetime:
    """Return the present, UTC, without zone, to the microsecond."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


@functools.cache
def fingerprints(pipeline: Pipeline) -> dict[str, str]:
    """Return by model the sha256 of what makes it: its SQL (so its helpers too), kind and contract.

    The fingerprint of an ephemeral step is part of what reads it.
    """
    made: dict[str, str] = {}
    for model in pipeline:
        sql = ibis.to_sql(pipeline.steps[model.name], dialect="duckdb", pretty=False)
        steps = [made[name] for name in model.inputs if not pipeline[name].is_stored]
        columns = [(c.name, str(c.type), c.is_nullable, c.is_key, c.is_stamp) for c in model.contract.columns]
        parts = [sql, repr(model.kind), repr(columns), *steps]
        made[model.name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return made
