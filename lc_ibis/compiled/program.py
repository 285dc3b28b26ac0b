"""The SQL of a pipeline for one engine: templates made from its models, checks and keys, each when it is first needed.

What a template says depends on the code alone. The tables that it is over, and the run's time, are given by a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeVar, cast

import ibis
import ibis.expr.types as ir

from lc_ibis.compiled import differences, versions
from lc_ibis.compiled.checks import CheckQueries
from lc_ibis.compiled.deliveries import DeltaQueries
from lc_ibis.compiled.keys import KEYS, ROWS, KeyQueries, key_types
from lc_ibis.compiled.outputs import neutralised
from lc_ibis.compiled.queries import Dialect, Query, Template
from lc_ibis.compiled.templates import given, template
from lc_ibis.declare.models import Model, among_rows, key_values
from lc_ibis.declare.pipeline import Pipeline

T = TypeVar("T")


@dataclass(frozen=True)
class DifferenceQueries:
    """How a table differs from a result, its columns being a contract's; see differences.py."""

    found: Template  # over :result and :stored
    additions: Template  # over :found
    survivors: Template  # over :found and :stored


@dataclass(frozen=True)
class VersionQueries:
    """What rows, and held keys, do to a history; all over :history, :rows and :held. See versions.py."""

    closed: Template
    opened: Template
    gone: Template


class Program:
    """The queries of a pipeline in one dialect."""

    def __init__(self, pipeline: Pipeline, dialect: Dialect):
        self.pipeline, self.dialect = pipeline, dialect
        self._made: dict[tuple[object, ...], object] = {}

    @cached_property
    def unbound(self) -> dict[str, ir.Table]:
        """By model: a table with its columns, given to templates by its name."""
        return {model.name: given(model.name, self._schema(model)) for model in self.pipeline}

    def _schema(self, model: Model) -> ibis.Schema:
        return model.contract.schema() if model.is_stored else self.pipeline.steps[model.name].schema()

    def columns(self, model: Model) -> tuple[str, ...]:
        """Return the columns of a model's rows."""
        return tuple(self._schema(model).names)

    def rows(self, model: Model) -> Template:
        """Return the rows of a model over its inputs, a source's over :received; stamps are filled."""
        return self._once(("rows", model.name), lambda: self._template(self.pipeline.steps[model.name]))

    def ordered(self, model: Model, is_neutralised: bool) -> Template:
        """Return a model's rows in their order, over :rows; see Model.ordered, neutralised."""

        def make() -> Template:
            rows = given(ROWS, self._schema(model))
            return self._template(model.ordered(neutralised(rows) if is_neutralised else rows))

        return self._once(("ordered", model.name, is_neutralised), make)

    def differences(self, model: Model) -> DifferenceQueries:
        """Return how a model's stored table differs from a result."""

        def make() -> DifferenceQueries:
            contract = model.contract
            stored, result = (given(name, contract.schema()) for name in (":stored", ":result"))
            found = differences.differences(result, stored, contract)
            kept = differences.Differences(given(":found", found.table.schema()), contract)
            return DifferenceQueries(*map(self._template, (found.table, kept.additions(), kept.survivors(stored))))

        return self._once(("differences", model.name), make)

    def versions(self, model: Model) -> VersionQueries:
        """Return what rows do to a history."""

        def make() -> VersionQueries:
            history, rows = given(":history", self._schema(model)), given(":rows", self._row_schema(model))
            held_by = getattr(model.kind, "held", None)
            held = given(":held", self._schema(self.pipeline[held_by])) if held_by else None
            made = versions.history_changes(model, history, rows, held)
            return VersionQueries(*map(self._template, (made.closed, made.opened, made.gone)))

        return self._once(("versions", model.name), make)

    def _row_schema(self, model: Model) -> ibis.Schema:
        return self.pipeline.steps[model.name].schema()

    def keys(self, model: Model) -> KeyQueries:
        """Return how changes lead to keys of a model that is computed by key. Models share what is the same."""
        ways = self.pipeline.ways[model.name]
        return self._once(("keys", model.by, ways), lambda: KeyQueries(self, model.by, ways, key_types(model)))

    def among(self, model: Model, rows: Query, keys: Query, by: tuple[str, ...]) -> Query:
        """Return the rows of a model that have one of some keys, null being a value."""
        if not any(column.read_as and column.name in by for column in model.contract.columns):
            return self.dialect.among(rows, keys, by)

        def make() -> Template:
            wanted = given(KEYS, ibis.schema(key_types(model)))
            return self._template(among_rows(model, given(ROWS, self._schema(model)), wanted, by))

        return self._once(("among", model.name, by), make).over({ROWS: rows, KEYS: keys})

    def key_values(self, model: Model, rows: Query) -> Query:
        """Return the keys by which a model is computed, of each of some rows of it."""

        def make() -> Template:
            table = given(ROWS, self._schema(model))
            return self._template(table.select(**key_values(model, table, model.by)))

        return self._once(("key values", model.name), make).over({ROWS: rows})

    def checks(self, model: Model) -> CheckQueries:
        """Return the queries of a model's checks."""
        return self._once(("checks", model.name), lambda: CheckQueries(self, model))

    def delta(self, model: Model) -> DeltaQueries:
        """Return what the rows of a source's deltas say."""
        return self._once(("delta", model.name), lambda: DeltaQueries.of(model, self._template))

    def template(self, query: ir.Table) -> Template:
        """Compile a query over tables that are given."""
        return self._template(query)

    def _template(self, query: ir.Table) -> Template:
        return template(query, self.dialect)

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        return cast(T, self._made[key])


@cache
def program(pipeline: Pipeline, dialect: Dialect) -> Program:
    """Return the program of a pipeline: one for the process."""
    return Program(pipeline, dialect)
