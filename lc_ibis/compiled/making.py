"""Makes the templates of a program from a pipeline's models, checks and keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.compiled import checks, deliveries
from lc_ibis.compiled.differences import Differences, differences
from lc_ibis.compiled.fingerprints import fingerprints
from lc_ibis.compiled.keys import KeyMaker, key_types
from lc_ibis.compiled.outputs import neutralised
from lc_ibis.compiled.queries import KEYS, ROWS, Dialect, Template
from lc_ibis.compiled.templates import given, template
from lc_ibis.compiled.versions import HistoryChanges, history_changes
from lc_ibis.declare.checks import Check
from lc_ibis.declare.models import Model, Snapshot, among_rows, key_values
from lc_ibis.declare.pipeline import Pipeline


class Maker:
    """Makes templates in one dialect; see Program for what each is."""

    def __init__(self, pipeline: Pipeline, dialect: Dialect):
        self.pipeline, self.dialect = pipeline, dialect
        self._histories: dict[str, HistoryChanges] = {}
        self._makers: dict[str, Callable[..., Any]] = {
            "rows": lambda model: self.template(pipeline.steps[model.name]),
            "ordered": lambda model: self.template(model.ordered(self._rows(model))),
            "neutralised": lambda model: self.template(model.ordered(neutralised(self._rows(model)))),
            "found": lambda model: self.template(self._differences(model).table),
            "additions": lambda model: self.template(self._kept_differences(model).additions()),
            "survivors": lambda model: self.template(self._kept_differences(model).survivors(self._stored(model))),
            "closed": lambda model: self.template(self._changes(model).closed),
            "opened": lambda model: self.template(self._changes(model).opened),
            "gone": lambda model: self.template(self._changes(model).gone),
            "delta": lambda model: self.template(deliveries.operations(model)),
            "key values": lambda model: self.template(
                self._rows(model).select(**key_values(model, self._rows(model), model.by))
            ),
            "among": self._among,
            "keys as": self._keys_as,
            "keys": lambda model: KeyMaker(self, model).queries(),
            "failing": lambda model, name: checks.failing(self, model, _named(model, name)),
            "locality": lambda model, name: checks.locality(self, model, _named(model, name)),
            "rules": lambda model: checks.rules(self, model),
        }

    def make(self, what: str, name: str, more: tuple[str, ...]) -> Any:
        """Return what a program asks for of a model."""
        return self._makers[what](self.pipeline[name], *more)

    def fingerprints(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the fingerprints of the models, and of their checks."""
        return fingerprints(self.pipeline)

    @cached_property
    def unbound(self) -> dict[str, ir.Table]:
        """By model: a table with its columns, given to templates by its name."""
        return {model.name: given(model.name, self.schema(model)) for model in self.pipeline}

    def schema(self, model: Model) -> ibis.Schema:
        """Return the columns and types of a model's rows."""
        return model.contract.schema() if model.is_stored else self.pipeline.steps[model.name].schema()

    def template(self, query: ir.Table) -> Template:
        """Compile a query over tables that are given."""
        return template(query, self.dialect)

    def _rows(self, model: Model) -> ir.Table:
        return given(ROWS, self.schema(model))

    def _stored(self, model: Model) -> ir.Table:
        return given(":stored", model.contract.schema())

    def _differences(self, model: Model) -> Differences:
        return differences(given(":result", model.contract.schema()), self._stored(model), model.contract)

    def _kept_differences(self, model: Model) -> Differences:
        return Differences(given(":found", self._differences(model).table.schema()), model.contract)

    def _changes(self, model: Model) -> HistoryChanges:
        if model.name not in self._histories:
            self._histories[model.name] = self._changed(model)
        return self._histories[model.name]

    def _changed(self, model: Model) -> HistoryChanges:
        assert isinstance(model.kind, Snapshot)
        rows = given(ROWS, self.pipeline.steps[model.name].schema())
        held = given(":held", self.schema(self.pipeline[model.kind.held])) if model.kind.held else None
        return history_changes(model, given(":history", self.schema(model)), rows, held)

    def _among(self, model: Model, *by: str) -> Template:
        keys = given(KEYS, ibis.schema(key_types(model, by)))
        return self.template(among_rows(model, self._rows(model), keys, by))

    def _keys_as(self, model: Model) -> str:
        """Return the first model whose keys are the same kind."""
        ways = self.pipeline.ways
        return next(name for name in ways if (self.pipeline[name].by, ways[name]) == (model.by, ways[model.name]))


def _named(model: Model, name: str) -> Check:
    return next(check for check in model.checks if check.name == name)


@cache
def maker(pipeline: Pipeline, dialect: Dialect) -> Maker:
    """Return what makes the program of a pipeline: one for the process."""
    return Maker(pipeline, dialect)
