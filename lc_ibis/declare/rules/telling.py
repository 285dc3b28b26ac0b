"""Which columns tell a row of a relation from all others: a key of it, or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis.expr.operations as ops

from lc_ibis.declare.models import VERSION_ID, Model, Snapshot
from lc_ibis.declare.rules.values import SAME_ROWS

if TYPE_CHECKING:
    from lc_ibis.declare.pipeline import Pipeline

# Whose columns are those of the relation below, under the same names.
SAME_NAMES = (*SAME_ROWS, ops.Reference, ops.AliasedRelation, ops.Limit, ops.FillNull)


def rows_below(pipeline: Pipeline, rel: Any, step: str) -> list[tuple[ops.Relation, str]]:
    """Return the relations whose rows a relation of a step has, each with its step; none below a stored table."""
    if isinstance(rel, ops.UnboundTable):
        known = pipeline.models.get(rel.name)
        return [] if known is None or known.is_stored else [(pipeline.steps[known.name].op(), known.name)]
    parts = rel.tables if isinstance(rel, ops.JoinChain) else rel.__children__
    return [(part, step) for part in parts if isinstance(part, ops.Relation)]


@cache
def is_unnested(value: ops.Value) -> bool:
    return not isinstance(value, ops.Field) and bool(value.find(ops.Unnest, filter=ops.Value))


def bare_names(rel: ops.Relation, values: Iterable[ops.Value]) -> frozenset[str]:
    """Return which columns of a relation are among the values as they are."""
    return frozenset(value.name for value in values if isinstance(value, ops.Field) and value.rel == rel)


def is_total(pipeline: Pipeline, rel: Any, held: frozenset[str]) -> bool:
    """Say whether rows that are equal in the columns `held` are equal in all."""
    if held.issuperset(rel.schema.names):
        return True
    if isinstance(rel, ops.UnboundTable):
        told = any(held.issuperset(key) for key in _keys(pipeline.models.get(rel.name)))
        return told or any(is_total(pipeline, below, held) for below, _ in rows_below(pipeline, rel, ""))
    if isinstance(rel, ops.JoinChain):
        return _is_joined(pipeline, rel, held)
    if isinstance(rel, ops.Aggregate):
        below = bare_names(rel.parent, (rel.groups[name] for name in held & rel.groups.keys()))
        return held.issuperset(rel.groups) or is_total(pipeline, rel.parent, below)
    if isinstance(rel, ops.Project):
        below = bare_names(rel.parent, (rel.values[name] for name in held))
        return not any(map(is_unnested, rel.values.values())) and is_total(pipeline, rel.parent, below)
    if isinstance(rel, ops.FillNull):  # after which a null and its replacement are the same
        held -= frozenset(rel.replacements if isinstance(rel.replacements, Mapping) else held)
    if isinstance(rel, ops.Filter):
        fixed = [value for value, other in _equal(rel.predicates) if not other.relations]
        held |= bare_names(rel.parent, (*fixed, *(each.arg for each in rel.predicates if isinstance(each, ops.IsNull))))
    return isinstance(rel, SAME_NAMES) and is_total(pipeline, rel.parent, held)


def _keys(model: Model | None) -> list[tuple[str, ...]]:
    key = model.business_key if model is not None and model.is_stored else ()
    history = [(VERSION_ID,), (*key, "dbt_valid_from"), (*key, "dbt_valid_to")]
    return history if model is not None and isinstance(model.kind, Snapshot) else [key] if key else []


def _equal(predicates: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield what predicates hold equal, both ways round."""
    for each in predicates:
        if isinstance(each, (ops.Equals, ops.IdenticalTo)):
            yield from ((each.left, each.right), (each.right, each.left))


def _is_joined(pipeline: Pipeline, rel: Any, held: frozenset[str]) -> bool:
    """Say whether columns of a join tell the row of each side, of some by what the join holds equal."""
    links = [link for link in rel.rest if link.how not in ("semi", "anti")]
    sides = {side: set[str]() for side in (rel.first, *(link.table for link in links))}
    for value in (rel.values[name] for name in held):
        if isinstance(value, ops.Field):
            sides[value.rel].add(value.name)
    told = [(link, *pair) for link in links for pair in _equal(link.predicates) if {*map(type, pair)} == {ops.Field}]
    for _ in sides:  # Each time, one side more may tell of the next.
        known = {side for side, names in sides.items() if is_total(pipeline, side, frozenset(names))}
        if len(known) == len(sides):
            return True
        for link, one, other in told:
            # Of a side that may be without a row, only whole rows tell, and it tells nothing itself.
            inner, outward = link.how == "inner", link.how == "left" and other.rel == link.table
            if (one.rel in known and (inner or outward)) or (inner and one.name in sides[one.rel]):
                sides[other.rel].add(other.name)
    return False
