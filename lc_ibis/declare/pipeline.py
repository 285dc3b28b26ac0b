"""Pipelines: the graph of models, what their functions make, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from types import ModuleType
from typing import cast

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.declare.contracts import any_moment, verify_columns
from lc_ibis.declare.graph import Graph, Output
from lc_ibis.declare.history import Versions
from lc_ibis.declare.marks import RUN_AT
from lc_ibis.declare.models import RECEIVED, Ephemeral, Model, Snapshot, Source, key_values
from lc_ibis.declare.rules.determinism import unsteady
from lc_ibis.declare.rules.misplaced import misplaced
from lc_ibis.declare.rules.outside import inlined, refusal
from lc_ibis.declare.rules.provenance import Tracer
from lc_ibis.declare.rules.untyped import untyped
from lc_ibis.declare.rules.values import apart, fields
from lc_ibis.declare.rules.ways import Untraceable, Ways
from lc_ibis.declare.stamps import stamped
from lc_ibis.errors import ModelError


class Pipeline(Graph):
    """A graph of models whose functions are there, and fit. Raises ModelError, ContractError where they do not.

    `modules` are the modules that define the pipeline, if it was made from modules.
    """

    modules: tuple[ModuleType, ...] = ()

    def __init__(self, models: Iterable[Model], outputs: Iterable[Output] = ()):
        super().__init__(models, outputs)
        self.ways: dict[str, Ways] = {}  # of the models that are computed by key
        self.in_memory: set[str] = set()  # the models that have rows of their own
        for output in self.outputs:
            if not self[output.table].is_stored:
                raise ModelError(
                    f"{output.table}: the model is ephemeral, so it cannot be written to files. Choose a stored table."
                )
        for model in self:
            if why := unsteady(self, model):
                raise ModelError(f"{model.name} ({model.where}): {why}")
            if not isinstance(model.kind, Source | Ephemeral):
                self._verify_columns(model)
                if not self.carries(model, model.by):
                    raise ModelError(
                        f"{model.name} ({model.where}): by=(...) names {' and '.join(model.by)}, but "
                        f"{model.contract.__name__} has no such columns. Name columns of the contract."
                    )
                if model.by:
                    self.ways[model.name] = self._ways(model)

    @classmethod
    def of(cls, *modules: ModuleType, outputs: Iterable[Output] = ()) -> Pipeline:
        """Collect the models that the modules define."""
        models = (v for module in modules for v in vars(module).values() if isinstance(v, Model))
        pipeline = cls(dict.fromkeys(models), outputs)
        pipeline.modules = modules
        return pipeline

    @cached_property
    def steps(self) -> dict[str, ir.Table]:
        """By model: its function's result over unbound inputs, the ephemeral ones as tables too."""
        made: dict[str, ir.Table] = {}
        tables = Tables(self, unbound, any_moment())
        for model in self:
            made[model.name] = self._told(model, tables.computed(model, _delivery(model)))
            if not model.is_stored:
                tables[model.name] = ibis.table(made[model.name].schema(), name=model.name, database=model.layer)
        return made

    def _told(self, model: Model, result: ir.Table) -> ir.Table:
        """Return a model's result with rows in memory as literals. Raises ModelError for what cannot be told or run."""
        if why := refusal(result) or misplaced(result) or untyped(result):
            raise ModelError(f"{model.name} ({model.where}): {why}")
        told = inlined(result)
        if told is not result:
            self.in_memory.add(model.name)
        return told

    def carries(self, model: Model, by: tuple[str, ...]) -> bool:
        """Say whether the rows of a model tell the values of the key columns `by`."""
        if not model.is_stored:
            return all(name in self.steps[model.name].columns for name in by)
        known = {c.name for c in model.contract.columns if c.read_as or not c.header}
        return known.issuperset(by)

    def _verify_columns(self, model: Model) -> None:
        """Raise ContractError unless a function gives its contract's columns; types are known to engines alone."""
        given, wanted = self.steps[model.name].columns, model.contract.schema().names
        if isinstance(model.kind, Snapshot):  # which adds its own, and puts them in order
            known = (*given, *Versions.schema().names)
            given = (*(n for n in wanted if n in known), *(n for n in given if n not in wanted))
        verify_columns(model.name, model.where, model.contract, given)

    def _ways(self, model: Model) -> Ways:
        """Return how changes lead to the keys of a model. Raises ModelError where they do not."""
        rows = self.steps[model.name]
        starts = [(rows.op(), tuple(value.op() for value in key_values(model, rows, model.by).values()))]
        if isinstance(model.kind, Snapshot) and model.kind.held:
            held = self._step(model.kind.held) or cast(ir.Table, unbound(self[model.kind.held])).op()
            starts.append((held, tuple(ops.Field(held, name) for name in model.by)))
        try:
            ways = self.tracer().ways(starts)
            self._refuse_stamps(ways)
            return ways
        except Untraceable as why:
            by = " and ".join(model.by)
            raise ModelError(
                f"{model.name} ({model.where}): {why}, so it cannot be computed by {by}. Declare "
                "Incremental(by=...) with other columns, or by=() to recompute the whole table when an input changes."
            ) from None

    def _refuse_stamps(self, ways: Ways) -> None:
        for path in ways.paths:
            stamps = self[path.table].contract.stamps()
            for column in (column for value in path.values for column in fields(value) if column.name in stamps):
                raise Untraceable(f"the key comes from {path.table}.{column.name}, a stamp, which is no content")

    def tracer(self) -> Tracer:
        """Return what follows keys down to stored tables."""
        return Tracer(self._step)

    def _step(self, name: str) -> ops.Relation | None:
        """Return the expression of a model that is not stored."""
        return None if self[name].is_stored else cast(ops.Relation, self.steps[name].op())


class Tables(Mapping[str, ir.Table]):
    """The pipeline's tables as Ibis expressions, made when asked for.

    `found` says where a model's table is to be found; what it has no answer for, None, is computed
    by the model's function from the tables before it. So the same functions serve SQL without a connection, a notebook,
    and the marts of a past moment. A build runs what is compiled of them: see engine/relations.py.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        found: Callable[[Model], ir.Table | None],
        run_at: ir.TimestampScalar,
    ):
        self._pipeline, self._found, self._run_at = pipeline, found, run_at
        self._made: dict[str, ir.Table] = {}

    def __getitem__(self, name: str) -> ir.Table:
        if name not in self._made:
            self._made[name] = self._make(self._pipeline[name])
        return self._made[name]

    def _make(self, model: Model) -> ir.Table:
        found = self._found(model)
        return apart(self.computed(model)) if found is None else found

    def __setitem__(self, name: str, table: ir.Table) -> None:
        """Let later models read this in place of what the model gives."""
        self._made[name] = table

    def __iter__(self) -> Iterator[str]:
        return iter(self._pipeline.models)

    def __len__(self) -> int:
        return len(self._pipeline.models)

    def computed(self, model: Model, received: ir.Table | None = None) -> ir.Table:
        """Call the model's function on its inputs, and fill its stamps."""
        given = {RUN_AT: self._run_at, RECEIVED: received}
        made = model(**{name: given[name] if name in given else self[name] for name in model.parameters})
        if not isinstance(made, ir.Table):
            raise ModelError(f"{model.name} ({model.where}): it returns {made!r:.80}. Return an Ibis table.")
        made = stamped(model, made, self._run_at)
        return inlined(made) if model.name in self._pipeline.in_memory else made


def unbound(model: Model) -> ir.Table | None:
    """Return the stored table of a model as its contract describes it, without a connection."""
    if not model.is_stored:
        return None
    return ibis.table(model.contract.schema(), name=model.name, database=model.layer)


def unbound_delivery(model: Model) -> ir.Table:
    """Return a source's delivery, all text, without a connection."""
    return ibis.table(dict.fromkeys(model.contract.headers(), "string"), name=f"received_{model.name}")


def query(pipeline: Pipeline, model: Model, run_at: ir.TimestampScalar) -> ir.Table:
    """Return the model's whole result over unbound stored tables.

    For a snapshot it is the rows that the history follows.
    """
    return Tables(pipeline, unbound, run_at).computed(model, _delivery(model))


def _delivery(model: Model) -> ir.Table | None:
    return unbound_delivery(model) if isinstance(model.kind, Source) else None
