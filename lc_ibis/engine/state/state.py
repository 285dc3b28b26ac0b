"""What the engine remembers, kept beside the data and written in the same transaction.

A table's version is the run that last changed its rows. A table is up to date when its code and
contract and the versions of its inputs are those that it was built from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from lc_ibis.compiled.queries import Query
from lc_ibis.declare.contract_changes import StoredContract
from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Model
from lc_ibis.engine.receive.deliveries import Taken, TakenFile
from lc_ibis.engine.state.records import (
    CheckRecord,
    FileRecord,
    TableRecord,
    contract_rows,
    contracts_of,
    keyed,
    row_of,
    table_of,
)
from lc_ibis.engine.state.run import R, Run, TableRun, begin, next_run
from lc_ibis.engine.state.tables import FIRST, LAYER, LOGS, TABLES, VERSION
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError

# The fingerprint of a table that a build was cut off from, and that is to be compared anew.
UNKNOWN = ""


@dataclass
class State:
    """The state as it was read, changed by a run, and written back if anything differs."""

    last_run: tuple[int, datetime] | None = None
    tables: dict[str, TableRecord] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    checks: dict[tuple[str, str], CheckRecord] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)
    contracts: dict[str, StoredContract] = field(default_factory=dict)
    known_since: dict[str, datetime] = field(default_factory=dict)
    version: int = VERSION
    # The rows of its tables as they are stored: those that stay need not be written.
    stored: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, store: Store, is_whole: bool = True) -> State:
        """Read the state; a new database has none.

        Raises DatabaseError where a table that it knows is gone, unless the database need not be `is_whole`.
        """
        existing = store.tables()
        if (LAYER, "runs") not in existing:
            return cls()
        version = _version(store, existing)
        _refuse_dropped(existing, {*TABLES, *LOGS} if version > 1 else FIRST)
        missing = {name for name in TABLES if (LAYER, name) not in existing}
        read = {name: [] if name in missing else store.rows(kept(store, name)) for name in TABLES}
        inputs: dict[str, dict[str, int]] = {}
        for row in read["inputs"]:
            inputs.setdefault(row["table_name"], {})[row["input_name"]] = row["version"]
        tables = {
            name: TableRecord(**row, inputs=inputs.get(name, {})) for (name,), row in keyed("tables", read["tables"])
        }
        if is_whole:
            _refuse_dropped(existing, tables)
        [last] = store.rows(store.dialect.ordered(kept(store, "runs"), ("run_id",), limit=1, is_descending=True))
        state = cls(
            last_run=(last["run_id"], last["run_at"]),
            tables=tables,
            files={name: FileRecord.of(**row) for (name,), row in keyed("files", read["files"])},
            checks={(table, check): CheckRecord(**row) for (table, check), row in keyed("checks", read["checks"])},
            taken=Taken(
                {(t, f, sha): TakenFile(**row) for (t, f, sha), row in keyed("deliveries", read["deliveries"])}
            ),
            contracts=contracts_of(read["contracts"]),
            known_since={row["table_name"]: row["known_since"] for row in read["retention"]},
            version=version,
            stored={name: [tuple(row.values()) for row in read[name]] for name in TABLES if name not in missing},
        )
        return state._after_cut_off(store.interrupted_at) if store.interrupted_at else state

    def _after_cut_off(self, at: datetime) -> State:
        """Return the state after a build that was cut off: no table is taken for up to date, nor for checked."""
        assert self.last_run is not None
        run_id, run_at = self.last_run
        tables = {name: replace(record, fingerprint=UNKNOWN) for name, record in self.tables.items()}
        return replace(self, last_run=(run_id + 1, max(run_at, at)), tables=tables, checks={})

    def copy(self) -> State:
        return State(
            self.last_run, dict(self.tables), dict(self.files), dict(self.checks),
            Taken(dict(self.taken.files)), dict(self.contracts), dict(self.known_since), self.version,
            self.stored,
        )  # fmt: skip

    def next_run(self, now: datetime | None = None) -> tuple[int, datetime]:
        """Return the next run's number and time. Raises DatabaseError."""
        return next_run(self.last_run, now or utc_now())

    def begin(self, kind: type[R], now: datetime | None = None, **facts: Any) -> R:
        """Return the next run, which warns where the run before lies beyond the clock. Raises DatabaseError."""
        return begin(kind, self.last_run, now or utc_now(), **facts)

    def keeps_from(self, run: Run) -> datetime:
        """Return the moment from which periods are counted back: the run before, or the clock where it is earlier.

        One run whose clock was ahead would else let all of a history go.
        """
        return min(run.began_at, self.last_run[1]) if self.last_run else run.began_at

    def record(self, model: Model, version: int, fingerprint: str, row_count: int, inputs: Iterable[str]) -> None:
        """Note that a table is up to date with its inputs as they are now."""
        versions = {name: self.tables[name].version for name in inputs}
        self.tables[model.name] = TableRecord(version, fingerprint, row_count, versions)

    def let_go(self, name: str, count: int, since: datetime) -> None:
        """Note that a history lost so many versions, all that ended before `since`."""
        self.known_since[name] = max(since, self.known_since.get(name, datetime.min))
        known = self.tables[name]
        self.tables[name] = replace(known, row_count=known.row_count - count)

    def outdated_inputs(self, name: str, inputs: Iterable[str]) -> list[str]:
        """Return the inputs whose version is not the one that the table was built from."""
        built_from = self.tables[name].inputs
        return [i for i in inputs if i in self.tables and built_from.get(i) != self.tables[i].version]

    def forget(self, name: str, keep_files: bool) -> None:
        """Forget a table that is dropped, and what was taken for it; its output files stay known where it returns."""
        self.tables.pop(name, None)
        self.contracts.pop(name, None)
        self.known_since.pop(name, None)
        self.checks = {check: record for check, record in self.checks.items() if check[0] != name}
        self.taken.files = {file: taken for file, taken in self.taken.files.items() if file[0] != name}
        if not keep_files:
            self.files = {file: known for file, known in self.files.items() if table_of(file) != name}

    def files_of(self, name: str) -> dict[str, FileRecord]:
        """Return the output files of a table."""
        return {file: known for file, known in self.files.items() if table_of(file) == name}

    def stale(self, pipeline: Graph, names: Iterable[str]) -> str | None:
        """Return a sentence on the first of these tables that is missing or older than an input."""
        for name in names:
            inputs = pipeline.stored_inputs[name]
            if missing := [each for each in (name, *inputs) if each not in self.tables]:
                return f"{missing[0]} is not built yet"
            if older := self.outdated_inputs(name, inputs):
                return f"{name} is older than {older[0]}"
        return None

    def write(self, store: Store, run: Run) -> None:
        """Write the whole state, in the shape that this program gives it, and add the run to the log."""
        self.save(store)
        self.last_run = run.run_id, run.run_at
        store.append(LAYER, "run_tables", [_logged(run, table) for table in run.tables if table.action != "skipped"])
        store.append(LAYER, "runs", [(*self.last_run, run.clock.now() if run.clock else utc_now())])

    def save(self, store: Store) -> None:
        """Write the tables of the state that differ from what is stored."""
        existing = store.tables()
        for name, contract in (TABLES | LOGS).items():
            if (LAYER, name) not in existing:
                store.create(LAYER, name, contract.types())
        rows: dict[str, list[tuple[Any, ...]]] = {
            "tables": [row_of("tables", (name,), vars(table)) for name, table in self.tables.items()],
            "inputs": [(name, *read) for name, table in self.tables.items() for read in table.inputs.items()],
            "files": [row_of("files", (name,), file.row()) for name, file in self.files.items()],
            "checks": [row_of("checks", names, vars(check)) for names, check in self.checks.items()],
            "code": [],  # of programs before, which took fingerprints from here where it was theirs
            "deliveries": [row_of("deliveries", file, vars(taken)) for file, taken in self.taken.files.items()],
            "contracts": [row for name, contract in self.contracts.items() for row in contract_rows(name, contract)],
            "retention": list(self.known_since.items()),
            "schema": [(VERSION,)],
        }
        for name in TABLES:
            known = self.stored.get(name)
            if known is None or sorted(known, key=repr) != sorted(rows[name], key=repr):
                store.overwrite(LAYER, name, rows[name])
        self.stored = rows


def kept(store: Store, name: str) -> Query:
    """Return the rows of a table of the state."""
    return store.stored(LAYER, name, (TABLES | LOGS)[name].names())


def done_tables(store: Store) -> Query | None:
    """Return what runs did to which tables, one row each; None in a database of before that was written down."""
    return kept(store, "run_tables") if (LAYER, "run_tables") in store.tables() else None


def true_times(store: Store, numbers: Iterable[int]) -> dict[int, datetime]:
    """Return when runs of these numbers were by the clock: not when they are dated after runs that were ahead of it."""
    return {row["run_id"]: min(row["run_at"], row["finished_at"]) for row in _runs(store, numbers)}


def run_times(store: Store, numbers: Iterable[int] | None = None) -> dict[int, datetime]:
    """Return when each run was that changed something, by its number; all, or those of these numbers."""
    return {row["run_id"]: row["run_at"] for row in _runs(store, numbers)}


def _runs(store: Store, numbers: Iterable[int] | None) -> list[dict[str, Any]]:
    """Return the log of runs, or of it those of these numbers."""
    wanted = None if numbers is None else sorted(set(numbers))
    if wanted == [] or (LAYER, "runs") not in store.tables():
        return []
    runs = kept(store, "runs")
    if wanted is not None:
        runs = store.dialect.where(runs, f"run_id IN ({', '.join(map(str, wanted))})")
    return store.rows(runs)


def _version(store: Store, existing: set[tuple[str, str]]) -> int:
    """Return the version of the shape that the state has. Raises DatabaseError where a later program gave it one."""
    if (LAYER, "schema") not in existing:
        return 1
    [(version,)] = (row.values() for row in store.rows(kept(store, "schema")))
    if version > VERSION:
        raise DatabaseError(
            f"The database was written by a newer lc-ibis (state version {version}; this one supports {VERSION}). "
            "Upgrade lc-ibis, or build into another --database."
        )
    return int(version)


def _refuse_dropped(existing: set[tuple[str, str]], names: Iterable[str]) -> None:
    """Refuse a database that has lost a table which the state knows."""
    dropped = sorted(set(names) - {name for _, name in existing})
    if dropped:
        raise DatabaseError(
            f"{', '.join(dropped)}: dropped from the database by another tool. Restore a backup (lc-ibis restore). If "
            "the table can be rebuilt, drop it (lc-ibis drop) and build."
        )


def _logged(run: Run, table: TableRun) -> tuple[Any, ...]:
    written = table.written
    counts = (written.added_count, written.changed_count, written.removed_count)
    return (run.run_id, table.table, table.action, table.reason, table.key_count, *counts, table.row_count)


def utc_now() -> datetime:
    """Return the present, UTC, without zone, to the microsecond."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
