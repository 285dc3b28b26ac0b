"""The quality report of a run, as one JSON document."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_ibis.declare.checks import DONE, CheckResult
from lc_ibis.engine.state.run import Freshness, Run, TableRun
from lc_ibis.errors import OutputError
from lc_ibis.files.documents import to_json
from lc_ibis.files.whole import write_text

if TYPE_CHECKING:
    from lc_ibis.engine.prove.mutating import Mutated

SCHEMA_VERSION = 3


def document(run: Run) -> dict[str, Any]:
    """Return the report: totals, failures with examples, the ledger, and what was done to each table."""
    return {
        "schema_version": SCHEMA_VERSION,
        "timestamp": f"{run.reported_at.isoformat()}Z",
        "run_id": run.run_id,
        "status": run.status,
        "error": run.error,
        "seconds": round(run.seconds, 3),
        "checks_seconds": round(run.checks_seconds, 3),
        "outputs_seconds": round(run.outputs_seconds, 3),
        "total_checks": len(run.checks),
        **_totals(run.checks),
        "by_layer": _grouped(run.checks, lambda result: result.layer),
        "by_severity": _grouped(run.checks, lambda result: result.check.severity),
        "failures": [_failure(r) for r in run.checks if r.status in ("fail", "warn")],
        "ledger": run.ledger,
        "lineage": run.lineage,
        "warnings": run.warnings,
        "freshness": [_fresh(found) for found in run.freshness],
        "jumps": [asdict(jump) for jump in run.jumps],
        "tables": [table_document(table) for table in run.tables],
        "outputs": [str(path) for path in run.outputs],
        "checks": [_check(result) for result in run.checks],
    }


def _fresh(found: Freshness) -> dict[str, Any]:
    return {**asdict(found), "file_hours": round(found.file_hours, 2), "data_hours": round(found.data_hours, 2)}


def _totals(results: Iterable[CheckResult]) -> dict[str, int]:
    counted = Counter(DONE[result.status] for result in results)
    return {name: counted[name] for name in DONE.values()}


def _grouped(results: list[CheckResult], by: Any) -> dict[str, dict[str, int]]:
    names = dict.fromkeys(by(result) for result in results)
    return {name: _totals(r for r in results if by(r) == name) for name in names}


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check.name,
        "table": result.table,
        "columns": list(result.check.columns),
        "severity": result.check.severity,
        "warn_if": result.check.warn_if,
        "error_if": result.check.error_if,
        "status": result.status,
        "count": result.failing_count,
        "of": result.row_count,
        "scope": result.scope,
    } | ({"reason": result.reason} if result.reason else {})


def _failure(result: CheckResult) -> dict[str, Any]:
    return _check(result) | {"meaning": result.check.meaning, "examples": list(result.examples)}


def table_document(table: TableRun) -> dict[str, Any]:
    """Return what was done to a table, in one flat document."""
    facts = asdict(table)
    written = facts.pop("written")
    return {**facts, **written, "seconds": round(table.seconds, 3)}


def mutated_document(result: Mutated) -> dict[str, Any]:
    """Return whether a check noticed that its table was broken."""
    return {
        "check": result.check.name,
        "table": result.table,
        "has_noticed": result.has_noticed,
        "also": list(result.also),
    } | ({"reason": result.reason} if result.reason else {})


def prepare(directory: Path) -> None:
    """Make the directory of reports. Raises OutputError where that cannot be, or nothing can be written to it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot create the directory of reports ({error.strerror}).") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{directory}: cannot write reports there. Choose another directory with --reports.")


def path_of(run: Run, directory: Path) -> Path:
    """Return where the run's report is, or will be."""
    return directory / f"quality_report_{run.reported_at:%Y%m%dT%H%M%S.%fZ}.json"


def write(run: Run, directory: Path) -> Path:
    """Write the run's report and return its path; the file is whole at every moment. Raises OutputError."""
    path = path_of(run, directory)
    write_text(path, to_json(document(run)) + "\n")
    return path
