"""Whether a function may be called on a few keys: no row of its result may depend on rows of another key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

Key = tuple[str, ...]


def mixing(result: ir.Table, by: Key, whole: Mapping[str, Key]) -> str | None:
    """Return what in a query makes rows of different keys depend on each other; None if nothing does.

    `by` is the key to which the inputs are narrowed, all but those of `whole`, by name with a key of their own.
    Windows and aggregations must be within the key, joins on it, by the names of columns. Where rows come from
    `whole` inputs alone, their own key will do, as it will to join them to others.
    """
    for node in result.op().find((ops.WindowFunction, ops.Aggregate, ops.JoinChain)):
        for what, names, sides in _parts(node):
            if not names.issuperset(by) and not any(_is_within(side, names, whole) for side in sides):
                return f"{what} {', '.join(sorted(names)) or 'nothing'}"
    if result.op().find((ops.Limit, ops.Sample)):
        return "a limit or a sample"
    if result.op().find((ops.ScalarSubquery, ops.InSubquery, ops.ExistsSubquery)):
        return "a subquery"
    return None


def _is_within(inputs: set[str], names: set[str], whole: Mapping[str, Key]) -> bool:
    """Say whether all inputs are whole ones, and the columns hold the key of each."""
    return inputs <= set(whole) and all(names.issuperset(whole[name]) for name in inputs)


def _parts(node: ops.Node) -> list[tuple[str, set[str], list[set[str]]]]:
    """Return what brings rows together in an operation, each with the columns by which it does, and whose rows."""
    if isinstance(node, ops.WindowFunction):
        return [("a window by", _names(node.group_by), [_inputs(node)])]
    if isinstance(node, ops.Aggregate):
        return [("an aggregation by", _names(node.groups.values()), [_inputs(node)])]
    assert isinstance(node, ops.JoinChain)
    parts, left = [], _inputs(node.first)
    for link in node.rest:
        right = _inputs(link.table)
        parts.append(("a join on", _equal(link.predicates), [left, right]))
        left = left | right
    return parts


def _inputs(node: ops.Node) -> set[str]:
    return {table.name for table in node.find(ops.UnboundTable)}


def _names(values: Iterable[Any]) -> set[str]:
    return {value.name for value in values if isinstance(value, ops.Field)}


def _equal(predicates: Iterable[Any]) -> set[str]:
    """Return the columns that a join holds equal under one name."""
    same = set()
    for predicate in predicates:
        if isinstance(predicate, ops.Equals | ops.IdenticalTo):
            left, right = predicate.left, predicate.right
            if isinstance(left, ops.Field) and isinstance(right, ops.Field) and left.name == right.name:
                same.add(left.name)
    return same
