"""Contracts as documents: what the tables promise, what changed of it, and the same in an open standard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_ibis import project
from lc_ibis.api.warehouse import connect
from lc_ibis.declare.checks import Check
from lc_ibis.declare.contract_changes import ContractDiff, compared
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import SelectionError, SettingsError
from lc_ibis.files.whole import write_text
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

__all__ = ["diff", "export", "show"]


def show(*tables: str, **options: Unpack[Options]) -> list[dict[str, Any]]:
    """Return the contracts of the named tables, or of all: grain, key, columns and checks. Needs no database.

    `options` are the fields of Settings. Raises SelectionError.
    """
    return [_document(model) for model in _with_contract(project.load(Settings.load(**options)), tables)]


def diff(*tables: str, **options: Unpack[Options]) -> list[ContractDiff]:
    """Compare the contracts of the named tables, or of all, with those of the database's last build.

    `options` are the fields of Settings. Raises DatabaseError, SelectionError.
    """
    with connect(**options) as warehouse:
        return compared(_chosen(warehouse.pipeline, tables), warehouse.state.contracts)


def export(*tables: str, to: str | Path | None = None, **options: Unpack[Options]) -> dict[str, str]:
    """Return the contracts of the named tables, or of all, as YAML of the Open Data Contract Standard, by table.

    With `to`, also write each to a file in that directory. Each contract lists the database and the Parquet files, as
    the settings name them, as servers. `options` are the fields of Settings. Raises SelectionError, OutputError, or
    SettingsError if the package of the standard is missing.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    try:
        from lc_ibis.reporting import odcs
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"contract export needs {error.name}, which is not installed. Install it: pip install 'lc-ibis[contracts]'."
        ) from None
    documents = {
        model.name: odcs.to_yaml(model, _servers(pipeline, model, settings)) for model in _chosen(pipeline, tables)
    }
    if to is not None:
        for table, text in documents.items():
            write_text(contract_file(to, table), text)
    return documents


def contract_file(directory: str | Path, table: str) -> Path:
    """Return the file of a table's exported contract."""
    return Path(directory) / f"{table}.odcs.yaml"


def _servers(pipeline: Pipeline, model: Model, settings: Settings) -> list[dict[str, str]]:
    """Return where the rows of a table can be read: in the database, its copy for readers, and its Parquet files."""
    catalog, schema = settings.schema_of(model.layer)
    servers = []
    if settings.backend == "duckdb":
        files = {"duckdb": settings.place, "readers": settings.publish}
        servers = [
            {"server": name, "type": "duckdb", "database": str(place), "schema": schema}
            for name, place in files.items()
            if place
        ]
    elif catalog:
        servers = [{"server": "databricks", "type": "databricks", "catalog": catalog, "schema": schema}]
    if any(output.table == model.name and "parquet" in output.formats for output in pipeline.outputs):
        name = f"{model.name}/*.parquet" if settings.partitioned else f"{model.name}.parquet"
        servers.append(
            {"server": "parquet", "type": "local", "path": str(settings.outputs / name), "format": "parquet"}
        )
    return servers


def _with_contract(pipeline: Pipeline, tables: tuple[str, ...]) -> list[Model]:
    """Return the named models, or all that are stored or checked. Raises SelectionError."""
    named = [pipeline[name] for name in dict.fromkeys(tables)]
    return named or [model for model in pipeline if model.is_stored or model.checks]


def _chosen(pipeline: Pipeline, tables: tuple[str, ...]) -> list[Model]:
    """Return the named models, or all that are stored. Raises SelectionError."""
    models = [pipeline[name] for name in dict.fromkeys(tables)] or [model for model in pipeline if model.is_stored]
    for model in models:
        if not model.is_stored:
            raise SelectionError(
                f"{model.name} ({model.where}): the model is ephemeral, so nobody reads it. Choose a stored table."
            )
    return models


def _document(model: Model) -> dict[str, Any]:
    return {
        "table": model.name,
        "layer": model.layer,
        "contract": model.contract.__name__,
        "version": model.contract.major_version(),
        "is_stored": model.is_stored,
        "grain": model.grain,
        "description": model.description,
        "key": list(model.contract.key()),
        "columns": [
            {
                "name": column.name,
                "type": column.type_name,
                "is_nullable": column.is_nullable,
                "is_key": column.is_key,
                "is_stamp": column.is_stamp,
                "meaning": column.description,
            }
            for column in model.contract.columns
        ],
        "checks": [_check(check) for check in model.checks],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "columns": list(check.columns),
        "severity": check.severity,
        "meaning": check.meaning,
        "warn_if": check.warn_if,
        "error_if": check.error_if,
        "thresholds": check.thresholds,
        "tags": list(check.tags),
    }
