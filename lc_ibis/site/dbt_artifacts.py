"""dbt's artifacts, for tools that read those: manifest.json, catalog.json and run_results.json.

What is received is a dbt source, a history a snapshot, a check a test, a table that is written to files an exposure.
The shapes are those of https://schemas.getdbt.com, manifest v12, catalog v1 and run-results v6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from lc_ibis import project
from lc_ibis.api import code
from lc_ibis.api import report as reports
from lc_ibis.declare.models import Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import OutputError
from lc_ibis.files import texts
from lc_ibis.files.documents import to_json
from lc_ibis.files.whole import write_text
from lc_ibis.settings import Settings
from lc_ibis.site.dbt_nodes import (
    PROJECT,
    catalog_node,
    exposure_node,
    id_of,
    id_of_test,
    model_node,
    relation_of,
    source_node,
    test_node,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

_SCHEMA = "https://schemas.getdbt.com/dbt/{}.json"
# The version of dbt that writes these shapes.
_DBT = "1.10.0"
_LOST = "nothing was published"
_STATUSES = {"pass": "pass", "warn": "warn", "fail": "fail", "skip": "skipped"}


def artifacts(to: str | Path = "target", **options: Unpack[Options]) -> list[Path]:
    """Write manifest.json, catalog.json and, where a build has left a report, run_results.json; return them.

    `options` are the fields of Settings. No database is needed, and no values of the data are told. Raises
    SettingsError, and OutputError where a file cannot be written, or is of another dbt project.
    """
    settings, directory = Settings.load(**options), Path(to)
    pipeline, report = project.load(settings), reports.last(settings.reports)
    _refuse_stranger(directory / "manifest.json")
    documents = {
        "manifest.json": manifest(pipeline, settings, report),
        "catalog.json": catalog(pipeline, settings, report),
    }
    if report:
        documents["run_results.json"] = run_results(pipeline, settings, report)
    for name, document in documents.items():
        write_text(directory / name, to_json(document) + "\n")
    return [directory / name for name in documents]


def _refuse_stranger(place: Path) -> None:
    try:
        found = json.loads(texts.read(place))
        is_ours = found["metadata"]["project_name"] == PROJECT
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise OutputError(f"{place}: the file was not written by {PROJECT}. Choose another directory.")


def manifest(pipeline: Pipeline, settings: Settings, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the graph as dbt's manifest: models, snapshots, tests, sources, exposures, and who follows whom."""
    sql = code.compile("duckdb", models=settings.models, select=(), exclude=())
    sources = {id_of(model): source_node(model, settings) for model in pipeline if isinstance(model.kind, Source)}
    nodes = {id_of(model): model_node(pipeline, model, settings, sql[model.name]) for model in pipeline}
    nodes = {name: node for name, node in nodes.items() if name not in sources}
    for model in pipeline:
        nodes |= {id_of_test(model, check): test_node(pipeline, model, check, settings) for check in model.checks}
    exposures = {f"exposure.{PROJECT}.{output.table}": exposure_node(pipeline, output) for output in pipeline.outputs}
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


def catalog(pipeline: Pipeline, settings: Settings, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the stored tables as dbt's catalog: their columns with the database's types, as the contracts say."""
    stored = [model for model in pipeline if model.is_stored]
    return {
        "metadata": _metadata("catalog/v1", report),
        "nodes": {id_of(m): catalog_node(m, settings) for m in stored if not isinstance(m.kind, Source)},
        "sources": {id_of(m): catalog_node(m, settings) for m in stored if isinstance(m.kind, Source)},
        "errors": None,
    }


def run_results(pipeline: Pipeline, settings: Settings, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the build of a report did to tables, and how its checks ended, as dbt's run results.

    Of a build that published nothing each table is an error, for it was not brought up to date.
    """
    models = {model.name: model for model in pipeline if model.is_stored and not isinstance(model.kind, Source)}
    checks = {(model.name, check.name): id_of_test(model, check) for model in pipeline for check in model.checks}
    results = []
    for table in report["tables"]:
        if model := models.get(table["table"]):
            count = table["added_count"] + table["changed_count"] + table["removed_count"]
            is_lost = report["status"] == "failed"
            said = _LOST if is_lost else f"{table['action']}: {table['reason']}"
            results.append(
                _result(id_of(model), "error" if is_lost else "success", said, table["seconds"])
                | {"adapter_response": {"rows_affected": count}, "relation_name": relation_of(model, settings)[2]}
            )
    told = {table["table"] for table in report["tables"]}
    if report["status"] == "failed":
        # The one that it failed at, and those after it.
        results += [_result(id_of(models[name]), "error", _LOST, 0.0) for name in models if name not in told]
    for check in report["checks"]:
        if test := checks.get((check["table"], check["check"])):
            said = check.get("reason") or check["scope"]
            results.append(_result(test, _STATUSES[check["status"]], said, 0.0) | {"failures": check["count"]})
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
