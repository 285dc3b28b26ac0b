"""dbt's artifacts, manifest.json and run_results.json, so that tools which read those see the graph and the last build.

What is received is a dbt source, a history a snapshot, a check a test, a table that is written to files an exposure.
The shapes are those of https://schemas.getdbt.com, manifest v12 and run-results v6.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lc_ibis import pipelines, reading, reports
from lc_ibis.engine.checks import Check
from lc_ibis.engine.model import Ephemeral, Model, Snapshot, Source, TimestampStrategy
from lc_ibis.engine.pipeline import Output, Pipeline
from lc_ibis.engine.whole_files import write_text
from lc_ibis.errors import OutputError
from lc_ibis.quality.report import to_json
from lc_ibis.settings import Settings

PROJECT = "lc_ibis"
_SCHEMA = "https://schemas.getdbt.com/dbt/{}.json"
# The version of dbt that writes these shapes.
_DBT = "1.10.0"
_LOST = "nothing was published"
_STATUSES = {"pass": "pass", "warn": "warn", "fail": "fail", "skip": "skipped"}


def artifacts(to: str | Path = "target", **options: Any) -> list[Path]:
    """Write manifest.json and, where a build has left a report, run_results.json into a directory; return them.

    `options` are the fields of Settings. No database is needed, and no values of the data are told. Raises
    SettingsError, and OutputError where a file cannot be written, or is of another dbt project.
    """
    settings, directory = Settings.load(**options), Path(to)
    pipeline, report = pipelines.load(settings), reports.last(settings.reports)
    _refuse_stranger(directory / "manifest.json")
    documents = {"manifest.json": manifest(pipeline, settings, report)}
    if report:
        documents["run_results.json"] = run_results(pipeline, settings, report)
    for name, document in documents.items():
        write_text(directory / name, to_json(document) + "\n")
    return [directory / name for name in documents]


def _refuse_stranger(place: Path) -> None:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        is_ours = found["metadata"]["project_name"] == PROJECT
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise OutputError(f"{place}: it is not a manifest of {PROJECT}. Name another directory.")


def manifest(pipeline: Pipeline, settings: Settings, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the graph as dbt's manifest: models, snapshots, tests, sources, exposures, and who follows whom."""
    sql = reading.compile("duckdb", models=settings.models, select=(), exclude=())
    sources = {_id(model): _source(model, settings) for model in pipeline if isinstance(model.kind, Source)}
    nodes = {_id(model): _node(pipeline, model, settings, sql[model.name]) for model in pipeline}
    nodes = {name: node for name, node in nodes.items() if name not in sources}
    for model in pipeline:
        nodes |= {_test_id(model, check): _test(pipeline, model, check, settings) for check in model.checks}
    exposures = {f"exposure.{PROJECT}.{output.table}": _exposure(pipeline, output) for output in pipeline.outputs}
    parents = {name: node["depends_on"]["nodes"] for name, node in (nodes | exposures).items()}
    parents |= {name: [] for name in sources}
    children = {name: [child for child, found in parents.items() if name in found] for name in parents}
    empty = ("macros", "docs", "metrics", "groups", "selectors", "disabled", "group_map", "saved_queries",
             "semantic_models", "unit_tests")  # fmt: skip
    return {
        "metadata": _metadata("manifest/v12", report) | {"project_name": PROJECT, "adapter_type": settings.backend},
        "nodes": nodes, "sources": sources, "exposures": exposures, "parent_map": parents, "child_map": children,
        **{name: {} for name in empty},
    }  # fmt: skip


def run_results(pipeline: Pipeline, settings: Settings, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the build of a report did to tables, and how its checks ended, as dbt's run results.

    Of a build that published nothing each table is an error, for it was not brought up to date.
    """
    models = {model.name: model for model in pipeline if model.is_stored and not isinstance(model.kind, Source)}
    checks = {(model.name, check.name): _test_id(model, check) for model in pipeline for check in model.checks}
    results = []
    for table in report["tables"]:
        if model := models.get(table["table"]):
            count = table["added_count"] + table["changed_count"] + table["removed_count"]
            is_lost = report["status"] == "failed"
            said = _LOST if is_lost else f"{table['action']}: {table['reason']}"
            results.append(
                _result(_id(model), "error" if is_lost else "success", said, table["seconds"])
                | {"adapter_response": {"rows_affected": count}, "relation_name": _relation(model, settings)[2]}
            )
    told = {table["table"] for table in report["tables"]}
    if report["status"] == "failed":
        # The one that it failed at, and those after it.
        results += [_result(_id(models[name]), "error", _LOST, 0.0) for name in models if name not in told]
    for check in report["checks"]:
        if test_id := checks.get((check["table"], check["check"])):
            said = check.get("reason") or check["scope"]
            results.append(_result(test_id, _STATUSES[check["status"]], said, 0.0) | {"failures": check["count"]})
    metadata = _metadata("run-results/v6", report)
    return {"metadata": metadata, "results": results, "elapsed_time": report["seconds"], "args": {"which": "build"}}


def _result(unique_id: str, status: str, message: str, seconds: float) -> dict[str, Any]:
    return {
        "status": status, "timing": [], "thread_id": "main", "execution_time": seconds, "adapter_response": {},
        "message": message, "failures": None, "unique_id": unique_id, "compiled": None, "compiled_code": None,
        "relation_name": None,
    }  # fmt: skip


def _metadata(schema: str, report: Mapping[str, Any] | None) -> dict[str, Any]:
    build = report["timestamp"] if report else None
    return {
        "dbt_schema_version": _SCHEMA.format(schema),
        "dbt_version": _DBT,
        "generated_at": build or f"{datetime.now(timezone.utc).replace(tzinfo=None).isoformat()}Z",
        "invocation_id": str(uuid5(NAMESPACE_URL, f"urn:lc-ibis:{build}")),
        "env": {},
    }


def _id(model: Model) -> str:
    if isinstance(model.kind, Source):
        return f"source.{PROJECT}.{model.layer}.{model.name}"
    return f"{_type(model)}.{PROJECT}.{model.name}"


def _type(model: Model) -> str:
    return "snapshot" if isinstance(model.kind, Snapshot) else "model"


def _file(model: Model) -> str:
    return f"{model.function.__module__.replace('.', '/')}.py"


def _relation(model: Model, settings: Settings) -> tuple[str | None, str, str | None]:
    """Return catalog, schema and name of a stored table, as far as they are known without a connection."""
    catalog, schema = settings.schema_of(model.layer)
    if catalog is None:
        return None, schema, None
    return catalog, schema, ".".join(f'"{part}"' for part in (catalog, schema, model.name))


def _common(model: Model, settings: Settings) -> dict[str, Any]:
    """Return what sources, models and snapshots have in common."""
    database, schema, relation = _relation(model, settings)
    types = {c.name: str(c.type).removeprefix("!") for c in model.contract.columns}
    return {
        "database": database, "schema": schema, "name": model.name, "package_name": PROJECT, "path": _file(model),
        "original_file_path": _file(model), "unique_id": _id(model), "fqn": [PROJECT, model.layer, model.name],
        "description": model.description, "relation_name": relation if model.is_stored else None, "tags": [],
        "meta": {},
        "columns": {
            c.name: {"name": c.name, "description": c.description, "data_type": types[c.name], "meta": {}, "tags": []}
            for c in model.contract.columns
        },
    }  # fmt: skip


def _source(model: Model, settings: Settings) -> dict[str, Any]:
    assert isinstance(model.kind, Source)
    return {
        **_common(model, settings), "resource_type": "source", "source_name": model.layer, "source_description": "",
        "loader": f"{PROJECT}, from {model.kind.file}", "identifier": model.name, "loaded_at_field": "loaded_at",
        "config": {"enabled": True},
    }  # fmt: skip


def _node(pipeline: Pipeline, model: Model, settings: Settings, sql: str) -> dict[str, Any]:
    return {
        **_common(model, settings), **_dependencies(pipeline, model.inputs), **_code(sql),
        "resource_type": _type(model), "alias": model.name, "config": _config(model),
    }  # fmt: skip


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
        "depends_on": {"macros": [], "nodes": [_id(model) for model in models]},
        "refs": [{"name": model.name, "package": None, "version": None} for model in models if model not in sources],
        "sources": [[model.layer, model.name] for model in sources],
    }


def _test_id(model: Model, check: Check) -> str:
    digest = hashlib.md5(f"{model.name}.{check.name}".encode(), usedforsecurity=False).hexdigest()[:10]
    return f"test.{PROJECT}.{check.name}_{model.name}.{digest}"


def _test(pipeline: Pipeline, model: Model, check: Check, settings: Settings) -> dict[str, Any]:
    database, schema, _ = _relation(model, settings)
    unique_id, column = _test_id(model, check), check.columns[0] if len(check.columns) == 1 else None
    name = unique_id.split(".")[2]
    kind = check.name.removesuffix(f"_{'_'.join(check.columns)}") if check.columns else check.name
    given = {"column_name": column} if column else {"columns": list(check.columns)}
    return {
        "database": database, "schema": schema, "name": name, "alias": name, "resource_type": "test",
        "package_name": PROJECT, "path": _file(model), "original_file_path": _file(model), "unique_id": unique_id,
        "fqn": [PROJECT, model.layer, name], "description": check.meaning, "tags": list(check.tags), "columns": {},
        "config": {"enabled": True, "materialized": "test", "severity": check.severity.upper(), "meta": {}},
        **_dependencies(pipeline, dict.fromkeys((model.name, *check.needs))),
        "checksum": {"name": "none", "checksum": ""}, "raw_code": "", "language": "sql",
        "column_name": column, "attached_node": None if isinstance(model.kind, Source) else _id(model),
        "test_metadata": {"name": kind, "kwargs": {"model": model.name, **given}, "namespace": None},
    }  # fmt: skip


def _exposure(pipeline: Pipeline, output: Output) -> dict[str, Any]:
    model = pipeline[output.table]
    files = ", ".join(f"{output.table}.{format}" for format in output.formats)
    return {
        "name": output.table, "resource_type": "exposure", "type": "application", "package_name": PROJECT,
        "path": _file(model), "original_file_path": _file(model), "unique_id": f"exposure.{PROJECT}.{output.table}",
        "fqn": [PROJECT, output.table], "owner": {"name": PROJECT}, "label": files,
        "description": f"The files {files}, which a build writes of {output.table}.", "meta": {}, "tags": [],
        **_dependencies(pipeline, (output.table,)),
    }  # fmt: skip
