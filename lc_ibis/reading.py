"""Reading: the tables of a built database, now or as they stood, and what is known without one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from lc_ibis import pipelines, verifications
from lc_ibis.backends.dialects import DIALECTS, written
from lc_ibis.engine.contracts import moment
from lc_ibis.engine.mutating import Mutated
from lc_ibis.engine.naming import Breach, breaches
from lc_ibis.engine.pipeline import query
from lc_ibis.engine.run import Run
from lc_ibis.engine.selection import select as selected
from lc_ibis.engine.verifying import Verified
from lc_ibis.errors import SettingsError
from lc_ibis.settings import Settings
from lc_ibis.warehouse import connect, few


def show(
    table: str, limit: int | None = None, as_of: str | int | date | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return the first rows of a table, ordered by its key, as dictionaries."""
    with connect(**options) as warehouse:
        rows = warehouse.table(table, as_of)
        return warehouse.store.rows(warehouse.pipeline[table].ordered(rows).limit(few(limit)))


def failing(
    table: str, limit: int | None = None, stored: bool = False, **options: Any
) -> dict[str, list[dict[str, Any]]]:
    """Return the first rows of a stored table that break each of its checks, whatever its thresholds.

    With `stored` they are those that the last build with store_failures kept, published or not.
    """
    with connect(**options) as warehouse:
        return warehouse.failing(table, limit, stored)


def test(**options: Any) -> Run:
    """Run the selected models' checks on the stored tables; nothing is written."""
    with connect(**options) as warehouse:
        return warehouse.test(warehouse.selected())


def mutate(**options: Any) -> list[Mutated]:
    """Break copies of the selected models' tables, and say of each check whether it notices; nothing is written."""
    with connect(**options) as warehouse:
        return warehouse.mutate(warehouse.selected())


def verify(**options: Any) -> list[Verified]:
    """Make every table anew from what was received and the histories, and compare.

    Nothing is written to the database. In the directory of reports it is noted for lc-ibis doctor, if no partial build
    had left tables behind, which cannot be compared.
    """
    with connect(**options) as warehouse:
        results = warehouse.verify()
        verifications.note(warehouse.settings.reports, warehouse.pipeline, warehouse.store, warehouse.state, results)
        return results


def runs(limit: int | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return the runs that changed something, the last first, each with what it did to which table."""
    with connect(**options) as warehouse:
        return warehouse.runs(limit)


def ls(**options: Any) -> list[dict[str, Any]]:
    """Return the selected models: name, layer, kind, what a row is, and the models that it reads."""
    settings = Settings.load(**options)
    pipeline = pipelines.load(settings)
    models = [pipeline[name] for name in selected(pipeline, settings.select, settings.exclude)]
    return [
        {
            "name": model.name,
            "layer": model.layer,
            "kind": type(model.kind).__name__.lower(),
            "grain": model.grain,
            "inputs": list(model.inputs),
        }
        for model in models
    ]


def lint(**options: Any) -> list[Breach]:
    """Return the names in the layers that break the naming conventions; no database is needed."""
    from lc_ibis.layers.columns import ABBREVIATIONS

    return list(breaches(pipelines.load(Settings.load(**options)), ABBREVIATIONS))


def compile(dialect: str = "duckdb", **options: Any) -> dict[str, str]:
    """Return the SQL of the selected models by name, ephemeral steps written out; no database is needed.

    Moments of a run stand as the literal 1970-01-01. A snapshot's is the rows that its history follows.
    """
    if dialect not in DIALECTS:
        raise SettingsError(f"dialect: {dialect!r} is not one of {', '.join(DIALECTS)}.")
    settings = Settings.load(**options)
    pipeline = pipelines.load(settings)
    names = selected(pipeline, settings.select, settings.exclude)
    run_at = moment(datetime(1970, 1, 1))
    return {name: written(query(pipeline, pipeline[name], run_at), dialect) for name in names}
