"""What must be so after a migration, as a list of checks with verdicts, and what was measured on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from lc_ibis.api.test import checked, verified
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import Snapshot
from lc_ibis.declare.naming import breaches
from lc_ibis.declare.selection import select
from lc_ibis.engine.state.run import Run
from lc_ibis.errors import LcIbisError
from lc_ibis.files import texts
from lc_ibis.files.digests import is_whole, sha256_of
from lc_ibis.layers.columns import ABBREVIATIONS
from lc_ibis.migrations import adopted, names, record, validating
from lc_ibis.migrations.histories import CLEANING
from lc_ibis.migrations.measuring import Timed, timed
from lc_ibis.migrations.migration import Migration
from lc_ibis.migrations.phases import PHASES, contract_problems

Verdict = Literal["pass", "fail", "unclear"]
# Below this many rows, what is not proportional to them takes most of a build's time.
_FEW_ROWS = 100_000


@dataclass(frozen=True)
class Item:
    """One line of the list: what must be so, whether it is, and what was found."""

    name: str
    verdict: Verdict
    found: str


@dataclass(frozen=True)
class Measured:
    """One number of the old database and of ours, both measured in this run; no text where there is none."""

    what: str
    before: str
    after: str
    improvement: str


@dataclass(frozen=True)
class Checklist:
    """The list, and what was measured."""

    items: tuple[Item, ...]
    measured: tuple[Measured, ...]

    @property
    def is_passed(self) -> bool:
        return all(item.verdict != "fail" for item in self.items)


def checklist(migration: Migration) -> Checklist:
    """Check all, in scratch space where something must be built. Raises LcIbisError where there is no database."""
    with Warehouse(migration.pipeline, migration.settings) as warehouse:
        items = list(_of_tables(migration, warehouse))
        run = checked(warehouse, select(migration.pipeline))
        items.append(_tests(run))
        differing = [v.table for v in verified(warehouse) if v.status != "identical"]
        items.append(_item("every table is what a full refresh makes", differing, "verified"))
        items.append(_outputs(migration, warehouse))
    items.append(_item("contracts are kept", contract_problems(migration), "columns, types, no nulls, unique keys"))
    items.append(_naming(migration))
    items.append(_reports(migration.settings.reports))
    items.append(_documentation(migration))
    items.append(_marts(migration))
    with TemporaryDirectory(prefix="lc_ibis_checklist_") as scratch:
        try:
            builds = timed(migration, Path(scratch))
        except LcIbisError as error:
            items.append(Item("end to end", "fail", str(error)))
            return Checklist(tuple(items), ())
    items.append(_end_to_end(builds))
    items.append(_speed(builds))
    return Checklist(tuple(items), (*_measured(migration), *_timings(builds)))


def _item(name: str, problems: list[str], found: str) -> Item:
    return Item(name, "fail" if problems else "pass", "; ".join(problems) or found)


def _of_tables(migration: Migration, warehouse: Warehouse) -> Iterator[Item]:
    records = record.recorded(migration.settings)
    missing = [f"phase {p.number} is not applied" for p in PHASES if p.number not in {r.phase for r in records}]
    yield _item("all phases are applied", missing, f"{len(records)} of {len(PHASES)}")
    stored = [model for model in migration.pipeline if model.is_stored]
    absent = [m.name for m in stored if m.name not in warehouse.state.tables]
    layers = list(dict.fromkeys(m.layer for m in stored))
    yield _item(
        "all layers are present", [f"{n} is not built" for n in absent], f"{len(stored)} tables: {', '.join(layers)}"
    )
    histories = [m for m in stored if isinstance(m.kind, Snapshot) and m.name not in absent]
    needed = Versions.schema().names
    lacking = [
        f"{m.name} has no {name}" for m in histories for name in needed
        if name not in warehouse.store.table(m.layer, m.name).columns
    ]  # fmt: skip
    yield _item("histories have their SCD2 columns", lacking, ", ".join(needed))
    results = checked(warehouse, [m.name for m in histories]).checks
    broken = [f"{r.table}: {r.failing_count:,} failing rows in {r.check.name}" for r in results if r.status == "fail"]
    counts = []
    for m in histories:
        table = warehouse.store.table(m.layer, m.name)
        now = warehouse.store.count(table.filter(table.dbt_valid_to.isnull()))
        counts.append(f"{m.name} {now:,} current, {warehouse.store.count(table) - now:,} historical")
    yield _item("versions are well-formed", broken, "; ".join(counts))


def _tests(run: Run) -> Item:
    failing = [f"{r.table}.{r.check.name}" for r in run.checks if r.status in ("fail", "skip")]
    warned = sum(r.status == "warn" for r in run.checks)
    return _item("all tests pass", failing, f"{len(run.checks)} on all rows, {warned} of them warn")


def _outputs(migration: Migration, warehouse: Warehouse) -> Item:
    files = warehouse.state.files
    wrong = []
    for name, known in files.items():
        place = migration.settings.outputs / name
        if not is_whole(place):
            wrong.append(f"{place} is missing")
        elif place.is_file() and sha256_of(place) != known.sha256:
            wrong.append(f"{place} is not as the last build wrote it")
    return _item("output files are there", wrong or [] if files else ["none is written"], ", ".join(sorted(files)))


def _naming(migration: Migration) -> Item:
    found = [f"{b.name}: {b.reason}" for b in breaches(migration.pipeline, ABBREVIATIONS)]
    found += names.problems(migration)
    count = len(names.aliases(migration.settings))
    return _item(
        "names follow the conventions", found, f"{count} views keep old names" if count else "no old names left"
    )


def _reports(directory: Path) -> Item:
    reports = sorted(directory.glob("quality_report_*.json")) if directory.is_dir() else []
    if not reports:
        return Item("reports are written", "fail", f"{directory}: there is none")
    try:
        total = json.loads(texts.read(reports[-1]))["total_checks"]
    except (OSError, ValueError, KeyError) as error:
        return Item("reports are written", "fail", f"{reports[-1]}: cannot read it ({error})")
    return Item("reports are written", "pass", f"{len(reports)}, the last of {total} tests")


def _documentation(migration: Migration) -> Item:
    bare = [m.name for m in migration.pipeline if not m.description]
    bare += [f"{m.name}.{c.name}" for m in migration.pipeline for c in m.contract.columns if not c.description]
    count = sum(len(m.contract.columns) for m in migration.pipeline)
    return _item("every table and column is described", bare, f"{count} columns; docs/tables.md is made from them")


def _marts(migration: Migration) -> Item:
    try:
        tables = validating.marts(migration)
    except LcIbisError as error:
        return Item("nothing in the marts is unexplained", "fail", str(error))
    wrong = [f"{t.old_table}: {len(t.unexplained):,} unexplained" for t in tables if t.unexplained]
    found = "; ".join(f"{t.old_table} {t.equal_count:,} equal, {len(t.differences):,} explained" for t in tables)
    return _item("nothing in the marts is unexplained", wrong, found or "the old database has no marts of these names")


def _end_to_end(builds: Timed) -> Item:
    wrong = [] if builds.has_arrived else [f"{builds.changed}: the change did not reach the mart"]
    return _item("end to end", wrong, f"in a copy, a changed balance of {builds.changed} reached the mart")


def _speed(builds: Timed) -> Item:
    found = f"{builds.full:.2f} s in full, {builds.incremental:.2f} s by key: {builds.full / builds.incremental:.1f} ×"
    if builds.incremental < builds.full:
        return Item("incremental is faster than full", "pass", found)
    if builds.row_count < _FEW_ROWS:
        return Item(
            "incremental is faster than full", "unclear", f"{found}; {builds.row_count:,} rows are too few to tell"
        )
    return Item("incremental is faster than full", "fail", f"{found}, {builds.row_count:,} rows")


def _timings(builds: Timed) -> Iterator[Measured]:
    def faster(other: float) -> str:
        return f"{builds.full / other:.1f} ×"

    full = f"{builds.full:.2f} s (our full refresh)"
    yield Measured("build after one changed row", full, f"{builds.incremental:.2f} s", faster(builds.incremental))
    yield Measured("build of the same extracts again", full, f"{builds.again:.2f} s", faster(builds.again))


def _measured(migration: Migration) -> Iterator[Measured]:
    """Give what can be measured of both databases."""
    old, settings = migration.source, migration.settings
    sizes = old.path.stat().st_size, settings.place.stat().st_size
    yield Measured("database", f"{sizes[0] / 1e6:,.1f} MB", f"{sizes[1] / 1e6:,.1f} MB", "")
    with Warehouse(migration.pipeline, settings) as warehouse:

        def ours(query: str) -> str:
            return str(warehouse.con.con.execute(query).fetchall()[0][0])

        theirs = adopted.as_read(migration, warehouse.store)
        for name in CLEANING:
            model = migration.pipeline[name]
            [key] = model.business_key
            query = "SELECT round(count(*) / greatest(count(DISTINCT {}), 1), 2) FROM {}"
            before = "no history"
            if history := theirs.get(name):
                query_of_old = query.format(quoted(history.columns[key]), old.sql(history.relation))
                before = str(old.rows(f"{query_of_old} WHERE NOT {history.is_deleted}")[0][0])
            after = ours(query.format(quoted(key), quoted(model.layer, name)))
            yield Measured(f"versions a key, {name}", before, after, "")
