"""Where each column comes from: the columns of the tables before it whose values its values are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import ibis.expr.operations as ops

from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import CheckStrategy, Model, Snapshot, Source
from lc_ibis.declare.pipeline import Pipeline, unbound_delivery


@dataclass(frozen=True, order=True)
class Origin:
    """A column that another is made of: of a stored table, or, of a source, of its extract.

    `is_copy`: the value is taken as it is.
    """

    table: str
    column: str
    is_copy: bool


def column_lineage(pipeline: Pipeline, model: Model) -> dict[str, tuple[Origin, ...]]:
    """Return for each column of a stored table what it is made of, looking through the steps that are not stored.

    Only what a value is computed from counts, not what decides whether there is a row: joins and filters. A column
    that is made of none is a constant, a count of rows, or the time of a run.
    """
    return {name: tuple(sorted(_origins(pipeline, model, name))) for name in model.contract.schema().names}


def _origins(pipeline: Pipeline, model: Model, column: str) -> set[Origin]:
    expression = pipeline.steps[model.name].op()
    if isinstance(model.kind, Snapshot) and column in Versions.schema().names:
        return {
            Origin(origin.table, origin.column, is_copy=False)
            for name in _behind_version(model, column)
            for origin in _origins(pipeline, model, name)
        }
    found = set()
    for table, name, is_copy in _walk(expression, column):
        if isinstance(model.kind, Source):
            if table == unbound_delivery(model).get_name():
                found.add(Origin(model.kind.file, model.contract.headers()[name], is_copy))
        elif pipeline[table].is_stored:
            found.add(Origin(table, name, is_copy))
        else:
            further = _origins(pipeline, pipeline[table], name)
            found |= {Origin(each.table, each.column, is_copy and each.is_copy) for each in further}
    computed = {(each.table, each.column) for each in found if not each.is_copy}
    return {each for each in found if not each.is_copy or (each.table, each.column) not in computed}


def _behind_version(model: Model, column: str) -> tuple[str, ...]:
    """Return the columns that a history's own column is made of, besides the run's time."""
    assert isinstance(model.kind, Snapshot)
    strategy = model.kind.strategy
    updated_at = () if isinstance(strategy, CheckStrategy) else (strategy.updated_at,)
    return {"dbt_scd_id": (*model.business_key, *updated_at), "dbt_updated_at": updated_at}.get(column, ())


@cache
def _walk(relation: ops.Relation, column: str) -> frozenset[tuple[str, str, bool]]:
    """Return the columns of tables that a relation's column is made of, and whether each is taken as it is."""
    if isinstance(relation, ops.UnboundTable):
        return frozenset({(relation.name, column, True)})
    if isinstance(relation, ops.Set):
        return _walk(relation.left, column) | _walk(relation.right, column)
    if isinstance(relation, ops.JoinReference | ops.SelfReference):
        return _walk(relation.parent, column)
    value = relation.values[column]
    is_field = isinstance(value, ops.Field)
    return frozenset(
        (table, name, is_copy and is_field)
        for field in _fields(value)
        for table, name, is_copy in _walk(field.rel, field.name)
    )


def _fields(value: ops.Value) -> Iterator[ops.Field]:
    """Yield the columns that a value names, not those of the relations below it."""
    if isinstance(value, ops.Field):
        yield value
        return
    for part in value.__args__:
        if not (isinstance(value, ops.CountStar) and isinstance(part, ops.Relation)):  # which counts rows, whatever
            yield from _parts(part)


def _parts(part: object) -> Iterator[ops.Field]:
    if isinstance(part, ops.Value):
        yield from _fields(part)
    elif isinstance(part, tuple):
        for each in part:
            yield from _parts(each)
    elif isinstance(part, ops.Relation):  # of a subquery
        for name in part.schema.names:
            yield from _fields(ops.Field(part, name))
