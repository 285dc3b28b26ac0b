"""What is known of each table: from the code, the reports, and the database, as far as there are such."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lc_ibis.api import code, tables
from lc_ibis.api import report as reports
from lc_ibis.api.warehouse import connect
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.declare.checks import Check
from lc_ibis.declare.column_lineage import Origin, column_lineage
from lc_ibis.declare.contracts import Column
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import DatabaseError
from lc_ibis.settings import Settings


@dataclass(frozen=True)
class ColumnFacts:
    """A column: its contract, its unit, the checks that look at it, and what it is made of."""

    column: Column
    type: str
    unit: str
    checks: tuple[Check, ...]
    origins: tuple[Origin, ...]
    reaches: tuple[Origin, ...]


@dataclass(frozen=True)
class TableFacts:
    """A table, stored or not: what it is, what it is made from and read by, and how it was at the last build.

    `report` is that of the last published build that tells of it.
    """

    model: Model
    inputs: tuple[str, ...]
    children: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    sql: Mapping[str, str]
    python: str
    row_count: int | None = None
    changed_at: datetime | None = None
    report: Mapping[str, Any] | None = None
    run: Mapping[str, Any] | None = None
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    freshness: Mapping[str, Any] | None = None
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Facts:
    """All tables, in the order of the pipeline; its lineage, and what reports tell of the last builds."""

    tables: tuple[TableFacts, ...]
    lineage: list[dict[str, Any]]
    outputs: dict[str, tuple[str, ...]]
    reports: reports.Known


def gathered(pipeline: Pipeline, settings: Settings, sample_rows: int) -> Facts:
    """Gather what is known; `sample_rows` is how many rows of each table to show. Raises DatabaseError."""
    known = reports.known(settings.reports, (model.name for model in pipeline if model.is_stored))
    options: dict[str, Any] = {"models": settings.models}
    sql = {dialect: code.compile(dialect, **options, select=(), exclude=()) for dialect in DIALECTS}
    stored = _stored(settings)
    origins = {model.name: column_lineage(pipeline, model) for model in pipeline if model.is_stored}
    rows = _rows(pipeline, settings, sample_rows, set(stored)) if sample_rows else {}
    tables = tuple(
        TableFacts(
            model=model,
            inputs=model.inputs,
            children=pipeline.children[model.name],
            columns=_columns(model, origins),
            sql={dialect: found[model.name] for dialect, found in sql.items()},
            python=inspect.getsource(model.function),
            row_count=stored[model.name].row_count if model.name in stored else None,
            changed_at=stored[model.name].changed_at if model.name in stored else None,
            rows=rows.get(model.name, ()),
            **_reported(model, known.by_table.get(model.name)),
        )
        for model in pipeline
    )
    outputs = {output.table: tuple(f"{output.table}.{form}" for form in output.formats) for output in pipeline.outputs}
    return Facts(tables, pipeline.lineage, outputs, known)


def _columns(model: Model, origins: Mapping[str, Mapping[str, tuple[Origin, ...]]]) -> tuple[ColumnFacts, ...]:
    return tuple(
        ColumnFacts(
            column=column,
            type=str(column.type).removeprefix("!"),
            unit=_unit(column.name),
            checks=tuple(check for check in model.checks if column.name in check.columns),
            origins=origins.get(model.name, {}).get(column.name, ()),
            reaches=tuple(_reached(model.name, column.name, origins)),
        )
        for column in model.contract.columns
    )


def _unit(name: str) -> str:
    from lc_ibis.layers.columns import UNITS

    return next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "")


def _reached(table: str, column: str, origins: Mapping[str, Mapping[str, tuple[Origin, ...]]]) -> list[Origin]:
    """Return the columns that are made of a column."""
    return [
        Origin(name, made, origin.is_copy)
        for name, columns in origins.items()
        for made, found in columns.items()
        for origin in found
        if (origin.table, origin.column) == (table, column)
    ]


def _stored(settings: Settings) -> dict[str, tables.Stored]:
    """Return the stored tables by name; none where there is no database yet."""
    if settings.backend == "duckdb" and not settings.place.exists():
        return {}
    found = tables.tables(**_options(settings))
    return {table.name: table for table in found if table.status == "built"}


def _rows(
    pipeline: Pipeline, settings: Settings, count: int, there: set[str]
) -> dict[str, tuple[Mapping[str, Any], ...]]:
    if not there:
        raise DatabaseError(f"{settings.place}: no database found to show rows from. Create it with lc-ibis build.")
    with connect(**_options(settings)) as warehouse:
        return {
            name: tuple(warehouse.store.rows(pipeline[name].ordered(warehouse.table(name)).limit(count)))
            for name in pipeline.models
            if name in there
        }


def _options(settings: Settings) -> dict[str, Any]:
    names = ("models", "backend", "database", "master", "remote", "wait", "threads", "memory_limit")
    return {name: getattr(settings, name) for name in names}


def _reported(model: Model, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a report says of a table."""
    if report is None:
        return {}
    done = next((table for table in report["tables"] if table["table"] == model.name), None)
    results = {check["check"]: check for check in report["checks"] if check["table"] == model.name}
    ages = [found for found in report["freshness"] if found["source"] == model.name]
    fresh = ages[0] if ages and isinstance(model.kind, Source) else None
    return {"report": report, "run": done, "results": results, "freshness": fresh}
