"""The nodes of dbt's manifest: models, snapshots, sources, tests and exposures, as dbt's readers want them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from ibis.backends.sql.datatypes import DatabricksType, DuckDBType

from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Column
from lc_ibis.declare.graph import Output
from lc_ibis.declare.models import Ephemeral, Model, Snapshot, Source, TimestampStrategy
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.settings import Settings

PROJECT = "lc_ibis"


def id_of(model: Model) -> str:
    if isinstance(model.kind, Source):
        return f"source.{PROJECT}.{model.layer}.{model.name}"
    return f"{_type(model)}.{PROJECT}.{model.name}"


def _type(model: Model) -> str:
    return "snapshot" if isinstance(model.kind, Snapshot) else "model"


def _file(model: Model) -> str:
    return f"{model.function.__module__.replace('.', '/')}.py"


def relation_of(model: Model, settings: Settings) -> tuple[str | None, str, str | None]:
    """Return catalog, schema and name of a stored table, as far as they are known without a connection."""
    catalog, schema = settings.schema_of(model.layer)
    if catalog is None:
        return None, schema, None
    return catalog, schema, ".".join(f'"{part}"' for part in (catalog, schema, model.name))


def _common(model: Model, settings: Settings) -> dict[str, Any]:
    """Return what sources, models and snapshots have in common."""
    database, schema, relation = relation_of(model, settings)
    return {
        "database": database, "schema": schema, "name": model.name, "package_name": PROJECT, "path": _file(model),
        "original_file_path": _file(model), "unique_id": id_of(model), "fqn": [PROJECT, model.layer, model.name],
        "description": model.description, "relation_name": relation if model.is_stored else None, "tags": [],
        "meta": {},
        "columns": {c.name: _column(c, model.contract.key() == (c.name,)) for c in model.contract.columns},
    }  # fmt: skip


def _column(column: Column, is_whole_key: bool) -> dict[str, Any]:
    promised = {"not_null": not column.is_nullable, "primary_key": is_whole_key}
    return {
        "name": column.name, "description": column.description, "data_type": str(column.type).removeprefix("!"),
        "meta": {}, "tags": [], "constraints": [_constraint(type_) for type_, is_so in promised.items() if is_so],
    }  # fmt: skip


def _constraint(type_: str) -> dict[str, Any]:
    return {
        "type": type_, "name": None, "expression": None, "warn_unenforced": True, "warn_unsupported": True,
        "to": None, "to_columns": [],
    }  # fmt: skip


def catalog_node(model: Model, settings: Settings) -> dict[str, Any]:
    """Return a stored table for dbt's catalog."""
    catalog, schema, _ = relation_of(model, settings)
    types = DuckDBType if settings.backend == "duckdb" else DatabricksType
    columns = {
        column.name: {
            "type": types.to_string(column.type), "index": place, "name": column.name, "comment": column.description,
        }
        for place, column in enumerate(model.contract.columns, 1)
    }  # fmt: skip
    table = {"type": "BASE TABLE", "schema": schema, "name": model.name, "database": catalog}
    return {
        "metadata": table | {"comment": model.grain, "owner": None}, "columns": columns, "stats": {},
        "unique_id": id_of(model),
    }  # fmt: skip


def source_node(model: Model, settings: Settings) -> dict[str, Any]:
    assert isinstance(model.kind, Source)
    return {
        **_common(model, settings), "resource_type": "source", "source_name": model.layer, "source_description": "",
        "loader": f"{PROJECT}, from {model.kind.file}", "identifier": model.name, "loaded_at_field": "loaded_at",
        "config": {"enabled": True},
    }  # fmt: skip


def model_node(pipeline: Pipeline, model: Model, settings: Settings, sql: str) -> dict[str, Any]:
    return {
        **_common(model, settings), **_dependencies(pipeline, model.inputs), **_code(sql),
        "resource_type": _type(model), "alias": model.name, "config": _config(model), **_of_models(pipeline, model),
    }  # fmt: skip


def _of_models(pipeline: Pipeline, model: Model) -> dict[str, Any]:
    """Return what models have and snapshots have not; public is what is written to files."""
    if isinstance(model.kind, Snapshot):
        return {}
    key = list(model.contract.key())
    return {
        "access": "public" if model.name in {output.table for output in pipeline.outputs} else "protected",
        "constraints": [_constraint("primary_key") | {"columns": key}] if len(key) > 1 else [],
    }


def _config(model: Model) -> dict[str, Any]:
    if isinstance(model.kind, Ephemeral):
        return {"enabled": True, "materialized": "ephemeral"}
    key = list(model.business_key) or None
    if not isinstance(model.kind, Snapshot):
        held = {"contract": {"enforced": True}, "on_schema_change": "fail"}
        return {"enabled": True, "materialized": "incremental", "unique_key": key, **held}
    strategy = model.kind.strategy
    followed = (
        {"strategy": "timestamp", "updated_at": strategy.updated_at}
        if isinstance(strategy, TimestampStrategy)
        else {"strategy": "check", "check_cols": "all"}
    )
    return {"enabled": True, "materialized": "snapshot", "unique_key": key, **followed}


def _code(sql: str) -> dict[str, Any]:
    checksum = {"name": "sha256", "checksum": hashlib.sha256(sql.encode()).hexdigest()}
    return {"checksum": checksum, "language": "sql", "raw_code": sql, "compiled": True, "compiled_code": sql}


def _dependencies(pipeline: Pipeline, names: Iterable[str]) -> dict[str, Any]:
    models = [pipeline[name] for name in names]
    sources = [model for model in models if isinstance(model.kind, Source)]
    return {
        "depends_on": {"macros": [], "nodes": [id_of(model) for model in models]},
        "refs": [{"name": model.name, "package": None, "version": None} for model in models if model not in sources],
        "sources": [[model.layer, model.name] for model in sources],
    }


def id_of_test(model: Model, check: Check) -> str:
    digest = hashlib.md5(f"{model.name}.{check.name}".encode(), usedforsecurity=False).hexdigest()[:10]
    return f"test.{PROJECT}.{check.name}_{model.name}.{digest}"


def test_node(pipeline: Pipeline, model: Model, check: Check, settings: Settings) -> dict[str, Any]:
    database, schema, _ = relation_of(model, settings)
    unique_id, column = id_of_test(model, check), check.columns[0] if len(check.columns) == 1 else None
    name = unique_id.split(".")[2]
    kind, kwargs = _asked(pipeline, model, check)
    names = [model.name, *check.needs]
    # As dbt has it: the table with the keys first, the one that refers to them last.
    depends = names[::-1] if kind == "relationships" else names
    return {
        "database": database, "schema": schema, "name": name, "alias": name, "resource_type": "test",
        "package_name": PROJECT, "path": _file(model), "original_file_path": _file(model), "unique_id": unique_id,
        "fqn": [PROJECT, model.layer, name], "description": check.meaning, "tags": list(check.tags), "columns": {},
        "meta": {}, "config": {"enabled": True, "materialized": "test", "severity": check.severity.upper(), "meta": {}},
        **_dependencies(pipeline, dict.fromkeys(depends)),
        "checksum": {"name": "none", "checksum": ""}, "raw_code": "", "language": "sql",
        "column_name": column, "attached_node": None if isinstance(model.kind, Source) else id_of(model),
        "test_metadata": {"name": kind, "kwargs": kwargs, "namespace": None},
    }  # fmt: skip


def _asked(pipeline: Pipeline, model: Model, check: Check) -> tuple[str, dict[str, Any]]:
    """Return the generic test that a check is, and its arguments, as dbt writes them."""
    given = {"column_name": check.columns[0]} if len(check.columns) == 1 else {"columns": list(check.columns)}
    asked: dict[str, Any] = {"model": model.name, **given}
    if check.name.startswith("relationships_") and len(check.needs) == 1:
        return "relationships", asked | {"to": _reference(pipeline[check.needs[0]]), "field": check.columns[0]}
    return check.name.removesuffix(f"_{'_'.join(check.columns)}") if check.columns else check.name, asked


def _reference(model: Model) -> str:
    return f"source('{model.layer}', '{model.name}')" if isinstance(model.kind, Source) else f"ref('{model.name}')"


def exposure_node(pipeline: Pipeline, output: Output) -> dict[str, Any]:
    model = pipeline[output.table]
    files = ", ".join(f"{output.table}.{format}" for format in output.formats)
    return {
        "name": output.table, "resource_type": "exposure", "type": "application", "package_name": PROJECT,
        "config": {"enabled": True},
        "path": _file(model), "original_file_path": _file(model), "unique_id": f"exposure.{PROJECT}.{output.table}",
        "fqn": [PROJECT, output.table], "owner": {"name": PROJECT}, "label": files,
        "description": f"The files {files}, which a build writes of {output.table}.", "meta": {}, "tags": [],
        **_dependencies(pipeline, (output.table,)),
    }  # fmt: skip
