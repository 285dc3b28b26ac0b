"""Run checks on what changed: one statement a table, and one more for the examples of each that fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lc_ibis.compiled.program import Locality, Program
from lc_ibis.compiled.queries import ROWS, Query
from lc_ibis.declare.checks import Check, CheckResult, Scope
from lc_ibis.declare.failures import explained
from lc_ibis.declare.models import Model
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.state.records import CheckRecord
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store

EXAMPLES = 5
Thresholds = Mapping[str, tuple[float, float]]


@dataclass
class Checker:
    """Runs the checks of a pipeline's tables.

    `changes` are what the run did to the tables whose versions were `before`. With `everything`
    each check is run on all rows, whatever changed. `thresholds` are other ones, warn_if and error_if,
    of the checks of a name; with `warn_error` what would be a warning fails.
    """

    program: Program
    store: Store
    tables: Mapping[str, Query]
    state: State
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Changes] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)
    everything: bool = True
    thresholds: Thresholds = field(default_factory=dict)
    warn_error: bool = False

    def run(self, names: Iterable[str]) -> list[CheckResult]:
        """Run all checks of the named models.

        A check that compares tables is skipped, with the reason, while one of them is older than
        what it is made from: after a partial build they need not agree.
        """
        return [result for name in names for result in self._check(self.program.graph[name])]

    def ledger(self) -> list[dict[str, Any]]:
        """Return the ledgers' rows; not those whose tables do not belong together, after a partial build."""
        whole = [m for m in self.program.graph.ledgers if not self.state.stale(self.program.graph, self._stored(m))]
        found = (self.program.ordered(model).over({ROWS: self.tables[model.name]}) for model in whole)
        return [row for rows in found for row in self.store.rows(rows)]

    def _stored(self, model: Model) -> tuple[str, ...]:
        return self.program.graph.stored_inputs[model.name]

    def note(self, results: Iterable[CheckResult]) -> None:
        """Note in the state how checks ended, so that the next run need look at changes alone."""
        for result in results:
            if result.status in ("pass", "warn") and result.scope != "nothing":
                read = self._read(self.program.graph[result.table], result.check)
                newest = max(self.state.tables[name].version for name in read)
                record = CheckRecord(newest, self.fingerprints[result.table], result.failing_count)
                self.state.checks[result.table, result.check.name] = record

    def _check(self, model: Model) -> list[CheckResult]:
        results, due = [], dict[tuple[Scope, tuple[str, ...]], list[Check]]()
        for check in map(self._with_thresholds, model.checks):
            if reason := self._why_not(model, check):
                results.append(CheckResult(model.name, model.layer, check, "skip", scope="nothing", reason=reason))
                continue
            scope = self._scope(model, check)
            if scope == "nothing":
                results.append(CheckResult(model.name, model.layer, check, "pass", scope=scope))
            else:
                due.setdefault((scope, check.by or () if scope == "touched keys" else ()), []).append(check)
        if not due:
            return results
        groups = [(checks, self._narrowed(model, checks, scope, by)) for (scope, by), checks in due.items()]
        with explained(model.name, model.where):
            [found] = self.store.rows(self.program.counts(model, groups))
        failing = iter(found.values())
        for (scope, _), (checks, tables) in zip(due, groups, strict=True):
            results += [self._result(model, check, scope, int(next(failing)), tables) for check in checks]
        return results

    def _with_thresholds(self, check: Check) -> Check:
        if check.name not in self.thresholds:
            return check
        warn_if, error_if = self.thresholds[check.name]
        return check.but(warn_if=warn_if, error_if=error_if)

    def _why_not(self, model: Model, check: Check) -> str | None:
        """Return why a check cannot be run now; None if it can."""
        if not model.is_stored:
            return self.state.stale(self.program.graph, self.program.graph.stored_inputs[model.name])
        if model.name not in self.state.tables:
            return f"{model.name} is not built yet"
        others = [name for name in (*check.needs, check.of) if name]
        return self.state.stale(self.program.graph, (model.name, *others)) if others else None

    def _read(self, model: Model, check: Check) -> tuple[str, ...]:
        """Return the stored tables that a check reads."""
        stored = self.program.graph.stored_inputs
        return tuple(
            read
            for name in (model.name, *check.needs)
            for read in ((name,) if self.program.graph[name].is_stored else stored[name])
        )

    def _scope(self, model: Model, check: Check) -> Scope:
        """Say on what a check must be run, so that it is known to hold on all rows.

        That is known of the rows that it last passed on, as long as the check is the same.
        """
        known = self.state.checks.get((model.name, check.name))
        if self.everything or known is None or known.failing_count:
            return "all rows"
        if known.fingerprint != self.fingerprints[model.name]:
            return "all rows"
        read = self._read(model, check)
        if all(self.state.tables[name].version <= known.version for name in read):
            return "nothing"
        stepped = all(
            self.state.tables[name].version <= known.version
            or (name in self.changes and self.before[name] <= known.version)
            for name in read
        )
        if not stepped or not model.is_stored:
            return "all rows"
        part: dict[Locality, Scope] = {"rows": "changed rows", "keys": "touched keys", "none": "all rows"}
        return part[self.program.locality(model, check)]

    def _narrowed(self, model: Model, checks: list[Check], scope: Scope, by: tuple[str, ...]) -> Mapping[str, Query]:
        """Return the tables that checks are to look at, the model's own among them."""
        needs = {name for check in checks for name in check.needs}
        tables = {name: self.tables[name] for name in {model.name, *needs}}
        if scope == "all rows":
            return tables
        if scope == "changed rows":
            return tables | {model.name: self.changes[model.name].added}
        sql = self.program.dialect
        pieces = [
            sql.select(rows, by)
            for name in sorted(tables.keys() & self.changes.keys())
            for rows in (self.changes[name].removed, self.changes[name].added)
        ]
        keys = sql.union(*pieces, is_distinct=True)
        return {name: sql.among(rows, keys, by) for name, rows in tables.items()}

    def _result(
        self, model: Model, check: Check, scope: Scope, failing: int, tables: Mapping[str, Query]
    ) -> CheckResult:
        if not failing:
            return CheckResult(model.name, model.layer, check, "pass", scope=scope)
        sql, rows = self.program.dialect, self.program.failing(model, check, tables)
        stamps = model.contract.stamps()
        broken = sql.select(rows, [name for name in rows.columns if name not in stamps])
        key = model.business_key or model.contract.received_key()
        shown = dict.fromkeys(name for name in (*key, *check.columns) if name in rows.columns)
        rows = sql.select(rows, tuple(shown)) if shown else rows
        examples = self.store.rows(sql.ordered(rows, rows.columns, EXAMPLES))
        of = check.of or model.name
        row_count = self.state.tables[of].row_count if of in self.state.tables else 0
        status = check.status(failing, row_count)
        if status == "warn" and self.warn_error:
            status = "fail"
        return CheckResult(
            model.name, model.layer, check, status, failing, row_count, tuple(examples), scope, rows=broken
        )
