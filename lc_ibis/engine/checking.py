"""Run checks: one statement a table, and one more for the examples of each that fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from lc_ibis.engine.checks import Check, CheckResult, TablesByName, counts
from lc_ibis.engine.model import Model
from lc_ibis.engine.pipeline import Pipeline
from lc_ibis.engine.state import State
from lc_ibis.engine.store import Store

EXAMPLES = 5


def run_checks(
    store: Store, pipeline: Pipeline, tables: TablesByName, state: State, names: Iterable[str]
) -> list[CheckResult]:
    """Run all checks of the named models.

    A check that compares tables is skipped, with the reason, while one of them is older than
    what it is made from: after a partial build they need not agree.
    """
    return [result for name in names for result in _check_model(store, pipeline, tables, state, pipeline[name])]


def ledger_rows(store: Store, pipeline: Pipeline, tables: TablesByName, state: State) -> list[dict[str, Any]]:
    """Return the ledger's rows; none while its tables do not belong together, after a partial build."""
    if not pipeline.ledger or state.stale(pipeline, pipeline.stored_inputs[pipeline.ledger]):
        return []
    return store.rows(tables[pipeline.ledger])


def _check_model(
    store: Store, pipeline: Pipeline, tables: TablesByName, state: State, model: Model
) -> list[CheckResult]:
    reasons = [_why_not(pipeline, state, model, check) for check in model.checks]
    due = [check for check, reason in zip(model.checks, reasons, strict=True) if reason is None]
    skipped = [
        CheckResult(model.name, model.layer, check, "skip", reason=reason)
        for check, reason in zip(model.checks, reasons, strict=True)
        if reason is not None
    ]
    if not due:
        return skipped
    table = tables[model.name]
    [found] = store.rows(counts(due, table, tables))
    return skipped + [_result(store, tables, model, check, int(found[f"c{i}"])) for i, check in enumerate(due)]


def _why_not(pipeline: Pipeline, state: State, model: Model, check: Check) -> str | None:
    """Return why a check cannot be run now; None if it can."""
    if not model.is_stored:
        return state.stale(pipeline, pipeline.stored_inputs[model.name])
    if model.name not in state.tables:
        return f"{model.name} is not built yet"
    return state.stale(pipeline, (model.name, *check.needs)) if check.needs else None


def _result(store: Store, tables: TablesByName, model: Model, check: Check, failing: int) -> CheckResult:
    if not failing:
        return CheckResult(model.name, model.layer, check, "pass")
    rows = check.rows(tables[model.name], tables)
    shown = [name for name in (*model.business_key, *check.columns) if name in rows.columns]
    rows = rows.select(*dict.fromkeys(shown)) if shown else rows
    examples = store.rows(rows.order_by(rows.columns).limit(EXAMPLES))
    status: Literal["fail", "warn"] = "fail" if check.severity == "error" else "warn"
    return CheckResult(model.name, model.layer, check, status, failing, tuple(examples))
