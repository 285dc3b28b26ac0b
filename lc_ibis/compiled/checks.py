"""The checks of a model as templates: how many rows fail them, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.compiled.queries import Query, Template
from lc_ibis.declare.checks import Check
from lc_ibis.declare.models import Model
from lc_ibis.declare.rules.misplaced import misplaced
from lc_ibis.declare.rules.untyped import untyped
from lc_ibis.declare.rules.ways import Untraceable
from lc_ibis.errors import ModelError

if TYPE_CHECKING:
    from lc_ibis.compiled.program import Program

# Whether a check may be run on changed rows alone, on the rows of changed keys, or on all rows only.
Locality = Literal["rows", "keys", "none"]


class CheckQueries:
    """The queries of one model's checks, over its table and those that a check needs, given by their names."""

    def __init__(self, program: Program, model: Model):
        self._program, self._model = program, model
        self._dialect, self._table = program.dialect, program.unbound[model.name]
        self._failing: dict[str, Template] = {}
        self._local: dict[str, Locality] = {}

    @cached_property
    def _rules(self) -> tuple[Template, dict[str, str]]:
        """Of the checks that can tell of a row alone whether it breaks them: whether it does; and their columns."""
        alone = [check for check in self._model.checks if check.breaks and check.looks_at_one_row(self._table)]
        names = {check.name: f"c{i}" for i, check in enumerate(alone)}
        rules = {names[check.name]: check.is_broken(self._table) for check in alone}
        return self._template(self._table.select(**rules or {"none": ibis.literal(True)})), names

    def failing(self, check: Check) -> Template:
        """Return the rows that fail a check."""
        if check.name not in self._failing:
            self._failing[check.name] = self._template(check.rows(self._table, self._program.unbound))
        return self._failing[check.name]

    def counts(self, checks: Sequence[Check], tables: Mapping[str, Query]) -> Query:
        """Return one row: how many rows fail each check, in columns c0, c1, …; `tables` are the model's and others."""
        rules, names = self._rules
        counted, parts = {}, []
        for i, check in enumerate(checks):
            if check.name in names:
                rule = self._dialect.quoted("t", names[check.name])
                counted[f"c{i}"] = f"coalesce(sum(CASE WHEN {rule} THEN 1 ELSE 0 END), 0)"
            else:
                parts.append(self.failing(check).over(tables))
                counted[f"c{i}"] = self._dialect.counted(parts[-1])
        sql = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in counted.items())
        if any(check.name in names for check in checks):
            parts.append(rules.over(tables))
            sql += f" FROM {parts[-1].rows} AS t"
        return self._dialect.made(sql, tuple(counted), *parts)

    def locality(self, check: Check) -> Locality:
        """Say of what a check may be run on a part."""
        if check.name not in self._local:
            self._local[check.name] = self._locality(check)
        return self._local[check.name]

    def _locality(self, check: Check) -> Locality:
        if check.breaks is not None:
            return "rows" if check.looks_at_one_row(self._table) else "none"
        if not check.by:
            return "none"
        failing = check.rows(self._table, self._program.unbound)
        own = tuple(check.by)
        if not set(own) <= set(failing.columns):
            return "none"
        try:
            ways = self._program.pipeline.tracer().ways([(failing.op(), tuple(failing[name].op() for name in own))])
        except Untraceable:
            return "none"
        read = (self._model.name, *check.needs)
        is_local = not ways.gives_others and all(
            self._program.pipeline[path.table].is_stored
            and path.table in read
            and not path.hops
            and all(isinstance(value, ops.Field) for value in path.values)
            and tuple(value.name for value in path.values) == own
            for path in ways.paths
        )
        return "keys" if is_local else "none"

    def _template(self, query: ir.Table) -> Template:
        if why := misplaced(query) or untyped(query):
            raise ModelError(f"{self._model.name} ({self._model.where}), among its checks: {why}")
        return self._program.template(query)
