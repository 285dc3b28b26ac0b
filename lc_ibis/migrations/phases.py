"""The seven phases: what each does, and how it is seen to be done.

A phase that builds is an ordinary build of some layers, all or nothing. Rollback is the same for all: the checkpoint
that was taken before a phase is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lc_ibis.api.build import run_pipeline
from lc_ibis.api.test import checked
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.declare.checks import sentence
from lc_ibis.declare.contracts import verify as verify_contract
from lc_ibis.declare.selection import select
from lc_ibis.engine.state.run import Run
from lc_ibis.errors import ChecksFailed, ContractError, LcIbisError, MigrationError
from lc_ibis.files.digests import is_whole
from lc_ibis.migrations import adopting, inputs, names
from lc_ibis.migrations.migration import Migration, command
from lc_ibis.reporting import report


@dataclass(frozen=True)
class Phase:
    """One step. `apply` does it and says what it did; `problems` says what is wrong with it once it is done.

    One that `proves_itself` publishes nothing that is wrong: a build runs all of its checks before it does.
    """

    number: int
    name: str
    does: str
    layers: tuple[str, ...]
    apply: Callable[[Migration], str]
    problems: Callable[[Migration], list[str]]
    reads_old: bool = False
    proves_itself: bool = False

    def run(self, migration: Migration) -> str:
        """Apply the phase and validate it; return what it did. Raises LcIbisError."""
        details = self.apply(migration)
        problems = [] if self.proves_itself else self.problems(migration)
        if problems:
            listed = "\n".join(f"  {line}" for line in problems)
            back = command(f"rollback --phase {self.number}", migration.settings.place)
            raise MigrationError(
                f"Phase {self.number} ({self.name}) ran, but its result is invalid, so it is not applied:\n"
                f"{listed}\nRoll back: {back}."
            )
        return details


def _build(migration: Migration, layers: tuple[str, ...], now: datetime | None = None) -> Run:
    settings = replace(
        migration.settings, inputs=migration.inputs, source={}, delivery="full", select=layers, exclude=(),
    )  # fmt: skip
    return run_pipeline(migration.pipeline, settings, now=now)


def _built(run: Run) -> str:
    tables = ", ".join(f"{done.table} {done.row_count:,}" for done in run.tables)
    return f"rows: {tables}"


def _source(migration: Migration) -> str:
    inputs.export(migration.source, migration.pipeline, migration.inputs)
    return _built(_build(migration, ("source",)))


def _source_problems(migration: Migration) -> list[str]:
    found = failing(migration, ("source",))
    with Warehouse(migration.pipeline, migration.settings) as warehouse:
        for model in inputs.sources(migration.pipeline):
            file = migration.inputs / f"{model.kind.file}.parquet"  # type: ignore[union-attr]
            if file.exists() and (count := _differing(warehouse, model.layer, model.name, file)):
                found.append(f"{model.name}: {count:,} rows differ from the old database")
    return found


def _differing(warehouse: Warehouse, layer: str, name: str, file: Path) -> int:
    stored = warehouse.store.table(layer, name).drop("loaded_at")
    given = warehouse.con.read_parquet(str(file), hive_partitioning=False)
    # An empty field of an extract is none.
    given = given.select(**{name: given[n].nullif("") for name, n in zip(stored.columns, given.columns, strict=True)})
    return warehouse.store.count(stored.difference(given, distinct=False)) + warehouse.store.count(
        given.difference(stored, distinct=False)
    )


def _snapshots(migration: Migration) -> str:
    said, now = "", None
    if migration.adoption:
        said, now = adopting.adopt(migration)
    return said + _built(_build(migration, ("staging", "snapshots"), now))


def _marts(migration: Migration) -> str:
    run = _build(migration, ("marts", "ledger"))
    files = ", ".join(path.name for path in run.outputs)
    return _built(run) + (f"; wrote {files}" if files else "")


def _marts_problems(migration: Migration) -> list[str]:
    found = failing(migration, ("marts", "ledger"))
    with Warehouse(migration.pipeline, migration.settings) as warehouse:
        files = warehouse.state.files
    missing = [name for name in files if not is_whole(migration.settings.outputs / name)]
    return found + [f"{migration.settings.outputs / name}: the output file is missing" for name in missing]


def failing(migration: Migration, layers: tuple[str, ...]) -> list[str]:
    """Run the checks of some layers on all stored rows; say which fail, and which tables are not there."""
    chosen = select(migration.pipeline, layers)
    try:
        with Warehouse(migration.pipeline, migration.settings) as warehouse:
            run = checked(warehouse, chosen)
    except LcIbisError as error:
        return [str(error)]
    missing = dict.fromkeys(r.reason for r in run.checks if r.status == "skip" and "is not built yet" in r.reason)
    failing = [
        f"{r.table}: {r.failing_count:,} failing rows in {r.check.name}" for r in run.checks if r.status == "fail"
    ]
    return [*missing, *failing]


def _contracts(migration: Migration) -> str:
    tables, columns = 0, 0
    for model in migration.pipeline:
        if model.is_stored:
            tables, columns = tables + 1, columns + len(model.contract.columns)
    return f"{columns} columns of {tables} tables are as their contracts say: names, order, types, no nulls, keys"


def contract_problems(migration: Migration) -> list[str]:
    """Compare every stored table with its contract: columns, order, types, no nulls, unique keys."""
    found = []
    implied = []
    with Warehouse(migration.pipeline, migration.settings) as warehouse:
        known = warehouse.store.tables()
        for model in (m for m in migration.pipeline if m.is_stored):
            if (model.layer, model.name) not in known:
                found.append(f"{model.name} is not built yet")
                continue
            try:
                stored = warehouse.store.schema_of(warehouse.store.table(model.layer, model.name))
                verify_contract(model.name, "the stored table", model.contract, stored)
            except ContractError as error:
                found.append(str(error))
                continue
            implied.append(model.name)
        results = checked(warehouse, implied).checks if implied else []
    contract = ("not_null_", "unique_")
    failing = [r for r in results if r.status == "fail" and r.check.name.startswith(contract)]
    return found + [f"{r.table}: {r.failing_count:,} failing rows in {r.check.name}" for r in failing]


def _quality(migration: Migration) -> str:
    run = _tested(migration)
    path = report.write(run, migration.settings.reports)
    if failing := [result for result in run.checks if result.status == "fail"]:
        listed = "\n".join(f"  {sentence(result)}" for result in failing)
        raise ChecksFailed(f"{len(failing)} checks fail on the stored tables (report {path}):\n{listed}")
    warned = sum(result.status == "warn" for result in run.checks)
    return f"{len(run.checks)} checks on all rows, {warned} of them warn; report {path.name}"


def _tested(migration: Migration) -> Run:
    report.prepare(migration.settings.reports)
    with Warehouse(migration.pipeline, migration.settings) as warehouse:
        return checked(warehouse, select(migration.pipeline))


PHASES = (
    Phase(1, "source layer", "loads the rows received, as text", ("source",), _source, _source_problems, True),
    Phase(
        2, "snapshots", "cleans the rows, refuses bad ones with a reason, and starts or continues the histories",
        ("staging", "snapshots"), _snapshots, lambda m: failing(m, ("staging", "snapshots")), True, True,
    ),
    Phase(
        3, "incremental intermediate", "joins accounts with customers, incrementally by key", ("intermediate",),
        lambda m: _built(_build(m, ("intermediate",))), lambda m: failing(m, ("intermediate",)),
        proves_itself=True,
    ),
    Phase(
        4, "incremental marts", "computes the marts and writes the output files", ("marts",), _marts, _marts_problems,
        proves_itself=True,
    ),
    Phase(5, "contracts", "compares every table with its contract", (), _contracts, contract_problems),
    Phase(6, "naming", "keeps the old names as views", (), names.apply, names.problems, True),
    Phase(
        7, "data quality", "runs all checks on all rows and writes a report", (), _quality,
        lambda m: failing(m, tuple(dict.fromkeys(model.layer for model in m.pipeline))), proves_itself=True,
    ),
)  # fmt: skip
